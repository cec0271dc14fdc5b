//! Comparables: recent sales of items that share traits, rare traits counting more.

use super::history::History;
use crate::sales::{Day, Item};

/// Sales looked at, newest first.
const LOOKED_AT: usize = 1500;
/// Comparables kept.
const KEPT: usize = 12;
/// Days after which a comparable counts half.
const HALF_LIFE: f64 = 30.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Comparable {
    pub day: Day,
    pub item: u64,
    pub price: f64,
    /// Share of the weight of both items' traits that they have in common, 0 to 1.
    pub likeness: f64,
    /// Likeness and age together.
    pub weight: f64,
    /// The log of the price over the market's level of its day.
    pub premium: f64,
    /// The part of it that its traits do not explain.
    pub rest: f64,
}

/// The most telling sales before `day`, best first.
pub(super) fn nearest(history: &History, day: Day, item: &Item, traits: &[usize]) -> Vec<Comparable> {
    let end = history.window(day, 0).start;
    let total = history.items.len().max(1) as f64;
    let weight = |of: usize| (1.0 + total / history.trait_items[of].max(1) as f64).ln();
    let mut mine = vec![0.0; history.by_trait.len()];
    for of in traits {
        mine[*of] = weight(*of);
    }
    let all_mine: f64 = traits.iter().map(|of| mine[*of]).sum();
    let mut found: Vec<(f64, f64, usize)> = Vec::new();
    for at in end.saturating_sub(LOOKED_AT)..end {
        let record = &history.records[at];
        let (mut shared, mut theirs) = (0.0, 0.0);
        for of in &record.traits {
            shared += mine[*of];
            theirs += if mine[*of] > 0.0 { mine[*of] } else { weight(*of) };
        }
        let likeness =
            if record.item == item.id { 1.0 } else { shared / (all_mine + theirs - shared).max(f64::MIN_POSITIVE) };
        if likeness > 0.0 {
            let age = f64::from(day.since(record.day)) / HALF_LIFE;
            found.push((likeness.powi(4) * 0.5f64.powf(age), likeness, at));
        }
    }
    found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.2.cmp(&a.2)));
    found.truncate(KEPT);
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
