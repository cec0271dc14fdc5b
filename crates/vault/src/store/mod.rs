//! Where blocks are stored.
//!
//! A store promises three things. It only accepts bytes under their own name, it only returns bytes that fit the name,
//! and putting the same block again does no harm, at any time and from anywhere.

mod disk;
mod kubo;

use std::{fmt, path::PathBuf, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;

pub use self::{disk::DiskStore, kubo::KuboStore};
use crate::cid::Cid;

/// The largest block that any store accepts or returns: 2 MiB, the limit of IPFS for blocks that are exchanged. Ours have
/// 256 KiB.
pub const MAX_BLOCK: usize = 2 * 1024 * 1024;

/// A place for blocks. It is used as `Arc<dyn BlockStore>`, so that the settings can choose it.
pub trait BlockStore: Send + Sync + fmt::Debug {
    /// Stores a block. Once this returns, the block survives a crash.
    ///
    /// # Errors
    /// [`StoreError::WrongName`] when the name is not that of the bytes; Then nothing is stored.
    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns the bytes of a block, verified against its name. `None` when the store does not have it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes stored under the name are not those it names.
    fn get(&self, cid: Cid) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// Returns whether the store has the block, without reading it.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    fn has(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Protects a file, given by its root, from being collected as garbage. It is called when the store has all blocks of
    /// the file.
    ///
    /// # Errors
    /// When the store cannot be reached or refuses.
    fn keep(&self, root: Cid) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// What can go wrong with blocks.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The bytes were to be stored under a name that is not theirs.
    #[error("these bytes are not {cid}: the name must be the hash of the content")]
    WrongName {
        /// The name given.
        cid: Cid,
    },
    /// A stored block is damaged.
    #[error("block {cid} is corrupt in {place}: store the file again, or restore the block from a copy")]
    Corrupt {
        /// The name of the block.
        cid: Cid,
        /// The store.
        place: String,
    },
    /// A block is larger than blocks may be.
    #[error("block {cid} has more than {MAX_BLOCK} bytes")]
    TooLarge {
        /// The name of the block.
        cid: Cid,
    },
    /// The file system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The program is stopping.
    #[error("the disk task was stopped")]
    Stopped(#[source] tokio::task::JoinError),
    /// The Kubo node cannot be reached or broke off.
    #[error(
        "no answer from the IPFS node to {command}: check that it runs and that IPFS_API_URL names its RPC address"
    )]
    Unreachable {
        /// The RPC command.
        command: &'static str,
        /// The reason.
        source: reqwest::Error,
    },
    /// The Kubo node took too long.
    #[error("the IPFS node did not finish {command} within {limit:?}")]
    Timeout {
        /// The RPC command.
        command: &'static str,
        /// The time limit.
        limit: Duration,
    },
    /// The Kubo node answered with an error.
    #[error("the IPFS node refused {command} with status {status}: {message}")]
    Refused {
        /// The RPC command.
        command: &'static str,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The Kubo node gave a block another name than it has.
    #[error("the IPFS node stored {cid} under another name, `{answer}`")]
    OtherName {
        /// The name it should have.
        cid: Cid,
        /// The name it was given.
        answer: String,
    },
}

/// Refuses bytes that do not fit the name.
fn check(cid: Cid, bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.len() > MAX_BLOCK {
        return Err(StoreError::TooLarge { cid });
    }
    if cid.names(bytes) { Ok(()) } else { Err(StoreError::WrongName { cid }) }
}
