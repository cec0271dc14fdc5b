//! The job that applies GitHub's deliveries to a work. The command [`commands::apply_delivery`] says what a delivery means.
//!
//! Deliveries of one work are applied one after the other, in the order in which they came, each in one transaction with all that
//! follows from it. While one cannot be applied, those behind it wait. After [`TRIES`] it is given up, and they go on. Its owner may
//! ask for it again.

use commands::{
    Programs,
    apply_delivery::{self, Outcome},
};
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};
use service::error_chain;
use sqlx::PgPool;
use store::github;

use crate::{JobError, Worker};

/// A delivery that was tried this many times is given up.
const TRIES: i32 = 10;

/// Apply what GitHub delivered about a work.
#[derive(Debug, Serialize, Deserialize)]
pub struct ApplyDeliveries {
    /// The work.
    pub work: i64,
}

impl Job for ApplyDeliveries {
    type Context = Worker;
    const NAME: &str = "apply_deliveries";
    const QUEUE: Queue = Queue::Hooks;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        Ok(apply_deliveries(&worker.context.pool, &worker.context.programs, self.work).await?)
    }
}

/// Applies what waits for a work. Repeating it, also at the same time, changes nothing.
///
/// # Errors
/// When the first that waits could not be applied and is to be tried again, or somebody else holds the work for long.
pub async fn apply_deliveries(pool: &PgPool, programs: &Programs, work: i64) -> Result<(), JobError> {
    while apply_next(pool, programs, work).await? {}
    Ok(())
}

/// Applies the first delivery that waits, or gives it up. False when none waits.
async fn apply_next(pool: &PgPool, programs: &Programs, work: i64) -> Result<bool, JobError> {
    let mut tx = pool.begin().await?;
    sqlx::query("SET LOCAL lock_timeout = '5s'").execute(&mut *tx).await?;
    let Some(delivery) = apply_delivery::next(&mut tx, work).await? else { return Ok(false) };
    let outcome = match apply_delivery::apply(&mut tx, &delivery, programs).await {
        Ok(outcome) => outcome,
        Err(error) if delivery.attempts + 1 < TRIES => {
            github::count_attempt(&mut tx, delivery.id).await?;
            tx.commit().await?;
            return Err(error.into());
        }
        Err(error) => {
            tracing::error!("delivery {} of work {work} is given up: {}", delivery.id, error_chain(&error));
            apply_delivery::give_up(&mut tx, &delivery, TRIES).await?
        }
    };
    tx.commit().await?;
    count(&outcome);
    Ok(true)
}

fn count(outcome: &Outcome) {
    metrics::counter!("webhook_deliveries_settled_total", "state" => outcome.state()).increment(1);
    if let Some(push) = outcome.push() {
        metrics::counter!("contributions_recorded_total", "source" => "push").increment(push.contributions);
    }
}
