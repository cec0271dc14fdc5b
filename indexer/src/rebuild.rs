//! Makes projections anew from the raw log, without asking the chain, while the present ones are read and the mirror goes on.
//!
//! What is final is decoded into the next generation first. Then, in one transaction that holds the cursor, the rest is added, both
//! generations are compared row by row and byte by byte, and the new one takes the place of the old.

use std::{collections::BTreeMap, time::Duration};

use alloy::primitives::{Address, B256, Bytes};
use facts::{Account, Hash};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use store::{StoreError, deployments::Deployment};

use crate::{
    batch::Batch,
    commit,
    decode::{self, Decoder},
    row::Table,
    source::Log,
};

/// Logs to a step.
const PAGE: i64 = 20_000;

#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no mirror of chain {0} to rebuild")]
    NoMirror(u64),
    #[error("a backfill of chain {0} is under way: rebuild when it is done")]
    Backfill(u64),
    #[error(
        "the rebuilt projections differ from the present ones ({0}), so they were not swapped. When the present ones are \
         known to be wrong, say --accept"
    )]
    Differs(String),
    #[error("another rebuild of chain {0} is running")]
    Busy(u64),
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a rebuild did.
#[derive(Debug)]
pub struct Rebuilt {
    pub logs: u64,
    pub rows: u64,
    /// Rows by projection that only one generation has, or that differ.
    pub differing: BTreeMap<&'static str, i64>,
    pub generation: i64,
}

/// Rebuilds a chain's projections. `progress` is called with the number of decoded logs and of all logs. If the rows differ
/// from the present ones, nothing is swapped unless `accept` is set.
///
/// # Errors
/// When the chain has no mirror, when a backfill or another rebuild of it is running, when rows differ and `accept` is not set,
/// or when the database fails.
pub async fn rebuild(
    db: &PgPool,
    deployment: Deployment,
    accept: bool,
    progress: impl Fn(u64, u64),
) -> Result<Rebuilt, RebuildError> {
    let chain_id = deployment.chain_id;
    let chain = chain_id.get();
    let options = db.connect_options();
    let mut writer = PgConnection::connect_with(&options).await?;
    let mut reader = PgConnection::connect_with(&options).await?;
    let alone = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_lock(hashtextextended('rebuild of chain ' || $1::bigint, 0)) AS "alone!""#,
        chain
    )
    .fetch_one(&mut writer)
    .await?;
    if !alone {
        return Err(RebuildError::Busy(chain_id.0));
    }
    let (cursor, _) = commit::load(&mut writer, chain_id).await?.ok_or(RebuildError::NoMirror(chain_id.0))?;
    if cursor.in_bulk {
        return Err(RebuildError::Backfill(chain_id.0));
    }
    let generation = cursor.generation + 1;
    // A rebuild that was killed may have left its tables.
    sqlx::query(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS chain_{chain}_{generation} CASCADE")))
        .execute(&mut writer)
        .await?;
    sqlx::query("SELECT chain.create_generation($1, $2, false)")
        .bind(chain)
        .bind(generation)
        .execute(&mut writer)
        .await?;

    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM chain.logs WHERE chain_id = $1 AND block_number <= $2"#,
        chain,
        cursor.finalized as i64
    )
    .fetch_one(&mut writer)
    .await? as u64;
    let decoder = Decoder::new(deployment);
    let mut rebuilt = Rebuilt { logs: 0, rows: 0, differing: BTreeMap::new(), generation };
    let mut last: Option<Log> = None;
    let mut page = read_page(&mut reader, chain, (0, -1), cursor.finalized).await?;
    while let Some((newest, _)) = page.last() {
        let newest = newest.clone();
        let batch = Batch::of_stored(&decoder, last.as_ref(), &page);
        let place = (newest.block as i64, newest.index as i32);
        // The next page is read while this one is stored.
        let stored = async {
            let mut tx = writer.begin().await?;
            commit::enter(&mut tx, chain_id, generation).await?;
            commit::store_rows(&mut tx, Table::projections(), std::slice::from_ref(&batch)).await?;
            tx.commit().await?;
            Ok::<_, RebuildError>(())
        };
        let (stored, next) = futures::join!(stored, read_page(&mut reader, chain, place, cursor.finalized));
        stored?;
        rebuilt.logs += batch.logs as u64;
        rebuilt.rows += batch.rows.count() as u64;
        progress(rebuilt.logs, total);
        last = Some(newest);
        page = next?;
    }
    let mut tx = writer.begin().await?;
    commit::enter(&mut tx, chain_id, generation).await?;
    commit::complete(&mut tx, chain_id, generation, None).await?;
    tx.commit().await?;
    compare(&mut writer, chain, cursor.generation, generation, (0, cursor.finalized), &mut rebuilt).await?;

    // Readers that hold the tables are waited for, but not so long that all others have to queue.
    for attempt in 1.. {
        match swap(&mut writer, &mut reader, &decoder, cursor, last.as_ref(), accept, &mut rebuilt).await {
            Err(RebuildError::Store(StoreError::Database(error))) if attempt < 20 && is_lock_timeout(&error) => {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Err(error) => {
                sqlx::query(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS chain_{chain}_{generation} CASCADE")))
                    .execute(&mut writer)
                    .await?;
                return Err(error);
            }
            Ok(()) => break,
        }
    }
    Ok(rebuilt)
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03")
}

/// Adds what is not final, compares, and swaps, in one transaction that holds the cursor, so that the mirror waits meanwhile.
async fn swap(
    writer: &mut PgConnection,
    reader: &mut PgConnection,
    decoder: &Decoder,
    begun: commit::Cursor,
    last: Option<&Log>,
    accept: bool,
    rebuilt: &mut Rebuilt,
) -> Result<(), RebuildError> {
    let chain_id = decoder.deployment.chain_id;
    let chain = chain_id.get();
    let (old, new) = (begun.generation, rebuilt.generation);
    let mut tx = writer.begin().await?;
    sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut *tx).await?;
    let head = sqlx::query_scalar!(
        "SELECT block_number FROM chain.cursors WHERE chain_id = $1 AND generation = $2 FOR UPDATE",
        chain,
        old
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(RebuildError::Busy(chain_id.0))?;
    commit::enter(&mut tx, chain_id, new).await?;
    let mut place = (begun.finalized as i64, i32::MAX);
    let mut last = last.cloned();
    let (mut logs, mut rows) = (0, 0);
    loop {
        let page = read_page(reader, chain, place, head as u64).await?;
        let Some((newest, _)) = page.last() else { break };
        let newest = newest.clone();
        let batch = Batch::of_stored(decoder, last.as_ref(), &page);
        commit::store_rows(&mut tx, Table::projections(), std::slice::from_ref(&batch)).await?;
        commit::refresh(&mut tx, chain_id, &batch.touched.iter().copied().collect::<Vec<_>>()).await?;
        place = (newest.block as i64, newest.index as i32);
        last = Some(newest);
        logs += batch.logs as u64;
        rows += batch.rows.count() as u64;
    }
    let mut compared = Rebuilt { logs: 0, rows: 0, differing: rebuilt.differing.clone(), generation: new };
    compare(&mut tx, chain, old, new, (begun.finalized + 1, head as u64), &mut compared).await?;
    for computed in ["assets", "asset_parents"] {
        count_differing(&mut tx, chain, old, new, computed, None, &mut compared).await?;
    }
    if !compared.differing.is_empty() && !accept {
        let told: Vec<String> =
            compared.differing.iter().map(|(table, rows)| format!("{rows} rows of {table}")).collect();
        return Err(RebuildError::Differs(told.join(", ")));
    }
    sqlx::query("SELECT chain.detach_generation($1, $2)").bind(chain).bind(old).execute(&mut *tx).await?;
    sqlx::query("SELECT chain.attach_generation($1, $2)").bind(chain).bind(new).execute(&mut *tx).await?;
    sqlx::query!(
        "UPDATE chain.cursors SET generation = $2, projection_version = $3 WHERE chain_id = $1",
        chain,
        new,
        decode::VERSION
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query(AssertSqlSafe(format!("DROP SCHEMA chain_{chain}_{old} CASCADE"))).execute(&mut *tx).await?;
    tx.commit().await?;
    *rebuilt = Rebuilt { logs: rebuilt.logs + logs, rows: rebuilt.rows + rows, ..compared };
    Ok(())
}

/// Counts the rows of a span of blocks whose bytes differ between the generations.
async fn compare(
    conn: &mut PgConnection,
    chain: i64,
    old: i64,
    new: i64,
    span: (u64, u64),
    rebuilt: &mut Rebuilt,
) -> Result<(), RebuildError> {
    for table in Table::projections() {
        count_differing(conn, chain, old, new, table.name(), Some(span), rebuilt).await?;
    }
    Ok(())
}

async fn count_differing(
    conn: &mut PgConnection,
    chain: i64,
    old: i64,
    new: i64,
    table: &'static str,
    span: Option<(u64, u64)>,
    rebuilt: &mut Rebuilt,
) -> Result<(), RebuildError> {
    let key = match table {
        "assets" => "chain_id, asset_id",
        "asset_parents" => "chain_id, asset_id, parent_id",
        "cancelled_nonces" => "chain_id, block_number, log_index, nonce",
        _ => "chain_id, block_number, log_index",
    };
    let within = match span {
        Some((from, to)) => format!("WHERE block_number BETWEEN {from} AND {to}"),
        None => String::new(),
    };
    // `*<>` compares the stored bytes.
    let differing: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT count(*) FROM (SELECT * FROM chain_{chain}_{old}.{table} {within}) a
         FULL JOIN (SELECT * FROM chain_{chain}_{new}.{table} {within}) b USING ({key})
         WHERE a.chain_id IS NULL OR b.chain_id IS NULL OR a *<> b"
    )))
    .fetch_one(conn)
    .await?;
    if differing > 0 {
        *rebuilt.differing.entry(table).or_default() += differing;
    }
    Ok(())
}

/// Returns the logs after a place, up to and including a block, each with the time of its block.
async fn read_page(
    conn: &mut PgConnection,
    chain: i64,
    after: (i64, i32),
    through: u64,
) -> Result<Vec<(Log, u64)>, RebuildError> {
    let rows = sqlx::query!(
        r#"SELECT l.block_number, l.log_index, l.block_hash AS "block_hash: Hash", l.tx_hash AS "tx_hash: Hash", l.tx_index,
                  l.address AS "address: Account", l.topics AS "topics: Vec<Hash>", l.data, extract(epoch FROM b.timestamp)::bigint AS "time!"
           FROM (SELECT * FROM chain.logs
                 WHERE chain_id = $1 AND block_number BETWEEN $2 AND $4 AND (block_number, log_index) > ($2, $3)
                 ORDER BY block_number, log_index LIMIT $5) l
           JOIN chain.blocks b ON b.chain_id = $1 AND b.number = l.block_number
           ORDER BY l.block_number, l.log_index"#,
        chain,
        after.0,
        after.1,
        through as i64,
        PAGE
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let topics: Vec<B256> = row.topics.into_iter().map(|topic| topic.0).collect();
            let log = Log {
                address: Address::from(row.address.0.into_array()),
                topics,
                data: Bytes::from(row.data),
                block: row.block_number as u64,
                block_hash: row.block_hash.0,
                tx_hash: row.tx_hash.0,
                tx_index: row.tx_index as u32,
                index: row.log_index as u32,
            };
            Ok((log, row.time as u64))
        })
        .collect()
}
