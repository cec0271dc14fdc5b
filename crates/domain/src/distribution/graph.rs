//! The graph of works that take part, checked and brought into one order when it is made.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use super::party::{Contributor, Recipient, WorkKey};
use crate::{
    coherence::Weight,
    money::{Address, BasisPoints},
};

/// One thing that somebody did for a work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The id, unique within the work. Ties go to the lower id.
    pub id: u64,
    /// Who did it.
    pub contributor: Contributor,
    /// Its weighted cost.
    pub weight: Weight,
}

/// The position of a work in its graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeIndex(pub u32);

impl NodeIndex {
    pub(super) fn at(self) -> usize {
        self.0 as usize
    }
}

/// A fixed share of a work's income, split over some of its parents by use. A single edge with a fixed share is a group
/// of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedEdges {
    /// The share of the work's income.
    pub share: BasisPoints,
    /// The parents, each with the weight of its use, in any unit that is the same for all of them.
    pub to: Vec<(NodeIndex, U256)>,
}

/// A work, what was done for it, and its edges to the works it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its name.
    pub key: WorkKey,
    /// Its owners and their shares, which sum to the whole. Empty for an external work nobody has claimed.
    pub owners: Vec<(Address, BasisPoints)>,
    /// What was done for it.
    pub contributions: Vec<Contribution>,
    /// Fixed shares of its income, taken first. They sum to at most the whole.
    pub shared: Vec<SharedEdges>,
    /// Parents that take part in the rest by weight, beside the contributions.
    pub cost_edges: Vec<(NodeIndex, Weight)>,
}

impl Work {
    /// Creates a work of this name with nothing else.
    pub fn new(key: WorkKey) -> Self {
        Self { key, owners: Vec::new(), contributions: Vec::new(), shared: Vec::new(), cost_edges: Vec::new() }
    }

    /// Iterates over the indices of all parents. A parent appears once for each edge to it.
    pub(super) fn parents(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        let shared = self.shared.iter().flat_map(|group| group.to.iter().map(|(parent, _)| *parent));
        shared.chain(self.cost_edges.iter().map(|(parent, _)| *parent))
    }

    /// Returns what the fixed shares leave.
    pub(super) fn unshared(&self) -> U256 {
        let taken: U256 = self.shared.iter().map(|group| group.share.weight()).sum();
        BasisPoints::FULL.weight() - taken
    }
}

/// The reason why works do not form a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// More works than a [`NodeIndex`] can count.
    #[error("{0} works are too many for one graph")]
    TooManyWorks(usize),
    /// Two works have the same name.
    #[error("{0} stands in the graph twice")]
    DuplicateWork(WorkKey),
    /// Two contributions to a work have the same id.
    #[error("contribution {id} stands in {work} twice")]
    DuplicateContribution {
        /// The work.
        work: WorkKey,
        /// The id.
        id: u64,
    },
    /// An edge leads out of the graph.
    #[error("{work} has an edge to work number {}, but there are only {works}", .to.0)]
    UnknownParent {
        /// Where the edge begins.
        work: WorkKey,
        /// Where it leads.
        to: NodeIndex,
        /// How many works there are.
        works: usize,
    },
    /// The shares of a work's owners do not sum to the whole.
    #[error("the owners of {work} hold {points} basis points together: it must be 10000")]
    OwnerShares {
        /// The work.
        work: WorkKey,
        /// Their sum.
        points: u64,
    },
    /// The fixed shares of a work sum to more than the whole.
    #[error("{work} gives {points} basis points to its parents: at most 10000")]
    FixedShares {
        /// The work.
        work: WorkKey,
        /// Their sum.
        points: u64,
    },
    /// A fixed share is given to no parent, or only to parents that were not used.
    #[error("{work} shares its income with parents of which none has any use: give each a weight of use")]
    NoUse {
        /// The work.
        work: WorkKey,
    },
    /// The sum of the weights in one division of a work does not fit in 256 bits.
    #[error("the weights of {work} do not sum within 256 bits")]
    WeightOverflow {
        /// The work.
        work: WorkKey,
    },
}

/// Checked works and their edges. Owners, contributions and edges are kept sorted. The index of a work is its index in
/// the given list.
#[derive(Debug, Clone)]
pub struct Graph {
    works: Vec<Work>,
    index: BTreeMap<WorkKey, NodeIndex>,
    /// The position of each work in the order of keys.
    rank: Vec<u32>,
}

impl Graph {
    /// Checks the works and sorts what they hold.
    ///
    /// # Errors
    /// Returns the first [`GraphError`] found. Cycles are not looked for here, but where income would meet them.
    pub fn new(mut works: Vec<Work>) -> Result<Self, GraphError> {
        let count = u32::try_from(works.len()).map_err(|_| GraphError::TooManyWorks(works.len()))?;
        let mut index = BTreeMap::new();
        for (node, work) in (0..count).map(NodeIndex).zip(&works) {
            if index.insert(work.key.clone(), node).is_some() {
                return Err(GraphError::DuplicateWork(work.key.clone()));
            }
        }
        let mut rank = vec![0; works.len()];
        for (position, node) in (0..count).zip(index.values()) {
            rank[node.at()] = position;
        }
        for work in &mut works {
            check(work, rank.len())?;
            sort(work, &rank);
            check_contributions(work)?;
        }
        Ok(Self { works, index, rank })
    }

    /// Returns the works, each at its index.
    pub fn works(&self) -> &[Work] {
        &self.works
    }

    /// Returns the work at an index.
    pub fn get(&self, node: NodeIndex) -> Option<&Work> {
        self.works.get(node.at())
    }

    /// Returns the index of a work.
    pub fn find(&self, key: &WorkKey) -> Option<NodeIndex> {
        self.index.get(key).copied()
    }

    /// Returns every account that a distribution over this graph could pay: owners, contributors, and who triggered a
    /// SYSTEM.
    pub fn accounts(&self) -> BTreeSet<Address> {
        let owners = self.works.iter().flat_map(|work| work.owners.iter().map(|(owner, _)| *owner));
        let contributions = self.works.iter().flat_map(|work| &work.contributions);
        let contributors = contributions.filter_map(|contribution| match contribution.contributor.human() {
            Some(Recipient::Account(account)) => Some(*account),
            _ => None,
        });
        owners.chain(contributors).collect()
    }

    /// Returns the works in the order of their keys.
    pub(super) fn by_key(&self) -> impl Iterator<Item = &Work> {
        self.index.values().map(|node| self.work(*node))
    }

    /// Returns the work at an index of this graph.
    pub(super) fn work(&self, node: NodeIndex) -> &Work {
        &self.works[node.at()]
    }

    /// Returns the position of a work in the order of keys.
    pub(super) fn rank(&self, node: NodeIndex) -> u32 {
        self.rank[node.at()]
    }
}

fn check(work: &Work, works: usize) -> Result<(), GraphError> {
    let name = || work.key.clone();
    if let Some(to) = work.parents().find(|to| to.at() >= works) {
        return Err(GraphError::UnknownParent { work: name(), to, works });
    }
    let points: u64 = work.owners.iter().map(|(_, share)| u64::from(share.get())).sum();
    if !work.owners.is_empty() && points != 10_000 {
        return Err(GraphError::OwnerShares { work: name(), points });
    }
    let points: u64 = work.shared.iter().map(|group| u64::from(group.share.get())).sum();
    if points > 10_000 {
        return Err(GraphError::FixedShares { work: name(), points });
    }
    for group in &work.shared {
        let used = total(group.to.iter().map(|(_, used)| *used));
        let used = used.ok_or_else(|| GraphError::WeightOverflow { work: name() })?;
        if used.is_zero() && group.to.len() != 1 {
            return Err(GraphError::NoUse { work: name() });
        }
    }
    let weights =
        work.contributions.iter().map(|c| c.weight.0).chain(work.cost_edges.iter().map(|(_, weight)| weight.0));
    total(weights).map(|_| ()).ok_or_else(|| GraphError::WeightOverflow { work: name() })
}

fn total(mut weights: impl Iterator<Item = U256>) -> Option<U256> {
    weights.try_fold(U256::ZERO, |sum, weight| sum.checked_add(weight))
}

/// Sorts everything that a work holds into the order that decides ties: contributions by id, parents by key, owners by
/// address, fixed shares by their parents.
fn sort(work: &mut Work, rank: &[u32]) {
    work.owners.sort_unstable();
    work.contributions.sort_unstable_by_key(|contribution| contribution.id);
    work.cost_edges.sort_unstable_by_key(|(parent, weight)| (rank[parent.at()], *weight));
    for group in &mut work.shared {
        group.to.sort_unstable_by_key(|(parent, used)| (rank[parent.at()], *used));
    }
    work.shared.sort_unstable_by(|a, b| {
        let parents = |group: &SharedEdges| -> Vec<(u32, U256)> {
            group.to.iter().map(|(parent, used)| (rank[parent.at()], *used)).collect()
        };
        match parents(a).cmp(&parents(b)) {
            Ordering::Equal => a.share.cmp(&b.share),
            order => order,
        }
    });
}

fn check_contributions(work: &Work) -> Result<(), GraphError> {
    match work.contributions.windows(2).find(|pair| pair[0].id == pair[1].id) {
        Some(pair) => Err(GraphError::DuplicateContribution { work: work.key.clone(), id: pair[0].id }),
        None => Ok(()),
    }
}
