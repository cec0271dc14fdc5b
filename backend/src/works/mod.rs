//! Works as people describe them, contributions to them, and their coherence.

pub mod coherence;
pub mod contributions;
pub mod corrections;
pub mod create;
pub mod decisions;
mod item;
pub mod policy;
pub mod prices;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::list, create::create))
        .routes(routes!(policy::get, policy::set))
        .routes(routes!(contributions::list, contributions::record))
        .routes(routes!(decisions::decide))
        .routes(routes!(corrections::correct))
        .routes(routes!(prices::list))
        .routes(routes!(coherence::of_work))
        .routes(routes!(coherence::of_asset))
}
