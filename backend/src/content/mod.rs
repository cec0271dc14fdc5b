//! Content: uploads, and reading back by CID.

pub mod media;

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::headers::{HeaderMapExt, IfRange};
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
    cached::Tag,
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
    // A length that is absent or not a number tells nothing beforehand: the bytes themselves are counted as they come.
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

/// Content by its CID, each block verified as it is read. `HEAD` gives its length and type without it. One range of bytes may be
/// asked for; several get the whole.
#[utoipa::path(get, path = "/v1/content/{cid}", tag = "content",
    params(("cid" = String, Path, description = "CIDv1, base32"),
           ("Range" = Option<String>, Header, description = "`bytes=0-499`, `bytes=500-` or `bytes=-500`"),
           ("If-Range" = Option<String>, Header, description = "the entity tag that the range is of"),
           ("If-None-Match" = Option<String>, Header, description = "entity tags that the caller has")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "the whole, with the media type that its first bytes tell"),
              (status = 206, body = Vec<u8>, content_type = "application/octet-stream", description = "the range; `Content-Range` says which"),
              (status = 304, description = "the caller has it"),
              (status = 404, body = Problem), (status = 416, body = Problem, description = "the range begins behind the end"), (status = 422, body = Problem)))]
pub async fn read(State(state): State<AppState>, Path(text): Path<String>, asked: HeaderMap) -> Result<Response> {
    let limit = state.settings.content.upload_limit;
    let cid: Cid = text.parse().map_err(|error| Problem::field("cid", "not_a_cid", format!("{error}")))?;
    // What a CID names never changes.
    let tag = Tag::of(cid);
    if let Some(known) = tag.not_modified(&asked) {
        return Ok(known);
    }
    if !state.vault.has(cid).await.map_err(|error| from_vault(error, limit))? {
        return Err(Problem::not_found(format!("content {cid} here")));
    }
    let size = state.vault.size(cid).await.map_err(|error| from_vault(error, limit))?;
    let beginning: Vec<u8> = state
        .vault
        .read_range(cid, 0..media::LOOKED_AT)
        .try_fold(Vec::new(), async |mut all, bytes| {
            all.extend(bytes);
            Ok(all)
        })
        .await
        .map_err(|error| from_vault(error, limit))?;
    let (status, range) = match wanted(&asked, &tag, size) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range",
                format!("The content has {size} bytes, and none of them is in this range."),
            );
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], problem).into_response());
        }
    };
    // Somebody's bytes are data to save or to show in a page, never a page of this site.
    let data = [
        (header::CONTENT_TYPE, media::media_type(&beginning).to_owned()),
        (header::CONTENT_LENGTH, (range.end - range.start).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_DISPOSITION, "attachment".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; style-src 'unsafe-inline'".to_owned()),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin".to_owned()),
    ];
    let part = (status == StatusCode::PARTIAL_CONTENT)
        .then(|| HeaderValue::from_str(&format!("bytes {}-{}/{size}", range.start, range.end - 1)))
        .transpose()
        .map_err(Problem::internal)?;
    let body = Body::from_stream(state.vault.read_range(cid, range));
    let mut response = (status, tag.headers(), data, body).into_response();
    response.headers_mut().extend(part.map(|part| (header::CONTENT_RANGE, part)));
    Ok(response)
}

/// What a caller wants of some content.
enum Wanted {
    Whole,
    Part(std::ops::Range<u64>),
    /// A range that has no bytes.
    Nothing,
}

/// Reads which range a caller asks for. What is not a range of bytes, several of them, and one of another version are answered
/// with the whole, as HTTP allows (RFC 9110, 14.2).
fn wanted(asked: &HeaderMap, tag: &Tag, size: u64) -> Wanted {
    let text = asked.get(header::RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
    let Some((unit, range)) = text.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Wanted::Whole };
    let is_of_another = |of: IfRange| of.is_modified(tag.header().as_ref(), None);
    if !unit.trim().eq_ignore_ascii_case("bytes") || asked.typed_get::<IfRange>().is_some_and(is_of_another) {
        return Wanted::Whole;
    }
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Wanted::Whole,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
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
