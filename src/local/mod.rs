//! Local chains: known accounts, blocks that are mined without traffic so that things become final, and an archive that keeps
//! the chain on disk.

mod archive;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::{
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::{Block, BlockNumberOrTag},
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result};
use chain::{
    Signers,
    local::{self, ACCOUNTS, CHAIN_ID},
};
use facts::ChainId;
use futures::{StreamExt, TryStreamExt, stream};
use service::{Pace, Shutdown, error_chain};
use tokio::sync::watch;

pub use self::archive::Archive;

/// After this many blocks, a local chain counts a block as final.
const FINAL_AFTER: u64 = 3;
/// How often a local chain is looked at.
const LOOK: Duration = Duration::from_millis(250);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The most blocks that are in memory at once.
const BATCH: u64 = 500;
/// The most blocks that are asked for at once.
const AT_ONCE: usize = 32;

pub fn is_local(chain_id: ChainId) -> bool {
    chain_id == ChainId(CHAIN_ID)
}

/// Returns the funded accounts of a local chain.
///
/// # Errors
/// When a key is not valid, which does not happen.
pub fn signers() -> Result<Vec<PrivateKeySigner>> {
    (0..ACCOUNTS).map(|account| Ok(local::signer(account)?)).collect()
}

/// Returns the ones given, and on a local chain all its accounts as well.
///
/// # Errors
/// In the same case as [`signers`].
pub fn signers_or(chain_id: ChainId, given: Signers) -> Result<Signers> {
    if !is_local(chain_id) {
        return Ok(given);
    }
    Ok(given.with(signers()?.into()))
}

/// Sets the chain's clock to the present, unless it is ahead: the time during which the chain did not run has passed.
///
/// # Errors
/// When the node fails.
pub async fn catch_up(node: &DynProvider) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    if block(node, BlockNumberOrTag::Latest).await?.header.timestamp < now {
        node.anvil_set_time(now).await?;
    }
    Ok(())
}

/// Looks after a local chain: writes new blocks to its archive, if it has one, and mines empty blocks until what happened is
/// final. By itself, the chain mines only when something happens, and then it rests.
pub struct Keeper {
    node: DynProvider,
    archive: Option<Archive>,
    /// The newest block on disk.
    durable: watch::Sender<u64>,
    /// The newest block that was read.
    read: Option<u64>,
    /// The newest block with transactions that was read.
    last_used: Option<u64>,
}

impl Keeper {
    pub fn new(node: DynProvider, archive: Option<Archive>) -> Self {
        let newest = archive.as_ref().map(Archive::newest);
        // What the archive has is read from far enough back to know whether it is final.
        let read = newest.map(|newest| newest.saturating_sub(FINAL_AFTER));
        let durable = watch::Sender::new(newest.unwrap_or_default());
        Self { node, archive, durable, read, last_used: None }
    }

    /// Returns the newest block that survives a kill, now and later. `None` if the chain has no archive.
    pub fn durable(&self) -> Option<watch::Receiver<u64>> {
        self.archive.as_ref().map(|_| self.durable.subscribe())
    }

    /// Keeps the chain until the shutdown.
    pub async fn run(mut self, shutdown: Shutdown) -> &'static str {
        let mut pause = LOOK;
        let mut pace = Pace::new(LOOK);
        while shutdown.sleep(pause).await {
            pause = match self.look().await {
                Ok(found) => pace.after(found),
                Err(error) => {
                    tracing::warn!("the local chain is not looked after: {}", error_chain(error.as_ref()));
                    PAUSE_AFTER_FAILURE
                }
            };
        }
        "local chain's keeper"
    }

    /// Does what there is to do, and tells whether there was something.
    async fn look(&mut self) -> Result<bool> {
        let before = self.read;
        let head = self.follow().await?;
        let waits = self.last_used.is_some_and(|used| (used..used + FINAL_AFTER).contains(&head));
        if waits {
            self.node.anvil_mine(Some(1), None).await?;
        }
        Ok(waits || before != self.read)
    }

    /// Reads the blocks that are new, writes them to the archive, and returns the number of the newest one.
    async fn follow(&mut self) -> Result<u64> {
        loop {
            let head = self.node.get_block_number().await?;
            let first = match self.read {
                Some(read) if read <= head => read + 1,
                _ => head.saturating_sub(FINAL_AFTER - 1),
            };
            let last = head.min(first + BATCH - 1);
            let read = |number: u64| block(&self.node, number.into());
            let blocks: Vec<Block> = stream::iter(first..=last).map(read).buffered(AT_ONCE).try_collect().await?;
            if let Some(archive) = &mut self.archive {
                archive.append(head, &blocks).await?;
                self.durable.send_replace(archive.newest());
            }
            let used = blocks.iter().rfind(|block| !block.transactions.is_empty());
            self.last_used = used.map(|block| block.header.number).or(self.last_used);
            self.read = Some(last);
            if last == head {
                return Ok(head);
            }
        }
    }
}

async fn block(node: &DynProvider, number: BlockNumberOrTag) -> Result<Block> {
    node.get_block_by_number(number).await?.with_context(|| format!("the local chain has no block {number}"))
}
