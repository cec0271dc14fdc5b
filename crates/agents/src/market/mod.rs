//! The market as a whole: its weeks, what the next one will bring, and the state it is in.

mod forecast;
mod state;

pub use forecast::{WeekForecast, WeekForecaster};
pub use state::{Anomaly, Drift, MarketState};
