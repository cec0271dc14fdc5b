//! GET /v1/assets/{id}/state: the state of an asset according to the ledger, as of any event.

use std::collections::BTreeMap;

use axum::extract::State;
use facts::state::{self, Divided, Standing};
use serde::{Deserialize, Serialize};
use store::ledger;
use utoipa::{IntoParams, ToSchema};

use super::time;
use crate::{
    AppState,
    assets::{parse_id, require},
    extract::{Path, Query},
    problem::{Problem, Result},
};

/// The most events that are folded for one answer.
const MAX_EVENTS: u64 = 200_000;
/// How many events are read at a time.
const CHUNK: i64 = 1_000;
/// The most orders that are named, which are the last recorded.
const MAX_ORDERS: usize = 200;

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AsOf {
    /// The number of an event: how things stood when it was the last. The newest one when absent.
    pub as_of: Option<u64>,
}

/// What was recorded of an asset by then. What the chain says of it has its own history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetState {
    pub asset_id: String,
    /// As of this event of the ledger.
    pub as_of: u64,
    /// The asset's last event by then, and its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<chrono::DateTime<chrono::Utc>>,
    /// How many events this was computed from, by their kinds.
    pub events: u64,
    pub kinds: BTreeMap<String, u64>,
    /// The works that speak for the asset today, of those that were recorded by then.
    pub works: Vec<String>,
    /// Versions of these works, and the commitment to the last one: the SHA-256 of its content hash.
    pub versions: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_version: Option<String>,
    /// By how they stand.
    pub contributions: Vec<ContributionSum>,
    /// Orders recorded; how they stand is on chain.
    pub orders: usize,
    /// The hashes of the last recorded ones, at most 200, newest first.
    pub newest_orders: Vec<String>,
    /// By currency.
    pub distributions: Vec<DividedSum>,
}

/// Contributions that stand alike.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContributionSum {
    /// `accepted`, `proposed`, `rejected` or `corrected`.
    pub state: String,
    pub count: u64,
    /// By how many contributors.
    pub contributors: u64,
    /// In the units of the cost rule.
    pub cost: String,
    /// Cost times multiplier, in units of 1e-12.
    pub weight: String,
}

/// What was divided in one currency, in base units.
#[derive(Debug, Serialize, ToSchema)]
pub struct DividedSum {
    pub currency: String,
    /// How many distributions.
    pub count: u64,
    pub amount: String,
    pub distributed: String,
    pub reserved: String,
    /// Of `reserved`, what was given to accounts since.
    pub released: String,
    pub brought: String,
    pub carried: String,
}

/// An asset as of an event of the ledger, computed from its events up to that one and from nothing else.
#[utoipa::path(get, path = "/v1/assets/{id}/state", operation_id = "get_asset_state", tag = "ledger", params(("id" = String, Path, description = "the asset's id"), AsOf),
    responses((status = 200, body = AssetState), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn state(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(AsOf { as_of }): Query<AsOf>,
) -> Result<axum::Json<AssetState>> {
    let id = parse_id(&id)?;
    require(&state, id).await?;
    let mut tx = store::snapshot(&state.pool).await?;
    let size = ledger::head(&mut tx).await?.size;
    let as_of = as_of.unwrap_or(size);
    if as_of > size {
        return Err(Problem::field("asOf", "out_of_range", format!("is more than the {size} events of the ledger")));
    }
    let stream = format!("asset:{}:{id}", state.chain_id());
    let mut folded = state::State::default();
    let mut after = 0;
    loop {
        let entries = ledger::history(&mut tx, &stream, after, as_of, CHUNK).await?;
        for entry in &entries {
            folded.push(&entry.event).map_err(Problem::internal)?;
        }
        match entries.last() {
            Some(last) if entries.len() as i64 == CHUNK => after = last.event.seq,
            _ => break,
        }
        if folded.events() >= MAX_EVENTS {
            let detail = format!(
                "Asset {id} has more than {MAX_EVENTS} events up to then: read them at /v1/ledger/events?stream={stream}."
            );
            return Err(Problem::invalid(detail));
        }
    }
    Ok(axum::Json(view(id, as_of, folded)?))
}

fn view(id: i64, as_of: u64, folded: state::State) -> Result<AssetState> {
    let standings = [Standing::Accepted, Standing::Proposed, Standing::Rejected, Standing::Corrected];
    let contributions = standings.map(|standing| {
        let (sum, contributors) = folded.contributions(standing);
        ContributionSum {
            state: standing.as_str().to_owned(),
            count: sum.count,
            contributors,
            cost: sum.cost.normalize().to_string(),
            weight: sum.weight.to_string(),
        }
    });
    let distributions = folded.divided.iter().map(|(currency, divided): (_, &Divided)| DividedSum {
        currency: currency.to_checksum(None),
        count: divided.count,
        amount: divided.amount.to_string(),
        distributed: divided.distributed.to_string(),
        reserved: divided.reserved.to_string(),
        released: divided.released.to_string(),
        brought: divided.brought.to_string(),
        carried: divided.carried.to_string(),
    });
    Ok(AssetState {
        asset_id: id.to_string(),
        as_of,
        last_event: folded.last.map(|(seq, _)| seq),
        time: folded.last.map(|(_, at)| time(at)).transpose()?,
        events: folded.events(),
        contributions: contributions.into(),
        distributions: distributions.collect(),
        versions: folded.versions.len(),
        newest_version: folded.versions.last().cloned(),
        orders: folded.orders.len(),
        newest_orders: folded.orders.iter().rev().take(MAX_ORDERS).cloned().collect(),
        kinds: folded.kinds,
        works: folded.works.into_iter().collect(),
    })
}
