//! Works as people describe them. Titles and descriptions stay out of the ledger: they may name people, and nobody could take them
//! back. So does the content hash: whoever knew it could register it before the work's owner does.

use domain::coherence::Inputs;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{Account, Hash, Id};

/// A work was described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkCreated {
    /// The work.
    pub work: Id,
    /// Whose it is.
    pub owner: Account,
    /// CODE, MUSIC and so on.
    pub kind: String,
    /// How it came: `upload` or `git`.
    pub source: String,
    /// The first commit of a repository.
    pub source_key: Option<String>,
}

/// A work has a new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionAdded {
    /// The work.
    pub work: Id,
    /// SHA-256 of the content hash.
    pub content_commitment: Hash,
    /// A commit, or what its owner calls it; may be empty.
    pub label: String,
}

/// The dependencies that a work's lock files name changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependenciesChanged {
    /// The work.
    pub work: Id,
    /// How many uses there are.
    pub uses: i64,
    /// SHA-256 over the graph, line by line.
    pub digest: Hash,
}

/// A work's owner said who may propose contributions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicySet {
    /// `anyone`, `contributors` or `nobody`.
    pub proposals: String,
    /// Whether imports and pushes count without a decision.
    pub preaccepted: bool,
    /// Who said so.
    pub by: Account,
}

/// A work's coherence was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkMeasured {
    /// The work.
    pub work: Id,
    /// The commit.
    pub commit: String,
    /// The score, from 0 to 1.
    #[schema(value_type = String)]
    pub coherence: Decimal,
    /// The share of weight that was measured.
    #[schema(value_type = String)]
    pub confidence: Decimal,
    /// What was measured of each input.
    #[schema(value_type = Object)]
    pub inputs: Inputs,
}

/// A webhook for a work's repository at GitHub was made or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GithubHookChanged {
    /// The work.
    pub work: Id,
}

/// A webhook at GitHub has another secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubHookRotated {
    /// The work.
    pub work: Id,
    /// How many hours the old secret still holds, as a decimal string.
    pub overlap_hours: String,
}

/// GitHub delivered something about a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryReceived {
    /// The work.
    pub work: Id,
}

/// It became known where some of a work's contributors are paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayeesChanged {
    /// The work.
    pub work: Id,
    /// Of how many.
    pub addresses: u64,
}
