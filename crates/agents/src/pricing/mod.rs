//! Prices of works: features of the work's and the market's past, models of the median and of quantiles, and intervals.

mod advice;
mod comparables;
mod features;
mod forecast;
mod hedonic;
mod history;
mod prior;

pub use advice::{
    Abstention, Advice, AdviceError, ComparedSale, Effect, PriceRange, Question, Suggestions, Today, advise,
};
pub use comparables::Comparable;
pub use features::{Features, Parties, State, features};
pub use forecast::{AT_ONCE, Doubt, Forecast, Forecaster, KeepError, Limits, Range, Settings};
pub use history::{HIGHEST_RATIO, History, LOWEST_RATIO};
pub use prior::{Facts, Mood, prior};

pub(crate) use history::median_log_price;
