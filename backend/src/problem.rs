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

/// Creates the problem that the node did not answer, or answered with an error. The chain is asked before anything is
/// stored, so repeating the request is safe.
fn node_is_away(error: &TransportError) -> Problem {
    tracing::warn!("the node is away: {}", error_chain(error));
    let what = if error.is_error_resp() { "answered with an error" } else { "does not answer" };
    Problem::unavailable(format!("The chain's node {what}. Nothing was changed; try again."))
}

/// Creates the problem for a database error that no rule explains.
fn from_database(error: sqlx::Error) -> Problem {
    let code = error.as_database_error().and_then(|database| database.code());
    match (&error, code.as_deref()) {
        // PostgreSQL's texts can hold every character except NUL.
        (_, Some("22021" | "22P05")) => {
            Problem::invalid("A text holds the character NUL (U+0000), which cannot be stored. Remove it.")
        }
        // The transaction was rolled back for the sake of another one, or the server takes no connections yet. Nothing is
        // read or written after a commit, so the request changed nothing and may be repeated.
        (_, Some("40001" | "40P01" | "57P03")) => {
            Problem::unavailable("The database is busy or restarting. Nothing was changed; try again.")
        }
        (sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed, _) => {
            tracing::warn!("the database is away: {}", error_chain(&error));
            Problem::unavailable("The database does not answer. Nothing was changed by what waited for it; try again.")
        }
        // The connection was lost, perhaps because the server shuts down. The lost answer may be the answer to a commit.
        (sqlx::Error::Io(_), _) | (_, Some("57P01" | "57P02")) => {
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

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// An error of the database's with this code.
    #[derive(Debug)]
    struct Coded(&'static str);

    impl fmt::Display for Coded {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "the database answered with {}", self.0)
        }
    }

    impl Error for Coded {}

    impl DatabaseError for Coded {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    #[test]
    fn only_what_was_certainly_not_committed_is_said_to_have_changed_nothing() {
        let coded = |code| sqlx::Error::Database(Box::new(Coded(code)));
        let rolled_back = [coded("40001"), coded("40P01"), coded("57P03"), sqlx::Error::PoolTimedOut];
        let unknown = [
            coded("57P01"),
            coded("57P02"),
            coded("XX000"),
            sqlx::Error::Io(io::Error::other("the connection was reset")),
            sqlx::Error::WorkerCrashed,
        ];
        for error in rolled_back {
            let text = error.to_string();
            let problem = Problem::from(error);
            assert!(problem.detail.contains("Nothing was changed"), "{text}: {}", problem.detail);
            assert_eq!(problem.status, 503, "{text}");
        }
        for error in unknown {
            let text = error.to_string();
            let problem = Problem::from(error);
            assert!(problem.detail.contains("Look whether it was done before you"), "{text}: {}", problem.detail);
            assert!(!problem.detail.contains("Nothing was changed"), "{text}: {}", problem.detail);
        }
    }

    #[test]
    fn a_node_that_answers_with_an_error_is_not_said_to_be_silent() {
        let payload = serde_json::from_str(r#"{"code": -32005, "message": "limit exceeded"}"#).unwrap();
        let answered = Problem::from(commands::Error::Chain(TransportError::ErrorResp(payload)));
        assert_eq!(answered.detail, "The chain's node answered with an error. Nothing was changed; try again.");
        let silent = alloy::transports::TransportErrorKind::backend_gone();
        let silent = Problem::from(commands::Error::Chain(silent));
        assert_eq!(silent.detail, "The chain's node does not answer. Nothing was changed; try again.");
    }
}
