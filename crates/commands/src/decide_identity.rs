//! A work's owner confirms or refuses that a name belongs to an account, for all works of that owner. Either decision can
//! be reversed.

use domain::contribution::check_reason;
use facts::Account;
use store::accounts::identities;

use crate::{Actor, Error, Result, Tx};

/// Confirms or refuses a claim. A confirmation releases what the actor's works reserved for the identity.
///
/// # Errors
/// When the claimed name does not take part in a work of the actor, or the reason is too long.
pub async fn decide(tx: &mut Tx, actor: Actor, claim: i64, confirm: bool, reason: &str) -> Result<()> {
    check_reason(reason)?;
    let concerned = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM identity_claims k CROSS JOIN LATERAL account_keys($2, k.key) n
               JOIN contributors c ON c.key = n.key JOIN works w ON w.owner = $2
               WHERE k.id = $1 AND takes_part(w.id, c.id)) AS "is!""#,
        claim,
        Account(actor.0) as _
    )
    .fetch_one(&mut **tx)
    .await?;
    if !concerned {
        return Err(Error::NotFound(format!("claim {claim} to somebody who takes part in a work of yours")));
    }
    identities::decide(tx, claim, actor.0, confirm, reason).await?;
    Ok(())
}
