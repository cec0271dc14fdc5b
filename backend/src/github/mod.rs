//! Hooks by which GitHub reports pushes. A work's owner makes them, GitHub posts to them, and the owner can see
//! what was delivered.

mod deliveries;
mod hooks;
mod receive;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AppState, problem::Problem};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(hooks::list, hooks::create))
        .routes(routes!(hooks::revoke))
        .routes(routes!(hooks::rotate))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::detail))
        .routes(routes!(deliveries::replay))
        .routes(routes!(receive::receive))
}

/// Reads the id of a hook, which is a UUID. Any other text does not name a hook.
fn hook_id(text: &str) -> Result<String, Problem> {
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid { Ok(text.to_ascii_lowercase()) } else { Err(Problem::not_found("such hook")) }
}
