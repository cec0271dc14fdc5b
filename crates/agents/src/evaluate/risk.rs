//! Forecasts of ratings: source, target, time, p_negative, for every rating of the test, from those of earlier seconds only.

use std::{fmt::Write, path::Path};

use learning::boost::BoostError;

use super::{EvaluateError, Figures, outcomes::Outcomes};
use crate::{
    csv::{CsvError, Table},
    risk::ratings::{Rating, Schedule, Stream},
};

const FILE: &str = "risk_otc_ratings.csv";
const HEADER: &str = "source,target,time,p_negative\n";
/// Progress is reported after this many ratings.
const TOLD_EVERY: usize = 1_000;

/// Reads the ratings of a file, which must be in the order of time.
///
/// # Errors
/// When a row cannot be read. The error names its line.
pub fn ratings(path: &Path) -> Result<Vec<Rating>, CsvError> {
    let table = Table::read(path)?;
    let (source, target) = (table.column("source")?, table.column("target")?);
    let (value, time) = (table.column("rating")?, table.column("time")?);
    let mut ratings: Vec<Rating> = Vec::new();
    for row in table.rows() {
        let row = row?;
        let rating = Rating {
            source: row.parse(source, "account number")?,
            target: row.parse(target, "account number")?,
            value: row.number(value, "rating")?,
            time: row.number(time, "time")? as i64,
        };
        if rating.value.abs() > 10.0 {
            return Err(row.error(format!("rating {} does not lie between -10 and 10", rating.value)));
        }
        if ratings.last().is_some_and(|last| last.time > rating.time) {
            return Err(row.error("the rating is older than the one before"));
        }
        ratings.push(rating);
    }
    Ok(ratings)
}

pub(super) fn predict(train: &Path, test: &Path, progress: &mut dyn FnMut(&str)) -> Result<String, EvaluateError> {
    let (train, test) = (ratings(&train.join(FILE))?, ratings(&test.join(FILE))?);
    if let (Some(last), Some(first)) = (train.last(), test.first())
        && first.time < last.time
    {
        return Err(EvaluateError::Order { test: first.time.to_string(), train: last.time.to_string() });
    }
    let said = forecasts(Schedule::default(), &train, &test, progress)?;
    let mut out = HEADER.to_owned();
    for (rating, probability) in test.iter().zip(said) {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{},{},{},{probability:.6}", rating.source, rating.target, rating.time);
    }
    Ok(out)
}

/// Returns the probabilities that the ratings of `test` are negative, each computed from what came before its second.
pub(super) fn forecasts(
    schedule: Schedule,
    train: &[Rating],
    test: &[Rating],
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<f64>, BoostError> {
    let mut stream = Stream::new(schedule);
    stream.catch_up(true);
    for same in train.chunk_by(|a, b| a.time == b.time) {
        step(&mut stream, same)?;
    }
    stream.catch_up(false);
    if !test.is_empty() {
        stream.fit()?;
    }
    let mut said = Vec::with_capacity(test.len());
    for same in test.chunk_by(|a, b| a.time == b.time) {
        said.extend(step(&mut stream, same)?);
        if said.len() % TOLD_EVERY < same.len() {
            progress(&format!("{} of {} ratings", said.len(), test.len()));
        }
    }
    Ok(said)
}

/// Handles the ratings of one second: all are forecast before any is learned.
fn step(stream: &mut Stream, same: &[Rating]) -> Result<Vec<f64>, BoostError> {
    let said: Vec<_> = same.iter().map(|rating| stream.forecast(rating.source, rating.target, rating.time)).collect();
    let probabilities = said.iter().map(|forecast| forecast.probability).collect();
    for (rating, forecast) in same.iter().zip(said) {
        stream.learn(rating, forecast)?;
    }
    Ok(probabilities)
}

pub(super) fn score(test: &Path, predictions: &Path) -> Result<Figures, EvaluateError> {
    let ratings = ratings(&test.join(FILE))?;
    let table = Table::read(predictions)?;
    let (source, target, said) = (table.column("source")?, table.column("target")?, table.column("p_negative")?);
    let mut forecasts = Vec::with_capacity(ratings.len());
    let mut expected = ratings.iter();
    for row in table.rows() {
        let row = row?;
        let pair = (row.parse(source, "account number")?, row.parse(target, "account number")?);
        let Some(rating) = expected.next().filter(|rating| (rating.source, rating.target) == pair) else {
            return Err(EvaluateError::Predictions(format!("line {} is of another rating", row.line)));
        };
        let probability = row.number(said, "probability")?;
        if !(0.0..=1.0).contains(&probability) {
            return Err(row.error(format!("{probability} is no probability")).into());
        }
        forecasts.push((probability, rating.value < 0.0));
    }
    if forecasts.len() < ratings.len() {
        return Err(EvaluateError::Predictions(format!("{} of {} ratings", forecasts.len(), ratings.len())));
    }
    let outcomes = Outcomes::of(&forecasts)
        .ok_or_else(|| EvaluateError::Predictions("there must be negative ratings and others".to_owned()))?;
    let mut figures = Figures::default();
    figures.push("ratings", outcomes.rows as f64);
    figures.push("of them negative", outcomes.positives as f64);
    figures.push("AUC", outcomes.auc);
    figures.push("average precision", outcomes.ap);
    figures.push("recall at 1 % false positives", outcomes.recall);
    figures.push("calibration error, 10 bins of equal width", outcomes.ece);
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a market in which account 7 is rated negatively by everyone and account 3 rates everyone negatively.
    fn market(count: u64) -> Vec<Rating> {
        (0..count)
            .map(|n| {
                let (source, target) = (1 + n * 7 % 11, 1 + (n * 5 + n / 11) % 13);
                let value = if target == 7 || source == 3 { -10.0 } else { 1.0 };
                Rating { source, target, value, time: (n / 2) as i64 * 600 }
            })
            .collect()
    }

    fn schedule() -> Schedule {
        let mut schedule = Schedule { first: 100, every: 100, ..Schedule::default() };
        schedule.settings.trees = 10;
        schedule
    }

    #[test]
    fn later_ratings_change_no_earlier_forecast() {
        let ratings = market(400);
        let (train, test) = ratings.split_at(200);
        let said = forecasts(schedule(), train, test, &mut |_| {}).unwrap();
        for cut in [0, 1, 57, 150, 199] {
            let mut changed = test.to_vec();
            changed.iter_mut().skip(cut).for_each(|rating| (rating.value, rating.target) = (-rating.value, 99));
            let again = forecasts(schedule(), train, &changed, &mut |_| {}).unwrap();
            // A forecast of rating `cut` itself knows its accounts but not its value. Ratings of one second do not see each
            // other.
            assert_eq!(said[..cut], again[..cut], "{cut}");
        }
    }

    #[test]
    fn what_always_happens_is_learned() {
        let ratings = market(1_000);
        let (train, test) = ratings.split_at(600);
        let said = forecasts(schedule(), train, test, &mut |_| {}).unwrap();
        let rows: Vec<_> = said.into_iter().zip(test.iter().map(|rating| rating.value < 0.0)).collect();
        assert!(Outcomes::of(&rows).unwrap().auc > 0.99);
    }

    #[test]
    fn nothing_to_learn_from_is_no_error() {
        assert_eq!(forecasts(schedule(), &[], &[], &mut |_| {}).unwrap(), Vec::<f64>::new());
        let said = forecasts(schedule(), &[], &market(10), &mut |_| {}).unwrap();
        assert!(said.len() == 10 && said.iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
