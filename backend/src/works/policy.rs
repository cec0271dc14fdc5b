//! GET and PUT /v1/works/{id}/policy: who may propose contributions to a work, and what counts at once.

use axum::extract::State;
use commands::set_policy;
use domain::contribution::Proposals;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AppState,
    caller::{OwnedWork, WriteListings},
    extract::{Json, Path},
    problem::{Problem, Result, refused},
    values::id_of,
};

/// An owner's settings for a work.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Who may propose contributions: `anyone`, `contributors` (accounts of whom one is accepted) or `nobody`.
    pub proposals: String,
    /// Whether what imports and pushes bring counts at once; otherwise it is proposed.
    pub preaccepted: bool,
}

/// A work's settings.
#[utoipa::path(get, path = "/v1/works/{id}/policy", operation_id = "get_policy", tag = "works", params(("id" = String, Path, description = "the work's id")),
    responses((status = 200, body = Policy), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<Policy>> {
    let policy = sqlx::query_as!(Policy, "SELECT proposals, preaccepted FROM works WHERE id = $1", id_of("work", &id)?)
        .fetch_optional(&state.pool);
    policy.await?.map(axum::Json).ok_or_else(|| Problem::not_found(format!("work {id}")))
}

/// Changes the settings of a work of the account that is signed in.
#[utoipa::path(put, path = "/v1/works/{id}/policy", operation_id = "set_policy", tag = "works", params(("id" = String, Path, description = "the work's id")),
    request_body = Policy, security(("session" = ["write:listings"])),
    responses((status = 200, body = Policy), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn set(
    State(state): State<AppState>,
    work: OwnedWork<WriteListings>,
    Json(policy): Json<Policy>,
) -> Result<axum::Json<Policy>> {
    let proposals: Proposals = policy.proposals.parse().map_err(refused)?;
    let to = set_policy::Policy { proposals, preaccepted: policy.preaccepted };
    let mut tx = state.pool.begin().await?;
    set_policy::set(&mut tx, work.actor(), work.id, to).await?;
    tx.commit().await?;
    Ok(axum::Json(policy))
}
