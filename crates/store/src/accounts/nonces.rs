//! Nonces of this server. What somebody signs with one is valid once, within ten minutes.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::StoreError;

/// Makes a nonce valid, and returns the time until which it is. Nonces that are too old are deleted.
///
/// # Errors
/// When the database fails.
pub async fn issue(conn: &mut PgConnection, nonce: &str) -> Result<DateTime<Utc>, StoreError> {
    let expires_at = sqlx::query_scalar!(
        "WITH swept AS (DELETE FROM siwe_nonces WHERE expires_at < now())
         INSERT INTO siwe_nonces (nonce, expires_at) VALUES ($1, now() + interval '10 minutes') RETURNING expires_at",
        nonce
    )
    .fetch_one(conn)
    .await?;
    Ok(expires_at)
}

/// Uses up a nonce. Returns false when it is not one of this server's, is too old, or was used before. This is part of the
/// caller's transaction, so the nonce is spent if, and only if, what it was signed for happens.
///
/// # Errors
/// When the database fails.
pub async fn spend(tx: &mut Transaction<'_, Postgres>, nonce: &str) -> Result<bool, StoreError> {
    let spent = sqlx::query!("DELETE FROM siwe_nonces WHERE nonce = $1 AND expires_at > now()", nonce)
        .execute(&mut **tx)
        .await?;
    Ok(spent.rows_affected() == 1)
}
