//! The outbox: facts stored in the transaction that made them true, read in order by whoever acts on them.

use ::facts::{ChainId, Envelope, NewFact, version};
use sqlx::{PgConnection, PgPool, postgres::PgListener};

use crate::{StoreError, facts::trace};

/// What a reader took: facts, and rows that are not facts it knows.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// In the order in which they became true.
    pub facts: Vec<Envelope>,
    /// Rows that cannot be read, with the reasons. Another version of the program stored them.
    pub unreadable: Vec<Unreadable>,
}

impl Taken {
    /// Returns the number of rows that were taken.
    pub fn len(&self) -> usize {
        self.facts.len() + self.unreadable.len()
    }

    /// Tells whether no rows were taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A row of the outbox that is not a fact this program knows.
#[derive(Clone, Debug)]
pub struct Unreadable {
    pub id: i64,
    pub kind: String,
    pub reason: String,
}

/// Stores facts in order, within the caller's transaction. Callers tell facts by [`facts::tell`](crate::facts::tell), which knows
/// who is told of what.
pub(crate) async fn emit(tx: &mut PgConnection, facts: &[&NewFact]) -> Result<(), StoreError> {
    if facts.is_empty() {
        return Ok(());
    }
    let trace = trace::current().map(|trace| trace.to_string());
    let rows: Vec<serde_json::Value> = facts.iter().map(|fact| row(fact)).collect::<Result<_, _>>()?;
    sqlx::query!(
        "INSERT INTO outbox (topic, key, payload, version, chain_id, block_number, log_index, streams, trace)
         SELECT e.f ->> 'topic', e.f ->> 'key', e.f -> 'payload', $2, (e.f ->> 'chain')::bigint, (e.f ->> 'block')::bigint,
                (e.f ->> 'log')::integer, ARRAY(SELECT jsonb_array_elements_text(e.f -> 'streams')), $3
         FROM unnest($1::jsonb[]) WITH ORDINALITY AS e (f, place) ORDER BY e.place",
        &rows,
        version::CURRENT as i16,
        trace
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn row(fact: &NewFact) -> Result<serde_json::Value, StoreError> {
    Ok(serde_json::json!({
        "topic": fact.fact.kind().as_str(), "key": fact.subject, "payload": fact.fact.body()?, "chain": fact.chain,
        "block": fact.place.map(|place| place.block), "log": fact.place.map(|place| place.log), "streams": fact.streams,
    }))
}

/// Takes back what was told of a chain above a block, newest first, each fact once and word for word. Returns the number of
/// facts.
///
/// # Errors
/// When the database fails.
pub async fn retract(tx: &mut PgConnection, chain_id: ChainId, above: u64) -> Result<u64, StoreError> {
    let retracted = sqlx::query!(
        "INSERT INTO outbox (topic, key, payload, version, chain_id, block_number, log_index, streams, trace, retracts)
         SELECT topic, key, payload, version, chain_id, block_number, log_index, streams, trace, id FROM outbox o
         WHERE chain_id = $1 AND block_number > $2 AND retracts IS NULL
           AND NOT EXISTS (SELECT FROM outbox r WHERE r.retracts = o.id)
         ORDER BY block_number DESC, log_index DESC, id DESC",
        chain_id.get(),
        above as i64
    )
    .execute(tx)
    .await?;
    Ok(retracted.rows_affected())
}

/// Returns the facts after `reader`'s place, in commit-safe order, and moves the place behind them. The move becomes true
/// with the caller's transaction, and so does what the caller does with the facts, so each fact is acted on exactly once.
///
/// Only facts of transactions below the oldest running one are taken, so that none can appear behind the place. When there are
/// none, the place is not locked, and nothing is written.
///
/// # Errors
/// When the database fails.
pub async fn take(tx: &mut PgConnection, reader: &str, limit: i64) -> Result<Taken, StoreError> {
    sqlx::query!("INSERT INTO outbox_readers (reader) VALUES ($1) ON CONFLICT DO NOTHING", reader)
        .execute(&mut *tx)
        .await?;
    let rows = sqlx::query_as!(
        Row,
        r#"WITH place AS (
             SELECT txid, id FROM outbox_readers r
             WHERE reader = $1 AND EXISTS (SELECT FROM outbox o
                 WHERE (o.txid, o.id) > (r.txid, r.id) AND o.txid < pg_snapshot_xmin(pg_current_snapshot()))
             FOR UPDATE),
         taken AS (
             SELECT o.* FROM outbox o, place p
             WHERE (o.txid, o.id) > (p.txid, p.id) AND o.txid < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY o.txid, o.id LIMIT $2),
         moved AS (
             UPDATE outbox_readers r SET txid = l.txid, id = l.id
             FROM (SELECT txid, id FROM taken ORDER BY txid DESC, id DESC LIMIT 1) l WHERE r.reader = $1)
         SELECT id, topic, key, payload, version, chain_id, block_number, streams, retracts, trace FROM taken ORDER BY txid, id"#,
        reader,
        limit
    )
    .fetch_all(tx)
    .await?;
    let mut taken = Taken::default();
    for row in rows {
        match row.read() {
            Ok(fact) => taken.facts.push(fact),
            Err(unreadable) => taken.unreadable.push(unreadable),
        }
    }
    Ok(taken)
}

struct Row {
    id: i64,
    topic: String,
    key: String,
    payload: serde_json::Value,
    version: i16,
    chain_id: Option<i64>,
    block_number: Option<i64>,
    streams: Vec<String>,
    retracts: Option<i64>,
    trace: Option<String>,
}

impl Row {
    fn read(self) -> Result<Envelope, Unreadable> {
        let id = self.id;
        let unreadable = |kind: &str, reason: String| Unreadable { id, kind: kind.to_owned(), reason };
        let version = u16::try_from(self.version).unwrap_or(u16::MAX);
        let chain = match version {
            0 => version::chain_of_version_0(&self.topic, &self.key),
            _ => self.chain_id.map(|chain| ChainId(chain as u64)),
        };
        let (subject, fact) = version::read(version, &self.topic, &self.key, self.payload)
            .map_err(|error| unreadable(&self.topic, error.to_string()))?;
        let streams = self.streams.iter().map(|stream| stream.parse()).collect::<Result<_, _>>();
        let streams = streams.map_err(|error: ::facts::ParseError| unreadable(&self.topic, error.to_string()))?;
        Ok(Envelope {
            id,
            version,
            chain,
            block: self.block_number.map(|block| block as u64),
            subject,
            streams,
            retracts: self.retracts,
            // A trace that is none is no reason to lose a fact.
            trace: self.trace.and_then(|trace| trace.parse().ok()),
            fact,
        })
    }
}

/// Removes the oldest facts, at most `limit` of them: those that were stored a week ago and that every reader is past.
/// Returns the number of removed facts.
///
/// # Errors
/// When the database fails.
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

/// Returns a listener that wakes when something was stored. It may miss a notification while it reconnects, so its user
/// should poll as well.
///
/// # Errors
/// When the database does not answer.
pub async fn listen(pool: &PgPool) -> Result<PgListener, StoreError> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("outbox").await?;
    Ok(listener)
}
