//! Registered works: list, detail, lineage, history, contributors, advice.

pub mod advice;
pub mod contributors;
pub mod detail;
pub mod history;
pub mod lineage;
pub mod list;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AppState,
    problem::{Problem, Result},
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(detail::detail))
        .routes(routes!(lineage::lineage))
        .routes(routes!(history::history))
        .routes(routes!(contributors::contributors))
        .routes(routes!(advice::advice))
}

/// Reads an asset id from a path. It is a whole number, as given by the registry.
///
/// # Errors
/// When the text is not a positive whole number. The problem is that there is no such asset.
pub fn parse_id(text: &str) -> Result<i64> {
    text.parse::<i64>().ok().filter(|id| *id > 0).ok_or_else(|| Problem::not_found(format!("asset {text}")))
}

/// Checks that the mirror knows the asset.
///
/// # Errors
/// When there is no such asset, or the database fails.
pub async fn require(state: &AppState, id: i64) -> Result<()> {
    let exists = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM chain.assets WHERE chain_id = $1 AND asset_id = $2) AS "exists!""#,
        state.chain(),
        id
    )
    .fetch_one(&state.pool)
    .await?;
    if exists { Ok(()) } else { Err(Problem::not_found(format!("asset {id}"))) }
}
