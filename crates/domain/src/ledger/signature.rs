//! Signed tree heads. With a signature, the writer of the ledger vouches for its content at one size, before a chain
//! does.
//!
//! Two signatures over one size and different roots prove to everyone that the signer showed two ledgers.

use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use serde::{Deserialize, Serialize};

/// The ledger's tree at one size, and the contract in which its roots are anchored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TreeHead {
    /// The chain of the contract.
    pub chain_id: u64,
    /// The Anchor contract.
    pub contract: Address,
    /// How many entries it covers, counted from the first.
    pub size: u64,
    /// The root over them.
    pub root: B256,
}

impl TreeHead {
    /// Returns what is signed (EIP-712): `TreeHead(uint64 size,bytes32 root)` in the domain of name "Tributary Ledger",
    /// version "1", the chain's id and the contract.
    pub fn signing_hash(&self) -> B256 {
        let domain = hash_words([
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("Tributary Ledger"),
            keccak256("1"),
            U256::from(self.chain_id).into(),
            self.contract.into_word(),
        ]);
        let head =
            hash_words([keccak256("TreeHead(uint64 size,bytes32 root)"), U256::from(self.size).into(), self.root]);
        keccak256([&b"\x19\x01"[..], domain.as_slice(), head.as_slice()].concat())
    }
}

fn hash_words<const N: usize>(words: [B256; N]) -> B256 {
    keccak256(words.concat())
}

/// A signature over a tree head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Who signed.
    pub signer: Address,
    /// r, s and v: 65 bytes.
    pub signature: Bytes,
}

impl Signed {
    /// Returns whether it is the signer's signature over this tree head.
    pub fn holds(&self, head: &TreeHead) -> bool {
        let recovered = Signature::try_from(self.signature.as_ref())
            .ok()
            // Each signature is written in only one way: v is 27 or 28, and s is in the lower half.
            .filter(|signature| signature.as_bytes()[..] == self.signature[..] && signature.normalize_s().is_none())
            .and_then(|signature| signature.recover_address_from_prehash(&head.signing_hash()).ok());
        recovered == Some(self.signer)
    }
}
