//! Errors as RFC 9457 problem documents: a stable `type` and `code`, what happened, what to do, and a trace id.

use advisors::AdvisorError;
use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

/// One field of the request that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, in dots: `order.endTime`.
    pub field: String,
    pub message: String,
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
    /// Names this answer in the server's log.
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
        let title = http.canonical_reason().unwrap_or("Error").to_owned();
        let kind = format!("urn:tributary:problem:{code}");
        let trace_id = format!("{:016x}", rand::random::<u64>());
        Self {
            kind,
            title,
            http,
            status: http.as_u16(),
            code,
            detail: detail.into(),
            trace_id,
            errors: vec![],
            asset_id: None,
        }
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// The request is well formed, but these fields break a rule.
    pub fn fields(errors: Vec<(&str, String)>) -> Self {
        let errors: Vec<FieldError> =
            errors.into_iter().map(|(field, message)| FieldError { field: field.to_owned(), message }).collect();
        let detail =
            errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::invalid(detail) }
    }

    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no {what}."))
    }

    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in", "Sign in first: GET /v1/auth/nonce, sign, POST /v1/auth/verify.")
    }

    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Something behind us is away for now; the request may be repeated.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    pub fn internal(error: impl std::fmt::Display) -> Self {
        let problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. Nothing was changed.",
        );
        tracing::error!(trace_id = problem.trace_id, "{error}");
        problem
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

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.constraint().and_then(on_constraint) {
                Some(problem) => problem,
                // PostgreSQL's texts hold every character but one.
                None if matches!(database.code().as_deref(), Some("22021" | "22P05")) => {
                    Self::invalid("A text holds the character NUL (U+0000), which cannot be stored. Remove it.")
                }
                // Serialization failures and shutdowns pass; the request may be repeated.
                None if matches!(database.code().as_deref(), Some("40001" | "40P01" | "57P01" | "57P03")) => {
                    Self::unavailable("The database is busy or restarting. Try again.")
                }
                None => Self::internal(error),
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                tracing::warn!("the database is away: {error}");
                Self::unavailable("The database does not answer. Nothing was changed; try again.")
            }
            _ => Self::internal(error),
        }
    }
}

/// What a broken constraint means to the one who asked. The one table of them.
fn on_constraint(name: &str) -> Option<Problem> {
    let problem = match name {
        "works_owner_source_source_key_key" => {
            Problem::conflict("duplicate_work", "You have recorded this work before.")
        }
        "works_title_check" => Problem::fields(vec![("title", "has 1 to 200 characters".into())]),
        "works_description_check" => Problem::fields(vec![("description", "has at most 5000 characters".into())]),
        _ => return None,
    };
    Some(problem)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            error => Self::internal(error),
        }
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
