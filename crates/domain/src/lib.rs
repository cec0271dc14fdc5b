//! The rules of the marketplace, as pure functions: no I/O, no clock, no randomness, no `async`.
//!
//! | module | what it decides |
//! |---|---|
//! | [`money`] | amounts, basis points, identifiers |
//! | [`split`] | how one amount is divided exactly |
//! | [`contribution`] | what makes a contribution recordable, and what may become of it |
//! | [`cost`] | what a contribution cost, and how sure we are of it |
//! | [`coherence`] | how good a contribution was, and the weight it gets |
//! | [`distribution`] | who is paid what when income arrives at a work |
//! | [`derivation`] | why one recipient was paid what they were paid |
//! | [`identity`] | who somebody is, as records name them |
//! | [`lineage`] | what a work was made from, what was made from it, and the shares between them |
//! | [`ledger`] | the record of everything that happened, its hashes, proofs and receipts |
//! | [`order`] | when a signed order can be stored |
//! | [`work`] | what makes the description of a work recordable |
//! | [`merkle`] | the payout tree whose root stands on chain |
//!
//! Money on chain is an integer number of base units, and stays one here. Costs off chain are decimals. Nothing is a
//! float.

pub mod coherence;
pub mod contribution;
pub mod cost;
pub mod derivation;
pub mod distribution;
pub mod identity;
pub mod ledger;
pub mod lineage;
pub mod merkle;
pub mod money;
pub mod order;
pub mod split;
pub mod work;

pub use money::{Address, Amount, AssetId, B256, BasisPoints, ContentHash, U256};
