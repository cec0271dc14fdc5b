//! POST /v1/github-hooks/{id}

use std::borrow::Cow;

use axum::{
    body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
};
use importer::github::{MAX_BODY_BYTES, verify_signature};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use store::github::{self, NewDelivery};
use utoipa::ToSchema;

use super::hook_id;
use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
};

/// A delivery that is stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct Receipt {
    pub id: String,
    /// `received`, or what became of it when it came before: `applied`, `ignored` or `failed`.
    pub state: String,
    /// Whether it came before, under this name or with this body.
    pub known: bool,
}

/// The headers that GitHub sends with a delivery.
struct Head<'a> {
    signature: &'a str,
    event: &'a str,
    guid: &'a str,
    /// Whether the payload is a field of a form, which is GitHub's default, or the body itself.
    form: bool,
}

/// The part that the payloads of most events have.
#[derive(Deserialize)]
struct Named {
    action: Option<String>,
}

/// Takes a delivery of GitHub's: checks the signature over the raw body, stores it, and answers at once. What follows from it is
/// done afterwards, in the order in which deliveries came. The same delivery again is answered, and changes nothing.
#[utoipa::path(post, path = "/v1/github-hooks/{id}", operation_id = "receive_github_delivery", tag = "github",
    params(("id" = String, Path, description = "the hook's id"),
           ("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC-SHA256 of the body, keyed with the secret"),
           ("X-GitHub-Event" = String, Header, description = "`push`, `pull_request`, `ping` or another"),
           ("X-GitHub-Delivery" = String, Header, description = "GitHub's name for the delivery")),
    request_body(content = Vec<u8>, content_type = "application/json",
                 description = "at most 25 MiB, as GitHub's; or `application/x-www-form-urlencoded` with the JSON in the field `payload`"),
    responses((status = 202, body = Receipt), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem)))]
pub async fn receive(
    State(state): State<AppState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, axum::Json<Receipt>)> {
    let answer = take(&state, &id, request).await;
    let outcome = match &answer {
        Ok(receipt) if receipt.known => "known",
        Ok(_) => "received",
        Err(_) => "refused",
    };
    metrics::counter!("webhook_deliveries_total", "outcome" => outcome).increment(1);
    Ok((StatusCode::ACCEPTED, axum::Json(answer?)))
}

async fn take(state: &AppState, id: &str, request: Request) -> Result<Receipt> {
    let id = hook_id(id)?;
    let (parts, body) = request.into_parts();
    let head = Head::read(&parts.headers)?;
    // The hook is looked up before the body is read, so that only somebody who knows a hook's address can make us hold a body
    // in memory.
    let hook = sqlx::query!(
        r#"SELECT work_id, secret AS "secret!", CASE WHEN previous_until > now() THEN previous_secret END AS previous
           FROM github_hooks WHERE id = $1::text::uuid AND revoked_at IS NULL"#,
        id
    )
    .fetch_optional(&state.pool)
    .await?
    .ok_or_else(|| Problem::not_found("such hook"))?;
    let body = body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| cut_off(&error))?;
    let checked = verify_signature(hook.secret.as_bytes(), &body, head.signature);
    let checked = match &hook.previous {
        Some(previous) => checked.or_else(|_| verify_signature(previous.as_bytes(), &body, head.signature)),
        None => checked,
    };
    let verified = checked.map_err(|error| bad_signature(error.to_string()))?;
    let payload = if head.form { field_of_form(verified.body())? } else { Cow::Borrowed(verified.body()) };
    store(&state.pool, &id, hook.work_id, &head, &payload).await
}

/// Returns the payload that a form holds. The signature was over the form.
fn field_of_form(form: &[u8]) -> Result<Cow<'_, [u8]>> {
    let found = form_urlencoded::parse(form).find(|(name, _)| name == "payload");
    match found {
        Some((_, Cow::Borrowed(payload))) => Ok(payload.as_bytes().into()),
        Some((_, Cow::Owned(payload))) => Ok(payload.into_bytes().into()),
        None => Err(Problem::field("payload", "missing", "is missing: a form has the delivery in this field")),
    }
}

/// Stores a delivery that was verified, and tells the workers about it, in one transaction.
async fn store(pool: &PgPool, hook: &str, work: i64, head: &Head<'_>, payload: &[u8]) -> Result<Receipt> {
    // Whatever was signed is stored. What is not JSON has no action, and is shown as text.
    let named: Option<Named> = serde_json::from_slice(payload).ok();
    let action = named.and_then(|named| named.action).map(|action| action.replace('\0', ""));
    let payload_hash: [u8; 32] = Sha256::digest(payload).into();
    let mut tx = pool.begin().await?;
    let delivery = NewDelivery {
        hook,
        work,
        guid: head.guid,
        event: head.event,
        action: action.as_deref(),
        payload,
        payload_hash,
    };
    if let Some(new) = github::receive(&mut tx, &delivery).await? {
        tx.commit().await?;
        return Ok(Receipt { id: new.to_string(), state: "received".to_owned(), known: false });
    }
    let known = sqlx::query!(
        "SELECT id, state FROM github_deliveries WHERE hook_id = $1::text::uuid AND (guid = $2 OR payload_hash = $3)
         ORDER BY id LIMIT 1",
        hook,
        head.guid,
        &payload_hash as _
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(Receipt { id: known.id.to_string(), state: known.state, known: true })
}

impl<'a> Head<'a> {
    fn read(headers: &'a HeaderMap) -> Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = text("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let form = match media_type.as_str() {
            "application/json" => false,
            "application/x-www-form-urlencoded" => true,
            _ => {
                return Err(Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "media_type",
                    "A delivery is `application/json` or `application/x-www-form-urlencoded`, whichever the webhook is set to \
                     at GitHub.",
                ));
            }
        };
        // A length that is absent or not a number tells nothing beforehand: the body itself is read up to the limit.
        let length: u64 = text(header::CONTENT_LENGTH.as_str()).parse().unwrap_or_default();
        if length > MAX_BODY_BYTES as u64 {
            return Err(too_large());
        }
        let signature = text("x-hub-signature-256");
        if signature.is_empty() {
            return Err(bad_signature(
                "There is no X-Hub-Signature-256: set the webhook's secret at GitHub.".to_owned(),
            ));
        }
        let name = |header: &'static str| {
            let name = text(header);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let sound = (1..=100).contains(&name.len()) && name.bytes().all(plain);
            let message = "is a name of 1 to 100 letters, digits, `-`, `_` and `.`".to_owned();
            if sound { Ok(name) } else { Err(Problem::field(header, "not_a_name", message)) }
        };
        Ok(Self { signature, event: name("X-GitHub-Event")?, guid: name("X-GitHub-Delivery")?, form })
    }
}

fn bad_signature(detail: String) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "bad_signature", detail)
}

fn too_large() -> Problem {
    let detail = format!("A delivery has at most {} MiB. Import the repository instead.", MAX_BODY_BYTES >> 20);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

/// Returns the problem of a body that is longer than announced or allowed, or that ended early.
fn cut_off(error: &axum::Error) -> Problem {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return too_large();
        }
        cause = error.source();
    }
    Problem::new(StatusCode::BAD_REQUEST, "cut_off", "The delivery was cut off before its end. Nothing was stored.")
}
