//! The rules of the marketplace, as pure functions: no I/O, no clock, no randomness, no `async`.
//!
//! | module | what it decides |
//! |---|---|
//! | [`money`] | amounts, basis points, identifiers |
//! | [`split`] | how one amount is divided exactly |
//! | [`cost`] | what a contribution cost, and how sure we are of it |
//! | [`coherence`] | how good a contribution was, and the weight it gets |
//! | [`distribution`] | who is paid what when income arrives at a work |
//! | [`derivation`] | why one recipient was paid what they were paid |
//! | [`identity`] | who somebody is, as records name them |
//! | [`lineage`] | what a work was made from, what was made from it, and the shares between them |
//! | [`ledger`] | the record of everything that happened, its hashes, proofs and receipts |
//! | [`merkle`] | the payout tree whose root stands on chain |
//!
//! Money on chain is an integer number of base units and stays one here; costs off chain are decimals; nothing is a float.

pub mod coherence;
pub mod cost;
pub mod derivation;
pub mod distribution;
pub mod identity;
pub mod ledger;
pub mod lineage;
pub mod merkle;
pub mod money;
pub mod split;

pub use money::{Address, Amount, AssetId, B256, BasisPoints, ContentHash, U256};
