//! The ledger: where it ends, its events as of any event, receipts, and proofs that it only grew.

pub mod events;
pub mod head;
pub mod receipt;
pub mod state;

use chrono::{DateTime, Utc};
use domain::ledger::signature::{Signed, TreeHead};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AppState,
    problem::{Problem, Result},
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(head::head))
        .routes(routes!(events::list))
        .routes(routes!(events::get))
        .routes(routes!(receipt::receipt))
        .routes(routes!(receipt::consistency))
        .routes(routes!(state::state))
}

/// Reads the number of an event from a path.
fn parse_seq(text: &str) -> Result<u64> {
    text.parse().map_err(|_| no_event(text))
}

fn no_event(seq: impl std::fmt::Display) -> Problem {
    Problem::not_found(format!("event {seq} in the ledger"))
}

/// Converts a time in microseconds since 1970.
///
/// # Errors
/// When the time lies beyond the calendar.
fn time(micros: u64) -> Result<DateTime<Utc>> {
    let time = i64::try_from(micros).ok().and_then(DateTime::from_timestamp_micros);
    time.ok_or_else(|| Problem::internal(format!("{micros} microseconds since 1970 lie beyond the calendar")))
}

/// Returns the engine's signature over a tree head, if this process has the engine's key.
async fn sign(state: &AppState, head: &TreeHead) -> Result<Option<Signed>> {
    let Some(signer) = &state.signer else { return Ok(None) };
    let signature = signer.sign_hash(&head.signing_hash()).await.map_err(Problem::internal)?;
    Ok(Some(Signed { signer: signer.account(), signature: signature.as_bytes().to_vec().into() }))
}
