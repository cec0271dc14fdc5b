//! GET /v1/auth/nonce and POST /v1/auth/verify.

use std::borrow::Cow;

use alloy::primitives::{Address, eip191_hash_message};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
};
use axum_extra::extract::CookieJar;
use commands::{nonce as nonces, signature};
use serde::{Deserialize, Serialize};
use signinwithethereum::Message;
use utoipa::ToSchema;

use super::session;
use crate::{
    AppState,
    extract::Json,
    problem::{Problem, Result},
    values::{parse, signature_field},
};

/// The most bytes of a message.
const LONGEST: usize = 16_384;

/// A nonce is good for ten minutes and for one sign-in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Nonce {
    pub nonce: String,
    pub expires_at: chrono::DateTime<chrono::Utc>,
}

/// A fresh nonce for a sign-in message.
#[utoipa::path(get, path = "/v1/auth/nonce", tag = "auth", responses((status = 200, body = Nonce)))]
pub async fn nonce(State(state): State<AppState>) -> Result<axum::Json<Nonce>> {
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let expires_at = store::accounts::nonces::issue(&mut *state.pool.acquire().await?, &nonce).await?;
    Ok(axum::Json(Nonce { nonce, expires_at }))
}

#[derive(Deserialize, ToSchema)]
pub struct SignIn {
    /// The EIP-4361 message, exactly as it was signed. Its address may be in any case.
    pub message: String,
    /// The signature, 0x-hex: of a key (EIP-191), as the account's contract accepts it (ERC-1271), or as the contract will
    /// accept it once it is deployed (ERC-6492).
    pub signature: String,
}

/// Signs in: checks the message and its signature, and starts a session in a cookie.
#[utoipa::path(post, path = "/v1/auth/verify", tag = "auth", request_body = SignIn,
    responses((status = 200, body = session::Session), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn verify(
    State(state): State<AppState>,
    headers: HeaderMap,
    jar: CookieJar,
    Json(request): Json<SignIn>,
) -> Result<(CookieJar, axum::Json<session::Session>)> {
    session::check_origin(&state, &Method::POST, &headers)?;
    if request.message.len() > LONGEST {
        return Err(Problem::field("message", "too_long", format!("has at most {LONGEST} bytes")));
    }
    let message = read(&request.message)?;
    check_message(&state, &message)?;
    let bytes = parse("signature", &request.signature, signature_field)?;
    // What is verified are the bytes that were signed, and not the message as we would have written it.
    let hash = eip191_hash_message(&request.message);
    let account = Address::from(message.address);
    if !signature::is_of_account(&state.provider, account, hash, &bytes).await? {
        return Err(Problem::sign_in_refused("The signature is not by the account in the message."));
    }
    // The nonce is used up in the transaction that starts the session, so a message signs in only
    // once.
    let mut tx = state.pool.begin().await?;
    nonces::spend(&mut tx, &message.nonce).await?;
    let (jar, session) = session::start(&state, &mut tx, jar, &headers, account).await?;
    tx.commit().await?;
    Ok((jar, axum::Json(session)))
}

/// Reads a message. Its address may be in any case: the signature tells whether the address is right, so the capitals that
/// guard against a slip of the pen (EIP-55) are not needed.
fn read(text: &str) -> Result<Message> {
    let mut lines: Vec<Cow<'_, str>> = text.split('\n').map(Cow::from).collect();
    if let Some(address) = lines.get_mut(1) {
        *address = address.to_ascii_lowercase().into();
    }
    lines.join("\n").parse().map_err(|error| {
        Problem::field("message", "not_a_message", format!("is not a sign-in message of EIP-4361: {error}"))
    })
}

fn check_message(state: &AppState, message: &Message) -> Result<()> {
    let origin = state.settings.origin();
    let (scheme, host) = origin.split_once("://").unwrap_or(("http", &origin));
    if !message.domain.as_str().eq_ignore_ascii_case(host) {
        return Err(Problem::sign_in_refused(format!("The message is for {}, this is {host}.", message.domain)));
    }
    if let Some(named) = message.scheme.as_deref().filter(|named| !named.eq_ignore_ascii_case(scheme)) {
        return Err(Problem::sign_in_refused(format!(
            "The message is for {named}://{host}, this is {scheme}://{host}."
        )));
    }
    if message.chain_id != state.chain_id().0 {
        return Err(Problem::sign_in_refused(format!(
            "The message is for chain {}, this is chain {}.",
            message.chain_id,
            state.chain_id()
        )));
    }
    if !message.valid_now() {
        return Err(Problem::sign_in_refused("The message has expired or is not valid yet."));
    }
    Ok(())
}
