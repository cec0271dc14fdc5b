//! The mirror: chain to PostgreSQL, exactly once, right through reorganisations.
//!
//! [`Indexer::converge`] is the whole algorithm; `source` fetches and verifies, `decode` says what a log means,
//! `commit` stores a batch in one transaction.

mod commit;
mod decode;
mod modules;
#[cfg(test)]
mod scenario;
mod source;
mod wake;

use std::time::Duration;

use alloy::providers::DynProvider;
pub use commit::{CommitError, Cursor};
use modules::Modules;
use service::{Finality, Shutdown};
pub use source::SourceError;
use source::{BlockId, Head, Source};
use sqlx::PgPool;
use store::{StoreError, deployments::Deployment};

/// Blocks asked for at once: grows while answers are small and quick, halves when a node refuses or an answer is large.
const FIRST_RANGE: u64 = 500;
const LARGEST_RANGE: u64 = 10_000;
const LARGE_ANSWER: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum IndexerError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the mirror is halted: {0}")]
    Halted(String),
}

/// What a round of [`Indexer::converge`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Committed a batch; there may be more.
    Advanced,
    /// The mirror holds the head.
    Level,
}

pub struct Indexer {
    pool: PgPool,
    source: Source,
    deployment: Deployment,
    modules: Modules,
    range: u64,
    ws_url: Option<String>,
    poll: Duration,
}

impl Indexer {
    pub fn new(pool: PgPool, provider: DynProvider, deployment: Deployment, finality: Finality) -> Self {
        let watched = deployment.watched();
        let modules = Modules::new(&deployment);
        let source = Source::new(provider, watched, finality);
        Self { pool, source, deployment, modules, range: FIRST_RANGE, ws_url: None, poll: Duration::from_secs(1) }
    }

    /// Heads from this WebSocket wake the loop; without it the loop polls.
    pub fn with_ws(mut self, url: Option<String>) -> Self {
        self.ws_url = url;
        self
    }

    /// Follows the chain until the shutdown. A failure is said, and tried again later; a halt stays until resumed.
    pub async fn run(mut self, shutdown: Shutdown) {
        let heads = wake::heads(self.ws_url.clone(), shutdown.clone());
        let mut failures = 0_u32;
        while !shutdown.has_begun() {
            let pause = match self.converge().await {
                Ok(Progress::Advanced) => {
                    failures = 0;
                    continue;
                }
                Ok(Progress::Level) => {
                    failures = 0;
                    self.poll
                }
                Err(error) => {
                    failures += 1;
                    metrics::counter!("indexer_failures_total").increment(1);
                    tracing::warn!("the mirror waits: {error}");
                    Duration::from_millis(250 << failures.min(6))
                }
            };
            tokio::select! {
                () = heads.notified(), if failures == 0 => {}
                _ = shutdown.sleep(pause) => {}
            }
        }
    }

    /// One round: compare the mirror with the chain, then commit the next range, or the replacement of a branch that
    /// left the chain.
    pub async fn converge(&mut self) -> Result<Progress, IndexerError> {
        let head = self.source.head().await?;
        let cursor = self.cursor().await?;
        let Some(ancestor) = self.common_ancestor(&cursor, &head).await? else {
            let reason = format!("the chain left the finalized block {} that this mirror holds", cursor.finalized);
            commit::halt(&self.pool, self.deployment.chain_id, &reason).await?;
            return Err(IndexerError::Halted(reason));
        };
        if ancestor.number >= head.head.number {
            if head.finalized.min(cursor.block.number) > cursor.finalized {
                commit::settle(&self.pool, self.deployment.chain_id, &cursor, &head).await?;
            }
            return Ok(Progress::Level);
        }
        if ancestor.number < cursor.block.number {
            tracing::warn!("reorganisation: blocks {}..={} are replaced", ancestor.number + 1, cursor.block.number);
        }
        let to = head.head.number.min(ancestor.number + self.range);
        let range = match self.source.range(ancestor, to, head.finalized).await {
            Ok(range) => range,
            Err(error) => {
                if error.may_be_too_large() {
                    self.range = (self.range / 2).max(1);
                }
                return Err(error.into());
            }
        };
        self.range = match range.logs.len() {
            n if n > LARGE_ANSWER => (self.range / 2).max(1),
            n if n < LARGE_ANSWER / 4 => (self.range * 2).min(LARGEST_RANGE),
            _ => self.range,
        };
        let moved =
            commit::commit(&self.pool, &self.deployment, &self.modules, &cursor, ancestor, &range, &head).await?;
        metrics::counter!("indexer_logs_total").increment(range.logs.len() as u64);
        metrics::counter!("indexer_blocks_total").increment(range.to.number + 1 - range.from);
        metrics::gauge!("indexer_lag_blocks").set((head.head.number - moved.block.number) as f64);
        Ok(Progress::Advanced)
    }

    async fn cursor(&self) -> Result<Cursor, IndexerError> {
        let chain_id = self.deployment.chain_id;
        loop {
            match commit::load(&self.pool, chain_id).await? {
                Some((cursor, None)) => return Ok(cursor),
                Some((_, Some(reason))) => return Err(IndexerError::Halted(reason)),
                None => {
                    let header = self.source.header(self.deployment.from_block.saturating_sub(1)).await?;
                    let block = BlockId { number: header.number, hash: header.hash };
                    commit::begin(&self.pool, chain_id, block).await?;
                }
            }
        }
    }

    /// The newest block that the mirror and the chain share; none when they differ below the finalized one. A head that
    /// went backwards on the same branch is no difference.
    async fn common_ancestor(&self, cursor: &Cursor, head: &Head) -> Result<Option<BlockId>, IndexerError> {
        let mut held = cursor.block;
        if head.head.number < held.number {
            // The node is behind: compare at its height, if that block is kept.
            match commit::stored_hash(&self.pool, self.deployment.chain_id, head.head.number).await? {
                Some(block) if block.hash == head.head.hash => return Ok(Some(cursor.block)),
                Some(block) => held = block,
                None => return Ok(Some(cursor.block)),
            }
        }
        loop {
            if self.source.header(held.number).await?.hash == held.hash {
                return Ok(Some(held));
            }
            if held.number <= cursor.finalized {
                return Ok(None);
            }
            match commit::kept_below(&self.pool, self.deployment.chain_id, held.number).await? {
                Some(block) => held = block,
                None => return Ok(None),
            }
        }
    }
}
