//! Works as people describe them, contributions to them, and their coherence.

pub mod coherence;
pub mod contributions;
pub mod corrections;
pub mod create;
pub mod decisions;
mod item;
pub mod policy;
pub mod prices;

use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AppState,
    extract::SignedIn,
    problem::{Problem, Result},
    values::number,
};

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

/// The work that a path names, of the account that is signed in.
pub async fn owned(conn: &mut PgConnection, account: SignedIn, id: &str) -> Result<i64> {
    sqlx::query_scalar!("SELECT id FROM works WHERE id = $1 AND owner = $2", number(id), account.0.as_slice() as _)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| Problem::not_found(format!("work {id} of yours")))
}
