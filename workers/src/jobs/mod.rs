//! The jobs, one file each. A job is a struct with its arguments. Its work is done by a function beside it, which tests call
//! directly.
//!
//! To add a job, add a file here with a struct that implements [`queue::Job`], and a line to [`registry`]. Then let something
//! ask for it: a fact, in `relay.rs`, or another job.

mod activate;
mod analyse;
mod appraise;
mod assess;
mod balance;
mod close;
mod deliveries;
mod introduce;
mod publish;
mod screen;

use std::time::Duration;

use facts::ChainId;

pub use activate::{Activate, activate};
pub use analyse::Analyse;
pub use appraise::{Appraise, AppraiseListed};
pub use assess::Assess;
pub use balance::{Balance, balance};
pub use close::{Close, close};
pub use deliveries::{ApplyDeliveries, apply_deliveries};
pub use introduce::Introduce;
pub use publish::{Publish, publish};
use queue::{Job, Registry, Request};
pub use screen::Screen;
use sqlx::{Postgres, Transaction};

use crate::{JobError, Worker};

/// Returns all jobs.
pub fn registry() -> Registry<Worker> {
    Registry::default()
        .with::<Close>()
        .with::<Publish>()
        .with::<Activate>()
        .with::<Balance>()
        .with::<ApplyDeliveries>()
        .with::<Appraise>()
        .with::<AppraiseListed>()
        .with::<Assess>()
        .with::<Screen>()
        .with::<Analyse>()
        .with::<Introduce>()
}

/// Stores a job within the caller's transaction, to be run after a while.
async fn enqueue<J: Job>(
    tx: &mut Transaction<'_, Postgres>,
    chain_id: ChainId,
    job: &J,
    delay: Duration,
) -> Result<(), JobError> {
    Ok(queue::enqueue(tx, chain_id, &Request::of(job)?.after(delay)).await?)
}
