//! Forecasts as ratings come. The model is fitted on all past ratings, fitted again on a schedule, and calibrated on
//! the latest outcomes.

use learning::boost::{BoostError, Effects, Loss, Matrix, Model, Sample, Settings, train};
use sha2::{Digest, Sha256};

use super::{Calibration, History, Rating, features, names};
use crate::risk::Learned;

/// When and how the model is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Ratings before the first fit.
    pub first: usize,
    /// Ratings between fits.
    pub every: usize,
    /// While catching up with the past, a fit also waits until the ratings grew by this share.
    pub growth: f64,
    /// How many models are averaged. They differ in their seeds.
    pub members: u64,
    /// The half-life of a rating's weight in a fit, counted in later ratings.
    pub half_life: f64,
    /// The most ratings that a fit sees. The latest are taken.
    pub window: usize,
    pub settings: Settings,
}

impl Default for Schedule {
    fn default() -> Self {
        let settings = Settings {
            loss: Loss::Logistic,
            trees: 300,
            learning_rate: 0.03,
            leaves: 8,
            rows_per_leaf: 20,
            l2: 5.0,
            row_share: 0.7,
            feature_share: 0.4,
            bins: 128,
            ..Settings::default()
        };
        Self { first: 1_000, every: 300, growth: 0.2, members: 1, half_life: 100_000.0, window: 60_000, settings }
    }
}

/// The forecast of a rating before it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The calibrated probability that the rating will be negative.
    pub probability: f64,
    /// The model's forecast before calibration.
    pub log_odds: f64,
    /// The features, in the order of [`names`](super::names).
    pub features: Vec<f64>,
}

/// The history with its model.
#[derive(Clone, Debug)]
pub struct Stream {
    pub history: History,
    pub calibration: Calibration,
    schedule: Schedule,
    table: Vec<Vec<f64>>,
    targets: Vec<f64>,
    models: Vec<Model>,
    since_fit: usize,
    catching_up: bool,
}

impl Stream {
    pub fn new(schedule: Schedule) -> Self {
        Self {
            history: History::default(),
            calibration: Calibration::default(),
            schedule,
            table: Vec::new(),
            targets: Vec::new(),
            models: Vec::new(),
            since_fit: 0,
            catching_up: false,
        }
    }

    /// Returns the fitted models. There are none before the first fit.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// Sets whether the stream is catching up with past ratings, for which fewer fits are enough.
    pub fn catch_up(&mut self, catching_up: bool) {
        self.catching_up = catching_up;
    }

    /// Returns the forecast of a rating at `now`, from what was learned so far.
    pub fn forecast(&self, source: u64, target: u64, now: i64) -> Forecast {
        let features = features(&self.history, source, target, now);
        let members = self.models.len() as f64;
        let log_odds = if self.models.is_empty() {
            self.history.opinion(source, target)
        } else {
            self.models.iter().map(|model| model.score(&features)).sum::<f64>() / members
        };
        Forecast { probability: self.calibration.probability(log_odds), log_odds, features }
    }

    /// Returns what moved a forecast most, strongest first, in log-odds (TreeSHAP, mean over the models).
    pub fn effects(&self, forecast: &Forecast, count: usize) -> Vec<(String, f64)> {
        let names = names();
        let named = |(place, effect): (usize, f64)| Some((names.get(place)?.clone(), effect));
        Effects::mean(&self.models, &forecast.features).strongest(count).into_iter().filter_map(named).collect()
    }

    /// Returns the version of all models together, which is a SHA-256 over them. `None` before the first fit.
    pub fn version(&self) -> Option<String> {
        let versions: Vec<String> = self.models.iter().map(Model::version).collect();
        (!versions.is_empty()).then(|| hex::encode(Sha256::digest(versions.join(" "))))
    }

    /// Returns what the risk agent uses from a forecast. `None` before the first fit.
    pub fn learned(&self, forecast: &Forecast, count: usize) -> Option<Learned> {
        Some(Learned { log_odds: forecast.log_odds, effects: self.effects(forecast, count), model: self.version()? })
    }

    /// Learns the value of a rating that was forecast.
    ///
    /// # Errors
    /// When the settings of the schedule cannot be used for training.
    pub fn learn(&mut self, rating: &Rating, forecast: Forecast) -> Result<(), BoostError> {
        let negative = rating.value < 0.0;
        self.calibration.learn(forecast.log_odds, negative);
        self.history.push(rating);
        self.table.push(forecast.features);
        self.targets.push(f64::from(u8::from(negative)));
        if self.table.len() > 2 * self.schedule.window {
            self.table.drain(..self.schedule.window);
            self.targets.drain(..self.schedule.window);
        }
        self.since_fit += 1;
        let due = match (self.models.is_empty(), self.catching_up) {
            (true, _) => self.schedule.first,
            (false, false) => self.schedule.every,
            (false, true) => self.schedule.every.max((self.schedule.growth * self.history.len() as f64) as usize),
        };
        if self.since_fit >= due {
            self.fit()?;
        }
        Ok(())
    }

    /// Fits the model to all ratings learned so far. Nothing happens as long as all of them have the same sign.
    ///
    /// # Errors
    /// When the settings of the schedule cannot be used for training.
    pub fn fit(&mut self) -> Result<(), BoostError> {
        self.since_fit = 0;
        let start = self.table.len().saturating_sub(self.schedule.window);
        let (rows, targets) = (self.table.get(start..).unwrap_or(&[]), self.targets.get(start..).unwrap_or(&[]));
        if targets.iter().all(|y| *y == 0.0) || targets.iter().all(|y| *y == 1.0) {
            return Ok(());
        }
        let mut table = Matrix::new(rows.first().map_or(0, Vec::len));
        rows.iter().try_for_each(|row| table.push(row))?;
        let age = |row: usize| (rows.len() - row) as f64;
        let weights: Vec<f64> = (0..rows.len()).map(|row| 0.5_f64.powf(age(row) / self.schedule.half_life)).collect();
        let sample = Sample { table: &table, targets, weights: Some(&weights) };
        self.models = (0..self.schedule.members)
            .map(|seed| train(&Settings { seed, ..self.schedule.settings.clone() }, &sample, None))
            .collect::<Result<_, _>>()?;
        Ok(())
    }
}
