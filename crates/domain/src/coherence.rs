//! How well a contribution fits its work, and the weight that follows (rules, section 1).
//!
//! ```text
//! coherence     = .20 code quality + .20 architecture alignment + .15 value added + .15 test coverage
//!               + .10 documentation + .10 network + .10 novelty          (each input in [0, 1])
//! multiplier    = 0.5 + coherence                                        (0.5 to 1.5)
//! weighted cost = cost x multiplier
//! ```

use std::fmt;

use alloy_primitives::U256;
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero};
use serde::{Deserialize, Serialize};

use crate::{money, split::proportion};

/// What was measured about a contribution, each value in [0, 1]. `None` means that it was not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inputs {
    /// Quality of the code or of the craft.
    pub code_quality: Option<Decimal>,
    /// How well it fits the shape of the work.
    pub architecture_alignment: Option<Decimal>,
    /// What it adds for users.
    pub value_add: Option<Decimal>,
    /// How much of it is tested.
    pub test_coverage: Option<Decimal>,
    /// How well it is explained.
    pub documentation: Option<Decimal>,
    /// How connected the work is: see [`network`].
    pub network: Option<Decimal>,
    /// 1 minus the highest similarity to any earlier asset of the catalogue.
    pub novelty: Option<Decimal>,
}

/// A score and how much of it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coherence {
    /// The score, in [0, 1].
    pub score: Decimal,
    /// The share of weight that was measured, in [0, 1]; the rest was taken as 0.5.
    pub confidence: Decimal,
}

/// An input is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}: it must lie between 0 and 1")]
pub struct OutOfRange {
    /// The input's name.
    pub name: &'static str,
    /// What it was.
    pub value: Decimal,
}

impl Inputs {
    /// Computes the coherence. A missing input counts as 0.5 and lowers the confidence by its weight.
    ///
    /// # Errors
    /// When an input lies outside [0, 1].
    pub fn coherence(&self) -> Result<Coherence, OutOfRange> {
        let half = Decimal::new(5, 1);
        let mut score = Decimal::ZERO;
        let mut confidence = Decimal::ZERO;
        for (name, hundredths, input) in self.weighted() {
            let weight = Decimal::new(hundredths, 2);
            if let Some(value) = input {
                if value < Decimal::ZERO || value > Decimal::ONE {
                    return Err(OutOfRange { name, value });
                }
                confidence += weight;
            }
            score += weight * input.unwrap_or(half);
        }
        Ok(Coherence { score: score.min(Decimal::ONE).normalize(), confidence: confidence.normalize() })
    }

    /// Returns each input with its name and its weight in hundredths, in the order of the rules; the weights sum to 100.
    pub fn weighted(&self) -> [(&'static str, i64, Option<Decimal>); 7] {
        [
            ("code_quality", 20, self.code_quality),
            ("architecture_alignment", 20, self.architecture_alignment),
            ("value_add", 15, self.value_add),
            ("test_coverage", 15, self.test_coverage),
            ("documentation", 10, self.documentation),
            ("network", 10, self.network),
            ("novelty", 10, self.novelty),
        ]
    }
}

impl Coherence {
    /// Returns the factor by which the cost is multiplied: `0.5 + score`, from 0.5 to 1.5.
    pub fn multiplier(&self) -> Decimal {
        Decimal::new(5, 1) + self.score
    }
}

/// Returns the Herfindahl-Hirschman index of concentration: the sum of squared shares, from 1/n (all shares are equal)
/// to 1 (one share is the whole). `None` when there is no weight at all.
pub fn hhi(weights: &[Weight]) -> Option<Decimal> {
    let total = weights.iter().try_fold(U256::ZERO, |sum, weight| sum.checked_add(weight.0))?;
    if total.is_zero() {
        return None;
    }
    // Shares are taken to 18 decimals: each is at most 1, and so are its square and the sum of the squares.
    let scale = U256::from(10_u64.pow(18));
    let shares = weights.iter().map(|weight| proportion(scale, weight.0, total).0.to::<i64>());
    Some(shares.map(|share| Decimal::new(share, 18)).map(|share| share * share).sum())
}

/// Returns the network input: the mean of `min(1, downstream assets / 10)` and `1 - HHI` of the asset's contributors by
/// weighted cost. `weights` holds one entry per contributor; `None` when there is no weight at all.
pub fn network(downstream_assets: u64, weights: &[Weight]) -> Option<Decimal> {
    let reach = Decimal::new(downstream_assets.min(10) as i64, 1);
    let diversity = Decimal::ONE - hhi(weights)?;
    Some((reach + diversity) / Decimal::TWO)
}

/// Returns the coherence assumed for a commit of which only the push is known: 0.5, and 0.2 more when it touches tests.
pub fn hint_for_commit(touches_tests: bool) -> Decimal {
    Decimal::new(if touches_tests { 7 } else { 5 }, 1)
}

/// A cost or multiplier is below zero, so there is no weight.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a weight of cost {cost} x multiplier {multiplier} is negative")]
pub struct NegativeWeight {
    /// The cost given.
    pub cost: Decimal,
    /// The multiplier given.
    pub multiplier: Decimal,
}

/// The weight of a contribution or of an edge in a division: its weighted cost in units of 10^-12. A decimal string in
/// JSON. A weight only has a meaning in comparison with other weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weight(#[serde(with = "money::decimal")] pub U256);

impl Weight {
    /// The weight zero.
    pub const ZERO: Self = Self(U256::ZERO);

    /// Returns `cost x multiplier`. Each of the two is first rounded to 6 decimals, halves away from zero; their product
    /// is then a whole number of 10^-12, and nothing is ever divided. It cannot overflow, because the two decimals have
    /// 96 bits each.
    ///
    /// # Errors
    /// When either is negative.
    ///
    /// ```
    /// use domain::coherence::Weight;
    /// let weight = Weight::new("100".parse().unwrap(), "1.4".parse().unwrap()).unwrap();
    /// assert_eq!(weight.to_string(), "140000000000000");
    /// ```
    pub fn new(cost: Decimal, multiplier: Decimal) -> Result<Self, NegativeWeight> {
        match (millionths(cost), millionths(multiplier)) {
            (Some(a), Some(b)) => Ok(Self(a * b)),
            _ => Err(NegativeWeight { cost, multiplier }),
        }
    }

    /// Creates the weight of a cost whose coherence is not in question, such as that of an edge: a multiplier of 1.
    ///
    /// # Errors
    /// When the cost is negative.
    pub fn of_cost(cost: Decimal) -> Result<Self, NegativeWeight> {
        Self::new(cost, Decimal::ONE)
    }
}

/// Returns the value in 10^-6, rounded; `None` below zero.
fn millionths(value: Decimal) -> Option<U256> {
    let rounded = value.round_dp_with_strategy(6, MidpointAwayFromZero);
    let mantissa = u128::try_from(rounded.mantissa()).ok()?;
    Some(U256::from(mantissa) * U256::from(10_u32.pow(6 - rounded.scale())))
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn equal(count: usize) -> Vec<Weight> {
        vec![Weight(U256::from(7)); count]
    }

    #[test]
    fn nothing_measured_is_a_half_without_confidence() {
        let coherence = Inputs::default().coherence().unwrap();
        assert_eq!((coherence.score, coherence.confidence), (dec("0.5"), dec("0")));
        assert_eq!(coherence.multiplier(), Decimal::ONE);
    }

    #[test]
    fn weights_are_those_of_the_rules() {
        let one = Some(Decimal::ONE);
        let all = |value| Inputs {
            code_quality: value,
            architecture_alignment: value,
            value_add: value,
            test_coverage: value,
            documentation: value,
            network: value,
            novelty: value,
        };
        let best = all(one).coherence().unwrap();
        assert_eq!((best.score, best.confidence, best.multiplier()), (dec("1"), dec("1"), dec("1.5")));
        let worst = all(Some(Decimal::ZERO)).coherence().unwrap();
        assert_eq!((worst.score, worst.multiplier()), (dec("0"), dec("0.5")));

        let zero = all(Some(Decimal::ZERO));
        for (inputs, weight) in [
            (Inputs { code_quality: one, ..zero }, "0.2"),
            (Inputs { architecture_alignment: one, ..zero }, "0.2"),
            (Inputs { value_add: one, ..zero }, "0.15"),
            (Inputs { test_coverage: one, ..zero }, "0.15"),
            (Inputs { documentation: one, ..zero }, "0.1"),
            (Inputs { network: one, ..zero }, "0.1"),
            (Inputs { novelty: one, ..zero }, "0.1"),
        ] {
            assert_eq!(inputs.coherence().unwrap().score, dec(weight));
        }
        let some = Inputs { test_coverage: Some(dec("0.9")), ..Inputs::default() }.coherence().unwrap();
        assert_eq!((some.score, some.confidence), (dec("0.56"), dec("0.15")));
    }

    #[test]
    fn inputs_out_of_range_are_named() {
        for value in ["-0.01", "1.01"] {
            let inputs = Inputs { novelty: Some(dec(value)), ..Inputs::default() };
            assert_eq!(inputs.coherence(), Err(OutOfRange { name: "novelty", value: dec(value) }));
        }
    }

    #[test]
    fn concentration_and_network() {
        assert_eq!(hhi(&[]), None);
        assert_eq!(hhi(&[Weight::ZERO]), None);
        assert_eq!(hhi(&equal(1)), Some(dec("1")));
        assert_eq!(hhi(&equal(4)), Some(dec("0.25")));
        assert_eq!(network(0, &equal(1)), Some(dec("0")));
        assert_eq!(network(5, &equal(4)), Some(dec("0.625")));
        assert_eq!(network(1_000, &equal(2)), Some(dec("0.75")));
        assert_eq!(network(3, &[]), None);
    }

    #[test]
    fn a_push_hints_at_coherence() {
        assert_eq!((hint_for_commit(false), hint_for_commit(true)), (dec("0.5"), dec("0.7")));
    }

    #[test]
    fn weights_are_exact() {
        let weight = |cost, multiplier| Weight::new(dec(cost), dec(multiplier)).unwrap().to_string();
        assert_eq!(weight("100", "1.4"), "140000000000000");
        assert_eq!(weight("0.0105", "1"), "10500000000");
        assert_eq!(weight("0.0000005", "1"), "1000000", "half a millionth rounds up");
        assert_eq!(weight("0.00000049", "1"), "0");
        assert_eq!(weight("1", "0.1234565"), "123457000000");
        assert!(Weight::new(Decimal::MAX, Decimal::MAX).is_ok());
        assert!(Weight::new(dec("-0.01"), Decimal::ONE).is_err());
        assert_eq!(Weight::of_cost(dec("2")), Weight::new(dec("1"), dec("2")));
    }
}
