//! Which works take part, and in which order: children before parents, and the lower key first among works whose
//! children are all done.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::{
    graph::{Graph, NodeIndex},
    party::WorkKey,
};

/// The works reachable from a start.
pub(super) struct Order {
    /// Children before parents. Independent of the indices of the works.
    pub(super) nodes: Vec<NodeIndex>,
    /// For each work of the graph, the number of edges on the shortest path from the start. `None` if there is no
    /// path.
    pub(super) depth: Vec<Option<u32>>,
}

/// Sorts the works reachable from `start`, or returns a cycle among them. A cycle lists its works from child to
/// parent, and the first of them again at the end.
pub(super) fn topological(graph: &Graph, start: NodeIndex) -> Result<Order, Vec<WorkKey>> {
    let (depth, mut waiting_for) = reach(graph, start);
    let mut ready = BinaryHeap::new();
    if waiting_for[start.at()] == 0 {
        ready.push((Reverse(graph.rank(start)), start));
    }
    let mut nodes = Vec::new();
    while let Some((_, node)) = ready.pop() {
        nodes.push(node);
        for parent in graph.work(node).parents() {
            waiting_for[parent.at()] -= 1;
            if waiting_for[parent.at()] == 0 {
                ready.push((Reverse(graph.rank(parent)), parent));
            }
        }
    }
    if waiting_for.iter().all(|count| *count == 0) {
        Ok(Order { nodes, depth })
    } else {
        Err(cycle(graph, &waiting_for))
    }
}

/// Returns the depth of each reachable work and how many edges lead to it from reachable works.
fn reach(graph: &Graph, start: NodeIndex) -> (Vec<Option<u32>>, Vec<u32>) {
    let mut depth = vec![None; graph.works().len()];
    let mut edges_in = vec![0_u32; graph.works().len()];
    let mut queue = VecDeque::from([(start, 0)]);
    depth[start.at()] = Some(0);
    while let Some((node, level)) = queue.pop_front() {
        for parent in graph.work(node).parents() {
            edges_in[parent.at()] += 1;
            if depth[parent.at()].is_none() {
                depth[parent.at()] = Some(level + 1);
                queue.push_back((parent, level + 1));
            }
        }
    }
    (depth, edges_in)
}

/// Returns a cycle among the works that still wait. Each of them waits for another one that waits, so going from a
/// work to one it waits for must come back to a work that was met before.
fn cycle(graph: &Graph, waiting_for: &[u32]) -> Vec<WorkKey> {
    let waits = |node: NodeIndex| waiting_for[node.at()] > 0;
    let mut waiting: Vec<NodeIndex> =
        (0_u32..).map(NodeIndex).take(waiting_for.len()).filter(|node| waits(*node)).collect();
    waiting.sort_unstable_by_key(|node| graph.rank(*node));

    let mut child_of = vec![None; waiting_for.len()];
    for &child in &waiting {
        for parent in graph.work(child).parents().filter(|parent| waits(*parent)) {
            child_of[parent.at()].get_or_insert(child);
        }
    }

    let mut met = vec![false; waiting_for.len()];
    let mut path: Vec<NodeIndex> = Vec::new();
    let mut next = waiting.first().copied();
    while let Some(node) = next.filter(|node| !met[node.at()]) {
        met[node.at()] = true;
        path.push(node);
        next = child_of[node.at()];
    }
    // The path went from parents to children, and may have begun outside the cycle.
    let begin = path.iter().position(|node| Some(*node) == next).unwrap_or(0);
    let mut ring: Vec<NodeIndex> = path.drain(begin..).rev().collect();
    let lowest = ring.iter().enumerate().min_by_key(|(_, node)| graph.rank(**node)).map_or(0, |(at, _)| at);
    ring.rotate_left(lowest);
    ring.extend(ring.first().copied());
    ring.into_iter().map(|node| graph.work(node).key.clone()).collect()
}
