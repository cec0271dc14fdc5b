//! What makes a contribution recordable, what may become of it, and who may bring it. No contract mirrors these rules:
//! contributions are recorded off chain, and only what they earn is paid on chain.
//!
//! A contribution is given field by field, and a correction gives some of the fields again. So most rules are
//! functions of one field's text, and a few look at several fields together.

mod fault;
mod state;

pub use fault::Fault;
use rust_decimal::Decimal;
pub use state::{Outcome, Proposals, State, UnknownState, Verdict};

use crate::{
    cost::{Basis, Evidence},
    identity::Identity,
    money::{B256, parse_address},
};

/// The highest cost, in US dollars.
pub const MAX_COST: u32 = 1_000_000_000;
/// The longest time that one contribution may take, in hours.
pub const MAX_HOURS: u32 = 1_000_000;
/// The most tokens that one contribution may read, or write.
pub const MAX_TOKENS: u64 = 1_000_000_000_000;
/// A chain of SYSTEMs that set each other to work ends within this many steps.
pub const MAX_TRIGGERS: usize = 10;
/// The most contributions that one request may record, or decide.
pub const MAX_ITEMS: usize = 1000;
/// References of commits begin with this. Only imports and pushes record them for a work, so that no proposal is
/// mistaken for a commit.
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

/// How the cost of a contribution is given: as a number, or as what it follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    /// An amount in US dollars, given directly.
    Declared(Decimal),
    /// Working time, paid by the hour.
    Labour {
        /// Hours worked.
        hours: Decimal,
        /// US dollars per hour.
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
    /// Describes a cost in US dollars that is given directly.
    ///
    /// # Errors
    /// When the text is not a decimal, or is above [`MAX_COST`].
    pub fn declared(cost: &str) -> Result<Self, Fault> {
        Ok(Self::Declared(decimal("cost", cost, MAX_COST)?))
    }

    /// Describes somebody's work.
    ///
    /// # Errors
    /// When one of the texts is not a decimal, or is too large.
    pub fn labour(hours: &str, rate: &str) -> Result<Self, Fault> {
        Ok(Self::Labour { hours: decimal("hours", hours, MAX_HOURS)?, rate: decimal("rate", rate, MAX_COST)? })
    }

    /// Describes a language model's work.
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

    /// Describes a machine's work.
    ///
    /// # Errors
    /// When the hours are not a decimal or are too large, or when the name is empty or too long.
    pub fn compute(name: &str, hours: &str) -> Result<Self, Fault> {
        let hours = decimal("hours", hours, MAX_HOURS)?;
        length("compute", name, 1, 100)?;
        Ok(Self::Compute { name: name.to_owned(), hours })
    }

    /// Returns the kind and name of the price profile that it needs.
    pub fn profile(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Declared(_) | Self::Labour { .. } => None,
            Self::Tool { name, .. } => Some(("tool", name)),
            Self::Compute { name, .. } => Some(("compute", name)),
        }
    }
}

/// Returns the cost that follows from a basis.
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

/// Reads somebody as a request names them: by an address, or by an identity other than `account:`.
///
/// # Errors
/// When the text is neither an address nor an identity.
pub fn contributor(field: &'static str, text: &str) -> Result<Identity, Fault> {
    match text.split_once(':') {
        Some(("mailto" | "github" | "tool", _)) => text.parse().map_err(|error| Fault::NotIdentity { field, error }),
        _ => parse_address(text).map(Identity::Account).map_err(|error| Fault::NotAddress { field, error }),
    }
}

/// Checks that the kind that a request gives for a contributor is the contributor's kind.
///
/// # Errors
/// When it is a different kind, or not a kind at all.
pub fn check_contributor_kind(kind: Option<&str>, system: bool) -> Result<(), Fault> {
    match (kind, system) {
        (None, _) | (Some("SYSTEM"), true) | (Some("HUMAN"), false) => Ok(()),
        (Some("SYSTEM" | "HUMAN"), _) => Err(Fault::OtherContributorKind),
        (Some(_), _) => Err(Fault::UnknownContributorKind),
    }
}

/// Returns the keys of those who made a SYSTEM act, nearest first. They are tools, except for the last one, which is
/// the person who is paid.
///
/// # Errors
/// When the contributor is not a SYSTEM, or when the chain is too long, does not end with a person, or comes back to
/// itself.
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

/// Checks that a text is one of [`KINDS`].
///
/// # Errors
/// When it is not.
pub fn check_kind(kind: &str) -> Result<(), Fault> {
    if KINDS.contains(&kind) { Ok(()) } else { Err(Fault::UnknownKind) }
}

/// Checks that something happened in the past. Both times are in seconds since 1970.
///
/// # Errors
/// When the time is more than a day in the future, or before year 1.
pub fn check_time(at: i64, now: i64) -> Result<(), Fault> {
    if at < FIRST_SECOND || at > now.saturating_add(CLOCK_TOLERANCE) { Err(Fault::TimeNotPast) } else { Ok(()) }
}

/// Reads a coherence between 0 and 1.
///
/// # Errors
/// When the text is not such a decimal.
pub fn coherence(text: &str) -> Result<Decimal, Fault> {
    decimal("coherence", text, 1)
}

/// Returns what kind of evidence a text is, given its kind where the request names one, and whether the text is a CID.
///
/// # Errors
/// When the text is not evidence, or is of another kind than the request says.
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
        // What a web address shows may change.
        (Some(_), Some(_)) => Err(Fault::EvidenceMayChange),
        _ => Err(Fault::UnknownEvidence),
    }
}

/// Checks that a text has between `least` and `most` characters.
///
/// # Errors
/// When it is shorter or longer.
pub fn length(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Fault> {
    let characters = text.chars().count();
    if (least..=most).contains(&characters) { Ok(()) } else { Err(Fault::Length { field, least, most }) }
}

/// Checks that a decision's reason is short enough.
///
/// # Errors
/// When it is longer than [`MAX_REASON`].
pub fn check_reason(reason: &str) -> Result<(), Fault> {
    if reason.chars().count() > MAX_REASON { Err(Fault::ReasonTooLong) } else { Ok(()) }
}

/// Checks that a list has 1 to [`MAX_ITEMS`] entries.
///
/// # Errors
/// When the list has fewer or more.
pub fn check_count(field: &'static str, of: &'static str, count: usize) -> Result<(), Fault> {
    if (1..=MAX_ITEMS).contains(&count) { Ok(()) } else { Err(Fault::WrongCount { field, of }) }
}

/// Reads a decimal as people write it.
fn decimal(field: &'static str, text: &str, most: u32) -> Result<Decimal, Fault> {
    // Signs, exponents and underscores are refused, although the parser would accept them.
    Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .and_then(|text| text.parse::<Decimal>().ok())
        .filter(|value| value.scale() <= MAX_PLACES && *value <= Decimal::from(most))
        .ok_or(Fault::NotDecimal { field, most })
}
