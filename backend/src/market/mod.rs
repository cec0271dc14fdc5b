//! The market as a whole: its state, the forecast of its week, and what happened day by day.

pub mod days;
pub mod state;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(state::state)).routes(routes!(days::days))
}
