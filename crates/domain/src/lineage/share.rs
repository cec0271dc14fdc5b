//! How much of a work's income goes where.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use rust_decimal::Decimal;

use super::graph::Graph;
use crate::{
    money::{Amount, AssetId},
    split::largest_remainder,
};

/// A part of an income, in units of 10^-18 of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u64);

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(10_u64.pow(18));

    /// Returns the share as a fraction of one, with 18 decimals.
    pub fn as_decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(self.0.into(), 18)
    }
}

impl Graph {
    /// Returns what arrives at each ancestor when `from` has an income of `amount`. The list includes `from` itself,
    /// ascends by id, and leaves out ancestors at which nothing arrives. `None` when the work is not in the graph.
    ///
    /// Every work's income is divided as one sum, children before parents, exactly. A work keeps its income minus what
    /// arrives from it at its parents. Over all works, what they keep sums to `amount`.
    pub fn incomes(&self, from: AssetId, amount: Amount) -> Option<Vec<(AssetId, Amount)>> {
        let start = self.find(from)?;
        // The map is sorted by place, so that the first work in it already has all of its income.
        let mut waiting = BTreeMap::from([(self.place(start), amount.0)]);
        let mut arrived = Vec::new();
        while let Some((place, income)) = waiting.pop_first() {
            let node = self.at(place);
            arrived.push((self.id(node), Amount(income)));
            for (parent, part) in self.parents.of(node).iter().zip(self.passed_on(node, income)) {
                if !part.is_zero() {
                    // All of it is part of `amount`, so the sum fits.
                    *waiting.entry(self.place(*parent)).or_default() += part;
                }
            }
        }
        arrived.retain(|(_, amount)| !amount.is_zero());
        arrived.sort_unstable();
        Some(arrived)
    }

    /// Returns what each parent of a work gets of its income.
    fn passed_on(&self, node: u32, income: U256) -> Vec<U256> {
        let weights: Vec<U256> = self.weights(node).iter().map(|weight| U256::from(*weight)).collect();
        let up = self.upstream(node);
        if weights.iter().all(U256::is_zero) {
            return vec![U256::ZERO; weights.len()];
        }
        // Neither division can fail. The first has weights that sum to 10 000, the second has 32-bit weights that are not
        // all zero.
        let up = largest_remainder(income, &[up.weight(), up.complement().weight()]).map(|parts| parts[0]);
        match (up, weights.as_slice()) {
            (_, []) => Vec::new(),
            (Ok(up), [_]) => vec![up],
            (Ok(up), weights) => largest_remainder(up, weights).unwrap_or_default(),
            (Err(_), _) => Vec::new(),
        }
    }

    /// Returns the share of an ancestor in the income of a work, over all paths: what arrives at the ancestor from an
    /// income of 10^18 units. The work's own share is the whole. The share of a work that is not an ancestor is zero.
    /// `None` when one of the two is not in the graph.
    pub fn share(&self, of: AssetId, ancestor: AssetId) -> Option<Share> {
        self.find(ancestor)?;
        let incomes = self.incomes(of, Amount::from(Share::WHOLE.0))?;
        let at = incomes.binary_search_by_key(&ancestor, |(id, _)| *id).ok();
        Some(at.map_or(Share::default(), |at| Share(incomes[at].1.0.to())))
    }

    /// Returns the share of the last work of a path in the income of the first, over this path alone: the product of what
    /// each step passes on. It is rounded down at each step, so it is too low by less than one unit per step. The whole for
    /// a path of one work. `None` when the works do not form a path from child to parent.
    pub fn share_along(&self, path: &[AssetId]) -> Option<Share> {
        let mut nodes = path.iter().map(|id| self.find(*id));
        let mut node = nodes.next()??;
        let mut share = u128::from(Share::WHOLE.0);
        for next in nodes {
            let next = next?;
            let at = self.parents.of(node).binary_search(&next).ok()?;
            let weights = self.weights(node);
            let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
            // The product fits in 128 bits: its factors have 60, 14 and 32 bits.
            let passed_on = share * u128::from(self.upstream(node).get()) * u128::from(weights[at]);
            share = passed_on.checked_div(10_000 * total).unwrap_or(0);
            node = next;
        }
        u64::try_from(share).ok().map(Share)
    }
}
