//! The market as a whole: the forecast of its next week, and its state.

mod forecast;
mod state;

pub use forecast::{WeekForecast, WeekForecaster};
pub use state::{Anomaly, Drift, MarketState};
