//! Walks through the graph: ancestors, descendants, paths, and the neighbourhood of a work.

use std::collections::HashMap;

use super::graph::{Graph, Rows};
use crate::money::AssetId;

/// How far a question goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most edges between the work asked about and a work of the answer, or the most edges of a path.
    pub depth: u32,
    /// The most works, or paths, of an answer.
    pub count: usize,
}

impl Default for Limits {
    /// Returns no limits.
    fn default() -> Self {
        Self { depth: u32::MAX, count: usize::MAX }
    }
}

/// The works reached from one work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The works, each with the number of edges on the shortest path to it. The nearest come first; among equals the
    /// lower id.
    pub works: Vec<(AssetId, u32)>,
    /// Whether the limits left nothing out.
    pub complete: bool,
}

/// The paths from a work up to one of its ancestors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// Each begins with the work and ends with the ancestor. Ascending, compared work by work.
    pub paths: Vec<Vec<AssetId>>,
    /// Whether the limits left nothing out.
    pub complete: bool,
}

/// The neighbourhood of a work: its nearest ancestors and descendants, and all edges between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbourhood {
    /// The works with their layers. A layer below zero counts the edges up from the work asked about, a layer above zero
    /// the edges down from it. The longest path among the shown works counts, so that every edge leads to a lower layer.
    /// The work itself comes first, then the nearest layers; among equals the lower id.
    pub works: Vec<(AssetId, i64)>,
    /// Child and parent, ascending.
    pub edges: Vec<(AssetId, AssetId)>,
    /// Whether the limits left nothing out.
    pub complete: bool,
}

/// A set of works.
struct Seen(Vec<u64>);

impl Seen {
    fn new(works: usize) -> Self {
        Self(vec![0; works.div_ceil(64)])
    }

    fn contains(&self, node: u32) -> bool {
        self.0[node as usize / 64] & 1 << (node % 64) != 0
    }

    /// Returns whether the work is new to the set.
    fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (&mut self.0[node as usize / 64], 1 << (node % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

impl Graph {
    /// Returns what a work was made from, directly or indirectly, without the work itself. `None` when it is not in the
    /// graph. Takes time linear in the works and edges met.
    pub fn ancestors(&self, id: AssetId, limits: Limits) -> Option<Reach> {
        Some(self.reach(&self.parents, self.find(id)?, limits))
    }

    /// Returns what was made from a work, directly or indirectly, without the work itself. `None` when it is not in the
    /// graph. Takes time linear in the works and edges met.
    pub fn descendants(&self, id: AssetId, limits: Limits) -> Option<Reach> {
        Some(self.reach(&self.children, self.find(id)?, limits))
    }

    fn reach(&self, rows: &Rows, start: u32, limits: Limits) -> Reach {
        let (nodes, complete) = self.nearest(rows, start, limits);
        Reach { works: nodes.into_iter().map(|(node, depth)| (self.id(node), depth)).collect(), complete }
    }

    /// Walks level by level. Positions ascend as ids do.
    fn nearest(&self, rows: &Rows, start: u32, limits: Limits) -> (Vec<(u32, u32)>, bool) {
        let mut seen = Seen::new(self.works());
        seen.insert(start);
        let (mut level, mut depth) = (vec![start], 0);
        let mut found: Vec<(u32, u32)> = Vec::new();
        loop {
            let next = level.iter().flat_map(|node| rows.of(*node)).copied();
            let mut next: Vec<u32> = next.filter(|node| seen.insert(*node)).collect();
            if next.is_empty() {
                return (found, true);
            }
            if depth == limits.depth {
                return (found, false);
            }
            depth += 1;
            next.sort_unstable();
            let room = limits.count - found.len();
            found.extend(next.iter().take(room).map(|node| (*node, depth)));
            if next.len() > room {
                return (found, false);
            }
            level = next;
        }
    }

    /// Returns the paths from a work up to an ancestor. `None` when one of the two is not in the graph. There is no path
    /// when `to` is not an ancestor, and one path of a single work when both are the same.
    ///
    /// Looks at the works between the two once, and then only at edges that lead to the ancestor within the limits.
    pub fn paths(&self, from: AssetId, to: AssetId, limits: Limits) -> Option<Paths> {
        let (from, to) = (self.find(from)?, self.find(to)?);
        let distance = self.distances(from, to);
        if !distance.contains_key(&from) {
            return Some(Paths { paths: Vec::new(), complete: true });
        }
        let mut found = Paths { paths: Vec::new(), complete: true };
        let mut path = vec![from];
        // For each work of the path, the parents not yet tried.
        let mut untried = vec![self.parents.of(from)];
        if distance[&from] > limits.depth {
            return Some(Paths { complete: false, ..found });
        }
        while let (Some(&node), Some(parents)) = (path.last(), untried.last_mut()) {
            if node == to {
                if found.paths.len() == limits.count {
                    found.complete = false;
                    break;
                }
                found.paths.push(path.iter().map(|node| self.id(*node)).collect());
                path.pop();
                untried.pop();
                continue;
            }
            let Some((&parent, rest)) = parents.split_first() else {
                path.pop();
                untried.pop();
                continue;
            };
            *parents = rest;
            match distance.get(&parent) {
                Some(left) if path.len() as u64 + u64::from(*left) <= u64::from(limits.depth) => {
                    path.push(parent);
                    untried.push(self.parents.of(parent));
                }
                Some(_) => found.complete = false,
                None => {}
            }
        }
        Some(found)
    }

    /// Returns, for each work on a path between the two, the number of edges on the shortest path from it up to `to`.
    fn distances(&self, from: u32, to: u32) -> HashMap<u32, u32> {
        let mut above = Seen::new(self.works());
        above.insert(from);
        let mut to_visit = vec![from];
        while let Some(node) = to_visit.pop() {
            to_visit.extend(self.parents.of(node).iter().copied().filter(|parent| above.insert(*parent)));
        }
        let mut distance = HashMap::new();
        let (mut level, mut depth) = (vec![to], 0);
        while !level.is_empty() {
            level.retain(|node| above.contains(*node) && distance.insert(*node, depth).is_none());
            depth += 1;
            let next = level.iter().flat_map(|node| self.children.of(*node)).copied();
            level = next.filter(|child| !distance.contains_key(child)).collect();
        }
        distance
    }

    /// Returns the works nearest to a work in both directions, at most [`Limits::count`] with itself, for a drawing.
    /// `None` when it is not in the graph.
    pub fn neighbourhood(&self, id: AssetId, limits: Limits) -> Option<Neighbourhood> {
        let start = self.find(id)?;
        let others = Limits { count: limits.count.saturating_sub(1), ..limits };
        let (above, all_above) = self.nearest(&self.parents, start, others);
        let (below, all_below) = self.nearest(&self.children, start, others);
        let (mut above_shown, mut below_shown) = (above.len(), below.len());
        if above_shown + below_shown > others.count {
            let (cut_above, cut_below) = nearest_of_both(&above, &below, others.count);
            (above_shown, below_shown) = (cut_above, cut_below);
        }
        let complete = all_above && all_below && (above_shown, below_shown) == (above.len(), below.len());
        let mut layers = HashMap::from([(start, 0)]);
        self.layer(&self.parents, &above[..above_shown], &mut layers, -1);
        self.layer(&self.children, &below[..below_shown], &mut layers, 1);

        let mut shown: Vec<u32> = layers.keys().copied().collect();
        shown.sort_unstable();
        let mut edges = Vec::new();
        for &child in &shown {
            let parents = self.parents.of(child).iter().filter(|parent| layers.contains_key(parent));
            edges.extend(parents.map(|parent| (self.id(child), self.id(*parent))));
        }
        let mut works: Vec<(AssetId, i64)> = shown.iter().map(|node| (self.id(*node), layers[node])).collect();
        works.sort_by_key(|(id, layer)| (layer.unsigned_abs(), *id));
        Some(Neighbourhood { works, edges, complete })
    }

    /// Gives each reached work the length of the longest path to it, as a multiple of `step`.
    fn layer(&self, rows: &Rows, reached: &[(u32, u32)], layers: &mut HashMap<u32, i64>, step: i64) {
        let mut nodes: Vec<u32> = reached.iter().map(|(node, _)| *node).collect();
        // Works nearer to the start come first. Upwards that means children first, downwards parents first.
        nodes.sort_unstable_by_key(|node| i64::from(self.place(*node)) * -step);
        // Every path to a reached work begins at the start, which has its layer already.
        layers.extend(nodes.iter().map(|node| (*node, step)));
        for node in nodes {
            let layer = layers[&node];
            for next in rows.of(node) {
                if let Some(further) = layers.get_mut(next) {
                    let longest = further.abs().max(layer.abs() + 1);
                    *further = longest * step;
                }
            }
        }
    }
}

/// Returns how many of the works above and below are among the nearest `count` of both; both lists are sorted by distance
/// and id.
fn nearest_of_both(above: &[(u32, u32)], below: &[(u32, u32)], count: usize) -> (usize, usize) {
    let mut all: Vec<(u32, u32, bool)> = above.iter().map(|(node, depth)| (*depth, *node, true)).collect();
    all.extend(below.iter().map(|(node, depth)| (*depth, *node, false)));
    all.sort_unstable();
    let from_above = all.iter().take(count).filter(|(_, _, is_above)| *is_above).count();
    (from_above, count - from_above)
}
