//! How likely fraud is according to the risk agent, for accounts, works and orders, and who is watched.

pub mod account;
pub mod watch_list;

use advisors::{
    risk::{Answered, Grounds, decision_name, known_by},
    said,
};
use agents::risk::{Advice, Screening};
use alloy::primitives::B256;
use facts::ChainId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use store::advice::{self, Recorded};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AppState,
    problem::{Problem, Result},
    values::hex32,
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(account::risk)).routes(routes!(watch_list::list))
}

/// What the agent knows now, or that it is still learning it.
pub async fn grounds(state: &AppState) -> Result<Grounds> {
    state.risk.latest().await?.ok_or_else(|| {
        Problem::unavailable("What happened in the market is still being read, to say how risky this is. Try again.")
    })
}

/// How likely fraud is, why, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RiskAdvice {
    /// Of fraud, 0 to 1.
    pub probability: f64,
    /// `low`, `medium` or `high`.
    pub level: String,
    /// What moved the probability, heaviest first.
    pub reasons: Vec<RiskReason>,
    /// What forbids a trade whatever the probability.
    pub vetoes: Vec<String>,
    /// Of a work: what its kind, the market's mood and its creator's standing say alone, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_risk: Option<f64>,
    /// Of a price, in basis points: what to hold back until the time for disputes is over.
    pub escrow_bps: u16,
    /// Of a stake's worth, in basis points: what not to count.
    pub haircut_bps: u16,
    pub provenance: RiskProvenance,
}

/// A sign of fraud.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RiskReason {
    pub says: String,
    /// What it adds to the logarithm of the odds: 0.7 doubles them.
    pub log_odds: f64,
    /// The rule that weighs it: file:line:column. Absent for what a detector weighs by what it found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// Where advice on a risk comes from. With these, anyone who has the market's records can make it again, byte for byte.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RiskProvenance {
    /// The advice's number, when it was recorded; its record is the ledger's event about `advice:<id>`. Answers to those who only ask
    /// are not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub given_at: chrono::DateTime<chrono::Utc>,
    /// Everything that was final up to this block was known.
    pub block: u64,
    /// The newest entry of the watch list that was known.
    pub watch_list_entry: String,
    /// SHA-256 of the advice.
    pub hash: String,
    /// SHA-256 of question, records and watch list.
    pub inputs: String,
    /// Version of the rules: SHA-256 over names and texts of their files.
    pub rules: String,
}

/// What was decided about an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderRisk {
    /// `allow`, `warn` (read why first) or `block` (lists leave it out).
    pub decision: String,
    /// Why it is blocked or warned of, in words.
    pub why: Vec<String>,
    #[serde(flatten)]
    pub advice: RiskAdvice,
}

impl OrderRisk {
    pub fn of(screening: Screening, provenance: RiskProvenance) -> Self {
        Self {
            decision: decision_name(screening.decision).to_owned(),
            why: screening.reasons,
            advice: RiskAdvice::of(screening.advice, provenance),
        }
    }
}

impl RiskAdvice {
    pub fn of(advice: Advice, provenance: RiskProvenance) -> Self {
        let reason = |reason: agents::risk::Reason| RiskReason {
            says: reason.says,
            log_odds: reason.log_odds,
            rule: reason.rule.map(|rule| rule.place),
        };
        Self {
            probability: advice.probability,
            level: advice.level,
            reasons: advice.reasons.into_iter().map(reason).collect(),
            vetoes: advice.vetoes,
            asset_risk: advice.asset_risk.map(|(risk, _)| risk),
            escrow_bps: advice.escrow.get(),
            haircut_bps: advice.haircut.get(),
            provenance: RiskProvenance { inputs: format!("0x{}", advice.inputs), ..provenance },
        }
    }
}

impl RiskProvenance {
    /// Of an answer on the spot.
    pub fn of_answer<T>(answered: &Answered<T>, grounds: &Grounds) -> Self {
        Self {
            id: None,
            given_at: chrono::Utc::now(),
            block: grounds.block(),
            watch_list_entry: grounds.watched().to_string(),
            hash: hex32(&Sha256::digest(&answered.record.answer)),
            inputs: String::new(),
            rules: hex32(answered.record.rule_base.as_slice()),
        }
    }

    /// Returns the provenance of recorded advice.
    ///
    /// # Errors
    /// When the record's question cannot be read.
    pub fn of_record(recorded: &Recorded) -> Result<Self> {
        let (block, watched) = known_by(&recorded.advice)?;
        Ok(Self {
            id: Some(recorded.id.to_string()),
            given_at: recorded.at,
            block,
            watch_list_entry: watched.to_string(),
            hash: hex32(recorded.hash.as_slice()),
            inputs: String::new(),
            rules: hex32(recorded.advice.rule_base.as_slice()),
        })
    }
}

/// Reads the recorded advice on a work or an account.
///
/// # Errors
/// When the record cannot be read.
pub fn recorded_advice(recorded: &Recorded) -> Result<RiskAdvice> {
    let advice: Advice = said(recorded)?;
    Ok(RiskAdvice::of(advice, RiskProvenance::of_record(recorded)?))
}

/// Returns the newest screening of each order that was screened, by the orders' hashes.
///
/// # Errors
/// When the database fails, or a record cannot be read.
pub async fn screenings(
    conn: &mut PgConnection,
    chain_id: ChainId,
    orders: &[B256],
) -> Result<std::collections::BTreeMap<B256, OrderRisk>> {
    let hashes: Vec<Vec<u8>> = orders.iter().map(|hash| hash.to_vec()).collect();
    let newest = store::market::screenings::newest(conn, chain_id, &hashes).await?;
    let mut found = std::collections::BTreeMap::new();
    for recorded in advice::by_ids(conn, &newest).await? {
        let hash = recorded.advice.subject.strip_prefix("order:").and_then(|hash| hash.parse().ok());
        let hash: B256 = hash.ok_or_else(|| Problem::internal("a screening of no order"))?;
        let screening: Screening = said(&recorded)?;
        found.insert(hash, OrderRisk::of(screening, RiskProvenance::of_record(&recorded)?));
    }
    Ok(found)
}
