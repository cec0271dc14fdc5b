//! What can be wrong with a contribution, a correction or a decision.

use rust_decimal::Decimal;

use super::{COMMIT_PREFIX, KINDS, MAX_COST, MAX_ITEMS, MAX_PLACES, MAX_REASON, MAX_TOKENS, MAX_TRIGGERS};
use crate::{cost::CostError, identity::UnknownIdentity, money::ParseAddressError};

/// A rule that a contribution, a correction or a decision breaks. [`code`](Fault::code) and [`field`](Fault::field) are
/// stable; the text is for people, and completes a sentence that begins with the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what the arguments are")]
pub enum Fault {
    #[error("has {least} to {most} characters")]
    Length { field: &'static str, least: usize, most: usize },
    #[error("is a decimal from 0 to {most} with at most {MAX_PLACES} places")]
    NotDecimal { field: &'static str, most: u32 },
    #[error("{error}")]
    NotAddress { field: &'static str, error: ParseAddressError },
    #[error("{error}")]
    NotIdentity { field: &'static str, error: UnknownIdentity },
    #[error("is one of {}", KINDS.join(", "))]
    UnknownKind,
    #[error("is HUMAN or SYSTEM")]
    UnknownContributorKind,
    #[error("is SYSTEM for a contributor `tool:<name>`, and HUMAN for others")]
    OtherContributorKind,
    #[error("is for a SYSTEM")]
    TriggersOfPerson,
    #[error("names at most {MAX_TRIGGERS}")]
    TooManyTriggers,
    #[error("names tools, and a person at the end")]
    TriggersWithoutPerson,
    #[error("goes in a circle at `{at}`")]
    TriggersInCircle { at: String },
    #[error("is a time in the past")]
    TimeNotPast,
    #[error("is missing: one of cost, labour, tool and compute says what it cost")]
    CostMissing,
    #[error("is given twice: only one of cost, labour, tool and compute says what it cost")]
    CostGivenTwice,
    #[error("is {cost}, more than {MAX_COST}")]
    CostTooHigh { cost: Decimal },
    #[error("cannot be computed: {error}")]
    CostNotComputable { error: CostError },
    #[error("is above {MAX_TOKENS}: inputTokens and outputTokens are at most {MAX_TOKENS}")]
    TooManyTokens { field: &'static str },
    #[error("is unknown: there is no price profile {kind}:{name} for that time: see /v1/price-profiles")]
    NoPriceProfile { kind: &'static str, name: String },
    #[error("is a CID, an https:// address, or the hash of a transaction")]
    UnknownEvidence,
    #[error("goes with evidence")]
    EvidenceMissing,
    #[error("of a transaction's hash is transaction")]
    EvidenceOfTransaction,
    #[error("of a CID is invoice or receipt")]
    EvidenceOfContent,
    #[error("goes with a CID or a transaction: upload the document")]
    EvidenceMayChange,
    #[error("holds 1 to {MAX_ITEMS} {of}")]
    WrongCount { field: &'static str, of: &'static str },
    #[error("the same contributor and reference twice")]
    Repeated,
    #[error("references that begin with `{COMMIT_PREFIX}` are kept for commits")]
    ReferenceOfCommit,
    #[error("holds ids of contributions")]
    NotIds,
    #[error("changes nothing: give what is to be different")]
    CorrectionEmpty,
    #[error("has at most {MAX_REASON} characters")]
    ReasonTooLong,
    #[error("item {place}: {}", .fault.sentence())]
    Item { place: usize, fault: Box<Fault> },
}

impl Fault {
    /// Returns the stable code of the fault, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "wrong_length",
            Self::NotDecimal { .. } => "not_a_decimal",
            Self::NotAddress { error, .. } => error.code(),
            Self::NotIdentity { .. } => "not_an_identity",
            Self::UnknownKind => "unknown_kind",
            Self::UnknownContributorKind => "unknown_contributor_kind",
            Self::OtherContributorKind => "other_contributor_kind",
            Self::TriggersOfPerson => "triggers_of_person",
            Self::TooManyTriggers => "too_many_triggers",
            Self::TriggersWithoutPerson => "triggers_without_person",
            Self::TriggersInCircle { .. } => "triggers_in_circle",
            Self::TimeNotPast => "time_not_past",
            Self::CostMissing => "cost_missing",
            Self::CostGivenTwice => "cost_given_twice",
            Self::CostTooHigh { .. } => "cost_too_high",
            Self::CostNotComputable { .. } => "cost_not_computable",
            Self::TooManyTokens { .. } => "too_many_tokens",
            Self::NoPriceProfile { .. } => "no_price_profile",
            Self::UnknownEvidence => "unknown_evidence",
            Self::EvidenceMissing => "evidence_missing",
            Self::EvidenceOfTransaction | Self::EvidenceOfContent => "other_evidence_kind",
            Self::EvidenceMayChange => "evidence_may_change",
            Self::WrongCount { .. } => "wrong_count",
            Self::Repeated => "repeated",
            Self::ReferenceOfCommit => "reference_of_commit",
            Self::NotIds => "not_ids",
            Self::CorrectionEmpty => "correction_empty",
            Self::ReasonTooLong => "wrong_length",
            Self::Item { fault, .. } => fault.code(),
        }
    }

    /// Returns the field that is wrong. For an item of a list, this is the list.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Length { field, .. }
            | Self::NotDecimal { field, .. }
            | Self::NotAddress { field, .. }
            | Self::NotIdentity { field, .. }
            | Self::TooManyTokens { field }
            | Self::WrongCount { field, .. } => field,
            Self::UnknownKind => "kind",
            Self::UnknownContributorKind | Self::OtherContributorKind => "contributorKind",
            Self::TriggersOfPerson
            | Self::TooManyTriggers
            | Self::TriggersWithoutPerson
            | Self::TriggersInCircle { .. } => "triggeredBy",
            Self::TimeNotPast => "occurredAt",
            Self::CostMissing | Self::CostGivenTwice | Self::CostTooHigh { .. } | Self::CostNotComputable { .. } => {
                "cost"
            }
            Self::NoPriceProfile { kind, .. } => kind,
            Self::UnknownEvidence => "evidence",
            Self::EvidenceMissing | Self::EvidenceOfTransaction | Self::EvidenceOfContent | Self::EvidenceMayChange => {
                "evidenceKind"
            }
            Self::Repeated | Self::ReferenceOfCommit => "reference",
            Self::NotIds => "ids",
            Self::CorrectionEmpty => "correction",
            Self::ReasonTooLong => "reason",
            Self::Item { .. } => "items",
        }
    }

    /// Turns the fault into one of an item in the list `items`.
    pub fn of_item(self, place: usize) -> Self {
        Self::Item { place, fault: Box::new(self) }
    }

    /// Returns the field and what is wrong with it, as a sentence without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Repeated | Self::ReferenceOfCommit | Self::Item { .. } => self.to_string(),
            _ => format!("{} {self}", self.field()),
        }
    }
}
