//! Records the state of the market, as of the settled days.

use advisors::market;
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};

use crate::{JobError, Worker};

/// The job that records what happened on the days that are settled by now, and the advice on the
/// market.
#[derive(Debug, Serialize, Deserialize)]
pub struct Analyse {}

impl Job for Analyse {
    type Context = Worker;
    const NAME: &str = "analyse";
    const QUEUE: Queue = Queue::Agents;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        let mut memory = worker.days.lock().await;
        market::advise(&worker.context.pool, worker.chain_id(), &mut memory).await.map_err(JobError::from)?;
        Ok(())
    }
}
