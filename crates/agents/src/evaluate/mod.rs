//! Measures the agents: makes predictions for a test file in the order of time, each before its outcome may be looked at, and
//! computes figures of how good they were.

mod collaboration;
mod market;
mod outcomes;
mod pricing;
mod risk;

use std::{fmt, path::Path};

use learning::boost::BoostError;
use thiserror::Error;

pub use outcomes::Outcomes;
pub use risk::ratings;

use crate::{
    csv::CsvError,
    rules::RuleError,
    sales::{self, Sale},
};

#[derive(Debug, Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error("the model could not be fitted")]
    Boost(#[from] BoostError),
    #[error(transparent)]
    Rules(#[from] RuleError),
    #[error("the test file starts on {test}, before the training file ends on {train}")]
    Order { test: String, train: String },
    #[error("the predictions are not those of this test file: {0}")]
    Predictions(String),
}

/// What to predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pricing,
    Market,
    Risk,
    Collaboration,
}

/// Predicts the test files in `test`, learning from those in `train` and from the past, and writes `out`, completely or not at
/// all. `progress` is told how far it is.
///
/// # Errors
/// When a file cannot be read or written, or has malformed rows. The error names the line.
pub fn evaluate(
    kind: Kind,
    train: &Path,
    test: &Path,
    out: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<(), EvaluateError> {
    let text = match kind {
        Kind::Pricing => pricing::predict(&Sales::read(train, test)?, progress)?,
        Kind::Market => market::predict(&Sales::read(train, test)?),
        Kind::Risk => risk::predict(train, test, progress)?,
        Kind::Collaboration => collaboration::predict(train, test, progress)?,
    };
    Ok(crate::csv::write_whole(out, &text)?)
}

/// Returns how good the predictions in a file are. `train`, if it is given, says what was known before the test's first days.
///
/// # Errors
/// When a file cannot be read, or the predictions are for other rows.
pub fn score(kind: Kind, train: Option<&Path>, test: &Path, predictions: &Path) -> Result<Figures, EvaluateError> {
    let sales = || match train {
        Some(train) => Sales::read(train, test),
        None => Ok(Sales { sales: sales::read(&test.join(SALES))?, first: 0 }),
    };
    match kind {
        Kind::Pricing => pricing::score(&sales()?, predictions),
        Kind::Market => market::score(&sales()?, predictions),
        Kind::Risk => risk::score(test, predictions),
        Kind::Collaboration => collaboration::score(train, test, predictions),
    }
}

const SALES: &str = "pricing_sales.csv";

/// All sales, of which those from `first` on are the test's.
struct Sales {
    sales: Vec<Sale>,
    first: usize,
}

impl Sales {
    fn read(train: &Path, test: &Path) -> Result<Self, EvaluateError> {
        let mut all = sales::read(&train.join(SALES))?;
        let test = sales::read(&test.join(SALES))?;
        if let (Some(last), Some(first)) = (all.last(), test.first())
            && first.day < last.day
        {
            return Err(EvaluateError::Order { test: first.day.to_string(), train: last.day.to_string() });
        }
        let first = all.len();
        all.extend(test);
        Ok(Self { sales: all, first })
    }
}

/// Named figures, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(pub Vec<(String, f64)>);

impl Figures {
    fn push(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), value));
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|figure| figure.0 == name).map(|figure| figure.1)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(out, "{name:44} {value:>10.4}"))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Returns the share of outcomes within their range.
fn coverage(outcomes: &[f64], ranges: &[(f64, f64)]) -> f64 {
    let held = outcomes.iter().zip(ranges).filter(|(outcome, range)| (range.0..=range.1).contains(outcome)).count();
    held as f64 / outcomes.len() as f64
}
