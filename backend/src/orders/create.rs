//! POST /v1/orders: stores an order that could be filled.

use axum::{extract::State, http::StatusCode};
use commands::place_order::{self, Signed};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{OrderFields, list};
use crate::{
    AppState,
    extract::Json,
    problem::{Problem, Result},
    values::{parse, signature_field},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    pub order: OrderFields,
    /// The maker's EIP-712 signature, 0x-hex; of a contract account as it accepts it (ERC-1271).
    pub signature: String,
}

/// Stores a signed order. The same order again gives the same answer. No session is needed: the signature speaks.
/// A sale is screened at once: one that is blocked is stored with the reasons, and left out of lists.
#[utoipa::path(post, path = "/v1/orders", operation_id = "create_order", tag = "orders", request_body = NewOrder,
    responses((status = 201, body = list::OrderView), (status = 200, body = list::OrderView, description = "it was stored before"),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn create(
    State(state): State<AppState>,
    Json(request): Json<NewOrder>,
) -> Result<(StatusCode, axum::Json<list::OrderView>)> {
    let order = request.order.parse()?;
    let signature = parse("signature", &request.signature, signature_field)?;
    let signed = Signed::new(state.market(), order, signature)?;
    let hash = signed.hash();
    let known = list::find(&mut *state.pool.acquire().await?, state.chain_id(), hash).await?;
    if let Some(known) = known {
        return Ok((StatusCode::OK, axum::Json(known)));
    }
    let sound = signed.check(state.market()).await?;
    let mut tx = state.pool.begin().await?;
    place_order::place(&mut tx, &sound).await?;
    // The answer is read before the commit: what fails from here on could not say that nothing was changed.
    let stored = list::find(&mut tx, state.chain_id(), hash).await?;
    let stored = stored.ok_or_else(|| Problem::internal("an order vanished"))?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(stored)))
}
