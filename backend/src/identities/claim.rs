//! POST /v1/identities: an account says by its signature that a name is its own.

use alloy::primitives::{Address, eip191_hash_message};
use axum::{extract::State, http::StatusCode};
use domain::identity::Identity;
use serde::Deserialize;
use store::identities::{self, Claim};
use utoipa::ToSchema;

use super::list::{self, IdentityView};
use crate::{
    AppState,
    auth::{signature, verify},
    extract::{Json, SignedIn},
    problem::{Problem, Result},
    values::{parse, signature_field},
};

/// So many claims of an account may wait, none of them proven.
const MAX_OPEN: i64 = 50;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClaim {
    /// `mailto:` and an email, or `github:` and a login.
    pub identity: String,
    /// From GET /v1/auth/nonce: good once, for ten minutes.
    pub nonce: String,
    /// The signature, 0x-hex, of the account that is signed in, over the statement (EIP-191), or as its contract accepts it
    /// (ERC-1271). The statement, in six lines with the third left empty and no break at the end:
    ///
    /// ```text
    /// {host} asks you to link an identity to your account.
    /// Contributions under this identity will be paid to the account.
    ///
    /// Identity: {identity, in lower case}
    /// Account: {checksummed address}
    /// Chain ID: {chain id}
    /// Nonce: {nonce}
    /// ```
    pub signature: String,
}

/// What an account signs to claim an identity.
fn statement(state: &AppState, identity: &Identity, account: Address, nonce: &str) -> String {
    format!(
        "{} asks you to link an identity to your account.\nContributions under this identity will be paid to the account.\n\n\
         Identity: {identity}\nAccount: {}\nChain ID: {}\nNonce: {nonce}",
        state.host(),
        account.to_checksum(None),
        state.chain_id()
    )
}

/// Claims an identity for the account that is signed in. The claim is proven by a work's owner, for that owner's works, or by
/// a repository that names the account in `FUNDING.json` or in a `Payout-Address` trailer of a commit, for that work. What was
/// reserved for the identity is then released. The same claim again gives the same answer.
#[utoipa::path(post, path = "/v1/identities", operation_id = "claim_identity", tag = "identities", request_body = NewClaim,
    responses((status = 201, body = IdentityView), (status = 200, body = IdentityView, description = "it was claimed before"),
        (status = 401, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn claim(
    State(state): State<AppState>,
    account: SignedIn,
    Json(request): Json<NewClaim>,
) -> Result<(StatusCode, axum::Json<IdentityView>)> {
    let identity = match request.identity.parse() {
        Ok(identity @ (Identity::Email(_) | Identity::GitHub(_))) => identity,
        _ => {
            let message = "is not `mailto:` and an email or `github:` and a login".to_owned();
            return Err(Problem::fields(vec![("identity", message)]));
        }
    };
    let bytes = parse("signature", &request.signature, signature_field)?;
    let text = statement(&state, &identity, account.0, &request.nonce);
    if !signature::is_valid(&state.provider, account.0, eip191_hash_message(&text), &bytes).await? {
        let message = format!("is not by {} over this statement: {text:?}", account.0);
        return Err(Problem::fields(vec![("signature", message)]));
    }
    let mut tx = state.pool.begin().await?;
    verify::use_nonce(&mut tx, &request.nonce).await?;
    let claim = Claim { identity: &identity, account: account.0, statement: &text, signature: &bytes };
    let (id, new) = identities::claim(&mut tx, &claim).await?;
    let open = sqlx::query_scalar!(
        r#"SELECT count(*) AS "open!" FROM identity_claims k WHERE account = $1 AND NOT EXISTS (
               SELECT FROM identity_proofs p WHERE p.claim_id = k.id AND p.state = 'proven')"#,
        account.0.as_slice() as _
    )
    .fetch_one(&mut *tx)
    .await?;
    if new && open > MAX_OPEN {
        return Err(Problem::conflict(
            "too_many_claims",
            format!("{MAX_OPEN} claims of this account wait for a proof."),
        ));
    }
    let view = list::find(&mut tx, id, account.0).await?;
    tx.commit().await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, axum::Json(view)))
}
