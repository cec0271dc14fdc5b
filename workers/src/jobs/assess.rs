//! Assesses accounts and works when something happened to them, and updates whom the risk agent watches.

use std::time::Duration;

use advisors::risk::{self, Answered, Memory};
use agents::risk::{Advice, Watched};
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};
use store::{advice::watch, market::trade};

use super::{enqueue, screen::screen_all_of};
use crate::{Context, JobError, Worker};

/// The job that says how risky a work or an account is, once what happened to it in a block is final.
#[derive(Debug, Serialize, Deserialize)]
pub struct Assess {
    /// `asset:7` or `account:0x..`.
    pub subject: String,
    /// The block.
    pub through: u64,
}

impl Assess {
    /// Creates the job for a work or an account.
    pub fn of(what: Watched, through: u64) -> Self {
        Self { subject: risk::subject_of(what), through }
    }
}

impl Job for Assess {
    type Context = Worker;
    const NAME: &str = "assess";
    const QUEUE: Queue = Queue::Agents;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        let what = risk::parse_subject(&self.subject).map_err(JobError::Refused)?;
        Ok(assess(&worker.context, &worker.risks, what, self.through).await?)
    }
}

/// How long a job waits while the memory is being built again.
const SOON: Duration = Duration::from_secs(5);

/// Assesses an account or work to which something happened in a block, once that block is final. Until then, the job
/// postpones itself. Orders that the new advice may concern are screened again.
async fn assess(context: &Context, memory: &Memory, what: Watched, through: u64) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut conn = context.pool.acquire().await?;
    if let Some(wait) = trade::settles_in(&mut conn, chain_id, through).await? {
        return put_off(context, what, through, wait).await;
    }
    // As long as nothing is settled, no block needs to be known.
    let settled = trade::settled(&mut conn, chain_id).await?.map_or(0, |settled| settled.block);
    drop(conn);
    let grounds = memory.fresh().await?;
    if grounds.block() < settled.min(through) {
        return put_off(context, what, through, SOON).await;
    }
    let answered = match what {
        Watched::Account(account) => Some(risk::assess_account(&grounds, account).await?),
        Watched::Work(asset) => risk::assess_work(&mut *context.pool.acquire().await?, &grounds, asset.0).await?,
    };
    let Some(answered) = answered else { return Ok(()) };
    let mut tx = context.pool.begin().await?;
    let id = risk::record(&mut tx, &answered).await?;
    tell_watchers(context, &mut tx, &answered).await?;
    tx.commit().await?;
    if id.is_some() {
        screen_all_of(context, &grounds, what).await?;
    }
    Ok(())
}

async fn put_off(context: &Context, what: Watched, through: u64, wait: Duration) -> Result<(), JobError> {
    let mut tx = context.pool.begin().await?;
    enqueue(&mut tx, context.deployment.chain_id, &Assess::of(what, through), wait).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts an account or work of high risk on the watch list, with the reasons, and takes it off when the risk is no
/// longer high.
async fn tell_watchers(
    context: &Context,
    tx: &mut sqlx::PgConnection,
    answered: &Answered<Advice>,
) -> Result<(), JobError> {
    let advice = &answered.says;
    let is_high = advice.level == "high" && !advice.reasons.is_empty();
    let score = if is_high { advice.probability } else { 0.0 };
    let reasons: Vec<&str> = advice.reasons.iter().map(|reason| reason.says.as_str()).collect();
    let why = if is_high { reasons.join("; ") } else { "what it was watched for is not found any more".to_owned() };
    let subject = &answered.record.subject;
    watch::watch(tx, context.deployment.chain_id, (subject, watch::AGENT), score, &why).await?;
    Ok(())
}
