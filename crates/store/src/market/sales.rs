//! Sales, as the agents learn from them: final ones in the chain's own coin, in the order in which they happened.

use ::facts::{Account, ChainId, Units};
use alloy_primitives::{Address, U256};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use futures::TryStreamExt;
use sqlx::PgConnection;

use crate::StoreError;

/// A sale, and what was known of the asset before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sold {
    pub at: DateTime<Utc>,
    pub asset: i64,
    pub kind: String,
    pub registrant: Address,
    pub parents: Vec<i64>,
    pub seller: Address,
    pub buyer: Address,
    /// In base units of the chain's own coin.
    pub price: U256,
}

/// Returns the day (UTC) before which every sale is known and final, so that the history before it never changes. Returns
/// `None` before the first block, and during a backfill, whose rows are not visible yet.
///
/// # Errors
/// When the database fails.
pub async fn settled_day(conn: &mut PgConnection, chain_id: ChainId) -> Result<Option<NaiveDate>, StoreError> {
    // All sales before the oldest block that is not final are final.
    let time = sqlx::query_scalar!(
        r#"SELECT coalesce(
               (SELECT timestamp FROM chain.blocks b WHERE b.chain_id = $1 AND b.number > c.finalized_number
                ORDER BY number LIMIT 1),
               (SELECT timestamp FROM chain.blocks b WHERE b.chain_id = $1 AND b.number <= c.finalized_number
                ORDER BY number DESC LIMIT 1))
           FROM chain.cursors c WHERE c.chain_id = $1 AND NOT c.in_bulk"#,
        chain_id.get()
    )
    .fetch_optional(conn)
    .await?;
    Ok(time.flatten().map(|time| time.date_naive()))
}

/// Returns the sales from one day on and before another (UTC), which must be settled.
///
/// # Errors
/// When the database fails.
pub async fn between(
    conn: &mut PgConnection,
    chain_id: ChainId,
    from: Option<NaiveDate>,
    before: NaiveDate,
) -> Result<Vec<Sold>, StoreError> {
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let mut rows = sqlx::query!(
        r#"SELECT f.at, f.asset_id, a.kind, a.registrant AS "registrant: Account", a.parents,
                  CASE f.side WHEN 'SELL' THEN f.maker ELSE f.taker END AS "seller!: Account",
                  CASE f.side WHEN 'SELL' THEN f.taker ELSE f.maker END AS "buyer!: Account", f.price AS "price!: Units"
           FROM chain.fills f JOIN chain.assets a USING (chain_id, asset_id)
           WHERE f.chain_id = $1 AND f.currency = decode(repeat('00', 20), 'hex')
             AND f.at < $2 AND ($3::timestamptz IS NULL OR f.at >= $3)
           ORDER BY f.block_number, f.log_index"#,
        chain_id.get(),
        midnight(before),
        from.map(midnight)
    )
    .fetch(conn);
    let mut sales = Vec::new();
    while let Some(row) = rows.try_next().await? {
        sales.push(Sold {
            at: row.at,
            asset: row.asset_id,
            kind: row.kind,
            registrant: row.registrant.0,
            parents: row.parents,
            seller: row.seller.0,
            buyer: row.buyer.0,
            price: row.price.0.0,
        });
    }
    Ok(sales)
}
