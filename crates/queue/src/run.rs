//! Runs the jobs of a chain's queues until the shutdown.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use facts::ChainId;
use service::{Shutdown, error_chain};
use sqlx::PgPool;
use store::facts::trace;
use tokio::{
    sync::Semaphore,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{Failure, Queue, QueueError, Registry, Request, Stored, enqueue};

/// How long jobs may continue after the shutdown began. A job that is not finished by then is run again, as if its worker had
/// been killed.
const LAST_JOBS: Duration = Duration::from_secs(10);
/// How many jobs are fetched at once. The queue's package has room for four messages per job fetched. While a shutdown waits
/// for jobs, the package does not read these messages, so a job whose message finds no room would wait for ever.
const BATCH: usize = 64;
/// How often a worker reports that it is alive, and looks for jobs.
const BEAT: Duration = Duration::from_secs(1);

/// Wakes a worker with every beat.
///
/// The queue's package has a timer of its own for this, but does not wait for it while it fetches jobs. When the timer fires
/// during a fetch that finds nothing, nothing wakes the worker again. Its heartbeat stops, and jobs stay where they are.
struct Pulse(Interval);

impl Pulse {
    fn every(beat: Duration) -> Self {
        let mut beats = interval(beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(beats)
    }
}

impl PollStrategy for Pulse {
    /// Always leaves the worker waiting for the next beat.
    fn poll_drive(&mut self, context: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        while self.0.poll_tick(context).is_ready() {}
        Poll::Pending
    }
}

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
    let mut queues = tokio::task::JoinSet::new();
    for queue in Queue::ALL {
        let runner = Runner {
            pool: pool.clone(),
            chain_id,
            queue,
            context: context.clone(),
            registry: registry.clone(),
            turns: Semaphore::new(queue.at_once()),
        };
        queues.spawn(work(Arc::new(runner), shutdown.clone()));
    }
    while queues.join_next().await.is_some() {}
}

async fn work<C: Send + Sync + 'static>(runner: Arc<Runner<C>>, shutdown: Shutdown) {
    let queue = runner.queue.name(runner.chain_id);
    while !shutdown.has_begun() {
        // Every start has a new name, so that a worker that was killed is recognised as dead and its jobs are run again.
        let name = format!("{queue}-{:016x}", name());
        let config = Config::default().queue(&queue).batch_size(BATCH).heartbeat_interval(BEAT).missed_heartbeats(6);
        let storage: PostgresStorage<Stored> = PostgresStorage::new(&runner.pool).with_config(config);
        let built = WorkerBuilder::new(name)
            .backend(PollWith::new(storage, Pulse::every(BEAT)))
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
    Ok(())
}

/// Returns how long a job waits that failed after `tries` earlier tries. `None` when it is given up.
fn back_off(tries: u32, most: u32) -> Option<Duration> {
    (tries + 1 < most).then(|| Duration::from_secs((1 << tries.min(6)).min(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first beat is there at once, like a beat that came during a fetch. The others have to wake the worker.
    #[tokio::test]
    async fn a_worker_is_woken_by_every_beat_also_after_one_that_came_while_it_was_busy() {
        let mut pulse = Pulse::every(Duration::from_millis(1));
        let mut polls = 0;
        std::future::poll_fn(|context| {
            polls += 1;
            assert!(pulse.poll_drive(context, &PollSnapshot::new()).is_pending());
            if polls == 4 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn a_failing_job_waits_longer_and_longer_and_is_given_up() {
        let waits: Vec<Option<u64>> = (0..12).map(|tries| back_off(tries, 12).map(|wait| wait.as_secs())).collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60].map(Some);
        assert_eq!(waits, [&expected[..], &[None]].concat());
        assert_eq!(back_off(0, 1), None, "a job with one try");
    }
}
