//! Gradient boosting as its users see it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod noise;

use learning::boost::{BoostError, FormatError, Loss, Matrix, Model, Sample, Settings, train};
use noise::noise;
use proptest::prelude::*;

struct Data {
    table: Matrix,
    targets: Vec<f64>,
}

impl Data {
    /// Draws y = 3 x0 + x1^2 + spread x noise. x2 has no meaning, and x1 is missing in every tenth row (where it stands
    /// for 0.8).
    fn new(rows: usize, seed: u64, spread: f64) -> Self {
        let mut next = noise(seed);
        let (mut table, mut targets) = (Matrix::new(3), Vec::new());
        for row in 0..rows {
            let mut x = [next(), next(), next()];
            let x1 = if row % 10 == 0 { 0.8 } else { x[1] };
            targets.push(3.0 * x[0] + x1 * x1 + spread * (next() - 0.5));
            if row % 10 == 0 {
                x[1] = f64::NAN;
            }
            table.push(&x).unwrap();
        }
        Self { table, targets }
    }

    fn sample(&self) -> Sample<'_> {
        Sample { table: &self.table, targets: &self.targets, weights: None }
    }

    fn mean_error(&self, model: &Model) -> f64 {
        let errors = self.targets.iter().enumerate().map(|(row, y)| (model.predict(self.table.row(row)) - y).abs());
        errors.sum::<f64>() / self.targets.len() as f64
    }
}

#[test]
fn learns_a_function_and_does_not_use_what_means_nothing() {
    let (data, new) = (Data::new(3000, 1, 0.2), Data::new(500, 2, 0.2));
    for loss in [Loss::Squared, Loss::Absolute, Loss::Quantile(0.5)] {
        let settings = Settings { loss, trees: 200, learning_rate: 0.1, ..Settings::default() };
        let model = train(&settings, &data.sample(), None).unwrap();
        let error = new.mean_error(&model);
        assert!(error < 0.075, "{loss:?}: {error}; the noise alone is 0.05");
        let gains = model.gains();
        assert!(gains[2] < gains[1] / 2.0, "{loss:?}: {gains:?}");
    }
}

#[test]
fn quantiles_cover_what_they_say() {
    let (data, new) = (Data::new(5000, 3, 2.0), Data::new(2000, 4, 2.0));
    for level in [0.1, 0.5, 0.9] {
        let settings =
            Settings { loss: Loss::Quantile(level), trees: 100, leaves: 8, learning_rate: 0.1, ..Settings::default() };
        let model = train(&settings, &data.sample(), None).unwrap();
        let below = new.targets.iter().enumerate().filter(|(row, y)| **y <= model.predict(new.table.row(*row))).count();
        let share = below as f64 / new.targets.len() as f64;
        assert!((share - level).abs() < 0.05, "{share} below the quantile {level}");
    }
}

#[test]
fn logistic_probabilities_are_calibrated() {
    let mut next = noise(5);
    let (mut table, mut targets) = (Matrix::new(1), Vec::new());
    for _ in 0..4000 {
        let x = next();
        table.push(&[x]).unwrap();
        targets.push(f64::from(next() < x));
    }
    let settings = Settings { loss: Loss::Logistic, trees: 60, leaves: 6, rows_per_leaf: 100, ..Settings::default() };
    let model = train(&settings, &Sample { table: &table, targets: &targets, weights: None }, None).unwrap();
    for x in [0.1, 0.3, 0.5, 0.7, 0.9] {
        assert!((model.predict(&[x]) - x).abs() < 0.1, "{} at {x}", model.predict(&[x]));
    }
}

#[test]
fn a_weight_counts_as_repetition() {
    let data = Data::new(200, 6, 1.0);
    let weights: Vec<f64> = (0..200).map(|row| f64::from(row % 3)).collect();
    let (mut table, mut targets) = (Matrix::new(3), Vec::new());
    for (row, weight) in weights.iter().enumerate() {
        for _ in 0..*weight as usize {
            table.push(data.table.row(row)).unwrap();
            targets.push(data.targets[row]);
        }
    }
    for loss in [Loss::Squared, Loss::Absolute] {
        let settings = Settings { loss, trees: 1, leaves: 2, rows_per_leaf: 1, ..Settings::default() };
        let weighted = train(&settings, &Sample { weights: Some(&weights), ..data.sample() }, None).unwrap();
        let repeated = train(&settings, &Sample { table: &table, targets: &targets, weights: None }, None).unwrap();
        for row in 0..200 {
            let (a, b) = (weighted.predict(data.table.row(row)), repeated.predict(data.table.row(row)));
            assert!((a - b).abs() < 1e-9, "{loss:?}: {a} and {b}");
        }
    }
}

#[test]
fn stops_when_validation_gets_worse() {
    let (data, new) = (Data::new(300, 7, 3.0), Data::new(300, 8, 3.0));
    let settings = Settings { trees: 2000, rows_per_leaf: 2, learning_rate: 0.2, ..Settings::default() };
    let all = train(&settings, &data.sample(), None).unwrap();
    let early = Settings { patience: Some(20), ..settings };
    let stopped = train(&early, &data.sample(), Some(&new.sample())).unwrap();
    assert!(stopped.trees() > 0 && stopped.trees() < 200, "{} trees", stopped.trees());
    assert!(new.mean_error(&stopped) < new.mean_error(&all));
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_another_seed_others() {
    let data = Data::new(400, 9, 1.0);
    let settings = Settings { trees: 20, row_share: 0.7, feature_share: 0.7, ..Settings::default() };
    let model = train(&settings, &data.sample(), None).unwrap();
    assert_eq!(model.to_bytes(), train(&settings, &data.sample(), None).unwrap().to_bytes());
    let other = train(&Settings { seed: 1, ..settings }, &data.sample(), None).unwrap();
    assert_ne!(model.version(), other.version());
    assert_eq!(Model::from_bytes(&model.to_bytes()), Ok(model));
}

#[test]
fn refuses_what_cannot_be_learned_from() {
    let data = Data::new(10, 10, 0.0);
    let settings = Settings::default();
    let fails = |settings: &Settings, sample: Sample<'_>| train(settings, &sample, None).unwrap_err();
    let empty = Matrix::new(3);
    assert_eq!(fails(&settings, Sample { table: &empty, targets: &[], weights: None }), BoostError::Empty);
    assert_eq!(fails(&settings, Sample { weights: Some(&[0.0; 10]), ..data.sample() }), BoostError::Empty);
    for bad in [f64::NAN, f64::INFINITY] {
        let mut targets = data.targets.clone();
        targets[7] = bad;
        let error = fails(&settings, Sample { targets: &targets, ..data.sample() });
        assert!(matches!(error, BoostError::Value { what: "target", row: 7, .. }), "{error}");
    }
    assert!(matches!(fails(&settings, Sample { targets: &[1.0], ..data.sample() }), BoostError::Shape { .. }));
    let wrong = Settings { loss: Loss::Quantile(1.0), ..settings };
    assert_eq!(fails(&wrong, data.sample()), BoostError::Setting { what: "loss" });
}

#[test]
fn a_row_that_is_too_short_lacks_its_last_features() {
    let data = Data::new(500, 11, 0.1);
    let model = train(&Settings { trees: 10, ..Settings::default() }, &data.sample(), None).unwrap();
    assert_eq!(model.predict(&[0.5]), model.predict(&[0.5, f64::NAN, f64::NAN]));
    assert!(model.predict(&[f64::INFINITY, f64::NEG_INFINITY]).is_finite());
}

proptest! {
    #[test]
    fn damaged_bytes_are_refused_or_give_another_model(place in 0usize..10_000, byte: u8, cut in 0usize..10_000) {
        let data = Data::new(60, 12, 0.1);
        let model = train(&Settings { trees: 3, rows_per_leaf: 5, ..Settings::default() }, &data.sample(), None).unwrap();
        let bytes = model.to_bytes();
        let mut damaged = bytes.clone();
        let place = place % bytes.len();
        damaged[place] = byte;
        if let Ok(other) = Model::from_bytes(&damaged) {
            prop_assert_eq!(other.to_bytes(), damaged);
            other.effects(&[0.1, f64::NAN, 0.3]);
        }
        let cut = &bytes[..cut % bytes.len()];
        prop_assert!(matches!(Model::from_bytes(cut), Err(FormatError::Length | FormatError::Mark)));
    }
}
