//! GET and POST /v1/works/{id}/webhooks, DELETE /v1/works/{id}/webhooks/{webhook}, POST .../rotate

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use ::facts::{Fact, GithubHookChanged, GithubHookRotated, NewFact, Stream, Subject};
use store::facts;
use utoipa::ToSchema;

use super::webhook_id;
use crate::{
    AppState,
    extract::{Json, Path, SignedIn},
    problem::{Problem, Result},
    works::owned,
};

/// A work has at most so many that are not revoked.
const MOST: i64 = 10;
/// How long the secret before the last rotation goes on, at most and unless told.
const MOST_HOURS: u32 = 168;
const HOURS: u32 = 24;

/// A webhook of a work.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookView {
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

/// A webhook with a new secret, which is not shown again.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookSecret {
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// What to enter at GitHub as the secret.
    pub secret: String,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// For so many hours the old secret is taken too: 0 to 168, by default 24.
    pub overlap_hours: Option<u32>,
}

/// Columns of a webhook as they are shown.
struct Row {
    id: String,
    repository: Option<String>,
    created_at: DateTime<Utc>,
    rotated_at: Option<DateTime<Utc>>,
    previous_until: Option<DateTime<Utc>>,
}

impl Row {
    fn view(self, state: &AppState) -> WebhookView {
        let Self { id, repository, created_at, rotated_at, previous_until } = self;
        let url = format!("{}/webhooks/github/{id}", state.settings.origin());
        WebhookView { id, url, repository, created_at, rotated_at, previous_until }
    }
}

/// The webhooks of a work of the account that is signed in, without those that were revoked.
#[utoipa::path(get, path = "/v1/works/{id}/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 200, body = [WebhookView]), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    account: SignedIn,
    Path(id): Path<String>,
) -> Result<axum::Json<Vec<WebhookView>>> {
    let mut conn = state.pool.acquire().await?;
    let work = owned(&mut conn, account, &id).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id::text AS "id!", repository, created_at, rotated_at,
                  CASE WHEN previous_until > now() THEN previous_until END AS previous_until
           FROM webhooks WHERE work_id = $1 AND revoked_at IS NULL ORDER BY created_at, id"#,
        work
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(axum::Json(rows.into_iter().map(|row| row.view(&state)).collect()))
}

/// Makes a webhook for a work of the account that is signed in. Its secret is shown this once.
#[utoipa::path(post, path = "/v1/works/{id}/webhooks", operation_id = "create_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 201, body = WebhookSecret), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn create(
    State(state): State<AppState>,
    account: SignedIn,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<WebhookSecret>)> {
    let mut tx = state.pool.begin().await?;
    let work = owned(&mut tx, account, &id).await?;
    // The work's row is held, so that the count stays true.
    sqlx::query!("SELECT FROM works WHERE id = $1 FOR NO KEY UPDATE", work).execute(&mut *tx).await?;
    let secret = new_secret();
    let row = sqlx::query_as!(
        Row,
        r#"INSERT INTO webhooks (work_id, secret)
           SELECT $1, $2 WHERE (SELECT count(*) FROM webhooks WHERE work_id = $1 AND revoked_at IS NULL) < $3
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        work,
        secret,
        MOST
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| {
        Problem::conflict("too_many_webhooks", format!("This work has {MOST} webhooks. Revoke one that is not used."))
    })?;
    tell(&mut tx, work, &row.id, Fact::GithubHookCreated(GithubHookChanged { work: work.into() })).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(WebhookSecret { webhook: row.view(&state), secret })))
}

/// Gives a webhook another secret, shown this once. The old one is taken a while longer, so that nothing is lost while GitHub learns
/// the new one; the one before that is not taken any more.
#[utoipa::path(post, path = "/v1/works/{id}/webhooks/{webhook}/rotate", operation_id = "rotate_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "the work's id"), ("webhook" = String, Path, description = "the webhook's id")),
    request_body = Rotation,
    responses((status = 200, body = WebhookSecret), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rotate(
    State(state): State<AppState>,
    account: SignedIn,
    Path((id, webhook)): Path<(String, String)>,
    Json(rotation): Json<Rotation>,
) -> Result<axum::Json<WebhookSecret>> {
    let hours = rotation.overlap_hours.unwrap_or(HOURS);
    if hours > MOST_HOURS {
        return Err(Problem::fields(vec![("overlapHours", format!("is between 0 and {MOST_HOURS}"))]));
    }
    let webhook = webhook_id(&webhook)?;
    let mut tx = state.pool.begin().await?;
    let work = owned(&mut tx, account, &id).await?;
    let secret = new_secret();
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE webhooks SET secret = $3, previous_secret = secret, previous_until = now() + make_interval(hours => $4),
                               rotated_at = now()
           WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        webhook,
        work,
        secret,
        hours as i32
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Problem::not_found("such webhook"))?;
    tell(
        &mut tx,
        work,
        &row.id,
        Fact::GithubHookRotated(GithubHookRotated { work: work.into(), overlap_hours: hours.to_string() }),
    )
    .await?;
    tx.commit().await?;
    Ok(axum::Json(WebhookSecret { webhook: row.view(&state), secret }))
}

/// Ends a webhook, at once and for good. What it took before stays.
#[utoipa::path(delete, path = "/v1/works/{id}/webhooks/{webhook}", operation_id = "revoke_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "the work's id"), ("webhook" = String, Path, description = "the webhook's id")),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn revoke(
    State(state): State<AppState>,
    account: SignedIn,
    Path((id, webhook)): Path<(String, String)>,
) -> Result<StatusCode> {
    let webhook = webhook_id(&webhook)?;
    let mut tx = state.pool.begin().await?;
    let work = owned(&mut tx, account, &id).await?;
    let revoked = sqlx::query!(
        "UPDATE webhooks SET revoked_at = now(), secret = NULL, previous_secret = NULL, previous_until = NULL
         WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL",
        webhook,
        work
    )
    .execute(&mut *tx)
    .await?;
    if revoked.rows_affected() == 0 {
        return Err(Problem::not_found("such webhook"));
    }
    tell(&mut tx, work, &webhook, Fact::GithubHookRevoked(GithubHookChanged { work: work.into() })).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 32 random bytes, in hex.
fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// Tells of a webhook by its id, and never of its secret.
async fn tell(tx: &mut PgConnection, work: i64, webhook: &str, fact: Fact) -> Result<()> {
    let hook = webhook.parse().map_err(Problem::internal)?;
    let fact = NewFact::new(Subject::GithubHook { hook }, [Stream::work(work)], fact);
    Ok(facts::tell_one(tx, fact).await?)
}
