//! Measures how long a distribution takes, compared with the slow and obvious implementation of the tests on the same graph.
//! Prints one figure per line: metric, value, unit, better, peer and the peer's value, separated by tabs. The best of
//! several runs counts.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a measurement that fails ends there")]

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use domain::{
    Address, Amount, AssetId, BasisPoints, U256,
    coherence::Weight,
    derivation::explain,
    distribution::{
        Contribution, Contributor, Distribution, Graph, Input, NodeIndex, Options, Recipient, SharedEdges, Work,
        WorkKey, digest,
    },
};

#[path = "../tests/rules/obvious.rs"]
mod obvious;

const LARGE: u32 = 100_000;

fn account(number: u64) -> Address {
    Address::left_padding_from(&number.to_be_bytes())
}

fn contribution(id: u64, who: u64, weight: u64) -> Contribution {
    Contribution {
        id,
        contributor: Contributor::Human(Recipient::Account(account(who))),
        weight: Weight(U256::from(weight)),
    }
}

/// Returns one work by a hundred people.
fn small() -> Vec<Work> {
    let mut work = owned(1, 1);
    work.contributions = (0..100).map(|n| contribution(n, n, n * 7_919 % 1_000 + 1)).collect();
    vec![work]
}

/// Returns 100 000 works with ten contributions each. They form a tree of three parents each, so that all take part, with a
/// second path to most of them.
fn large() -> Vec<Work> {
    let work = |n: u32| {
        let mut work = owned(n.into(), u64::from(n) % 5_000);
        work.contributions = (0..10)
            .map(|k| contribution(k, u64::from(n) * 7 + k * 13, (u64::from(n) * 31 + k * 17) % 1_000_000 + 1))
            .collect();
        let to: Vec<(NodeIndex, U256)> = (1..=3)
            .map(|k| n * 3 + k)
            .filter(|to| *to < LARGE)
            .map(|to| (NodeIndex(to), U256::from(to % 5 + 1)))
            .collect();
        if !to.is_empty() {
            work.shared.push(SharedEdges { share: BasisPoints::new(4_000), to });
        }
        if n + 1 < LARGE {
            work.cost_edges.push((NodeIndex(n + 1), Weight(U256::from(100_000))));
        }
        work
    };
    (0..LARGE).map(work).collect()
}

fn owned(id: u64, owner: u64) -> Work {
    Work { owners: vec![(account(owner), BasisPoints::FULL)], ..Work::new(WorkKey::Asset(AssetId(id))) }
}

/// Returns the best time of `runs` runs.
fn best<T>(runs: u32, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut measure = || {
        let begin = Instant::now();
        let result = run();
        (begin.elapsed(), result)
    };
    let mut best = measure();
    for _ in 1..runs {
        let next = measure();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

fn figure(metric: &str, time: Duration, peer: &str, other: Duration) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!("{metric}\t{:.4}\tms\tlower\t{peer}\t{:.4}", milliseconds(time), milliseconds(other));
}

/// Measures both implementations on a graph, after making sure that they agree, and returns the engine's result.
fn compare(name: &str, works: Vec<Work>, runs: u32, target: Duration) -> (Input, Distribution) {
    let (amount, options) = (Amount::from(10_u128.pow(30)), Options::default());
    let nothing = BTreeMap::new();
    let (slow, expected) = best(runs.min(3), || obvious::divide(&works, amount.0, &nothing, &options));
    let (checking, graph) = best(1, || Graph::new(works.clone()));
    let graph = graph.expect("the works make a graph");
    let input = Input { graph, start: NodeIndex(0), amount, brought: nothing, options };
    let (time, paid) = best(runs, || input.distribute());
    let paid = paid.expect("every work has an owner");
    let expected = expected.expect("every work has an owner");
    assert!(expected.payouts.into_iter().eq(paid.payouts.iter().map(|(account, amount)| (*account, amount.0))));
    figure(&format!("distribute_{name}_ms"), time, "target", target);
    figure(&format!("distribute_{name}_beside_ms"), time, "the obvious way", slow);
    eprintln!("{name}: graph checked in {checking:?}; {} flows, {} accounts", paid.flows.len(), paid.payouts.len());
    (input, paid)
}

fn measure() {
    compare("100_contributors", small(), 1_000, Duration::from_millis(5));
    let (input, paid) = compare("1000000_contributions", large(), 5, Duration::from_secs(2));
    let (explained, why) = best(3, || explain(&input.graph, &paid, &Recipient::Account(account(700))));
    let (written, bytes) = best(2, || input.canonical());
    let (replayed, again) = best(1, || {
        let input = Input::parse(&bytes).expect("bytes just written");
        input.distribute().map(|paid| digest(&paid.canonical(&input.graph)))
    });
    assert_eq!(again, Ok(digest(&paid.canonical(&input.graph))));
    eprintln!(
        "explained in {explained:?} and {} steps; input written in {written:?}, {} bytes; replayed in {replayed:?}",
        why.steps.len(),
        bytes.len()
    );
}

fn main() {
    // The obvious implementation recurses along the longest path through the graph.
    let measuring = thread::Builder::new().stack_size(4 << 30).spawn(measure);
    measuring.expect("a thread can be had").join().expect("both implementations agree");
}
