//! The agents in the running market, one file each: what they ask the database, what they remember between questions, and how
//! their advice is recorded and computed again.
//!
//! Advice is a pure function (crate `agents`) of rules, history and question. History is settled, which means that no block of
//! it can change any more. So a record of the three gives the same advice again, whenever and wherever it is computed.

pub mod market;
pub mod partners;
mod people;
pub mod pricing;
pub mod risk;

use agents::{
    document::{self, Document},
    rules::RuleBase,
};
use sqlx::PgPool;
use store::{StoreError, advice::Recorded};

#[derive(Debug, thiserror::Error)]
pub enum AdvisorError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no advice: {0}")]
    Refused(String),
}

impl From<sqlx::Error> for AdvisorError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

type Result<T> = std::result::Result<T, AdvisorError>;

/// Computes recorded advice again, from the rules, the model and the history from which it was made. The bytes are the same if
/// nothing was changed since.
///
/// # Errors
/// When something from which it was made does not exist, or the database fails.
pub async fn replay(pool: &PgPool, recorded: &Recorded) -> Result<String> {
    match recorded.advice.agent.as_str() {
        "collaboration" => partners::replay(pool, &recorded.advice).await,
        "market" => market::replay(pool, &recorded.advice).await,
        "pricing" => pricing::replay(pool, &recorded.advice).await,
        "risk" => risk::replay(pool, &recorded.advice).await,
        other => Err(refused(format!("nobody knows the agent {other}"))),
    }
}

/// Reads recorded advice, in whatever version of the program its agent recorded it.
///
/// # Errors
/// When it has a form that this program does not know.
pub fn said<T: Document>(recorded: &Recorded) -> Result<T> {
    document::read(recorded.advice.version, &recorded.advice.answer)
        .map_err(|error| refused(format!("advice {} cannot be read: {error}", recorded.id)))
}

/// Returns what was asked.
fn asked<T: Document>(record: &store::advice::Advice) -> Result<T> {
    document::read(record.version, &record.question)
        .map_err(|error| refused(format!("the question about {} cannot be read: {error}", record.subject)))
}

/// Returns the rules that were kept as these files.
fn rules_of(files: &[(String, String)]) -> Result<RuleBase> {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    RuleBase::read(&files).map_err(refused)
}

/// Returns a kind of works in the words of the rules.
fn kind_of(kind: &str) -> String {
    if kind == "PHYSICAL" { "RealWorldAsset" } else { "Digital" }.to_owned()
}

fn refused(error: impl std::fmt::Display) -> AdvisorError {
    AdvisorError::Refused(error.to_string())
}

/// Runs fits and forecasts, which take long, away from the threads that serve others.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(refused)?
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use serde::Deserialize;
    use serde_json::Value;
    use store::advice::Advice;

    use facts::ChainId;

    use super::*;

    /// A record as it was stored, in the version of that time.
    #[derive(Deserialize)]
    struct Golden {
        agent: String,
        subject: String,
        version: u16,
        question: String,
        answer: String,
    }

    fn recorded(golden: Golden) -> Recorded {
        let Golden { agent, subject, version, question, answer } = golden;
        let (chain_id, day, hash) = (ChainId(31337), NaiveDate::default(), Default::default());
        let advice = Advice { chain_id, agent, subject, day, version, question, answer, rule_base: hash, model: None };
        Recorded { id: 1, advice, hash, at: DateTime::UNIX_EPOCH }
    }

    /// Reads advice and writes it again, which must lose nothing in today's form.
    fn again<A: Document>(recorded: &Recorded) -> Value {
        serde_json::to_value(said::<A>(recorded).unwrap()).unwrap()
    }

    #[test]
    fn records_of_every_version_are_read() {
        let golden: Vec<Golden> = serde_json::from_str(include_str!("../tests/golden/advice.json")).unwrap();
        assert!(golden.len() >= 6);
        for golden in golden {
            let recorded = recorded(golden);
            let record = &recorded.advice;
            let again = match (record.agent.as_str(), record.subject.split(':').next()) {
                ("pricing", _) => {
                    asked::<agents::pricing::Question>(record).unwrap();
                    again::<agents::pricing::Advice>(&recorded)
                }
                ("risk", subject) => {
                    risk::known_by(record).unwrap();
                    match subject {
                        Some("order") => again::<agents::risk::Screening>(&recorded),
                        _ => again::<agents::risk::Advice>(&recorded),
                    }
                }
                ("collaboration", _) => {
                    asked::<agents::collaboration::Question>(record).unwrap();
                    again::<agents::collaboration::Advice>(&recorded)
                }
                ("market", _) => again::<market::Advice>(&recorded),
                other => panic!("{other:?}"),
            };
            let answer: Value = serde_json::from_str(&record.answer).unwrap();
            assert_eq!(again, answer, "{}", record.subject);
        }
    }
}
