//! Advice on what assets are worth: on one asset after something happened to it, and on all assets on sale as of a
//! new day.

use std::time::Duration;

use advisors::pricing;
use agents::risk::Watched;
use domain::AssetId;
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};

use super::{enqueue, screen::screen_all_of};
use crate::{JobError, Worker};

/// How many assets on sale one job advises on.
const LISTED_AT_ONCE: i64 = 50;

/// The job that says what an asset is worth.
#[derive(Debug, Serialize, Deserialize)]
pub struct Appraise {
    /// The asset.
    pub asset: u64,
}

impl Job for Appraise {
    type Context = Worker;
    const NAME: &str = "appraise";
    const QUEUE: Queue = Queue::Agents;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        Ok(appraise(worker, self.asset).await?)
    }
}

/// The job that says what assets on sale are worth as of a new day, beginning after the asset `after`.
#[derive(Debug, Serialize, Deserialize)]
pub struct AppraiseListed {
    /// The asset before the first.
    pub after: u64,
}

impl Job for AppraiseListed {
    type Context = Worker;
    const NAME: &str = "appraise_listed";
    const QUEUE: Queue = Queue::Agents;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        Ok(appraise_listed(worker, self.after).await?)
    }
}

async fn appraise(worker: &Worker, asset: u64) -> Result<(), JobError> {
    let mut memory = worker.prices.lock().await;
    let advice = pricing::advise_on(&worker.context.pool, worker.chain_id(), &mut memory, asset).await?;
    drop(memory);
    if advice.is_some() { screen_again(worker, &[asset]).await } else { Ok(()) }
}

/// Advises on some assets, and leaves the rest to another job, so that questions after a registration or a sale are
/// answered in between.
async fn appraise_listed(worker: &Worker, after: u64) -> Result<(), JobError> {
    let pool = &worker.context.pool;
    let mut memory = worker.prices.lock().await;
    let assets = pricing::advise_on_listed(pool, worker.chain_id(), &mut memory, after, LISTED_AT_ONCE).await?;
    drop(memory);
    let Some(after) = assets.last().copied() else { return Ok(()) };
    let mut tx = pool.begin().await?;
    enqueue(&mut tx, worker.chain_id(), &AppraiseListed { after }, Duration::ZERO).await?;
    tx.commit().await?;
    screen_again(worker, &assets).await
}

/// Screens the open orders again, because they are compared with the new ranges.
async fn screen_again(worker: &Worker, assets: &[u64]) -> Result<(), JobError> {
    let grounds = worker.risks.fresh().await?;
    for asset in assets {
        screen_all_of(&worker.context, &grounds, Watched::Work(AssetId(*asset))).await?;
    }
    Ok(())
}
