//! The ledger: everything that happened, in one order, so that anyone can check any entry, offline, years later.
//!
//! | module | what it gives |
//! |---|---|
//! | [`canonical`] | the one form of JSON that is hashed (RFC 8785) |
//! | [`event`] | what happened, and the hash that ties it to everything before |
//! | [`chain`] | reading all entries and naming the first bad one |
//! | [`tree`] | the growing Merkle tree, its proofs of inclusion and of growth |
//! | [`anchor`] | how the contract chains the roots it was given |
//! | [`signature`] | who vouches for the tree at one size |
//! | [`receipt`] | one event, with everything needed to check it |
//!
//! Exactly what is hashed:
//!
//! ```text
//! event    {"at":..,"body":{..},"kind":"..","seq":..,"streams":[..],"subject":".."}      canonical JSON, UTF-8
//! entry 0  SHA-256("tributary ledger, version 1: genesis")
//! entry n  SHA-256("tributary ledger, version 1: entry\n" || entry n-1 || event n)
//! leaf n   keccak256(keccak256(keccak256("tributary ledger, version 1: leaf") || n as 32 bytes || entry n))
//! node     keccak256(smaller child || larger child); an odd node moves up as it is
//! anchor   first 22 bytes of keccak256(abi.encode(anchor before, its number, root, size, time))
//! signed   EIP-712: TreeHead(uint64 size,bytes32 root), see [`signature`]
//! ```
//!
//! A leaf binds an entry's number and its hash; the hash binds its content and everything before it.

pub mod anchor;
pub mod canonical;
pub mod chain;
pub mod event;
pub mod receipt;
pub mod signature;
pub mod tree;

pub use canonical::Canonical;
pub use event::{Entry, Event, NewEvent};
pub use receipt::{Receipt, verify_receipt};
