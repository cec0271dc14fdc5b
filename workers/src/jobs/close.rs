//! Closes distributions: finalized income is divided once, and what was reserved for people who now have an address is
//! released to them.

use std::time::Duration;

use domain::{
    distribution::{Input, Options},
    money::{Amount, BasisPoints},
};
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};
use service::error_chain;
use sqlx::{Acquire, PgConnection};
use store::payouts::{
    books,
    pots::{self, Pot},
};

use super::{Balance, Publish, enqueue};
use crate::{Context, JobError, Worker};

/// The job that divides all finalized income that is not divided yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct Close {}

impl Job for Close {
    type Context = Worker;
    const NAME: &str = "close";
    const QUEUE: Queue = Queue::Chain;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        // A job that already waits will see everything that this one is about.
        let Some(_turn) = worker.pots.turn_after(&worker.next_close).await else { return Ok(()) };
        Ok(close(&worker.context).await?)
    }
}

/// Divides all finalized income that is not divided yet. Repeating this, even at the same time, changes nothing.
///
/// # Errors
/// When the database fails. A pot that cannot be divided is logged, and does not hold up the others.
pub async fn close(context: &Context) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut tx = context.pool.begin().await?;
    pots::lock(&mut tx, chain_id).await?;
    let mut stopped = books::stopped(&mut tx, chain_id).await?;
    for token in &stopped {
        tracing::error!("income in {token} waits: the books do not hold in it");
    }
    stopped.extend(&context.distribution.left_out);
    let released = pots::release_reserves(&mut tx, chain_id, &stopped).await?;
    let mut divided = 0;
    for pot in pots::pots(&mut tx, chain_id).await? {
        if stopped.contains(&pot.token) {
            continue;
        }
        let mut part = tx.begin().await?;
        match divide(context, &mut part, &pot).await {
            Ok(()) => {
                part.commit().await?;
                divided += 1;
            }
            // This pot stays untouched, and the others are divided.
            Err(error) => {
                part.rollback().await?;
                tracing::error!("income of asset {} cannot be divided: {}", pot.asset_id, error_chain(&error));
            }
        }
    }
    if released > 0 || divided > 0 {
        enqueue(&mut tx, chain_id, &Balance {}, Duration::ZERO).await?;
        enqueue(&mut tx, chain_id, &Publish {}, Duration::ZERO).await?;
    }
    tx.commit().await?;
    metrics::counter!("distributions_total").increment(divided);
    Ok(())
}

async fn divide(context: &Context, tx: &mut PgConnection, pot: &Pot) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let lineage = pots::lineage(tx, chain_id, pot.asset_id).await?;
    let input = Input {
        brought: pots::waiting(tx, chain_id, pot.token, &lineage.graph.accounts()).await?,
        graph: lineage.graph,
        start: lineage.start,
        amount: Amount(pot.amount),
        options: Options {
            // The market took the protocol's fee once, at the sale, so no fee is taken here.
            fee: BasisPoints::ZERO,
            min_payout: context.distribution.min_payouts.get(&pot.token).copied().unwrap_or_default(),
            policy: context.distribution.policy,
            ..Options::default()
        },
    };
    let result = input.distribute().map_err(|error| JobError::Refused(error_chain(&error).to_string()))?;
    let id = pots::record(tx, chain_id, pot, &input, &result).await?;
    tracing::info!(
        "distribution {id}: {} of asset {} to {} accounts, {} reserves, {} carried on",
        pot.amount,
        pot.asset_id,
        result.payouts.len(),
        result.reserved.len(),
        result.carried.len()
    );
    Ok(())
}
