//! The Merkle tree over the whole ledger, which only grows on its right side.
//!
//! The leaf of entry `seq` is keccak256(keccak256(abi.encode(tag, seq, entry hash))); pairs are sorted before they are
//! hashed and an odd node moves up as it is, so OpenZeppelin's `MerkleProof` accepts every proof. The shape is that of
//! RFC 6962: the left part of every tree is the largest power of two below its size.
//!
//! Because pairs are sorted, a proof shows that an entry with this number and hash is under the root, but not that it
//! stands at its number's place, nor that no other does: that is what reading the whole ledger shows, and every entry's
//! hash covers all entries before it.
//!
//! Any tree is made of **nodes** over 2^level entries that never change once they are full. Those in which a size is
//! written in binary are its peaks: at most 64, and all that appending needs ([`Frontier`]). Proofs need others too;
//! [`proof_nodes`] and [`consistency_nodes`] name them, and whoever stored them, or hashes the entries anew, gives them.

use alloy_primitives::{B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::merkle::{self, leaf_of, parent};

/// The kind of leaf, and whose.
pub const LEAF_TAG: &str = "tributary ledger, version 1: leaf";

/// Returns the leaf of an entry, by its number and hash.
pub fn leaf(seq: u64, hash: B256) -> B256 {
    leaf_of(&[keccak256(LEAF_TAG), U256::from(seq).into(), hash])
}

/// The hash over 2^level entries: `index` times that many stand before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u8,
    /// Its place on its level, from 0.
    pub index: u64,
}

impl Node {
    /// Returns the number of the last entry under it.
    pub fn last(self) -> u64 {
        (self.index + 1) << self.level
    }

    /// Returns the number of the first entry under it.
    pub fn first(self) -> u64 {
        (self.index << self.level) + 1
    }
}

/// Returns the nodes that stand for the entries `after + 1` to `through`, in order: as large as their places allow.
pub fn nodes(after: u64, through: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = after;
    while at < through {
        let level = (through - at).ilog2().min(at.trailing_zeros());
        nodes.push(Node { level: level as u8, index: at >> level });
        at += 1 << level;
    }
    nodes
}

/// Returns the root over a size's peaks, or over any such row of nodes whose sizes fall; `None` without any.
pub fn root(peaks: &[B256]) -> Option<B256> {
    peaks.iter().rev().copied().reduce(|right, left| parent(left, right))
}

/// A tree's right edge: all that is needed to append to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<B256>,
}

impl Frontier {
    /// Creates the edge of a tree over `size` entries, by its peaks: the hashes of `nodes(0, size)`.
    /// `None` when there are more or fewer.
    pub fn new(size: u64, peaks: Vec<B256>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Appends an entry's leaf, and says every node that became full by it, from below.
    pub fn push(&mut self, leaf: B256, full: impl FnMut(Node, B256)) {
        self.append(0, leaf, full);
    }

    /// Appends a node of 2^level entries; the size must be a multiple of that.
    fn append(&mut self, level: u8, hash: B256, mut full: impl FnMut(Node, B256)) {
        let (mut node, mut hash) = (Node { level, index: self.size >> level }, hash);
        full(node, hash);
        // A set bit of the size is a peak to the left of the same size: both become one.
        while node.index & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = parent(left, hash);
            node = Node { level: node.level + 1, index: node.index / 2 };
            full(node, hash);
        }
        self.peaks.push(hash);
        self.size += 1 << level;
    }

    /// Returns how many entries there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root; `None` without entries.
    pub fn root(&self) -> Option<B256> {
        root(&self.peaks)
    }
}

/// Returns the nodes of which a proof of entry `seq` in the tree over `size` entries is made: per sibling on the way up,
/// those that stand for it. `None` when there is no such entry.
pub fn proof_nodes(seq: u64, size: u64) -> Option<Vec<Vec<Node>>> {
    if seq == 0 || seq > size {
        return None;
    }
    let (mut after, mut through) = (0, size);
    let mut siblings = Vec::new();
    while through - after > 1 {
        // The largest power of two below the size.
        let left = after + (1 << (through - after - 1).ilog2());
        if seq <= left {
            siblings.push(nodes(left, through));
            through = left;
        } else {
            siblings.push(nodes(after, left));
            after = left;
        }
    }
    siblings.reverse();
    Some(siblings)
}

/// Returns the proof of entry `seq` in the tree over `size` entries, from the leaf up.
///
/// # Errors
/// The first node that `hash_of` does not know; `None` in its place when there is no such entry.
pub fn proof(seq: u64, size: u64, hash_of: impl Fn(Node) -> Option<B256>) -> Result<Vec<B256>, Option<Node>> {
    let siblings = proof_nodes(seq, size).ok_or(None)?;
    siblings.into_iter().map(|nodes| root(&hashes(nodes, &hash_of).map_err(Some)?).ok_or(None)).collect()
}

fn hashes(nodes: Vec<Node>, hash_of: impl Fn(Node) -> Option<B256>) -> Result<Vec<B256>, Node> {
    nodes.into_iter().map(|node| hash_of(node).ok_or(node)).collect()
}

/// Returns whether `proof` leads from entry `seq` with this hash to the root over `size` entries. Root and size belong
/// together as they were anchored: a root does not say its size.
pub fn verify_proof(root: B256, size: u64, seq: u64, hash: B256, proof: &[B256]) -> bool {
    proof_nodes(seq, size).is_some_and(|siblings| siblings.len() == proof.len())
        && merkle::verify(root, leaf(seq, hash), proof)
}

/// A proof that the tree over more entries holds the tree over fewer, unchanged, at its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The peaks of the smaller tree, largest first.
    pub peaks: Vec<B256>,
    /// The nodes that stand for what was added, in order.
    pub added: Vec<B256>,
}

/// Returns the nodes of which a proof of consistency is made.
pub fn consistency_nodes(from: u64, to: u64) -> (Vec<Node>, Vec<Node>) {
    (nodes(0, from), nodes(from, to))
}

/// Returns the proof that the tree over `to` entries begins with that over `from`. At most some 190 hashes.
///
/// # Errors
/// The first node that `hash_of` does not know.
pub fn consistency(from: u64, to: u64, hash_of: impl Fn(Node) -> Option<B256>) -> Result<Consistency, Node> {
    let (peaks, added) = consistency_nodes(from, to);
    Ok(Consistency { peaks: hashes(peaks, &hash_of)?, added: hashes(added, &hash_of)? })
}

/// Returns whether `proof` shows that the tree with root `to` begins with the one with root `from`; each is a size and a
/// root as they were anchored together.
///
/// The proof's hashes have no choice of place: sizes say where each stands. The smaller tree's peaks must give its root,
/// and appending the rest to them the larger one's.
pub fn verify_consistency(from: (u64, B256), to: (u64, B256), proof: &Consistency) -> bool {
    let added = nodes(from.0, to.0);
    if from.0 > to.0 || added.len() != proof.added.len() {
        return false;
    }
    let Some(mut frontier) = Frontier::new(from.0, proof.peaks.clone()) else { return false };
    if frontier.root() != Some(from.1) {
        return false;
    }
    for (node, hash) in added.iter().zip(&proof.added) {
        frontier.append(node.level, *hash, |_, _| ());
    }
    frontier.root() == Some(to.1)
}
