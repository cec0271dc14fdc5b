//! Advice on who might join works, after their people changed.

use advisors::partners;
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};

use crate::{JobError, Worker};

/// The job that says who might join the works whose people changed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Introduce {}

impl Job for Introduce {
    type Context = Worker;
    const NAME: &str = "introduce";
    const QUEUE: Queue = Queue::Agents;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        let mut memory = worker.people.lock().await;
        partners::advise_on_changed(&worker.context.pool, worker.chain_id(), &mut memory)
            .await
            .map_err(JobError::from)?;
        Ok(())
    }
}
