//! One database transaction per batch: raw logs, block hashes, projections, outbox and cursor together, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{primitives::Address, rpc::types::Log};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use store::{
    StoreError,
    deployments::Deployment,
    outbox::{self, NewEvent},
    values,
    values::hex_bytes,
};

use crate::{
    decode::{Decoded, Place, Table, decode},
    modules::Modules,
    source::{BlockId, Head, Range},
};

/// The mirror's place: the last block it holds, and how often its leader changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub block: BlockId,
    pub finalized: u64,
    pub epoch: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("another indexer moved the cursor")]
    Overtaken,
    #[error(
        "contract {contract}{} skipped from event {last} to {next}: the node's answer lacks logs",
        of_record(stream)
    )]
    Gap { contract: Address, stream: Vec<u8>, last: u64, next: u64 },
    #[error("{0} is missing: the node's answer lacks logs")]
    Missing(String),
}

fn of_record(stream: &[u8]) -> String {
    if stream.is_empty() { String::new() } else { format!(", record {},", alloy::hex::encode_prefixed(stream)) }
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The stored cursor, and why the mirror halted, if it did.
pub async fn load(pool: &PgPool, chain_id: u64) -> Result<Option<(Cursor, Option<String>)>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT block_number, block_hash AS "block_hash: Vec<u8>", finalized_number, epoch, halted
           FROM chain.cursors WHERE chain_id = $1"#,
        chain_id as i64
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        let block = BlockId { number: row.block_number as u64, hash: values::hash(&row.block_hash)? };
        Ok((Cursor { block, finalized: row.finalized_number as u64, epoch: row.epoch }, row.halted))
    })
    .transpose()
}

/// Begins the mirror of a chain just before the first block that matters.
pub async fn begin(pool: &PgPool, chain_id: u64, block: BlockId) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
         VALUES ($1, $2, $3, 0, 0, $2) ON CONFLICT DO NOTHING",
        chain_id as i64,
        block.number as i64,
        block.hash.as_slice() as _
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Stops the mirror until an operator resumes it; reads go on.
pub async fn halt(pool: &PgPool, chain_id: u64, reason: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE chain.cursors SET halted = $2, updated_at = now() WHERE chain_id = $1",
        chain_id as i64,
        reason
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The stored hash of a block, where it is kept.
pub async fn stored_hash(pool: &PgPool, chain_id: u64, number: u64) -> Result<Option<BlockId>, StoreError> {
    let hash = sqlx::query_scalar!(
        r#"SELECT hash AS "hash: Vec<u8>" FROM chain.blocks WHERE chain_id = $1 AND number = $2"#,
        chain_id as i64,
        number as i64
    )
    .fetch_optional(pool)
    .await?;
    hash.map(|hash| Ok(BlockId { number, hash: values::hash(&hash)? })).transpose()
}

/// The newest kept block below a number.
pub async fn kept_below(pool: &PgPool, chain_id: u64, number: u64) -> Result<Option<BlockId>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT number, hash AS "hash: Vec<u8>" FROM chain.blocks
           WHERE chain_id = $1 AND number < $2 ORDER BY number DESC LIMIT 1"#,
        chain_id as i64,
        number as i64
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| Ok(BlockId { number: row.number as u64, hash: values::hash(&row.hash)? })).transpose()
}

/// Commits a verified range on top of `ancestor`. Where `ancestor` lies below the cursor this is a reorganisation: what
/// the mirror held above it goes, and the outbox says so.
pub async fn commit(
    pool: &PgPool,
    deployment: &Deployment,
    modules: &Modules,
    cursor: &Cursor,
    ancestor: BlockId,
    range: &Range,
    head: &Head,
) -> Result<Cursor, CommitError> {
    let chain = deployment.chain_id as i64;
    let mut tx = pool.begin().await?;
    let finalized = cursor.finalized.max(head.finalized.min(range.to.number));
    let moved = sqlx::query!(
        "UPDATE chain.cursors SET block_number = $5, block_hash = $6, finalized_number = $7,
                safe_number = $8, head_number = $9, updated_at = now(),
                reorganisations = reorganisations + $10
         WHERE chain_id = $1 AND block_number = $2 AND block_hash = $3 AND epoch = $4 AND halted IS NULL",
        chain,
        cursor.block.number as i64,
        cursor.block.hash.as_slice() as _,
        cursor.epoch,
        range.to.number as i64,
        range.to.hash.as_slice() as _,
        finalized as i64,
        head.safe.min(range.to.number).max(finalized) as i64,
        head.head.number as i64,
        i64::from(ancestor.number < cursor.block.number)
    )
    .execute(&mut *tx)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(CommitError::Overtaken);
    }
    let mut touched = BTreeSet::new();
    if ancestor.number < cursor.block.number {
        touched.extend(retract(&mut tx, chain, ancestor.number).await?);
    }
    store_blocks(&mut tx, chain, range, finalized).await?;
    let decoded = decode_all(deployment, modules, range);
    check_sequences(&mut tx, chain, &decoded).await?;
    store_logs(&mut tx, chain, &decoded).await?;
    project(&mut tx, chain, &decoded, &mut touched).await?;
    check_totals(&mut tx, chain, range.from).await?;
    if finalized > cursor.finalized {
        tell_finalized(&mut tx, chain, cursor.finalized, finalized).await?;
    }
    tx.commit().await?;
    Ok(Cursor { block: range.to, finalized, epoch: cursor.epoch })
}

/// Moves only the marks of finality, when no new block came.
pub async fn settle(pool: &PgPool, chain_id: u64, cursor: &Cursor, head: &Head) -> Result<Cursor, CommitError> {
    let finalized = cursor.finalized.max(head.finalized.min(cursor.block.number));
    let mut tx = pool.begin().await?;
    let moved = sqlx::query!(
        "UPDATE chain.cursors SET finalized_number = $5, safe_number = $6, head_number = $7, updated_at = now()
         WHERE chain_id = $1 AND block_number = $2 AND block_hash = $3 AND epoch = $4 AND halted IS NULL",
        chain_id as i64,
        cursor.block.number as i64,
        cursor.block.hash.as_slice() as _,
        cursor.epoch,
        finalized as i64,
        head.safe.min(cursor.block.number).max(finalized) as i64,
        head.head.number as i64
    )
    .execute(&mut *tx)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(CommitError::Overtaken);
    }
    tell_finalized(&mut tx, chain_id as i64, cursor.finalized, finalized).await?;
    tx.commit().await?;
    Ok(Cursor { finalized, ..*cursor })
}

type Log1<'a> = (&'a Log, Place, Decoded);

fn decode_all<'a>(deployment: &Deployment, modules: &Modules, range: &'a Range) -> Vec<Log1<'a>> {
    range
        .logs
        .iter()
        .enumerate()
        .map(|(at, log)| {
            let before = at.checked_sub(1).map(|before| &range.logs[before]);
            let previous = before.filter(|before| {
                before.transaction_hash == log.transaction_hash
                    && before.log_index.map(|index| index + 1) == log.log_index
            });
            let block = log.block_number.unwrap_or_default();
            let place = Place {
                chain_id: deployment.chain_id,
                block,
                index: log.log_index.unwrap_or_default(),
                tx_hash: log.transaction_hash.unwrap_or_default(),
                time: range.headers.get(&block).map_or(0, |header| header.timestamp),
            };
            let decoded = decode(deployment, modules, previous, log, &place);
            (log, place, decoded)
        })
        .collect()
}

/// Removes what the mirror held above a block and returns the assets whose state must be computed again.
async fn retract(tx: &mut PgConnection, chain: i64, above: u64) -> Result<Vec<i64>, CommitError> {
    let above = above as i64;
    let assets = sqlx::query_scalar!(
        r#"SELECT asset_id AS "asset_id!" FROM (
               SELECT asset_id FROM chain.registrations WHERE chain_id = $1 AND block_number > $2
               UNION SELECT asset_id FROM chain.transfers WHERE chain_id = $1 AND block_number > $2
               UNION SELECT asset_id FROM chain.cid_updates WHERE chain_id = $1 AND block_number > $2
               UNION SELECT asset_id FROM chain.royalty_changes WHERE chain_id = $1 AND block_number > $2
               UNION SELECT asset_id FROM chain.fills WHERE chain_id = $1 AND block_number > $2
               UNION SELECT asset_id FROM chain.incomes WHERE chain_id = $1 AND block_number > $2) touched"#,
        chain,
        above
    )
    .fetch_all(&mut *tx)
    .await?;
    for table in Table::ALL {
        sqlx::query(table.retract()).bind(chain).bind(above).execute(&mut *tx).await?;
    }
    sqlx::query!("DELETE FROM chain.logs WHERE chain_id = $1 AND block_number > $2", chain, above)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("DELETE FROM chain.blocks WHERE chain_id = $1 AND number > $2", chain, above)
        .execute(&mut *tx)
        .await?;
    let mut events = vec![NewEvent::new("chain.reorganised", chain.to_string(), json!({"above": above}))];
    events.extend(
        assets
            .iter()
            .map(|asset| NewEvent::new("asset.retracted", format!("{chain}:{asset}"), json!({"above": above}))),
    );
    outbox::emit(tx, &events).await?;
    Ok(assets)
}

/// Keeps every block above the finalized one, and those with logs for ever.
async fn store_blocks(tx: &mut PgConnection, chain: i64, range: &Range, finalized: u64) -> Result<(), CommitError> {
    let rows: Vec<Value> = range
        .headers
        .values()
        .map(|header| {
            json!({
                "chain_id": chain, "number": header.number, "hash": hex_bytes(header.hash.as_slice()),
                "parent_hash": hex_bytes(header.parent_hash.as_slice()), "timestamp": header.timestamp,
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO chain.blocks (chain_id, number, hash, parent_hash, timestamp)
         SELECT chain_id, number, hash, parent_hash, to_timestamp(timestamp) FROM jsonb_to_recordset($1)
             AS b (chain_id bigint, number bigint, hash bytea, parent_hash bytea, timestamp double precision)
         ON CONFLICT (chain_id, number) DO UPDATE SET hash = excluded.hash, parent_hash = excluded.parent_hash,
                                                      timestamp = excluded.timestamp",
        Value::Array(rows)
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM chain.blocks b WHERE b.chain_id = $1 AND b.number < $2
           AND NOT EXISTS (SELECT FROM chain.logs l WHERE l.chain_id = b.chain_id AND l.block_number = b.number)",
        chain,
        finalized as i64
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Our contracts number their events, each by itself or by the record that an event changes: the next number continues
/// where the stored ones end, or a log is missing.
async fn check_sequences(tx: &mut PgConnection, chain: i64, logs: &[Log1<'_>]) -> Result<(), CommitError> {
    let mut streams: BTreeMap<(Address, &[u8]), Vec<u64>> = BTreeMap::new();
    for (log, _, decoded) in logs {
        if let Some(number) = &decoded.number {
            streams.entry((log.address(), &number.stream)).or_default().push(number.seq);
        }
    }
    let (contracts, records): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
        streams.keys().map(|(contract, stream)| (contract.to_vec(), stream.to_vec())).unzip();
    let stored = sqlx::query_scalar!(
        r#"SELECT coalesce((SELECT l.seq FROM chain.logs l
                            WHERE l.chain_id = $1 AND l.address = s.address AND l.stream = s.stream AND l.seq IS NOT NULL
                            ORDER BY l.seq DESC LIMIT 1), 0) AS "seq!"
           FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS s (address, stream, place) ORDER BY s.place"#,
        chain,
        &contracts,
        &records
    )
    .fetch_all(tx)
    .await?;
    for (((contract, stream), seqs), last) in streams.into_iter().zip(stored) {
        let mut last = last as u64;
        for next in seqs {
            if next != last + 1 {
                return Err(CommitError::Gap { contract, stream: stream.to_vec(), last, next });
            }
            last = next;
        }
    }
    Ok(())
}

/// Claims and credits carry running totals instead of numbers.
async fn check_totals(tx: &mut PgConnection, chain: i64, from: u64) -> Result<(), CommitError> {
    let gap = sqlx::query_scalar!("SELECT chain.first_gap($1, $2)", chain, from as i64).fetch_one(tx).await?;
    gap.map_or(Ok(()), |gap| Err(CommitError::Missing(gap)))
}

async fn store_logs(tx: &mut PgConnection, chain: i64, logs: &[Log1<'_>]) -> Result<(), CommitError> {
    let Some((_, last, _)) = logs.last() else { return Ok(()) };
    let blocks: Vec<i64> = logs.iter().map(|(_, place, _)| place.block as i64).chain([last.block as i64]).collect();
    sqlx::query!(
        "SELECT chain.ensure_partition(block) FROM (SELECT DISTINCT block / 1000000 * 1000000 AS block
                                                    FROM unnest($1::bigint[]) b (block)) wide",
        &blocks
    )
    .execute(&mut *tx)
    .await?;
    let rows: Vec<Value> = logs
        .iter()
        .map(|(log, place, decoded)| {
            json!({
                "chain_id": chain, "block_number": place.block, "log_index": place.index,
                "block_hash": hex_bytes(log.block_hash.unwrap_or_default().as_slice()),
                "tx_hash": hex_bytes(place.tx_hash.as_slice()), "tx_index": log.transaction_index.unwrap_or_default(),
                "address": hex_bytes(log.address().as_slice()),
                "topics": log.topics().iter().map(|topic| hex_bytes(topic.as_slice())).collect::<Vec<_>>(),
                "data": hex_bytes(&log.data().data), "seq": decoded.number.as_ref().map(|number| number.seq),
                "stream": hex_bytes(decoded.number.as_ref().map_or(&[], |number| &number.stream)),
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO chain.logs SELECT * FROM jsonb_populate_recordset(NULL::chain.logs, $1)",
        Value::Array(rows)
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn project(
    tx: &mut PgConnection,
    chain: i64,
    logs: &[Log1<'_>],
    touched: &mut BTreeSet<i64>,
) -> Result<(), CommitError> {
    let mut tables: BTreeMap<Table, Vec<Value>> = BTreeMap::new();
    let mut events = Vec::new();
    for (_, _, decoded) in logs {
        for (table, row) in &decoded.rows {
            tables.entry(*table).or_default().push(row.clone());
        }
        touched.extend(decoded.asset.map(|asset| asset as i64));
        events.extend(decoded.event.clone());
    }
    for (table, rows) in tables {
        sqlx::query(table.insert()).bind(Value::Array(rows)).execute(&mut *tx).await?;
    }
    if !touched.is_empty() {
        let ids: Vec<i64> = touched.iter().copied().collect();
        sqlx::query!("SELECT chain.refresh_assets($1, $2)", chain, &ids).execute(&mut *tx).await?;
    }
    outbox::emit(tx, &events).await?;
    Ok(())
}

/// Income that became final is ready to be distributed.
async fn tell_finalized(tx: &mut PgConnection, chain: i64, before: u64, now: u64) -> Result<(), CommitError> {
    let ready = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM chain.incomes
                          WHERE chain_id = $1 AND block_number > $2 AND block_number <= $3) AS "ready!""#,
        chain,
        before as i64,
        now as i64
    )
    .fetch_one(&mut *tx)
    .await?;
    if ready {
        let event = NewEvent::new("income.finalized", chain.to_string(), json!({"through": now}));
        outbox::emit(tx, &[event]).await?;
    }
    Ok(())
}
