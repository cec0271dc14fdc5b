//! The agents in the running market, one file each: what they ask the database, what they remember between two questions, and
//! how their advice is recorded and made again.
//!
//! Advice is a pure function (crate `agents`) of rules, history and question. History that is asked for is settled: no block of
//! it can change any more. So a record of the three makes the same advice again, whenever and wherever it is asked to.

pub mod market;
pub mod partners;
mod people;
pub mod pricing;
pub mod risk;

use agents::rules::RuleBase;
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

/// Makes recorded advice again, from the rules, the model and the history it was made with. The same bytes, if nothing was
/// changed since.
///
/// # Errors
/// When something that it was made from is not there.
pub async fn replay(pool: &PgPool, recorded: &Recorded) -> Result<String> {
    match recorded.advice.agent.as_str() {
        "collaboration" => partners::replay(pool, &recorded.advice).await,
        "market" => market::replay(pool, &recorded.advice).await,
        "pricing" => pricing::replay(pool, &recorded.advice).await,
        "risk" => risk::replay(pool, &recorded.advice).await,
        other => Err(refused(format!("nobody knows the agent {other}"))),
    }
}

/// The rules that were kept as these files.
fn rules_of(files: &[(String, String)]) -> Result<RuleBase> {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    RuleBase::read(&files).map_err(refused)
}

/// A kind of works in the words of the rules.
fn kind_of(kind: &str) -> String {
    if kind == "PHYSICAL" { "RealWorldAsset" } else { "Digital" }.to_owned()
}

fn refused(error: impl std::fmt::Display) -> AdvisorError {
    AdvisorError::Refused(error.to_string())
}

/// Fits and forecasts take long: away from the threads that wait for others.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(refused)?
}
