//! What a request says of a contribution, and how the contribution changes by it. Recording gives a new contribution
//! all its fields, and correcting gives an old one some of them. Both apply [`Changes`].

use std::{collections::BTreeSet, str::FromStr};

use chrono::{DateTime, Utc};
use domain::{
    contribution::{self, Cost, Fault},
    cost::{Basis, Evidence},
    identity::Identity,
};
use rust_decimal::Decimal;
use store::{
    market::prices::{self, Filter, Profile},
    works::contributions::{self, NewContribution, Someone},
};
use vault::Cid;

use crate::{Result, Tx};

/// The most versions of prices that are read. No request needs as many.
const MAX_PROFILES: i64 = 10_000;

/// The fields of a contribution that are given. What is not given stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub contributor: Option<Identity>,
    /// HUMAN or SYSTEM. It follows from the contributor.
    pub contributor_kind: Option<String>,
    /// The contributor's name in the work's records.
    pub name: Option<String>,
    /// Those who made a SYSTEM act, nearest first.
    pub triggered_by: Option<Vec<String>>,
    /// One of [`contribution::KINDS`].
    pub kind: Option<String>,
    pub cost: Option<Cost>,
    pub coherence: Option<Decimal>,
    pub summary: Option<String>,
    pub evidence: Option<String>,
    pub evidence_kind: Option<String>,
    pub occurred_at: Option<DateTime<Utc>>,
}

impl Changes {
    /// Applies the fields that are given.
    ///
    /// # Errors
    /// When the changed contribution breaks a rule. The error is the first such rule.
    pub(crate) fn apply(&self, to: &mut NewContribution, prices: &Prices) -> Result<(), Fault> {
        self.apply_who(to)?;
        if let Some(kind) = &self.kind {
            contribution::check_kind(kind)?;
            to.kind.clone_from(kind);
        }
        if let Some(at) = self.occurred_at {
            contribution::check_time(at.timestamp(), Utc::now().timestamp())?;
            to.occurred_at = at;
        }
        if let Some(coherence) = self.coherence {
            to.coherence = coherence;
        }
        if let Some(summary) = &self.summary {
            contribution::length("summary", summary, 0, 1000)?;
            to.summary.clone_from(summary);
        }
        if let Some(cost) = &self.cost {
            (to.cost, to.basis) = prices.cost(cost, to.occurred_at)?;
        }
        self.apply_evidence(to)
    }

    fn apply_who(&self, to: &mut NewContribution) -> Result<(), Fault> {
        if let Some(contributor) = &self.contributor {
            let key = contributor.to_string();
            if key != to.contributor {
                (to.name, to.triggered_by) = (None, Vec::new());
            }
            to.contributor = key;
        }
        if let Some(name) = &self.name {
            contribution::length("name", name, 1, 200)?;
            to.name = Some(name.clone());
        }
        let system = to.contributor.starts_with("tool:");
        contribution::check_contributor_kind(self.contributor_kind.as_deref(), system)?;
        if let Some(names) = &self.triggered_by {
            to.triggered_by = contribution::triggers(&to.contributor, system, names)?;
        }
        Ok(())
    }

    fn apply_evidence(&self, to: &mut NewContribution) -> Result<(), Fault> {
        match &self.evidence {
            Some(text) => {
                let is_cid = text.parse::<Cid>().is_ok();
                to.evidence_kind = contribution::evidence(text, self.evidence_kind.as_deref(), is_cid)?;
                to.evidence = Some(text.clone());
            }
            None if self.evidence_kind.is_some() => return Err(Fault::EvidenceMissing),
            // A cost that was counted from files is no longer.
            None if self.cost.is_some()
                && matches!(to.evidence_kind, Evidence::FilesAndLines | Evidence::FilesOrLines) =>
            {
                to.evidence_kind = Evidence::Declared;
            }
            None => {}
        }
        Ok(())
    }
}

/// The price profiles that a request names, in all their versions.
pub(crate) struct Prices(Vec<Profile>);

impl Prices {
    pub(crate) async fn load(tx: &mut Tx, costs: impl Iterator<Item = &Cost>) -> Result<Self> {
        let names: BTreeSet<String> = costs.filter_map(|cost| Some(cost.profile()?.1.to_owned())).collect();
        if names.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let names: Vec<String> = names.into_iter().collect();
        let filter = Filter { names: Some(&names), ..Filter::default() };
        let profiles = prices::list(tx, filter, MAX_PROFILES).await?;
        Ok(Self(profiles.into_iter().map(|(_, profile)| profile).collect()))
    }

    /// Returns the cost of something that happened at a time, and its basis.
    fn cost(&self, cost: &Cost, at: DateTime<Utc>) -> Result<(Decimal, Option<Basis>), Fault> {
        let basis = match cost {
            Cost::Declared(cost) => return Ok((*cost, None)),
            Cost::Labour { hours, rate } => Some(Basis::Labour { hours: *hours, rate: *rate }),
            Cost::Tool { name, input_tokens, output_tokens } => {
                self.find("tool", name, at)?.tokens(*input_tokens, *output_tokens)
            }
            Cost::Compute { name, hours } => self.find("compute", name, at)?.hours(*hours),
        };
        match basis {
            Some(basis) => Ok((contribution::cost_of(&basis)?, Some(basis))),
            // A profile of a kind prices its kind.
            None => Err(Fault::CostMissing),
        }
    }

    fn find(&self, kind: &'static str, name: &str, at: DateTime<Utc>) -> Result<&Profile, Fault> {
        let of_name = self.0.iter().filter(|profile| profile.kind() == kind && profile.name == name);
        let then = of_name.filter(|profile| profile.valid_from <= at);
        then.max_by_key(|profile| (profile.valid_from, profile.version))
            .ok_or_else(|| Fault::NoPriceProfile { kind, name: name.to_owned() })
    }
}

/// Stores everyone whom the contributions name.
pub(crate) async fn introduce(tx: &mut Tx, new: &[NewContribution]) -> Result<()> {
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
