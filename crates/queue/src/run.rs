//! Runs the jobs of a chain's queues until the shutdown.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use facts::ChainId;
use service::{Shutdown, error_chain};
use sqlx::{PgPool, postgres::PgPoolOptions};
use store::facts::trace;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Failure, Queue, QueueError, Registry, Request, Stored, enqueue,
    pulse::{Pulse, Wake, Woken, listen, wake},
};

/// How long jobs may continue after the shutdown began. A job that is not finished by then is run again, as if its worker had
/// been killed.
const LAST_JOBS: Duration = Duration::from_secs(10);
/// How many jobs are fetched at once. The queue's package has room for four messages per job fetched. While a shutdown waits
/// for jobs, the package does not read these messages, so a job whose message finds no room would wait for ever.
const BATCH: usize = 64;
/// The most connections that fetch jobs and store how they ended.
const CONNECTIONS: u32 = 4;
/// How often a worker reports that it is alive, and looks for jobs of which nobody told it.
const BEAT: Duration = Duration::from_secs(5);
/// After this many beats that did not come, a worker is dead, and its jobs are run again.
const BEATS_MISSED: usize = 3;

/// Runs the jobs of one queue.
struct Runner<C> {
    pool: PgPool,
    chain_id: ChainId,
    queue: Queue,
    context: Arc<C>,
    registry: Arc<Registry<C>>,
    /// Permits for jobs that may run at a time. A job waits here without a connection, and the queue's heartbeat goes on
    /// meanwhile.
    turns: Semaphore,
    wake: Wake,
}

/// Runs the jobs of all queues of a chain until the shutdown.
pub async fn run<C: Send + Sync + 'static>(
    pool: PgPool,
    chain_id: ChainId,
    context: Arc<C>,
    registry: Registry<C>,
    shutdown: Shutdown,
) {
    let registry = Arc::new(registry);
    let storage = relaxed(&pool);
    let mut queues = tokio::task::JoinSet::new();
    let mut wakes = HashMap::new();
    for queue in Queue::ALL {
        let (wake, woken) = wake();
        wakes.insert(queue.name(chain_id), wake.clone());
        let runner = Runner {
            pool: pool.clone(),
            chain_id,
            queue,
            context: context.clone(),
            registry: registry.clone(),
            turns: Semaphore::new(queue.at_once()),
            wake,
        };
        queues.spawn(work(Arc::new(runner), storage.clone(), woken, shutdown.clone()));
    }
    let listener = AbortOnDropHandle::new(tokio::spawn(listen(pool, wakes)));
    while queues.join_next().await.is_some() {}
    drop(listener);
    storage.close().await;
}

/// Returns a pool for the queue's package, whose commits do not wait for the disk. When the server loses the last of them, it is
/// as if the worker had been killed just before: its jobs run again. So a worker at rest costs the disk next to nothing. Jobs
/// are stored by others, whose commits do wait.
fn relaxed(pool: &PgPool) -> PgPool {
    let options = pool.connect_options().as_ref().clone().options([("synchronous_commit", "off")]);
    PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(options)
}

async fn work<C: Send + Sync + 'static>(
    runner: Arc<Runner<C>>,
    storage: PgPool,
    woken: Arc<Mutex<Woken>>,
    shutdown: Shutdown,
) {
    let queue = runner.queue.name(runner.chain_id);
    while !shutdown.has_begun() {
        // Every start has a new name, so that a worker that was killed is recognised as dead and its jobs are run again.
        let name = format!("{queue}-{:016x}", name());
        let config =
            Config::default().queue(&queue).batch_size(BATCH).heartbeat_interval(BEAT).missed_heartbeats(BEATS_MISSED);
        let storage: PostgresStorage<Stored> = PostgresStorage::new(&storage).with_config(config);
        let built = WorkerBuilder::new(name)
            .backend(PollWith::new(storage, Pulse::every(BEAT, woken.clone())))
            .data(runner.clone())
            .build(handle::<C>);
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
                tracing::warn!("the workers of {queue} stopped and start again: {}", error_chain(&error));
            },
            () = given_up => tracing::warn!("jobs of {queue} did not end within {LAST_JOBS:?}: they are left, and come back"),
        }
        shutdown.sleep(Duration::from_secs(1)).await;
    }
}

fn name() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
        ^ (u64::from(std::process::id()) << 40)
}

#[derive(Debug, thiserror::Error)]
#[error("this program knows no job `{0}`: another version stored it")]
struct Unknown(String);

async fn handle<C: Send + Sync + 'static>(stored: Stored, runner: Data<Arc<Runner<C>>>) -> Result<(), BoxDynError> {
    let Ok(_turn) = runner.turns.acquire().await else { return Ok(()) };
    let Some(job) = runner.registry.find(&stored.name) else {
        tracing::error!("a job is given up: {}", Unknown(stored.name.clone()));
        return Err(Box::new(AbortError::new(Unknown(stored.name))));
    };
    // A malformed trace is not a reason to leave work undone.
    let cause = stored.trace.as_deref().and_then(|trace| trace.parse().ok());
    let done = trace::within(cause, (job.run)(stored.arguments.clone(), stored.version, &runner.context)).await;
    let tries = stored.tries;
    let (error, delay) = match done {
        Ok(()) => {
            metrics::counter!("jobs_done_total", "job" => stored.name).increment(1);
            return Ok(());
        }
        Err(Failure::Never(error)) => (error, None),
        Err(Failure::Again(error)) => (error, back_off(tries, job.tries)),
    };
    metrics::counter!("jobs_failed_total", "job" => stored.name.clone()).increment(1);
    let Some(delay) = delay else {
        tracing::error!("the job {} {} is given up: {}", stored.name, stored.arguments, error_chain(&*error));
        return Err(Box::new(AbortError::new(std::io::Error::other(error))));
    };
    tracing::warn!("the job {} {} is tried again: {}", stored.name, stored.arguments, error_chain(&*error));
    trace::within(cause, again(&runner, stored, delay)).await?;
    Ok(())
}

async fn again<C>(runner: &Runner<C>, stored: Stored, delay: Duration) -> Result<(), QueueError> {
    let mut tx = runner.pool.begin().await?;
    enqueue(&mut tx, runner.chain_id, &Request::again(stored, runner.queue, delay)).await?;
    tx.commit().await?;
    let wake = runner.wake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        wake.now();
    });
    Ok(())
}

/// Returns how long a job waits that failed after `tries` earlier tries. `None` when it is given up.
fn back_off(tries: u32, most: u32) -> Option<Duration> {
    (tries + 1 < most).then(|| Duration::from_secs((1 << tries.min(6)).min(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_job_waits_longer_and_longer_and_is_given_up() {
        let waits: Vec<Option<u64>> = (0..12).map(|tries| back_off(tries, 12).map(|wait| wait.as_secs())).collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60].map(Some);
        assert_eq!(waits, [&expected[..], &[None]].concat());
        assert_eq!(back_off(0, 1), None, "a job with one try");
    }
}
