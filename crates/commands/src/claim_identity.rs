//! An account claims by its signature that a name is its own. The claim waits until a work's owner or repository proves it.

use alloy::primitives::{Address, eip191_hash_message};
use domain::identity::{Fault, Identity};
use facts::Account;
use store::accounts::identities::{self, Claim};

use crate::{Actor, Conflict, Market, Result, Tx, nonce, signature};

/// The number of unproven claims of an account that may wait.
const MAX_OPEN: i64 = 50;

/// A claim that was signed by its account.
pub struct Signed {
    identity: Identity,
    account: Address,
    nonce: String,
    statement: String,
    signature: Vec<u8>,
}

impl Signed {
    /// Checks the signature over the statement by which an account claims an identity at `host`.
    ///
    /// # Errors
    /// When the signature is not the account's, or the node that has to be asked does not answer.
    pub async fn check(
        market: Market<'_>,
        host: &str,
        actor: Actor,
        (identity, nonce): (Identity, String),
        signature: Vec<u8>,
    ) -> Result<Self> {
        let account = actor.0;
        let statement = format!(
            "{host} asks you to link an identity to your account.\n\
             Contributions under this identity will be paid to the account.\n\n\
             Identity: {identity}\nAccount: {}\nChain ID: {}\nNonce: {nonce}",
            account.to_checksum(None),
            market.deployment.chain_id
        );
        if !signature::is_valid(market.provider, account, eip191_hash_message(&statement), &signature).await? {
            return Err(Fault::SignatureInvalid { account, statement }.into());
        }
        Ok(Self { identity, account, nonce, statement, signature })
    }
}

/// Records a claim. Returns its id and whether it is new. The same claim again gives the same id.
///
/// # Errors
/// When the nonce is not valid, or too many claims of the account wait.
pub async fn claim(tx: &mut Tx, signed: &Signed) -> Result<(i64, bool)> {
    let Signed { identity, account, nonce, statement, signature } = signed;
    nonce::spend(tx, nonce).await?;
    let (id, new) = identities::claim(tx, &Claim { identity, account: *account, statement, signature }).await?;
    let open = sqlx::query_scalar!(
        r#"SELECT count(*) AS "open!" FROM identity_claims k WHERE account = $1 AND NOT EXISTS (
               SELECT FROM identity_proofs p WHERE p.claim_id = k.id AND p.state = 'proven')"#,
        Account(*account) as _
    )
    .fetch_one(&mut **tx)
    .await?;
    if new && open > MAX_OPEN {
        return Err(Conflict::TooManyClaims { most: MAX_OPEN }.into());
    }
    Ok((id, new))
}
