//! The engine and the [obvious] implementation pay the same, to the unit, on small graphs of every shape and on
//! large ones.

use std::{collections::BTreeMap, thread};

use domain::{
    Address, Amount, BasisPoints, U256,
    distribution::{Distribution, DistributionError, Graph, Input, NodeIndex, Options, Policy, Work, distribute},
};
use proptest::prelude::*;

use crate::{
    build::*,
    differential::Numbers,
    obvious::{self, Answer, Failure},
    properties::{conserved, options, works},
};

fn answer(paid: &Distribution) -> Answer {
    let amounts = |amounts: &BTreeMap<Address, Amount>| amounts.iter().map(|(who, amount)| (*who, amount.0)).collect();
    Answer {
        fee: paid.fee.0,
        payouts: amounts(&paid.payouts),
        reserved: paid.reserved.iter().map(|(who, amount)| (who.clone(), amount.0)).collect(),
        carried: amounts(&paid.carried),
    }
}

/// Asserts that both implementations agree, and that nothing is lost.
fn agree(works: Vec<Work>, amount: U256, brought: BTreeMap<Address, Amount>, options: Options) {
    let expected = obvious::divide(&works, amount, &brought, &options);
    let graph = Graph::new(works).unwrap();
    let input = Input { graph, start: NodeIndex(0), amount: Amount(amount), brought, options };
    match input.distribute() {
        Ok(paid) => {
            conserved(&input.graph, &paid);
            assert_eq!(Ok(answer(&paid)), expected);
        }
        Err(DistributionError::NoOwner { .. }) => assert_eq!(expected, Err(Failure::NoOwner)),
        Err(DistributionError::Cycle(_)) => assert_eq!(expected, Err(Failure::Cycle)),
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn on_small_graphs(
        works in works(14),
        options in options(),
        amount in prop_oneof![0_u64..1_000, any::<u64>()],
        min_payout in prop_oneof![Just(0), 0_u64..100_000],
        brought in prop::collection::btree_map((0_u64..8).prop_map(account), (0_u64..1_000).prop_map(Amount::from), 0..4),
    ) {
        agree(works, U256::from(amount), brought, Options { min_payout: Amount::from(min_payout), ..options });
    }

    #[test]
    fn where_works_lack_owners_or_go_round(
        works in works(8),
        options in options(),
        bare in any::<prop::sample::Index>(),
        back in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
        amount in 0_u64..1_000,
    ) {
        let mut works = works;
        let count = works.len();
        works[bare.index(count)].owners.clear();
        if let Some((from, to)) = back {
            let from = from.index(count);
            works[from] = works[from].clone().cost(to.index(count) as u32, 5);
        }
        let graph = Graph::new(works.clone()).unwrap();
        let expected = obvious::divide(&works, U256::from(amount), &BTreeMap::new(), &options);
        match distribute(&graph, NodeIndex(0), Amount::from(amount), &options) {
            Ok(paid) => prop_assert_eq!(Ok(answer(&paid)), expected),
            // A cycle is found before anything is divided.
            Err(DistributionError::Cycle(_)) => {
                prop_assert!(matches!(expected, Err(Failure::Cycle | Failure::NoOwner)))
            }
            Err(_) => prop_assert_eq!(Err(Failure::NoOwner), expected),
        }
    }
}

/// Returns a graph of many works with everything in it: every edge leads to one of the next hundred works, or
/// anywhere.
fn large(count: u64, seed: u64) -> Vec<Work> {
    let mut numbers = Numbers(seed);
    (0..count)
        .map(|at| {
            // Names are in another order than indices, because both numbers are prime.
            let id = at * 7_919 % 10_007;
            let mut work = if at > 0 && numbers.below(10) == 0 {
                external(&format!("pkg:cargo/w{id}@1"))
            } else {
                let first = 1 + numbers.below(9_999) as u16;
                ownerless(id).owned(&[(numbers.below(500), first), (500 + numbers.below(500), 10_000 - first)])
            };
            for n in 0..numbers.below(8) {
                let who = numbers.below(2_000);
                let contributor = match numbers.below(10) {
                    0 => system(None),
                    1 => system(Some(system(Some(human(who))))),
                    2 => somebody(&format!("mailto:{who}@example.org")),
                    _ => human(who),
                };
                work = work.by(n * 5 % 8, contributor, numbers.below(1_000_000));
            }
            let left = count - at - 1;
            if left > 0 {
                let mut parent = || {
                    let reach = if numbers.below(20) == 0 { left } else { left.min(100) };
                    ((at + 1 + numbers.below(reach)) as u32, 1 + numbers.below(9))
                };
                let (next, group) = (parent(), [parent(), parent(), parent()]);
                work = work.fixed(500, next.0).shared(1_500, &group);
                for _ in 0..numbers.below(3) {
                    let reach = left.min(100);
                    work = work.cost((at + 1 + numbers.below(reach)) as u32, numbers.below(1_000_000));
                }
            }
            work
        })
        .collect()
}

/// Runs a test with a deep stack, because the obvious implementation recurses along the longest path through the
/// graph.
fn with_a_deep_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(1 << 30).spawn(test).unwrap().join().unwrap();
}

#[test]
fn on_ten_thousand_works() {
    with_a_deep_stack(|| {
        let options = Options { min_payout: Amount::from(1_000_000_u64), ..Options::default() };
        agree(large(10_000, 1), U256::from(10).pow(U256::from(24)), BTreeMap::new(), options);
    });
}

#[test]
fn on_large_graphs_with_limits_and_small_amounts() {
    with_a_deep_stack(|| {
        for (seed, count, max_depth, amount) in
            [(2, 3_000, None, u64::MAX), (3, 3_000, Some(7), u64::MAX), (4, 3_000, None, 999)]
        {
            let options = Options { max_depth, fee: BasisPoints::ZERO, ..Options::default() };
            agree(large(count, seed), U256::from(amount), BTreeMap::new(), options);
        }
    });
}

/// Every work that is reached over a fixed share opens a pool, and each pool takes longer in a larger graph.
#[test]
fn on_large_pools() {
    with_a_deep_stack(|| {
        for (seed, count, max_depth) in [(5, 1_000, None), (6, 10_000, Some(2))] {
            let options = Options { max_depth, policy: Policy::Pooled, ..Options::default() };
            agree(large(count, seed), U256::from(10).pow(U256::from(24)), BTreeMap::new(), options);
        }
    });
}

#[test]
fn among_equal_remainders_the_lower_id_is_served() {
    let thirds =
        |first: u64, second: u64| vec![asset(9, 9).by(first, human(1), 1).by(second, human(2), 1).by(50, human(3), 1)];
    assert_eq!(payouts(&run(thirds(1, 2), 100, &NO_FEE).unwrap()), [(1, 34), (2, 33), (3, 33)]);
    assert_eq!(payouts(&run(thirds(2, 1), 100, &NO_FEE).unwrap()), [(1, 33), (2, 34), (3, 33)]);
    // Parents are ordered by id, not by index; assets come before external works; owners are ordered by address.
    let parents = |a: Work, b: Work| vec![asset(9, 9).shared(10_000, &[(1, 1), (2, 1)]), a, b];
    assert_eq!(payouts(&run(parents(asset(7, 7), asset(8, 8)), 3, &NO_FEE).unwrap()), [(7, 2), (8, 1)]);
    assert_eq!(payouts(&run(parents(asset(8, 8), asset(7, 7)), 3, &NO_FEE).unwrap()), [(7, 2), (8, 1)]);
    let mixed = run(parents(external("pkg:a"), asset(8, 8)), 3, &NO_FEE).unwrap();
    assert_eq!((payouts(&mixed), reserved(&mixed)), (vec![(8, 2)], vec![("external:pkg:a".to_owned(), 1)]));
    let owned = run(vec![ownerless(1).owned(&[(6, 5_000), (5, 5_000)])], 3, &NO_FEE).unwrap();
    assert_eq!(payouts(&owned), [(5, 2), (6, 1)]);
}
