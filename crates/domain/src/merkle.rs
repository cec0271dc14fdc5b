//! Merkle trees whose roots stand on chain. The payout tree: each payout is claimed with a proof against its root.
//!
//! Built exactly as the contracts check it, so that OpenZeppelin's `MerkleProof` accepts every proof:
//!
//! - leaf = keccak256(keccak256(abi.encode(...))), hashed twice so that no inner node can pass for a leaf; a payout's is of
//!   (chain id, contract, account, token, cumulative), bound to one chain and one contract so that no proof holds on
//!   another;
//! - a payout tree's leaves sorted by (account, token);
//! - parent = keccak256 of the two children, the smaller first; an odd node at the end of a level is promoted unchanged.

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::money::Amount;

/// The total that an account may have claimed of one token, since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who claims.
    pub account: Address,
    /// The token; the zero address for the chain's own coin.
    pub token: Address,
    /// The sum of all payouts so far, in base units of the token.
    pub cumulative: Amount,
}

/// The reason why there is no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A tree without leaves has no root.
    #[error("there is nothing to pay: a payout tree needs at least one entry")]
    Empty,
    /// There are two entries for one account and token.
    #[error("account {account} stands in the tree twice for token {token}")]
    Duplicate {
        /// The account.
        account: Address,
        /// The token.
        token: Address,
    },
}

/// A tree over leaves, in the given order.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The leaves, then each level of their parents up to the root.
    levels: Vec<Vec<B256>>,
}

impl Tree {
    /// Builds the tree; `None` without leaves.
    pub fn new(leaves: Vec<B256>) -> Option<Self> {
        if leaves.is_empty() {
            return None;
        }
        let mut level = leaves;
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = level.chunks(2).map(|pair| if let [a, b] = pair { parent(*a, *b) } else { pair[0] }).collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        levels.push(level);
        Some(Self { levels })
    }

    /// Returns the root.
    pub fn root(&self) -> B256 {
        self.levels[self.levels.len() - 1][0]
    }

    /// Returns the proof of the leaf at a place, from the leaf up. It is empty when the leaf is the root. `None` beyond the
    /// last leaf.
    pub fn proof(&self, place: usize) -> Option<Vec<B256>> {
        self.levels[0].get(place)?;
        let mut at = place;
        let mut proof = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            proof.extend(level.get(at ^ 1));
            at /= 2;
        }
        Some(proof)
    }
}

/// All cumulative payouts of one contract on one chain.
#[derive(Debug, Clone)]
pub struct PayoutTree {
    entries: Vec<Entry>,
    tree: Tree,
}

impl PayoutTree {
    /// Builds the tree. The order of the entries does not matter.
    ///
    /// # Errors
    /// When there are no entries, or two entries for one account and token.
    pub fn new(chain_id: u64, contract: Address, mut entries: Vec<Entry>) -> Result<Self, TreeError> {
        entries.sort_unstable_by_key(|entry| (entry.account, entry.token));
        let same = |pair: &&[Entry]| (pair[0].account, pair[0].token) == (pair[1].account, pair[1].token);
        if let Some(pair) = entries.windows(2).find(same) {
            return Err(TreeError::Duplicate { account: pair[0].account, token: pair[0].token });
        }
        let leaves = entries.iter().map(|entry| leaf(chain_id, contract, entry)).collect();
        let tree = Tree::new(leaves).ok_or(TreeError::Empty)?;
        Ok(Self { entries, tree })
    }

    /// Returns the root.
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Returns the entries, by account and token.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns all levels: the leaves in the order of the entries, then each level of their parents, up to the root.
    ///
    /// A proof takes one node of each: above the entry at `place`, the sibling on a level stands at `(place >> level) ^ 1`,
    /// and there is none where the level ends before that.
    pub fn levels(&self) -> &[Vec<B256>] {
        &self.tree.levels
    }

    /// Returns the proof for an account and token, from the leaf up. It is empty when the leaf is the root. `None` when
    /// there is no such entry.
    pub fn proof(&self, account: Address, token: Address) -> Option<Vec<B256>> {
        let place = self.entries.binary_search_by_key(&(account, token), |entry| (entry.account, entry.token)).ok()?;
        self.tree.proof(place)
    }
}

/// Returns a leaf over 32-byte words, laid out as by Solidity's `abi.encode` and hashed twice.
pub fn leaf_of(words: &[B256]) -> B256 {
    keccak256(keccak256(words.concat()))
}

/// Returns the leaf of an entry.
pub fn leaf(chain_id: u64, contract: Address, entry: &Entry) -> B256 {
    leaf_of(&[
        U256::from(chain_id).into(),
        contract.into_word(),
        entry.account.into_word(),
        entry.token.into_word(),
        B256::from(entry.cumulative.0),
    ])
}

/// Returns whether `proof` leads from `leaf` to `root`.
pub fn verify(root: B256, leaf: B256, proof: &[B256]) -> bool {
    proof.iter().fold(leaf, |node, sibling| parent(node, *sibling)) == root
}

/// Returns the parent of two nodes, in whichever order.
pub(crate) fn parent(a: B256, b: B256) -> B256 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    keccak256(low.concat_const::<32, 64>(high))
}
