//! The features of an item on a day: numbers that are computed from sales of earlier days alone.

use learning::statistics::{quantile, sorted_quantile};

use super::{
    comparables::{Comparable, Latest, nearest},
    history::{History, Record},
};
use crate::sales::{Day, Item, Sale};

/// The most sales of one item or account that are looked at, so that one that trades all day does not slow anything
/// down.
const MOST_COUNTED: usize = 200;

/// Named numbers. NaN means unknown.
pub type Features = Vec<(&'static str, f64)>;

/// The market on a day, before any sale of that day.
#[derive(Clone, Debug)]
pub struct State {
    pub day: Day,
    /// The natural logarithm of the floor, which says what counts as a sale.
    pub log_floor: f64,
    /// The logarithm of the price of an item without traits, according to the latest sales. All prices are given
    /// relative to it.
    pub level: f64,
    latest: Latest,
    features: Features,
}

impl State {
    /// Returns the state on a day. `None` as long as nothing was sold for a price.
    pub fn on(history: &History, day: Day) -> Option<Self> {
        let log_floor = history.log_floor(day, 7)?;
        let level_of = |records: &[Record]| {
            let levels: Vec<f64> = records.iter().map(|record| history.level(record)).collect();
            quantile(&levels, 0.5)
        };
        let end = history.window(day, 0).start;
        let latest = |count: usize| &history.records[end.saturating_sub(count)..end];
        let within = |days: i32| &history.records[history.window(day, days)];
        let level = level_of(latest(20))?;
        let mut out = Features::new();
        for (name, days) in [("floor 1 day", 1), ("floor 3 days", 3), ("floor 7 days", 7), ("floor 30 days", 30)] {
            out.push((name, relative(history.log_floor(day, days), level)));
        }
        for (name, days) in [("floor change 7 days", 7), ("floor change 30 days", 30)] {
            out.push((name, log_floor - history.log_floor(day.plus(-days), 7).unwrap_or(f64::NAN)));
        }
        for (name, days) in [("sales 1 day", 1), ("sales 7 days", 7), ("sales 30 days", 30)] {
            out.push((name, (within(days).len() as f64).ln_1p()));
        }
        for (name, count) in [("median of 5", 5), ("median of 20", 20), ("median of 50", 50)] {
            let prices: Vec<f64> = latest(count).iter().map(|record| record.log_price).collect();
            out.push((name, relative(quantile(&prices, 0.5), level)));
        }
        let mut week: Vec<f64> = within(7).iter().map(|record| record.log_price).collect();
        week.sort_unstable_by(f64::total_cmp);
        for (name, share) in [("lowest 7 days", 0.02), ("lower quarter 7 days", 0.25), ("upper quarter 7 days", 0.75)] {
            out.push((name, relative(sorted_quantile(&week, share), level)));
        }
        for (name, count) in [("level of 5", 5), ("level of 10", 10), ("level of 50", 50), ("level of 200", 200)] {
            out.push((name, relative(level_of(latest(count)), level)));
        }
        for (name, days) in [("level 1 day", 1), ("level 3 days", 3), ("level 7 days", 7)] {
            out.push((name, relative(level_of(within(days)), level)));
        }
        Some(Self { day, log_floor, level, latest: Latest::before(history, day), features: out })
    }
}

fn relative(value: Option<f64>, to: f64) -> f64 {
    value.map_or(f64::NAN, |value| value - to)
}

/// The parties of a sale, if they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    pub seller: Option<u64>,
    pub buyer: Option<u64>,
}

impl Parties {
    /// Returns the parties of a sale that is still to come. The buyer is not known before it, so no feature
    /// describes the buyer.
    pub(super) fn before(sale: &Sale) -> Self {
        Self { seller: Some(sale.seller), buyer: None }
    }
}

/// Returns the features of an item on the state's day.
pub fn features(history: &History, state: &State, item: &Item, parties: Parties) -> (Features, Vec<Comparable>) {
    let mut out = state.features.clone();
    let traits = history.known_traits(item);
    let near = nearest(history, &state.latest, item, &traits);
    let worth = history.hedonic.worth(&traits);
    out.push(("worth of traits", worth));
    of_traits(history, &traits, &mut out);
    of_comparables(&near, worth, &mut out);
    of_item(history, state, item.id, worth, &mut out);
    of_account(
        history,
        state.day,
        parties.seller,
        [
            "seller's sales",
            "seller's sales 30 days",
            "seller's premium as seller",
            "seller's premium as buyer",
            "seller's last sale's premium",
        ],
        &mut out,
    );
    (out, near)
}

fn of_traits(history: &History, traits: &[usize], out: &mut Features) {
    out.push(("traits", traits.len() as f64));
    let total = history.items.len().max(1) as f64;
    let mut counts: Vec<(usize, usize)> = traits.iter().map(|of| (history.trait_items[*of], *of)).collect();
    counts.sort_unstable();
    out.push(("rarity", counts.iter().map(|(count, _)| (total / (*count).max(1) as f64).ln()).sum()));
    for (name, place) in [("share of rarest trait", 0), ("share of second trait", 1), ("share of third trait", 2)] {
        out.push((name, counts.get(place).map_or(f64::NAN, |(count, _)| (*count as f64 / total).ln())));
    }
    let mut premiums = Vec::new();
    for (place, (_, of)) in counts.iter().enumerate() {
        let sold: Vec<f64> =
            history.by_trait[*of].iter().rev().take(15).map(|at| history.records[*at].premium).collect();
        let Some(median) = quantile(&sold, 0.5) else { continue };
        if place == 0 {
            out.push(("rarest trait's premium", median));
        }
        premiums.push(median);
    }
    if counts.is_empty() {
        out.push(("rarest trait's premium", f64::NAN));
    }
    let mean = premiums.iter().sum::<f64>() / premiums.len() as f64;
    out.push(("mean premium of traits", mean));
    out.push(("highest premium of traits", premiums.iter().copied().reduce(f64::max).unwrap_or(f64::NAN)));
    out.push(("lowest premium of traits", premiums.iter().copied().reduce(f64::min).unwrap_or(f64::NAN)));
}

fn of_comparables(near: &[Comparable], worth: f64, out: &mut Features) {
    let weight: f64 = near.iter().map(|other| other.weight).sum();
    let mean = |of: fn(&Comparable) -> f64| near.iter().map(|other| other.weight * of(other)).sum::<f64>() / weight;
    out.push(("comparables' premium", mean(|other| other.premium)));
    out.push(("comparables' rest", mean(|other| other.rest)));
    out.push(("comparables' weight", weight));
    let best = near.first();
    out.push(("closest's premium", best.map_or(f64::NAN, |other| other.premium)));
    out.push(("closest's likeness", best.map_or(f64::NAN, |other| other.likeness)));
    let rests: Vec<f64> = near.iter().map(|other| other.premium - worth).collect();
    out.push(("spread of comparables", relative(quantile(&rests, 0.75), quantile(&rests, 0.25).unwrap_or(f64::NAN))));
}

fn of_item(history: &History, state: &State, item: u64, worth: f64, out: &mut Features) {
    let places = history.items.get(&item).map_or(&[][..], Vec::as_slice);
    let latest = &places[places.len().saturating_sub(MOST_COUNTED)..];
    let past: Vec<&Record> = latest.iter().map(|at| &history.records[*at]).collect();
    let last = past.last();
    let of_last = |of: &dyn Fn(&Record) -> f64| last.map_or(f64::NAN, |record| of(record));
    out.push(("times sold", past.len() as f64));
    out.push(("days since sold", of_last(&|record| f64::from(state.day.since(record.day)))));
    out.push(("last premium", of_last(&|record| record.premium)));
    out.push(("last premium over worth", of_last(&|record| record.premium - worth)));
    out.push(("last price over level", of_last(&|record| record.log_price - state.level - worth)));
    out.push(("premium before last", past.iter().rev().nth(1).map_or(f64::NAN, |record| record.premium - worth)));
    let premiums = || past.iter().map(|record| record.premium - worth);
    out.push(("mean premium over worth", premiums().sum::<f64>() / past.len() as f64));
    out.push(("highest premium over worth", premiums().reduce(f64::max).unwrap_or(f64::NAN)));
}

/// Adds how an account traded before: how often, and how far above the worth of traits.
fn of_account(history: &History, day: Day, account: Option<u64>, names: [&'static str; 5], out: &mut Features) {
    let account = account.and_then(|account| history.accounts.get(&account));
    let sold = account.map_or(&[][..], |account| account.sold.as_slice());
    let bought = account.map_or(&[][..], |account| account.bought.as_slice());
    let recent =
        sold.iter().rev().take(MOST_COUNTED).take_while(|at| history.records[**at].day >= day.plus(-30)).count();
    let premium = |places: &[usize]| {
        let rests: Vec<f64> = places.iter().rev().take(10).map(|at| history.rest(&history.records[*at])).collect();
        quantile(&rests, 0.5).unwrap_or(f64::NAN)
    };
    let [all, lately, selling, buying, last] = names;
    out.push((all, (sold.len() as f64).ln_1p()));
    out.push((lately, (recent as f64).ln_1p()));
    out.push((selling, premium(sold)));
    out.push((buying, premium(bought)));
    out.push((last, sold.last().map_or(f64::NAN, |at| history.rest(&history.records[*at]))));
}
