//! Contributions: facts that are recorded once, decided by the work's owner, and corrected by later revisions.
//!
//! ```text
//! proposed --accept--> accepted --a correction is accepted--> corrected
//!     '-----reject---> rejected
//! ```
//!
//! Only the state of a row changes, with who decided it. Every change is told to the ledger in the same transaction.
//! The ledger names people by their number alone, because an email address does not belong in a record that nobody can take
//! back.

use ::facts::{Account, Contribution, Fact, Id, NewFact, Stream, Subject, Units};
use alloy_primitives::Address;
use chrono::{DateTime, Utc};
pub use domain::contribution::{State, UnknownState};
use domain::{
    coherence::Weight,
    cost::{Basis, Evidence},
    identity::Identity,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{StoreError, accounts::identities, facts};

/// What happened to contributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Recorded, and counts from now on.
    Recorded,
    Proposed,
    Accepted,
    Rejected,
    Corrected,
}

impl Change {
    fn fact(self, contribution: Contribution) -> Fact {
        match self {
            Self::Recorded => Fact::ContributionRecorded(contribution),
            Self::Proposed => Fact::ContributionProposed(contribution),
            Self::Accepted => Fact::ContributionAccepted(contribution),
            Self::Rejected => Fact::ContributionRejected(contribution),
            Self::Corrected => Fact::ContributionCorrected(contribution),
        }
    }
}

/// Somebody who may be unknown yet: their key in `contributors`, and what to call them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Someone {
    pub key: String,
    pub name: String,
}

/// A contribution to be recorded.
#[derive(Clone, Debug)]
pub struct NewContribution {
    /// The contributor's key.
    pub contributor: String,
    /// What the work's records call them, or `None` for the name they have elsewhere.
    pub name: Option<String>,
    /// The keys of those who made a SYSTEM act, nearest first.
    pub triggered_by: Vec<String>,
    pub kind: String,
    pub cost: Decimal,
    pub coherence: Decimal,
    pub basis: Option<Basis>,
    pub evidence_kind: Evidence,
    pub evidence: Option<String>,
    /// A key that is unique for each work, contributor, recorder and revision.
    pub source_key: String,
    pub summary: String,
    pub occurred_at: DateTime<Utc>,
}

/// Where contributions are recorded, and how.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub work_id: i64,
    pub recorded_by: Address,
    pub state: State,
    /// The contribution that is replaced, and the revision of its replacement. Only one contribution is then recorded.
    pub corrects: Option<(i64, i32)>,
}

/// Stores people and tools that are new. Those who are known keep their names.
///
/// # Errors
/// When the database fails.
pub async fn introduce(tx: &mut PgConnection, people: &[Someone]) -> Result<(), StoreError> {
    let rows: Vec<Value> = people
        .iter()
        .map(|one| {
            let system = one.key.parse::<Identity>().is_ok_and(|identity| identity.is_system());
            json!({"key": one.key, "kind": if system { "SYSTEM" } else { "HUMAN" }, "name": one.name})
        })
        .collect();
    sqlx::query!(
        "INSERT INTO contributors (key, kind, name)
         SELECT DISTINCT ON (key) key, kind, name FROM jsonb_to_recordset($1) AS r (key text, kind text, name text) ORDER BY key
         ON CONFLICT (key) DO NOTHING",
        Value::Array(rows)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns how many of a work's contributions count, or wait for its owner's decision.
///
/// # Errors
/// When the database fails.
pub async fn count(tx: &mut PgConnection, work_id: i64) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM contributions WHERE work_id = $1 AND state IN ('accepted', 'proposed')"#,
        work_id
    )
    .fetch_one(tx)
    .await?;
    Ok(count)
}

/// Records contributions of people who are [known](introduce), tells the ledger, and returns the ids of the new ones. A
/// contribution that comes again under its key is left out, whatever became of it.
///
/// # Errors
/// When a cost or coherence is not one that the rules allow, or the database fails.
pub async fn record(
    tx: &mut PgConnection,
    record: Record,
    contributions: &[NewContribution],
) -> Result<Vec<i64>, StoreError> {
    // Before anything is written: what is confirmed of somebody meanwhile holds for what is recorded here.
    identities::hold_confirmations(tx, record.work_id).await?;
    let rows = contributions.iter().enumerate().map(row).collect::<Result<Vec<Value>, StoreError>>()?;
    let ids = sqlx::query_scalar!(
        "INSERT INTO contributions (work_id, contributor_id, contributor_name, triggered_by, kind, cost, coherence, confidence,
                                    weight, basis, evidence_kind, evidence, source_key, summary, occurred_at, recorded_by, state,
                                    corrects, revision)
         SELECT $1, c.id, nullif(r.name, c.name),
                ARRAY(SELECT p.id FROM jsonb_array_elements_text(r.triggered_by) WITH ORDINALITY AS t (key, place)
                      JOIN contributors p ON p.key = t.key ORDER BY t.place),
                r.kind, r.cost, r.coherence, r.confidence, r.weight, r.basis, r.evidence_kind, r.evidence,
                r.source_key, r.summary, r.occurred_at, $2, $3, $4, $5
         FROM jsonb_to_recordset($6)
             AS r (place bigint, key text, name text, triggered_by jsonb, kind text, cost numeric, coherence numeric,
                   confidence numeric, weight numeric, basis jsonb, evidence_kind text, evidence text, source_key text,
                   summary text, occurred_at timestamptz)
         JOIN contributors c ON c.key = r.key ORDER BY r.place
         ON CONFLICT DO NOTHING RETURNING id",
        record.work_id,
        Account(record.recorded_by) as _,
        record.state.as_str(),
        record.corrects.map(|(id, _)| id),
        record.corrects.map_or(0, |(_, revision)| revision),
        Value::Array(rows)
    )
    .fetch_all(&mut *tx)
    .await?;
    let change = if record.state == State::Proposed { Change::Proposed } else { Change::Recorded };
    tell(tx, change, record.recorded_by, &ids).await?;
    if !ids.is_empty() {
        identities::link(tx, None, Some(record.work_id)).await?;
    }
    Ok(ids)
}

fn row((place, new): (usize, &NewContribution)) -> Result<Value, StoreError> {
    let weight = Weight::new(new.cost, new.coherence + Decimal::new(5, 1))
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    Ok(json!({
        "place": place, "key": new.contributor, "name": new.name, "triggered_by": new.triggered_by, "kind": new.kind,
        "cost": new.cost, "coherence": new.coherence, "confidence": new.evidence_kind.confidence(), "weight": weight,
        "basis": new.basis, "evidence_kind": new.evidence_kind.as_str(), "evidence": new.evidence,
        "source_key": new.source_key, "summary": new.summary, "occurred_at": new.occurred_at,
    }))
}

/// Decides proposals, which the caller has locked, and tells the ledger.
///
/// # Errors
/// When the database fails.
pub async fn decide(
    tx: &mut Transaction<'_, Postgres>,
    ids: &[i64],
    accept: bool,
    by: Address,
    reason: &str,
) -> Result<(), StoreError> {
    let (state, change) =
        if accept { (State::Accepted, Change::Accepted) } else { (State::Rejected, Change::Rejected) };
    sqlx::query!(
        "UPDATE contributions SET state = $2, decided_by = $3, decided_at = now(), reason = $4 WHERE id = ANY ($1)",
        ids,
        state.as_str(),
        Account(by) as _,
        reason
    )
    .execute(&mut **tx)
    .await?;
    tell(tx, change, by, ids).await
}

/// Marks those contributions as corrected that have counted until now, and tells the ledger. Returns the number of them.
///
/// # Errors
/// When the database fails.
pub async fn replace(tx: &mut Transaction<'_, Postgres>, ids: &[i64], by: Address) -> Result<usize, StoreError> {
    let replaced = sqlx::query_scalar!(
        "UPDATE contributions SET state = 'corrected', decided_by = $2, decided_at = now(), reason = ''
         WHERE id = ANY ($1) AND state = 'accepted' RETURNING id",
        ids,
        Account(by) as _
    )
    .fetch_all(&mut **tx)
    .await?;
    tell(tx, Change::Corrected, by, &replaced).await?;
    Ok(replaced.len())
}

/// Returns the state that the work's owner wants for what imports and pushes bring.
///
/// # Errors
/// When there is no such work, or the database fails.
pub async fn import_state(tx: &mut PgConnection, work_id: i64) -> Result<State, StoreError> {
    let preaccepted = sqlx::query_scalar!("SELECT preaccepted FROM works WHERE id = $1", work_id).fetch_one(tx).await?;
    Ok(if preaccepted { State::Accepted } else { State::Proposed })
}

/// Tells of contributions that `by` changed in this transaction. Every event holds the whole contribution, so that what
/// counts at any time follows from the events alone: recorded and accepted ones do until they are corrected.
async fn tell(tx: &mut PgConnection, change: Change, by: Address, ids: &[i64]) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, work_id, contributor_id, triggered_by, kind, trim_scale(cost)::text AS "cost!",
                  trim_scale(coherence)::text AS "coherence!", trim_scale(confidence)::text AS "confidence!",
                  weight AS "weight!: Units", basis, source_key, evidence, evidence_kind, revision, corrects,
                  recorded_by AS "recorded_by: Account"
           FROM contributions WHERE id = ANY ($1) ORDER BY id"#,
        ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let facts = rows
        .into_iter()
        .map(|row| {
            let number =
                |what, text: &str| text.parse().map_err(|_| StoreError::Corrupt { what, value: text.to_owned() });
            let basis = row.basis.map(|basis| {
                let text = basis.to_string();
                serde_json::from_value(basis).map_err(|source| StoreError::Json { what: "basis", value: text, source })
            });
            let body = Contribution {
                work: row.work_id.into(),
                contributor: row.contributor_id.into(),
                kind: row.kind,
                cost: number("cost", &row.cost)?,
                coherence: number("coherence", &row.coherence)?,
                confidence: number("confidence", &row.confidence)?,
                weight: row.weight.0.0.into(),
                reference: row.source_key,
                evidence: row.evidence,
                evidence_kind: row.evidence_kind,
                recorded_by: row.recorded_by.0.into(),
                by: by.into(),
                revision: row.revision,
                basis: basis.transpose()?,
                corrects: row.corrects.map(Id),
                triggered_by: row.triggered_by.into_iter().map(Id).collect(),
            };
            let streams = [Stream::work(row.work_id), Stream::contributor(row.contributor_id)];
            Ok(NewFact::new(Subject::Contribution { contribution: row.id.into() }, streams, change.fact(body)))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    facts::tell(tx, &facts).await
}
