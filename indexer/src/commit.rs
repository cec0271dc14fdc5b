//! One database transaction per commit: raw logs, block hashes, projections, outbox and cursor are stored together, or nothing
//! is.
//!
//! Statements here name projections without a schema: [`enter`] puts the chain's present generation first in the search path, so
//! that rows go straight into its partition, and a rebuild can use the same functions for the next one.

use std::collections::BTreeSet;

use ::facts::{Backfilled, ChainId, Fact, Hash, IncomeFinalized, NewFact, Reorganised};
use alloy::primitives::Address;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use store::{
    StoreError,
    facts::{self, outbox},
};

use crate::{
    batch::Batch,
    decode,
    heads::{self, Heads},
    leader::Leader,
    row::{COPY_HEADER, COPY_TRAILER, FEW, Rows, Table, json_of},
    source::{Block, BlockId, Head, Proof},
};

/// The place of the mirror on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The newest block it holds.
    pub block: BlockId,
    pub safe: u64,
    pub finalized: u64,
    /// The epoch of the leader that may move it.
    pub epoch: i64,
    /// The generation of the projections that are attached.
    pub generation: i64,
    /// The version of the decoder that made them.
    pub version: i32,
    /// Whether a backfill is under way.
    pub in_bulk: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("another leader took over, or an operator moved the cursor")]
    Overtaken,
    #[error("the chain moved while it was read; reading again")]
    Moved,
    #[error(
        "contract {contract}{} skipped from event {last} to {next}: the node's answer lacks logs",
        of_record(stream)
    )]
    Gap {
        contract: Address,
        stream: Vec<u8>,
        last: u64,
        next: u64,
        /// The first block of the range in which it appeared.
        from: u64,
    },
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

/// Returns the stored cursor, and the reason why the mirror halted, if it did.
///
/// # Errors
/// When the database fails.
pub async fn load(conn: &mut PgConnection, chain_id: ChainId) -> Result<Option<(Cursor, Option<String>)>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT block_number, block_hash AS "block_hash: Hash", finalized_number, safe_number, epoch, halted, generation,
                  projection_version, in_bulk
           FROM chain.cursors WHERE chain_id = $1"#,
        chain_id.get()
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let cursor = Cursor {
            block: BlockId { number: row.block_number as u64, hash: row.block_hash.0 },
            safe: row.safe_number as u64,
            finalized: row.finalized_number as u64,
            epoch: row.epoch,
            generation: row.generation,
            version: row.projection_version,
            in_bulk: row.in_bulk,
        };
        Ok((cursor, row.halted))
    })
    .transpose()
}

/// Begins the mirror of a chain just before the first block that matters.
///
/// # Errors
/// When the database fails.
pub async fn begin(leader: &mut Leader, chain_id: ChainId, block: &Block, in_bulk: bool) -> Result<(), StoreError> {
    let chain = chain_id.get();
    let mut tx = leader.conn.begin().await?;
    let begun = sqlx::query!(
        "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number, epoch,
                                    projection_version, in_bulk)
         VALUES ($1, $2, $3, 0, 0, $2, $4, $5, $6) ON CONFLICT DO NOTHING",
        chain,
        block.number as i64,
        Hash(block.hash) as _,
        leader.epoch,
        decode::VERSION,
        in_bulk
    )
    .execute(&mut *tx)
    .await?;
    if begun.rows_affected() == 1 {
        // This is where the chain begins for us, so everything above may be replaced.
        sqlx::query!(
            "INSERT INTO chain.blocks (chain_id, number, hash, parent_hash, timestamp) VALUES ($1, $2, $3, $4, to_timestamp($5))",
            chain,
            block.number as i64,
            Hash(block.hash) as _,
            Hash(block.parent_hash) as _,
            block.timestamp as f64
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query("SELECT chain.create_generation($1, 1, $2)").bind(chain).bind(!in_bulk).execute(&mut *tx).await?;
        let rest = if in_bulk {
            "SELECT chain.create_bulk_log($1, 1)"
        } else {
            "SELECT chain.create_log($1), chain.attach_generation($1, 1), chain.index_generation($1, 1, NULL)"
        };
        sqlx::query(rest).bind(chain).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Stops the mirror until an operator resumes it. Reads go on.
///
/// # Errors
/// When the database fails.
pub async fn halt(leader: &mut Leader, chain_id: ChainId, reason: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE chain.cursors SET halted = $2, updated_at = now() WHERE chain_id = $1 AND epoch = $3",
        chain_id.get(),
        reason,
        leader.epoch
    )
    .execute(&mut leader.conn)
    .await?;
    Ok(())
}

/// Lets a halted mirror try again.
///
/// # Errors
/// When the database fails.
pub async fn clear_halt(conn: &mut PgConnection, chain_id: ChainId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE chain.cursors SET halted = NULL, updated_at = now() WHERE chain_id = $1", chain_id.get())
        .execute(conn)
        .await?;
    Ok(())
}

/// Returns a block with its stored hash, if it is kept.
///
/// # Errors
/// When the database fails.
pub async fn stored_hash(
    conn: &mut PgConnection,
    chain_id: ChainId,
    number: u64,
) -> Result<Option<BlockId>, StoreError> {
    let hash = sqlx::query_scalar!(
        r#"SELECT hash AS "hash: Hash" FROM chain.blocks WHERE chain_id = $1 AND number = $2"#,
        chain_id.get(),
        number as i64
    )
    .fetch_optional(conn)
    .await?;
    Ok(hash.map(|hash| BlockId { number, hash: hash.0 }))
}

/// Returns the kept blocks of a span, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn kept(conn: &mut PgConnection, chain_id: ChainId, from: u64, to: u64) -> Result<Vec<BlockId>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT number, hash AS "hash: Hash" FROM chain.blocks
           WHERE chain_id = $1 AND number BETWEEN $2 AND $3 ORDER BY number"#,
        chain_id.get(),
        from as i64,
        to as i64
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok(BlockId { number: row.number as u64, hash: row.hash.0 })).collect()
}

/// Makes statements use a generation of the projections for the rest of the transaction.
///
/// # Errors
/// When the database fails.
pub async fn enter(tx: &mut PgConnection, chain_id: ChainId, generation: i64) -> Result<(), StoreError> {
    sqlx::query("SELECT set_config('search_path', format('chain_%s_%s, chain, public', $1::bigint, $2::bigint), true)")
        .bind(chain_id.get())
        .bind(generation)
        .execute(tx)
        .await?;
    Ok(())
}

/// Commits verified batches, each on top of the one before, and the first on top of `ancestor`. If `ancestor` is below the
/// cursor, this is a reorganisation: what the mirror held above it is removed, and the outbox is told.
///
/// # Errors
/// When the batches do not follow each other, when an event is missing, when another leader has moved the cursor, or when the
/// database fails.
pub async fn commit(
    leader: &mut Leader,
    chain_id: ChainId,
    cursor: &Cursor,
    ancestor: BlockId,
    batches: &[Batch],
    head: &Head,
) -> Result<Cursor, CommitError> {
    let mut place = ancestor;
    for batch in batches {
        if batch.from != place.number + 1 || batch.parent != place.hash {
            return Err(CommitError::Moved);
        }
        place = batch.to;
    }
    let chain = chain_id.get();
    let reorganised = ancestor.number < cursor.block.number;
    let Leader { conn, heads, .. } = leader;
    let mut tx = conn.begin().await?;
    let (safe, finalized) = marks(&mut tx, chain_id, cursor, head, place.number, batches).await?;
    let generation = sqlx::query_scalar!(
        "UPDATE chain.cursors SET block_number = $5, block_hash = $6, finalized_number = $7,
                safe_number = $8, head_number = $9, updated_at = now(),
                reorganisations = reorganisations + $10
         WHERE chain_id = $1 AND block_number = $2 AND block_hash = $3 AND epoch = $4 AND halted IS NULL
         RETURNING generation",
        chain,
        cursor.block.number as i64,
        Hash(cursor.block.hash) as _,
        cursor.epoch,
        place.number as i64,
        Hash(place.hash) as _,
        finalized as i64,
        safe as i64,
        head.head.number.max(place.number) as i64,
        i64::from(reorganised)
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(CommitError::Overtaken)?;
    enter(&mut tx, chain_id, generation).await?;
    let mut touched: BTreeSet<i64> = batches.iter().flat_map(|batch| batch.touched.iter().copied()).collect();
    if reorganised {
        touched.extend(retract(&mut tx, chain_id, ancestor.number).await?);
    }
    make_partitions(&mut tx, chain_id, batches, cursor.in_bulk.then_some(generation)).await?;
    if cursor.in_bulk {
        let known = match heads.as_mut() {
            Some(known) => known,
            None => heads.insert(Heads::load(&mut tx, chain).await?),
        };
        if let Some(error) = batches.iter().find_map(|batch| known.advance(batch).err()) {
            // They are only partly advanced, so they are read anew.
            *heads = None;
            return Err(error);
        }
    } else {
        heads::check(&mut tx, chain, batches).await?;
    }
    store_rows(&mut tx, Table::ALL, batches).await?;
    if !cursor.in_bulk {
        refresh(&mut tx, chain_id, &touched.into_iter().collect::<Vec<_>>()).await?;
        check_totals(&mut tx, chain_id, batches).await?;
        forget_blocks(&mut tx, chain_id, cursor.finalized, finalized).await?;
        for batch in batches {
            facts::tell(&mut tx, &batch.facts).await?;
        }
        if finalized > cursor.finalized {
            tell_finalized(&mut tx, chain_id, cursor.finalized, finalized).await?;
        }
    }
    if let Err(error) = tx.commit().await {
        // It is unknown whether the commit was stored, so what is held in memory is read anew.
        leader.heads = None;
        return Err(error.into());
    }
    Ok(Cursor { block: place, safe, finalized, generation, ..*cursor })
}

/// Returns up to which blocks the mirror is safe and final at a height. What is final stays final, but what is safe may have to
/// be taken back. A mirror on another branch than the one that most endpoints call final does not call its own blocks final.
/// Only a block whose hash they gave is final.
async fn marks(
    conn: &mut PgConnection,
    chain_id: ChainId,
    cursor: &Cursor,
    head: &Head,
    height: u64,
    batches: &[Batch],
) -> Result<(u64, u64), StoreError> {
    let mut finalized = cursor.finalized.max(head.finalized.min(height));
    if finalized > cursor.finalized {
        let is_final = match head.proof {
            Proof::Word => true,
            Proof::Hash(agreed) if finalized == head.finalized => {
                let held = match batches.iter().find_map(|batch| batch.blocks.get(&finalized)) {
                    Some(hash) => Some(*hash),
                    None => stored_hash(conn, chain_id, finalized).await?.map(|block| block.hash),
                };
                held == Some(agreed)
            }
            _ => batches.last().is_some_and(|batch| batch.agreed && batch.to.number == finalized),
        };
        if !is_final {
            finalized = cursor.finalized;
        }
    }
    Ok((head.safe.min(height).max(finalized), finalized))
}

/// Moves only the marks of finality, if they have changed while no new block came.
///
/// # Errors
/// When another leader has moved the cursor, when the mirror is halted, or when the database fails.
pub async fn settle(leader: &mut Leader, chain_id: ChainId, cursor: &Cursor, head: &Head) -> Result<(), CommitError> {
    let (safe, finalized) = marks(&mut leader.conn, chain_id, cursor, head, cursor.block.number, &[]).await?;
    if (safe, finalized) == (cursor.safe, cursor.finalized) {
        return Ok(());
    }
    let chain = chain_id.get();
    let mut tx = leader.conn.begin().await?;
    let moved = sqlx::query!(
        "UPDATE chain.cursors SET finalized_number = $5, safe_number = $6, head_number = $7, updated_at = now()
         WHERE chain_id = $1 AND block_number = $2 AND block_hash = $3 AND epoch = $4 AND halted IS NULL",
        chain,
        cursor.block.number as i64,
        Hash(cursor.block.hash) as _,
        cursor.epoch,
        finalized as i64,
        safe as i64,
        head.head.number.max(cursor.block.number) as i64
    )
    .execute(&mut *tx)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(CommitError::Overtaken);
    }
    forget_blocks(&mut tx, chain_id, cursor.finalized, finalized).await?;
    if finalized > cursor.finalized {
        tell_finalized(&mut tx, chain_id, cursor.finalized, finalized).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Ends a backfill: makes the keys, the indexes and the state of all assets, and tells the outbox once. The rows become
/// visible only now.
///
/// # Errors
/// When another leader has moved the cursor, when the mirror is halted, or when the database fails.
pub async fn end_bulk(leader: &mut Leader, db: &PgPool, chain_id: ChainId, cursor: &Cursor) -> Result<(), CommitError> {
    let chain = chain_id.get();
    let mut tx = leader.conn.begin().await?;
    let generation = sqlx::query_scalar!(
        "UPDATE chain.cursors SET in_bulk = false, updated_at = now()
         WHERE chain_id = $1 AND block_number = $2 AND block_hash = $3 AND epoch = $4 AND halted IS NULL AND in_bulk
         RETURNING generation",
        chain,
        cursor.block.number as i64,
        Hash(cursor.block.hash) as _,
        cursor.epoch
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(CommitError::Overtaken)?;
    enter(&mut tx, chain_id, generation).await?;
    // Indexes that are built on other connections may stay when the rest fails.
    let beside = async {
        let mut conn = db.acquire().await?;
        sqlx::query("SELECT chain.index_bulk_log($1, $2)").bind(chain).bind(generation).execute(&mut *conn).await?;
        index(&mut conn, chain, generation, Some(true)).await
    };
    futures::try_join!(beside, complete(&mut tx, chain_id, generation, Some(false)))?;
    sqlx::query("SELECT chain.attach_bulk_log($1, $2), chain.attach_generation($1, $2)")
        .bind(chain)
        .bind(generation)
        .execute(&mut *tx)
        .await?;
    forget_blocks(&mut tx, chain_id, 0, cursor.finalized).await?;
    let told = Fact::ChainBackfilled(Backfilled { through: cursor.block.number });
    facts::tell_one(&mut tx, NewFact::about_chain(chain_id, told)).await?;
    tell_finalized(&mut tx, chain_id, 0, cursor.finalized).await?;
    tx.commit().await?;
    leader.heads = None;
    Ok(())
}

/// Gives a generation that was filled in bulk its keys, its indexes and its computed state. `which` selects only those of the
/// raw log or only the others.
///
/// # Errors
/// When the database fails.
pub async fn complete(
    tx: &mut PgConnection,
    chain_id: ChainId,
    generation: i64,
    which: Option<bool>,
) -> Result<(), StoreError> {
    let chain = chain_id.get();
    index(tx, chain, generation, which).await?;
    let every: Vec<i64> = sqlx::query_scalar("SELECT asset_id FROM registrations WHERE chain_id = $1")
        .bind(chain)
        .fetch_all(&mut *tx)
        .await?;
    refresh(tx, chain_id, &every).await?;
    Ok(())
}

async fn index(conn: &mut PgConnection, chain: i64, generation: i64, which: Option<bool>) -> Result<(), StoreError> {
    for step in ["SELECT chain.index_generation($1, $2, $3)", "SELECT chain.analyze_generation($1, $2, $3)"] {
        sqlx::query(step).bind(chain).bind(generation).bind(which).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Computes the state of assets from the event tables.
///
/// # Errors
/// When the database fails.
pub async fn refresh(tx: &mut PgConnection, chain: ChainId, assets: &[i64]) -> Result<(), StoreError> {
    if !assets.is_empty() {
        sqlx::query("SELECT chain.refresh_assets($1, $2)").bind(chain.get()).bind(assets).execute(tx).await?;
    }
    Ok(())
}

/// Stores the rows of batches, with one statement per table.
///
/// # Errors
/// When the database fails.
pub async fn store_rows(tx: &mut PgConnection, tables: &[Table], batches: &[Batch]) -> Result<(), StoreError> {
    for table in tables {
        let filled: Vec<&Rows> = batches.iter().filter_map(|batch| batch.rows.get(*table)).collect();
        let Some(first) = filled.first() else { continue };
        if filled.iter().map(|rows| rows.count).sum::<usize>() <= FEW {
            let name = table.name();
            let statement = format!("INSERT INTO {name} SELECT * FROM jsonb_populate_recordset(NULL::{name}, $1)");
            let few: Value = filled.iter().flat_map(|rows| rows.few.iter().map(json_of)).collect();
            sqlx::query(AssertSqlSafe(statement)).bind(few).execute(&mut *tx).await?;
            continue;
        }
        let statement = format!("COPY {} ({}) FROM STDIN BINARY", table.name(), first.columns.join(", "));
        let mut copy = tx.copy_in_raw(&statement).await?;
        copy.send(COPY_HEADER).await?;
        for rows in filled {
            copy.send(rows.tuples.as_slice()).await?;
        }
        copy.send(COPY_TRAILER).await?;
        copy.finish().await?;
    }
    Ok(())
}

async fn make_partitions(
    tx: &mut PgConnection,
    chain: ChainId,
    batches: &[Batch],
    bulk_generation: Option<i64>,
) -> Result<(), StoreError> {
    let needed: BTreeSet<i64> =
        batches.iter().flat_map(|batch| batch.partitions.iter().map(|block| *block as i64)).collect();
    if !needed.is_empty() {
        sqlx::query("SELECT chain.ensure_partition($1, block, $3) FROM unnest($2::bigint[]) b (block)")
            .bind(chain.get())
            .bind(needed.into_iter().collect::<Vec<_>>())
            .bind(bulk_generation)
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// Removes what the mirror held above a block and returns the assets whose state must be computed again.
///
/// # Errors
/// When the database fails.
pub async fn retract(tx: &mut PgConnection, chain: ChainId, above: u64) -> Result<Vec<i64>, StoreError> {
    let assets: Vec<i64> = sqlx::query_scalar(
        "SELECT asset_id FROM registrations WHERE chain_id = $1 AND block_number > $2
         UNION SELECT asset_id FROM transfers WHERE chain_id = $1 AND block_number > $2
         UNION SELECT asset_id FROM cid_updates WHERE chain_id = $1 AND block_number > $2
         UNION SELECT asset_id FROM royalty_changes WHERE chain_id = $1 AND block_number > $2
         UNION SELECT asset_id FROM fills WHERE chain_id = $1 AND block_number > $2
         UNION SELECT asset_id FROM incomes WHERE chain_id = $1 AND block_number > $2",
    )
    .bind(chain.get())
    .bind(above as i64)
    .fetch_all(&mut *tx)
    .await?;
    for table in Table::ALL {
        sqlx::query(AssertSqlSafe(table.retract())).bind(chain.get()).bind(above as i64).execute(&mut *tx).await?;
    }
    let told = Fact::ChainReorganised(Reorganised { above });
    facts::tell_one(tx, NewFact::about_chain(chain, told)).await?;
    outbox::retract(tx, chain, above).await?;
    Ok(assets)
}

/// Deletes blocks without logs that have become final. Blocks above the finalized one are kept, and blocks with logs are
/// kept for ever.
async fn forget_blocks(tx: &mut PgConnection, chain: ChainId, before: u64, finalized: u64) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM chain.blocks b WHERE b.chain_id = $1 AND b.number >= $2 AND b.number < $3
           AND NOT EXISTS (SELECT FROM chain.logs l WHERE l.chain_id = $1 AND l.block_number = b.number)",
        chain.get(),
        before as i64,
        finalized as i64
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Checks that no claim or credit is missing. They carry running totals instead of numbers.
async fn check_totals(tx: &mut PgConnection, chain: ChainId, batches: &[Batch]) -> Result<(), CommitError> {
    let Some(first) = batches.iter().find(|batch| !batch.totals.is_empty()) else { return Ok(()) };
    let gap: Option<String> = sqlx::query_scalar("SELECT chain.first_gap($1, $2)")
        .bind(chain.get())
        .bind(first.from as i64)
        .fetch_one(tx)
        .await?;
    gap.map_or(Ok(()), |gap| Err(CommitError::Missing(gap)))
}

/// Tells that income became final, if any did. It is then ready to be distributed.
async fn tell_finalized(tx: &mut PgConnection, chain: ChainId, before: u64, now: u64) -> Result<(), StoreError> {
    let ready = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM chain.incomes
                          WHERE chain_id = $1 AND block_number > $2 AND block_number <= $3) AS "ready!""#,
        chain.get(),
        before as i64,
        now as i64
    )
    .fetch_one(&mut *tx)
    .await?;
    if ready {
        let told = Fact::IncomeFinalized(IncomeFinalized { through: now });
        facts::tell_one(tx, NewFact::about_chain(chain, told)).await?;
    }
    Ok(())
}

/// Takes back everything above a block, even what is final, as an operator decided after a halt.
///
/// # Errors
/// When the chain has no mirror, or the database fails.
pub async fn rewind(db: &PgPool, chain_id: ChainId, to: BlockId) -> Result<(), StoreError> {
    let chain = chain_id.get();
    let mut tx = db.begin().await?;
    // What a rebuild considers final must stay.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('rebuild of chain ' || $1::bigint, 0))")
        .bind(chain)
        .execute(&mut *tx)
        .await?;
    let rewound = sqlx::query!(
        "UPDATE chain.cursors SET block_number = $2, block_hash = $3, finalized_number = least(finalized_number, $2),
                safe_number = least(safe_number, $2), halted = NULL, epoch = epoch + 1, reorganisations = reorganisations + 1,
                rewinds = rewinds + 1, updated_at = now()
         WHERE chain_id = $1 RETURNING generation, in_bulk",
        chain,
        to.number as i64,
        Hash(to.hash) as _
    )
    .fetch_one(&mut *tx)
    .await?;
    enter(&mut tx, chain_id, rewound.generation).await?;
    let assets = retract(&mut tx, chain_id, to.number).await?;
    if !rewound.in_bulk {
        refresh(&mut tx, chain_id, &assets).await?;
    }
    tx.commit().await?;
    Ok(())
}
