//! GET and POST /v1/works/{id}/github-hooks, DELETE /v1/works/{id}/github-hooks/{hook}, POST .../rotate

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use store::github::{self, Hook};
use utoipa::ToSchema;

use super::hook_id;
use crate::{
    AppState,
    caller::{ManageWebhooks, OwnedWork},
    extract::{Json, Path},
    problem::{Problem, Result},
};

/// The most hooks of a work that are not revoked.
const MOST: i64 = 10;
/// For how many hours the secret before the last rotation is accepted: at most, and by default.
const MOST_HOURS: u32 = 168;
const HOURS: u32 = 24;

/// A hook of a work.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookView {
    pub id: String,
    /// What to enter at GitHub as the payload URL. Both of GitHub's content types are accepted.
    pub url: String,
    /// The repository at GitHub that the first delivery came from: others are not this work's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    pub created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<DateTime<Utc>>,
    /// Until then GitHub may still sign with the secret before the last rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<DateTime<Utc>>,
}

/// A hook with a new secret, which is not shown again.
#[derive(Debug, Serialize, ToSchema)]
pub struct HookSecret {
    #[serde(flatten)]
    pub hook: HookView,
    /// What to enter at GitHub as the secret.
    pub secret: String,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// For so many hours the old secret is taken too: 0 to 168, by default 24.
    pub overlap_hours: Option<u32>,
}

impl HookView {
    fn of(hook: Hook, state: &AppState) -> Self {
        let Hook { id, repository, created_at, rotated_at, previous_until } = hook;
        let url = format!("{}/v1/github-hooks/{id}", state.settings.origin());
        Self { id, url, repository, created_at, rotated_at, previous_until }
    }
}

/// The hooks of a work of the account that is signed in, without those that were revoked.
#[utoipa::path(get, path = "/v1/works/{id}/github-hooks", operation_id = "list_github_hooks", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 200, body = [HookView]), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn list(State(state): State<AppState>, work: OwnedWork<ManageWebhooks>) -> Result<axum::Json<Vec<HookView>>> {
    let rows = sqlx::query_as!(
        Hook,
        r#"SELECT id::text AS "id!", repository, created_at, rotated_at,
                  CASE WHEN previous_until > now() THEN previous_until END AS previous_until
           FROM github_hooks WHERE work_id = $1 AND revoked_at IS NULL ORDER BY created_at, id"#,
        work.id
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(rows.into_iter().map(|hook| HookView::of(hook, &state)).collect()))
}

/// Makes a hook for a work of the account that is signed in. Its secret is shown this once.
#[utoipa::path(post, path = "/v1/works/{id}/github-hooks", operation_id = "create_github_hook", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 201, body = HookSecret), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn create(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
) -> Result<(StatusCode, axum::Json<HookSecret>)> {
    let mut tx = state.pool.begin().await?;
    // The work's row is locked, so that the count stays correct.
    sqlx::query!("SELECT FROM works WHERE id = $1 FOR NO KEY UPDATE", work.id).execute(&mut *tx).await?;
    let secret = new_secret();
    let hook = github::create_hook(&mut tx, work.id, &secret, MOST).await?.ok_or_else(|| {
        Problem::conflict("too_many_hooks", format!("This work has {MOST} hooks. Revoke one that is not used."))
    })?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(HookSecret { hook: HookView::of(hook, &state), secret })))
}

/// Gives a hook another secret, shown this once. The old one is taken a while longer, so that nothing is lost while GitHub learns
/// the new one; the one before that is not taken any more.
#[utoipa::path(post, path = "/v1/works/{id}/github-hooks/{hook}/rotate", operation_id = "rotate_github_hook", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id"), ("hook" = String, Path, description = "the hook's id")),
    request_body = Rotation,
    responses((status = 200, body = HookSecret), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rotate(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
    Path((_work, hook)): Path<(String, String)>,
    Json(rotation): Json<Rotation>,
) -> Result<axum::Json<HookSecret>> {
    let hours = rotation.overlap_hours.unwrap_or(HOURS);
    if hours > MOST_HOURS {
        return Err(Problem::field("overlapHours", "out_of_range", format!("is between 0 and {MOST_HOURS}")));
    }
    let hook = hook_id(&hook)?;
    let mut tx = state.pool.begin().await?;
    let secret = new_secret();
    let hook = github::rotate_hook(&mut tx, (work.id, &hook), &secret, hours as i32)
        .await?
        .ok_or_else(|| Problem::not_found("such hook"))?;
    tx.commit().await?;
    Ok(axum::Json(HookSecret { hook: HookView::of(hook, &state), secret }))
}

/// Ends a hook, at once and for good. What it took before stays.
#[utoipa::path(delete, path = "/v1/works/{id}/github-hooks/{hook}", operation_id = "revoke_github_hook", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id"), ("hook" = String, Path, description = "the hook's id")),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn revoke(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
    Path((_work, hook)): Path<(String, String)>,
) -> Result<StatusCode> {
    let hook = hook_id(&hook)?;
    let mut tx = state.pool.begin().await?;
    if !github::revoke_hook(&mut tx, work.id, &hook).await? {
        return Err(Problem::not_found("such hook"));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns 32 random bytes, in hex.
fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
