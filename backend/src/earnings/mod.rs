//! What is due to accounts: earnings with proofs, the reasons for each payout, and the distributions behind them.

pub mod account;
pub mod derivation;
pub mod distributions;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(account::earnings))
        .routes(routes!(account::payouts))
        .routes(routes!(derivation::derivation))
        .routes(routes!(distributions::list))
        .routes(routes!(distributions::get))
}
