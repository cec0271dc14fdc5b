//! The market's past in the order in which it happened, with fast access to what the features need.

use std::collections::BTreeMap;

use learning::statistics::quantile;

use super::hedonic::Hedonic;
use crate::{
    digest::Digest,
    sales::{Day, Item, Sale},
};

/// Sales below this share of the floor, or above this multiple, say nothing about the worth of works: they were gifts,
/// mistakes or moves between one person's accounts.
pub const LOWEST_RATIO: f64 = 0.25;
pub const HIGHEST_RATIO: f64 = 500.0;

/// Returns whether a sale at this log of price over floor counts.
pub(crate) fn counts(log_ratio: f64) -> bool {
    (LOWEST_RATIO.ln()..=HIGHEST_RATIO.ln()).contains(&log_ratio)
}

/// The level of the quantile of recent prices that is called the floor.
const FLOOR_LEVEL: f64 = 0.1;

/// A sale at a price that counts.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) day: Day,
    pub(crate) item: u64,
    pub(crate) buyer: u64,
    pub(super) traits: Vec<usize>,
    pub(crate) log_price: f64,
    /// The logarithm of the price over the level of that day, which is the price of an item without traits.
    pub(super) premium: f64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// Places in `records`.
    pub(super) sold: Vec<usize>,
    pub(super) bought: Vec<usize>,
}

/// All sales of earlier days. Days are added whole, so that nothing of a day is known on that day.
#[derive(Clone, Debug)]
pub struct History {
    pub(crate) records: Vec<Record>,
    pub(super) hedonic: Hedonic,
    /// Places in `records` by item.
    pub(crate) items: BTreeMap<u64, Vec<usize>>,
    pub(super) accounts: BTreeMap<u64, Account>,
    /// Places in `records` by trait.
    pub(super) by_trait: Vec<Vec<usize>>,
    /// How many different items with the trait were sold.
    pub(super) trait_items: Vec<usize>,
    names: BTreeMap<String, usize>,
    /// Every price above 0, with its day.
    prices: Vec<(Day, f64)>,
    last: Option<Day>,
    /// The hash over all sales added so far, in order.
    digest: [u8; 32],
}

impl Default for History {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            hedonic: Hedonic::new(120.0, 0.5),
            items: BTreeMap::new(),
            accounts: BTreeMap::new(),
            by_trait: Vec::new(),
            trait_items: Vec::new(),
            names: BTreeMap::new(),
            prices: Vec::new(),
            last: None,
            digest: [0; 32],
        }
    }
}

impl History {
    /// Returns how many sales count.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns whether the day is later than all added days.
    pub(super) fn goes_on_with(&self, day: Day) -> bool {
        self.last.is_none_or(|last| last < day)
    }

    /// Adds a whole day. Days that are not later than the last one, and prices that are not positive numbers, are left out.
    pub fn add(&mut self, day: Day, sales: &[Sale]) {
        if !self.goes_on_with(day) {
            return;
        }
        let priced: Vec<&Sale> = sales.iter().filter(|sale| sale.price.is_finite() && sale.price > 0.0).collect();
        let prices: Vec<f64> = priced.iter().map(|sale| sale.price.ln()).collect();
        let floor = self.log_floor(day, 7).or_else(|| quantile(&prices, FLOOR_LEVEL));
        if let Some(last) = self.last {
            self.hedonic.age(day.since(last));
        }
        self.last = Some(day);
        self.extend_digest(sales);
        let Some(floor) = floor else { return };
        let counted = priced.iter().map(|sale| (sale, sale.price.ln())).filter(|(_, price)| counts(price - floor));
        let known: Vec<(&Sale, f64)> = counted.map(|(sale, price)| (*sale, price)).collect();
        self.prices.extend(prices.iter().map(|price| (day, *price)));
        let level = self.level_of(&known);
        for (sale, _) in known {
            self.record(sale, day, level);
        }
        self.hedonic.solve();
    }

    /// Extends the hash of what was added so far: SHA-256(digest before, sales of the day).
    fn extend_digest(&mut self, sales: &[Sale]) {
        let mut digest = Digest::default();
        digest.fixed(self.digest);
        for sale in sales {
            digest.fixed(sale.day.0.to_be_bytes());
            for number in [sale.item.id, sale.seller, sale.buyer, sale.price.to_bits()] {
                digest.fixed(number.to_be_bytes());
            }
            digest.count(sale.item.traits.len());
            sale.item.traits.iter().for_each(|name| digest.part(name));
        }
        self.digest = digest.bytes();
    }

    /// Returns the SHA-256 that identifies everything that was added, in order.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Returns the level of a day that is over: the median over its sales, and over earlier ones if it had fewer than ten.
    fn level_of(&self, sales: &[(&Sale, f64)]) -> f64 {
        let today = sales.iter().map(|(sale, price)| price - self.worth(&sale.item));
        let before =
            self.records.iter().rev().map(|record| self.level(record)).take(10usize.saturating_sub(sales.len()));
        quantile(&today.chain(before).collect::<Vec<_>>(), 0.5).unwrap_or(0.0)
    }

    fn record(&mut self, sale: &Sale, day: Day, level: f64) {
        let place = self.records.len();
        let traits: Vec<usize> = sale.item.traits.iter().map(|name| self.intern(name)).collect();
        let of_item = self.items.entry(sale.item.id).or_default();
        for known in &traits {
            if of_item.is_empty() {
                self.trait_items[*known] += 1;
            }
            self.by_trait[*known].push(place);
        }
        of_item.push(place);
        self.accounts.entry(sale.seller).or_default().sold.push(place);
        self.accounts.entry(sale.buyer).or_default().bought.push(place);
        let log_price = sale.price.ln();
        let premium = log_price - level;
        self.hedonic.observe(&traits, premium);
        self.records.push(Record { day, item: sale.item.id, buyer: sale.buyer, traits, log_price, premium });
    }

    fn intern(&mut self, name: &str) -> usize {
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        let new = self.names.len();
        self.names.insert(name.to_owned(), new);
        self.by_trait.push(Vec::new());
        self.trait_items.push(0);
        new
    }

    /// Returns the worth of the item's traits, as the logarithm of the price over the market's level.
    pub(super) fn worth(&self, item: &Item) -> f64 {
        self.hedonic.worth(&self.known_traits(item))
    }

    /// Returns the numbers of the traits that some sold item had; others are unknown.
    pub(super) fn known_traits(&self, item: &Item) -> Vec<usize> {
        item.traits.iter().filter_map(|name| self.names.get(name).copied()).collect()
    }

    /// Returns the places in `records` from `day - days` on, up to the day before `day`.
    pub(crate) fn window(&self, day: Day, days: i32) -> std::ops::Range<usize> {
        let start = self.records.partition_point(|record| record.day < day.plus(-days));
        start..self.records.partition_point(|record| record.day < day).max(start)
    }

    /// Returns the log of the floor: the low percentile of the prices of the `days` days before `day`, or of the last ten
    /// prices if those days had fewer.
    pub(crate) fn log_floor(&self, day: Day, days: i32) -> Option<f64> {
        let end = self.prices.partition_point(|price| price.0 < day);
        let start = self.prices.partition_point(|price| price.0 < day.plus(-days)).min(end.saturating_sub(10));
        let prices: Vec<f64> = self.prices.get(start..end)?.iter().map(|price| price.1).collect();
        quantile(&prices, FLOOR_LEVEL)
    }

    /// Returns the logarithm of the price that an item at the floor would have had, judging by this record.
    pub(crate) fn level(&self, record: &Record) -> f64 {
        record.log_price - self.hedonic.worth(&record.traits)
    }

    /// Returns the part of a record's premium that its traits, as they are worth today, do not explain.
    pub(super) fn rest(&self, record: &Record) -> f64 {
        record.premium - self.hedonic.worth(&record.traits)
    }
}

/// Returns the median log price of the records at these places. `None` if there are none.
pub(crate) fn median_log_price(history: &History, places: std::ops::Range<usize>) -> Option<f64> {
    let prices: Vec<f64> = history.records.get(places)?.iter().map(|record| record.log_price).collect();
    quantile(&prices, 0.5)
}
