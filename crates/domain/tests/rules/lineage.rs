//! Questions about lineage, compared with the obvious implementation, which follows every path one by one.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::U512;
use domain::{
    Amount, AssetId, BasisPoints, U256,
    distribution::{self, NodeIndex, Target, distribute},
    lineage::{Edge, Graph, GraphError, Limits, Neighbourhood, Node, Share},
};
use proptest::prelude::*;

use crate::{build::*, differential::Numbers};

fn node(id: u64) -> Node {
    Node { id: AssetId(id), upstream: BasisPoints::new(1_500) }
}

fn edge(child: u64, parent: u64) -> Edge {
    Edge { child: AssetId(child), parent: AssetId(parent), weight: 1 }
}

fn ids(ids: &[u64]) -> Vec<AssetId> {
    ids.iter().copied().map(AssetId).collect()
}

/// Works and edges as they were drawn.
#[derive(Debug, Clone)]
struct Drawn {
    works: Vec<Node>,
    edges: Vec<Edge>,
}

/// Draws works, each made from some works before it, in an order that is not that of ids.
fn drawn(most: usize) -> impl Strategy<Value = Drawn> {
    let parents = || prop::collection::vec((any::<prop::sample::Index>(), 1_u32..9), 0..4);
    prop::collection::btree_map(0_u64..60, (0_u16..=10_000, parents(), any::<u16>()), 1..most).prop_map(|works| {
        let mut order: Vec<u64> = works.keys().copied().collect();
        order.sort_by_key(|id| (works[id].2, *id));
        let mut edges = BTreeMap::new();
        for (at, child) in order.iter().enumerate().skip(1) {
            for (parent, weight) in &works[child].1 {
                edges.insert((*child, order[parent.index(at)]), *weight);
            }
        }
        let edge = |((child, parent), weight)| Edge { child: AssetId(child), parent: AssetId(parent), weight };
        Drawn {
            works: works
                .iter()
                .map(|(id, (up, ..))| Node { id: AssetId(*id), upstream: BasisPoints::new(*up) })
                .collect(),
            edges: edges.into_iter().map(edge).collect(),
        }
    })
}

impl Drawn {
    fn graph(&self) -> Graph {
        Graph::new(&self.works, &self.edges).unwrap()
    }

    fn ids(&self) -> Vec<AssetId> {
        self.works.iter().map(|work| work.id).collect()
    }

    fn parents(&self, child: AssetId) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.child == child)
    }

    /// Returns every path up from a work, itself included.
    fn paths(&self, from: AssetId) -> Vec<Vec<AssetId>> {
        let mut all = vec![vec![from]];
        for edge in self.parents(from) {
            let further = self.paths(edge.parent).into_iter();
            all.extend(further.map(|path| [vec![from], path].concat()));
        }
        all
    }

    /// Returns the lengths of all paths from a work up to another.
    fn lengths(&self, from: AssetId, to: AssetId) -> Vec<u32> {
        let paths = self.paths(from).into_iter().filter(|path| path.last() == Some(&to));
        paths.map(|path| path.len() as u32 - 1).collect()
    }

    /// Returns the works within the limits among all others that `distance` reaches, and whether these are all.
    fn reach(&self, distance: impl Fn(AssetId) -> Option<u32>, limits: Limits) -> (Vec<(AssetId, u32)>, bool) {
        let reached = self.ids().into_iter().filter_map(|id| Some((id, distance(id)?)));
        let mut all: Vec<_> = reached.filter(|(_, depth)| *depth > 0).collect();
        all.sort_by_key(|(id, depth)| (*depth, *id));
        let within =
            all.iter().copied().filter(|(_, depth)| *depth <= limits.depth).take(limits.count).collect::<Vec<_>>();
        let complete = within.len() == all.len();
        (within, complete)
    }

    /// Returns the share along a path as an exact fraction.
    fn fraction(&self, path: &[AssetId]) -> (U512, U512) {
        let mut fraction = (U512::from(1), U512::from(1));
        for step in path.windows(2) {
            let total: u32 = self.parents(step[0]).map(|edge| edge.weight).sum();
            let weight = self.parents(step[0]).find(|edge| edge.parent == step[1]).unwrap().weight;
            let up = self.works.iter().find(|work| work.id == step[0]).unwrap().upstream.get();
            fraction.0 *= U512::from(u32::from(up)) * U512::from(weight);
            fraction.1 *= U512::from(10_000) * U512::from(total);
        }
        fraction
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    (prop_oneof![Just(u32::MAX), 0_u32..5], prop_oneof![Just(usize::MAX), 0_usize..8])
        .prop_map(|(depth, count)| Limits { depth, count })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn everyone_above_and_beneath_is_found(drawn in drawn(12), limits in limits()) {
        let graph = drawn.graph();
        prop_assert_eq!((graph.works(), graph.edges()), (drawn.works.len(), drawn.edges.len()));
        for id in drawn.ids() {
            let above = graph.ancestors(id, limits).unwrap();
            let expected = drawn.reach(|other| drawn.lengths(id, other).into_iter().min(), limits);
            prop_assert_eq!((above.works, above.complete), expected);
            let beneath = graph.descendants(id, limits).unwrap();
            let expected = drawn.reach(|other| drawn.lengths(other, id).into_iter().min(), limits);
            prop_assert_eq!((beneath.works, beneath.complete), expected);
        }
    }

    #[test]
    fn every_path_is_found(drawn in drawn(10), limits in limits()) {
        let graph = drawn.graph();
        for from in drawn.ids() {
            for to in drawn.ids() {
                let mut all: Vec<_> = drawn.paths(from).into_iter().filter(|path| path.last() == Some(&to)).collect();
                all.sort();
                let count = all.len();
                all.retain(|path| path.len() as u64 <= u64::from(limits.depth) + 1);
                all.truncate(limits.count);
                let found = graph.paths(from, to, limits).unwrap();
                prop_assert_eq!(found.complete, all.len() == count);
                prop_assert_eq!(found.paths, all);
            }
        }
    }

    #[test]
    fn a_neighbourhood_is_the_nearest_with_their_longest_ways(drawn in drawn(12), limits in limits()) {
        let graph = drawn.graph();
        for id in drawn.ids() {
            let shown = graph.neighbourhood(id, limits).unwrap();
            let both = |other| [drawn.lengths(id, other), drawn.lengths(other, id)].concat().into_iter().min();
            let others = Limits { count: limits.count.saturating_sub(1), ..limits };
            let (nearest, complete) = drawn.reach(both, others);
            let known: BTreeSet<AssetId> = nearest.iter().map(|(other, _)| *other).chain([id]).collect();
            prop_assert_eq!(shown.complete, complete);
            prop_assert_eq!(&shown.works.iter().map(|(other, _)| *other).collect::<BTreeSet<_>>(), &known);
            let edges = drawn.edges.iter().filter(|edge| known.contains(&edge.child) && known.contains(&edge.parent));
            prop_assert_eq!(shown.edges, edges.map(|edge| (edge.child, edge.parent)).collect::<Vec<_>>());
            let longest = |from, to| {
                let paths = drawn.paths(from).into_iter().filter(|path| path.last() == Some(&to));
                let paths = paths.filter(|path| path.iter().all(|work| known.contains(work)));
                paths.map(|path| path.len() as i64 - 1).max()
            };
            for (other, layer) in &shown.works {
                let expected = longest(id, *other).map(|steps| -steps).or_else(|| longest(*other, id));
                prop_assert_eq!(Some(*layer), expected);
            }
            prop_assert!(shown.works.is_sorted_by_key(|(other, layer)| (layer.unsigned_abs(), *other)));
        }
    }

    #[test]
    fn shares_are_the_sums_over_all_paths(drawn in drawn(10)) {
        let graph = drawn.graph();
        let whole = U512::from(Share::WHOLE.0);
        for from in drawn.ids() {
            for to in drawn.ids() {
                let (mut sum, mut steps) = (U512::ZERO, 0);
                for path in drawn.paths(from).iter().filter(|path| path.last() == Some(&to)) {
                    let (part, of) = drawn.fraction(path);
                    let exact = whole * part / of;
                    let along = U512::from(graph.share_along(path).unwrap().0);
                    prop_assert!(along <= exact && exact < along + U512::from(path.len()));
                    sum += exact;
                    steps += path.len();
                }
                // A work rounds up or down twice: once when it divides its income, and once over its parents.
                let share = U512::from(graph.share(from, to).unwrap().0);
                let tolerance = U512::from(2 * (drawn.works.len() + drawn.edges.len()) + steps);
                prop_assert!(share <= sum + tolerance && sum <= share + tolerance, "{share} is not about {sum}");
                prop_assert_eq!(steps == 0, graph.paths(from, to, Limits::default()).unwrap().paths.is_empty());
            }
        }
    }

    /// The engine, over works that have a fixed share for their parents and nothing else, pays what arrives here.
    #[test]
    fn incomes_are_those_of_the_engine(drawn in drawn(12), amount: u64) {
        let index = |id: AssetId| drawn.works.binary_search_by_key(&id, |work| work.id).unwrap() as u32;
        let works = drawn.works.iter().map(|work| {
            let to: Vec<(u32, u64)> =
                drawn.parents(work.id).map(|edge| (index(edge.parent), u64::from(edge.weight))).collect();
            let made = asset(work.id.0, 1);
            if to.is_empty() { made } else { made.shared(work.upstream.get(), &to) }
        });
        let engine = distribution::Graph::new(works.collect()).unwrap();
        let graph = drawn.graph();
        for from in drawn.ids() {
            let paid = distribute(&engine, NodeIndex(index(from)), Amount::from(amount), &NO_FEE).unwrap();
            let mut arrived = BTreeMap::from([(from, U256::from(amount))]);
            for flow in &paid.flows {
                if let Target::Work(to) = flow.to {
                    *arrived.entry(drawn.works[to.0 as usize].id).or_default() += flow.amount.0;
                }
            }
            arrived.retain(|_, amount| !amount.is_zero());
            let expected: Vec<(AssetId, Amount)> = arrived.into_iter().map(|(id, amount)| (id, Amount(amount))).collect();
            prop_assert_eq!(graph.incomes(from, Amount::from(amount)).unwrap(), expected);
        }
    }

    #[test]
    fn an_edge_back_is_a_cycle(drawn in drawn(10), ends in any::<[prop::sample::Index; 2]>()) {
        let ids = drawn.ids();
        let back = Edge { child: *ends[0].get(&ids), parent: *ends[1].get(&ids), weight: 1 };
        // The new edge goes from a work down to one that was made from it, or to itself.
        prop_assume!(!drawn.lengths(back.parent, back.child).is_empty());
        let mut edges = drawn.edges.clone();
        edges.push(back);
        edges.sort();
        let Err(GraphError::Cycle(path)) = Graph::new(&drawn.works, &edges) else { panic!("{back:?} was taken") };
        prop_assert_eq!(path.first(), path.last());
        prop_assert_eq!(path.iter().min(), path.first());
        prop_assert!(path.len() > 1);
        for step in path.windows(2) {
            prop_assert!(edges.iter().any(|edge| (edge.child, edge.parent) == (step[0], step[1])));
        }
        prop_assert_eq!(path[1..].iter().collect::<BTreeSet<_>>().len(), path.len() - 1);
    }
}

#[test]
fn what_is_no_graph_is_refused() {
    let works = [1, 2, 5].map(node);
    let refused = |works: &[Node], edges: &[Edge]| Graph::new(works, edges).unwrap_err();
    let (child, parent) = (AssetId(5), AssetId(1));
    assert_eq!(refused(&[node(2), node(1)], &[]), GraphError::UnsortedWorks(AssetId(1)));
    assert_eq!(refused(&[node(2), node(2)], &[]), GraphError::UnsortedWorks(AssetId(2)));
    assert_eq!(refused(&works, &[edge(5, 2), edge(5, 1)]), GraphError::UnsortedEdges { child, parent });
    assert_eq!(refused(&works, &[edge(5, 1), edge(5, 1)]), GraphError::UnsortedEdges { child, parent });
    for (child, parent) in [(5, 3), (3, 1), (5, 0), (9, 1)] {
        let expected = GraphError::UnknownWork { child: AssetId(child), parent: AssetId(parent) };
        assert_eq!(refused(&works, &[edge(child, parent)]), expected);
    }
    assert_eq!(refused(&works, &[edge(2, 2)]), GraphError::Cycle(ids(&[2, 2])));
    let ring = refused(&works, &[edge(1, 5), edge(2, 1), edge(5, 2)]);
    assert_eq!(ring.to_string(), "works are made from each other: 1 -> 5 -> 2 -> 1");
}

#[test]
fn who_is_unknown_has_no_answer() {
    let graph = Graph::new(&[1, 2].map(node), &[edge(2, 1)]).unwrap();
    let (known, unknown) = (AssetId(2), AssetId(3));
    assert!(graph.contains(known) && !graph.contains(unknown) && !graph.contains(AssetId(0)));
    assert_eq!(graph.ancestors(unknown, Limits::default()), None);
    assert_eq!(graph.descendants(unknown, Limits::default()), None);
    assert_eq!(graph.neighbourhood(unknown, Limits::default()), None);
    assert_eq!(graph.paths(known, unknown, Limits::default()), None);
    assert_eq!(graph.paths(unknown, known, Limits::default()), None);
    assert_eq!((graph.share(known, unknown), graph.share(unknown, known)), (None, None));
    assert_eq!(graph.share(AssetId(1), known), Some(Share(0)), "a child is no ancestor");
    assert_eq!(graph.share(known, known), Some(Share::WHOLE));
    for path in [&[2, 3][..], &[1, 2], &[2, 2], &[]] {
        assert_eq!(graph.share_along(&ids(path)), None, "{path:?}");
    }
    let none = Graph::new(&[], &[]).unwrap();
    assert_eq!((none.works(), none.edges(), none.contains(AssetId(0))), (0, 0, false));
}

#[test]
fn the_present_drawing_of_lineage() {
    let edges = [edge(3, 1), edge(3, 2), edge(4, 3), edge(5, 1), edge(5, 3), edge(6, 5)];
    let graph = Graph::new(&[1, 2, 3, 4, 5, 6, 7].map(node), &edges).unwrap();
    let shown = |id, count| graph.neighbourhood(AssetId(id), Limits { count, depth: 64 }).unwrap();
    let layers = |shown: &Neighbourhood| shown.works.iter().map(|(id, layer)| (id.0, *layer)).collect::<Vec<_>>();
    let trunk = shown(3, 1_000);
    assert_eq!(layers(&trunk), [(3, 0), (1, -1), (2, -1), (4, 1), (5, 1), (6, 2)]);
    assert_eq!((trunk.edges.len(), trunk.complete), (6, true));
    assert_eq!(layers(&shown(6, 1_000)), [(6, 0), (5, -1), (3, -2), (1, -3), (2, -3)]);
    let few = shown(3, 4);
    assert_eq!((layers(&few), few.complete), (vec![(3, 0), (1, -1), (2, -1), (4, 1)], false));
}

#[test]
fn a_million_ways_are_not_walked_for_ten() {
    // There are two works per step, each made from both works before, so there are 2^40 paths from top to bottom.
    let edges: Vec<Edge> = (2..82).flat_map(|id| [edge(id, id / 2 * 2 - 2), edge(id, id / 2 * 2 - 1)]).collect();
    let graph = Graph::new(&(0..82).map(node).collect::<Vec<_>>(), &edges).unwrap();
    let found = graph.paths(AssetId(81), AssetId(0), Limits { count: 10, depth: u32::MAX }).unwrap();
    assert_eq!((found.paths.len(), found.complete, found.paths[9].len()), (10, false, 41));
    // A limit below the length of the shortest path finds nothing, without a search.
    let none = graph.paths(AssetId(81), AssetId(0), Limits { count: 10, depth: 39 }).unwrap();
    assert_eq!((none.paths.len(), none.complete), (0, false));
    assert_eq!(graph.ancestors(AssetId(81), Limits::default()).unwrap().works.len(), 80);
}

#[test]
fn a_chain_of_100000_works_needs_no_stack() {
    const WORKS: u64 = 100_000;
    let works: Vec<Node> = (0..WORKS).map(node).collect();
    let mut edges: Vec<Edge> = (1..WORKS).map(|id| edge(id, id - 1)).collect();
    let graph = Graph::new(&works, &edges).unwrap();
    let (first, last) = (AssetId(0), AssetId(WORKS - 1));
    assert_eq!(graph.ancestors(last, Limits::default()).unwrap().works.last(), Some(&(first, WORKS as u32 - 1)));
    assert_eq!(graph.paths(last, first, Limits::default()).unwrap().paths[0].len(), WORKS as usize);
    assert_eq!(graph.neighbourhood(first, Limits::default()).unwrap().works.last(), Some(&(last, WORKS as i64 - 1)));
    edges.insert(0, edge(0, WORKS - 1));
    let Err(GraphError::Cycle(path)) = Graph::new(&works, &edges) else { panic!("a cycle was taken") };
    assert_eq!(path.len(), WORKS as usize + 1);
}

#[test]
fn a_large_graph_agrees_with_itself_both_ways() {
    let mut numbers = Numbers(7);
    let mut edges = BTreeSet::new();
    for child in 1..5_000 {
        for _ in 0..numbers.below(4) {
            edges.insert(edge(child, numbers.below(child)));
        }
    }
    let edges: Vec<Edge> = edges.into_iter().collect();
    let graph = Graph::new(&(0..5_000).map(node).collect::<Vec<_>>(), &edges).unwrap();
    for _ in 0..50 {
        let id = AssetId(numbers.below(5_000));
        let above = graph.ancestors(id, Limits::default()).unwrap().works;
        for (ancestor, depth) in above.iter().step_by(37) {
            let beneath = graph.descendants(*ancestor, Limits::default()).unwrap().works;
            assert!(beneath.contains(&(id, *depth)), "{id} is not beneath {ancestor}");
        }
    }
}
