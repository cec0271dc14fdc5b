//! GET /v1/ledger/events and GET /v1/ledger/events/{seq}

use axum::{extract::State, http::HeaderMap, response::Response};
use domain::ledger::{Entry, event::MAX_KEY};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::ledger;
use utoipa::{IntoParams, ToSchema};

use super::{no_event, parse_seq, time};
use crate::{
    AppState,
    cached::unchanging,
    extract::{Path, Query},
    page::PageQuery,
    problem::{Problem, Result},
    values::{address_field, parse},
};

/// An event with its place in the chain of hashes: `hash` is SHA-256 over a tag, `previous` and the canonical JSON of `event`.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerEntry {
    pub event: LedgerEvent,
    /// The hash of the entry before.
    pub previous: String,
    pub hash: String,
    /// `event.at`, for people.
    pub time: chrono::DateTime<chrono::Utc>,
}

/// What is hashed.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerEvent {
    /// Its number: from 1, without gaps.
    pub seq: u64,
    /// When it was stored, in microseconds since 1970.
    pub at: u64,
    /// What happened, e.g. `distribution.closed`.
    pub kind: String,
    /// To what, e.g. `distribution:9`.
    pub subject: String,
    /// Where it is listed, e.g. `asset:31337:7`.
    pub streams: Vec<String>,
    /// The details, by kind.
    pub body: Value,
}

impl TryFrom<Entry> for LedgerEntry {
    type Error = Problem;

    fn try_from(entry: Entry) -> Result<Self> {
        let Entry { event, previous, hash } = entry;
        let body = serde_json::from_str(&event.body).map_err(Problem::internal)?;
        let time = time(event.at)?;
        let domain::ledger::Event { seq, at, kind, subject, streams, .. } = event;
        let event = LedgerEvent { seq, at, kind, subject, streams, body };
        Ok(Self { event, previous: previous.to_string(), hash: hash.to_string(), time })
    }
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventFilters {
    /// Only of this stream: `asset:CHAIN:ID` (with its work's), `work:ID`, `contributor:ID`, `account:0x..`, `distribution:ID`,
    /// `payouts:CHAIN`, `roots:CHAIN`, `root:0x..`.
    pub stream: Option<String>,
    /// Oldest first, the events behind this one.
    pub after: Option<u64>,
    /// With `after`: not behind this one, which is how things stood as of it.
    pub through: Option<u64>,
    /// Newest first, the events before this one.
    pub before: Option<u64>,
    /// At most 200; default 50.
    pub limit: Option<u32>,
}

/// Some events, in the order asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerPage {
    pub items: Vec<LedgerEntry>,
    /// Whether there are more: ask `after`, or `before`, the last one's number.
    pub more: bool,
    /// How many events the ledger had.
    pub size: u64,
}

/// Lists events: oldest first, or newest first with `before`.
#[utoipa::path(get, path = "/v1/ledger/events", operation_id = "list_ledger_events", tag = "ledger", params(EventFilters),
    responses((status = 200, body = LedgerPage), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Query(filters): Query<EventFilters>,
) -> Result<axum::Json<LedgerPage>> {
    let limit = PageQuery { limit: filters.limit, cursor: None }.limit()?;
    if filters.before.is_some() && (filters.after.is_some() || filters.through.is_some()) {
        return Err(Problem::field("before", "not_together", "does not go with after or through"));
    }
    let stream = filters.stream.as_deref().map(stream).transpose()?;
    let mut tx = store::snapshot(&state.pool).await?;
    let size = ledger::head(&mut tx).await?.size;
    let (after, through) = (filters.after.unwrap_or(0), filters.through.unwrap_or(u64::MAX));
    // One more event than asked for is read, which tells whether there are more.
    let mut entries = match (&stream, filters.before) {
        (Some(stream), Some(before)) => ledger::newest(&mut tx, stream, before, limit + 1).await?,
        (Some(stream), None) => ledger::history(&mut tx, stream, after, through, limit + 1).await?,
        (None, None) => ledger::range(&mut tx, after, through, limit + 1).await?,
        (None, Some(before)) => {
            let last = before.saturating_sub(1).min(size);
            let first = last.saturating_sub(limit as u64 + 1);
            ledger::range(&mut tx, first, last, limit + 1).await?.into_iter().rev().collect()
        }
    };
    let more = entries.len() as i64 > limit;
    entries.truncate(limit as usize);
    let items = entries.into_iter().map(LedgerEntry::try_from).collect::<Result<_>>()?;
    Ok(axum::Json(LedgerPage { items, more, size }))
}

/// Reads a stream, and returns it as the ledger spells it.
fn stream(text: &str) -> Result<String> {
    if text.is_empty() || text.len() > MAX_KEY {
        return Err(Problem::field("stream", "wrong_length", format!("has 1 to {MAX_KEY} bytes")));
    }
    match text.strip_prefix("account:") {
        Some(account) => Ok(format!("account:{}", parse("stream", account, address_field)?.to_checksum(None))),
        None => Ok(text.to_owned()),
    }
}

/// One event. It never changes.
#[utoipa::path(get, path = "/v1/ledger/events/{seq}", operation_id = "get_ledger_event", tag = "ledger", params(("seq" = String, Path, description = "the event's number")),
    responses((status = 200, body = LedgerEntry), (status = 304), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Path(seq): Path<String>, asked: HeaderMap) -> Result<Response> {
    let number = parse_seq(&seq)?;
    let mut conn = state.pool.acquire().await?;
    let entry = ledger::entry(&mut conn, number).await?.ok_or_else(|| no_event(number))?;
    let tag = entry.hash;
    Ok(unchanging(&asked, tag, axum::Json(LedgerEntry::try_from(entry)?)))
}
