//! Comparables: recent sales of items that share traits, rare traits counting more.

use super::history::{History, Record};
use crate::sales::{Day, Item};

/// Sales looked at, newest first.
const LOOKED_AT: usize = 1500;
/// Comparables kept.
const KEPT: usize = 12;
/// A comparable counts half after this many days.
const HALF_LIFE: f64 = 30.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Comparable {
    pub day: Day,
    pub item: u64,
    pub price: f64,
    /// The share of the weight of both items' traits that they have in common, from 0 to 1.
    pub likeness: f64,
    /// Likeness and age together.
    pub weight: f64,
    /// The logarithm of the price over the market's level of its day.
    pub premium: f64,
    /// The part of the premium that its traits do not explain.
    pub rest: f64,
}

/// Returns the weight of a common trait, which is higher the fewer items have the trait.
fn weight(history: &History, of: usize) -> f64 {
    let total = history.items.len().max(1) as f64;
    (1.0 + total / history.trait_items[of].max(1) as f64).ln()
}

/// The sales that are looked at on a day, which are the same for all items.
#[derive(Clone, Debug)]
pub(super) struct Latest {
    /// Place of the first in the history.
    start: usize,
    /// All their traits, ascending.
    traits: Vec<usize>,
    sales: Vec<LatestSale>,
}

#[derive(Clone, Debug)]
struct LatestSale {
    /// Places in `Latest::traits`.
    traits: Vec<usize>,
    /// What its traits weigh together.
    weight: f64,
    /// The share of the weight that is left at its age.
    left: f64,
}

impl Latest {
    pub(super) fn before(history: &History, day: Day) -> Self {
        let end = history.window(day, 0).start;
        let start = end.saturating_sub(LOOKED_AT);
        let records = &history.records[start..end];
        let mut traits: Vec<usize> = records.iter().flat_map(|record| &record.traits).copied().collect();
        traits.sort_unstable();
        traits.dedup();
        let sale = |record: &Record| LatestSale {
            traits: record.traits.iter().filter_map(|of| traits.binary_search(of).ok()).collect(),
            weight: record.traits.iter().map(|of| weight(history, *of)).sum(),
            left: 0.5f64.powf(f64::from(day.since(record.day)) / HALF_LIFE),
        };
        Self { start, sales: records.iter().map(sale).collect(), traits }
    }
}

/// Returns the most similar of the latest sales, best first.
pub(super) fn nearest(history: &History, latest: &Latest, item: &Item, traits: &[usize]) -> Vec<Comparable> {
    let all_mine: f64 = traits.iter().map(|of| weight(history, *of)).sum();
    let mut mine = vec![0.0; latest.traits.len()];
    for of in traits {
        if let Ok(place) = latest.traits.binary_search(of) {
            mine[place] = weight(history, *of);
        }
    }
    let mut found: Vec<(f64, f64, usize)> = Vec::new();
    for (at, sale) in (latest.start..).zip(&latest.sales) {
        let record = &history.records[at];
        let shared: f64 = sale.traits.iter().map(|place| mine[*place]).sum();
        let likeness = if record.item == item.id {
            1.0
        } else {
            shared / (all_mine + sale.weight - shared).max(f64::MIN_POSITIVE)
        };
        if likeness > 0.0 {
            found.push((likeness.powi(4) * sale.left, likeness, at));
        }
    }
    let better = |a: &(f64, f64, usize), b: &(f64, f64, usize)| b.0.total_cmp(&a.0).then(b.2.cmp(&a.2));
    if found.len() > KEPT {
        found.select_nth_unstable_by(KEPT, better);
        found.truncate(KEPT);
    }
    found.sort_unstable_by(better);
    let comparable = |(weight, likeness, at): (f64, f64, usize)| {
        let record = &history.records[at];
        Comparable {
            day: record.day,
            item: record.item,
            price: record.log_price.exp(),
            likeness,
            weight,
            premium: record.premium,
            rest: history.rest(record),
        }
    };
    found.into_iter().map(comparable).collect()
}
