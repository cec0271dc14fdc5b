//! Intervals that cover what they promise, whatever the model is and however the market drifts.
//!
//! Conformalised quantile regression (Romano, Patterson, Candès 2019): an outcome's score says how far it is outside the
//! model's interval, and is negative inside. A margin that covers enough recent scores widens or narrows the next interval.
//! Scores come from a rolling window, and the level adapts to what was covered lately: alpha <- alpha + gamma (1 - coverage -
//! missed) (Gibbs and Candès 2021).

use std::collections::VecDeque;

use crate::statistics::sorted_quantile;

/// Outcomes that become known at once move the level as if there were at most this many.
const AT_ONCE: f64 = 10.0;
/// How many scores are needed before there is a margin.
const FEWEST: usize = 20;

/// The margins of intervals for one coverage, computed from outcomes as they come.
#[derive(Clone, Debug)]
pub struct Conformal {
    /// The share of outcomes that may be missed.
    target: f64,
    /// The share of scores that may be missed at present in order to reach the target.
    alpha: f64,
    /// How fast the level adapts, per outcome.
    gamma: f64,
    /// Scores kept.
    window: usize,
    scores: VecDeque<f64>,
}

impl Conformal {
    /// Creates margins for intervals that cover this share of outcomes, which is limited to 0.01 to 0.99. NaN counts as 0.99.
    pub fn new(coverage: f64) -> Self {
        Self::with_window(coverage, 500, 0.02)
    }

    /// Creates margins over another number of scores, with a level that adapts by `gamma` per outcome.
    pub fn with_window(coverage: f64, window: usize, gamma: f64) -> Self {
        let target = 1.0 - if coverage.is_nan() { 0.99 } else { coverage.clamp(0.01, 0.99) };
        Self { target, alpha: target, gamma, window: window.max(FEWEST), scores: VecDeque::new() }
    }

    /// Returns what to add to the model's interval on both sides. A negative margin narrows it. `None` before enough outcomes
    /// were seen.
    pub fn margin(&self) -> Option<f64> {
        if self.scores.len() < FEWEST {
            return None;
        }
        let mut sorted: Vec<f64> = self.scores.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        // The count is one more than the scores seen, and no score above the largest is expected.
        let count = sorted.len() as f64;
        sorted_quantile(&sorted, ((1.0 - self.alpha) * (count + 1.0) / count).min(1.0))
    }

    /// Learns from outcomes that became known at once: each with the model's interval for it before any margin, and with the
    /// `margin` that was given for all of them. The level moves by their share of misses as if there were at most ten, because
    /// outcomes at one time say less than the same number over time. Outcomes that are not numbers are left out.
    pub fn observe(&mut self, margin: Option<f64>, outcomes: impl IntoIterator<Item = Outcome>) {
        let (mut missed, mut count) = (0.0, 0.0);
        for Outcome { value, low, high } in outcomes {
            let score = (low - value).max(value - high);
            if !score.is_finite() {
                continue;
            }
            count += 1.0;
            missed += f64::from(margin.is_some_and(|margin| score > margin));
            if self.scores.len() == self.window {
                self.scores.pop_front();
            }
            self.scores.push_back(score);
        }
        if margin.is_some() && count > 0.0 {
            let step = self.gamma * f64::min(count, AT_ONCE) * (self.target - missed / count);
            self.alpha = (self.alpha + step).clamp(self.target / 10.0, (self.target * 3.0).min(0.9));
        }
    }

    /// Returns the whole state as numbers: target, alpha, gamma, window, then the scores.
    pub fn numbers(&self) -> Vec<f64> {
        let settings = [self.target, self.alpha, self.gamma, self.window as f64];
        settings.into_iter().chain(self.scores.iter().copied()).collect()
    }

    /// Restores the margins from what `numbers` gave.
    pub fn from_numbers(numbers: &[f64]) -> Option<Self> {
        let ([target, alpha, gamma, window], scores) = numbers.split_first_chunk()?;
        // A fractional window would be rounded, and what is stored would differ from what was read.
        let whole = window.fract() == 0.0;
        let window = *window as usize;
        let shares = (0.005..=0.995).contains(target) && (0.0..=1.0).contains(alpha) && (0.0..=1.0).contains(gamma);
        let finite = scores.iter().all(|score| score.is_finite()) && (FEWEST..=100_000).contains(&window);
        (shares && whole && finite && scores.len() <= window).then(|| Self {
            target: *target,
            alpha: *alpha,
            gamma: *gamma,
            window,
            scores: scores.iter().copied().collect(),
        })
    }
}

/// An outcome, and the interval in which the model expected it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    /// Returns an outcome for which the model always gives the interval -1 to 1.
    fn expected(value: f64) -> Outcome {
        Outcome { value, low: -1.0, high: 1.0 }
    }

    #[test]
    fn a_window_of_part_of_a_score_is_refused() {
        let mut numbers = Conformal::new(0.8).numbers();
        assert!(Conformal::from_numbers(&numbers).is_some());
        numbers[3] += 0.5;
        assert!(Conformal::from_numbers(&numbers).is_none());
    }

    /// Returns the share of outcomes that are covered when the model always gives -1 to 1, and outcomes spread as `spread`
    /// says.
    fn covered(coverage: f64, count: usize, spread: impl Fn(usize) -> f64) -> f64 {
        let mut conformal = Conformal::new(coverage);
        let mut next = noise(7);
        let (mut hits, mut given) = (0, 0);
        for at in 0..count {
            let outcome = (next() + next() + next() - 1.5) * spread(at);
            let margin = conformal.margin();
            if let Some(margin) = margin {
                given += 1;
                hits += usize::from((-1.0 - margin..=1.0 + margin).contains(&outcome));
            }
            conformal.observe(margin, [expected(outcome)]);
        }
        f64::from(u32::try_from(hits).unwrap()) / f64::from(u32::try_from(given).unwrap())
    }

    #[test]
    fn covers_what_it_says_under_drift() {
        for coverage in [0.8, 0.9] {
            for (drift, spread) in [
                ("none", (|_| 1.0) as fn(usize) -> f64),
                ("a jump", |at| if at < 2000 { 1.0 } else { 4.0 }),
                ("growth", |at| 1.0 + at as f64 / 500.0),
                ("a fall", |at| 5.0 / (1.0 + at as f64 / 400.0)),
            ] {
                let share = covered(coverage, 5000, spread);
                assert!((share - coverage).abs() < 0.02, "{drift}: {share} of {coverage}");
            }
        }
    }

    #[test]
    fn says_nothing_before_it_saw_enough_and_skips_what_is_no_number() {
        let mut conformal = Conformal::new(0.9);
        for _ in 0..FEWEST - 1 {
            conformal.observe(conformal.margin(), [expected(0.0)]);
        }
        conformal.observe(None, [f64::NAN, f64::INFINITY].map(expected));
        assert_eq!(conformal.margin(), None);
        conformal.observe(None, [expected(0.5)]);
        assert!(conformal.margin().is_some_and(|margin| (-1.0..=-0.5).contains(&margin)));
    }
}
