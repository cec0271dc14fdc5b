//! Reads contributions from requests into the form that commands take.

use chrono::{DateTime, Utc};
use commands::{changes::Changes, record_contributions::New};
use domain::contribution::{self, Cost, Fault};
use serde::Deserialize;
use utoipa::ToSchema;

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
    /// Reads the contribution. Everything except the reference is read like a correction of an empty contribution.
    ///
    /// # Errors
    /// When a field cannot be read. The fault names the first one.
    pub fn parse(self) -> Result<New, Fault> {
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
        Ok(New { reference: self.reference, given: correction.parse()? })
    }
}

impl Correction {
    /// Reads the fields that are given.
    ///
    /// # Errors
    /// When a field cannot be read. The fault names the first one.
    pub fn parse(self) -> Result<Changes, Fault> {
        let cost = self.cost()?;
        let contributor = self.contributor.as_deref().map(|text| contribution::contributor("contributor", text));
        Ok(Changes {
            contributor: contributor.transpose()?,
            contributor_kind: self.contributor_kind,
            name: self.name,
            triggered_by: self.triggered_by,
            kind: self.kind,
            cost,
            coherence: self.coherence.as_deref().map(contribution::coherence).transpose()?,
            summary: self.summary,
            evidence: self.evidence,
            evidence_kind: self.evidence_kind,
            occurred_at: self.occurred_at,
        })
    }

    fn cost(&self) -> Result<Option<Cost>, Fault> {
        let Self { cost, labour, tool, compute, .. } = self;
        match (cost, labour, tool, compute) {
            (None, None, None, None) => Ok(None),
            (Some(cost), None, None, None) => Cost::declared(cost).map(Some),
            (None, Some(Labour { hours, rate }), None, None) => Cost::labour(hours, rate).map(Some),
            (None, None, Some(ToolUse { tool, input_tokens, output_tokens }), None) => {
                Cost::tool(tool, *input_tokens, *output_tokens).map(Some)
            }
            (None, None, None, Some(MachineUse { device, hours })) => Cost::compute(device, hours).map(Some),
            _ => Err(Fault::CostGivenTwice),
        }
    }
}
