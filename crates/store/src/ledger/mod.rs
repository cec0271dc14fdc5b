//! The ledger: events are appended where state changes, sealed one after the other, and read by number or by stream.
//!
//! [`append`] belongs to the transaction that makes the event true. It waits for nobody: [`seal`](seal::seal), called
//! again and again by a worker, gives what was committed its numbers and hashes, in batches, and without gaps. An event
//! is therefore in the ledger some milliseconds after its transaction, in an order in which causes come first.

mod anchors;
mod proof;
mod seal;
mod verify;

use ::facts::Hash;
use alloy_primitives::B256;
use chrono::{DateTime, Utc};
use domain::ledger::{Entry, Event, NewEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::PgConnection;

pub use anchors::{Anchored, newest_anchor, payouts_anchor};
pub use proof::{consistency, proof, root_at};
pub use seal::{Sealed, seal, waits};
pub use verify::{Fault, Verified, verify, verify_since};

use crate::StoreError;

/// How many events wait in one row at most. A larger number would make rows of many megabytes, and a smaller one more rows.
const EVENTS_PER_ROW: usize = 256;

/// An event between its transaction and its sealing.
#[derive(Serialize, Deserialize)]
struct Waiting<'a> {
    kind: std::borrow::Cow<'a, str>,
    subject: std::borrow::Cow<'a, str>,
    streams: std::borrow::Cow<'a, [String]>,
    /// Kept to the byte.
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Where the ledger ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of sealed events.
    pub size: u64,
    /// The hash of the last event, or the genesis hash when there is none.
    pub hash: B256,
}

/// Appends events in order within the caller's transaction. They are in the ledger if, and only if, it commits.
///
/// Their place among the events of others is drawn at the commit, by a deferred constraint. In a transaction that makes
/// constraints immediate before its end, it is no longer certain that causes come first.
///
/// # Errors
/// When an event cannot be written as JSON, or the database fails.
pub async fn append(tx: &mut PgConnection, events: &[NewEvent]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = events.chunks(EVENTS_PER_ROW).map(waiting).collect::<Result<_, _>>()?;
    sqlx::query!(
        "INSERT INTO ledger.pending (events)
         SELECT events FROM unnest($1::text[]) WITH ORDINALITY AS e (events, place) ORDER BY place",
        &rows
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn waiting(events: &[NewEvent]) -> Result<String, StoreError> {
    let waiting = |event: &NewEvent| -> serde_json::Result<String> {
        serde_json::to_string(&Waiting {
            kind: event.kind().into(),
            subject: event.subject().into(),
            streams: event.streams().into(),
            body: serde_json::from_str(event.body().as_str())?,
        })
    };
    let events = events.iter().map(waiting).collect::<Result<Vec<_>, _>>();
    let events = events.map_err(|error| StoreError::Refused(format!("an event cannot be written as JSON: {error}")))?;
    Ok(format!("[{}]", events.join(",")))
}

/// Returns where the ledger ends now.
///
/// # Errors
/// When the database fails.
pub async fn head(tx: &mut PgConnection) -> Result<Head, StoreError> {
    let row = sqlx::query!(r#"SELECT size, hash AS "hash: Hash" FROM ledger.head"#).fetch_one(tx).await?;
    Ok(Head { size: unsigned(row.size), hash: row.hash.0 })
}

/// Returns every root that the mirror saw anchored on any chain, with the number of events it covers.
///
/// # Errors
/// When the database fails.
pub async fn anchored(tx: &mut PgConnection) -> Result<Vec<(u64, B256)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT size::bigint AS "size!", decode(substr(root, 3), 'hex') AS "root!: Hash" FROM chain.anchors ORDER BY size"#
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| Ok((unsigned(row.size), row.root.0))).collect()
}

/// Returns the entry with this number.
///
/// # Errors
/// When the database fails.
pub async fn entry(tx: &mut PgConnection, seq: u64) -> Result<Option<Entry>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT seq, at, kind, subject, streams, body, previous AS "previous: Hash", hash AS "hash: Hash"
           FROM ledger.events WHERE seq = $1"#,
        signed(seq)
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Row::entry))
}

/// Returns the entries after entry `after` up to and including entry `through`, oldest first, at most `limit` of them.
///
/// # Errors
/// When the database fails.
pub async fn range(tx: &mut PgConnection, after: u64, through: u64, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT seq, at, kind, subject, streams, body, previous AS "previous: Hash", hash AS "hash: Hash"
           FROM ledger.events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3"#,
        signed(after),
        signed(through),
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Row::entry).collect())
}

/// Returns a stream's events after entry `after` up to and including entry `through`, oldest first, at most `limit` of
/// them. This shows, for example, what happened to an asset as of an entry. The next page begins after the number of the
/// last event.
///
/// An asset's stream, `asset:CHAIN:ID`, also shows the events of the work that speaks for it.
///
/// # Errors
/// When the database fails.
pub async fn history(
    tx: &mut PgConnection,
    stream: &str,
    after: u64,
    through: u64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let streams = shown(tx, stream).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT e.seq, e.at, e.kind, e.subject, e.streams, e.body,
                  e.previous AS "previous: Hash", e.hash AS "hash: Hash"
           FROM (SELECT DISTINCT s.seq FROM unnest($1::text[]) AS w (stream), LATERAL (
                     SELECT seq FROM ledger.streams s WHERE s.stream = w.stream AND s.seq > $2 AND s.seq <= $3
                     ORDER BY seq LIMIT $4) s) s
           JOIN ledger.events e ON e.seq = s.seq ORDER BY e.seq LIMIT $4"#,
        &streams,
        signed(after),
        signed(through),
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Row::entry).collect())
}

/// Returns a stream's events before entry `before`, newest first, at most `limit` of them. The next page ends before the
/// number of the last event.
///
/// # Errors
/// When the database fails.
pub async fn newest(tx: &mut PgConnection, stream: &str, before: u64, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let streams = shown(tx, stream).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT e.seq, e.at, e.kind, e.subject, e.streams, e.body,
                  e.previous AS "previous: Hash", e.hash AS "hash: Hash"
           FROM (SELECT DISTINCT s.seq FROM unnest($1::text[]) AS w (stream), LATERAL (
                     SELECT seq FROM ledger.streams s WHERE s.stream = w.stream AND s.seq < $2
                     ORDER BY seq DESC LIMIT $3) s) s
           JOIN ledger.events e ON e.seq = s.seq ORDER BY e.seq DESC LIMIT $3"#,
        &streams,
        signed(before),
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Row::entry).collect())
}

/// Returns the streams that one shows: itself, and for an asset also those of the works that speak for it. They are joined
/// here, because nothing is written when a work is registered on chain.
async fn shown(tx: &mut PgConnection, stream: &str) -> Result<Vec<String>, StoreError> {
    let asset = stream.strip_prefix("asset:").and_then(|rest| rest.split_once(':'));
    let asset = asset.and_then(|(chain, asset)| Some((chain.parse::<i64>().ok()?, asset.parse::<i64>().ok()?)));
    let mut streams = vec![stream.to_owned()];
    if let Some((chain_id, asset_id)) = asset {
        let works = sqlx::query_scalar!(
            r#"SELECT 'work:' || work_id AS "stream!" FROM asset_works WHERE chain_id = $1 AND asset_id = $2"#,
            chain_id,
            asset_id
        );
        streams.extend(works.fetch_all(tx).await?);
    }
    Ok(streams)
}

/// A row of `ledger.events`.
struct Row {
    seq: i64,
    at: DateTime<Utc>,
    kind: String,
    subject: String,
    streams: Vec<String>,
    body: String,
    previous: Hash,
    hash: Hash,
}

impl Row {
    fn entry(self) -> Entry {
        let Self { seq, at, kind, subject, streams, body, previous, hash } = self;
        let event = Event { seq: unsigned(seq), at: micros(at), kind, subject, streams, body };
        Entry { event, previous: previous.0, hash: hash.0 }
    }
}

/// Microseconds since 1970, which is what the database's clock counts.
fn micros(at: DateTime<Utc>) -> u64 {
    unsigned(at.timestamp_micros())
}

/// Converts a stored number, which is never negative. A negative one, which others must have stored, becomes 0.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Converts a number to the form in which it is stored. No stored number is larger than the largest one here.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
