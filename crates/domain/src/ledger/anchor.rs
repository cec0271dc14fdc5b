//! Anchors as the contract chains them.

use alloy_primitives::{B256, FixedBytes, U256, keccak256};
use serde::{Deserialize, Serialize};

/// The chained hash of all anchors: 22 bytes; zero before the first.
pub type Head = FixedBytes<22>;

/// A root of the ledger that is on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Its number, from 1 without gaps.
    pub seq: u64,
    /// The root over the first `size` entries.
    pub root: B256,
    /// How many entries it covers.
    pub size: u64,
    /// When it was anchored, in seconds since 1970.
    pub time: u64,
}

impl Anchor {
    /// Returns the contract's head after this anchor: the first 22 bytes of keccak256(abi.encode(previous head, seq,
    /// root, size, time)).
    pub fn head(&self, previous: Head) -> Head {
        let words: [B256; 5] = [
            B256::right_padding_from(previous.as_slice()),
            U256::from(self.seq).into(),
            self.root,
            U256::from(self.size).into(),
            U256::from(self.time).into(),
        ];
        Head::from_slice(&keccak256(words.concat())[..22])
    }
}

/// The answer of the contract's `latest()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// The newest anchor's number.
    pub seq: u64,
    /// How many entries it covers.
    pub size: u64,
    /// The chained hash of all anchors.
    pub head: Head,
}
