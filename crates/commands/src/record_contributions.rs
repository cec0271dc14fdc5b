//! Records contributions to a work that the actor owns, where they count at once, or proposes them to a work of somebody else.

use std::collections::BTreeSet;

use chrono::Utc;
use domain::{
    contribution::{self, COMMIT_PREFIX, Fault, State},
    cost::Evidence,
};
use rust_decimal::Decimal;
use store::works::contributions::{self, NewContribution, Record};

use crate::{
    Actor, Result, Tx,
    changes::{self, Changes, Prices},
    set_policy,
};

/// A contribution to be recorded.
#[derive(Clone, Debug)]
pub struct New {
    /// The recorder's own name for it, unique for each work and contributor. Recording it again changes nothing.
    pub reference: String,
    pub given: Changes,
}

/// The result of recording contributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The number of new contributions.
    pub new: usize,
    /// Whether the contributions count, or wait for the work's owner.
    pub state: State,
}

/// Records all contributions, or none of them.
///
/// # Errors
/// When an item breaks a rule (the error is the first one found), when the work does not exist, when its owner takes no
/// proposals of the actor, or when too many wait.
pub async fn record(tx: &mut Tx, actor: Actor, work: i64, items: &[New]) -> Result<Recorded> {
    contribution::check_count("items", "contributions", items.len())?;
    let prices = Prices::load(tx, items.iter().filter_map(|item| item.given.cost.as_ref())).await?;
    let new = check(items, &prices)?;
    let state = set_policy::standing(tx, actor, work, new.len()).await?;
    let commit = new.iter().position(|one| one.source_key.starts_with(COMMIT_PREFIX));
    if let (State::Proposed, Some(place)) = (state, commit) {
        return Err(Fault::ReferenceOfCommit.of_item(place).into());
    }
    changes::introduce(tx, &new).await?;
    let record = Record { work_id: work, recorded_by: actor.0, state, corrects: None };
    let recorded = contributions::record(tx, record, &new).await?;
    Ok(Recorded { new: recorded.len(), state })
}

fn check(items: &[New], prices: &Prices) -> Result<Vec<NewContribution>, Fault> {
    let mut seen = BTreeSet::new();
    let mut checked = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let new = item.check(prices).map_err(|fault| fault.of_item(place))?;
        if !seen.insert((new.contributor.clone(), new.source_key.clone())) {
            return Err(Fault::Repeated.of_item(place));
        }
        checked.push(new);
    }
    Ok(checked)
}

impl New {
    fn check(&self, prices: &Prices) -> Result<NewContribution, Fault> {
        contribution::length("reference", &self.reference, 1, 200)?;
        if self.given.cost.is_none() {
            return Err(Fault::CostMissing);
        }
        let mut new = NewContribution {
            contributor: String::new(),
            name: None,
            triggered_by: Vec::new(),
            kind: String::new(),
            cost: Decimal::ZERO,
            coherence: Decimal::new(5, 1),
            basis: None,
            evidence_kind: Evidence::Declared,
            evidence: None,
            source_key: self.reference.clone(),
            summary: String::new(),
            occurred_at: Utc::now(),
        };
        self.given.apply(&mut new, prices)?;
        Ok(new)
    }
}
