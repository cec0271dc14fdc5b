//! Whether the service works, and its metrics.

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

use crate::AppState;

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
    // Who asks this wants to know whether, and asks again. Why is in the log of whatever needed the part that is away.
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
    // Anyone may invent methods, and every label costs memory for good.
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
