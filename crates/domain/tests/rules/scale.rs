//! Deep, wide and large graphs.

use std::time::Instant;

use domain::{
    Amount,
    derivation::explain,
    distribution::{Graph, NodeIndex, Options, Policy, Recipient, Work, distribute},
};

use crate::build::*;

/// Each work made from the next, over a cost edge and, unless the share is zero, over a fixed one.
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

/// `cargo test -p domain --release -- --ignored --nocapture million` prints the times.
#[test]
#[ignore = "a measurement, of use only in release"]
fn a_million_contributions_over_100000_assets() {
    const ASSETS: u32 = 100_000;
    let mut works = Vec::new();
    for n in 0..ASSETS {
        let mut work = asset(n.into(), u64::from(n) % 5_000);
        for k in 0..10 {
            work = work.by(k, human(u64::from(n) * 7 + k * 13), (u64::from(n) * 31 + k * 17) % 1_000_000 + 1);
        }
        // A tree of three parents each, so that all take part, with a second way to most of them.
        let parents: Vec<(u32, u64)> =
            (1..=3).map(|k| n * 3 + k).filter(|to| *to < ASSETS).map(|to| (to, u64::from(to) % 5 + 1)).collect();
        if !parents.is_empty() {
            work = work.shared(4_000, &parents);
        }
        if n + 1 < ASSETS {
            work = work.cost(n + 1, 100_000);
        }
        works.push(work);
    }
    let begin = Instant::now();
    let graph = Graph::new(works).unwrap();
    let built = begin.elapsed();
    let amount = Amount::from(10_u128.pow(30));
    let begin = Instant::now();
    let paid = distribute(&graph, NodeIndex(0), amount, &Options::default()).unwrap();
    let divided = begin.elapsed();
    let begin = Instant::now();
    let why = explain(&graph, &paid, &Recipient::Account(account(700)));
    let explained = begin.elapsed();
    println!(
        "graph {built:?}, distribute {divided:?}, explain {explained:?}: {} flows, {} accounts, {} steps",
        paid.flows.len(),
        paid.payouts.len(),
        why.steps.len()
    );
    assert_eq!(Amount::checked_sum(paid.payouts.values().copied().chain([paid.fee])), Some(amount));
}
