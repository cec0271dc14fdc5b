//! Who might join works, after their people changed.

use advisors::partners;
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};

use crate::{JobError, Worker};

/// Say who might join the works that were changed.
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
