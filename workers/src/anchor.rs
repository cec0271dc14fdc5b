//! Anchors the ledger: from time to time, the root over all of it is put on chain, once, and only if it extends what was
//! anchored before.

use std::time::Duration;

use alloy::{primitives::U256, sol_types::SolCall};
use bindings::Anchor;
use domain::ledger::anchor::Head;
use facts::ChainId;
use sender::Intent;
use service::{Shutdown, error_chain};
use sqlx::PgConnection;
use store::{
    StoreError,
    ledger::{self, Anchored, Verified},
};

use crate::{
    Context, JobError,
    standing::{self, Standing},
};

const POLL: Duration = Duration::from_secs(1);
/// How long a node may take to answer, so that it does not hold up others for ever.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait after a failure of a node or the database, and before a ledger that must not be anchored is read
/// again.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// When the ledger is anchored: when its oldest event that is not anchored has waited for `after`, or when `events` events
/// wait.
#[derive(Clone, Copy, Debug)]
pub struct Anchoring {
    pub after: Duration,
    pub events: u64,
}

/// Anchors until the shutdown. Several processes may do so at the same time: one proceeds, and the others wait for it.
pub async fn run(context: Context, shutdown: Shutdown) {
    while !shutdown.has_begun() {
        let anchored = anchor(&context).await;
        let refused = matches!(anchored, Err(JobError::Refused(_) | JobError::Store(StoreError::Corrupt { .. })));
        metrics::gauge!("ledger_anchoring_refused").set(f64::from(u8::from(refused)));
        let pause = match anchored {
            Ok(_) => POLL,
            Err(error) if refused => {
                let why = error_chain(&error);
                tracing::error!("the ledger is not anchored: {why}. `tributary ledger verify` reads all of it");
                PAUSE_AFTER_FAILURE
            }
            Err(error) => {
                tracing::warn!("anchoring waits: {}", error_chain(&error));
                PAUSE_AFTER_FAILURE
            }
        };
        shutdown.sleep(pause).await;
    }
}

/// Stores the intent to anchor the ledger as it is, when that is due. Returns how many events the anchor covers.
///
/// Everything since the newest anchor is read again, and must extend the root that was anchored.
///
/// # Errors
/// [`JobError::Refused`] when it does not; then nothing is sent. Other errors when the database or the node fails.
pub async fn anchor(context: &Context) -> Result<Option<u64>, JobError> {
    let chain_id = context.deployment.chain_id;
    let mut conn = context.pool.acquire().await?;
    if !is_due(&mut conn, context).await? {
        return Ok(None);
    }
    drop(conn);
    let on_chain = latest(context).await?;
    let mut tx = context.pool.begin().await?;
    lock(&mut tx, chain_id).await?;
    let newest = ledger::newest_anchor(&mut tx, chain_id, false).await?;
    // With a mirror that lags, a ledger might be accepted that does not extend the newest anchor.
    if newest.map_or(Head::ZERO, |newest| newest.head) != on_chain || !is_due(&mut tx, context).await? {
        return Ok(None);
    }
    let Verified { head, root } = extended(&mut tx, newest).await?;
    let Some(root) = root else { return Ok(None) };
    let size = head.size;
    let Standing::Missing { key, refused } = standing::of(&mut tx, chain_id, &format!("anchor:{size}")).await? else {
        return Ok(None);
    };
    if let Some(reason) = refused {
        tracing::error!("the ledger's root over {size} events was not accepted ({reason}): it is sent again");
    }
    let intent = Intent {
        account: context.engine,
        key,
        to: Some(context.deployment.anchor),
        value: U256::ZERO,
        data: Anchor::anchorCall { root, size }.abi_encode().into(),
    };
    sender::enqueue(&mut tx, chain_id, &intent).await?;
    tx.commit().await?;
    tracing::info!("the ledger's root over {size} events is to be anchored: {root}");
    Ok(Some(size))
}

/// Makes sure that only one process decides at a time. The lock is held until the transaction ends.
async fn lock(tx: &mut PgConnection, chain_id: ChainId) -> Result<(), JobError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('anchor', $1))", chain_id.get()).execute(tx).await?;
    Ok(())
}

/// Returns the contract's head.
async fn latest(context: &Context) -> Result<Head, JobError> {
    let contract = Anchor::new(context.deployment.anchor, &context.provider);
    match tokio::time::timeout(PATIENCE, async { contract.latest().call().await }).await {
        Ok(Ok(latest)) => Ok(latest.head),
        Ok(Err(error)) => Err(JobError::NotYet(format!("the node did not give an answer: {}", error_chain(&error)))),
        Err(_) => Err(JobError::NotYet(format!("the node did not answer within {PATIENCE:?}"))),
    }
}

/// Returns whether an anchor is due and no other one is under way.
async fn is_due(conn: &mut PgConnection, context: &Context) -> Result<bool, JobError> {
    let Anchoring { after, events } = context.anchoring;
    let row = sqlx::query!(
        r#"SELECT a.size AS "size!", h.size < a.size AS "shorter!", h.size - a.size >= $2 AS "many!",
                  coalesce(e.at <= now() - make_interval(secs => $3), false) AS "old!",
                  coalesce(s.state IN ('queued', 'sent'), false) AS "under_way!",
                  coalesce(s.state IN ('refused', 'reverted') AND s.created_at > now() - make_interval(secs => $3), false)
                      AS "failed!"
           FROM ledger.head h
           CROSS JOIN (SELECT coalesce((SELECT size FROM chain.anchors WHERE chain_id = $1
                                        ORDER BY block_number DESC, log_index DESC LIMIT 1), 0)::bigint AS size) a
           LEFT JOIN ledger.events e ON e.seq = a.size + 1
           LEFT JOIN LATERAL (SELECT state, created_at FROM sender_transactions
                              WHERE chain_id = $1 AND key LIKE 'anchor:%' ORDER BY id DESC LIMIT 1) s ON true"#,
        context.deployment.chain_id.get(),
        i64::try_from(events.max(1)).unwrap_or(i64::MAX),
        after.as_secs_f64()
    )
    .fetch_one(conn)
    .await?;
    metrics::gauge!("ledger_anchored_size").set(row.size as f64);
    // After a failure, the interval must pass, however many events came since. A ledger that lacks what was anchored is
    // due at once, and is then refused.
    Ok(!row.under_way && !row.failed && (row.old || row.many || row.shorter))
}

/// Returns the present ledger, if it extends what was anchored.
async fn extended(tx: &mut PgConnection, newest: Option<Anchored>) -> Result<Verified, JobError> {
    let verified = match newest {
        Some(Anchored { anchor, .. }) => ledger::verify_since(tx, anchor.size, anchor.root).await?,
        None => ledger::verify(tx, &[], |_, _| ()).await?,
    };
    verified.map_err(|fault| JobError::Refused(fault.to_string()))
}
