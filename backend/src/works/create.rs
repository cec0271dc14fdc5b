//! POST /v1/works and GET /v1/works

use axum::{extract::State, http::StatusCode};
use commands::create_work;
use facts::{Account, Hash};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AppState,
    caller::{Allowed, ReadMarket, WriteListings},
    extract::{Json, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
    values::{hash_field, parse},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWork {
    /// CODE, MODEL, MUSIC, TEXT, IMAGE, DATASET, DESIGN or PHYSICAL.
    pub kind: String,
    pub title: String,
    #[serde(default)]
    pub description: String,
    /// Of an upload of this account.
    pub content_hash: String,
}

/// A work of the account that is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkView {
    pub id: String,
    pub kind: String,
    pub title: String,
    pub description: String,
    pub content_hash: String,
    pub cid: String,
    /// The asset it became, once its owner registered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
    pub created_at: chrono::DateTime<chrono::Utc>,
}

/// Describes uploaded content as a work. It becomes an asset when its owner registers the content hash on chain.
#[utoipa::path(post, path = "/v1/works", operation_id = "create_work", tag = "works", request_body = NewWork,
    security(("session" = ["write:listings"])),
    responses((status = 201, body = WorkView), (status = 401, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<AppState>,
    caller: Allowed<WriteListings>,
    Json(NewWork { kind, title, description, content_hash }): Json<NewWork>,
) -> Result<(StatusCode, axum::Json<WorkView>)> {
    let content_hash = parse("contentHash", &content_hash, hash_field)?;
    let new = create_work::NewWork { kind, title, description, content_hash };
    let mut tx = state.pool.begin().await?;
    let work = create_work::create(&mut tx, state.chain_id(), caller.actor(), new).await?;
    tx.commit().await?;
    let view = WorkView {
        id: work.id.to_string(),
        kind: work.kind,
        title: work.title,
        description: work.description,
        content_hash: content_hash.to_string(),
        cid: work.cid,
        asset_id: None,
        created_at: work.created_at,
    };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// The works of the account, newest first.
#[utoipa::path(get, path = "/v1/works", operation_id = "list_works", tag = "works", security(("session" = ["read:market"])), params(PageQuery), responses((status = 200, body = Page<WorkView>), (status = 401, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Allowed<ReadMarket>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<WorkView>>> {
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let rows = sqlx::query!(
        r#"SELECT w.id, w.kind, w.title, w.description, w.created_at, v.content_hash AS "content_hash: Hash", v.cid,
                  (SELECT min(a.asset_id) FROM work_versions x
                   JOIN chain.assets a ON a.chain_id = $1 AND a.content_hash = x.content_hash
                   WHERE x.work_id = w.id AND w.id = (SELECT aw.work_id FROM asset_works aw
                                                      WHERE aw.chain_id = $1 AND aw.asset_id = a.asset_id)) AS asset_id
           FROM works w
           JOIN LATERAL (SELECT * FROM work_versions v WHERE v.work_id = w.id ORDER BY v.created_at DESC LIMIT 1) v ON true
           WHERE w.owner = $2 AND w.id < $3 ORDER BY w.id DESC LIMIT $4::bigint + 1"#,
        state.chain(),
        Account(caller.account) as _,
        below,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    cut(rows, limit, |row| (row.id, 0)).show(|row| {
        Ok(WorkView {
            id: row.id.to_string(),
            kind: row.kind,
            title: row.title,
            description: row.description,
            content_hash: row.content_hash.to_string(),
            cid: row.cid,
            asset_id: row.asset_id.map(|id| id.to_string()),
            created_at: row.created_at,
        })
    })
}
