//! What was read of tables, as the database counts it.

use std::ops::Sub;

use anyhow::Result;
use sqlx::PgConnection;

/// What a connection has read of a table. What was read meanwhile is the difference of two readings in one transaction.
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

impl Sub for Reads {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { scans: self.scans - before.scans, rows: self.rows - before.rows }
    }
}
