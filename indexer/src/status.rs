//! The status of the mirror: what its metrics count, what the leader reports, and what `tributary indexer status`
//! shows.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use chain::pool::Pool;
use facts::ChainId;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use store::StoreError;

use crate::{batch::Batch, row::Table, source::Head};

/// The time of a stage, which shows what is slow.
#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    count: u64,
    total: Duration,
    longest: Duration,
}

/// What one process counts about one mirror.
#[derive(Default)]
pub struct Stages(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    stages: BTreeMap<&'static str, Stage>,
    logs: u64,
    rows: u64,
    blocks: u64,
    commits: u64,
    lag_blocks: u64,
    head: u64,
    /// When the head was mined, in seconds since 1970.
    head_time: u64,
    /// Rows per second over the last commits.
    window: Option<(Instant, u64)>,
    rows_per_second: f64,
}

impl Stages {
    /// Shows what has not happened yet as zero, so that its first time is seen as a change.
    pub fn begin(&self, chain_id: ChainId) {
        let chain = chain_id.to_string();
        for name in ["indexer_failures_total", "indexer_reorganisations_total", "indexer_quarantined_total"] {
            metrics::counter!(name, "chain" => chain.clone()).increment(0);
        }
        metrics::gauge!("indexer_halted", "chain" => chain).set(0.0);
    }

    pub fn halted(&self, chain_id: ChainId, is_halted: bool) {
        metrics::gauge!("indexer_halted", "chain" => chain_id.to_string()).set(f64::from(u8::from(is_halted)));
    }

    /// Times a step of the loop.
    pub async fn time<T>(&self, stage: &'static str, step: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let done = step.await;
        self.record(stage, start);
        done
    }

    pub fn record(&self, stage: &'static str, start: Instant) {
        let took = start.elapsed();
        metrics::histogram!("indexer_stage_seconds", "stage" => stage).record(took);
        let mut counted = self.lock();
        let entry = counted.stages.entry(stage).or_default();
        entry.count += 1;
        entry.total += took;
        entry.longest = entry.longest.max(took);
    }

    pub fn committed(&self, chain_id: ChainId, batches: &[Batch], blocks: u64) {
        let logs = batches.iter().map(|batch| batch.logs as u64).sum();
        let rows = batches.iter().map(|batch| batch.rows.count() as u64).sum::<u64>();
        let chain = chain_id.to_string();
        metrics::counter!("indexer_logs_total", "chain" => chain.clone()).increment(logs);
        metrics::counter!("indexer_rows_total", "chain" => chain.clone()).increment(rows);
        metrics::counter!("indexer_blocks_total", "chain" => chain.clone()).increment(blocks);
        let quarantined =
            batches.iter().filter_map(|batch| batch.rows.get(Table::Quarantine)).map(|rows| rows.count as u64);
        metrics::counter!("indexer_quarantined_total", "chain" => chain.clone()).increment(quarantined.sum());
        metrics::counter!("indexer_commits_total", "chain" => chain).increment(1);
        let mut counted = self.lock();
        counted.logs += logs;
        counted.rows += rows;
        counted.blocks += blocks;
        counted.commits += 1;
        let now = Instant::now();
        let total = counted.rows;
        let (since, before) = *counted.window.get_or_insert((now, total - rows));
        if now - since >= Duration::from_secs(2) {
            counted.rows_per_second = (total - before) as f64 / (now - since).as_secs_f64();
            counted.window = Some((now, total));
        }
    }

    /// Returns how far the mirror is behind the head, whose newest block was mined at `time`, if that is known.
    pub fn lag(&self, chain_id: ChainId, head: &Head, held: u64, time: Option<u64>) {
        let lag = head.head.number.saturating_sub(held);
        let chain = chain_id.to_string();
        metrics::gauge!("indexer_lag_blocks", "chain" => chain.clone()).set(lag as f64);
        if let Some(time) = time.or((lag == 0).then_some(head.head.timestamp)) {
            let seconds = head.head.timestamp.saturating_sub(time);
            metrics::gauge!("indexer_lag_seconds", "chain" => chain.clone()).set(seconds as f64);
        }
        metrics::gauge!("indexer_head_block", "chain" => chain.clone()).set(head.head.number as f64);
        metrics::gauge!("indexer_finalized_block", "chain" => chain.clone()).set(head.finalized as f64);
        metrics::gauge!("indexer_head_timestamp_seconds", "chain" => chain).set(head.head.timestamp as f64);
        let mut counted = self.lock();
        counted.lag_blocks = lag;
        counted.head = head.head.number;
        counted.head_time = head.head.timestamp;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counted> {
        // The figures stay usable when a thread that held the lock panicked.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Returns what the leader stores with each beat.
pub fn report(stages: &Stages, pool: &Pool) -> Value {
    let counted = stages.lock();
    let times: Vec<Value> = counted
        .stages
        .iter()
        .map(|(name, stage)| {
            json!({
                "stage": name, "count": stage.count,
                "mean_ms": stage.total.as_secs_f64() * 1000.0 / stage.count.max(1) as f64,
                "max_ms": stage.longest.as_secs_f64() * 1000.0,
            })
        })
        .collect();
    json!({
        "logs": counted.logs, "rows": counted.rows, "blocks": counted.blocks, "commits": counted.commits,
        "rows_per_second": counted.rows_per_second, "lag_blocks": counted.lag_blocks, "head": counted.head,
        "head_time": counted.head_time, "stages": times, "rpc_calls": pool.calls(), "endpoints": pool.endpoints(),
    })
}

/// A chain's mirror, as the database knows it.
#[derive(Debug, Serialize)]
pub struct Status {
    pub chain_id: i64,
    pub block_number: i64,
    pub safe_number: i64,
    pub finalized_number: i64,
    pub head_number: i64,
    pub in_bulk: bool,
    pub halted: Option<String>,
    pub reorganisations: i64,
    pub generation: i64,
    pub projection_version: i32,
    pub epoch: i64,
    /// The process that leads, and how many seconds ago it was last heard of.
    pub leader: Option<String>,
    pub silent_seconds: Option<f64>,
    /// The age of the mirror's newest block, in seconds.
    pub age_seconds: Option<f64>,
    pub quarantined: i64,
    /// The newest quarantined events: block, log index, reason.
    pub quarantine: Value,
    /// What the leader reported with its last beat.
    pub report: Option<Value>,
}

/// Returns the status of every mirror in the database.
///
/// # Errors
/// When the database fails.
pub async fn status(db: &PgPool) -> Result<Vec<Status>, StoreError> {
    let mirrors = sqlx::query_as!(
        Status,
        r#"SELECT c.chain_id, c.block_number, c.safe_number, c.finalized_number, c.head_number, c.in_bulk, c.halted,
                  c.reorganisations, c.generation, c.projection_version, c.epoch, l.name AS "leader?",
                  extract(epoch FROM now() - l.beat_at)::float8 AS silent_seconds,
                  (SELECT extract(epoch FROM now() - b.timestamp)::float8 FROM chain.blocks b
                   WHERE b.chain_id = c.chain_id ORDER BY b.number DESC LIMIT 1) AS age_seconds,
                  (SELECT count(*) FROM chain.quarantine q WHERE q.chain_id = c.chain_id) AS "quarantined!",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('block', q.block_number, 'log', q.log_index, 'reason', q.reason)), '[]')
                   FROM (SELECT * FROM chain.quarantine q WHERE q.chain_id = c.chain_id
                         ORDER BY q.block_number DESC, q.log_index DESC LIMIT 5) q) AS "quarantine!",
                  l.status AS "report?"
           FROM chain.cursors c LEFT JOIN chain.leaders l USING (chain_id) ORDER BY c.chain_id"#
    )
    .fetch_all(db)
    .await?;
    Ok(mirrors)
}
