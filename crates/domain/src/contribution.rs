//! What makes a contribution recordable, what may become of it, and who may bring it. No contract mirrors these rules:
//! contributions are recorded off chain, and only what they earn is paid on chain.
//!
//! ```text
//! proposed --accept--> accepted --a correction is accepted--> corrected
//!     '-----reject---> rejected
//! ```
//!
//! A contribution is given field by field, and a correction gives some of the fields again. So the rules are functions
//! of a field's text each, and a few that look at several fields together.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;

use crate::{
    cost::{Basis, CostError, Evidence},
    identity::{Identity, UnknownIdentity},
    money::{B256, ParseAddressError, parse_address},
    work,
};

/// The highest cost, in US dollars.
pub const MAX_COST: u32 = 1_000_000_000;
/// The longest time that one contribution counts, in hours.
pub const MAX_HOURS: u32 = 1_000_000;
/// The most tokens that one contribution reads, or writes.
pub const MAX_TOKENS: u64 = 1_000_000_000_000;
/// A chain of SYSTEMs that set each other to work ends within this many steps.
pub const MAX_TRIGGERS: usize = 10;
/// The most contributions that one request records, or decides.
pub const MAX_ITEMS: usize = 1000;
/// References of commits begin with this. Only imports and pushes record them for a work, so that nobody's proposal is
/// taken for a commit.
pub const COMMIT_PREFIX: &str = "git:";
/// The longest reason of a decision, in characters.
pub const MAX_REASON: usize = 500;

/// The kinds of contributions, as they are written.
pub const KINDS: [&str; 4] = ["PROJECT_INCEPTION", "MANUAL_LABOR", "TOOL_EXECUTION", "ASSET_COMPOSITION"];

/// A decimal has at most this many places.
const MAX_PLACES: u32 = 6;
const MAX_EVIDENCE: usize = 500;
/// A clock may be ahead of ours by a day.
const CLOCK_TOLERANCE: i64 = 86_400;
/// The first second of year 1, where the database's calendar begins.
const FIRST_SECOND: i64 = -62_135_596_800;

/// A rule that a contribution, a correction or a decision breaks. [`code`](Fault::code) and [`field`](Fault::field) are
/// stable; the text is a predicate of the field, for people.
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
    /// A stable word for programs.
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

    /// The field that is wrong; of an item in a list, the list.
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

    /// The same fault as one of an item in the list `items`.
    pub fn of_item(self, place: usize) -> Self {
        Self::Item { place, fault: Box::new(self) }
    }

    /// The field and what is wrong with it, as a sentence without its full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Repeated | Self::ReferenceOfCommit | Self::Item { .. } => self.to_string(),
            _ => format!("{} {self}", self.field()),
        }
    }
}

/// What became of a contribution. Only accepted ones count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for the work's owner.
    Proposed,
    /// Counts.
    Accepted,
    /// Never counted.
    Rejected,
    /// Counted until a newer revision took its place.
    Corrected,
}

/// The text names no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is proposed, accepted, rejected or corrected")]
pub struct UnknownState;

/// What a work's owner says of a proposed contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts from now on.
    Accept,
    /// It never counts.
    Reject,
}

impl Verdict {
    /// The state that it leads to.
    pub const fn state(self) -> State {
        match self {
            Self::Accept => State::Accepted,
            Self::Reject => State::Rejected,
        }
    }
}

/// What a verdict does to a contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is decided by this verdict.
    Decided,
    /// It was decided so before: nothing changes.
    Unchanged,
    /// It was decided otherwise, which cannot be turned around.
    Otherwise,
}

impl State {
    const ALL: [Self; 4] = [Self::Proposed, Self::Accepted, Self::Rejected, Self::Corrected];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Corrected => "corrected",
        }
    }

    /// What a verdict does to a contribution in this state. One that was accepted may have been corrected since.
    pub const fn decide(self, verdict: Verdict) -> Outcome {
        match (self, verdict) {
            (Self::Proposed, _) => Outcome::Decided,
            (Self::Accepted | Self::Corrected, Verdict::Accept) | (Self::Rejected, Verdict::Reject) => {
                Outcome::Unchanged
            }
            (Self::Accepted | Self::Corrected, Verdict::Reject) | (Self::Rejected, Verdict::Accept) => {
                Outcome::Otherwise
            }
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownState)
    }
}

/// Who may propose contributions to a work of somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposals {
    /// Every account.
    Anyone,
    /// Accounts of whom a contribution to the work counts.
    Contributors,
    /// No account but the owner's.
    Nobody,
}

impl Proposals {
    const ALL: [Self; 3] = [Self::Anyone, Self::Contributors, Self::Nobody];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Contributors => "contributors",
            Self::Nobody => "nobody",
        }
    }
}

impl fmt::Display for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Proposals {
    type Err = work::Fault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|proposals| proposals.as_str() == text).ok_or(work::Fault::UnknownProposals)
    }
}

/// How the cost of a contribution is given: as a number, or as what it follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    /// So many US dollars.
    Declared(Decimal),
    /// So many hours, at US dollars an hour.
    Labour {
        /// Hours worked.
        hours: Decimal,
        /// US dollars an hour.
        rate: Decimal,
    },
    /// A language model's tokens, at the prices of its profile.
    Tool {
        /// The profile's name.
        name: String,
        /// Tokens read.
        input_tokens: u64,
        /// Tokens written.
        output_tokens: u64,
    },
    /// A machine's hours, at the prices of its profile.
    Compute {
        /// The profile's name.
        name: String,
        /// Hours the machine worked.
        hours: Decimal,
    },
}

impl Cost {
    /// So many US dollars.
    ///
    /// # Errors
    /// When the text is no decimal, or above [`MAX_COST`].
    pub fn declared(cost: &str) -> Result<Self, Fault> {
        Ok(Self::Declared(decimal("cost", cost, MAX_COST)?))
    }

    /// Somebody's work.
    ///
    /// # Errors
    /// When a text is no decimal, or too large.
    pub fn labour(hours: &str, rate: &str) -> Result<Self, Fault> {
        Ok(Self::Labour { hours: decimal("hours", hours, MAX_HOURS)?, rate: decimal("rate", rate, MAX_COST)? })
    }

    /// A language model's work.
    ///
    /// # Errors
    /// When there are more tokens than [`MAX_TOKENS`], or the name is empty or too long.
    pub fn tool(name: &str, input_tokens: u64, output_tokens: u64) -> Result<Self, Fault> {
        for (field, tokens) in [("inputTokens", input_tokens), ("outputTokens", output_tokens)] {
            if tokens > MAX_TOKENS {
                return Err(Fault::TooManyTokens { field });
            }
        }
        length("tool", name, 1, 100)?;
        Ok(Self::Tool { name: name.to_owned(), input_tokens, output_tokens })
    }

    /// A machine's work.
    ///
    /// # Errors
    /// When the hours are no decimal, or too large, or the name is empty or too long.
    pub fn compute(name: &str, hours: &str) -> Result<Self, Fault> {
        let hours = decimal("hours", hours, MAX_HOURS)?;
        length("compute", name, 1, 100)?;
        Ok(Self::Compute { name: name.to_owned(), hours })
    }

    /// The kind and name of the price profile that it needs.
    pub fn profile(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Declared(_) | Self::Labour { .. } => None,
            Self::Tool { name, .. } => Some(("tool", name)),
            Self::Compute { name, .. } => Some(("compute", name)),
        }
    }
}

/// The cost that follows from a basis.
///
/// # Errors
/// When it cannot be computed, or is above [`MAX_COST`].
pub fn cost_of(basis: &Basis) -> Result<Decimal, Fault> {
    let cost = basis.cost().map_err(|error| Fault::CostNotComputable { error })?;
    if cost > Decimal::from(MAX_COST) {
        return Err(Fault::CostTooHigh { cost });
    }
    Ok(cost)
}

/// Somebody as a request names them: an address, or an identity that is no `account:`.
///
/// # Errors
/// When the text names nobody.
pub fn contributor(field: &'static str, text: &str) -> Result<Identity, Fault> {
    match text.split_once(':') {
        Some(("mailto" | "github" | "tool", _)) => text.parse().map_err(|error| Fault::NotIdentity { field, error }),
        _ => parse_address(text).map(Identity::Account).map_err(|error| Fault::NotAddress { field, error }),
    }
}

/// Whether the kind of a contributor that a request gives is theirs.
///
/// # Errors
/// When it is another, or none at all.
pub fn check_contributor_kind(kind: Option<&str>, system: bool) -> Result<(), Fault> {
    match (kind, system) {
        (None, _) | (Some("SYSTEM"), true) | (Some("HUMAN"), false) => Ok(()),
        (Some("SYSTEM" | "HUMAN"), _) => Err(Fault::OtherContributorKind),
        (Some(_), _) => Err(Fault::UnknownContributorKind),
    }
}

/// The keys of those who made a SYSTEM act, nearest first: tools, and a person at the end, who is paid.
///
/// # Errors
/// When the contributor is no SYSTEM, or the chain is too long, ends in no person, or comes back to itself.
pub fn triggers(contributor_key: &str, system: bool, names: &[String]) -> Result<Vec<String>, Fault> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if !system {
        return Err(Fault::TriggersOfPerson);
    }
    if names.len() > MAX_TRIGGERS {
        return Err(Fault::TooManyTriggers);
    }
    let mut keys: Vec<String> = Vec::with_capacity(names.len());
    for (place, text) in (1..).zip(names) {
        let identity = contributor("triggeredBy", text)?;
        if identity.is_system() != (place < names.len()) {
            return Err(Fault::TriggersWithoutPerson);
        }
        let key = identity.to_string();
        if key == contributor_key || keys.contains(&key) {
            return Err(Fault::TriggersInCircle { at: text.clone() });
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Whether a text is one of [`KINDS`].
///
/// # Errors
/// When it is none.
pub fn check_kind(kind: &str) -> Result<(), Fault> {
    if KINDS.contains(&kind) { Ok(()) } else { Err(Fault::UnknownKind) }
}

/// Whether something happened in the past, in seconds since 1970.
///
/// # Errors
/// When it lies in the future, or before year 1.
pub fn check_time(at: i64, now: i64) -> Result<(), Fault> {
    if at < FIRST_SECOND || at > now.saturating_add(CLOCK_TOLERANCE) { Err(Fault::TimeNotPast) } else { Ok(()) }
}

/// A quality between 0 and 1.
///
/// # Errors
/// When the text is no such decimal.
pub fn coherence(text: &str) -> Result<Decimal, Fault> {
    decimal("coherence", text, 1)
}

/// What kind of evidence a text is, given its kind where the request names one, and whether the text is a CID.
///
/// # Errors
/// When it is none, or of another kind.
pub fn evidence(text: &str, kind: Option<&str>, is_cid: bool) -> Result<Evidence, Fault> {
    length("evidence", text, 1, MAX_EVIDENCE)?;
    if text.starts_with("0x") && text.parse::<B256>().is_ok() {
        return match kind {
            None | Some("transaction") => Ok(Evidence::Transaction),
            Some(_) => Err(Fault::EvidenceOfTransaction),
        };
    }
    if is_cid {
        return match kind {
            None => Ok(Evidence::Submitted),
            Some("invoice") => Ok(Evidence::Invoice),
            Some("receipt") => Ok(Evidence::Receipt),
            Some(_) => Err(Fault::EvidenceOfContent),
        };
    }
    let printable = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    match (text.strip_prefix("https://"), kind) {
        (Some(rest), None) if printable && !rest.is_empty() && !rest.starts_with('/') => Ok(Evidence::Submitted),
        // What an address shows may change.
        (Some(_), Some(_)) => Err(Fault::EvidenceMayChange),
        _ => Err(Fault::UnknownEvidence),
    }
}

/// Whether a text has this many characters.
///
/// # Errors
/// When it is shorter or longer.
pub fn length(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Fault> {
    let characters = text.chars().count();
    if (least..=most).contains(&characters) { Ok(()) } else { Err(Fault::Length { field, least, most }) }
}

/// Whether a decision's reason is short enough.
///
/// # Errors
/// When it is longer than [`MAX_REASON`].
pub fn check_reason(reason: &str) -> Result<(), Fault> {
    if reason.chars().count() > MAX_REASON { Err(Fault::ReasonTooLong) } else { Ok(()) }
}

/// Whether a list has 1 to [`MAX_ITEMS`] entries.
///
/// # Errors
/// When it has fewer or more.
pub fn check_count(field: &'static str, of: &'static str, count: usize) -> Result<(), Fault> {
    if (1..=MAX_ITEMS).contains(&count) { Ok(()) } else { Err(Fault::WrongCount { field, of }) }
}

/// A decimal as people write it.
fn decimal(field: &'static str, text: &str, most: u32) -> Result<Decimal, Fault> {
    // Neither signs nor exponents nor underscores, which the parser would take.
    Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .and_then(|text| text.parse::<Decimal>().ok())
        .filter(|value| value.scale() <= MAX_PLACES && *value <= Decimal::from(most))
        .ok_or(Fault::NotDecimal { field, most })
}
