//! The Merkle tree over the whole ledger, which only grows on its right side.
//!
//! The leaf of entry `seq` is keccak256(keccak256(abi.encode(tag, seq, entry hash))); pairs are sorted before they are
//! hashed, and a node without a sibling moves up unchanged, so OpenZeppelin's `MerkleProof` accepts every proof. The
//! shape is that of RFC 6962: the left part of every tree holds the largest power of two of entries that is below the
//! tree's size.
//!
//! Because pairs are sorted, a proof shows that an entry with this number and hash is under the root. It does not show
//! that the entry stands at the place of its number, nor that no other entry does. Reading the whole ledger shows that,
//! because every entry's hash covers all entries before it.
//!
//! Every tree is made of **nodes** over 2^level entries, which never change once they are full. The peaks of a size are
//! the full nodes that correspond to the bits of the size: there are at most 64, and appending needs no other nodes
//! ([`Frontier`]). Proofs need others too. [`proof_nodes`] and [`consistency_nodes`] name them, and the caller looks
//! them up or hashes the entries again.

use alloy_primitives::{B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::merkle::{self, leaf_of, parent};

/// The tag that separates these leaves from all other hashes.
pub const LEAF_TAG: &str = "tributary ledger, version 1: leaf";

/// Returns the leaf of an entry, by its number and hash.
pub fn leaf(seq: u64, hash: B256) -> B256 {
    leaf_of(&[keccak256(LEAF_TAG), U256::from(seq).into(), hash])
}

/// The hash over 2^level entries, which come after `index` x 2^level others.
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

/// Returns the root over a size's peaks, or over any such row of nodes with falling sizes. `None` without nodes.
pub fn root(peaks: &[B256]) -> Option<B256> {
    peaks.iter().rev().copied().reduce(|right, left| parent(left, right))
}

/// A tree's right edge, which is all that is needed to append to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<B256>,
}

impl Frontier {
    /// Creates the edge of a tree over `size` entries from its peaks, the hashes of `nodes(0, size)`. `None` when there
    /// are more or fewer peaks.
    pub fn new(size: u64, peaks: Vec<B256>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Appends an entry's leaf, and passes on every node that becomes full by it, from the lowest up.
    pub fn push(&mut self, leaf: B256, full: impl FnMut(Node, B256)) {
        self.append(0, leaf, full);
    }

    /// Appends a node of 2^level entries; the size must be a multiple of that.
    fn append(&mut self, level: u8, hash: B256, mut full: impl FnMut(Node, B256)) {
        let (mut node, mut hash) = (Node { level, index: self.size >> level }, hash);
        full(node, hash);
        // A set bit of the size means that there is a peak of the same size to the left, so both become one.
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

/// Returns the nodes needed for a proof of entry `seq` in the tree over `size` entries: for each sibling on the way up,
/// the nodes that it consists of. `None` when there is no such entry.
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
/// Returns the first node that `hash_of` does not know, or `None` when there is no such entry.
pub fn proof(seq: u64, size: u64, hash_of: impl Fn(Node) -> Option<B256>) -> Result<Vec<B256>, Option<Node>> {
    let siblings = proof_nodes(seq, size).ok_or(None)?;
    siblings.into_iter().map(|nodes| root(&hashes(nodes, &hash_of).map_err(Some)?).ok_or(None)).collect()
}

fn hashes(nodes: Vec<Node>, hash_of: impl Fn(Node) -> Option<B256>) -> Result<Vec<B256>, Node> {
    nodes.into_iter().map(|node| hash_of(node).ok_or(node)).collect()
}

/// Returns whether `proof` leads from entry `seq` with this hash to the root over `size` entries. Root and size must be
/// given as they were anchored together, because a root does not say its size.
pub fn verify_proof(root: B256, size: u64, seq: u64, hash: B256, proof: &[B256]) -> bool {
    proof_nodes(seq, size).is_some_and(|siblings| siblings.len() == proof.len())
        && merkle::verify(root, leaf(seq, hash), proof)
}

/// A proof that a larger tree begins with a smaller one, unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The peaks of the smaller tree, largest first.
    pub peaks: Vec<B256>,
    /// The nodes over the entries that were added, in order.
    pub added: Vec<B256>,
}

/// Returns the nodes needed for a proof of consistency.
pub fn consistency_nodes(from: u64, to: u64) -> (Vec<Node>, Vec<Node>) {
    (nodes(0, from), nodes(from, to))
}

/// Returns the proof that the tree over `to` entries begins with the tree over `from` entries. It has at most about 190
/// hashes.
///
/// # Errors
/// Returns the first node that `hash_of` does not know.
pub fn consistency(from: u64, to: u64, hash_of: impl Fn(Node) -> Option<B256>) -> Result<Consistency, Node> {
    let (peaks, added) = consistency_nodes(from, to);
    Ok(Consistency { peaks: hashes(peaks, &hash_of)?, added: hashes(added, &hash_of)? })
}

/// Returns whether `proof` shows that the tree with root `to` begins with the tree with root `from`. Each is a size and
/// a root that were anchored together.
///
/// The sizes determine the place of each hash of the proof. The smaller tree's peaks must give its root, and appending
/// the rest to them must give the larger tree's root.
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
