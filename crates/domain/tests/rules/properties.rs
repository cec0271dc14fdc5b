//! Properties that every graph must have.

use std::collections::BTreeMap;

use domain::{
    Amount, BasisPoints, U256,
    distribution::{
        Beneficiary, Contributor, Distribution, Graph, NodeIndex, Options, Policy, Recipient, Target, Work, WorkKey,
        distribute,
    },
    split::largest_remainder,
};
use proptest::prelude::*;

use crate::build::*;

/// The parts of a random work, before its parents are known.
#[derive(Debug, Clone)]
struct Seed {
    external: bool,
    owners: Vec<u16>,
    contributions: Vec<(u8, u64)>,
    shared: Vec<(u16, Vec<(prop::sample::Index, u64)>)>,
    cost: Vec<(prop::sample::Index, u64)>,
}

fn seed() -> impl Strategy<Value = Seed> {
    let parents = || prop::collection::vec((any::<prop::sample::Index>(), 1_u64..5), 1..4);
    (
        prop::bool::weighted(0.3),
        prop::collection::vec(1_u16..100, 1..4),
        prop::collection::vec((0_u8..12, 0_u64..1_000), 0..6),
        prop::collection::vec((0_u16..4_000, parents()), 0..3),
        prop::collection::vec((any::<prop::sample::Index>(), 0_u64..1_000), 0..3),
    )
        .prop_map(|(external, owners, contributions, shared, cost)| Seed {
            external,
            owners,
            contributions,
            shared,
            cost,
        })
}

/// Returns a random graph without cycles: every edge leads to a work with a higher index.
pub fn works(most: usize) -> impl Strategy<Value = Vec<Work>> {
    prop::collection::vec(seed(), 1..most).prop_map(|seeds| {
        let count = seeds.len();
        seeds.into_iter().enumerate().map(|(at, seed)| grow(seed, at, count)).collect()
    })
}

fn grow(seed: Seed, at: usize, count: usize) -> Work {
    let id = (at * 7_919 % 1_009) as u64; // names are in another order than indices
    let mut work = if seed.external { external(&format!("pkg:cargo/w{id}@1")) } else { ownerless(id) };
    if !seed.external {
        let weights: Vec<U256> = seed.owners.iter().map(|share| U256::from(*share)).collect();
        let shares = largest_remainder(U256::from(10_000), &weights).unwrap();
        let owners: Vec<(u64, u16)> = (100..).zip(shares.iter().map(|share| share.to())).collect();
        work = work.owned(&owners);
    }
    for (n, (who, weight)) in (0..).zip(seed.contributions) {
        work = work.by(n * 13 % 7, contributor(who), weight);
    }
    if at + 1 < count {
        let parent = |index: prop::sample::Index| (at + 1 + index.index(count - at - 1)) as u32;
        for (share, to) in seed.shared {
            let to: Vec<(u32, u64)> = to.into_iter().map(|(index, used)| (parent(index), used)).collect();
            work = work.shared(share, &to);
        }
        for (index, weight) in seed.cost {
            work = work.cost(parent(index), weight);
        }
    }
    work
}

fn contributor(who: u8) -> Contributor {
    match who {
        0..=4 => human(who.into()),
        5..=6 => somebody(&format!("mailto:{who}@example.org")),
        7..=8 => system(Some(system(Some(human((who - 7).into()))))),
        9 => system(Some(somebody("mailto:9@example.org"))),
        _ => system(None),
    }
}

pub fn options() -> impl Strategy<Value = Options> {
    let policy = prop_oneof![3 => Just(Policy::PassDown), 1 => Just(Policy::Pooled)];
    (0_u16..1_000, policy, prop::option::weighted(0.3, 0_u32..4)).prop_map(|(fee, policy, max_depth)| Options {
        fee: BasisPoints::new(fee),
        max_depth,
        min_payout: Amount::ZERO,
        policy,
    })
}

pub fn conserved(graph: &Graph, paid: &Distribution) {
    let mut income = vec![U256::ZERO; graph.works().len()];
    let mut spent = income.clone();
    income[paid.start.0 as usize] = paid.amount.0;
    let mut divided = vec![false; graph.works().len()];
    for flow in &paid.flows {
        assert!(!flow.amount.is_zero(), "an empty flow {flow:?}");
        divided[flow.from.0 as usize] = true;
        spent[flow.from.0 as usize] += flow.amount.0;
        if let Target::Work(to) = flow.to {
            assert!(!divided[to.0 as usize], "a work divided before all its income was in");
            income[to.0 as usize] += flow.amount.0;
        }
        let exact = flow.divided.0 * flow.weight / flow.of;
        assert!(flow.amount.0 == exact || flow.amount.0 == exact + U256::ONE, "not the proportion: {flow:?}");
    }
    assert_eq!(income, spent);
    let paid_out = paid.payouts.values().chain(paid.carried.values()).chain(paid.reserved.values()).chain([&paid.fee]);
    let paid_in = paid.brought.values().chain([&paid.amount]);
    assert_eq!(Amount::checked_sum(paid_out.copied()), Amount::checked_sum(paid_in.copied()));
}

/// Returns the graph with its works at other indices and everything in them in another order.
pub fn shuffled(works: &[Work], by: usize) -> (Vec<Work>, NodeIndex) {
    let count = works.len();
    let moved = |index: usize| (index + by) % count;
    let mut result = works.to_vec();
    for (index, work) in works.iter().enumerate() {
        let mut work = work.clone();
        for (parent, _) in work.shared.iter_mut().flat_map(|group| &mut group.to) {
            *parent = NodeIndex(moved(parent.0 as usize) as u32);
        }
        for (parent, _) in &mut work.cost_edges {
            *parent = NodeIndex(moved(parent.0 as usize) as u32);
        }
        work.shared.iter_mut().for_each(|group| group.to.reverse());
        work.shared.reverse();
        work.cost_edges.reverse();
        work.owners.reverse();
        work.contributions.reverse();
        result[moved(index)] = work;
    }
    (result, NodeIndex(moved(0) as u32))
}

/// Returns the flows by name instead of by index.
fn named(graph: &Graph, paid: &Distribution) -> Vec<String> {
    let name = |node: NodeIndex| graph.works()[node.0 as usize].key.to_string();
    let line = |flow: &domain::distribution::Flow| {
        let to = if let Target::Work(node) = flow.to { name(node) } else { format!("{:?}", flow.to) };
        format!(
            "{} {to} {} {:?} {} {} {}",
            name(flow.from),
            flow.rule,
            flow.contribution,
            flow.weight,
            flow.of,
            flow.amount
        )
    };
    paid.flows.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_lost_and_nothing_created(works in works(12), options in options(), amount: u64) {
        let graph = Graph::new(works).unwrap();
        let paid = distribute(&graph, NodeIndex(0), Amount::from(amount), &options).unwrap();
        conserved(&graph, &paid);
        let accounts = graph.accounts();
        prop_assert!(paid.payouts.keys().all(|account| accounts.contains(account)));
    }

    #[test]
    fn order_of_input_does_not_matter(works in works(10), options in options(), amount in 0_u64..100_000, by: usize) {
        let (other, start) = shuffled(&works, by % works.len());
        let (graph, other) = (Graph::new(works).unwrap(), Graph::new(other).unwrap());
        let paid = distribute(&graph, NodeIndex(0), Amount::from(amount), &options).unwrap();
        let again = distribute(&other, start, Amount::from(amount), &options).unwrap();
        prop_assert_eq!((&paid.payouts, &paid.reserved, paid.fee), (&again.payouts, &again.reserved, again.fee));
        prop_assert_eq!(named(&graph, &paid), named(&other, &again));
    }

    #[test]
    fn other_accounts_are_paid_the_same(works in works(10), options in options(), amount in 0_u64..100_000) {
        // Contributors are renamed so that their order is reversed; ties follow contributions, not accounts.
        let rename = |number: u64| 1_000 - number;
        let mut renamed = works.clone();
        for contribution in renamed.iter_mut().flat_map(|work| &mut work.contributions) {
            let paid = contribution.contributor.human().cloned();
            if let Some(Recipient::Account(account)) = paid {
                contribution.contributor = human(rename(u64::from_be_bytes(account[12..].try_into().unwrap())));
            }
        }
        let income = |works: Vec<Work>| {
            let graph = Graph::new(works).unwrap();
            payouts(&distribute(&graph, NodeIndex(0), Amount::from(amount), &options).unwrap())
        };
        let expected: BTreeMap<u64, u64> =
            income(works).into_iter().map(|(who, amount)| (if who < 100 { rename(who) } else { who }, amount)).collect();
        prop_assert_eq!(income(renamed).into_iter().collect::<BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn an_edge_back_is_a_cycle(works in works(8), amount: u64, weight in 1_u64..9) {
        // The last work reached by fixed shares from the start leads back to it.
        let mut works = works;
        let last = works.len() - 1;
        works[0] = asset(2_000, 1).fixed(1_000, last as u32);
        works[last] = works[last].clone().cost(0, weight);
        let graph = Graph::new(works).unwrap();
        let error = distribute(&graph, NodeIndex(0), Amount::from(amount), &NO_FEE).unwrap_err();
        let domain::distribution::DistributionError::Cycle(path) = error else { panic!("{error}") };
        prop_assert_eq!(path.first(), path.last());
        for step in path.windows(2) {
            let index = |key: &WorkKey| graph.find(key).unwrap();
            let child = &graph.works()[index(&step[0]).0 as usize];
            let parents = child.shared.iter().flat_map(|group| group.to.iter().map(|(to, _)| *to));
            let mut parents = parents.chain(child.cost_edges.iter().map(|(to, _)| *to));
            prop_assert!(parents.any(|to| to == index(&step[1])));
        }
    }

    #[test]
    fn reserves_are_named_after_works_or_identities(works in works(8), amount: u64) {
        let graph = Graph::new(works).unwrap();
        let paid = distribute(&graph, NodeIndex(0), Amount::from(amount), &NO_FEE).unwrap();
        for beneficiary in paid.reserved.keys() {
            match beneficiary {
                Beneficiary::External(url) => prop_assert!(graph.find(&WorkKey::External(url.clone())).is_some()),
                Beneficiary::Identity(identity) => prop_assert!(identity.starts_with("mailto:")),
            }
        }
    }
}
