//! Content: bytes go in as a stream, lie somewhere as blocks named by their hash, and come out verified.
//!
//! | module | what it is for |
//! |---|---|
//! | [`cid`] | the names of blocks and files, as IPFS writes them |
//! | [`unixfs`] | the nodes that join blocks into a file |
//! | [`importer`] | bytes to blocks, with bounded memory |
//! | [`store`] | where blocks lie: [`DiskStore`] or [`KuboStore`] |
//! | [`vault`] | files on top of a store, with limits and verification |
//!
//! The same bytes have the same CID on disk and in a Kubo node, which is the one `ipfs add --cid-version=1` prints, so the
//! one store can replace the other and anybody can check a name without asking us.

mod base;
pub mod cid;
pub mod importer;
pub mod store;
pub mod unixfs;
pub mod vault;

pub use cid::{Cid, Codec};
pub use store::{BlockStore, DiskStore, KuboStore, StoreError};
pub use vault::{Stored, Vault, VaultError};
