//! What happened in the market, as the detectors of fraud look at it: final facts only, in the order in which they happened.
//!
//! Payments between accounts are known as far as the market's contracts move them: claims that an account has sent elsewhere.
//! Not seen are plain transfers of the chain's coin, tokens that change hands outside the market, and what passes through other
//! contracts; money paid into the pot belongs to all upstream and to nobody in particular. So a purchase paid with the
//! seller's own money is found only where it came from a claim.

use std::time::Duration;

use ::facts::{Account, ChainId, Hash, Units};
use alloy_primitives::{Address, B256, U256};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::StoreError;

/// The newest block with a fact that the detectors look at and that no reorganisation can take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    pub block: u64,
    pub at: DateTime<Utc>,
}

/// A transfer of an asset from one owner to another. The first owner's acquisition is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transferred {
    pub at: DateTime<Utc>,
    pub asset: u64,
    pub from: Address,
    pub to: Address,
    /// The price on the market, in base units of the chain's own coin. `None` for gifts and for other currencies.
    pub price: Option<U256>,
}

/// An amount that an account was owed, in base units of the chain's own coin, and that it sent to another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    pub at: DateTime<Utc>,
    pub from: Address,
    pub to: Address,
    pub amount: U256,
}

/// Content that an asset was registered or published with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub at: DateTime<Utc>,
    pub asset: u64,
    pub registrant: Address,
    /// The content's hash, or the SHA-256 of its CID. The registry accepts a hash only once, but any hash together with any
    /// CID.
    pub content: B256,
}

/// Returns the newest settled fact, or `None` when there is none.
///
/// # Errors
/// When the database fails.
pub async fn settled(conn: &mut PgConnection, chain_id: ChainId) -> Result<Option<Settled>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT newest.block_number AS "block!", newest.at AS "at!"
           FROM chain.cursors c, LATERAL (
               (SELECT block_number, at FROM chain.transfers t
                WHERE t.chain_id = c.chain_id AND t.block_number <= c.finalized_number ORDER BY block_number DESC LIMIT 1)
               UNION ALL
               (SELECT block_number, at FROM chain.registrations t
                WHERE t.chain_id = c.chain_id AND t.block_number <= c.finalized_number ORDER BY block_number DESC LIMIT 1)
               UNION ALL
               (SELECT block_number, at FROM chain.cid_updates t
                WHERE t.chain_id = c.chain_id AND t.block_number <= c.finalized_number ORDER BY block_number DESC LIMIT 1)
               UNION ALL
               (SELECT block_number, at FROM chain.claims t
                WHERE t.chain_id = c.chain_id AND t.block_number <= c.finalized_number ORDER BY block_number DESC LIMIT 1)
           ) newest
           WHERE c.chain_id = $1 ORDER BY newest.block_number DESC LIMIT 1"#,
        chain_id.get()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Settled { block: row.block as u64, at: row.at }))
}

/// Estimates how long it takes until a block is final, from 1 second to 10 minutes. Returns `None` when the block is final.
///
/// The estimate is the age of the oldest block that is not final, less the age of this block, by the chain's own clock. It
/// is at least an eighth of this block's age and an eighth of the time since the mirror moved, so that nobody keeps asking
/// about a chain that stands still.
///
/// # Errors
/// When the database fails.
pub async fn settles_in(
    conn: &mut PgConnection,
    chain_id: ChainId,
    block: u64,
) -> Result<Option<Duration>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT c.finalized_number AS finalized,
                  extract(epoch FROM greatest(this.at - oldest.at, (newest.at - this.at) / 8, (now() - c.updated_at) / 8)
                         )::double precision AS wait
           FROM chain.cursors c
           LEFT JOIN LATERAL (SELECT timestamp AS at FROM chain.blocks b WHERE b.chain_id = $1 AND b.number >= $2
                              ORDER BY number LIMIT 1) this ON true
           LEFT JOIN LATERAL (SELECT timestamp AS at FROM chain.blocks b
                              WHERE b.chain_id = $1 AND b.number > c.finalized_number ORDER BY number LIMIT 1) oldest ON true
           LEFT JOIN LATERAL (SELECT timestamp AS at FROM chain.blocks b WHERE b.chain_id = $1 ORDER BY number DESC LIMIT 1) newest ON true
           WHERE c.chain_id = $1"#,
        chain_id.get(),
        block as i64
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row.filter(|row| block > row.finalized as u64) else { return Ok(None) };
    // Without kept blocks nothing says how long it takes, and the caller asks again soon.
    Ok(Some(Duration::from_secs_f64(row.wait.unwrap_or_default().clamp(1.0, 600.0))))
}

/// Calls `each` with every transfer of an asset up to a block, which must be settled, in order.
///
/// # Errors
/// When the database fails.
pub async fn transfers(
    conn: &mut PgConnection,
    chain_id: ChainId,
    through: u64,
    mut each: impl FnMut(Transferred),
) -> Result<(), StoreError> {
    let mut rows = sqlx::query!(
        r#"SELECT t.block_number, t.log_index, t.at, t.asset_id, t.sender AS "sender: Account",
                  t.recipient AS "recipient: Account", f.price AS "price?: Units"
           FROM chain.transfers t
           LEFT JOIN chain.fills f
             ON f.chain_id = t.chain_id AND f.block_number = t.block_number AND f.tx_hash = t.tx_hash AND f.asset_id = t.asset_id
            AND f.currency = decode(repeat('00', 20), 'hex')
            AND CASE f.side WHEN 'SELL' THEN f.maker ELSE f.taker END = t.sender
            AND CASE f.side WHEN 'SELL' THEN f.taker ELSE f.maker END = t.recipient
           WHERE t.chain_id = $1 AND t.block_number <= $2 AND t.sender <> decode(repeat('00', 20), 'hex')
           ORDER BY t.block_number, t.log_index, abs(f.log_index - t.log_index), f.log_index"#,
        chain_id.get(),
        through as i64
    )
    .fetch(conn);
    let mut last = None;
    while let Some(row) = rows.try_next().await? {
        // Sold to and fro in one transaction, a transfer has several sales: the nearest is its own.
        if last.replace((row.block_number, row.log_index)) == Some((row.block_number, row.log_index)) {
            continue;
        }
        each(Transferred {
            at: row.at,
            asset: row.asset_id as u64,
            from: row.sender.0,
            to: row.recipient.0,
            price: row.price.map(|price| price.0.0),
        });
    }
    Ok(())
}

/// Calls `each` with every payment from one account to another up to a block, which must be settled, in order.
///
/// # Errors
/// When the database fails.
pub async fn payments(
    conn: &mut PgConnection,
    chain_id: ChainId,
    through: u64,
    mut each: impl FnMut(Paid),
) -> Result<(), StoreError> {
    let mut rows = sqlx::query!(
        r#"SELECT at, account AS "account: Account", recipient AS "recipient: Account", amount AS "amount!: Units"
           FROM chain.claims
           WHERE chain_id = $1 AND block_number <= $2 AND token = decode(repeat('00', 20), 'hex') AND recipient <> account
           ORDER BY block_number, log_index"#,
        chain_id.get(),
        through as i64
    )
    .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        each(Paid { at: row.at, from: row.account.0, to: row.recipient.0, amount: row.amount.0.0 });
    }
    Ok(())
}

/// Calls `each` with every content that an asset had up to a block, which must be settled, in order. Each registration
/// gives two, one by hash and one by CID.
///
/// # Errors
/// When the database fails.
pub async fn publications(
    conn: &mut PgConnection,
    chain_id: ChainId,
    through: u64,
    mut each: impl FnMut(Published),
) -> Result<(), StoreError> {
    let mut rows = sqlx::query!(
        r#"SELECT at AS "at!", asset_id AS "asset_id!", registrant AS "registrant!: Account",
                  content_hash AS "content_hash: Hash", cid AS "cid!"
           FROM (SELECT block_number, log_index, at, asset_id, registrant, content_hash, cid FROM chain.registrations
                 WHERE chain_id = $1 AND block_number <= $2
                 UNION ALL
                 SELECT u.block_number, u.log_index, u.at, u.asset_id, r.registrant, NULL, u.cid
                 FROM chain.cid_updates u JOIN chain.registrations r ON r.chain_id = u.chain_id AND r.asset_id = u.asset_id
                 WHERE u.chain_id = $1 AND u.block_number <= $2) published
           ORDER BY block_number, log_index"#,
        chain_id.get(),
        through as i64
    )
    .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        let (at, asset, registrant) = (row.at, row.asset_id as u64, row.registrant.0);
        if let Some(hash) = row.content_hash {
            each(Published { at, asset, registrant, content: hash.0 });
        }
        if !row.cid.is_empty() {
            each(Published { at, asset, registrant, content: B256::from_slice(&Sha256::digest(&row.cid)) });
        }
    }
    Ok(())
}
