//! Sessions: an opaque random token in a cookie, its hash in the database, listed and revocable.

use alloy::primitives::Address;
use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{Postgres, Transaction};
use store::accounts::sessions::{self, NewSession};
use utoipa::ToSchema;

use crate::{
    AppState,
    caller::SignedIn,
    extract::Path,
    problem::{Problem, Result},
};

/// How long a session lives, in days.
const DAYS: i32 = 14;
/// How exact `last_seen_at` is, in minutes.
const SEEN_EVERY: i32 = 5;

/// The id of a session, a UUID. Its token is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionId(pub String);

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: String,
    /// Checksummed address.
    pub account: String,
    /// CAIP-10.
    pub caip10: String,
    pub user_agent: String,
    pub created_at: chrono::DateTime<chrono::Utc>,
    pub expires_at: chrono::DateTime<chrono::Utc>,
    /// Whether this is the session that asks.
    pub current: bool,
}

impl Session {
    fn of(state: &AppState, account: Address, row: sessions::Session, current: bool) -> Self {
        Self {
            id: row.id,
            account: account.to_checksum(None),
            caip10: state.caip10(account),
            user_agent: row.user_agent,
            created_at: row.created_at,
            expires_at: row.expires_at,
            current,
        }
    }
}

/// `__Host-` wants HTTPS; on plain loopback the name goes without.
fn cookie_name(state: &AppState) -> &'static str {
    if state.settings.origin().starts_with("https://") { "__Host-session" } else { "session" }
}

/// A browser keeps, and lets go of, a `__Host-` cookie only when it comes with `Secure` and this path.
fn cookie(state: &AppState, value: String) -> Cookie<'static> {
    Cookie::build((cookie_name(state), value))
        .path("/")
        .http_only(true)
        .secure(cookie_name(state).starts_with("__Host-"))
        .same_site(SameSite::Lax)
        .build()
}

/// Returns the hash of the token in the cookie. A cookie that holds no token of ours is like none.
fn token_hash(state: &AppState, jar: &CookieJar) -> Option<[u8; 32]> {
    let token = hex::decode(jar.get(cookie_name(state))?.value()).ok().filter(|token| token.len() == 32)?;
    Some(Sha256::digest(token).into())
}

/// The live session that a request's cookie names, and its account.
///
/// A session is touched by requests that may write anyway, and not more often than every few minutes, so that reading
/// makes no version of its row.
pub async fn find(state: &AppState, jar: &CookieJar, method: &Method) -> Result<Option<(SessionId, Address)>> {
    let Some(hash) = token_hash(state, jar) else { return Ok(None) };
    let mut conn = state.pool.acquire().await?;
    let Some(found) = sessions::find(&mut conn, hash, SEEN_EVERY).await? else { return Ok(None) };
    if found.seen_long_ago && !method.is_safe() {
        sessions::touch(&mut conn, hash).await?;
    }
    Ok(Some((SessionId(found.id), found.account)))
}

/// A cookie travels with requests that other sites' pages make; a request that changes something names its origin.
pub fn check_origin(state: &AppState, method: &Method, headers: &HeaderMap) -> Result<()> {
    if method.is_safe() {
        return Ok(());
    }
    match headers.get(header::ORIGIN) {
        Some(origin) if origin.as_bytes() != state.settings.origin().as_bytes() => {
            Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "This request comes from another site's page."))
        }
        _ => Ok(()),
    }
}

/// Starts a session of an account, in a cookie.
pub async fn start(
    state: &AppState,
    tx: &mut Transaction<'_, Postgres>,
    jar: CookieJar,
    headers: &HeaderMap,
    account: Address,
) -> Result<(CookieJar, Session)> {
    let token = rand::random::<[u8; 32]>();
    // It is only shown to the account's owner, so one that is no text is left out.
    let user_agent: String = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    let new = NewSession { token_hash: Sha256::digest(token).into(), account, user_agent: &user_agent, days: DAYS };
    let row = sessions::start(tx, new).await?;
    let cookie = cookie(state, hex::encode(token));
    let session = Session::of(state, account, row, true);
    Ok((jar.add(cookie), session))
}

/// The account that is signed in.
#[utoipa::path(get, path = "/v1/auth/session", tag = "auth", security(("session" = [])), responses((status = 200, body = Session), (status = 401, body = Problem)))]
pub async fn current(State(state): State<AppState>, caller: SignedIn) -> Result<axum::Json<Session>> {
    let sessions = live(&state, &caller).await?;
    sessions.into_iter().find(|session| session.current).map(axum::Json).ok_or_else(Problem::unauthorized)
}

/// Ends this session.
#[utoipa::path(delete, path = "/v1/auth/session", tag = "auth", security(("session" = [])), responses((status = 204), (status = 401, body = Problem)))]
pub async fn sign_out(
    State(state): State<AppState>,
    caller: SignedIn,
    jar: CookieJar,
) -> Result<(StatusCode, CookieJar)> {
    end(&state, &caller, &caller.session.0).await?;
    Ok((StatusCode::NO_CONTENT, jar.remove(cookie(&state, String::new()))))
}

/// The live sessions of the account.
#[utoipa::path(get, path = "/v1/auth/sessions", operation_id = "list_sessions", tag = "auth", security(("session" = [])), responses((status = 200, body = [Session]), (status = 401, body = Problem)))]
pub async fn list(State(state): State<AppState>, caller: SignedIn) -> Result<axum::Json<Vec<Session>>> {
    Ok(axum::Json(live(&state, &caller).await?))
}

/// Ends one session of the account, at once and everywhere.
#[utoipa::path(delete, path = "/v1/auth/sessions/{id}", tag = "auth", security(("session" = [])), params(("id" = String, Path, description = "the session's id")),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn revoke(State(state): State<AppState>, caller: SignedIn, Path(id): Path<String>) -> Result<StatusCode> {
    if end(&state, &caller, &id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("such session")) }
}

/// Ends a session of the caller's account; false when there is none.
async fn end(state: &AppState, caller: &SignedIn, id: &str) -> Result<bool> {
    Ok(sessions::end(&mut *state.pool.acquire().await?, caller.account, id).await?)
}

async fn live(state: &AppState, caller: &SignedIn) -> Result<Vec<Session>> {
    let rows = sessions::live(&mut *state.pool.acquire().await?, caller.account).await?;
    let view = |row: sessions::Session| {
        let current = row.id == caller.session.0;
        Session::of(state, caller.account, row, current)
    };
    Ok(rows.into_iter().map(view).collect())
}
