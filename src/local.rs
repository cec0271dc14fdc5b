//! Local chains: known accounts, and blocks that are mined without traffic so that things become final.

use std::time::Duration;

use alloy::{
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::BlockNumberOrTag,
    signers::local::PrivateKeySigner,
};
use anyhow::Result;
use chain::{
    Signers,
    local::{self, ACCOUNTS, CHAIN_ID},
};
use facts::ChainId;
use service::Shutdown;

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

/// Mines blocks on a local chain until what happened is final, and then rests. By itself, the chain mines
/// only when something happens.
pub async fn keep_finalizing(provider: DynProvider, shutdown: Shutdown) -> &'static str {
    while shutdown.sleep(Duration::from_millis(250)).await {
        if let Err(error) = finalize(&provider).await {
            tracing::debug!("the local chain does not answer: {error:#}");
        }
    }
    "local chain's clock"
}

async fn finalize(provider: &DynProvider) -> Result<()> {
    let head = provider.get_block_number().await?;
    for number in head.saturating_sub(FINAL_AFTER - 1)..=head {
        let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).await?;
        if block.is_some_and(|block| !block.transactions.is_empty()) {
            provider.anvil_mine(Some(1), None).await?;
            return Ok(());
        }
    }
    Ok(())
}
