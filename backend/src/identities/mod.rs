//! Names that people go by, such as emails, linked to the accounts they are paid at.

pub mod claim;
pub mod decision;
pub mod list;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list, claim::claim)).routes(routes!(decision::decide))
}
