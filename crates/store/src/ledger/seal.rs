//! Seals the ledger: what was committed gets its numbers and hashes.

use ::facts::Hash;
use alloy_primitives::B256;
use chrono::{DateTime, Utc};
use domain::ledger::{
    Canonical, Entry, NewEvent,
    tree::{self, Frontier, Node},
};
use sqlx::{PgConnection, PgPool};

use super::{Waiting, micros, proof, signed, unsigned};
use crate::StoreError;

/// Nodes from this level up are stored; see the migration.
pub(super) const STORED_LEVEL: u8 = 6;
/// The size in bytes at which a batch ends. It holds some thousand events, which are hashed in some tens of milliseconds.
const BATCH_BYTES: i64 = 2 << 20;

/// What a call of [`seal`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The number of events that it sealed, which is 0 when none waited.
    pub events: u64,
    /// The number of events in the ledger now.
    pub size: u64,
}

/// Returns whether anything waits to be sealed.
///
/// # Errors
/// When the database fails.
pub async fn waits(pool: &PgPool) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM ledger.pending) AS "waits!""#).fetch_one(pool).await?)
}

/// Seals what waits, up to `limit` rows of [`append`](super::append), within the caller's transaction. Several callers may
/// try at once. One of them goes on, and the others wait for it.
///
/// The move from `pending` to `events` is one transaction, so however it ends no event is lost, doubled, or half sealed.
///
/// # Errors
/// When a waiting event is not valid, when the head of the ledger was changed by other hands, or when the database fails.
pub async fn seal(tx: &mut PgConnection, limit: i64) -> Result<Sealed, StoreError> {
    let head =
        sqlx::query!(r#"SELECT size, hash AS "hash: Hash" FROM ledger.head FOR UPDATE"#).fetch_one(&mut *tx).await?;
    let (size, hash) = (unsigned(head.size), head.hash.0);
    let events = take(tx, limit).await?;
    if events.is_empty() {
        return Ok(Sealed { events: 0, size });
    }
    let mut batch = Batch::after(hash, proof::frontier(tx, size).await?);
    events.into_iter().for_each(|(at, event)| batch.push(at, event));
    batch.store(tx).await?;
    let moved = sqlx::query!(
        "UPDATE ledger.head SET size = $1, hash = $2 WHERE size = $3 AND hash = $4",
        signed(batch.frontier.size()),
        Hash(batch.hash) as _,
        head.size,
        head.hash as _
    );
    if moved.execute(tx).await?.rows_affected() != 1 {
        return Err(StoreError::Corrupt { what: "ledger head", value: format!("{size}:{hash}") });
    }
    Ok(Sealed { events: batch.entries.len() as u64, size: batch.frontier.size() })
}

/// Takes what comes next out of `pending`, in order of commits.
async fn take(tx: &mut PgConnection, limit: i64) -> Result<Vec<(DateTime<Utc>, NewEvent)>, StoreError> {
    let mut rows = sqlx::query!(
        r#"WITH next AS (SELECT id, place, octet_length(events) AS bytes FROM ledger.pending ORDER BY place, id LIMIT $1),
                summed AS (SELECT id, sum(bytes) OVER (ORDER BY place, id) - bytes AS before FROM next)
           DELETE FROM ledger.pending p USING summed s WHERE p.id = s.id AND s.before < $2
           RETURNING p.id, coalesce(p.place, 9223372036854775807) AS "place!", p.at, p.events"#,
        limit,
        BATCH_BYTES as _
    )
    .fetch_all(tx)
    .await?;
    rows.sort_unstable_by_key(|row| (row.place, row.id));
    let mut events = Vec::new();
    for row in rows {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt {
            what: "event waiting for the ledger",
            value: format!("ledger.pending {}: {error}", row.id),
        };
        let waiting: Vec<Waiting> = serde_json::from_str(&row.events).map_err(|error| corrupt(&error))?;
        for Waiting { kind, subject, streams, body } in waiting {
            let body = Canonical::parse(body.get()).map_err(|error| corrupt(&error))?;
            let event = NewEvent::new(kind, subject, streams.into_owned(), body).map_err(|error| corrupt(&error))?;
            events.push((row.at, event));
        }
    }
    Ok(events)
}

/// Entries to be stored, and the nodes they fill.
struct Batch {
    hash: B256,
    frontier: Frontier,
    entries: Vec<(DateTime<Utc>, Entry)>,
    nodes: Vec<(Node, B256)>,
}

impl Batch {
    fn after(hash: B256, frontier: Frontier) -> Self {
        Self { hash, frontier, entries: Vec::new(), nodes: Vec::new() }
    }

    fn push(&mut self, at: DateTime<Utc>, event: NewEvent) {
        let seq = self.frontier.size() + 1;
        let entry = Entry::after(self.hash, event.numbered(seq, micros(at)));
        self.hash = entry.hash;
        let nodes = &mut self.nodes;
        self.frontier.push(tree::leaf(seq, entry.hash), |node, hash| {
            if node.level >= STORED_LEVEL {
                nodes.push((node, hash));
            }
        });
        self.entries.push((at, entry));
    }

    async fn store(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let events = self.entries.iter().map(|(_, entry)| &entry.event);
        let seqs: Vec<i64> = events.clone().map(|event| signed(event.seq)).collect();
        let times: Vec<DateTime<Utc>> = self.entries.iter().map(|(at, _)| *at).collect();
        let kinds: Vec<&str> = events.clone().map(|event| event.kind.as_str()).collect();
        let subjects: Vec<&str> = events.clone().map(|event| event.subject.as_str()).collect();
        let streams: Vec<String> = events.clone().map(|event| array(&event.streams)).collect();
        let bodies: Vec<&str> = events.clone().map(|event| event.body.as_str()).collect();
        let previous: Vec<&[u8]> = self.entries.iter().map(|(_, entry)| entry.previous.as_slice()).collect();
        let hashes: Vec<&[u8]> = self.entries.iter().map(|(_, entry)| entry.hash.as_slice()).collect();
        sqlx::query!(
            "INSERT INTO ledger.events (seq, at, kind, subject, streams, body, previous, hash)
             SELECT seq, at, kind, subject, streams::text[], body, previous, hash
             FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
                         $8::bytea[]) AS e (seq, at, kind, subject, streams, body, previous, hash)",
            &seqs,
            &times,
            &kinds as _,
            &subjects as _,
            &streams,
            &bodies as _,
            &previous as _,
            &hashes as _
        )
        .execute(&mut *tx)
        .await?;
        let (streams, seqs): (Vec<&str>, Vec<i64>) =
            events.flat_map(|event| event.streams.iter().map(|stream| (stream.as_str(), signed(event.seq)))).unzip();
        sqlx::query!(
            "INSERT INTO ledger.streams (stream, seq) SELECT * FROM unnest($1::text[], $2::bigint[])",
            &streams as _,
            &seqs
        )
        .execute(&mut *tx)
        .await?;
        self.store_nodes(tx).await
    }

    async fn store_nodes(&self, tx: &mut PgConnection) -> Result<(), StoreError> {
        if self.nodes.is_empty() {
            return Ok(());
        }
        let lasts: Vec<i64> = self.nodes.iter().map(|(node, _)| signed(node.last())).collect();
        let levels: Vec<i16> = self.nodes.iter().map(|(node, _)| i16::from(node.level)).collect();
        let hashes: Vec<&[u8]> = self.nodes.iter().map(|(_, hash)| hash.as_slice()).collect();
        sqlx::query!(
            "INSERT INTO ledger.nodes (last, level, hash) SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bytea[])",
            &lasts,
            &levels,
            &hashes as _
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// Returns an array in PostgreSQL's text form, because arrays of arrays must be rectangular there, and these are not.
fn array(items: &[String]) -> String {
    let quoted = items.iter().map(|item| format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\"")));
    format!("{{{}}}", quoted.collect::<Vec<_>>().join(","))
}
