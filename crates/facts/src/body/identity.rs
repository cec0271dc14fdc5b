//! Who contributors are, and where they are paid. The emails and logins themselves stay out of the ledger.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{Account, Hash, Id};

/// It became known where a contributor is paid for a work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressKnown {
    /// The work.
    pub work: Id,
    /// The contributor.
    pub contributor: Id,
    /// Where they are paid.
    pub address: Account,
    /// Who says so: `mapping`, `trailer` or `FUNDING.json`.
    pub source: String,
}

/// An account claims to be the one behind an email or login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityClaimed {
    /// The account.
    pub account: Account,
    /// SHA-256 of the statement that it signed.
    pub statement_hash: Hash,
}

/// The owner of a work refused a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityRefused {
    /// The account that had claimed.
    pub account: Account,
    /// SHA-256 of the statement that it signed.
    pub statement_hash: Hash,
    /// The owner.
    pub by: Account,
}

/// A proven claim says where a contributor is paid for a work, or does so no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityLinked {
    /// The work.
    pub work: Id,
    /// The contributor.
    pub contributor: Id,
    /// Where they are paid.
    pub address: Account,
    /// Who proved it: `owner`, `trailer`, `FUNDING.json` or `mapping`.
    pub source: String,
}
