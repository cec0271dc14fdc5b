//! Probabilities that come true as often as they say: `log-odds' = offset + slope x log-odds` (Platt 1999), fitted to the
//! latest forecasts whose outcome is known.

use std::collections::VecDeque;

use learning::statistics::sigmoid;

/// How many of the latest outcomes count.
const WINDOW: usize = 2_000;
/// Offset and slope are drawn to 0 and 1 with the weight of this many outcomes, so that few outcomes change little.
const PRIOR: f64 = 20.0;
/// The fit is computed anew after this many outcomes.
const REFIT_EVERY: usize = 50;
const STEPS: usize = 12;
/// Log-odds are limited to this.
const LIMIT: f64 = 12.0;

/// A calibration that follows outcomes as they come.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    outcomes: VecDeque<(f64, f64)>,
    since_fit: usize,
    offset: f64,
    slope: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { outcomes: VecDeque::new(), since_fit: 0, offset: 0.0, slope: 1.0 }
    }
}

impl Calibration {
    /// Returns the calibrated probability of a forecast given as log-odds. NaN counts as even odds.
    pub fn probability(&self, log_odds: f64) -> f64 {
        sigmoid(self.offset + self.slope * limited(log_odds))
    }

    /// Returns how many outcomes it knows, at most the window of 2 000.
    pub fn outcomes(&self) -> usize {
        self.outcomes.len()
    }

    /// Returns offset and slope.
    pub fn line(&self) -> [f64; 2] {
        [self.offset, self.slope]
    }

    /// Learns how a forecast ended.
    pub fn learn(&mut self, log_odds: f64, happened: bool) {
        if self.outcomes.len() == WINDOW {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((limited(log_odds), f64::from(u8::from(happened))));
        self.since_fit += 1;
        if self.since_fit >= REFIT_EVERY {
            self.since_fit = 0;
            self.fit();
        }
    }

    /// Applies Newton's method to the penalised cross-entropy, which is convex in both numbers. Steps are halved as long as
    /// they make it worse.
    fn fit(&mut self) {
        let mut loss = self.loss(self.offset, self.slope);
        for _ in 0..STEPS {
            let (mut ga, mut gb) = (PRIOR * self.offset, PRIOR * (self.slope - 1.0));
            let (mut aa, mut ab, mut bb) = (PRIOR, 0.0, PRIOR);
            for (x, y) in &self.outcomes {
                let p = sigmoid(self.offset + self.slope * x);
                let w = p * (1.0 - p);
                ga += p - y;
                gb += (p - y) * x;
                aa += w;
                ab += w * x;
                bb += w * x * x;
            }
            let determinant = aa * bb - ab * ab;
            let (da, db) = ((bb * ga - ab * gb) / determinant, (aa * gb - ab * ga) / determinant);
            let better = (0..8).map(|half| 0.5_f64.powi(half)).find_map(|step| {
                let (a, b) = (self.offset - step * da, (self.slope - step * db).max(0.05));
                Some((a, b, self.loss(a, b))).filter(|(_, _, new)| *new < loss)
            });
            let Some((a, b, new)) = better else { return };
            let done = loss - new < 1e-9;
            (self.offset, self.slope, loss) = (a, b, new);
            if done {
                return;
            }
        }
    }

    fn loss(&self, offset: f64, slope: f64) -> f64 {
        let penalty = PRIOR * (offset * offset + (slope - 1.0) * (slope - 1.0)) / 2.0;
        let cross = |(x, y): &(f64, f64)| {
            let f = offset + slope * x;
            f.max(0.0) - y * f + (-f.abs()).exp().ln_1p()
        };
        penalty + self.outcomes.iter().map(cross).sum::<f64>()
    }
}

fn limited(log_odds: f64) -> f64 {
    if log_odds.is_nan() { 0.0 } else { log_odds.clamp(-LIMIT, LIMIT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfident_forecasts_are_drawn_back() {
        let mut calibration = Calibration::default();
        // The forecasts say 95 % and 5 %, and are right four times in five.
        for n in 0..2_000 {
            let up = n % 2 == 0;
            calibration.learn(if up { 2.944 } else { -2.944 }, up == (n % 5 != 0));
        }
        let (high, low) = (calibration.probability(2.944), calibration.probability(-2.944));
        assert!((high - 0.8).abs() < 0.01, "{high}");
        assert!((low - 0.2).abs() < 0.01, "{low}");
    }

    #[test]
    fn nothing_known_changes_nothing_and_no_number_breaks_it() {
        let mut calibration = Calibration::default();
        assert!((calibration.probability(1.0) - sigmoid(1.0)).abs() < 1e-12);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e300] {
            for happened in [false, true] {
                (0..100).for_each(|_| calibration.learn(odd, happened));
            }
            let p = calibration.probability(odd);
            assert!((0.0..=1.0).contains(&p), "{odd}: {p}");
        }
    }

    #[test]
    fn it_follows_a_change() {
        let mut calibration = Calibration::default();
        (0..3_000).for_each(|n| calibration.learn(0.0, n % 10 == 0));
        assert!((calibration.probability(0.0) - 0.1).abs() < 0.02);
        (0..3_000).for_each(|n| calibration.learn(0.0, n % 10 != 0));
        assert!((calibration.probability(0.0) - 0.9).abs() < 0.02);
    }
}
