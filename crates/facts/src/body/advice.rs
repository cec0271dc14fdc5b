//! What the agents say, and who is watched.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An agent advised. The advice itself is stored beside its question, and can be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdviceGiven {
    /// Which agent.
    pub agent: String,
    /// What it is about: `asset:7` or `account:0x..`.
    pub subject: String,
    /// SHA-256 of the advice, in hex.
    pub hash: String,
    /// SHA-256 of the rules, in hex.
    pub rules: String,
    /// SHA-256 of the model, in hex; null where none was used.
    pub model: Option<String>,
    /// SHA-256 of the question, in hex.
    pub question: String,
}

/// Something is watched from now on, or is no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchEntry {
    /// What: `asset:7` or `account:0x..`.
    pub subject: String,
    /// How likely there is something to be seen, from 0 to 1, as text.
    pub score: String,
    /// SHA-256 of the reason, in hex.
    pub why: String,
    /// Who watches: `operator` or `risk agent`.
    pub by: String,
}
