//! The graph itself: compressed sparse rows, made from sorted lists.

use crate::money::{AssetId, BasisPoints};

/// A work, and the part of its income that goes to its parents, if it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: AssetId,
    /// What it passes on. The rest stays with the work.
    pub upstream: BasisPoints,
}

/// The relation between a work and another one that it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The work made.
    pub child: AssetId,
    /// What it was made from.
    pub parent: AssetId,
    /// The parent's weight in comparison with the child's other parents. If it is zero, nothing is passed on to it.
    pub weight: u32,
}

/// The reason why works and edges do not form a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There are more works or edges than 32 bits can count.
    #[error("{0} works or edges are too many for one graph")]
    TooMany(usize),
    /// The works do not ascend, or one of them occurs twice.
    #[error("asset {0} is out of order: works must ascend by id")]
    UnsortedWorks(AssetId),
    /// The edges do not ascend by child and parent, or one of them occurs twice.
    #[error("the edge from asset {child} to asset {parent} is out of order: edges must ascend by child and parent")]
    UnsortedEdges {
        /// Where the edge begins.
        child: AssetId,
        /// Where it leads.
        parent: AssetId,
    },
    /// An edge has an end that is not a work of the graph.
    #[error("the edge from asset {child} to asset {parent} leads out of the graph")]
    UnknownWork {
        /// Where the edge begins.
        child: AssetId,
        /// Where it leads.
        parent: AssetId,
    },
    /// Some works are made from each other. The lowest of them is named first, and again at the end.
    #[error("works are made from each other: {}", names(.0))]
    Cycle(Vec<AssetId>),
}

fn names(path: &[AssetId]) -> String {
    path.iter().map(AssetId::to_string).collect::<Vec<_>>().join(" -> ")
}

/// A list of works for each work. The list of work `n` is at `starts[n]..starts[n + 1]`, ascending.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    starts: Vec<u32>,
    to: Vec<u32>,
}

impl Rows {
    fn range(&self, node: u32) -> std::ops::Range<usize> {
        self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize
    }

    pub(super) fn of(&self, node: u32) -> &[u32] {
        &self.to[self.range(node)]
    }

    fn count(&self, node: u32) -> u32 {
        self.starts[node as usize + 1] - self.starts[node as usize]
    }
}

/// Works and what they were made from: see the [module](super).
#[derive(Debug, Clone)]
pub struct Graph {
    /// The works by position, which represents a work inside the graph.
    ids: Vec<AssetId>,
    upstream: Vec<BasisPoints>,
    pub(super) parents: Rows,
    pub(super) children: Rows,
    /// The weights that belong to `parents.to`.
    weights: Vec<u32>,
    /// All works, children before parents.
    order: Vec<u32>,
    /// The place of each work in `order`.
    place: Vec<u32>,
}

impl Graph {
    /// Builds a graph from works ascending by id and edges ascending by child and parent, in time linear in both (a
    /// binary search for each edge where ids have gaps).
    ///
    /// # Errors
    /// Returns a [`GraphError`] that names the first work, edge or cycle that is wrong.
    pub fn new(works: &[Node], edges: &[Edge]) -> Result<Self, GraphError> {
        for count in [works.len(), edges.len()] {
            if u32::try_from(count).is_err() {
                return Err(GraphError::TooMany(count));
            }
        }
        if let Some(pair) = works.windows(2).find(|pair| pair[0].id >= pair[1].id) {
            return Err(GraphError::UnsortedWorks(pair[1].id));
        }
        let ids: Vec<AssetId> = works.iter().map(|work| work.id).collect();
        let (parents, weights) = upward(&ids, edges)?;
        let children = reversed(&parents);
        let order = topological(&parents, &children).map_err(|cycle| {
            let cycle = cycle.into_iter().map(|node| ids[node as usize]);
            GraphError::Cycle(cycle.collect())
        })?;
        let mut place = vec![0; ids.len()];
        for (at, node) in (0..).zip(&order) {
            place[*node as usize] = at;
        }
        let upstream = works.iter().map(|work| work.upstream).collect();
        Ok(Self { ids, upstream, parents, children, weights, order, place })
    }

    /// Returns how many works there are.
    pub fn works(&self) -> usize {
        self.ids.len()
    }

    /// Returns how many edges there are.
    pub fn edges(&self) -> usize {
        self.weights.len()
    }

    /// Returns whether the work is in the graph.
    pub fn contains(&self, id: AssetId) -> bool {
        self.find(id).is_some()
    }

    pub(super) fn find(&self, id: AssetId) -> Option<u32> {
        find(&self.ids, id)
    }

    pub(super) fn id(&self, node: u32) -> AssetId {
        self.ids[node as usize]
    }

    /// Returns what a work passes on, if it has parents.
    pub(super) fn upstream(&self, node: u32) -> BasisPoints {
        self.upstream[node as usize]
    }

    /// Returns the weights of the edges to a work's parents, in the order of its parents.
    pub(super) fn weights(&self, node: u32) -> &[u32] {
        &self.weights[self.parents.range(node)]
    }

    /// Returns the place of a work in an order that has children before parents.
    pub(super) fn place(&self, node: u32) -> u32 {
        self.place[node as usize]
    }

    /// Returns the work at a place.
    pub(super) fn at(&self, place: u32) -> u32 {
        self.order[place as usize]
    }
}

/// Returns the position of an id. A registry counts without gaps, so the first guess is almost always right.
fn find(ids: &[AssetId], id: AssetId) -> Option<u32> {
    let guess = usize::try_from(id.0.checked_sub(ids.first()?.0)?).ok()?;
    let position = if ids.get(guess) == Some(&id) { guess } else { ids.binary_search(&id).ok()? };
    u32::try_from(position).ok()
}

fn upward(ids: &[AssetId], edges: &[Edge]) -> Result<(Rows, Vec<u32>), GraphError> {
    let mut starts = vec![0; ids.len() + 1];
    let mut to = Vec::with_capacity(edges.len());
    let mut weights = Vec::with_capacity(edges.len());
    let mut last = None;
    for &Edge { child, parent, weight } in edges {
        if last.replace((child, parent)).is_some_and(|last| last >= (child, parent)) {
            return Err(GraphError::UnsortedEdges { child, parent });
        }
        let (Some(from), Some(node)) = (find(ids, child), find(ids, parent)) else {
            return Err(GraphError::UnknownWork { child, parent });
        };
        starts[from as usize + 1] += 1;
        to.push(node);
        weights.push(weight);
    }
    add_up(&mut starts);
    Ok((Rows { starts, to }, weights))
}

/// Returns the same edges from their other ends.
fn reversed(rows: &Rows) -> Rows {
    let mut starts = vec![0; rows.starts.len()];
    for node in &rows.to {
        starts[*node as usize + 1] += 1;
    }
    add_up(&mut starts);
    let mut next = starts.clone();
    let mut to = vec![0; rows.to.len()];
    for (from, _) in (0..).zip(&rows.starts[1..]) {
        for node in rows.of(from) {
            let slot = &mut next[*node as usize];
            to[*slot as usize] = from;
            *slot += 1;
        }
    }
    Rows { starts, to }
}

fn add_up(counts: &mut [u32]) {
    let mut sum = 0;
    for count in counts {
        sum += *count;
        *count = sum;
    }
}

/// Returns all works, children before parents; or a cycle.
fn topological(parents: &Rows, children: &Rows) -> Result<Vec<u32>, Vec<u32>> {
    let nodes = (0..).zip(&children.starts[1..]).map(|(node, _)| node);
    let mut waiting_for: Vec<u32> = nodes.clone().map(|node| children.count(node)).collect();
    let mut order: Vec<u32> = nodes.filter(|node| waiting_for[*node as usize] == 0).collect();
    let mut done = 0;
    while let Some(&node) = order.get(done) {
        done += 1;
        for &parent in parents.of(node) {
            waiting_for[parent as usize] -= 1;
            if waiting_for[parent as usize] == 0 {
                order.push(parent);
            }
        }
    }
    if done == waiting_for.len() { Ok(order) } else { Err(cycle(children, &waiting_for)) }
}

/// Returns a cycle from child to parent among the works that still wait. Each of them waits for a child that waits too,
/// so going from a work to such a child must come back to a work that was met before.
fn cycle(children: &Rows, waiting_for: &[u32]) -> Vec<u32> {
    let waits = |node: u32| waiting_for[node as usize] > 0;
    let mut met = vec![false; waiting_for.len()];
    let mut path: Vec<u32> = Vec::new();
    let mut next = (0..).zip(waiting_for).find(|(_, count)| **count > 0).map(|(node, _)| node);
    while let Some(node) = next.filter(|node| !met[*node as usize]) {
        met[node as usize] = true;
        path.push(node);
        next = children.of(node).iter().copied().find(|child| waits(*child));
    }
    // The path went from parents to children, and may have begun outside the cycle.
    let begin = path.iter().position(|node| Some(*node) == next).unwrap_or(0);
    let mut ring: Vec<u32> = path.drain(begin..).rev().collect();
    let lowest = ring.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
    ring.rotate_left(lowest);
    ring.extend(ring.first().copied());
    ring
}
