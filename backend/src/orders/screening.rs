//! POST /v1/orders/{hash}/screening: screens an order for a buyer, just before the purchase.

use advisors::risk::{self, Standing};
use alloy::primitives::B256;
use axum::extract::State;
use chrono::Utc;
use commands::place_order::is_approved;
use serde::Deserialize;
use store::market::screenings::{self, Offer};
use utoipa::ToSchema;

use super::list;
use crate::{
    AppState,
    extract::{Json, Path},
    problem::{Problem, Result},
    risk::{OrderRisk, RiskProvenance, grounds},
    values::{address_field, parse},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreeningRequest {
    /// The account that would buy.
    pub buyer: String,
}

/// Screens an order to sell for a buyer, as everything stands now. The answer is not recorded.
#[utoipa::path(post, path = "/v1/orders/{hash}/screening", operation_id = "screen_order", tag = "orders",
    params(("hash" = String, Path, description = "EIP-712 hash")), request_body = ScreeningRequest,
    responses((status = 200, body = OrderRisk), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
pub async fn screen(
    State(state): State<AppState>,
    Path(hash): Path<String>,
    Json(request): Json<ScreeningRequest>,
) -> Result<axum::Json<OrderRisk>> {
    let buyer = parse("buyer", &request.buyer, address_field)?;
    let missing = || Problem::not_found(format!("order {hash}"));
    let parsed: B256 = hash.parse().map_err(|_| missing())?;
    let grounds = grounds(&state).await?;
    let mut conn = state.pool.acquire().await?;
    let Some(offer) = screenings::offer(&mut conn, state.chain_id(), parsed).await? else {
        list::find(&mut conn, state.chain_id(), parsed).await?.ok_or_else(missing)?;
        return Err(Problem::invalid("This order is a bid: who accepts it gets its price, and needs no screening."));
    };
    let standing = Standing {
        owner: offer.owner,
        // Without an epoch there is no owner either, and then the epoch does not matter.
        asset_epoch: offer.epoch.unwrap_or_default(),
        approved: approved(&state, &offer).await?,
        cancelled: offer.state == "cancelled",
        frozen_until: offer.frozen_until,
        buyer: Some(buyer),
    };
    let answered = risk::screen(&mut conn, &grounds, &offer, standing, Utc::now()).await?;
    let provenance = RiskProvenance::of_answer(&answered, &grounds);
    Ok(axum::Json(OrderRisk::of(answered.says, provenance)))
}

/// Returns whether the market may move the asset now. The node is asked only if that still matters.
async fn approved(state: &AppState, offer: &Offer) -> Result<bool> {
    match offer.owner == Some(offer.maker) {
        true => Ok(is_approved(state.market(), offer.maker, offer.asset).await?),
        false => Ok(true),
    }
}
