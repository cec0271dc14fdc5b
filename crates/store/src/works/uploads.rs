//! Uploads: which account brought which content. The bytes are in the vault.

use ::facts::{Account, Hash};
use alloy_primitives::{Address, B256};
use sqlx::PgConnection;

use crate::StoreError;

/// Content that an account uploaded.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// SHA-256 of the bytes.
    pub content_hash: B256,
    pub cid: &'a str,
    /// The size in bytes.
    pub size: u64,
}

/// Records that an account uploaded some content. The same content again changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn record(conn: &mut PgConnection, account: Address, upload: Upload<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO uploads (content_hash, account, cid, size) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        Hash(upload.content_hash) as _,
        Account(account) as _,
        upload.cid,
        upload.size as i64
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Returns the CID of content that an account uploaded, or `None` when the account did not upload it.
///
/// # Errors
/// When the database fails.
pub async fn cid(conn: &mut PgConnection, account: Address, content_hash: B256) -> Result<Option<String>, StoreError> {
    let cid = sqlx::query_scalar!(
        "SELECT cid FROM uploads WHERE content_hash = $1 AND account = $2",
        Hash(content_hash) as _,
        Account(account) as _
    )
    .fetch_optional(conn)
    .await?;
    Ok(cid)
}
