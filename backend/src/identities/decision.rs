//! POST /v1/identities/{id}/decision: a work's owner confirms or refuses that a name is an account's.

use axum::extract::State;
use serde::Deserialize;
use store::identities;
use utoipa::ToSchema;

use super::list::{self, IdentityView};
use crate::{
    AppState,
    extract::{Json, Path, SignedIn},
    problem::{Problem, Result},
    values::{check_reason, number},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    pub decision: Verdict,
    /// At most 500 characters, for the one who claims.
    #[serde(default)]
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Confirm,
    Refuse,
}

/// Confirms or refuses a claim, for all works of the account that is signed in. A confirmation releases what those works
/// reserved for the identity. Either can be turned around: what was paid stays paid, later income goes where it then belongs.
#[utoipa::path(post, path = "/v1/identities/{id}/decision", operation_id = "decide_identity", tag = "identities",
    params(("id" = String, Path, description = "the claim's id")), request_body = NewDecision,
    responses((status = 200, body = IdentityView), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn decide(
    State(state): State<AppState>,
    account: SignedIn,
    Path(id): Path<String>,
    Json(request): Json<NewDecision>,
) -> Result<axum::Json<IdentityView>> {
    check_reason(&request.reason)?;
    let claim = number(&id);
    let mut tx = state.pool.begin().await?;
    let concerned = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM identity_claims k JOIN contributors c ON c.key = k.key JOIN works w ON w.owner = $2
               WHERE k.id = $1 AND takes_part(w.id, c.id)) AS "is!""#,
        claim,
        account.0.as_slice() as _
    )
    .fetch_one(&mut *tx)
    .await?;
    if !concerned {
        return Err(Problem::not_found(format!("claim {id} to somebody who takes part in a work of yours")));
    }
    let confirm = request.decision == Verdict::Confirm;
    identities::decide(&mut tx, claim, account.0, confirm, &request.reason).await?;
    let view = list::find(&mut tx, claim, account.0).await?;
    tx.commit().await?;
    Ok(axum::Json(view))
}
