//! Partners for a work or an account: who they are, why, and how they might share.

mod account;
mod work;

use std::{collections::BTreeSet, sync::Arc};

use advisors::partners::{Answer, Directory, Subject, Wish};
use alloy::primitives::Address;
use domain::money::{Amount, format_units, parse_units};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AppState,
    assets::advice::{AppliedRule, Provenance},
    problem::{Problem, Result},
    values::{Malformed, parse_optional},
};

/// How many partners are named when no number is given, and at most.
const USUAL: u32 = 10;
const MOST: u32 = 100;
/// The most skills that may be asked for, and the longest skill in characters.
const MAX_SKILLS: usize = 20;
const MAX_SKILL: usize = 60;
/// Costs have so many decimals.
const COST_DECIMALS: u8 = 6;
/// Costs are below this, in millionths.
const MAX_COST: u128 = 100_000_000_000_000 * 1_000_000;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(work::of_work)).routes(routes!(account::of_account))
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PartnerQuery {
    /// Skills that a partner should bring, divided by commas: kinds of works (`code`, `music`), of contributions (`manual-labor`), and
    /// ecosystems of packages (`cargo`, `npm`). At most 20.
    pub wanted: Option<String>,
    /// What a partner's part would cost, in the units of the cost rule, with at most six decimals; the median of the team's when not given.
    pub cost: Option<String>,
    /// How many partners to name: at most 100; default 10.
    pub count: Option<u32>,
}

impl PartnerQuery {
    fn wish(&self) -> Result<Wish> {
        let wanted: BTreeSet<String> = self.wanted.iter().flat_map(|text| text.split(',')).map(skill).collect();
        let wanted: BTreeSet<String> = wanted.into_iter().filter(|skill| !skill.is_empty()).collect();
        if wanted.len() > MAX_SKILLS || wanted.iter().any(|skill| skill.len() > MAX_SKILL) {
            let message = format!("holds at most {MAX_SKILLS} skills of at most {MAX_SKILL} bytes");
            return Err(Problem::field("wanted", "wrong_count", message));
        }
        let count = self.count.unwrap_or(USUAL);
        if !(1..=MOST).contains(&count) {
            return Err(Problem::field("count", "out_of_range", format!("is between 1 and {MOST}")));
        }
        let cost = parse_optional("cost", self.cost.as_deref(), millionths)?;
        Ok(Wish { wanted, cost, count: count as usize })
    }
}

fn skill(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Reads a cost of at most six decimals, in millionths.
fn millionths(text: &str) -> Result<u128, Malformed> {
    let cost = parse_units(text, COST_DECIMALS).map_err(|_| Malformed::Millionths)?;
    u128::try_from(cost.0).ok().filter(|cost| *cost < MAX_COST).ok_or(Malformed::Millionths)
}

/// Who might join, best first. An answer to a question is not recorded; `recorded` names the newest advice that was, with the same rules.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnersView {
    /// Those who would share: the account that asks, or the work's contributors whose accounts are known, the largest part first, at most
    /// 20.
    pub team: Vec<TeamMember>,
    /// Of the team as it is, 0 to 1: diversity of skills, balance of shares, standing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_score: Option<f64>,
    /// Skills that were looked for: those asked for, or what others at works of the same kind can do and the team cannot.
    pub wanted: Vec<String>,
    /// Part of a partner that shares were proposed for, in the units of the cost rule.
    pub cost: String,
    pub partners: Vec<PartnerView>,
    /// People looked at, and those of them whom the rules let match: above the least standing, with a skill that is wanted.
    pub considered: usize,
    pub matched: usize,
    /// Contributions up to this moment were known.
    pub as_of: chrono::DateTime<chrono::Utc>,
    /// SHA-256 over question and people.
    pub inputs: String,
    /// Version of the rules: SHA-256 over names and texts of their files.
    pub rules: String,
    /// The newest advice about the same that is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Provenance>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TeamMember {
    pub account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What their part cost, in the units of the cost rule.
    pub cost: String,
}

/// Somebody who might join.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerView {
    pub account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub score: f64,
    /// Why, the strongest first; what each adds to the score.
    pub reasons: Vec<PartnerReason>,
    /// Proposed shares of the team, in its order, and of the partner, last: hundredths of a percent, 10000 in all.
    pub split: Vec<u16>,
    /// Of the team with the partner, 0 to 1.
    pub team_score: f64,
    pub rules: Vec<AppliedRule>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PartnerReason {
    pub says: String,
    pub adds: f64,
}

/// Ranking a thousand people takes milliseconds: away from the threads that wait for others.
async fn ask(directory: &Arc<Directory>, subject: Subject, wish: &Wish) -> Result<Option<Answer>> {
    let (directory, wish) = (directory.clone(), wish.clone());
    let asked = tokio::task::spawn_blocking(move || directory.ask(subject, &wish));
    Ok(asked.await.map_err(Problem::internal)??)
}

fn view(directory: &Directory, answer: Answer, recorded: Option<Provenance>) -> PartnersView {
    let Answer { question, advice } = answer;
    let name = |account: Address| directory.name(account).map(str::to_owned);
    let team = question.team.iter().map(|member| TeamMember {
        account: member.account.to_checksum(None),
        name: name(member.account),
        cost: cost(member.cost),
    });
    let partner = |partner: agents::collaboration::Partner| PartnerView {
        account: partner.account.to_checksum(None),
        name: name(partner.account),
        score: partner.score,
        reasons: partner.reasons.into_iter().map(|one| PartnerReason { says: one.says, adds: one.adds }).collect(),
        split: partner.split.iter().map(|share| share.get()).collect(),
        team_score: partner.team_score,
        rules: partner.rules.into_iter().map(AppliedRule::from).collect(),
    };
    PartnersView {
        team: team.collect(),
        team_score: advice.team_score,
        wanted: question.wanted.into_iter().collect(),
        cost: cost(question.cost),
        partners: advice.partners.into_iter().map(partner).collect(),
        considered: advice.considered,
        matched: advice.matched,
        as_of: directory.at,
        inputs: format!("0x{}", advice.inputs),
        rules: format!("0x{}", advice.rule_base),
        recorded,
    }
}

/// A cost in the units of the cost rule, with the decimals it needs.
fn cost(millionths: Amount) -> String {
    format_units(millionths, COST_DECIMALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_and_written_in_millionths() {
        for (text, expected) in [("0", 0), ("12", 12_000_000), ("0.000001", 1), ("1.50", 1_500_000)] {
            assert_eq!(millionths(text), Ok(expected), "{text}");
            assert_eq!(millionths(&cost(expected.into())), Ok(expected), "{text}");
        }
        assert_eq!([0_u128, 1_500_000, 1].map(|millionths| cost(millionths.into())), ["0", "1.5", "0.000001"]);
        for text in ["", ".5", "-1", "1e3", "1.0000001", "100000000000000", "9999999999999999", "NaN", "١"] {
            assert!(millionths(text).is_err(), "{text}");
        }
    }
}
