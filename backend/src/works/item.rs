//! Contributions as requests give them: checked, and their costs computed by the rules.

use std::str::FromStr;

use alloy::primitives::B256;
use chrono::{DateTime, Datelike, Utc};
use domain::{
    cost::{Basis, Evidence},
    identity::Identity,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use sqlx::PgConnection;
use store::{
    contributions::{self, Someone},
    prices::{self, Filter, Profile},
};
use utoipa::ToSchema;
use vault::Cid;

use crate::{problem::Result, values::address_field};

const KINDS: [&str; 4] = ["PROJECT_INCEPTION", "MANUAL_LABOR", "TOOL_EXECUTION", "ASSET_COMPOSITION"];
/// The highest cost, in US dollars.
const MAX_COST: u32 = 1_000_000_000;
const MAX_HOURS: u32 = 1_000_000;
const MAX_TOKENS: u64 = 1_000_000_000_000;
/// A chain of SYSTEMs that set each other to work ends within so many steps.
const MAX_TRIGGERS: usize = 10;
/// More versions of prices than any request needs.
const MAX_PROFILES: i64 = 10_000;

/// Somebody's work: `hours x rate`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Labour {
    /// A decimal of at most 6 places.
    pub hours: String,
    /// US dollars an hour, a decimal of at most 6 places.
    pub rate: String,
}

/// A language model's work, by its tokens and the prices of its profile at that time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolUse {
    /// The name of a price profile of kind `tool`.
    pub tool: String,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// A machine's work, by its hours and the prices of its profile at that time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MachineUse {
    /// The name of a price profile of kind `compute`.
    pub device: String,
    /// A decimal of at most 6 places.
    pub hours: String,
}

/// A contribution. Its cost is given in one of four ways: `cost`, `labour`, `tool` or `compute`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewContribution {
    /// An address, `mailto:` and an email, `github:` and a login, or, for a SYSTEM, `tool:` and a name.
    pub contributor: String,
    /// HUMAN or SYSTEM; follows from `contributor` when not given.
    pub contributor_kind: Option<String>,
    /// What the work's records call them.
    pub name: Option<String>,
    /// Who made a SYSTEM act: at most 10, tools in between, nearest first, and the person at the end, who is paid.
    #[serde(default)]
    pub triggered_by: Vec<String>,
    /// PROJECT_INCEPTION, MANUAL_LABOR, TOOL_EXECUTION or ASSET_COMPOSITION.
    pub kind: String,
    /// What it cost in US dollars, a decimal of at most 6 places.
    pub cost: Option<String>,
    pub labour: Option<Labour>,
    pub tool: Option<ToolUse>,
    pub compute: Option<MachineUse>,
    /// Quality between 0 and 1; 0.5 when not given.
    pub coherence: Option<String>,
    /// Your own id for it, once per work and contributor: sending it again changes nothing.
    pub reference: String,
    pub summary: Option<String>,
    /// What proves the cost: a CID, an https:// address, or the hash of a transaction.
    pub evidence: Option<String>,
    /// `invoice` or `receipt`, where the evidence is the CID of one.
    pub evidence_kind: Option<String>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// What to change of a contribution; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Correction {
    pub contributor: Option<String>,
    pub contributor_kind: Option<String>,
    pub name: Option<String>,
    pub triggered_by: Option<Vec<String>>,
    pub kind: Option<String>,
    pub cost: Option<String>,
    pub labour: Option<Labour>,
    pub tool: Option<ToolUse>,
    pub compute: Option<MachineUse>,
    pub coherence: Option<String>,
    pub summary: Option<String>,
    pub evidence: Option<String>,
    pub evidence_kind: Option<String>,
    pub occurred_at: Option<DateTime<Utc>>,
}

impl NewContribution {
    /// Everything but the reference is as a correction of a contribution that says nothing.
    fn split(self) -> (String, Correction) {
        let correction = Correction {
            contributor: Some(self.contributor),
            contributor_kind: self.contributor_kind,
            name: self.name.filter(|name| !name.is_empty()),
            triggered_by: Some(self.triggered_by),
            kind: Some(self.kind),
            cost: self.cost,
            labour: self.labour,
            tool: self.tool,
            compute: self.compute,
            coherence: self.coherence,
            summary: self.summary,
            evidence: self.evidence,
            evidence_kind: self.evidence_kind,
            occurred_at: self.occurred_at,
        };
        (self.reference, correction)
    }

    /// What to record, or the first fault.
    pub fn check(self, prices: &Prices) -> Result<contributions::NewContribution, String> {
        let (reference, given) = self.split();
        check_length("reference", &reference, 1, 200)?;
        let mut new = contributions::NewContribution {
            contributor: String::new(),
            name: None,
            triggered_by: Vec::new(),
            kind: String::new(),
            cost: Decimal::ZERO,
            coherence: Decimal::new(5, 1),
            basis: None,
            evidence_kind: Evidence::Declared,
            evidence: None,
            source_key: reference,
            summary: String::new(),
            occurred_at: Utc::now(),
        };
        if !given.names_cost() {
            return Err("one of cost, labour, tool and compute says what it cost".into());
        }
        given.apply(&mut new, prices)?;
        Ok(new)
    }
}

impl Correction {
    pub fn is_empty(&self) -> bool {
        let Self { contributor, contributor_kind, name, triggered_by, kind, coherence, summary, .. } = self;
        let texts =
            [contributor, contributor_kind, name, kind, coherence, summary, &self.evidence, &self.evidence_kind];
        let said = texts.iter().any(|text| text.is_some()) || triggered_by.is_some() || self.occurred_at.is_some();
        !said && !self.names_cost()
    }

    fn names_cost(&self) -> bool {
        self.cost.is_some() || self.labour.is_some() || self.tool.is_some() || self.compute.is_some()
    }

    /// Changes what is said, or names the first fault.
    pub fn apply(&self, new: &mut contributions::NewContribution, prices: &Prices) -> Result<(), String> {
        self.apply_who(new)?;
        if let Some(kind) = &self.kind {
            if !KINDS.contains(&kind.as_str()) {
                return Err(format!("kind is one of {}", KINDS.join(", ")));
            }
            new.kind.clone_from(kind);
        }
        if let Some(at) = self.occurred_at {
            // A clock may be ahead of ours; the first year is where the database's calendar begins.
            if at.year() < 1 || at > Utc::now() + chrono::Duration::days(1) {
                return Err("occurredAt is a time in the past".into());
            }
            new.occurred_at = at;
        }
        if let Some(coherence) = &self.coherence {
            new.coherence = decimal("coherence", coherence, 1)?;
        }
        if let Some(summary) = &self.summary {
            check_length("summary", summary, 0, 1000)?;
            new.summary.clone_from(summary);
        }
        self.apply_cost(new, prices)
    }

    fn apply_who(&self, new: &mut contributions::NewContribution) -> Result<(), String> {
        if let Some(contributor) = &self.contributor {
            let key = identity("contributor", contributor)?.to_string();
            if key != new.contributor {
                (new.name, new.triggered_by) = (None, Vec::new());
            }
            new.contributor = key;
        }
        if let Some(name) = &self.name {
            check_length("name", name, 1, 200)?;
            new.name = Some(name.clone());
        }
        let system = new.contributor.starts_with("tool:");
        match (self.contributor_kind.as_deref(), system) {
            (None, _) | (Some("SYSTEM"), true) | (Some("HUMAN"), false) => {}
            (Some("SYSTEM" | "HUMAN"), _) => {
                return Err("contributorKind is SYSTEM for a contributor `tool:<name>`, and HUMAN for others".into());
            }
            _ => return Err("contributorKind is HUMAN or SYSTEM".into()),
        }
        if let Some(triggers) = &self.triggered_by {
            new.triggered_by = check_triggers(&new.contributor, system, triggers)?;
        }
        Ok(())
    }

    fn apply_cost(&self, new: &mut contributions::NewContribution, prices: &Prices) -> Result<(), String> {
        let given = [self.cost.is_some(), self.labour.is_some(), self.tool.is_some(), self.compute.is_some()];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err("only one of cost, labour, tool and compute says what it cost".into());
        }
        if let Some(cost) = &self.cost {
            (new.cost, new.basis) = (decimal("cost", cost, MAX_COST)?, None);
        }
        if let Some(basis) = self.basis(new.occurred_at, prices)? {
            let cost = basis.cost().map_err(|error| error.to_string())?;
            if cost > Decimal::from(MAX_COST) {
                return Err(format!("the cost is {cost}, more than {MAX_COST}"));
            }
            (new.cost, new.basis) = (cost, Some(basis));
        }
        match &self.evidence {
            Some(text) => {
                new.evidence_kind = evidence(text, self.evidence_kind.as_deref())?;
                new.evidence = Some(text.clone());
            }
            None if self.evidence_kind.is_some() => return Err("evidenceKind goes with evidence".into()),
            // A cost that was counted from files is no longer.
            None if self.names_cost()
                && matches!(new.evidence_kind, Evidence::FilesAndLines | Evidence::FilesOrLines) =>
            {
                new.evidence_kind = Evidence::Declared;
            }
            None => {}
        }
        Ok(())
    }

    fn basis(&self, at: DateTime<Utc>, prices: &Prices) -> Result<Option<Basis>, String> {
        if let Some(Labour { hours, rate }) = &self.labour {
            let (hours, rate) = (decimal("hours", hours, MAX_HOURS)?, decimal("rate", rate, MAX_COST)?);
            return Ok(Some(Basis::Labour { hours, rate }));
        }
        if let Some(ToolUse { tool, input_tokens, output_tokens }) = &self.tool {
            if (*input_tokens).max(*output_tokens) > MAX_TOKENS {
                return Err(format!("inputTokens and outputTokens are at most {MAX_TOKENS}"));
            }
            return Ok(prices.find("tool", tool, at)?.tokens(*input_tokens, *output_tokens));
        }
        if let Some(MachineUse { device, hours }) = &self.compute {
            let hours = decimal("hours", hours, MAX_HOURS)?;
            return Ok(prices.find("compute", device, at)?.hours(hours));
        }
        Ok(None)
    }
}

/// The prices that a request names, in all their versions.
pub struct Prices(Vec<Profile>);

impl Prices {
    pub async fn load<'a>(
        conn: &mut PgConnection,
        uses: impl Iterator<Item = (&'a Option<ToolUse>, &'a Option<MachineUse>)>,
    ) -> Result<Self> {
        let named = uses.flat_map(|(tool, machine)| {
            [tool.as_ref().map(|tool| &tool.tool), machine.as_ref().map(|machine| &machine.device)]
        });
        let mut names: Vec<String> = named.flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let filter = Filter { names: Some(&names), ..Filter::default() };
        let profiles = prices::list(conn, filter, MAX_PROFILES).await?;
        Ok(Self(profiles.into_iter().map(|(_, profile)| profile).collect()))
    }

    fn find(&self, kind: &str, name: &str, at: DateTime<Utc>) -> Result<&Profile, String> {
        check_length(kind, name, 1, 100)?;
        let of_name = self.0.iter().filter(|profile| profile.kind() == kind && profile.name == name);
        let then = of_name.filter(|profile| profile.valid_from <= at);
        then.max_by_key(|profile| (profile.valid_from, profile.version))
            .ok_or_else(|| format!("there is no price profile {kind}:{name} for that time: see /v1/price-profiles"))
    }
}

/// Makes everyone known whom the contributions name.
pub async fn introduce(tx: &mut PgConnection, new: &[contributions::NewContribution]) -> Result<()> {
    let mut people = Vec::new();
    for one in new {
        let named = [(&one.contributor, one.name.clone())].into_iter();
        for (key, name) in named.chain(one.triggered_by.iter().map(|key| (key, None))) {
            // Keys that are no identity stand in the database already.
            let Ok(identity) = Identity::from_str(key) else { continue };
            people.push(Someone { key: key.clone(), name: name.unwrap_or_else(|| identity.default_name()) });
        }
    }
    Ok(contributions::introduce(tx, &people).await?)
}

/// Somebody as a request names them.
fn identity(field: &str, text: &str) -> Result<Identity, String> {
    match text.split_once(':') {
        Some(("mailto" | "github" | "tool", _)) => text.parse().map_err(|error| format!("{field} {error}")),
        _ => address_field(text).map(Identity::Account).map_err(|message| format!("{field} {message}")),
    }
}

fn check_triggers(contributor: &str, system: bool, triggers: &[String]) -> Result<Vec<String>, String> {
    if triggers.is_empty() {
        return Ok(Vec::new());
    }
    if !system {
        return Err("triggeredBy is for a SYSTEM".into());
    }
    if triggers.len() > MAX_TRIGGERS {
        return Err(format!("triggeredBy names at most {MAX_TRIGGERS}"));
    }
    let mut keys: Vec<String> = Vec::with_capacity(triggers.len());
    for (place, text) in (1..).zip(triggers) {
        let identity = identity("triggeredBy", text)?;
        let key = identity.to_string();
        if identity.is_system() != (place < triggers.len()) {
            return Err("triggeredBy names tools, and a person at the end".into());
        }
        if key == contributor || keys.contains(&key) {
            return Err(format!("triggeredBy goes in a circle at `{text}`"));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// What kind of evidence this is.
fn evidence(text: &str, kind: Option<&str>) -> Result<Evidence, String> {
    check_length("evidence", text, 1, 500)?;
    let printable = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if text.starts_with("0x") && text.parse::<B256>().is_ok() {
        return match kind {
            None | Some("transaction") => Ok(Evidence::Transaction),
            Some(_) => Err("evidenceKind of a transaction's hash is transaction".into()),
        };
    }
    if text.parse::<Cid>().is_ok() {
        return match kind {
            None => Ok(Evidence::Submitted),
            Some("invoice") => Ok(Evidence::Invoice),
            Some("receipt") => Ok(Evidence::Receipt),
            Some(_) => Err("evidenceKind of a CID is invoice or receipt".into()),
        };
    }
    match (text.strip_prefix("https://"), kind) {
        (Some(rest), None) if printable && !rest.is_empty() && !rest.starts_with('/') => Ok(Evidence::Submitted),
        // What an address shows may change.
        (Some(_), Some(_)) => Err("evidenceKind goes with a CID or a transaction: upload the document".into()),
        _ => Err("evidence is a CID, an https:// address, or the hash of a transaction".into()),
    }
}

fn check_length(name: &str, text: &str, least: usize, most: usize) -> Result<(), String> {
    if (least..=most).contains(&text.chars().count()) {
        Ok(())
    } else {
        Err(format!("{name} has {least} to {most} characters"))
    }
}

fn decimal(name: &str, text: &str, most: u32) -> Result<Decimal, String> {
    // Neither signs nor exponents nor underscores, which the parser would take.
    Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        .and_then(|text| text.parse::<Decimal>().ok())
        .filter(|value| value.scale() <= 6 && *value <= Decimal::from(most))
        .ok_or_else(|| format!("{name} is a decimal from 0 to {most} with at most 6 places"))
}
