//! POST /v1/identities/{id}/decision: a work's owner confirms or refuses that a name is an account's.

use axum::extract::State;
use commands::decide_identity;
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::{self, IdentityView};
use crate::{
    AppState,
    caller::SignedIn,
    extract::{Json, Path},
    problem::{Problem, Result},
    values::id_of,
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
    security(("session" = [])),
    responses((status = 200, body = IdentityView), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn decide(
    State(state): State<AppState>,
    caller: SignedIn,
    Path(id): Path<String>,
    Json(NewDecision { decision, reason }): Json<NewDecision>,
) -> Result<axum::Json<IdentityView>> {
    let claim = id_of("claim", &id)?;
    let mut tx = state.pool.begin().await?;
    decide_identity::decide(&mut tx, caller.actor(), claim, decision == Verdict::Confirm, &reason).await?;
    let view = list::find(&mut tx, claim, caller.account).await?;
    tx.commit().await?;
    Ok(axum::Json(view))
}
