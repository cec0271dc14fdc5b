//! What the risk agent says of accounts, works and orders when something happened to them, and whom it watches from then on.

use std::time::Duration;

use advisors::risk::{self, Answered, Known, Memory, Standing};
use agents::risk::{Advice, Watched};
use alloy::primitives::{Address, B256};
use chrono::Utc;
use store::{
    screenings::{self, Offer},
    trade, watch,
};

use crate::{Context, JobError, Task, enqueue};

/// Orders of one asset or maker that are screened again at once, the newest of them.
const ORDERS: i64 = 200;
/// The memory is being made again: not worth waiting for any more exactly.
const SOON: Duration = Duration::from_secs(5);

/// Assesses what something happened to in a block, once that is final: before, the job puts itself off. Orders that the
/// new advice may concern are screened again.
pub async fn assess(context: &Context, memory: &Memory, what: Watched, through: u64) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut conn = context.pool.acquire().await?;
    if let Some(wait) = trade::settles_in(&mut conn, chain_id, through).await? {
        return put_off(context, what, through, wait).await;
    }
    let settled = trade::settled(&mut conn, chain_id).await?.map_or(0, |settled| settled.block);
    drop(conn);
    let known = memory.fresh().await?;
    if known.block() < settled.min(through) {
        return put_off(context, what, through, SOON).await;
    }
    let answered = match what {
        Watched::Account(account) => Some(risk::assess_account(&known, account).await?),
        Watched::Work(asset) => risk::assess_work(&mut *context.pool.acquire().await?, &known, asset.0).await?,
    };
    let Some(answered) = answered else { return Ok(()) };
    let mut tx = context.pool.begin().await?;
    let id = risk::record(&mut tx, &answered).await?;
    tell_watchers(context, &mut tx, &answered).await?;
    tx.commit().await?;
    if id.is_some() {
        screen_all_of(context, &known, what).await?;
    }
    Ok(())
}

async fn put_off(context: &Context, what: Watched, through: u64, wait: Duration) -> Result<(), JobError> {
    let task = match what {
        Watched::Account(account) => Task::AssessAccount { account, through },
        Watched::Work(asset) => Task::AssessWork { asset: asset.0, through },
    };
    let mut tx = context.pool.begin().await?;
    enqueue(&mut tx, context.deployment.chain_id, task, 0, wait).await?;
    tx.commit().await?;
    Ok(())
}

/// Watches an account or work whose risk is high, with the reasons, and ends that when it is not any more.
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

/// Screens a new order that may be bought. What the chain itself will refuse needs no advice.
pub async fn screen(context: &Context, memory: &Memory, order: B256) -> Result<(), JobError> {
    let offer = screenings::offer(&mut *context.pool.acquire().await?, context.deployment.chain_id, order).await?;
    match offer.filter(Offer::can_be_filled) {
        Some(offer) => screen_offers(context, &memory.fresh().await?, &[offer]).await,
        None => Ok(()),
    }
}

/// Screens the open orders of an asset or a maker again.
pub async fn screen_all_of(context: &Context, known: &Known, what: Watched) -> Result<(), JobError> {
    let (asset, maker): (Option<u64>, Option<Address>) = match what {
        Watched::Account(maker) => (None, Some(maker)),
        Watched::Work(asset) => (Some(asset.0), None),
    };
    let mut conn = context.pool.acquire().await?;
    let offers = screenings::open_offers(&mut conn, context.deployment.chain_id, asset, maker, ORDERS).await?;
    drop(conn);
    screen_offers(context, known, &offers).await
}

async fn screen_offers(context: &Context, known: &Known, offers: &[Offer]) -> Result<(), JobError> {
    for offer in offers {
        let mut tx = context.pool.begin().await?;
        let screening = risk::screen(&mut tx, known, offer, Standing::sound(offer), Utc::now()).await?;
        risk::record(&mut tx, &screening).await?;
        tx.commit().await?;
    }
    Ok(())
}
