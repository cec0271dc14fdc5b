//! The parts of a payload that events share, and its limits. Fields that are not used are not read.

use serde::{Deserialize, de::DeserializeOwned};

use super::{MAX_COMMITS, MAX_FILES, MAX_PATH, PullRequest, Push};

/// An event of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// GitHub asks whether anyone is listening. Nothing happened.
    Ping,
    /// Somebody pushed to a branch or a tag.
    Push(Push),
    /// Something happened to a pull request.
    PullRequest(Box<PullRequest>),
    /// An event that has no meaning here.
    Other,
}

/// The reason why a payload cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It is not JSON, or lacks a field that GitHub documents.
    #[error("the payload of `{event}` is not what GitHub documents: {source}")]
    Malformed {
        /// The event.
        event: &'static str,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// A field has a value that it cannot have.
    #[error("{field} is {value:?}: {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// The beginning of what it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// There is more than the limit allows.
    #[error("{what} has {found} {unit}, the limit is {limit}: import the repository instead")]
    Limit {
        /// What is too large.
        what: String,
        /// How large it is.
        found: usize,
        /// The largest that is taken.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
}

/// The repository an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// GitHub's number for it, which stays the same when the repository is renamed or moved.
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
    /// The branch that counts.
    pub default_branch: String,
}

/// An account at GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Its name, without `@`.
    pub login: String,
    /// `User`, `Organization` or `Bot`, where the payload says it.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
}

impl Event {
    pub(super) fn parse(name: &str, body: &[u8]) -> Result<Self, PayloadError> {
        match name {
            "ping" => Ok(Self::Ping),
            "push" => {
                let push: Push = read("push", body)?;
                push.check()?;
                Ok(Self::Push(push))
            }
            "pull_request" => {
                let request: PullRequest = read("pull_request", body)?;
                request.check()?;
                Ok(Self::PullRequest(Box::new(request)))
            }
            _ => Ok(Self::Other),
        }
    }
}

fn read<T: DeserializeOwned>(event: &'static str, body: &[u8]) -> Result<T, PayloadError> {
    serde_json::from_slice(body).map_err(|source| PayloadError::Malformed { event, source })
}

/// Refuses everything except a full object id (SHA-1 or SHA-256) in lower case.
pub(super) fn check_id(field: &'static str, id: &str) -> Result<(), PayloadError> {
    let sound = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if sound { Ok(()) } else { Err(field_error(field, id, "it must be 40 or 64 lower-case hex digits")) }
}

pub(super) fn field_error(field: &'static str, value: &str, expected: &'static str) -> PayloadError {
    PayloadError::Field { field, value: value.chars().take(80).collect(), expected }
}

pub(super) fn check_commits(count: usize) -> Result<(), PayloadError> {
    at_most(MAX_COMMITS, count, "commits", || "the push".to_owned())
}

/// Refuses a commit of too many files, or of a path that is too long.
pub(super) fn check_files<'a>(commit: &str, files: impl Iterator<Item = &'a String>) -> Result<(), PayloadError> {
    let mut count = 0;
    for path in files {
        count += 1;
        at_most(MAX_PATH, path.len(), "bytes", || format!("the path of a file of commit {commit}"))?;
    }
    at_most(MAX_FILES, count, "files", || format!("commit {commit}"))
}

fn at_most(limit: usize, found: usize, unit: &'static str, what: impl FnOnce() -> String) -> Result<(), PayloadError> {
    if found <= limit { Ok(()) } else { Err(PayloadError::Limit { what: what(), found, limit, unit }) }
}
