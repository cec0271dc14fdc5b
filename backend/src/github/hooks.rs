//! GET and POST /v1/works/{id}/github-hooks, DELETE /v1/works/{id}/github-hooks/{hook}, POST .../rotate

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ::facts::{Fact, GithubHookChanged, GithubHookRotated, NewFact, Stream, Subject};
use sqlx::PgConnection;
use store::facts;
use utoipa::ToSchema;

use super::hook_id;
use crate::{
    AppState,
    caller::{ManageWebhooks, OwnedWork},
    extract::{Json, Path},
    problem::{Problem, Result},
};

/// A work has at most so many that are not revoked.
const MOST: i64 = 10;
/// How long the secret before the last rotation goes on, at most and unless told.
const MOST_HOURS: u32 = 168;
const HOURS: u32 = 24;

/// A hook of a work.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookView {
    pub id: String,
    /// What to enter at GitHub as the payload URL, with the content type `application/json`.
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

/// Columns of a hook as they are shown.
struct Row {
    id: String,
    repository: Option<String>,
    created_at: DateTime<Utc>,
    rotated_at: Option<DateTime<Utc>>,
    previous_until: Option<DateTime<Utc>>,
}

impl Row {
    fn view(self, state: &AppState) -> HookView {
        let Self { id, repository, created_at, rotated_at, previous_until } = self;
        let url = format!("{}/v1/github-hooks/{id}", state.settings.origin());
        HookView { id, url, repository, created_at, rotated_at, previous_until }
    }
}

/// The hooks of a work of the account that is signed in, without those that were revoked.
#[utoipa::path(get, path = "/v1/works/{id}/github-hooks", operation_id = "list_github_hooks", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 200, body = [HookView]), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn list(State(state): State<AppState>, work: OwnedWork<ManageWebhooks>) -> Result<axum::Json<Vec<HookView>>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id::text AS "id!", repository, created_at, rotated_at,
                  CASE WHEN previous_until > now() THEN previous_until END AS previous_until
           FROM github_hooks WHERE work_id = $1 AND revoked_at IS NULL ORDER BY created_at, id"#,
        work.id
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(rows.into_iter().map(|row| row.view(&state)).collect()))
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
    // The work's row is held, so that the count stays true.
    sqlx::query!("SELECT FROM works WHERE id = $1 FOR NO KEY UPDATE", work.id).execute(&mut *tx).await?;
    let secret = new_secret();
    let row = sqlx::query_as!(
        Row,
        r#"INSERT INTO github_hooks (work_id, secret)
           SELECT $1, $2 WHERE (SELECT count(*) FROM github_hooks WHERE work_id = $1 AND revoked_at IS NULL) < $3
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        work.id,
        secret,
        MOST
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| {
        Problem::conflict("too_many_hooks", format!("This work has {MOST} hooks. Revoke one that is not used."))
    })?;
    tell(&mut tx, work.id, &row.id, Fact::GithubHookCreated(GithubHookChanged { work: work.id.into() })).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(HookSecret { hook: row.view(&state), secret })))
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
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE github_hooks SET secret = $3, previous_secret = secret, previous_until = now() + make_interval(hours => $4),
                               rotated_at = now()
           WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        hook,
        work.id,
        secret,
        hours as i32
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Problem::not_found("such hook"))?;
    tell(
        &mut tx,
        work.id,
        &row.id,
        Fact::GithubHookRotated(GithubHookRotated { work: work.id.into(), overlap_hours: hours.to_string() }),
    )
    .await?;
    tx.commit().await?;
    Ok(axum::Json(HookSecret { hook: row.view(&state), secret }))
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
    let revoked = sqlx::query!(
        "UPDATE github_hooks SET revoked_at = now(), secret = NULL, previous_secret = NULL, previous_until = NULL
         WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL",
        hook,
        work.id
    )
    .execute(&mut *tx)
    .await?;
    if revoked.rows_affected() == 0 {
        return Err(Problem::not_found("such hook"));
    }
    tell(&mut tx, work.id, &hook, Fact::GithubHookRevoked(GithubHookChanged { work: work.id.into() })).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 32 random bytes, in hex.
fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// Tells of a hook by its id, and never of its secret.
async fn tell(tx: &mut PgConnection, work: i64, hook: &str, fact: Fact) -> Result<()> {
    let hook = hook.parse().map_err(Problem::internal)?;
    let fact = NewFact::new(Subject::GithubHook { hook }, [Stream::work(work)], fact);
    Ok(facts::tell_one(tx, fact).await?)
}
