//! Nonces: what somebody signed with one of this server's is good once.

use crate::{Error, Result, Tx};

/// Uses up a nonce.
///
/// # Errors
/// When it is not one of this server's, too old, or used before.
pub async fn spend(tx: &mut Tx, nonce: &str) -> Result<()> {
    if store::accounts::nonces::spend(tx, nonce).await? { Ok(()) } else { Err(Error::NonceSpent) }
}
