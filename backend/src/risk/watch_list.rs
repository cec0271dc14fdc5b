//! GET /v1/watch-list

use axum::extract::State;
use serde::Serialize;
use store::advice::watch;
use utoipa::ToSchema;

use crate::{
    AppState,
    extract::Query,
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
};

/// An account or asset that is looked at twice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchEntry {
    pub id: String,
    /// `account:0x..` or `asset:7`.
    pub subject: String,
    /// How bad it is held to be: 0, nothing, to 1, certain.
    pub score: f64,
    pub why: String,
    /// Whose entry it is: `operator`, or `risk agent`, which tells what it found and does not weigh it again.
    pub by: String,
    pub since: chrono::DateTime<chrono::Utc>,
}

/// Everything that is watched, newest first.
#[utoipa::path(get, path = "/v1/watch-list", operation_id = "list_watched", tag = "risk", params(PageQuery),
    responses((status = 200, body = Page<WatchEntry>), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<WatchEntry>>> {
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let mut conn = state.pool.acquire().await?;
    let entries = watch::list(&mut conn, state.chain_id(), below, limit + 1).await?;
    cut(entries, limit, |entry| (entry.id, 0)).show(|entry| {
        Ok(WatchEntry {
            id: entry.id.to_string(),
            subject: entry.subject,
            score: entry.score,
            why: entry.why,
            by: entry.watcher,
            since: entry.since,
        })
    })
}
