//! Hooks by which GitHub tells of pushes: a work's owner makes them, GitHub posts to them, and what came is shown.

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

/// The id of a hook, as a UUID is written; anything else names none.
fn hook_id(text: &str) -> Result<String, Problem> {
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid { Ok(text.to_ascii_lowercase()) } else { Err(Problem::not_found("such hook")) }
}
