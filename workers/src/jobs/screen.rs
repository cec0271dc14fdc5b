//! Decides which orders are shown: the risk agent screens each one before anybody buys.

use advisors::risk::{self, Grounds, Memory, Standing};
use agents::risk::Watched;
use alloy::primitives::{Address, B256};
use chrono::Utc;
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};
use store::market::screenings::{self, Offer};

use crate::{Context, JobError, Worker};

/// How many orders of one asset or maker are screened again at once. The newest are taken.
const ORDERS: i64 = 200;

/// The job that decides whether a new order is shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct Screen {
    /// Its EIP-712 hash.
    pub order: B256,
}

impl Job for Screen {
    type Context = Worker;
    const NAME: &str = "screen";
    const QUEUE: Queue = Queue::Agents;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        Ok(screen(&worker.context, &worker.risks, self.order).await?)
    }
}

/// Screens a new order that may be bought. An order that the chain itself will refuse needs no
/// advice.
async fn screen(context: &Context, memory: &Memory, order: B256) -> Result<(), JobError> {
    let offer = screenings::offer(&mut *context.pool.acquire().await?, context.deployment.chain_id, order).await?;
    match offer.filter(Offer::can_be_filled) {
        Some(offer) => screen_offers(context, &memory.fresh().await?, &[offer]).await,
        None => Ok(()),
    }
}

/// Screens the open orders of an asset or a maker again.
///
/// # Errors
/// When the database fails, or an order cannot be screened.
pub async fn screen_all_of(context: &Context, grounds: &Grounds, what: Watched) -> Result<(), JobError> {
    let (asset, maker): (Option<u64>, Option<Address>) = match what {
        Watched::Account(maker) => (None, Some(maker)),
        Watched::Work(asset) => (Some(asset.0), None),
    };
    let mut conn = context.pool.acquire().await?;
    let offers = screenings::open_offers(&mut conn, context.deployment.chain_id, asset, maker, ORDERS).await?;
    drop(conn);
    screen_offers(context, grounds, &offers).await
}

async fn screen_offers(context: &Context, grounds: &Grounds, offers: &[Offer]) -> Result<(), JobError> {
    for offer in offers {
        let mut tx = context.pool.begin().await?;
        let screening = risk::screen(&mut tx, grounds, offer, Standing::sound(offer), Utc::now()).await?;
        risk::record(&mut tx, &screening).await?;
        tx.commit().await?;
    }
    Ok(())
}
