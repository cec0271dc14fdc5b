//! Finds accounts that many pay within a short time, and whose money then leaves at once to few. Fraud often collects in
//! this way.

use std::collections::{BTreeMap, VecDeque};

use domain::{Address, Amount};
use serde::{Deserialize, Serialize};

use super::{Payment, at_least};

/// What counts as fan-in and drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainLimits {
    /// Different payers at least.
    pub payers: usize,
    /// The number of seconds within which they pay and the money leaves.
    pub seconds: i64,
    /// At least this part of what came in leaves, in basis points.
    pub share: u64,
    /// It goes to at most this many receivers.
    pub receivers: usize,
}

/// An account that was paid and drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    pub account: Address,
    /// When it was empty, in seconds since 1970.
    pub time: i64,
    pub payers: usize,
    pub came: Amount,
    pub left: Amount,
    pub receivers: Vec<Address>,
}

/// Returns the accounts that were drained, ascending, each with the first time. `trusted` tells accounts whose business is
/// to collect, such as the market's own contracts. The time is n log n in the number of payments.
pub fn drains(payments: &[Payment], limits: &DrainLimits, trusted: impl Fn(Address) -> bool) -> Vec<Drain> {
    let mut order: Vec<&Payment> = payments.iter().filter(|payment| payment.from != payment.to).collect();
    order.sort_by_key(|payment| payment.time);
    let mut flows: BTreeMap<Address, Flow> = BTreeMap::new();
    let mut found: BTreeMap<Address, Drain> = BTreeMap::new();
    for payment in order {
        flows.entry(payment.to).or_default().came(payment, limits);
        let flow = flows.entry(payment.from).or_default();
        if let Some(drain) = flow.left(payment, limits).filter(|drain| !trusted(drain.account)) {
            found.entry(drain.account).or_insert(drain);
        }
    }
    found.into_values().collect()
}

/// What went in and out of an account within the time window.
#[derive(Default)]
struct Flow {
    came: Window,
    left: Window,
}

#[derive(Default)]
struct Window {
    payments: VecDeque<(i64, Address, Amount)>,
    others: BTreeMap<Address, usize>,
    sum: Amount,
}

impl Window {
    fn push(&mut self, time: i64, other: Address, amount: Amount) {
        // A sum beyond 256 bits cannot be money, so it is left unchanged.
        let Some(sum) = self.sum.checked_add(amount) else { return };
        self.sum = sum;
        self.payments.push_back((time, other, amount));
        *self.others.entry(other).or_default() += 1;
    }

    fn forget(&mut self, before: i64) {
        while let Some((_, other, amount)) = self.payments.pop_front_if(|payment| payment.0 < before) {
            self.sum = self.sum.checked_sub(amount).unwrap_or_default();
            if let Some(count) = self.others.get_mut(&other) {
                *count -= 1;
                if *count == 0 {
                    self.others.remove(&other);
                }
            }
        }
    }
}

impl Flow {
    fn came(&mut self, payment: &Payment, limits: &DrainLimits) {
        self.came.forget(payment.time.saturating_sub(limits.seconds));
        self.came.push(payment.time, payment.from, payment.amount);
    }

    fn left(&mut self, payment: &Payment, limits: &DrainLimits) -> Option<Drain> {
        let before = payment.time.saturating_sub(limits.seconds);
        self.came.forget(before);
        self.left.forget(before);
        self.left.push(payment.time, payment.to, payment.amount);
        let (payers, receivers) = (self.came.others.len(), self.left.others.len());
        let enough = payers >= limits.payers && receivers <= limits.receivers;
        (enough && at_least(self.left.sum, self.came.sum, limits.share)).then(|| Drain {
            account: payment.from,
            time: payment.time,
            payers,
            came: self.came.sum,
            left: self.left.sum,
            receivers: self.left.others.keys().copied().collect(),
        })
    }
}
