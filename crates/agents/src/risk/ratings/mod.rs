//! Predicts whether the next rating of an account will be negative. The model learns from ratings alone, as they come.
//!
//! A [`History`] takes ratings in the order of time. Before each rating, [`features`] describes what both accounts did and
//! how they were rated so far, and the [`Stream`] gives the probability, calibrated on how its latest forecasts ended.
//!
//! | module | what is in it |
//! |---|---|
//! | `history` | the graph of ratings |
//! | `fairness` | fairness and goodness of accounts |
//! | `factors` | a factor model that learns rating by rating |
//! | `features`, `relations` | the features of a pair just before a rating |
//! | `calibration` | probabilities that come true as often as they say |
//! | `stream` | fits, forecasts and fits again as ratings come |

mod calibration;
mod factors;
mod fairness;
mod features;
mod history;
mod relations;
mod stream;

pub use calibration::Calibration;
pub use features::{features, names};
pub use history::History;
pub use stream::{Forecast, Schedule, Stream};

/// One account's rating of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// Who rates. Accounts are numbered in the order in which they were opened.
    pub source: u64,
    /// Who is rated.
    pub target: u64,
    /// The rating, from -10 to 10.
    pub value: f64,
    /// Seconds since 1970.
    pub time: i64,
}
