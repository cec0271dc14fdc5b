//! Nonces of this server. What somebody signs with one is valid once.

use crate::{Error, Result, Tx};

/// Uses up a nonce.
///
/// # Errors
/// When the nonce is not one of this server's, is too old, or was used before.
pub async fn spend(tx: &mut Tx, nonce: &str) -> Result<()> {
    if store::accounts::nonces::spend(tx, nonce).await? { Ok(()) } else { Err(Error::NonceSpent) }
}
