//! Small payouts are carried until they are large enough to be paid, and nothing is lost.

use std::collections::BTreeMap;

use domain::{
    Address, Amount, U256,
    distribution::{Distribution, DistributionError, Graph, Input, NodeIndex, Options, Work},
};
use proptest::prelude::*;

use crate::{build::*, properties::works};

fn amounts(pairs: &[(u64, u64)]) -> BTreeMap<Address, Amount> {
    pairs.iter().map(|(who, amount)| (account(*who), Amount::from(*amount))).collect()
}

fn divide(works: Vec<Work>, amount: u64, brought: BTreeMap<Address, Amount>, min_payout: u64) -> Distribution {
    let options = Options { min_payout: Amount::from(min_payout), ..NO_FEE };
    let graph = Graph::new(works).unwrap();
    Input { graph, start: NodeIndex(0), amount: Amount::from(amount), brought, options }.distribute().unwrap()
}

#[test]
fn below_the_least_payout_it_is_carried() {
    let work = || vec![asset(1, 9).by(1, human(1), 90).by(2, human(2), 10)];
    let first = divide(work(), 100, BTreeMap::new(), 25);
    assert_eq!((first.payouts, first.carried), (amounts(&[(1, 90)]), amounts(&[(2, 10)])));
    let second = divide(work(), 100, amounts(&[(2, 10)]), 25);
    assert_eq!((second.payouts, second.carried.clone()), (amounts(&[(1, 90)]), amounts(&[(2, 20)])));
    let third = divide(work(), 100, second.carried, 25);
    assert_eq!((third.payouts, third.carried), (amounts(&[(1, 90), (2, 30)]), amounts(&[])));
    assert_eq!(third.brought, amounts(&[(2, 20)]));
    // The flows tell only what was earned in this distribution.
    assert_eq!(third.flows.iter().map(|flow| flow.amount).max(), Some(Amount::from(90_u64)));
    let exactly = divide(work(), 100, amounts(&[(2, 15)]), 25);
    assert_eq!(exactly.payouts, amounts(&[(1, 90), (2, 25)]), "the least payout itself is paid");
}

#[test]
fn what_is_brought_for_others_comes_out_too() {
    let paid = divide(vec![asset(1, 1)], 0, amounts(&[(5, 40), (6, 7), (7, 0)]), 10);
    assert_eq!((paid.payouts, paid.carried), (amounts(&[(5, 40)]), amounts(&[(6, 7)])));
    assert_eq!(paid.brought, amounts(&[(5, 40), (6, 7)]));
    let paid = divide(vec![asset(1, 1)], 3, amounts(&[(5, 40)]), 0);
    assert_eq!((paid.payouts, paid.carried), (amounts(&[(1, 3), (5, 40)]), amounts(&[])));
}

#[test]
fn reserves_are_never_too_small() {
    let paid = divide(vec![asset(1, 1).fixed(100, 1), external("pkg:a")], 100, BTreeMap::new(), 1_000);
    assert_eq!(reserved(&paid), [("external:pkg:a".to_owned(), 1)]);
    assert_eq!((paid.payouts, paid.carried), (amounts(&[]), amounts(&[(1, 99)])));
}

#[test]
fn more_than_256_bits_are_refused() {
    let graph = Graph::new(vec![asset(1, 1)]).unwrap();
    let brought = BTreeMap::from([(account(1), Amount(U256::MAX))]);
    let input = Input { graph, start: NodeIndex(0), amount: Amount::from(1_u64), brought, options: NO_FEE };
    assert_eq!(input.distribute(), Err(DistributionError::BroughtOverflow(account(1))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Income in three currencies comes in any order. Each currency pays and carries as if it were the only one.
    /// Everybody's payouts and what is carried at the end sum to what they earned, and only amounts below the least
    /// payout are carried.
    #[test]
    fn each_currency_is_carried_by_itself(
        works in works(8),
        incomes in prop::collection::vec((0_usize..3, 0_u64..2_000), 1..12),
        min_payout in 0_u64..2_000,
    ) {
        let divide = |amount: u64, brought: &BTreeMap<Address, Amount>, min_payout: u64| {
            divide(works.clone(), amount, brought.clone(), min_payout)
        };
        let add = |sums: &mut BTreeMap<Address, Amount>, more: &BTreeMap<Address, Amount>| {
            for (who, amount) in more {
                let sum = sums.entry(*who).or_default();
                *sum = sum.checked_add(*amount).unwrap();
            }
        };
        let mut carried = vec![BTreeMap::new(); 3];
        let mut paid = vec![BTreeMap::new(); 3];
        let mut earned = vec![BTreeMap::new(); 3];
        for &(currency, amount) in &incomes {
            let result = divide(amount, &carried[currency], min_payout);
            prop_assert!(result.payouts.values().all(|amount| *amount >= Amount::from(min_payout)));
            prop_assert!(result.carried.values().all(|amount| *amount < Amount::from(min_payout)));
            add(&mut paid[currency], &result.payouts);
            carried[currency] = result.carried;
            add(&mut earned[currency], &divide(amount, &BTreeMap::new(), 0).payouts);
        }
        for currency in 0..3 {
            let alone = incomes.iter().filter(|(of, _)| *of == currency);
            let last = alone.fold(BTreeMap::new(), |before, (_, amount)| divide(*amount, &before, min_payout).carried);
            prop_assert_eq!(&last, &carried[currency]);
            let mut all = paid[currency].clone();
            add(&mut all, &carried[currency]);
            prop_assert_eq!(&all, &earned[currency]);
        }
    }
}
