//! Sign-In with Ethereum (EIP-4361) and sessions.

pub mod session;
pub mod verify;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(verify::nonce))
        .routes(routes!(verify::verify))
        .routes(routes!(session::current, session::sign_out))
        .routes(routes!(session::list))
        .routes(routes!(session::revoke))
}
