//! A mirror that halted: why it did, what an operator can do about that, and doing it.

use std::sync::Arc;

use alloy::{
    primitives::{Address, B256},
    providers::Provider,
    transports::TransportError,
};
use chain::pool::Pool;
use facts::ChainId;
use service::Finality;
use sqlx::PgPool;
use store::{StoreError, deployments::Deployment};

use crate::{
    commit::{self, CommitError},
    source::{BlockId, Source, SourceError, Word},
};

/// The end of the reason for a halt because of what is stored, and not because of what the chain has now.
const STORED: &str = "logs are missing among those stored";

/// Returns the reason for a halt because the chain has another block in the place of a final one.
pub(crate) fn left(held: BlockId, chain: B256) -> String {
    format!(
        "the chain left the finalized block {} that this mirror holds: its hash was {}, now it is {chain}",
        held.number, held.hash
    )
}

/// Returns the reason for a halt because events have numbers that do not follow those that are stored.
pub(crate) fn logs_are_missing(error: &CommitError) -> String {
    format!("{error}. Every receipt was checked, so {STORED}")
}

/// Returns what an operator can do about a halt for this reason. The reason itself is shown to everybody, and this is not.
pub fn advice(reason: &str) -> &'static str {
    if reason.ends_with(STORED) {
        "`tributary indexer resume --rewind-to BLOCK` reads everything above that block again; block 0 stands for the whole \
         chain"
    } else {
        "When an endpoint of RPC_URL is wrong, remove it, and `tributary indexer resume` goes on. When the chain is right, or \
         lost its data, `tributary indexer resume --rewind` follows it, or says why it cannot"
    }
}

/// What a halted mirror takes back before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewind {
    /// It takes back nothing.
    No,
    /// Everything that the chain no longer has, including finalized blocks.
    ToShared,
    /// Everything above this block, which is then read anew.
    To(u64),
}

/// Why a mirror was not resumed. Then nothing was changed, unless the database failed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error("there is no mirror of chain {0} yet, so there is nothing to resume: `tributary indexer` begins one")]
    NoMirror(ChainId),
    #[error(
        "chain {chain_id} has no contract at {registry}, where the database has the registry of its market. It is another \
         chain than the mirror holds, or it lost its data and began anew, so there is nothing to rewind to. Nothing was \
         changed. Give the node its data back (`tributary up` keeps that of a local chain in LOCAL_CHAIN_DIR) or connect to \
         the right chain; if its data is lost for good, begin anew with an empty database"
    )]
    NoMarket { chain_id: ChainId, registry: Address },
    #[error(
        "the chain ends at block {head}, and the mirror holds the blocks up to {held}, of which the chain contradicts none. \
         Nothing was changed. When the node is still reading the chain, wait until it is past block {held}. When the blocks \
         above {head} are lost for good, `tributary indexer resume --rewind-to {head}` takes them back"
    )]
    Shorter { head: u64, held: u64 },
    #[error(
        "the chain ends at block {head}, so the mirror cannot read on above block {asked}. Nothing was changed. Wait until the \
         node is past it, or name a block up to {head}"
    )]
    BeyondTheEnd { head: u64, asked: u64 },
    #[error("the chain could not be asked what it still has, and nothing was changed: {0}")]
    Source(#[from] SourceError),
    #[error("the chain could not be asked for the market's contracts, and nothing was changed: {0}")]
    Node(#[from] TransportError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Clears a halt, and returns how many blocks were taken back.
///
/// # Errors
/// When there is no mirror, when the chain does not have the market or ends before what the mirror holds, when no endpoint,
/// or no majority of several endpoints, says which block the chain has there, or when the database fails.
pub async fn resume(
    db: &PgPool,
    pool: Arc<Pool>,
    deployment: &Deployment,
    finality: Finality,
    rewind: Rewind,
) -> Result<u64, ResumeError> {
    let chain_id = deployment.chain_id;
    let mut conn = db.acquire().await.map_err(StoreError::from)?;
    let (cursor, _) = commit::load(&mut conn, chain_id).await?.ok_or(ResumeError::NoMirror(chain_id))?;
    if rewind == Rewind::No {
        commit::clear_halt(&mut conn, chain_id).await?;
        return Ok(0);
    }
    // A chain that began anew has none of the market's contracts, and may not even have the block before them.
    let registry = deployment.asset_registry;
    if chain::rpc::provider(&pool).get_code_at(registry).await?.is_empty() {
        return Err(ResumeError::NoMarket { chain_id, registry });
    }
    let source = Source::new(pool, deployment.watched(), finality);
    let (held, head) = (cursor.block.number, source.head().await?.head.number);
    let before_first = deployment.from_block.saturating_sub(1);
    let number = match rewind {
        Rewind::To(asked) => {
            let number = asked.clamp(before_first, held);
            if number > head {
                return Err(ResumeError::BeyondTheEnd { head, asked: number });
            }
            number
        }
        Rewind::ToShared | Rewind::No => {
            let kept = commit::kept(&mut conn, chain_id, 0, held.min(head)).await?;
            let shared = source.newest_shared(&kept, Word::Majority).await?;
            // A chain that only ends earlier may belong to a node that is behind, which has the other blocks later.
            if head < held && shared == kept.last().copied() {
                return Err(ResumeError::Shorter { head, held });
            }
            shared.map_or(before_first, |block| block.number)
        }
    };
    let to = BlockId { number, hash: source.agreed(number).await? };
    commit::rewind(db, chain_id, to).await?;
    Ok(held.saturating_sub(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_about_the_case_at_hand() {
        let left = left(BlockId { number: 7, hash: B256::ZERO }, B256::repeat_byte(1));
        assert!(advice(&left).contains("resume --rewind`") && !advice(&left).contains("--rewind-to"), "{left}");
        let gap = logs_are_missing(&CommitError::Missing("event 3 of the market".to_owned()));
        assert!(advice(&gap).contains("--rewind-to BLOCK") && !advice(&gap).contains("RPC_URL"), "{gap}");
        // The pages show the reason to everybody, so commands are not a part of it.
        assert!(!left.contains('`') && !gap.contains('`'));
    }
}
