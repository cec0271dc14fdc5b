//! Puts another revision in a contribution's place: at once in a work that the actor owns, and otherwise once its owner
//! accepts it.

use std::slice;

use domain::contribution::{Fault, State};
use rust_decimal::Decimal;
use store::{
    StoreError,
    works::contributions::{self, NewContribution, Record},
};

use crate::{
    Actor, Conflict, Error, Result, Tx,
    changes::{self, Changes, Prices},
    decide_contributions, set_policy,
};

/// The revision that a correction became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    pub id: i64,
    pub revision: i32,
    /// Whether the revision counts, or waits for the work's owner.
    pub state: State,
}

/// Corrects a contribution.
///
/// # Errors
/// When nothing is changed, when a rule is broken, when the contribution does not exist or does not count, or when another
/// correction by the actor waits.
pub async fn correct(tx: &mut Tx, actor: Actor, id: i64, changes: &Changes) -> Result<Corrected> {
    if *changes == Changes::default() {
        return Err(Fault::CorrectionEmpty.into());
    }
    let (work_id, mut new) = load(tx, id).await?.ok_or_else(|| Error::no_contribution(id))?;
    let prices = Prices::load(tx, changes.cost.iter()).await?;
    changes.apply(&mut new, &prices)?;
    let state = set_policy::standing(tx, actor, work_id, 1).await?;
    if state == State::Accepted {
        decide_contributions::replace(tx, &[id], actor).await?;
    }
    // Under the lock on the work: nobody else takes the number.
    let revision = sqlx::query_scalar!(
        r#"SELECT max(n.revision) + 1 AS "next!" FROM contributions c
           JOIN contributions n ON n.work_id = c.work_id AND n.source_key = c.source_key
           WHERE c.id = $1 AND c.state = CASE WHEN $2 THEN 'corrected' ELSE 'accepted' END GROUP BY c.id"#,
        id,
        state == State::Accepted
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Conflict::DoesNotCount { id })?;
    changes::introduce(tx, slice::from_ref(&new)).await?;
    let record = Record { work_id, recorded_by: actor.0, state, corrects: Some((id, revision)) };
    let recorded = contributions::record(tx, record, slice::from_ref(&new)).await?;
    let recorded = recorded.first().ok_or(Conflict::CorrectionWaits { id })?;
    Ok(Corrected { id: *recorded, revision, state })
}

/// Returns a contribution as it could be recorded again, and its work.
async fn load(tx: &mut Tx, id: i64) -> Result<Option<(i64, NewContribution)>> {
    let row = sqlx::query!(
        r#"SELECT c.work_id, p.key, c.contributor_name, c.kind, c.cost::text AS "cost!", c.coherence::text AS "coherence!", c.basis,
                  c.evidence_kind, c.evidence, c.source_key, c.summary, c.occurred_at,
                  ARRAY(SELECT t.key FROM unnest(c.triggered_by) WITH ORDINALITY AS o (id, place)
                        JOIN contributors t ON t.id = o.id ORDER BY o.place) AS "triggered_by!: Vec<String>"
           FROM contributions c JOIN contributors p ON p.id = c.contributor_id WHERE c.id = $1"#,
        id
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let corrupt = |what, value: &str| StoreError::Corrupt { what, value: value.to_owned() };
    let decimal = |what, text: &str| text.parse::<Decimal>().map_err(|_| corrupt(what, text));
    let basis = row.basis.map(|basis| {
        let text = basis.to_string();
        serde_json::from_value(basis).map_err(|source| StoreError::Json { what: "basis", value: text, source })
    });
    let new = NewContribution {
        contributor: row.key,
        name: row.contributor_name,
        triggered_by: row.triggered_by,
        kind: row.kind,
        cost: decimal("cost", &row.cost)?,
        coherence: decimal("coherence", &row.coherence)?,
        basis: basis.transpose()?,
        evidence_kind: row.evidence_kind.parse().map_err(|_| corrupt("evidence", &row.evidence_kind))?,
        evidence: row.evidence,
        source_key: row.source_key,
        summary: row.summary,
        occurred_at: row.occurred_at,
    };
    Ok(Some((row.work_id, new)))
}
