//! A factor model of who rates whom negatively, which learns one rating at a time: `log-odds = base + severity(source) +
//! badness(target) + p(source) . q(target)`, by stochastic gradient descent on the cross-entropy (Koren, Bell, Volinsky
//! 2009, with biases).

use learning::statistics::sigmoid;

/// How many numbers describe an account on each side.
const RANK: usize = 8;
const RATE: f64 = 0.15;
const FACTOR_RATE: f64 = 0.08;
const BASE_RATE: f64 = 0.01;
const SHRINK: f64 = 0.01;

#[derive(Clone, Debug, Default)]
struct Side {
    bias: f64,
    factors: [f64; RANK],
}

impl Side {
    /// Creates small numbers that differ between accounts and sides, and are the same in every run.
    fn new(place: usize, salt: u64) -> Self {
        let mut state = (place as u64).wrapping_mul(2).wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let factors = std::array::from_fn(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 / (1u64 << 31) as f64 - 0.5) * 0.4
        });
        Self { bias: 0.0, factors }
    }
}

/// The model so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Factors {
    base: f64,
    sources: Vec<Side>,
    targets: Vec<Side>,
}

/// The model's opinion about a pair, as log-odds of a negative rating.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opinion {
    pub severity: f64,
    pub badness: f64,
    pub affinity: f64,
    pub total: f64,
}

impl Factors {
    /// Returns the opinion about a pair. For accounts that were never seen, it is only the base.
    pub fn opinion(&self, source: Option<usize>, target: Option<usize>) -> Opinion {
        let source = source.and_then(|place| self.sources.get(place));
        let target = target.and_then(|place| self.targets.get(place));
        let (severity, badness) = (source.map_or(0.0, |side| side.bias), target.map_or(0.0, |side| side.bias));
        let affinity = match (source, target) {
            (Some(source), Some(target)) => source.factors.iter().zip(&target.factors).map(|(a, b)| a * b).sum(),
            _ => 0.0,
        };
        Opinion { severity, badness, affinity, total: self.base + severity + badness + affinity }
    }

    pub fn learn(&mut self, source: usize, target: usize, negative: bool) {
        while self.sources.len() <= source.max(target) {
            let place = self.sources.len();
            self.sources.push(Side::new(place, 0));
            self.targets.push(Side::new(place, 1));
        }
        let expected = sigmoid(self.opinion(Some(source), Some(target)).total);
        let error = f64::from(u8::from(negative)) - expected;
        self.base += BASE_RATE * error;
        if let (Some(source), Some(target)) = (self.sources.get_mut(source), self.targets.get_mut(target)) {
            source.bias += RATE * (error - SHRINK * source.bias);
            target.bias += RATE * (error - SHRINK * target.bias);
            for (p, q) in source.factors.iter_mut().zip(&mut target.factors) {
                let (old_p, old_q) = (*p, *q);
                *p += FACTOR_RATE * (error * old_q - SHRINK * old_p);
                *q += FACTOR_RATE * (error * old_p - SHRINK * old_q);
            }
        }
    }
}
