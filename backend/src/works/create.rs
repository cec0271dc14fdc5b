//! POST /v1/works and GET /v1/works

use alloy::primitives::B256;
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use store::works;
use utoipa::ToSchema;

use crate::{
    AppState,
    content::asset_of,
    extract::{Json, Query, SignedIn},
    page::{Page, PageQuery},
    problem::{Problem, Result},
    values::hex32,
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
    responses((status = 201, body = WorkView), (status = 401, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(state): State<AppState>,
    account: SignedIn,
    Json(request): Json<NewWork>,
) -> Result<(StatusCode, axum::Json<WorkView>)> {
    if bindings::kind_number(&request.kind).is_none() {
        return Err(Problem::fields(vec![("kind", format!("`{}` is not a kind of asset", request.kind))]));
    }
    let hash: B256 = request
        .content_hash
        .parse()
        .map_err(|_| Problem::fields(vec![("contentHash", "is not 32 bytes of 0x-hex".into())]))?;
    if let Some(asset) = asset_of(&state, hash.as_slice()).await? {
        let mut problem =
            Problem::conflict("duplicate_content", format!("This content is registered already, as asset {asset}."));
        problem.asset_id = Some(asset.to_string());
        return Err(problem);
    }
    let mut tx = state.pool.begin().await?;
    let cid = sqlx::query_scalar!(
        "SELECT cid FROM uploads WHERE content_hash = $1 AND account = $2",
        hash.as_slice() as _,
        account.0.as_slice() as _
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| {
        Problem::fields(vec![("contentHash", "is not of an upload of yours: POST /v1/uploads first".into())])
    })?;
    let work = sqlx::query!(
        "INSERT INTO works (owner, kind, title, description, source, source_key) VALUES ($1, $2, $3, $4, 'upload', $5)
         RETURNING id, created_at",
        account.0.as_slice() as _,
        request.kind,
        request.title.trim(),
        request.description.trim(),
        hash.to_string()
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO work_versions (work_id, content_hash, cid) VALUES ($1, $2, $3)",
        work.id,
        hash.as_slice() as _,
        cid
    )
    .execute(&mut *tx)
    .await?;
    works::tell_created(&mut tx, work.id).await?;
    works::tell_version(&mut tx, work.id, hash).await?;
    tx.commit().await?;
    let view = WorkView {
        id: work.id.to_string(),
        kind: request.kind,
        title: request.title.trim().to_owned(),
        description: request.description.trim().to_owned(),
        content_hash: hash.to_string(),
        cid,
        asset_id: None,
        created_at: work.created_at,
    };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// The works of the account, newest first.
#[utoipa::path(get, path = "/v1/works", operation_id = "list_works", tag = "works", params(PageQuery), responses((status = 200, body = Page<WorkView>), (status = 401, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    account: SignedIn,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<WorkView>>> {
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let rows = sqlx::query!(
        r#"SELECT w.id, w.kind, w.title, w.description, w.created_at, v.content_hash AS "content_hash: Vec<u8>", v.cid,
                  (SELECT min(a.asset_id) FROM work_versions x
                   JOIN chain.assets a ON a.chain_id = $1 AND a.content_hash = x.content_hash
                   WHERE x.work_id = w.id AND w.id = (SELECT aw.work_id FROM asset_works aw
                                                      WHERE aw.chain_id = $1 AND aw.asset_id = a.asset_id)) AS asset_id
           FROM works w
           JOIN LATERAL (SELECT * FROM work_versions v WHERE v.work_id = w.id ORDER BY v.created_at DESC LIMIT 1) v ON true
           WHERE w.owner = $2 AND w.id < $3 ORDER BY w.id DESC LIMIT $4::bigint + 1"#,
        state.chain(),
        account.0.as_slice() as _,
        below,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    let items = rows
        .into_iter()
        .map(|row| WorkView {
            id: row.id.to_string(),
            kind: row.kind,
            title: row.title,
            description: row.description,
            content_hash: hex32(&row.content_hash),
            cid: row.cid,
            asset_id: row.asset_id.map(|id| id.to_string()),
            created_at: row.created_at,
        })
        .collect();
    Ok(axum::Json(Page::cut(items, limit, |work: &WorkView| (work.id.parse().unwrap_or_default(), 0))))
}
