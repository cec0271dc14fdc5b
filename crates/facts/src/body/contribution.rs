//! Contributions. Every fact about one says all of it, so that what counts at any time follows from the facts alone.

use domain::cost::Basis;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{Account, Id, Units};

/// A contribution as it is recorded, proposed, accepted, rejected or corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contribution {
    /// The work.
    pub work: Id,
    /// Who contributed.
    pub contributor: Id,
    /// MANUAL_LABOR and so on.
    pub kind: String,
    /// Its cost.
    #[schema(value_type = String)]
    pub cost: Decimal,
    /// How well it fits the work, from 0 to 1.
    #[schema(value_type = String)]
    pub coherence: Decimal,
    /// How sure the cost is, from 0 to 1.
    #[schema(value_type = String)]
    pub confidence: Decimal,
    /// Its weight in divisions, in units of 1e-12.
    pub weight: Units,
    /// The key by which it is known again.
    pub reference: String,
    /// Where its evidence lies.
    pub evidence: Option<String>,
    /// What kind of evidence that is.
    pub evidence_kind: String,
    /// Who recorded it.
    pub recorded_by: Account,
    /// Who made this happen to it.
    pub by: Account,
    /// Which revision of it this is, from 0.
    pub revision: i32,
    /// The rule behind its cost, with all inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub basis: Option<Basis>,
    /// The contribution whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Id>,
    /// Who made a SYSTEM act, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggered_by: Vec<Id>,
}
