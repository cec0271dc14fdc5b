//! Finds purchases that were paid with the seller's own money, which goes from the seller to the buyer before the sale or back
//! after it, directly or through one account in between.

use std::collections::BTreeMap;

use domain::{Address, Amount};
use serde::{Deserialize, Serialize};

use super::{Payment, Transfer, at_least};

/// What counts as funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingLimits {
    /// The most seconds between payment and sale, and between two payments.
    pub seconds: i64,
    /// The payment is at least this many basis points of the price, and the price is at least this many basis points of the
    /// payment.
    pub share: u64,
    /// How many payments of an account are looked at, latest first.
    pub looked_at: usize,
}

/// How a purchase was funded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Funding {
    /// The seller paid the buyer before the sale.
    Advance,
    /// The seller paid the buyer back after it.
    Refund,
    /// Either of them through another account.
    Through(Address),
}

/// Payments by receiver, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Payments {
    to: BTreeMap<Address, Vec<Payment>>,
}

impl Payments {
    pub fn new(payments: &[Payment]) -> Self {
        let mut to: BTreeMap<Address, Vec<Payment>> = BTreeMap::new();
        payments.iter().for_each(|payment| to.entry(payment.to).or_default().push(*payment));
        to.values_mut().for_each(|received| received.sort_by_key(|payment| payment.time));
        Self { to }
    }

    /// Returns how the seller's money paid for a sale, if it did. `None` for what was not sold.
    pub fn funding(&self, sale: &Transfer, limits: &FundingLimits) -> Option<Funding> {
        let price = sale.price.filter(|price| !price.is_zero())?;
        let from = sale.time.saturating_sub(limits.seconds);
        let until = sale.time.saturating_add(limits.seconds);
        for payment in
            self.received(sale.to, from, until, limits).filter(|payment| alike(payment.amount, price, limits))
        {
            if payment.from == sale.from {
                return Some(if payment.time <= sale.time { Funding::Advance } else { Funding::Refund });
            }
            let before = payment.time.saturating_sub(limits.seconds);
            let through = self
                .received(payment.from, before, payment.time, limits)
                .any(|first| first.from == sale.from && alike(first.amount, price, limits));
            if through {
                return Some(Funding::Through(payment.from));
            }
        }
        None
    }

    fn received(
        &self,
        account: Address,
        from: i64,
        until: i64,
        limits: &FundingLimits,
    ) -> impl Iterator<Item = &Payment> {
        let all = self.to.get(&account).map_or(&[][..], Vec::as_slice);
        let end = all.partition_point(|payment| payment.time <= until);
        let looked_at = limits.looked_at;
        all.get(..end).unwrap_or(&[]).iter().rev().take(looked_at).take_while(move |payment| payment.time >= from)
    }
}

fn alike(amount: Amount, price: Amount, limits: &FundingLimits) -> bool {
    at_least(amount, price, limits.share) && at_least(price, amount, limits.share)
}
