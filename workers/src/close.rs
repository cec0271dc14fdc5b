//! Closing distributions: finalized income is divided, once, and what was reserved for people who now have an address is
//! released to them.

use std::time::Duration;

use domain::{
    distribution::{Options, distribute},
    money::{Amount, BasisPoints},
};
use store::distribution as pots;

use crate::{Context, JobError, Task, enqueue};

pub async fn close(context: &Context) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut tx = context.pool.begin().await?;
    pots::lock(&mut tx, chain_id).await?;
    let released = pots::release_reserves(&mut tx, chain_id).await?;
    // The market took the protocol's fee at the sale, once, at the top: none is taken here.
    let options = Options { fee: BasisPoints::ZERO, ..Options::default() };
    let mut divided = 0;
    for pot in pots::pots(&mut tx, chain_id).await? {
        let lineage = pots::lineage(&mut tx, chain_id, pot.asset_id).await?;
        match distribute(&lineage.graph, lineage.start, Amount(pot.amount), &options) {
            Ok(result) => {
                let id = pots::record(&mut tx, chain_id, &pot, &lineage, &result).await?;
                tracing::info!(
                    "distribution {id}: {} of asset {} to {} accounts, {} reserves",
                    pot.amount,
                    pot.asset_id,
                    result.payouts.len(),
                    result.reserved.len()
                );
                divided += 1;
            }
            // This pot stays untouched; the others go on.
            Err(error) => tracing::error!("income of asset {} cannot be divided: {error}", pot.asset_id),
        }
    }
    if released > 0 || divided > 0 {
        enqueue(&mut tx, Task::Publish, 0, Duration::ZERO).await?;
    }
    tx.commit().await?;
    metrics::counter!("distributions_total").increment(divided);
    Ok(())
}
