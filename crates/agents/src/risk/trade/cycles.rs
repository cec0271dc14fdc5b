//! Finds assets that come back to an account that sold them.
//!
//! An owner to whom an asset returns within few hops and a short time may have sold it to itself. How likely depends on the
//! prices (did anybody earn or lose?), the time, and whether the same accounts do it again and again.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Address, Amount, AssetId};
use serde::{Deserialize, Serialize};

use super::{Transfer, close};

/// What counts as a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleLimits {
    /// The most transfers of a cycle.
    pub hops: usize,
    /// The most seconds between its first and last transfer.
    pub seconds: i64,
    /// A cycle within this many seconds is quick.
    pub quick: i64,
    /// Prices that differ by at most this many basis points count as the same.
    pub tolerance: u64,
}

/// The weight of each circumstance, in log-odds of a wash trade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CycleWeights {
    /// The weight of any cycle.
    pub base: f64,
    /// The prices of its sales are all the same.
    pub flat: f64,
    /// It was sold, and came back for nothing.
    pub free_return: f64,
    pub quick: f64,
    /// The weight of each other cycle of the same accounts within the time of a cycle, up to three.
    pub repeated: f64,
    /// All of its accounts trade mostly among themselves.
    pub closed: f64,
    /// Cycles with at least these log-odds are reported.
    pub threshold: f64,
}

/// An asset's way back to an earlier owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cycle {
    pub asset: AssetId,
    /// The places of its transfers in the list, in the order of time.
    pub transfers: Vec<usize>,
    /// The accounts it went through, beginning with the one it returned to.
    pub accounts: Vec<Address>,
    /// Seconds between first and last transfer.
    pub seconds: i64,
    /// When the last transfer happened, in seconds since 1970.
    pub ended: i64,
    pub flat: bool,
    pub free_return: bool,
    pub quick: bool,
    /// Other cycles of the same accounts that ended within the time of a cycle.
    pub repeated: usize,
    pub closed: bool,
    /// Log-odds of a wash trade.
    pub log_odds: f64,
}

/// Returns the cycles with enough weight, by their first transfer. Transfers may come in any order; within one second, the
/// given order counts. The time is n log n in the number of transfers.
pub fn cycles(transfers: &[Transfer], limits: &CycleLimits, weights: &CycleWeights) -> Vec<Cycle> {
    let mut chains: BTreeMap<AssetId, Vec<usize>> = BTreeMap::new();
    for (place, transfer) in transfers.iter().enumerate() {
        chains.entry(transfer.asset).or_default().push(place);
    }
    let mut found: Vec<Cycle> = Vec::new();
    for chain in chains.values_mut() {
        chain.sort_by_key(|place| transfers.get(*place).map(|transfer| transfer.time));
        (0..chain.len()).filter_map(|end| close_at(transfers, chain, end, limits)).for_each(|cycle| found.push(cycle));
    }
    let habits = Habits::new(transfers, &found);
    for cycle in &mut found {
        habits.weigh(cycle, limits.seconds, weights);
    }
    found.retain(|cycle| cycle.log_odds >= weights.threshold);
    found.sort_by(|a, b| a.transfers.cmp(&b.transfers));
    found
}

/// Returns the shortest cycle that ends with transfer `end` of an asset's chain.
fn close_at(transfers: &[Transfer], chain: &[usize], end: usize, limits: &CycleLimits) -> Option<Cycle> {
    let at = |index: usize| transfers.get(*chain.get(index)?);
    let last = at(end)?;
    let mut sender = last.from;
    if sender == last.to {
        return None;
    }
    for start in (end.saturating_sub(limits.hops.saturating_sub(1))..end).rev() {
        let first = at(start)?;
        // The chain must be connected: every sender must have received the asset.
        if first.to != sender || last.time.checked_sub(first.time)? > limits.seconds {
            return None;
        }
        sender = first.from;
        if sender == last.to {
            let legs: Vec<&Transfer> = (start..=end).filter_map(at).collect();
            let places = chain.get(start..=end)?.to_vec();
            return judge(&legs, places, limits);
        }
    }
    None
}

/// Returns the cycle of these transfers, unless nothing was sold in it, because moving an asset between one's own wallets
/// is not trade.
fn judge(legs: &[&Transfer], transfers: Vec<usize>, limits: &CycleLimits) -> Option<Cycle> {
    let (first, last) = (legs.first()?, legs.last()?);
    let prices: Vec<Amount> = legs.iter().filter_map(|leg| leg.price).filter(|price| !price.is_zero()).collect();
    let (low, high) = (*prices.iter().min()?, *prices.iter().max()?);
    let seconds = last.time - first.time;
    Some(Cycle {
        asset: first.asset,
        transfers,
        accounts: legs.iter().map(|leg| leg.from).collect(),
        seconds,
        ended: last.time,
        flat: prices.len() > 1 && close(low, high, limits.tolerance),
        free_return: prices.len() < legs.len(),
        quick: seconds <= limits.quick,
        repeated: 0,
        closed: false,
        log_odds: 0.0,
    })
}

/// What accounts do otherwise.
struct Habits {
    /// When cycles ended, ascending, by their accounts.
    circles: BTreeMap<Vec<Address>, Vec<i64>>,
    /// By account: transfers, and those of them that belong to a cycle.
    trades: BTreeMap<Address, (usize, usize)>,
}

impl Habits {
    fn new(transfers: &[Transfer], cycles: &[Cycle]) -> Self {
        let mut circles: BTreeMap<Vec<Address>, Vec<i64>> = BTreeMap::new();
        let mut trades: BTreeMap<Address, (usize, usize)> = BTreeMap::new();
        let within: BTreeSet<usize> = cycles.iter().flat_map(|cycle| cycle.transfers.iter().copied()).collect();
        let parties: BTreeSet<Address> = cycles.iter().flat_map(|cycle| cycle.accounts.iter().copied()).collect();
        for (place, transfer) in transfers.iter().enumerate() {
            for account in [transfer.from, transfer.to].into_iter().filter(|account| parties.contains(account)) {
                let entry = trades.entry(account).or_default();
                entry.0 += 1;
                entry.1 += usize::from(within.contains(&place));
            }
        }
        cycles.iter().for_each(|cycle| circles.entry(circle(cycle)).or_default().push(cycle.ended));
        circles.values_mut().for_each(|times| times.sort_unstable());
        Self { circles, trades }
    }

    fn weigh(&self, cycle: &mut Cycle, seconds: i64, weights: &CycleWeights) {
        let times = self.circles.get(&circle(cycle)).map_or(&[][..], Vec::as_slice);
        let first = times.partition_point(|time| *time < cycle.ended.saturating_sub(seconds));
        let end = times.partition_point(|time| *time <= cycle.ended.saturating_add(seconds));
        cycle.repeated = (end - first).saturating_sub(1);
        let mostly = |account: &Address| self.trades.get(account).is_some_and(|(all, within)| within * 2 >= *all);
        cycle.closed = cycle.accounts.iter().all(mostly);
        let counted = |holds: bool, weight: f64| if holds { weight } else { 0.0 };
        cycle.log_odds = weights.base
            + counted(cycle.flat, weights.flat)
            + counted(cycle.free_return, weights.free_return)
            + counted(cycle.quick, weights.quick)
            + counted(cycle.closed, weights.closed)
            + weights.repeated * cycle.repeated.min(3) as f64;
    }
}

/// Returns the accounts of a cycle, independent of who began it.
fn circle(cycle: &Cycle) -> Vec<Address> {
    let set: BTreeSet<Address> = cycle.accounts.iter().copied().collect();
    set.into_iter().collect()
}
