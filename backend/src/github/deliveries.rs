//! GET /v1/works/{id}/github-deliveries, GET .../{delivery}, POST .../{delivery}/replay

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use store::github;
use utoipa::{IntoParams, ToSchema};

use crate::{
    AppState,
    caller::{ManageWebhooks, OwnedWork},
    extract::{Path, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
    values::{id_of, one_of},
};

const STATES: [&str; 4] = ["received", "applied", "ignored", "failed"];

/// Something that GitHub delivered, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    pub id: String,
    pub hook_id: String,
    /// GitHub's name for it, `X-GitHub-Delivery`.
    pub guid: String,
    /// `push`, `pull_request`, `ping` or another.
    pub event: String,
    /// What the payload says was done, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// `received`, `applied`, `ignored` or `failed`.
    pub state: String,
    /// Why, in a sentence; empty while it waits.
    pub message: String,
    /// How often applying it failed since it came or was asked for again.
    pub attempts: i32,
    /// The payload's size.
    pub bytes: i32,
    pub received_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<DateTime<Utc>>,
}

/// A delivery with what came.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryDetail {
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// The payload; as text where it is no JSON.
    #[schema(value_type = Object)]
    pub payload: Value,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilters {
    /// `received`, `applied`, `ignored` or `failed`.
    pub state: Option<String>,
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// What GitHub delivered about a work of the account that is signed in, the newest first.
#[utoipa::path(get, path = "/v1/works/{id}/github-deliveries", operation_id = "list_github_deliveries", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id"), DeliveryFilters),
    responses((status = 200, body = Page<DeliveryView>), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
    Query(filters): Query<DeliveryFilters>,
) -> Result<axum::Json<Page<DeliveryView>>> {
    let page = PageQuery { limit: filters.limit, cursor: filters.cursor };
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    one_of("state", filters.state.as_deref(), &STATES)?;
    let mut conn = state.pool.acquire().await?;
    let items = select(&mut conn, work.id, None, filters.state.as_deref(), below, limit + 1).await?;
    // The database writes the id as text, which is what the view has; the list is sorted by the number.
    let numbered = |view: DeliveryView| Ok((view.id.parse().map_err(Problem::internal)?, view));
    let items: Vec<(i64, DeliveryView)> = items.into_iter().map(numbered).collect::<Result<_>>()?;
    cut(items, limit, |(id, _)| (*id, 0)).show(|(_, view)| Ok(view))
}

/// One delivery, with what came.
#[utoipa::path(get, path = "/v1/works/{id}/github-deliveries/{delivery}", operation_id = "get_github_delivery", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id"), ("delivery" = String, Path, description = "the delivery's id")),
    responses((status = 200, body = DeliveryDetail), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn detail(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
    Path((_work, delivery)): Path<(String, String)>,
) -> Result<axum::Json<DeliveryDetail>> {
    let number = id_of("delivery", &delivery)?;
    let mut conn = state.pool.acquire().await?;
    let found = select(&mut conn, work.id, Some(number), None, i64::MAX, 1).await?.pop();
    let delivery = found.ok_or_else(|| Problem::not_found(format!("delivery {delivery}")))?;
    // Deliveries are never removed.
    let payload = sqlx::query_scalar!("SELECT payload FROM github_deliveries WHERE id = $1", number)
        .fetch_one(&mut *conn)
        .await?;
    let payload = serde_json::from_slice(&payload)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&payload).into_owned()));
    Ok(axum::Json(DeliveryDetail { delivery, payload }))
}

async fn select(
    conn: &mut PgConnection,
    work: i64,
    id: Option<i64>,
    state: Option<&str>,
    below: i64,
    limit: i64,
) -> Result<Vec<DeliveryView>> {
    Ok(sqlx::query_as!(
        DeliveryView,
        r#"SELECT id::text AS "id!", hook_id::text AS "hook_id!", guid, event, action, state, message, attempts,
                  octet_length(payload) AS "bytes!", received_at, settled_at
           FROM github_deliveries
           WHERE work_id = $1 AND ($2::bigint IS NULL OR id = $2) AND ($3::text IS NULL OR state = $3) AND id < $4
           ORDER BY id DESC LIMIT $5"#,
        work,
        id,
        state,
        below,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Applies a delivery again. What it brought before is known and stays as it is; while it waits, asking again changes nothing.
#[utoipa::path(post, path = "/v1/works/{id}/github-deliveries/{delivery}/replay", operation_id = "replay_github_delivery", tag = "github",
    security(("session" = ["webhooks:manage"])),
    params(("id" = String, Path, description = "the work's id"), ("delivery" = String, Path, description = "the delivery's id")),
    responses((status = 202, body = DeliveryView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn replay(
    State(state): State<AppState>,
    work: OwnedWork<ManageWebhooks>,
    Path((_work, delivery)): Path<(String, String)>,
) -> Result<(StatusCode, axum::Json<DeliveryView>)> {
    let number = id_of("delivery", &delivery)?;
    let mut tx = state.pool.begin().await?;
    let missing = || Problem::not_found(format!("delivery {delivery}"));
    if !github::replay(&mut tx, work.id, number).await? {
        return Err(missing());
    }
    let view = select(&mut tx, work.id, Some(number), None, i64::MAX, 1).await?.pop().ok_or_else(missing)?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, axum::Json(view)))
}
