//! Errors as RFC 9457 problem documents: a stable `type` and `code`, what happened, what to do, and the request's id.
//!
//! Every error of a command, of the database and of the HTTP framework becomes a problem here and nowhere else.

use std::error::Error;

use advisors::AdvisorError;
use alloy::transports::TransportError;
use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use commands::{Conflict, Fault};
use serde::Serialize;
use service::error_chain;
use store::StoreError;
use utoipa::ToSchema;

use crate::requests;

/// One field of the request that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, in dots: `order.endTime`.
    pub field: String,
    /// A stable word for programs: `ends_before_start`.
    pub code: &'static str,
    /// What is wrong with the field, for people.
    pub message: String,
}

impl FieldError {
    pub fn new(field: &str, code: &'static str, message: impl ToString) -> Self {
        Self { field: field.to_owned(), code, message: message.to_string() }
    }
}

impl From<&Fault> for FieldError {
    fn from(fault: &Fault) -> Self {
        Self::new(fault.field(), fault.code(), fault)
    }
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable URI of the kind of problem: `urn:tributary:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    #[serde(skip)]
    #[schema(ignore)]
    pub http: StatusCode,
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs.
    pub code: &'static str,
    /// What happened and what to do, for people.
    pub detail: String,
    /// The request's id, as the header `x-request-id` has it: the server's log names it on every line about the request.
    pub trace_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The asset that stands in the way, for `duplicate_content`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
}

pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    pub fn new(http: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:tributary:problem:{code}"),
            title: http.canonical_reason().unwrap_or("Error").to_owned(),
            http,
            status: http.as_u16(),
            code,
            detail: detail.into(),
            trace_id: requests::id(),
            errors: vec![],
            asset_id: None,
        }
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// Creates the problem that a request is well formed, but this field breaks a rule.
    pub fn field(field: &str, code: &'static str, message: impl ToString) -> Self {
        Self::fields(vec![FieldError::new(field, code, message)])
    }

    /// Creates the problem that a request is well formed, but these fields break rules.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let sentence = |error: &FieldError| format!("{} {}", error.field, error.message);
        let detail = errors.iter().map(sentence).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::invalid(detail) }
    }

    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no {what}."))
    }

    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in", "Sign in first: GET /v1/auth/nonce, sign, POST /v1/auth/verify.")
    }

    /// Creates the problem that a signed message is not accepted, for a sign-in or another purpose.
    pub fn sign_in_refused(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in_refused", detail)
    }

    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Creates the problem that a service behind this one is not available for now. The request may be repeated.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// Creates the problem for an error that must not happen. It is logged here, once, with all its causes. The answer
    /// does not say anything about it.
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        tracing::error!("{}", error_chain(&*error.into()));
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. Look whether it was done before you repeat it, and quote the trace id \
             when you ask us.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.http, Json(&self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.http, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// Creates the problem for a fault that a handler found while it read the request.
pub fn refused(fault: impl Into<Fault>) -> Problem {
    commands::Error::Refused(vec![fault.into()]).into()
}

impl From<commands::Error> for Problem {
    fn from(error: commands::Error) -> Self {
        let text = error.to_string();
        match error {
            commands::Error::Refused(faults) => {
                Self { errors: faults.iter().map(FieldError::from).collect(), ..Self::invalid(text) }
            }
            commands::Error::NotFound(what) => Self::not_found(what),
            commands::Error::Conflict(conflict) => {
                Self { asset_id: asset(&conflict), ..Self::conflict(conflict.code(), text) }
            }
            commands::Error::ProposalsClosed { .. } => Self::new(StatusCode::FORBIDDEN, "proposals_closed", text),
            commands::Error::NonceSpent => Self::sign_in_refused(text),
            commands::Error::Store(StoreError::Database(error)) => from_database(error),
            commands::Error::Store(error) => Self::internal(error),
            commands::Error::Advice(error) => error.into(),
            commands::Error::Chain(error) => node_is_away(&error),
        }
    }
}

fn asset(conflict: &Conflict) -> Option<String> {
    match conflict {
        Conflict::DuplicateContent { asset } => Some(asset.to_string()),
        _ => None,
    }
}

/// Creates the problem that the node did not answer. The chain is asked before anything is stored, so repeating the
/// request is safe.
fn node_is_away(error: &TransportError) -> Problem {
    tracing::warn!("the node is away: {}", error_chain(error));
    Problem::unavailable("The chain's node does not answer. Nothing was changed; try again.")
}

/// Creates the problem for a database error that no rule explains.
fn from_database(error: sqlx::Error) -> Problem {
    let code = error.as_database_error().and_then(|database| database.code());
    match (&error, code.as_deref()) {
        // PostgreSQL's texts can hold every character except NUL.
        (_, Some("22021" | "22P05")) => {
            Problem::invalid("A text holds the character NUL (U+0000), which cannot be stored. Remove it.")
        }
        // Serialization failures and shutdowns are temporary, so the request may be repeated.
        (_, Some("40001" | "40P01" | "57P01" | "57P03")) => {
            Problem::unavailable("The database is busy or restarting. Try again.")
        }
        (sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed, _) => {
            tracing::warn!("the database is away: {}", error_chain(&error));
            Problem::unavailable("The database does not answer. Nothing was changed by what waited for it; try again.")
        }
        // The lost answer may be the answer to a commit.
        (sqlx::Error::Io(_), _) => {
            tracing::warn!("the database is away: {}", error_chain(&error));
            Problem::unavailable("The database does not answer. Look whether it was done before you try again.")
        }
        _ => Problem::internal(error),
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        commands::Error::from(error).into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        commands::Error::from(error).into()
    }
}

impl From<AdvisorError> for Problem {
    fn from(error: AdvisorError) -> Self {
        match error {
            AdvisorError::Store(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request body is larger than 1 MiB.")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media_type",
                "Send JSON with `Content-Type: application/json`.",
            ),
            _ => Self::invalid(rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}
