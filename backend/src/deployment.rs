//! GET /v1/market: which chain and contracts are served here, and how far the mirror of the chain is.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    AppState,
    problem::{Problem, Result},
};

/// The chain, the contracts, and how far the mirror is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketInfo {
    pub chain_id: u64,
    /// CAIP-2.
    pub caip2: String,
    /// The first block that can hold an event of the contracts.
    pub from_block: u64,
    pub access_manager: String,
    pub asset_registry: String,
    pub licences: String,
    pub market: String,
    pub payouts: String,
    pub staking: String,
    pub disputes: String,
    pub council: String,
    pub anchor: String,
    pub mirror: Mirror,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    pub block_number: i64,
    pub safe_number: i64,
    pub finalized_number: i64,
    pub head_number: i64,
    /// Set when the chain contradicted a finalized block; an operator must decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
    pub updated_at: chrono::DateTime<chrono::Utc>,
}

/// The chain and contracts served here.
#[utoipa::path(get, path = "/v1/market", operation_id = "market", tag = "service", responses((status = 200, body = MarketInfo), (status = 503, body = Problem)))]
pub async fn get(State(state): State<AppState>) -> Result<axum::Json<MarketInfo>> {
    let mirror = sqlx::query_as!(
        Mirror,
        "SELECT block_number, safe_number, finalized_number, head_number, halted, updated_at FROM chain.cursors WHERE chain_id = $1",
        state.chain()
    )
    .fetch_optional(&state.pool)
    .await?
    .ok_or_else(|| Problem::unavailable("The mirror has not read its first block yet."))?;
    let deployment = state.deployment;
    Ok(axum::Json(MarketInfo {
        chain_id: state.chain_id().0,
        caip2: format!("eip155:{}", state.chain_id()),
        from_block: deployment.from_block,
        access_manager: deployment.access_manager.to_checksum(None),
        asset_registry: deployment.asset_registry.to_checksum(None),
        licences: deployment.licences.to_checksum(None),
        market: deployment.market.to_checksum(None),
        payouts: deployment.payouts.to_checksum(None),
        staking: deployment.staking.to_checksum(None),
        disputes: deployment.disputes.to_checksum(None),
        council: deployment.council.to_checksum(None),
        anchor: deployment.anchor.to_checksum(None),
        mirror,
    }))
}
