//! Content. Bytes come in as a stream, are stored as blocks that are named by their hash, and are verified when they are
//! read.
//!
//! | module | what it is for |
//! |---|---|
//! | [`cid`] | the names of blocks and files, as IPFS writes them |
//! | [`unixfs`] | the nodes that join blocks into a file |
//! | [`importer`] | turning bytes into blocks, with bounded memory |
//! | [`store`] | where blocks are stored: [`DiskStore`] or [`KuboStore`] |
//! | [`vault`] | files on top of a store, with limits and verification |
//!
//! The same bytes have the same CID on disk and in a Kubo node. It is the one that `ipfs add --cid-version=1` prints. So
//! one store can replace the other, and anybody can check a name without asking us.

mod base;
pub mod cid;
pub mod importer;
pub mod store;
pub mod unixfs;
pub mod vault;

pub use cid::{Cid, Codec};
pub use store::{BlockStore, DiskStore, KuboStore, StoreError};
pub use vault::{Stored, Vault, VaultError};
