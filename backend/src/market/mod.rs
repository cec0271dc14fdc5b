//! The market as a whole: how it stands, what its week will bring, and what happened day by day.

pub mod days;
pub mod state;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(state::state)).routes(routes!(days::days))
}
