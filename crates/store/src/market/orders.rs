//! Signed orders. What becomes of an order is on chain: the view `order_states` computes it.

use ::facts::{Account, ChainId, Hash, Units};
use alloy_primitives::B256;
use chrono::{DateTime, Utc};
use domain::order::Order;
use sqlx::{Postgres, Transaction};

use crate::StoreError;

/// An order with the hash and the signature that identify it.
#[derive(Clone, Copy, Debug)]
pub struct NewOrder<'a> {
    pub chain_id: ChainId,
    /// Its EIP-712 hash.
    pub hash: B256,
    pub order: &'a Order,
    /// The maker's signature.
    pub signature: &'a [u8],
}

/// Stores an order. Returns false when it was stored before. The fact that tells of it belongs to the same transaction.
///
/// # Errors
/// When the order's asset, a time or an amount does not fit its column, or the database fails.
pub async fn insert(tx: &mut Transaction<'_, Postgres>, new: &NewOrder<'_>) -> Result<bool, StoreError> {
    let NewOrder { chain_id, hash, order, signature } = *new;
    let stored = sqlx::query!(
        "INSERT INTO orders (chain_id, hash, maker, side, asset_id, asset_epoch, currency, start_price, end_price, start_time,
                             end_time, taker, nonce, maker_epoch, max_fee_bps, min_net, signature)
         VALUES ($1, $2, $3, $4, $5::text::bigint, $6, $7, $8, $9, $10, $11, $12,
                 $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING",
        chain_id.get(),
        Hash(hash) as _,
        Account(order.maker) as _,
        order.side.name(),
        order.asset_id.to_string(),
        order.asset_epoch as i64,
        Account(order.currency) as _,
        Units::from(order.start_price) as _,
        Units::from(order.end_price) as _,
        time(order.start_time)?,
        time(order.end_time)?,
        Account(order.taker) as _,
        Units::from(order.nonce) as _,
        order.maker_epoch as i64,
        i32::from(order.max_fee_bps),
        Units::from(order.min_net) as _,
        signature
    )
    .execute(&mut **tx)
    .await?;
    Ok(stored.rows_affected() > 0)
}

/// Converts a time of an order. The rules for orders allow years up to 9999, and all of them have dates.
fn time(seconds: u64) -> Result<DateTime<Utc>, StoreError> {
    let date = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    date.ok_or(StoreError::Corrupt { what: "time", value: seconds.to_string() })
}
