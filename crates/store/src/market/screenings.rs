//! Orders as the risk agent screens them, and what it decided.

use ::facts::{Account, ChainId, Hash, Units};
use alloy_primitives::{Address, B256, U256};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::StoreError;

/// A stored order to sell, as it stands in the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub hash: B256,
    pub maker: Address,
    pub asset: u64,
    pub asset_epoch: u64,
    /// The zero address is the chain's own coin.
    pub currency: Address,
    /// The present price, in base units of the currency.
    pub price: U256,
    /// When the order was stored.
    pub signed: DateTime<Utc>,
    pub ends: DateTime<Utc>,
    /// `scheduled`, `open`, `filled`, `cancelled`, `stale` or `expired`.
    pub state: String,
    /// The owner of the asset, as mirrored.
    pub owner: Option<Address>,
    pub epoch: Option<u64>,
    pub frozen_until: Option<DateTime<Utc>>,
}

impl Offer {
    /// Tells whether the chain lets the order be filled, now or from its start on.
    pub fn can_be_filled(&self) -> bool {
        matches!(self.state.as_str(), "open" | "scheduled") && self.frozen_until.is_none_or(|until| until <= Utc::now())
    }
}

/// Returns an order to sell. Returns `None` when there is no such order, or when it is a bid.
///
/// # Errors
/// When the database fails.
pub async fn offer(conn: &mut PgConnection, chain_id: ChainId, hash: B256) -> Result<Option<Offer>, StoreError> {
    let hashes = [hash.to_vec()];
    Ok(select(conn, chain_id, Some(&hashes), None, None, 1).await?.pop())
}

/// Returns the newest orders to sell an asset, or of a maker, that can be filled now or later. At most `limit` orders are
/// read.
///
/// # Errors
/// When the database fails.
pub async fn open_offers(
    conn: &mut PgConnection,
    chain_id: ChainId,
    asset: Option<u64>,
    maker: Option<Address>,
    limit: i64,
) -> Result<Vec<Offer>, StoreError> {
    let mut offers = select(conn, chain_id, None, asset, maker, limit).await?;
    offers.retain(Offer::can_be_filled);
    Ok(offers)
}

async fn select(
    conn: &mut PgConnection,
    chain_id: ChainId,
    hashes: Option<&[Vec<u8>]>,
    asset: Option<u64>,
    maker: Option<Address>,
    limit: i64,
) -> Result<Vec<Offer>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT o.hash AS "hash!: Hash", o.maker AS "maker!: Account", o.asset_id AS "asset!", o.asset_epoch AS "asset_epoch!",
                  o.currency AS "currency!: Account", o.created_at AS "signed!", o.end_time AS "ends!", o.state AS "state!",
                  order_price(o.side, o.start_price, o.end_price, o.start_time, o.end_time, now()) AS "price!: Units",
                  a.owner AS "owner?: Account", a.epoch AS "epoch?",
                  (SELECT f.frozen_until FROM chain.freezes f WHERE f.chain_id = o.chain_id AND f.asset_id = o.asset_id
                   ORDER BY f.block_number DESC, f.log_index DESC LIMIT 1) AS frozen_until
           FROM order_states o
           LEFT JOIN chain.assets a ON a.chain_id = o.chain_id AND a.asset_id = o.asset_id
           WHERE o.chain_id = $1 AND o.side = 'SELL' AND ($2::bytea[] IS NULL OR o.hash = ANY ($2))
             AND ($3::bigint IS NULL OR o.asset_id = $3) AND ($4::bytea IS NULL OR o.maker = $4)
             AND ($2::bytea[] IS NOT NULL OR o.state IN ('open', 'scheduled'))
           ORDER BY o.id DESC LIMIT $5"#,
        chain_id.get(),
        hashes,
        asset.map(|asset| asset as i64),
        maker.map(Account) as _,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Offer {
                hash: row.hash.0,
                maker: row.maker.0,
                asset: row.asset as u64,
                asset_epoch: row.asset_epoch as u64,
                currency: row.currency.0,
                price: row.price.0.0,
                signed: row.signed,
                ends: row.ends,
                state: row.state,
                owner: row.owner.map(|owner| owner.0),
                epoch: row.epoch.map(|epoch| epoch as u64),
                frozen_until: row.frozen_until,
            })
        })
        .collect()
}

/// Stores what a recorded screening decided: `allow`, `warn` or `block`.
///
/// # Errors
/// When the database fails.
pub async fn note(
    tx: &mut PgConnection,
    chain_id: ChainId,
    (advice, order): (i64, B256),
    decision: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO order_screenings (advice_id, chain_id, order_hash, decision) VALUES ($1, $2, $3, $4)",
        advice,
        chain_id.get(),
        Hash(order) as _,
        decision
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the advice that holds the newest screening of each of these orders. Orders that were not screened are left out.
///
/// # Errors
/// When the database fails.
pub async fn newest(conn: &mut PgConnection, chain_id: ChainId, orders: &[Vec<u8>]) -> Result<Vec<i64>, StoreError> {
    let ids = sqlx::query_scalar!(
        r#"SELECT DISTINCT ON (order_hash) advice_id FROM order_screenings
           WHERE chain_id = $1 AND order_hash = ANY ($2::bytea[]) ORDER BY order_hash, advice_id DESC"#,
        chain_id.get(),
        orders
    )
    .fetch_all(conn)
    .await?;
    Ok(ids)
}
