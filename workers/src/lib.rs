//! Background work, on apalis over PostgreSQL: one file per job.
//!
//! A job is stored in the transaction that makes it necessary: `relay` turns facts of the outbox into jobs and moves its
//! place in the outbox in the same transaction. Every job may run twice and does its work once; one that fails comes
//! back later, and after its last try it stays as `Killed`, in sight.

mod activate;
mod close;
mod publish;
mod relay;

use std::{sync::Arc, time::Duration};

use alloy::{primitives::Address, providers::DynProvider};
use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use serde::{Deserialize, Serialize};
use service::Shutdown;
use sqlx::{PgConnection, PgPool};
use store::{StoreError, deployments::Deployment};
use vault::Vault;

const QUEUE: &str = "payouts";
/// A failing job is tried so often, waiting 1, 2, 4, .. 60 seconds in between.
const TRIES: u32 = 12;

#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] apalis_postgres::Error),
    #[error(transparent)]
    Sender(#[from] chain::sender::SenderError),
    #[error("the vault refused: {0}")]
    Vault(#[from] vault::VaultError),
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
}

/// Creates the queue's own tables.
pub async fn migrate(pool: &PgPool) -> Result<(), JobError> {
    PostgresStorage::setup(pool).await?;
    Ok(())
}

/// Stores a job within the caller's transaction, to be run after `delay`.
async fn enqueue(tx: &mut PgConnection, task: Task, tries: u32, delay: Duration) -> Result<(), JobError> {
    let job = serde_json::to_vec(&Job { task, tries }).map_err(|error| JobError::Refused(error.to_string()))?;
    // The bound is for jobs whose worker died; failures are counted in the job.
    let task = TaskBuilder::new(job).max_attempts(25).run_after(delay).build();
    apalis_postgres::queries::push_tasks(tx, QUEUE, vec![task]).await?;
    Ok(())
}

/// Works until the shutdown.
pub async fn run(context: Context, shutdown: Shutdown) {
    let relay = tokio::spawn(relay::run(context.clone(), shutdown.clone()));
    while !shutdown.has_begun() {
        // A name of its own for every start: a worker that was killed is seen to be dead, and its jobs come back.
        let name = format!("{QUEUE}-{:016x}", rand_name());
        let config = Config::default()
            .queue(QUEUE)
            .batch_size(1)
            .heartbeat_interval(Duration::from_secs(2))
            .missed_heartbeats(3);
        let storage: PostgresStorage<Job> = PostgresStorage::new(&context.pool).with_config(config);
        let worker = WorkerBuilder::new(name).backend(storage).data(context.clone()).build(handle);
        let stop = shutdown.clone();
        let ended = worker.run_until(async move {
            stop.begun().await;
            Ok::<(), std::io::Error>(())
        });
        if let Err(error) = ended.await {
            tracing::warn!("the workers stopped and start again: {error}");
        }
        shutdown.sleep(Duration::from_secs(1)).await;
    }
    // The relay ends with the shutdown; a panic in it was reported by the runtime.
    let _ = relay.await;
}

fn rand_name() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
        ^ (u64::from(std::process::id()) << 40)
}

async fn handle(job: Job, context: Data<Context>) -> Result<(), BoxDynError> {
    let result = match &job.task {
        Task::Close => close::close(&context).await,
        Task::Publish => publish::publish(&context).await,
        Task::Activate { number } => activate::activate(&context, *number).await,
    };
    let Err(error) = result else {
        metrics::counter!("jobs_done_total").increment(1);
        return Ok(());
    };
    metrics::counter!("jobs_failed_total").increment(1);
    if job.tries + 1 >= TRIES || matches!(error, JobError::Refused(_)) {
        tracing::error!("{:?} is given up: {error}", job.task);
        return Err(Box::new(AbortError::new(error)));
    }
    tracing::warn!("{:?} is tried again: {error}", job.task);
    let delay = Duration::from_secs((1 << job.tries.min(6)).min(60));
    let mut conn = context.pool.acquire().await?;
    enqueue(&mut conn, job.task, job.tries + 1, delay).await?;
    Ok(())
}
