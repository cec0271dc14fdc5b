//! GET and POST /v1/works/{id}/webhooks, DELETE /v1/works/{id}/webhooks/{webhook}, POST .../rotate

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::ledger;
use utoipa::ToSchema;

use super::webhook_id;
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
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 200, body = [WebhookView]), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
) -> Result<axum::Json<Vec<WebhookView>>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id::text AS "id!", repository, created_at, rotated_at,
                  CASE WHEN previous_until > now() THEN previous_until END AS previous_until
           FROM webhooks WHERE work_id = $1 AND revoked_at IS NULL ORDER BY created_at, id"#,
        work.id
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(rows.into_iter().map(|row| row.view(&state)).collect()))
}

/// Makes a webhook for a work of the account that is signed in. Its secret is shown this once.
#[utoipa::path(post, path = "/v1/works/{id}/webhooks", operation_id = "create_webhook", tag = "webhooks",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 201, body = WebhookSecret), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn create(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
) -> Result<(StatusCode, axum::Json<WebhookSecret>)> {
    let mut tx = state.pool.begin().await?;
    // The work's row is held, so that the count stays true.
    sqlx::query!("SELECT FROM works WHERE id = $1 FOR NO KEY UPDATE", work.id).execute(&mut *tx).await?;
    let secret = new_secret();
    let row = sqlx::query_as!(
        Row,
        r#"INSERT INTO webhooks (work_id, secret)
           SELECT $1, $2 WHERE (SELECT count(*) FROM webhooks WHERE work_id = $1 AND revoked_at IS NULL) < $3
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        work.id,
        secret,
        MOST
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| {
        Problem::conflict("too_many_webhooks", format!("This work has {MOST} webhooks. Revoke one that is not used."))
    })?;
    tell(&mut tx, "webhook.created", work.id, &row.id, json!({})).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(WebhookSecret { webhook: row.view(&state), secret })))
}

/// Gives a webhook another secret, shown this once. The old one is taken a while longer, so that nothing is lost while GitHub learns
/// the new one; the one before that is not taken any more.
#[utoipa::path(post, path = "/v1/works/{id}/webhooks/{webhook}/rotate", operation_id = "rotate_webhook", tag = "webhooks",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id"), ("webhook" = String, Path, description = "the webhook's id")),
    request_body = Rotation,
    responses((status = 200, body = WebhookSecret), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rotate(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
    Path((_work, webhook)): Path<(String, String)>,
    Json(rotation): Json<Rotation>,
) -> Result<axum::Json<WebhookSecret>> {
    let hours = rotation.overlap_hours.unwrap_or(HOURS);
    if hours > MOST_HOURS {
        return Err(Problem::field("overlapHours", "out_of_range", format!("is between 0 and {MOST_HOURS}")));
    }
    let webhook = webhook_id(&webhook)?;
    let mut tx = state.pool.begin().await?;
    let secret = new_secret();
    let row = sqlx::query_as!(
        Row,
        r#"UPDATE webhooks SET secret = $3, previous_secret = secret, previous_until = now() + make_interval(hours => $4),
                               rotated_at = now()
           WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        webhook,
        work.id,
        secret,
        hours as i32
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Problem::not_found("such webhook"))?;
    tell(&mut tx, "webhook.rotated", work.id, &row.id, json!({"overlapHours": hours.to_string()})).await?;
    tx.commit().await?;
    Ok(axum::Json(WebhookSecret { webhook: row.view(&state), secret }))
}

/// Ends a webhook, at once and for good. What it took before stays.
#[utoipa::path(delete, path = "/v1/works/{id}/webhooks/{webhook}", operation_id = "revoke_webhook", tag = "webhooks",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id"), ("webhook" = String, Path, description = "the webhook's id")),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn revoke(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
    Path((_work, webhook)): Path<(String, String)>,
) -> Result<StatusCode> {
    let webhook = webhook_id(&webhook)?;
    let mut tx = state.pool.begin().await?;
    let revoked = sqlx::query!(
        "UPDATE webhooks SET revoked_at = now(), secret = NULL, previous_secret = NULL, previous_until = NULL
         WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL",
        webhook,
        work.id
    )
    .execute(&mut *tx)
    .await?;
    if revoked.rows_affected() == 0 {
        return Err(Problem::not_found("such webhook"));
    }
    tell(&mut tx, "webhook.revoked", work.id, &webhook, json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 32 random bytes, in hex.
fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// Tells the ledger, by the webhook's id and never its secret.
async fn tell(tx: &mut PgConnection, kind: &str, work: i64, webhook: &str, mut body: Value) -> Result<()> {
    body["work"] = json!(work.to_string());
    Ok(ledger::tell(tx, kind, format!("webhook:{webhook}"), [format!("work:{work}")], &body).await?)
}
