//! Nonces: what somebody signed with one of this server's is good once.

use crate::{Error, Result, Tx};

/// Uses up a nonce.
///
/// # Errors
/// When it is not one of this server's, too old, or used before.
pub async fn spend(tx: &mut Tx, nonce: &str) -> Result<()> {
    let spent = sqlx::query!("DELETE FROM siwe_nonces WHERE nonce = $1 AND expires_at > now()", nonce)
        .execute(&mut **tx)
        .await?;
    if spent.rows_affected() == 1 { Ok(()) } else { Err(Error::NonceSpent) }
}
