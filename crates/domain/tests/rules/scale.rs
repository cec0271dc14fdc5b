//! Deep, wide and large graphs.

use domain::{
    Amount,
    derivation::explain,
    distribution::{Graph, NodeIndex, Options, Policy, Recipient, Work, distribute},
};

use crate::build::*;

/// Returns a chain in which each work is made from the next, over a cost edge and, unless the share
/// is zero, over a fixed one.
fn chain(length: u32, share: u16) -> Vec<Work> {
    let work = |n: u32| asset(n.into(), n.into()).by(1, human(n.into()), 1);
    (0..length).map(|n| if n + 1 < length { work(n).fixed(share, n + 1).cost(n + 1, 3) } else { work(n) }).collect()
}

#[test]
fn a_chain_of_5000_works_needs_no_stack() {
    let amount = Amount(domain::U256::from(1_u8) << 200);
    for (share, policy) in [(9_900, Policy::PassDown), (0, Policy::Pooled)] {
        let graph = Graph::new(chain(5_000, share)).unwrap();
        let paid = distribute(&graph, NodeIndex(0), amount, &Options { policy, ..NO_FEE }).unwrap();
        assert_eq!(Amount::checked_sum(paid.payouts.values().copied()), Some(amount));
    }
    let graph = Graph::new(chain(5_000, 9_900)).unwrap();
    let paid = distribute(&graph, NodeIndex(0), amount, &NO_FEE).unwrap();
    let why = explain(&graph, &paid, &Recipient::Account(account(4_999)));
    assert_eq!((why.total, why.steps.len()), (paid.payouts[&account(4_999)], 5_000));
    assert!(why.to_text().len() < 5_000_000);
}

#[test]
fn a_cycle_of_5000_works_is_named_in_full() {
    let mut works = chain(5_000, 9_900);
    works[4_999] = works[4_999].clone().cost(0, 1);
    let error = distribute(&Graph::new(works).unwrap(), NodeIndex(0), Amount::from(1_u64), &NO_FEE).unwrap_err();
    let domain::distribution::DistributionError::Cycle(path) = error else { panic!("{error}") };
    assert_eq!(path.len(), 5_001);
}

#[test]
fn a_work_with_10000_contributions_and_parents_is_cheap() {
    let mut work = asset(0, 0);
    for n in 0..10_000_u64 {
        work = work.by(n, human(n % 500), n % 977).cost(n as u32 + 1, n % 83);
    }
    let works: Vec<Work> = [work].into_iter().chain((1..=10_000).map(|n| asset(n, n))).collect();
    let paid = run(works, u64::MAX, &Options::default()).unwrap();
    assert_eq!(Amount::checked_sum(paid.payouts.values().copied().chain([paid.fee])), Some(Amount::from(u64::MAX)));
}
