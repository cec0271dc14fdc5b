//! A second implementation, as obvious as possible: it follows every path by recursion, in exact fractions, and rounds
//! nothing. The engine rounds each part by less than a unit, so the two must agree within one unit for each flow.

use std::collections::BTreeMap;

use domain::{
    Amount,
    distribution::{Beneficiary, Graph, NodeIndex, Recipient, Work, WorkKey, distribute},
};
use proptest::prelude::*;

use crate::{build::*, properties::works};

/// A fraction in lowest terms.
#[derive(Debug, Clone, Copy)]
struct Fraction(u128, u128);

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Fraction {
    fn times(self, n: u64, d: u64) -> Self {
        let (n, d) = (u128::from(n), u128::from(d));
        let (a, b) = (gcd(self.0, d).max(1), gcd(n, self.1).max(1));
        Self((self.0 / a).checked_mul(n / b).unwrap(), (self.1 / b).checked_mul(d / a).unwrap())
    }
}

/// What each recipient gets, as a list of fractions.
type Shares = BTreeMap<Recipient, Vec<Fraction>>;

struct Reference<'a> {
    works: &'a [Work],
    shares: Shares,
}

impl Reference<'_> {
    fn income(&mut self, node: NodeIndex, income: Fraction) {
        let work = &self.works[node.0 as usize];
        let mut rest = 10_000;
        for group in &work.shared {
            let used: u64 = group.to.iter().map(|(_, used)| used.to::<u64>()).sum();
            rest -= u64::from(group.share.get());
            for (parent, n) in &group.to {
                self.income(*parent, income.times(group.share.get().into(), 10_000).times(n.to(), used));
            }
        }
        let rest = income.times(rest, 10_000);
        let weights =
            work.contributions.iter().map(|c| c.weight).chain(work.cost_edges.iter().map(|(_, weight)| *weight));
        let total: u64 = weights.map(|weight| weight.0.to::<u64>()).sum();
        if total == 0 {
            return self.owners(work, rest);
        }
        for contribution in &work.contributions {
            let part = rest.times(contribution.weight.0.to(), total);
            match contribution.contributor.human() {
                Some(human) => self.shares.entry(human.clone()).or_default().push(part),
                None => self.owners(work, part),
            }
        }
        for (parent, weight) in &work.cost_edges {
            self.income(*parent, rest.times(weight.0.to(), total));
        }
    }

    fn owners(&mut self, work: &Work, amount: Fraction) {
        for (owner, share) in &work.owners {
            let part = amount.times(share.get().into(), 10_000);
            self.shares.entry(Recipient::Account(*owner)).or_default().push(part);
        }
        if let (true, WorkKey::External(url)) = (work.owners.is_empty(), &work.key) {
            let recipient = Recipient::Reserved(Beneficiary::External(url.clone()));
            self.shares.entry(recipient).or_default().push(amount);
        }
    }
}

const AMOUNT: u64 = 1_000_000_000_000;

/// Returns whole units, summed without the fractions. The sum is too low by less than one unit for each path.
fn units(shares: &[Fraction]) -> (u128, u128) {
    let low = shares.iter().map(|Fraction(n, d)| n / d).sum();
    (low, low + shares.len() as u128)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_engine_agrees_with_the_obvious_way(works in works(6)) {
        let graph = Graph::new(works.clone()).unwrap();
        let paid = distribute(&graph, NodeIndex(0), Amount::from(AMOUNT), &NO_FEE).unwrap();
        let mut reference = Reference { works: &works, shares: Shares::new() };
        reference.income(NodeIndex(0), Fraction(AMOUNT.into(), 1));

        let mut engine: BTreeMap<Recipient, u128> = BTreeMap::new();
        engine.extend(paid.payouts.iter().map(|(account, amount)| (Recipient::Account(*account), amount.0.to())));
        engine.extend(paid.reserved.iter().map(|(name, amount)| (Recipient::Reserved(name.clone()), amount.0.to())));
        let tolerance = paid.flows.len() as u128;
        for recipient in reference.shares.keys().chain(engine.keys()) {
            let (low, high) = reference.shares.get(recipient).map_or((0, 0), |shares| units(shares));
            let amount = engine.get(recipient).copied().unwrap_or(0);
            prop_assert!(
                amount + tolerance >= low && amount <= high + tolerance,
                "{recipient}: {amount} instead of {low} to {high}, or {tolerance} more or less"
            );
        }
    }
}

#[test]
fn both_know_the_same_answer() {
    let works = vec![asset(1, 1).by(1, human(2), 1).fixed(1_500, 1), asset(2, 3)];
    let mut reference = Reference { works: &works, shares: Shares::new() };
    reference.income(NodeIndex(0), Fraction(1_000, 1));
    assert_eq!(units(&reference.shares[&Recipient::Account(account(2))]).0, 850);
    assert_eq!(payouts(&run(works, 1_000, &NO_FEE).unwrap()), [(2, 850), (3, 150)]);
}
