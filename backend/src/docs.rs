//! The reference: `/openapi.json`, shown at `/docs`.

use axum::Router;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::AppState;

pub fn routes(openapi: utoipa::openapi::OpenApi) -> Router<AppState> {
    let config = Config::default().try_it_out_enabled(true).with_credentials(true).use_base_layout();
    SwaggerUi::new("/docs").url("/openapi.json", openapi).config(config).into()
}
