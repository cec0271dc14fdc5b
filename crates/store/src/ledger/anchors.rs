//! What the mirror saw anchored on a chain.

use ::facts::{ChainId, Hash};
use alloy_primitives::B256;
use domain::ledger::anchor::{Anchor, Head};
use sqlx::PgConnection;

use super::unsigned;
use crate::StoreError;

/// An anchor, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchored {
    pub anchor: Anchor,
    /// The contract's heads before and after this anchor.
    pub previous_head: Head,
    pub head: Head,
    pub transaction: B256,
    pub block: u64,
    /// Whether its block is final.
    pub finalized: bool,
}

/// Returns the newest anchor on a chain, or the newest whose block is final. It covers everything that an older one covers.
///
/// # Errors
/// When the database fails, or holds something that is not a head.
pub async fn newest_anchor(
    tx: &mut PgConnection,
    chain_id: ChainId,
    finalized: bool,
) -> Result<Option<Anchored>, StoreError> {
    // The second row is the one before.
    let rows = sqlx::query!(
        r#"SELECT a.seq AS "seq!", a.size::bigint AS "size!", a.time::bigint AS "time!",
                  decode(substr(a.root, 3), 'hex') AS "root!: Hash", decode(substr(a.head, 3), 'hex') AS "head!",
                  a.tx_hash AS "tx_hash!: Hash", a.block_number AS "block_number!",
                  a.block_number <= c.finalized_number AS "finalized!"
           FROM chain.anchors a JOIN chain.cursors c ON c.chain_id = a.chain_id
           WHERE a.chain_id = $1 AND (NOT $2 OR a.block_number <= c.finalized_number)
           ORDER BY a.block_number DESC, a.log_index DESC LIMIT 2"#,
        chain_id.get(),
        finalized
    )
    .fetch_all(tx)
    .await?;
    let Some(newest) = rows.first() else { return Ok(None) };
    Ok(Some(Anchored {
        anchor: Anchor {
            seq: unsigned(newest.seq),
            root: newest.root.0,
            size: unsigned(newest.size),
            time: unsigned(newest.time),
        },
        previous_head: rows.get(1).map(|before| head(&before.head)).transpose()?.unwrap_or_default(),
        head: head(&newest.head)?,
        transaction: newest.tx_hash.0,
        block: unsigned(newest.block_number),
        finalized: newest.finalized,
    }))
}

fn head(bytes: &[u8]) -> Result<Head, StoreError> {
    Head::try_from(bytes).map_err(|_| StoreError::Corrupt { what: "anchor's head", value: hex::encode(bytes) })
}

/// Returns the number of the newest anchor, if it covers everything that decided what was paid on a chain: every
/// distribution and every release of a reserve has its event in the stream `payouts:CHAIN`. Returns `None` while one of
/// these events is not anchored.
///
/// # Errors
/// When the database fails.
pub async fn payouts_anchor(tx: &mut PgConnection, chain_id: ChainId) -> Result<Option<u64>, StoreError> {
    let Some(Anchored { anchor, .. }) = newest_anchor(tx, chain_id, false).await? else { return Ok(None) };
    let covered = sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM ledger.streams WHERE stream = 'payouts:' || $1::bigint AND seq <= $2)
                = (SELECT count(*) FROM distributions WHERE chain_id = $1)
                + (SELECT count(*) FROM payouts WHERE chain_id = $1 AND reserve_id IS NOT NULL) AS "covered!""#,
        chain_id.get(),
        super::signed(anchor.size)
    )
    .fetch_one(tx)
    .await?;
    Ok(covered.then_some(anchor.seq))
}
