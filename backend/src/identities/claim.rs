//! POST /v1/identities: an account claims by its signature that a name is its own.

use axum::{extract::State, http::StatusCode};
use commands::claim_identity::{self, Signed};
use domain::identity::Identity;
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::{self, IdentityView};
use crate::{
    AppState,
    caller::SignedIn,
    extract::Json,
    problem::{Problem, Result, refused},
    values::{parse, signature_field},
};

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

/// Claims an identity for the account that is signed in. The claim is proven by a work's owner, for that owner's works, or by
/// a repository that names the account in `FUNDING.json` or in a `Payout-Address` trailer of a commit, for that work. What was
/// reserved for the identity is then released. The same claim again gives the same answer.
#[utoipa::path(post, path = "/v1/identities", operation_id = "claim_identity", tag = "identities", request_body = NewClaim,
    security(("session" = [])),
    responses((status = 201, body = IdentityView), (status = 200, body = IdentityView, description = "it was claimed before"),
        (status = 401, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn claim(
    State(state): State<AppState>,
    caller: SignedIn,
    Json(request): Json<NewClaim>,
) -> Result<(StatusCode, axum::Json<IdentityView>)> {
    let identity = Identity::claimable(&request.identity).map_err(refused)?;
    let signature = parse("signature", &request.signature, signature_field)?;
    let said = (identity, request.nonce);
    let signed = Signed::check(state.market(), &state.host(), caller.actor(), said, signature).await?;
    let mut tx = state.pool.begin().await?;
    let (id, new) = claim_identity::claim(&mut tx, &signed).await?;
    let view = list::find(&mut tx, id, caller.account).await?;
    tx.commit().await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, axum::Json(view)))
}
