//! The forecaster learns day by day, refits its models as it goes, and predicts the price of an item.

mod keep;

use std::collections::VecDeque;

pub use keep::KeepError;
use learning::{
    boost::{self, BoostError, Effects, Loss, Matrix, Model, Sample},
    conformal::{Conformal, Outcome},
};
use metta::Atom;
use serde::{Deserialize, Serialize};

use crate::{
    pricing::history::counts,
    pricing::{Comparable, Features, History, Parties, State, features},
    rules::{Applied, RuleBase, RuleError},
    sales::{Day, Item, Sale, by_day},
};

#[derive(Clone, Debug)]
pub struct Settings {
    /// Days between two fits.
    pub refit_days: i32,
    /// A sale counts half in a fit after this many days.
    pub half_life: f64,
    /// Sales needed for a fit.
    pub fewest: usize,
    /// The models of the median, whose predictions are averaged.
    pub medians: Vec<boost::Settings>,
    /// The models of the quantiles, except for the level.
    pub quantiles: boost::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        let median = boost::Settings {
            loss: Loss::Absolute,
            trees: 300,
            learning_rate: 0.05,
            leaves: 24,
            rows_per_leaf: 20,
            row_share: 0.7,
            feature_share: 0.5,
            bins: 63,
            ..boost::Settings::default()
        };
        let quantiles = boost::Settings { trees: 300, leaves: 8, rows_per_leaf: 40, ..median.clone() };
        Self { refit_days: 7, half_life: 120.0, fewest: 200, medians: vec![median], quantiles }
    }
}

/// The limits within which a forecast is relied on, given by the rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The fewest sales in the 30 days before.
    pub fewest_lately: f64,
    /// The largest ratio of the high end of the 90 % range to its low end.
    pub widest: f64,
}

impl Limits {
    /// Reads the limits, and adds the rules that give them to `applied`.
    ///
    /// # Errors
    /// When the rule base lacks one.
    pub fn new(rules: &RuleBase, applied: &mut Vec<Applied>) -> Result<Self, RuleError> {
        let mut limit = |name| rules.explained(&[Atom::symbol(name)], applied);
        Ok(Self { fewest_lately: limit("fewest-sales-lately")?, widest: limit("widest-range")? })
    }
}

/// An interval's ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// The reasons why a forecast should not be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// No model could be learned yet.
    NoModel,
    /// Too few sales of late.
    FewSales,
    /// The range is too wide to be of use.
    WideRange,
}

/// The forecast of an item's price, as natural logarithms.
#[derive(Clone, Debug)]
pub struct Forecast {
    pub log_price: f64,
    /// Covers 80 % and 90 % of outcomes.
    pub range80: Range,
    pub range90: Range,
    pub comparables: Vec<Comparable>,
    pub features: Features,
    raw: Option<Raw>,
    margins: [Option<f64>; 2],
    /// The correction for the errors of the latest forecasts.
    pub correction: f64,
}

/// The predictions of the models before margins, as logarithms of the price over the market's level and the worth of the
/// traits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Raw {
    median: f64,
    ranges: [Range; 2],
}

impl Raw {
    fn shifted(self, by: f64) -> Self {
        let ranges = self.ranges.map(|range| Range { low: range.low + by, high: range.high + by });
        Self { median: self.median + by, ranges }
    }
}

/// One fit.
#[derive(Clone, Debug)]
struct Models {
    fitted: Day,
    /// SHA-256 over all of them.
    version: String,
    medians: Vec<Model>,
    /// The quantiles at 10 and 90 %, and at 5 and 95 %.
    quantiles: [[Model; 2]; 2],
}

#[derive(Clone, Debug)]
pub struct Forecaster {
    settings: Settings,
    history: History,
    table: Option<Matrix>,
    targets: Vec<f64>,
    days: Vec<Day>,
    models: Option<Models>,
    conformal: [Conformal; 2],
    /// The errors of the latest forecasts before correction, as logarithms.
    missed: VecDeque<f64>,
}

/// The models learn from the newest sales: at least this many, and at most twice as many.
const MOST_ROWS: usize = 25_000;

/// The most sales of one day whose forecasts are held in memory, and from whose errors is learned.
pub const AT_ONCE: usize = 10_000;

/// How many forecasts the correction looks at, how many it needs, how much of their mean error it takes away, and how much an
/// error counts at most.
const CORRECTED_BY: usize = 60;
const CORRECTION_NEEDS: usize = 20;
const CORRECTION: f64 = 0.4;
const LARGEST_MISS: f64 = 0.3;

impl Forecaster {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            history: History::default(),
            table: None,
            targets: Vec::new(),
            days: Vec::new(),
            models: None,
            conformal: [Conformal::new(0.8), Conformal::new(0.9)],
            missed: VecDeque::new(),
        }
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    pub fn is_fitted(&self) -> bool {
        self.models.is_some()
    }

    /// Returns the SHA-256 over the models in use.
    pub fn version(&self) -> Option<String> {
        self.models.as_ref().map(|models| models.version.clone())
    }

    /// Returns the features that moved a forecast's price most, and what each added to its logarithm.
    pub fn effects(&self, forecast: &Forecast, count: usize) -> Vec<(&'static str, f64)> {
        let Some(models) = &self.models else { return Vec::new() };
        let effects = Effects::mean(&models.medians, &values(&forecast.features));
        let named = |(place, effect): (usize, f64)| Some((forecast.features.get(place)?.0, effect));
        effects.strongest(count).into_iter().filter_map(named).collect()
    }

    /// Fits anew from sales before `day` if a fit is due. Returns whether it did.
    ///
    /// # Errors
    /// When training fails, which does not happen with sales that were learned here.
    pub fn refit(&mut self, day: Day) -> Result<bool, BoostError> {
        let due = self.models.as_ref().is_none_or(|models| day.since(models.fitted) >= self.settings.refit_days);
        let Some(table) = self.table.as_ref().filter(|_| due && self.targets.len() >= self.settings.fewest) else {
            return Ok(false);
        };
        // Weights are relative to the newest sale, which counts 1 however long ago it was.
        let newest = self.days.last().copied().unwrap_or(day);
        let weight = |sold: &Day| 0.5f64.powf(f64::from(newest.since(*sold)) / self.settings.half_life);
        let weights: Vec<f64> = self.days.iter().map(weight).collect();
        let sample = Sample { table, targets: &self.targets, weights: Some(&weights) };
        let quantile = |level| {
            let settings = boost::Settings { loss: Loss::Quantile(level), ..self.settings.quantiles.clone() };
            boost::train(&settings, &sample, None)
        };
        let pair = |low, high| Ok::<_, BoostError>([quantile(low)?, quantile(high)?]);
        let median = |settings| boost::train(settings, &sample, None);
        // There are two threads, whose work does not depend on each other.
        let (wide, others) = std::thread::scope(|scope| {
            let wide = scope.spawn(|| pair(0.05, 0.95));
            let medians = self.settings.medians.iter().map(median).collect::<Result<Vec<_>, _>>();
            let others = medians.and_then(|medians| Ok((medians, pair(0.1, 0.9)?)));
            (wide.join(), others)
        });
        let wide = wide.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let (medians, narrow) = others?;
        self.models = Some(Models::new(day, medians, [narrow, wide]));
        Ok(true)
    }

    /// Returns the forecast of the item's price on the state's day. As long as no model is fitted, it is a doubtful forecast
    /// from the market's level.
    pub fn forecast(&self, state: &State, item: &Item, parties: Parties) -> Forecast {
        let (features, comparables) = features(&self.history, state, item, parties);
        let correction = self.correction();
        let raw = self.models.as_ref().map(|models| models.raw(&values(&features)).shifted(correction));
        let margins = [self.conformal[0].margin(), self.conformal[1].margin()];
        let base = state.level + self.history.worth(item);
        let Raw { median, ranges } = raw.unwrap_or(Raw { median: 0.0, ranges: [Range { low: -1.0, high: 1.0 }; 2] });
        let range = |place: usize| {
            let margin = margins[place].unwrap_or(0.1);
            let Range { low, high } = ranges[place];
            // An interval always contains the forecast.
            Range { low: base + (low - margin).min(median), high: base + (high + margin).max(median) }
        };
        let (range80, mut range90) = (range(0), range(1));
        // The margins of the two are learned separately, but the 90 % range must contain the 80 % range.
        range90 = Range { low: range90.low.min(range80.low), high: range90.high.max(range80.high) };
        Forecast { log_price: base + median, range80, range90, comparables, features, raw, margins, correction }
    }

    /// Returns the forecasts of a day's sales, in order. There are none as long as nothing was sold for a price.
    pub fn forecasts(&self, day: Day, sales: &[Sale]) -> Vec<Forecast> {
        let Some(state) = State::on(&self.history, day) else { return Vec::new() };
        sales.iter().map(|sale| self.forecast(&state, &sale.item, Parties::before(sale))).collect()
    }

    /// Returns why a forecast for `day` should not be relied on, if that is so.
    pub fn doubt(&self, forecast: &Forecast, day: Day, limits: Limits) -> Option<Doubt> {
        if forecast.raw.is_none() {
            Some(Doubt::NoModel)
        } else if (self.history.window(day, 30).len() as f64) < limits.fewest_lately {
            Some(Doubt::FewSales)
        } else {
            (forecast.range90.high - forecast.range90.low > limits.widest.ln()).then_some(Doubt::WideRange)
        }
    }

    /// Goes through days of sales: fits anew if a fit is due, forecasts each day's sales, and learns from their outcomes.
    ///
    /// # Errors
    /// In the same cases as `refit` and `learn`.
    pub fn live(&mut self, sales: &[Sale]) -> Result<(), BoostError> {
        for (day, today) in by_day(sales) {
            self.refit(day)?;
            let forecasts = self.forecasts(day, today.get(..AT_ONCE).unwrap_or(today));
            self.learn(day, today, &forecasts)?;
        }
        Ok(())
    }

    /// Returns the correction for the next forecast. In a market that moves, the latest errors are on one side, so a part of
    /// their mean is subtracted.
    fn correction(&self) -> f64 {
        if self.missed.len() < CORRECTION_NEEDS {
            return 0.0;
        }
        CORRECTION * self.missed.iter().sum::<f64>() / self.missed.len() as f64
    }

    /// Learns the outcomes of a day's forecasts, which all had the same margins.
    fn observe(&mut self, outcomes: &[(f64, &Forecast)]) {
        let known = || outcomes.iter().filter_map(|(target, forecast)| Some((*target, *forecast, forecast.raw?)));
        let Some((_, Forecast { margins, .. }, _)) = known().next() else { return };
        for (place, (conformal, margin)) in self.conformal.iter_mut().zip(margins).enumerate() {
            let outcome = |(value, _, raw): (f64, &Forecast, Raw)| {
                let Range { low, high } = raw.ranges[place];
                Outcome { value, low, high }
            };
            conformal.observe(*margin, known().map(outcome));
        }
        for (target, forecast, raw) in known() {
            if self.missed.len() == CORRECTED_BY {
                self.missed.pop_front();
            }
            self.missed.push_back((target - raw.median + forecast.correction).clamp(-LARGEST_MISS, LARGEST_MISS));
        }
    }

    /// Removes the oldest rows, rarely and many at once.
    fn forget(&mut self) {
        let rows = self.targets.len();
        if rows > 2 * MOST_ROWS
            && let Some(table) = &mut self.table
        {
            table.drop_first(rows - MOST_ROWS);
            self.targets.drain(..rows - MOST_ROWS);
            self.days.drain(..rows - MOST_ROWS);
        }
    }

    /// Learns a whole day, with the forecasts of its sales in the same order, or without any. A day that is not later than the
    /// last one is left out.
    ///
    /// # Errors
    /// Never, because every row has the same features.
    pub fn learn(&mut self, day: Day, sales: &[Sale], forecasts: &[Forecast]) -> Result<(), BoostError> {
        if !self.history.goes_on_with(day) {
            return Ok(());
        }
        let mut outcomes = Vec::new();
        if let Some(state) = State::on(&self.history, day) {
            for (place, sale) in sales.iter().enumerate() {
                let log_price = sale.price.ln();
                if !counts(log_price - state.log_floor) {
                    continue;
                }
                let target = log_price - state.level - self.history.worth(&sale.item);
                let forecast = forecasts.get(place);
                outcomes.extend(forecast.map(|forecast| (target, forecast)));
                let row = match forecast {
                    Some(forecast) => values(&forecast.features),
                    None => values(&features(&self.history, &state, &sale.item, Parties::before(sale)).0),
                };
                self.table.get_or_insert_with(|| Matrix::new(row.len())).push(&row)?;
                self.targets.push(target);
                self.days.push(day);
                self.forget();
            }
        }
        self.observe(&outcomes);
        self.history.add(day, sales);
        Ok(())
    }
}

fn values(features: &Features) -> Vec<f64> {
    features.iter().map(|feature| feature.1).collect()
}

impl Models {
    fn raw(&self, row: &[f64]) -> Raw {
        let median = self.medians.iter().map(|model| model.predict(row)).sum::<f64>() / self.medians.len() as f64;
        let range = |models: &[Model; 2]| {
            let (a, b) = (models[0].predict(row), models[1].predict(row));
            Range { low: a.min(b), high: a.max(b) }
        };
        Raw { median, ranges: [range(&self.quantiles[0]), range(&self.quantiles[1])] }
    }
}
