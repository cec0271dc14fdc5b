//! The rules of risk, in the form that the detectors use.

use metta::Atom;

use super::trade::{CycleLimits, CycleWeights, DrainLimits, FundingLimits};
use crate::rules::{RuleBase, RuleError};

const DAY: f64 = 86_400.0;

/// The limits and weights of the detectors, which are read from the rule base once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub cycles: CycleLimits,
    pub cycle_weights: CycleWeights,
    pub funding: FundingLimits,
    pub drains: DrainLimits,
    pub amounts: AmountLimits,
}

/// When amounts are suspicious.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountLimits {
    /// How many of the latest amounts are looked at.
    pub latest: usize,
    /// An amount is large above this many times the mean.
    pub multiple: u64,
    /// The last two amounts are quick if they are less than this many seconds apart.
    pub quick: i64,
}

/// Returns the number of a rule such as `(round-trip hops)`.
pub(super) fn number(rules: &RuleBase, about: &str, what: &str) -> Result<f64, RuleError> {
    rules.number(&[Atom::symbol(about), Atom::symbol(what)])
}

impl Limits {
    /// Reads the limits and weights from the rule base.
    ///
    /// # Errors
    /// When the rule base lacks a number.
    pub fn read(rules: &RuleBase) -> Result<Self, RuleError> {
        let trip = |what| number(rules, "round-trip", what);
        let weight = |what| number(rules, "round-trip-weight", what);
        let funding = |what| number(rules, "funding", what);
        let drain = |what| number(rules, "drain", what);
        let amounts = |what| number(rules, "amounts", what);
        Ok(Self {
            cycles: CycleLimits {
                hops: trip("hops")? as usize,
                seconds: (trip("days")? * DAY) as i64,
                quick: (trip("quick-days")? * DAY) as i64,
                tolerance: trip("same-price-points")? as u64,
            },
            cycle_weights: CycleWeights {
                base: weight("any")?,
                flat: weight("flat")?,
                free_return: weight("free-return")?,
                quick: weight("quick")?,
                repeated: weight("repeated")?,
                closed: weight("closed")?,
                threshold: weight("threshold")?,
            },
            funding: FundingLimits {
                seconds: (funding("days")? * DAY) as i64,
                share: funding("share-points")? as u64,
                looked_at: funding("looked-at")? as usize,
            },
            drains: DrainLimits {
                payers: drain("payers")? as usize,
                seconds: (drain("days")? * DAY) as i64,
                share: drain("share-points")? as u64,
                receivers: drain("receivers")? as usize,
            },
            amounts: AmountLimits {
                latest: amounts("latest")? as usize,
                multiple: amounts("multiple")? as u64,
                quick: amounts("quick-seconds")? as i64,
            },
        })
    }
}
