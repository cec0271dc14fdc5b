//! POST /v1/contributions/{id}/corrections: another revision takes a contribution's place.

use axum::{extract::State, http::StatusCode};
use commands::correct_contribution;
use serde::Serialize;
use utoipa::ToSchema;

use super::item::Correction;
use crate::{
    AppState,
    caller::{Allowed, WriteListings},
    extract::{Json, Path},
    problem::{Problem, Result, refused},
    values::id_of,
};

/// The revision that a correction became.
#[derive(Debug, Serialize, ToSchema)]
pub struct Corrected {
    pub id: String,
    pub revision: i32,
    /// `accepted`, and the old revision is corrected; or `proposed`, until the work's owner accepts it.
    pub state: &'static str,
}

/// Corrects a contribution. The work's owner replaces it at once; anyone else proposes to.
#[utoipa::path(post, path = "/v1/contributions/{id}/corrections", operation_id = "correct_contribution", tag = "works",
    security(("session" = ["write:listings"])),
    params(("id" = String, Path, description = "the contribution's id")), request_body = Correction,
    responses((status = 201, body = Corrected), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn correct(
    State(state): State<AppState>,
    caller: Allowed<WriteListings>,
    Path(id): Path<String>,
    Json(correction): Json<Correction>,
) -> Result<(StatusCode, axum::Json<Corrected>)> {
    let id = id_of("contribution", &id)?;
    let changes = correction.parse().map_err(refused)?;
    let mut tx = state.pool.begin().await?;
    let corrected = correct_contribution::correct(&mut tx, caller.actor(), id, &changes).await?;
    tx.commit().await?;
    let correct_contribution::Corrected { id, revision, state } = corrected;
    Ok((StatusCode::CREATED, axum::Json(Corrected { id: id.to_string(), revision, state: state.as_str() })))
}
