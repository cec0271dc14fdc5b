//! What a transaction has read, as the database counts it.

use anyhow::Result;
use sqlx::PgConnection;

/// What this transaction has read of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// How often it began to read the table from end to end.
    pub scans: i64,
    /// How many rows it fetched, pieces of long values included.
    pub rows: i64,
}

impl Reads {
    pub async fn of(tx: &mut PgConnection, table: &str) -> Result<Self> {
        let (scans, rows) = sqlx::query_as(
            "SELECT coalesce(sum(s.seq_scan), 0)::bigint, coalesce(sum(s.seq_tup_read + coalesce(s.idx_tup_fetch, 0)), 0)::bigint
             FROM pg_class c JOIN pg_stat_xact_all_tables s ON s.relid IN (c.oid, c.reltoastrelid) WHERE c.oid = $1::text::regclass",
        )
        .bind(table)
        .fetch_one(tx)
        .await?;
        Ok(Self { scans, rows })
    }
}
