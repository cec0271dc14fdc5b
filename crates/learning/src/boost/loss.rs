//! The loss functions that a model is trained to minimise.

use crate::statistics::{sigmoid, weighted_quantile};

/// The loss of a score f for a target y. Scores are predictions, except for `Logistic`, where they are log-odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// (f - y)^2 / 2: predicts the mean.
    Squared,
    /// |f - y|: predicts the median.
    Absolute,
    /// The pinball loss (Koenker and Bassett 1978): predicts the quantile of this level, above 0 and below 1.
    Quantile(f64),
    /// Cross-entropy: predicts the probability that the target, from 0 to 1, is 1.
    Logistic,
}

impl Loss {
    /// Returns the loss of score `f` for target `y`.
    pub fn of(self, f: f64, y: f64) -> f64 {
        match self {
            Self::Squared => (f - y) * (f - y) / 2.0,
            Self::Absolute => (f - y).abs(),
            Self::Quantile(level) if f >= y => (1.0 - level) * (f - y),
            Self::Quantile(level) => level * (y - f),
            // ln(1 + e^f) - y f, without overflow.
            Self::Logistic => f.max(0.0) - y * f + (-f.abs()).exp().ln_1p(),
        }
    }

    /// Returns the first and second derivative by the score. If there is no second one, it is 1.
    pub(super) fn derivatives(self, f: f64, y: f64) -> (f64, f64) {
        match self {
            Self::Squared => (f - y, 1.0),
            Self::Absolute if f == y => (0.0, 1.0),
            Self::Absolute => ((f - y).signum(), 1.0),
            Self::Quantile(level) => (if f >= y { 1.0 - level } else { -level }, 1.0),
            Self::Logistic => {
                let p = sigmoid(f);
                (p - y, (p * (1.0 - p)).max(1e-16))
            }
        }
    }

    /// Returns the quantile of residuals that a leaf takes instead of a Newton step.
    pub(super) fn renewal(self) -> Option<f64> {
        match self {
            Self::Absolute => Some(0.5),
            Self::Quantile(level) => Some(level),
            Self::Squared | Self::Logistic => None,
        }
    }

    /// Returns the best constant score.
    pub(super) fn start(self, targets: &[f64], weights: &[f64]) -> f64 {
        if let Some(level) = self.renewal() {
            let mut pairs: Vec<_> = targets.iter().copied().zip(weights.iter().copied()).collect();
            return weighted_quantile(&mut pairs, level).unwrap_or(0.0);
        }
        let total: f64 = weights.iter().sum();
        let sum: f64 = targets.iter().zip(weights).map(|(y, w)| y * w).sum();
        let mean = sum / total.max(f64::MIN_POSITIVE);
        match self {
            Self::Logistic => {
                let p = mean.clamp(1e-9, 1.0 - 1e-9);
                (p / (1.0 - p)).ln()
            }
            _ => mean,
        }
    }

    /// Converts a score into the target's own terms.
    pub fn response(self, score: f64) -> f64 {
        if self == Self::Logistic { sigmoid(score) } else { score }
    }
}
