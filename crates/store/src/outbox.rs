//! The outbox: facts stored in the transaction that made them true, read in order by whoever acts on them.

use alloy_primitives::B256;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool, postgres::PgListener};

use crate::StoreError;

#[derive(Clone, Debug)]
pub struct Event {
    pub id: i64,
    pub topic: String,
    pub key: String,
    pub payload: Value,
}

/// A fact to be stored: what kind (`asset.registered`), about what (`31337:7`), and the details.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub topic: String,
    pub key: String,
    pub payload: Value,
}

impl NewEvent {
    pub fn new(topic: impl Into<String>, key: impl Into<String>, payload: Value) -> Self {
        Self { topic: topic.into(), key: key.into(), payload }
    }
}

/// It became known where so many of a work's people are paid.
pub fn addresses_known(work: i64, addresses: u64) -> NewEvent {
    NewEvent::new("contributor.address_known", work.to_string(), json!({"addresses": addresses}))
}

/// GitHub delivered something about a work.
pub fn delivery_received(work: i64) -> NewEvent {
    NewEvent::new("webhook.received", work.to_string(), Value::Object(Default::default()))
}

/// A signed order was stored.
pub fn order_recorded(chain_id: u64, hash: B256) -> NewEvent {
    NewEvent::new("order.recorded", format!("{chain_id}:{hash}"), Value::Object(Default::default()))
}

/// Stores facts in order, within the caller's transaction.
pub async fn emit(tx: &mut PgConnection, events: &[NewEvent]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let topics: Vec<String> = events.iter().map(|event| event.topic.clone()).collect();
    let keys: Vec<String> = events.iter().map(|event| event.key.clone()).collect();
    let payloads: Vec<Value> = events.iter().map(|event| event.payload.clone()).collect();
    sqlx::query!(
        "INSERT INTO outbox (topic, key, payload)
         SELECT topic, key, payload FROM unnest($1::text[], $2::text[], $3::jsonb[]) WITH ORDINALITY
                                         AS e (topic, key, payload, place)
         ORDER BY place",
        &topics,
        &keys,
        &payloads
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The events after `reader`'s place, in commit-safe order, and moves the place behind them. The move becomes true with
/// the caller's transaction, and so does what the caller does with the events: each is acted on exactly once.
///
/// Only events of transactions below the oldest running one are taken, so that none can appear behind the place.
pub async fn take(tx: &mut PgConnection, reader: &str, limit: i64) -> Result<Vec<Event>, StoreError> {
    sqlx::query!("INSERT INTO outbox_readers (reader) VALUES ($1) ON CONFLICT DO NOTHING", reader)
        .execute(&mut *tx)
        .await?;
    let rows = sqlx::query!(
        r#"WITH place AS (SELECT txid, id FROM outbox_readers WHERE reader = $1 FOR UPDATE),
         taken AS (
             SELECT o.id, o.txid, o.topic, o.key, o.payload FROM outbox o, place p
             WHERE (o.txid, o.id) > (p.txid, p.id) AND o.txid < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY o.txid, o.id LIMIT $2),
         moved AS (
             UPDATE outbox_readers r SET txid = l.txid, id = l.id
             FROM (SELECT txid, id FROM taken ORDER BY txid DESC, id DESC LIMIT 1) l WHERE r.reader = $1)
         SELECT id, topic, key, payload FROM taken ORDER BY txid, id"#,
        reader,
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| Event { id: row.id, topic: row.topic, key: row.key, payload: row.payload }).collect())
}

/// Removes the oldest facts, at most `limit`: those that were stored a week ago and that every reader is past. How many.
pub async fn forget(conn: &mut PgConnection, limit: i64) -> Result<u64, StoreError> {
    let forgotten = sqlx::query!(
        "DELETE FROM outbox WHERE id IN (
             SELECT id FROM (
                 SELECT id, created_at FROM outbox
                 WHERE (txid, id) <= (SELECT txid, id FROM outbox_readers ORDER BY txid, id LIMIT 1)
                 ORDER BY txid, id LIMIT $1
             ) oldest WHERE created_at < now() - interval '7 days')",
        limit
    )
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}

/// A listener that wakes when something was stored. It may miss a beat while reconnecting: poll as well.
pub async fn listen(pool: &PgPool) -> Result<PgListener, StoreError> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("outbox").await?;
    Ok(listener)
}
