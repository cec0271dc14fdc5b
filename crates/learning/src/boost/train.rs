//! Training: one tree after the other, each on what the others left.

use thiserror::Error;

use super::{
    Loss, Matrix, Model,
    bins::{Bins, MOST_BINS},
    grow::{Derivatives, Grown, grow},
    model::{MOST_FEATURES, Node},
    random::Random,
};
use crate::statistics::weighted_quantile;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub loss: Loss,
    /// Trees at most.
    pub trees: usize,
    /// The factor for a tree's leaves, above 0 and at most 1.
    pub learning_rate: f64,
    /// The most leaves of a tree.
    pub leaves: usize,
    /// The most splits between root and leaf.
    pub depth: usize,
    pub rows_per_leaf: usize,
    /// A split must take away more loss than this.
    pub min_gain: f64,
    /// Added to the second derivatives of a leaf, which pulls its value towards 0.
    pub l2: f64,
    /// The share of rows that each tree sees.
    pub row_share: f64,
    /// The share of features that each tree sees.
    pub feature_share: f64,
    /// The most bins of a feature, up to 254.
    pub bins: usize,
    /// With a validation sample: training stops when its loss did not fall for this many trees, and the best number of
    /// trees is kept.
    pub patience: Option<usize>,
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            loss: Loss::Squared,
            trees: 500,
            learning_rate: 0.05,
            leaves: 31,
            depth: 64,
            rows_per_leaf: 20,
            min_gain: 0.0,
            l2: 0.0,
            row_share: 1.0,
            feature_share: 1.0,
            bins: MOST_BINS,
            patience: None,
            seed: 0,
        }
    }
}

/// Rows with their targets.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    pub table: &'a Matrix,
    pub targets: &'a [f64],
    /// The weight of each row. Without weights, all rows count the same.
    pub weights: Option<&'a [f64]>,
}

#[derive(Clone, Debug, Error, PartialEq)]
pub enum BoostError {
    #[error("there is nothing to learn from: no rows, no columns, or no weight")]
    Empty,
    #[error("the {what} of a table do not match: {expected} expected, {found} found")]
    Shape { what: &'static str, expected: usize, found: usize },
    #[error("{what} of row {row} is {value}, which cannot be learned from")]
    Value { what: &'static str, row: usize, value: f64 },
    #[error("the setting {what} is out of range")]
    Setting { what: &'static str },
    #[error("the table is too large: {rows} rows of {columns}")]
    TooLarge { rows: usize, columns: usize },
}

/// The most cells of a table. Each takes one byte while training.
const MOST_CELLS: usize = 1 << 31;

/// Trains a model on a sample. With a validation sample, it may stop early.
///
/// # Errors
/// When the sample, the validation sample or the settings cannot be used for training. The error names the place.
pub fn train(settings: &Settings, sample: &Sample<'_>, validation: Option<&Sample<'_>>) -> Result<Model, BoostError> {
    check_settings(settings)?;
    let weights = check(settings.loss, sample, sample.table.columns())?;
    let mut watch = match validation {
        Some(validation) => Some(Watch::new(settings, validation, sample.table.columns())?),
        None => None,
    };
    let (table, targets) = (sample.table, sample.targets);
    let bins = Bins::new(table, settings.bins);
    let base = settings.loss.start(targets, &weights);
    let mut model = Model { loss: settings.loss, features: table.columns(), base, trees: Vec::new() };
    let mut scores = vec![base; table.rows()];
    let (mut first, mut second) = (vec![0.0; table.rows()], vec![0.0; table.rows()]);
    if let Some(watch) = &mut watch {
        watch.start(base);
    }
    for round in 0..settings.trees {
        for (row, score) in scores.iter().enumerate() {
            let (gradient, curvature) = settings.loss.derivatives(*score, targets[row]);
            first[row] = gradient * weights[row];
            second[row] = curvature * weights[row];
        }
        let mut random = Random::new(settings.seed, round as u64);
        // check() made sure that a u32 can count the rows.
        let rows = random.rows(table.rows() as u32, settings.row_share);
        let features = random.features(bins.features(), settings.feature_share);
        let mut grown = grow(&bins, settings, &Derivatives { first: &first, second: &second }, rows, &features);
        if grown.leaves.len() < 2 {
            if settings.row_share >= 1.0 && settings.feature_share >= 1.0 {
                break;
            }
            continue;
        }
        finish(&mut grown, settings, targets, &weights, &scores);
        add(&grown, settings, table, &mut scores);
        model.trees.push(grown.tree);
        if let Some(watch) = &mut watch
            && watch.is_over(&model)
        {
            break;
        }
    }
    if let Some(watch) = watch {
        model.trees.truncate(watch.best_trees);
    }
    Ok(model)
}

/// Replaces leaf values if the loss requires it, and shrinks them.
fn finish(grown: &mut Grown, settings: &Settings, targets: &[f64], weights: &[f64], scores: &[f64]) {
    let mut residuals = Vec::new();
    for (node, range) in &grown.leaves {
        let Node::Leaf { value, .. } = &mut grown.tree.nodes[*node] else { continue };
        if let Some(level) = settings.loss.renewal() {
            residuals.clear();
            residuals.extend(grown.rows[range.clone()].iter().map(|row| {
                let row = *row as usize;
                (targets[row] - scores[row], weights[row])
            }));
            *value = weighted_quantile(&mut residuals, level).unwrap_or(0.0);
        }
        *value *= settings.learning_rate;
    }
}

/// Adds the tree to the scores of all rows, whether it saw them or not.
fn add(grown: &Grown, settings: &Settings, table: &Matrix, scores: &mut [f64]) {
    if settings.row_share < 1.0 {
        for (row, score) in scores.iter_mut().enumerate() {
            *score += grown.tree.predict(table.row(row));
        }
        return;
    }
    for (node, range) in &grown.leaves {
        if let Node::Leaf { value, .. } = &grown.tree.nodes[*node] {
            for row in &grown.rows[range.clone()] {
                scores[*row as usize] += value;
            }
        }
    }
}

/// Watches the loss of a validation sample.
struct Watch<'a> {
    sample: Sample<'a>,
    weights: Vec<f64>,
    scores: Vec<f64>,
    loss: Loss,
    patience: usize,
    best_loss: f64,
    best_trees: usize,
}

impl<'a> Watch<'a> {
    fn new(settings: &Settings, sample: &Sample<'a>, columns: usize) -> Result<Self, BoostError> {
        Ok(Self {
            sample: *sample,
            weights: check(settings.loss, sample, columns)?,
            scores: vec![0.0; sample.table.rows()],
            loss: settings.loss,
            patience: settings.patience.unwrap_or(usize::MAX),
            best_loss: f64::INFINITY,
            best_trees: 0,
        })
    }

    fn start(&mut self, base: f64) {
        self.scores.fill(base);
        self.best_loss = self.mean_loss();
    }

    fn mean_loss(&self) -> f64 {
        let rows = self.scores.iter().zip(self.sample.targets).zip(&self.weights);
        rows.map(|((score, target), weight)| self.loss.of(*score, *target) * weight).sum()
    }

    /// Takes the newest tree into account, and returns whether training should stop.
    fn is_over(&mut self, model: &Model) -> bool {
        let Some(tree) = model.trees.last() else { return false };
        for (row, score) in self.scores.iter_mut().enumerate() {
            *score += tree.predict(self.sample.table.row(row));
        }
        let loss = self.mean_loss();
        if loss < self.best_loss {
            self.best_loss = loss;
            self.best_trees = model.trees.len();
        }
        model.trees.len() - self.best_trees >= self.patience
    }
}

fn check_settings(settings: &Settings) -> Result<(), BoostError> {
    let share = |value: f64| value > 0.0 && value <= 1.0;
    let checks = [
        ("loss", !matches!(settings.loss, Loss::Quantile(level) if !(level > 0.0 && level < 1.0))),
        ("trees", settings.trees <= 100_000),
        ("learning_rate", share(settings.learning_rate)),
        ("leaves", (2..=32_768).contains(&settings.leaves)),
        ("depth", (1..=254).contains(&settings.depth)),
        ("min_gain", settings.min_gain.is_finite() && settings.min_gain >= 0.0),
        ("l2", settings.l2.is_finite() && settings.l2 >= 0.0),
        ("row_share", share(settings.row_share)),
        ("feature_share", share(settings.feature_share)),
        ("bins", (2..=MOST_BINS).contains(&settings.bins)),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(BoostError::Setting { what }),
        None => Ok(()),
    }
}

/// Checks that a sample can be used for training, and returns its weights.
fn check(loss: Loss, sample: &Sample<'_>, columns: usize) -> Result<Vec<f64>, BoostError> {
    let rows = sample.table.rows();
    let weights = sample.weights.map_or_else(|| vec![1.0; rows], <[f64]>::to_vec);
    for (what, expected, found) in [
        ("columns", columns, sample.table.columns()),
        ("rows and targets", rows, sample.targets.len()),
        ("rows and weights", rows, weights.len()),
    ] {
        if expected != found {
            return Err(BoostError::Shape { what, expected, found });
        }
    }
    if columns > MOST_FEATURES || rows.saturating_mul(columns) > MOST_CELLS {
        return Err(BoostError::TooLarge { rows, columns });
    }
    let target = |value: f64| value.is_finite() && (loss != Loss::Logistic || (0.0..=1.0).contains(&value));
    for (row, value) in sample.targets.iter().copied().enumerate() {
        if !target(value) {
            return Err(BoostError::Value { what: "target", row, value });
        }
    }
    for (row, value) in weights.iter().copied().enumerate() {
        if !(value.is_finite() && value >= 0.0) {
            return Err(BoostError::Value { what: "weight", row, value });
        }
    }
    let total: f64 = weights.iter().sum();
    if rows == 0 || columns == 0 || total <= 0.0 || !total.is_finite() { Err(BoostError::Empty) } else { Ok(weights) }
}
