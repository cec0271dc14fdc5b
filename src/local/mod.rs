//! Local chains: known accounts, blocks that are mined without traffic so that things become final, and an archive that keeps
//! the chain on disk.

mod archive;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::{
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::BlockNumberOrTag,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result};
use chain::{
    Signers,
    local::{self, ACCOUNTS, CHAIN_ID},
};
use facts::ChainId;
use service::{Shutdown, error_chain};

pub use self::archive::Archive;

/// After this many blocks, a local chain counts a block as final.
const FINAL_AFTER: u64 = 3;

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
pub fn signers_or(chain_id: ChainId, given: Signers) -> Signers {
    if !is_local(chain_id) {
        return given;
    }
    given.with(signers().unwrap_or_default().into())
}

/// Looks after a local chain until the shutdown: writes new blocks to its archive, if it has one, and mines empty blocks until
/// what happened is final. By itself, the chain mines only when something happens, and then it rests.
pub async fn keep(node: DynProvider, archive: Option<Archive>, shutdown: Shutdown) -> &'static str {
    let mut keeper = Keeper { node, archive, seen: None, last_used: 0 };
    while shutdown.sleep(Duration::from_millis(250)).await {
        if let Err(error) = keeper.look().await {
            tracing::warn!("the local chain is not looked after: {}", error_chain(error.as_ref()));
            shutdown.sleep(Duration::from_secs(1)).await;
        }
    }
    "local chain's keeper"
}

/// Sets the chain's clock to the present, unless it is ahead: the time during which the chain did not run has passed.
///
/// # Errors
/// When the node fails.
pub async fn catch_up(node: &DynProvider) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let newest = node.get_block_by_number(BlockNumberOrTag::Latest).await?.context("a chain without blocks")?;
    if newest.header.timestamp < now {
        node.anvil_set_time(now).await?;
    }
    Ok(())
}

struct Keeper {
    node: DynProvider,
    archive: Option<Archive>,
    /// The newest block that was looked at.
    seen: Option<u64>,
    /// The newest block with transactions that was seen.
    last_used: u64,
}

impl Keeper {
    async fn look(&mut self) -> Result<()> {
        if let Some(archive) = &mut self.archive {
            archive.follow().await?;
        }
        let head = self.node.get_block_number().await?;
        let first = match self.seen {
            Some(seen) if seen <= head => seen + 1,
            _ => head.saturating_sub(FINAL_AFTER - 1),
        };
        for number in first..=head {
            let block = self.node.get_block_by_number(BlockNumberOrTag::Number(number)).await?;
            if block.is_some_and(|block| !block.transactions.is_empty()) {
                self.last_used = number;
            }
        }
        self.seen = Some(head);
        if self.last_used > 0 && (self.last_used..self.last_used + FINAL_AFTER).contains(&head) {
            self.node.anvil_mine(Some(1), None).await?;
        }
        Ok(())
    }
}
