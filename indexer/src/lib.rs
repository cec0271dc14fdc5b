//! The mirror: copies the chain into PostgreSQL, exactly once, and stays right through reorganisations.
//!
//! [`Indexer::converge`] is the whole algorithm. `source` fetches and verifies, `decode` and `modules` say what a log means,
//! `batch` and `row` make rows of it, and `heads` finds missing logs. `commit` stores everything in one transaction, `leader`
//! decides which process may do so, `rebuild` makes the projections anew, `status` informs operators, and `halt` says what they
//! can do when the mirror stopped.

mod batch;
mod commit;
mod decode;
mod halt;
mod heads;
mod leader;
mod modules;
mod rebuild;
mod row;
#[cfg(test)]
mod scenario;
mod source;
mod status;
mod wake;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::B256;
use batch::{Batch, Facts};
use chain::pool::Pool;
pub use commit::{CommitError, Cursor};
use decode::Decoder;
use facts::ChainId;
use futures::{StreamExt, stream::FuturesOrdered};
pub use halt::{ResumeError, Rewind, advice, resume};
use leader::Leader;
pub use rebuild::{RebuildError, Rebuilt, rebuild};
use service::{Finality, SecretUrl, Shutdown, error_chain};
pub use source::SourceError;
use source::{BlockId, Head, Source, Word};
use sqlx::PgPool;
use status::Stages;
pub use status::{Status, status};
use store::{StoreError, deployments::Deployment};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

#[derive(Debug, thiserror::Error)]
pub enum IndexerError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    #[error("the mirror is halted: {0}. {advice}", advice = halt::advice(.0))]
    Halted(String),
    #[error("a fetcher failed: {0}")]
    Fetcher(#[from] tokio::task::JoinError),
}

/// What a round of [`Indexer::converge`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was committed, and there may be more.
    Advanced,
    /// The mirror holds the head.
    Level,
    /// Another process leads this chain's mirror.
    Standby,
}

/// How much work is done at once.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many ranges are fetched at the same time in a backfill.
    pub fetchers: usize,
    /// How many bytes of rows may wait for their commit or be in it. Together with the limit on an answer's size, this bounds
    /// memory.
    pub buffer: usize,
    /// A new mirror with at least this many final blocks to read builds secondary indexes and computed state only at the end.
    pub bulk_blocks: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { fetchers: 4, buffer: 32 << 20, bulk_blocks: 256 }
    }
}

/// The chain has a different block at the height of a final one.
struct Left {
    held: BlockId,
    /// The hash that most endpoints give.
    chain: B256,
}

/// A batch that waits for its commit, with its place in the buffer, or the reason why there are no more.
type Fetched = Result<(Batch, OwnedSemaphorePermit), IndexerError>;

/// After this many gaps in a row, with everything checked, the mirror halts.
const GAPS: u32 = 3;
/// How many blocks of a replacement are swapped at once. A deeper reorganisation takes several commits.
const LARGEST_SWAP: u64 = 10_000;

/// Follows one chain.
pub struct Indexer {
    db: PgPool,
    pool: Arc<Pool>,
    source: Source,
    decoder: Arc<Decoder>,
    options: Options,
    leader: Option<Leader>,
    stages: Arc<Stages>,
    /// Gaps found since the last commit.
    gaps: AtomicU32,
    ws_url: Option<SecretUrl>,
    /// The newest block that a local chain has on disk.
    durable: Option<watch::Receiver<u64>>,
    poll: Duration,
}

impl Indexer {
    pub fn new(db: PgPool, pool: Arc<Pool>, deployment: Deployment, finality: Finality) -> Self {
        let source = Source::new(pool.clone(), deployment.watched(), finality);
        Self {
            db,
            pool,
            source,
            decoder: Arc::new(Decoder::new(deployment)),
            options: Options::default(),
            leader: None,
            stages: Arc::default(),
            gaps: AtomicU32::new(0),
            ws_url: None,
            durable: None,
            poll: Duration::from_secs(1),
        }
    }

    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Lets heads from this WebSocket wake the loop. Without it, the loop polls.
    pub fn with_ws(mut self, url: Option<SecretUrl>) -> Self {
        self.ws_url = url;
        self
    }

    /// Lets nothing be final above this block. A local chain may lose blocks that are not on disk yet, whatever its node says.
    pub fn with_durable(mut self, block: Option<watch::Receiver<u64>>) -> Self {
        self.durable = block;
        self
    }

    /// Follows the chain until the shutdown. After a failure, which is logged, it tries again later. A halt lasts until it is
    /// resumed.
    pub async fn run(mut self, shutdown: Shutdown) {
        let heads = wake::heads(self.ws_url.clone(), shutdown.clone());
        self.stages.begin(self.chain_id());
        let mut failures = 0_u32;
        while !shutdown.has_begun() {
            let round = tokio::select! {
                round = self.converge() => round,
                () = shutdown.begun() => return,
            };
            self.stages.halted(self.chain_id(), matches!(round, Err(IndexerError::Halted(_))));
            let pause = match round {
                Ok(Progress::Advanced) => {
                    failures = 0;
                    continue;
                }
                Ok(Progress::Level | Progress::Standby) => {
                    failures = 0;
                    self.poll
                }
                Err(IndexerError::Commit(CommitError::Moved)) => Duration::ZERO,
                Err(error) => {
                    failures += 1;
                    metrics::counter!("indexer_failures_total", "chain" => self.chain_id().to_string()).increment(1);
                    tracing::warn!(
                        "the mirror of chain {} waits and tries again: {}",
                        self.chain_id(),
                        error_chain(&error)
                    );
                    Duration::from_millis(250 << failures.min(4))
                }
            };
            tokio::select! {
                () = heads.notified(), if failures == 0 => {}
                _ = shutdown.sleep(pause) => {}
            }
        }
    }

    /// Follows the chain until the mirror holds its head, waiting for the lead while another process has it.
    ///
    /// # Errors
    /// When a node or the database fails, or the mirror halts.
    pub async fn level(&mut self) -> Result<(), IndexerError> {
        loop {
            match self.converge().await {
                Ok(Progress::Advanced) | Err(IndexerError::Commit(CommitError::Moved)) => {}
                Ok(Progress::Level) => return Ok(()),
                Ok(Progress::Standby) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => return Err(error),
            }
        }
    }

    fn chain_id(&self) -> ChainId {
        self.decoder.deployment.chain_id
    }

    /// Does one round: compares the mirror with the chain, then commits what the mirror lacks, or the replacement of a branch
    /// that left the chain. The future may be dropped at any point, because only what was committed was done.
    ///
    /// # Errors
    /// When a node or the database fails, when another leader took over, or when the mirror halts.
    pub async fn converge(&mut self) -> Result<Progress, IndexerError> {
        // The leader is taken out, so that a round that is dropped midway also ends the leader's session.
        let mut leader = match self.leader.take() {
            Some(leader) => leader,
            None => match Leader::elect(&self.db, self.chain_id(), self.report()).await? {
                Some(leader) => leader,
                None => return Ok(Progress::Standby),
            },
        };
        let round = self.round(&mut leader).await;
        match &round {
            // Whatever the database refused, the next round begins with a new session.
            Err(IndexerError::Store(_) | IndexerError::Commit(CommitError::Store(_) | CommitError::Overtaken)) => {}
            _ => self.leader = Some(leader),
        }
        round
    }

    async fn round(&self, leader: &mut Leader) -> Result<Progress, IndexerError> {
        let mut head = self.stages.time("head", self.source.head()).await?;
        if let Some(durable) = &self.durable {
            head = head.final_up_to(*durable.borrow());
        }
        let cursor = self.cursor(leader, &head).await?;
        let ancestor = match self.common_ancestor(leader, &cursor, &head).await? {
            Ok(ancestor) => ancestor,
            Err(Left { held, chain }) => {
                let reason = halt::left(held, chain);
                tracing::error!("the mirror of chain {} halts: {reason}", self.chain_id());
                commit::halt(leader, self.chain_id(), &reason).await?;
                return Err(IndexerError::Halted(reason));
            }
        };
        self.stages.lag(self.chain_id(), &head, ancestor.number, None);
        // A head that does not reach beyond the shared blocks has no replacement for the others yet.
        if ancestor.number < cursor.block.number && ancestor.number < head.head.number {
            self.reorganise(leader, &cursor, ancestor, &head).await?;
            return Ok(Progress::Advanced);
        }
        if cursor.in_bulk && cursor.block.number >= head.finalized {
            tracing::info!("building the indexes of chain {}'s mirror", self.chain_id());
            self.stages.time("index", commit::end_bulk(leader, &self.db, self.chain_id(), &cursor)).await?;
            return Ok(Progress::Advanced);
        }
        if ancestor.number >= head.head.number {
            commit::settle(leader, self.chain_id(), &cursor, &head).await?;
            return Ok(Progress::Level);
        }
        self.follow(leader, cursor, &head).await?;
        Ok(Progress::Advanced)
    }

    /// Follows the chain up to the head. Final blocks are fetched in several ranges at a time, decoded as they arrive, and
    /// committed in order. Other blocks are fetched as they are mined. What arrives during a commit waits for the next one, as
    /// long as there is room.
    async fn follow(&self, leader: &mut Leader, cursor: Cursor, head: &Head) -> Result<(), IndexerError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::select! {
            committed = self.commit_in_order(leader, cursor, head, receiver) => committed,
            // When everything is read, this branch ends and the commits go on.
            Err(never) = self.read_ahead(cursor, head, sender) => match never {},
        }
    }

    async fn read_ahead(
        &self,
        cursor: Cursor,
        head: &Head,
        sender: mpsc::UnboundedSender<Fetched>,
    ) -> Result<(), Infallible> {
        let is_final = head.finalized > cursor.block.number;
        let target = if is_final { head.finalized } else { head.head.number };
        let facts = if cursor.in_bulk { Facts::None } else { Facts::Each };
        let expected = (!is_final).then_some(cursor.block);
        let room = Arc::new(Semaphore::new(self.options.buffer));
        let mut planned = cursor.block.number;
        let mut fetching = FuturesOrdered::new();
        loop {
            while planned < target && fetching.len() < self.options.fetchers {
                let from = planned + 1;
                planned = target.min(planned + self.source.span().max(1));
                fetching.push_back(self.fetch(expected, from, planned, head.finalized, facts));
            }
            let Some(fetched) = fetching.next().await else { return Ok(()) };
            let batch = match fetched.map_err(IndexerError::from).and_then(|batch| Ok(batch?)) {
                Ok(batch) => batch,
                Err(error) => {
                    // Nobody receives once a commit failed, and then that failure is the one to tell.
                    let _ = sender.send(Err(error));
                    return Ok(());
                }
            };
            // A batch that is larger than the buffer takes all of the buffer.
            let bytes = batch.rows.bytes().min(self.options.buffer) as u32;
            let Ok(place) = room.clone().acquire_many_owned(bytes).await else { return Ok(()) };
            let _ = sender.send(Ok((batch, place)));
        }
    }

    /// Commits what waits, until no more comes. What arrived before a failure is committed.
    async fn commit_in_order(
        &self,
        leader: &mut Leader,
        mut cursor: Cursor,
        head: &Head,
        mut receiver: mpsc::UnboundedReceiver<Fetched>,
    ) -> Result<(), IndexerError> {
        let mut fetched = Vec::new();
        while receiver.recv_many(&mut fetched, usize::MAX).await > 0 {
            let failure = fetched.pop_if(|last| last.is_err());
            let (batches, places): (Vec<Batch>, Vec<_>) = fetched.drain(..).flatten().unzip();
            if !batches.is_empty() {
                cursor = self.commit(leader, &cursor, cursor.block, &batches, head).await?;
            }
            drop(places);
            if let Some(Err(error)) = failure {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Replaces a branch that left the chain, as far as the new one goes. The new branch is fetched and verified first, and
    /// swapped in at once.
    async fn reorganise(
        &self,
        leader: &mut Leader,
        cursor: &Cursor,
        ancestor: BlockId,
        head: &Head,
    ) -> Result<(), IndexerError> {
        tracing::warn!(
            "chain {} was reorganised: blocks {}..={} are replaced",
            self.chain_id(),
            ancestor.number + 1,
            cursor.block.number
        );
        let to = head.head.number.min(ancestor.number + LARGEST_SWAP);
        let settled = head.finalized.min(ancestor.number);
        let batch = self.fetch(Some(ancestor), ancestor.number + 1, to, settled, Facts::Each).await??;
        self.commit(leader, cursor, ancestor, &[batch], head).await?;
        metrics::counter!("indexer_reorganisations_total", "chain" => self.chain_id().to_string()).increment(1);
        metrics::histogram!("indexer_reorganisation_depth", "chain" => self.chain_id().to_string())
            .record((cursor.block.number - ancestor.number) as f64);
        Ok(())
    }

    /// Fetches, verifies and decodes a range in a task of its own.
    fn fetch(
        &self,
        expected: Option<BlockId>,
        from: u64,
        to: u64,
        settled: u64,
        facts: Facts,
    ) -> AbortOnDropHandle<Result<Batch, SourceError>> {
        let (source, decoder, stages) = (self.source.clone(), self.decoder.clone(), self.stages.clone());
        AbortOnDropHandle::new(tokio::spawn(async move {
            let range = stages.time("fetch", source.range(expected, from, to, settled)).await?;
            let start = Instant::now();
            let batch = Batch::decode(&decoder, range, settled, facts);
            stages.record("decode", start);
            Ok(batch)
        }))
    }

    async fn commit(
        &self,
        leader: &mut Leader,
        cursor: &Cursor,
        ancestor: BlockId,
        batches: &[Batch],
        head: &Head,
    ) -> Result<Cursor, IndexerError> {
        let moved =
            self.stages.time("commit", commit::commit(leader, self.chain_id(), cursor, ancestor, batches, head)).await;
        let moved = match moved {
            Err(error @ (CommitError::Gap { .. } | CommitError::Missing(_))) => {
                // The range is read once with the usual checks, and then with all of them. What is still missing after that is
                // missing from what is stored.
                let often = self.gaps.fetch_add(1, Ordering::Relaxed);
                if !self.source.doubt() && often >= GAPS {
                    let reason = halt::logs_are_missing(&error);
                    tracing::error!("the mirror of chain {} halts: {reason}", self.chain_id());
                    commit::halt(leader, self.chain_id(), &reason).await?;
                }
                return Err(error.into());
            }
            moved => moved?,
        };
        self.gaps.store(0, Ordering::Relaxed);
        self.stages.committed(self.chain_id(), batches, moved.block.number - ancestor.number);
        self.stages.lag(self.chain_id(), head, moved.block.number, batches.last().and_then(|batch| batch.time));
        Ok(moved)
    }

    async fn cursor(&self, leader: &mut Leader, head: &Head) -> Result<Cursor, IndexerError> {
        let chain_id = self.chain_id();
        loop {
            match commit::load(&mut leader.conn, chain_id).await? {
                Some((_, Some(reason))) => return Err(IndexerError::Halted(reason)),
                Some((cursor, None)) if cursor.version != decode::VERSION && !cursor.in_bulk => {
                    tracing::info!("the projections of chain {chain_id} are of another version: building them anew");
                    rebuild(&self.db, self.decoder.deployment, true, |_, _| ()).await?;
                }
                // The epoch is the leader's own, so a commit fails when another leader has taken its place.
                Some((cursor, None)) => return Ok(Cursor { epoch: leader.epoch, ..cursor }),
                None => {
                    let before = self.decoder.deployment.from_block.saturating_sub(1);
                    let block = self.source.block(before).await?;
                    let in_bulk = head.finalized >= before + self.options.bulk_blocks;
                    commit::begin(leader, chain_id, &block, in_bulk).await?;
                }
            }
        }
    }

    /// Returns the newest block that the mirror and the chain share, unless they differ at the finalized one. A head that went
    /// backwards on the same branch does not count as a difference.
    async fn common_ancestor(
        &self,
        leader: &mut Leader,
        cursor: &Cursor,
        head: &Head,
    ) -> Result<Result<BlockId, Left>, IndexerError> {
        let mut newest = cursor.block;
        let (number, hash) = (head.head.number, head.head.hash);
        if hash == newest.hash || (number == newest.number + 1 && head.head.parent_hash == newest.hash) {
            return Ok(Ok(newest));
        }
        if number < newest.number {
            // The node is behind, so the comparison is made at its height, if that block is kept. What is final cannot be
            // replaced from there.
            match commit::stored_hash(&mut leader.conn, self.chain_id(), number).await? {
                Some(block) if block.hash != hash && number <= cursor.finalized => {
                    return Err(SourceError::Ended { head: number, finalized: cursor.finalized }.into());
                }
                Some(block) if block.hash != hash => newest = block,
                _ => return Ok(Ok(cursor.block)),
            }
        } else if self.source.block(newest.number).await?.hash == newest.hash {
            return Ok(Ok(newest));
        }
        let kept = commit::kept(&mut leader.conn, self.chain_id(), cursor.finalized, newest.number).await?;
        match self.source.newest_shared(&kept, Word::Best).await? {
            Some(block) => Ok(Ok(block)),
            None => self.settled_ancestor(leader, cursor).await,
        }
    }

    /// Handles a node that shares no kept block, not even the finalized one. A majority must confirm this before the mirror
    /// halts. As long as the chain is shorter than what was final, nobody can confirm it, and the mirror waits.
    async fn settled_ancestor(
        &self,
        leader: &mut Leader,
        cursor: &Cursor,
    ) -> Result<Result<BlockId, Left>, IndexerError> {
        let held = commit::stored_hash(&mut leader.conn, self.chain_id(), cursor.finalized).await?;
        // The mirror of a young market holds no final block. When it shares none with the chain either, the market itself left.
        let held = held.unwrap_or(cursor.block);
        let chain = self.source.agreed(held.number).await?;
        Ok(if chain == held.hash { Ok(held) } else { Err(Left { held, chain }) })
    }

    /// Returns what this leader reports to operators every second.
    fn report(&self) -> leader::Report {
        let (stages, pool) = (self.stages.clone(), self.pool.clone());
        Arc::new(move || status::report(&stages, &pool))
    }
}
