//! The market's records and what the detectors found in them, ready for questions about one account, work or sale.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{U256, U512};
use domain::{Address, Amount, AssetId};
use serde::{Deserialize, Serialize};

use super::{
    rules::{AmountLimits, Limits},
    trade::{Copy, Cycle, Drain, Funding, Payment, Payments, Registration, Transfer, copies, cycles, drains},
};
use crate::digest::Digest;

/// Everything the detectors look at, up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    pub transfers: Vec<Transfer>,
    pub payments: Vec<Payment>,
    pub registrations: Vec<Registration>,
    /// Accounts whose business is to collect, such as the market's own contracts.
    pub trusted: BTreeSet<Address>,
}

/// A purchase paid with the seller's own money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundedSale {
    pub sale: Transfer,
    pub funding: Funding,
}

/// The latest amounts an account paid or was paid for assets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Amounts {
    count: u64,
    sum: U256,
    latest: Vec<(i64, Amount)>,
}

/// Records with findings.
#[derive(Clone, Debug)]
pub struct Market {
    limits: Limits,
    cycles: Vec<Cycle>,
    cycles_of_account: BTreeMap<Address, Vec<usize>>,
    cycles_of_asset: BTreeMap<AssetId, Vec<usize>>,
    cycle_of_transfer: BTreeMap<Key, usize>,
    funded: Vec<FundedSale>,
    funded_of_account: BTreeMap<Address, Vec<usize>>,
    drains: BTreeMap<Address, Drain>,
    copies: BTreeMap<AssetId, Copy>,
    copies_of_account: BTreeMap<Address, usize>,
    amounts: BTreeMap<Address, Amounts>,
    payments: Payments,
    digest: String,
}

/// The key that distinguishes a transfer from all others.
type Key = (AssetId, i64, Address, Address);

fn key(transfer: &Transfer) -> Key {
    (transfer.asset, transfer.time, transfer.from, transfer.to)
}

impl Market {
    /// Runs all detectors. The time is n log n in the number of records.
    pub fn new(records: &Records, limits: Limits) -> Self {
        let transfers = &records.transfers;
        let found = cycles(transfers, &limits.cycles, &limits.cycle_weights);
        let payments = Payments::new(&records.payments);
        let funded: Vec<FundedSale> = transfers
            .iter()
            .filter_map(|sale| Some(FundedSale { sale: *sale, funding: payments.funding(sale, &limits.funding)? }))
            .collect();
        let copied = copies(&records.registrations);
        let emptied = drains(&records.payments, &limits.drains, |account| records.trusted.contains(&account));
        let mut market = Self {
            limits,
            cycles_of_account: BTreeMap::new(),
            cycles_of_asset: BTreeMap::new(),
            cycle_of_transfer: BTreeMap::new(),
            funded_of_account: BTreeMap::new(),
            drains: emptied.into_iter().map(|drain| (drain.account, drain)).collect(),
            copies_of_account: BTreeMap::new(),
            amounts: amounts(transfers, &limits.amounts),
            digest: digest(records),
            cycles: found,
            funded,
            copies: copied.iter().map(|copy| (copy.asset, *copy)).collect(),
            payments,
        };
        market.index(transfers, &copied);
        market
    }

    fn index(&mut self, transfers: &[Transfer], copied: &[Copy]) {
        for (place, cycle) in self.cycles.iter().enumerate() {
            let accounts: BTreeSet<Address> = cycle.accounts.iter().copied().collect();
            accounts.into_iter().for_each(|account| self.cycles_of_account.entry(account).or_default().push(place));
            self.cycles_of_asset.entry(cycle.asset).or_default().push(place);
            for transfer in cycle.transfers.iter().filter_map(|transfer| transfers.get(*transfer)) {
                self.cycle_of_transfer.insert(key(transfer), place);
            }
        }
        for (place, funded) in self.funded.iter().enumerate() {
            for account in [funded.sale.from, funded.sale.to] {
                self.funded_of_account.entry(account).or_default().push(place);
            }
        }
        copied.iter().for_each(|copy| *self.copies_of_account.entry(copy.registrant).or_default() += 1);
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns all cycles with enough weight, by their first transfer.
    pub fn cycles(&self) -> &[Cycle] {
        &self.cycles
    }

    pub fn funded(&self) -> &[FundedSale] {
        &self.funded
    }

    pub fn drain(&self, account: Address) -> Option<&Drain> {
        self.drains.get(&account)
    }

    pub fn drains(&self) -> impl Iterator<Item = &Drain> {
        self.drains.values()
    }

    pub fn copy(&self, asset: AssetId) -> Option<&Copy> {
        self.copies.get(&asset)
    }

    /// Returns how many assets an account registered with somebody else's content.
    pub fn copies_by(&self, account: Address) -> usize {
        self.copies_of_account.get(&account).copied().unwrap_or(0)
    }

    /// Returns the heaviest cycle an account was part of, and how many there were.
    pub fn worst_cycle_of_account(&self, account: Address) -> Option<(&Cycle, usize)> {
        self.worst(self.cycles_of_account.get(&account)?)
    }

    /// Returns the heaviest cycle of an asset, and how many there were.
    pub fn worst_cycle_of_asset(&self, asset: AssetId) -> Option<(&Cycle, usize)> {
        self.worst(self.cycles_of_asset.get(&asset)?)
    }

    fn worst(&self, places: &[usize]) -> Option<(&Cycle, usize)> {
        let cycles = places.iter().filter_map(|place| self.cycles.get(*place));
        Some((cycles.max_by(|a, b| a.log_odds.total_cmp(&b.log_odds))?, places.len()))
    }

    /// Returns the cycle that a transfer belongs to.
    pub fn cycle_of(&self, transfer: &Transfer) -> Option<&Cycle> {
        self.cycles.get(*self.cycle_of_transfer.get(&key(transfer))?)
    }

    /// Returns how a sale, recorded or not, was paid with the seller's own money.
    pub fn funding_of(&self, sale: &Transfer) -> Option<Funding> {
        self.payments.funding(sale, &self.limits.funding)
    }

    /// Returns an account's first purchase that was paid by the seller, or its first sale that it paid itself, and how many
    /// there were.
    pub fn funded_of(&self, account: Address) -> Option<(&FundedSale, usize)> {
        let places = self.funded_of_account.get(&account)?;
        Some((self.funded.get(*places.first()?)?, places.len()))
    }

    pub(super) fn amounts(&self, account: Address) -> Option<&Amounts> {
        self.amounts.get(&account)
    }

    /// Returns the SHA-256 over the records, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Amounts {
    /// Returns how many of the latest amounts are large, and whether the last two were quick.
    pub(super) fn suspects(&self, limits: &AmountLimits) -> (usize, bool) {
        let whole: U512 = self.sum.widening_mul::<256, 4, 512, 8>(U256::from(limits.multiple));
        let large = |amount: &Amount| amount.0.widening_mul::<256, 4, 512, 8>(U256::from(self.count)) > whole;
        let count = self.latest.iter().filter(|(_, amount)| large(amount)).count();
        let mut back = self.latest.iter().rev();
        let quick =
            back.next().zip(back.next()).is_some_and(|(last, before)| last.0.saturating_sub(before.0) < limits.quick);
        (count, quick)
    }
}

fn amounts(transfers: &[Transfer], limits: &AmountLimits) -> BTreeMap<Address, Amounts> {
    let mut order: Vec<(i64, Amount, [Address; 2])> = transfers
        .iter()
        .filter_map(|transfer| Some((transfer.time, transfer.price?, [transfer.from, transfer.to])))
        .collect();
    order.sort_by_key(|sale| sale.0);
    let mut all: BTreeMap<Address, Amounts> = BTreeMap::new();
    for (time, amount, parties) in order {
        for account in parties {
            let entry = all.entry(account).or_default();
            // A sum beyond 256 bits cannot be money, so the amount is left out.
            let Some(sum) = entry.sum.checked_add(amount.0) else { continue };
            (entry.sum, entry.count) = (sum, entry.count + 1);
            if entry.latest.len() >= limits.latest.max(2) {
                entry.latest.remove(0);
            }
            entry.latest.push((time, amount));
        }
    }
    all
}

fn digest(records: &Records) -> String {
    let mut digest = Digest::default();
    for transfer in &records.transfers {
        digest.fixed(transfer.asset.0.to_be_bytes());
        digest.fixed(transfer.from);
        digest.fixed(transfer.to);
        digest.fixed(transfer.time.to_be_bytes());
        digest.fixed([u8::from(transfer.price.is_some())]);
        digest.fixed(transfer.price.unwrap_or_default().0.to_be_bytes::<32>());
    }
    digest.fixed(b"payments");
    for payment in &records.payments {
        digest.fixed(payment.from);
        digest.fixed(payment.to);
        digest.fixed(payment.time.to_be_bytes());
        digest.fixed(payment.amount.0.to_be_bytes::<32>());
    }
    digest.fixed(b"registrations");
    for registration in &records.registrations {
        digest.fixed(registration.asset.0.to_be_bytes());
        digest.fixed(registration.registrant);
        digest.fixed(registration.content.0);
        digest.fixed(registration.time.to_be_bytes());
    }
    digest.fixed(b"trusted");
    records.trusted.iter().for_each(|account| digest.fixed(account));
    digest.hex()
}
