//! Works as people describe them, and contributions to them.

pub mod contributions;
pub mod create;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::list, create::create))
        .routes(routes!(contributions::list, contributions::record))
}
