//! What is served here, whether it works, and how it fares.

use std::time::Instant;

use alloy::providers::Provider;
use axum::{
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
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
#[utoipa::path(get, path = "/v1/market", tag = "service", responses((status = 200, body = MarketInfo), (status = 503, body = Problem)))]
pub async fn market(State(state): State<AppState>) -> Result<axum::Json<MarketInfo>> {
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
        chain_id: state.chain_id(),
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

/// The process runs.
#[utoipa::path(get, path = "/health/live", tag = "service", responses((status = 200, body = String)))]
pub async fn live() -> &'static str {
    "ok"
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    pub ready: bool,
    pub database: bool,
    pub node: bool,
    pub mirror: bool,
}

/// What the process needs answers: database, node, and a mirror that is not halted.
#[utoipa::path(get, path = "/health/ready", tag = "service", responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let halted = sqlx::query_scalar!("SELECT halted FROM chain.cursors WHERE chain_id = $1", state.chain())
        .fetch_optional(&state.pool)
        .await;
    let database = halted.is_ok();
    let mirror = matches!(halted, Ok(Some(None)));
    let node = state.provider.get_block_number().await.is_ok();
    let ready = database && node && mirror;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(Readiness { ready, database, node, mirror }))
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, body = String)))]
pub async fn metrics() -> String {
    service::telemetry::metrics().render()
}

/// Counts and times every request by its route.
pub async fn measure(request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    // Anyone may invent methods; every label costs memory for good.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let start = Instant::now();
    let response = next.run(request).await;
    let labels = [("route", route), ("method", method), ("status", response.status().as_u16().to_string())];
    metrics::histogram!("http_request_seconds", &labels).record(start.elapsed());
    response
}
