//! Background work, on apalis over PostgreSQL: one file per job.
//!
//! A job is stored in the transaction that makes it necessary: `relay` turns facts of the outbox into jobs and moves its
//! place in the outbox in the same transaction. Every job may run twice and does its work once; one that fails comes
//! back later, and after its last try it stays as `Killed`, in sight. Now and then everything is looked at anew, so that
//! a job that was given up, or a transaction that failed, holds nothing up for good.

mod activate;
mod anchor;
mod balance;
mod close;
mod deliveries;
mod publish;
mod relay;
mod risks;
mod seal;
mod standing;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use activate::activate;
use advisors::{AdvisorError, market, partners, pricing, risk};
use agents::risk::Watched;
use alloy::{
    primitives::{Address, B256},
    providers::DynProvider,
};
pub use anchor::{Anchoring, anchor};
use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
pub use balance::balance;
pub use close::close;
pub use deliveries::apply_deliveries;
use domain::{AssetId, distribution::Policy, money::Amount};
pub use publish::publish;
pub use seal::seal;
use serde::{Deserialize, Serialize};
use service::{Shutdown, error_chain};
use sqlx::{PgConnection, PgPool};
use store::{StoreError, deployments::Deployment};
use tokio::sync::{Mutex, MutexGuard};
use vault::Vault;

/// A failing job is tried so often, waiting 1, 2, 4, .. 60 seconds in between.
const TRIES: u32 = 12;
/// How long jobs may go on after the shutdown began. One that is left comes back, as if its worker had been killed.
const LAST_JOBS: Duration = Duration::from_secs(10);
/// Jobs fetched at once. The queue's package keeps four messages of jobs for each, and while a shutdown waits for jobs it takes
/// none of them in: a job whose message finds no place would wait for good.
const BATCH: usize = 64;
/// Assets on sale that one job advises on.
const LISTED_AT_ONCE: i64 = 50;

#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] apalis_postgres::Error),
    #[error(transparent)]
    Sender(#[from] sender::SenderError),
    #[error("the vault refused: {0}")]
    Vault(#[from] vault::VaultError),
    #[error(transparent)]
    Advisor(#[from] advisors::AdvisorError),
    #[error("{0}")]
    NotYet(String),
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Divide all finalized income that is not divided yet.
    Close,
    /// Commit to everybody's totals on chain.
    Publish,
    /// Make a proposed root the one that claims are checked against.
    Activate { number: u64 },
    /// Check the books.
    Balance,
    /// Apply what GitHub delivered about a work.
    ApplyDeliveries { work: i64 },
    /// Say what an asset is worth.
    Appraise { asset: u64 },
    /// Say what assets on sale are worth as of a new day, beginning after one.
    AppraiseListed { after: u64 },
    /// Say how risky a work is, once what happened to it in a block is final.
    AssessWork { asset: u64, through: u64 },
    /// Say how risky an account is, once what it did in a block is final.
    AssessAccount { account: Address, through: u64 },
    /// Decide whether a new order is shown.
    Screen { order: B256 },
    /// Record what happened on the days that are settled by now, and say how the market stands.
    Analyse,
    /// Say who might join the works that were changed.
    Introduce,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    task: Task,
    tries: u32,
}

/// What jobs work with.
#[derive(Clone)]
pub struct Context {
    pub pool: PgPool,
    pub provider: DynProvider,
    pub vault: Arc<Vault>,
    pub deployment: Deployment,
    /// The account with the ENGINE role; the sender holds its key.
    pub engine: Address,
    pub distribution: DistributionPolicy,
    pub anchoring: Anchoring,
}

/// How pots are divided, where the rules leave a choice.
#[derive(Clone, Debug, Default)]
pub struct DistributionPolicy {
    pub policy: Policy,
    /// The least that is paid, by currency, in its base units; what is below waits for more.
    pub min_payouts: BTreeMap<Address, Amount>,
}

/// Creates the queue's own tables.
pub async fn migrate(pool: &PgPool) -> Result<(), JobError> {
    PostgresStorage::setup(pool).await?;
    Ok(())
}

/// Checks that the queue's own tables are those that this program was built for.
pub async fn check(pool: &PgPool) -> Result<(), JobError> {
    Ok(store::schema::compare(pool, &PostgresStorage::migrations(), "apalis._sqlx_migrations").await?)
}

/// Each chain has a queue of its own: its workers know its contracts only.
fn queue(chain_id: u64) -> String {
    format!("payouts:{chain_id}")
}

/// Stores a job within the caller's transaction, to be run after `delay`; not when an equal one is about to run.
async fn enqueue(
    tx: &mut PgConnection,
    chain_id: u64,
    task: Task,
    tries: u32,
    delay: Duration,
) -> Result<(), JobError> {
    let job = serde_json::to_vec(&Job { task, tries }).map_err(|error| JobError::Refused(error.to_string()))?;
    // Locked, the other one begins after this transaction and sees what it made true. Not one of the checked macros,
    // because the table belongs to the queue's package.
    let waiting: Option<i32> = sqlx::query_scalar(
        "SELECT 1 FROM apalis.jobs WHERE job_type = $1 AND job = $2 AND status = 'Pending'
            AND run_at <= now() + make_interval(secs => $3) LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .bind(queue(chain_id))
    .bind(&job)
    .bind(delay.as_secs_f64())
    .fetch_optional(&mut *tx)
    .await?;
    if waiting.is_some() {
        return Ok(());
    }
    // The bound is for jobs whose worker died; failures are counted in the job.
    let task = TaskBuilder::new(job).max_attempts(25).run_after(delay).build();
    apalis_postgres::queries::push_tasks(tx, &queue(chain_id), vec![task]).await?;
    Ok(())
}

/// Removes the oldest jobs that were done a week ago, at most `limit`; how many. Those that were given up stay, in sight.
async fn forget_done(conn: &mut PgConnection, chain_id: u64, limit: i64) -> Result<u64, JobError> {
    // Names of jobs begin with the time.
    let forgotten = sqlx::query(
        "DELETE FROM apalis.jobs WHERE id IN (
             SELECT id FROM (
                 SELECT id, done_at FROM apalis.jobs WHERE job_type = $1 AND status = 'Done' ORDER BY id LIMIT $2
             ) oldest WHERE done_at < now() - interval '7 days')",
    )
    .bind(queue(chain_id))
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}

/// Works until the shutdown.
pub async fn run(context: Context, shutdown: Shutdown) {
    let sealing = seal::run(context.pool.clone(), shutdown.clone());
    let anchoring = anchor::run(context.clone(), shutdown.clone());
    tokio::join!(sealing, anchoring, relay::run(context.clone(), shutdown.clone()), work(context, shutdown));
}

async fn work(context: Context, shutdown: Shutdown) {
    let queue = queue(context.deployment.chain_id);
    let [turn, next_close, next_publish, delivering] = [(); 4].map(Mutex::new);
    let (prices, days, people) = (Mutex::default(), Mutex::default(), Mutex::default());
    let risks = risk::Memory::new(context.pool.clone(), context.deployment.chain_id);
    let worker = Arc::new(Worker { context, turn, next_close, next_publish, delivering, prices, days, people, risks });
    while !shutdown.has_begun() {
        // A name of its own for every start: a worker that was killed is seen to be dead, and its jobs come back.
        let name = format!("{queue}-{:016x}", rand_name());
        let config = Config::default()
            .queue(&queue)
            .batch_size(BATCH)
            // The queue is also looked at with every beat.
            .heartbeat_interval(Duration::from_secs(1))
            .missed_heartbeats(6);
        let storage: PostgresStorage<Job> = PostgresStorage::new(&worker.context.pool).with_config(config);
        let built = WorkerBuilder::new(name).backend(storage).data(worker.clone()).build(handle);
        let stop = shutdown.clone();
        let ended = built.run_until(async move {
            stop.begun().await;
            Ok::<(), std::io::Error>(())
        });
        let given_up = async {
            shutdown.begun().await;
            tokio::time::sleep(LAST_JOBS).await;
        };
        tokio::select! {
            ended = ended => if let Err(error) = ended {
                tracing::warn!("the workers stopped and start again: {}", error_chain(&error));
            },
            () = given_up => tracing::warn!("jobs did not end within {LAST_JOBS:?}: they are left, and come back"),
        }
        shutdown.sleep(Duration::from_secs(1)).await;
    }
}

struct Worker {
    context: Context,
    /// Jobs under the pots' lock wait for it here, without a connection.
    turn: Mutex<()>,
    next_close: Mutex<()>,
    next_publish: Mutex<()>,
    /// Deliveries are applied one after the other, by one connection.
    delivering: Mutex<()>,
    /// What the pricing agent has learned. One question at a time: a fit takes a processor for seconds.
    prices: Mutex<pricing::Memory>,
    /// What the risk agent knows.
    risks: risk::Memory,
    /// What the market agent has learned.
    days: Mutex<market::Memory>,
    /// As of when partners were looked for last.
    people: Mutex<partners::Memory>,
}

impl Worker {
    async fn perform(&self, task: &Task) -> Result<(), JobError> {
        match task {
            Task::Activate { number } => activate(&self.context, *number).await,
            Task::Balance => balance(&self.context).await,
            Task::ApplyDeliveries { work } => {
                let _turn = self.delivering.lock().await;
                apply_deliveries(&self.context.pool, *work).await
            }
            Task::Appraise { asset } => self.appraise(*asset).await,
            Task::AppraiseListed { after } => self.appraise_listed(*after).await,
            Task::AssessWork { asset, through } => {
                risks::assess(&self.context, &self.risks, Watched::Work(AssetId(*asset)), *through).await
            }
            Task::AssessAccount { account, through } => {
                risks::assess(&self.context, &self.risks, Watched::Account(*account), *through).await
            }
            Task::Screen { order } => risks::screen(&self.context, &self.risks, *order).await,
            Task::Analyse => {
                let mut memory = self.days.lock().await;
                let Context { pool, deployment, .. } = &self.context;
                market::advise(pool, deployment.chain_id, &mut memory).await?;
                Ok(())
            }
            Task::Introduce => {
                let mut memory = self.people.lock().await;
                let Context { pool, deployment, .. } = &self.context;
                partners::advise_on_changed(pool, deployment.chain_id, &mut memory).await?;
                Ok(())
            }
            Task::Close => match self.turn_after(&self.next_close).await {
                Some(_turn) => close(&self.context).await,
                None => Ok(()),
            },
            Task::Publish => match self.turn_after(&self.next_publish).await {
                Some(_turn) => publish(&self.context).await,
                None => Ok(()),
            },
        }
    }

    async fn appraise(&self, asset: u64) -> Result<(), JobError> {
        let Context { pool, deployment, .. } = &self.context;
        let mut memory = self.prices.lock().await;
        let advice = pricing::advise_on(pool, deployment.chain_id, &mut memory, asset).await?;
        drop(memory);
        if advice.is_some() { self.screen_again(&[asset]).await } else { Ok(()) }
    }

    /// Some assets, then the rest as a job of its own: what a registration or a sale asks in the meantime comes between.
    async fn appraise_listed(&self, after: u64) -> Result<(), JobError> {
        let Context { pool, deployment, .. } = &self.context;
        let mut memory = self.prices.lock().await;
        let assets = pricing::advise_on_listed(pool, deployment.chain_id, &mut memory, after, LISTED_AT_ONCE).await?;
        drop(memory);
        let Some(after) = assets.last().copied() else { return Ok(()) };
        let mut tx = pool.begin().await?;
        enqueue(&mut tx, deployment.chain_id, Task::AppraiseListed { after }, 0, Duration::ZERO).await?;
        tx.commit().await?;
        self.screen_again(&assets).await
    }

    /// Orders are compared with the new ranges.
    async fn screen_again(&self, assets: &[u64]) -> Result<(), JobError> {
        let known = self.risks.fresh().await?;
        for asset in assets {
            risks::screen_all_of(&self.context, &known, Watched::Work(AssetId(*asset))).await?;
        }
        Ok(())
    }

    /// Waits for the turn; None when an equal job waits already, which will see all that this one is about.
    async fn turn_after(&self, next: &Mutex<()>) -> Option<MutexGuard<'_, ()>> {
        let _next = next.try_lock().ok()?;
        Some(self.turn.lock().await)
    }
}

fn rand_name() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
        ^ (u64::from(std::process::id()) << 40)
}

async fn handle(job: Job, worker: Data<Arc<Worker>>) -> Result<(), BoxDynError> {
    let Err(error) = worker.perform(&job.task).await else {
        metrics::counter!("jobs_done_total").increment(1);
        return Ok(());
    };
    metrics::counter!("jobs_failed_total").increment(1);
    let Some(delay) = back_off(job.tries, &error) else {
        tracing::error!("{:?} is given up: {}", job.task, error_chain(&error));
        return Err(Box::new(AbortError::new(error)));
    };
    tracing::warn!("{:?} is tried again: {}", job.task, error_chain(&error));
    let context = &worker.context;
    let mut tx = context.pool.begin().await?;
    enqueue(&mut tx, context.deployment.chain_id, job.task, job.tries + 1, delay).await?;
    tx.commit().await?;
    Ok(())
}

/// How long a job waits that failed after so many tries before; None when it is given up.
fn back_off(tries: u32, error: &JobError) -> Option<Duration> {
    let last =
        tries + 1 >= TRIES || matches!(error, JobError::Refused(_) | JobError::Advisor(AdvisorError::Refused(_)));
    (!last).then(|| Duration::from_secs((1 << tries.min(6)).min(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_job_waits_longer_and_longer_and_is_given_up() {
        let waits: Vec<Option<u64>> = (0..TRIES)
            .map(|tries| back_off(tries, &JobError::NotYet(String::new())).map(|wait| wait.as_secs()))
            .collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60].map(Some);
        assert_eq!(waits, [&expected[..], &[None]].concat());
        assert_eq!(back_off(0, &JobError::Refused(String::new())), None, "what was refused for good");
    }
}
