//! Sessions of accounts that are signed in. A session is found by the SHA-256 of its token; the token itself is not stored.

use ::facts::Account;
use alloy_primitives::Address;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::StoreError;

/// A session that was found by its token.
#[derive(Clone, Debug)]
pub struct Found {
    /// A UUID.
    pub id: String,
    pub account: Address,
    /// Whether it was last seen longer ago than the caller asked about.
    pub seen_long_ago: bool,
}

/// A session to start.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    pub token_hash: [u8; 32],
    pub account: Address,
    /// The name that the browser gives itself.
    pub user_agent: &'a str,
    /// The number of days that the session lasts.
    pub days: i32,
}

/// A session that has not ended.
#[derive(Clone, Debug)]
pub struct Session {
    /// A UUID.
    pub id: String,
    pub user_agent: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Returns the session with this token, unless it has ended. The result says whether the session was last seen more than
/// `minutes` ago.
///
/// # Errors
/// When the database fails.
pub async fn find(conn: &mut PgConnection, token_hash: [u8; 32], minutes: i32) -> Result<Option<Found>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT id::text AS "id!", account AS "account: Account",
                  last_seen_at < now() - make_interval(mins => $2) AS "seen_long_ago!"
           FROM sessions WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > now()"#,
        &token_hash[..],
        minutes
    )
    .fetch_optional(conn)
    .await?;
    let Some(found) = found else { return Ok(None) };
    let account = found.account.0;
    Ok(Some(Found { id: found.id, account, seen_long_ago: found.seen_long_ago }))
}

/// Notes that a session was seen now.
///
/// # Errors
/// When the database fails.
pub async fn touch(conn: &mut PgConnection, token_hash: [u8; 32]) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sessions SET last_seen_at = now() WHERE token_hash = $1", &token_hash[..])
        .execute(conn)
        .await?;
    Ok(())
}

/// Starts a session. It belongs to the transaction that spends the nonce which was signed for it, so that a signature signs in once.
///
/// # Errors
/// When the database fails.
pub async fn start(tx: &mut Transaction<'_, Postgres>, new: NewSession<'_>) -> Result<Session, StoreError> {
    let session = sqlx::query_as!(
        Session,
        r#"INSERT INTO sessions (token_hash, account, user_agent, expires_at)
           VALUES ($1, $2, $3, now() + make_interval(days => $4))
           RETURNING id::text AS "id!", user_agent, created_at, expires_at"#,
        &new.token_hash[..],
        Account(new.account) as _,
        new.user_agent,
        new.days
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(session)
}

/// Returns the sessions of an account that have not ended, newest first.
///
/// # Errors
/// When the database fails.
pub async fn live(conn: &mut PgConnection, account: Address) -> Result<Vec<Session>, StoreError> {
    let sessions = sqlx::query_as!(
        Session,
        r#"SELECT id::text AS "id!", user_agent, created_at, expires_at FROM sessions
           WHERE account = $1 AND revoked_at IS NULL AND expires_at > now() ORDER BY created_at DESC"#,
        Account(account) as _
    )
    .fetch_all(conn)
    .await?;
    Ok(sessions)
}

/// Ends a session of an account. Returns false when the account has no such session.
///
/// # Errors
/// When the database fails.
pub async fn end(conn: &mut PgConnection, account: Address, id: &str) -> Result<bool, StoreError> {
    let ended = sqlx::query!(
        "UPDATE sessions SET revoked_at = now() WHERE id::text = $1 AND account = $2 AND revoked_at IS NULL",
        id,
        Account(account) as _
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}
