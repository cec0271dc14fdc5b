//! Tells facts. Each goes to the ledger, to the outbox, or to both, in the transaction that makes it true.

pub mod outbox;
pub mod trace;

use ::facts::NewFact;
use domain::ledger::{Canonical, NewEvent};
use sqlx::PgConnection;

use crate::{StoreError, ledger};

/// Tells facts in order, within the caller's transaction. The kind of a fact says who is told of it.
///
/// # Errors
/// When the database fails, and when the ledger cannot hold a fact.
pub async fn tell(tx: &mut PgConnection, facts: &[NewFact]) -> Result<(), StoreError> {
    let recorded = facts.iter().filter(|fact| fact.fact.kind().told_to().ledger());
    let recorded = recorded.map(event).collect::<Result<Vec<_>, _>>()?;
    ledger::append(tx, &recorded).await?;
    let acted_on: Vec<&NewFact> = facts.iter().filter(|fact| fact.fact.kind().told_to().outbox()).collect();
    outbox::emit(tx, &acted_on).await
}

/// Tells one fact, as [`tell`] does.
///
/// # Errors
/// In the same cases as [`tell`].
pub async fn tell_one(tx: &mut PgConnection, fact: NewFact) -> Result<(), StoreError> {
    tell(tx, &[fact]).await
}

/// Returns a fact as an event of the ledger.
fn event(fact: &NewFact) -> Result<NewEvent, StoreError> {
    let kind = fact.fact.kind();
    let refused =
        |error: &dyn std::fmt::Display| StoreError::Refused(format!("the ledger cannot hold `{kind}`: {error}"));
    let body = Canonical::of(&fact.fact.body()?).map_err(|error| refused(&error))?;
    let streams = fact.streams.iter().map(ToString::to_string);
    NewEvent::new(kind.as_str(), fact.subject.to_string(), streams, body).map_err(|error| refused(&error))
}
