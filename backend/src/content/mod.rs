//! Content: uploads, and reading back by CID.

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use commands::create_work::asset_of;
use futures::{TryStreamExt, stream};
use serde::Serialize;
use store::works::uploads;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use vault::{Cid, VaultError};

use crate::{
    AppState,
    caller::{Allowed, WriteListings},
    extract::Path,
    problem::{Problem, Result},
    values::hex32,
};

/// An upload of which nothing came for so long is cut off.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(upload))
        .routes(routes!(read))
        // The vault counts the bytes itself and names its limit.
        .layer(DefaultBodyLimit::disable())
}

/// Content that was stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// SHA-256 of the bytes, 0x-hex: what the registry calls the content hash.
    pub content_hash: String,
    /// CIDv1: UnixFS, raw leaves, chunks of 256 KiB.
    pub cid: String,
    pub size: u64,
    /// The asset that already has this content, if there is one: it cannot be registered again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
}

/// Stores the request's body as content. The same bytes again give the same answer.
#[utoipa::path(post, path = "/v1/uploads", tag = "content", security(("session" = ["write:listings"])), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Upload), (status = 401, body = Problem), (status = 413, body = Problem)))]
pub async fn upload(
    State(state): State<AppState>,
    caller: Allowed<WriteListings>,
    request: Request,
) -> Result<(StatusCode, axum::Json<Upload>)> {
    let limit = state.settings.content.upload_limit;
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let body = stream::try_unfold(request.into_body().into_data_stream(), |mut body| async move {
        let next = timeout(IDLE_LIMIT, body.try_next()).await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        Ok::<_, io::Error>(next.map(|bytes| (bytes, body)))
    });
    let stored = state.vault.store_stream(body).await.map_err(|error| from_vault(error, limit))?;
    let content_hash = stored.content_hash;
    let cid = stored.cid.to_string();
    let mut conn = state.pool.acquire().await?;
    let recorded = uploads::Upload { content_hash: content_hash.0, cid: &cid, size: stored.size };
    uploads::record(&mut conn, caller.account, recorded).await?;
    let asset = asset_of(&mut conn, state.chain_id(), content_hash.0).await?;
    let upload = Upload {
        content_hash: hex32(content_hash.0.as_slice()),
        cid,
        size: stored.size,
        asset_id: asset.map(|id| id.to_string()),
    };
    Ok((StatusCode::CREATED, axum::Json(upload)))
}

/// Content by its CID, each block verified as it is read.
#[utoipa::path(get, path = "/v1/content/{cid}", tag = "content", params(("cid" = String, Path, description = "CIDv1, base32")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 304), (status = 404, body = Problem)))]
pub async fn read(State(state): State<AppState>, Path(text): Path<String>, headers: HeaderMap) -> Result<Response> {
    let cid: Cid = text.parse().map_err(|error| Problem::field("cid", "not_a_cid", format!("{error}")))?;
    // What a CID names never changes.
    let tag = format!("\"{cid}\"");
    let unchanging = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, unchanging).into_response());
    }
    if !state.vault.has(cid).await.map_err(|error| from_vault(error, state.settings.content.upload_limit))? {
        return Err(Problem::not_found(format!("content {cid} here")));
    }
    // Somebody's bytes are data to save, never a page of this site.
    let data = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CONTENT_DISPOSITION, "attachment")];
    Ok((unchanging, data, Body::from_stream(state.vault.read(cid))).into_response())
}

fn too_large(limit: u64) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("An upload has at most {limit} bytes."))
}

fn from_vault(error: VaultError, limit: u64) -> Problem {
    match error {
        VaultError::TooLarge { .. } => too_large(limit),
        VaultError::Interrupted { .. } => Problem::new(
            StatusCode::BAD_REQUEST,
            "cut_off",
            "The upload was cut off before its end. Nothing was recorded; send it again.",
        ),
        error => Problem::internal(error),
    }
}
