//! Orders, sales and prices, and what is known about them day by day.

pub mod days;
pub mod orders;
pub mod prices;
pub mod sales;
pub mod screenings;
pub mod track_record;
pub mod trade;
