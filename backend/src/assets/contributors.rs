//! GET /v1/assets/{id}/contributors

use axum::extract::State;
use facts::Account;
use serde::Serialize;
use utoipa::ToSchema;

use super::{parse_id, require};
use crate::{
    AppState,
    extract::{Path, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
    values::paid_at,
};

/// Someone who contributed to a work, and how much of it that is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContributorSummary {
    pub id: String,
    pub name: String,
    /// HUMAN or SYSTEM.
    pub kind: String,
    /// Where they are paid; absent while unknown: what is due to them is reserved until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub contributions: i64,
    /// In the units of the cost rule.
    pub cost: String,
    /// Part of the work's weighted cost, in millionths, rounded down.
    pub share_ppm: i64,
    pub first_at: chrono::DateTime<chrono::Utc>,
    pub last_at: chrono::DateTime<chrono::Utc>,
}

/// Who contributed to a work, the largest part first.
#[utoipa::path(get, path = "/v1/assets/{id}/contributors", tag = "assets", params(("id" = String, Path, description = "the asset's id"), PageQuery),
    responses((status = 200, body = Page<ContributorSummary>), (status = 404, body = Problem)))]
pub async fn contributors(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<ContributorSummary>>> {
    let id = parse_id(&id)?;
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    require(&state, id).await?;
    let rows = sqlx::query!(
        r#"WITH parts AS (
               SELECT c.work_id, c.contributor_id, count(*) AS contributions, sum(c.cost) AS cost, sum(c.weight) AS weight,
                      min(c.occurred_at) AS first_at, max(c.occurred_at) AS last_at,
                      -- What the work's records called them last.
                      (array_agg(c.contributor_name ORDER BY c.id DESC) FILTER (WHERE c.contributor_name IS NOT NULL))[1] AS name
               FROM asset_works aw JOIN contributions c ON c.work_id = aw.work_id
               WHERE aw.chain_id = $1 AND aw.asset_id = $2 AND c.state = 'accepted' GROUP BY c.work_id, c.contributor_id),
           ranked AS (
               SELECT *, sum(weight) OVER () AS total,
                      count(*) OVER () - row_number() OVER (ORDER BY weight DESC, contributor_id) + 1 AS rank FROM parts)
           SELECT p.id, p.key, coalesce(r.name, p.name) AS "name!", p.kind, r.contributions AS "contributions!", trim_scale(r.cost)::text AS "cost!",
                  CASE WHEN r.total = 0 THEN 0 ELSE div(r.weight * 1000000, r.total) END::bigint AS "share_ppm!",
                  r.first_at AS "first_at!", r.last_at AS "last_at!", r.rank AS "rank!",
                  (SELECT x.address FROM payees x WHERE x.work_id = r.work_id AND x.contributor_id = p.id) AS "address?: Account"
           FROM ranked r JOIN contributors p ON p.id = r.contributor_id
           WHERE r.rank < $3 ORDER BY r.rank DESC LIMIT $4::bigint + 1"#,
        state.chain(),
        id,
        below,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    cut(rows, limit, |row| (row.rank, 0)).show(|row| {
        Ok(ContributorSummary {
            id: row.id.to_string(),
            name: row.name,
            kind: row.kind,
            address: paid_at(row.address, &row.key),
            contributions: row.contributions,
            cost: row.cost,
            share_ppm: row.share_ppm,
            first_at: row.first_at,
            last_at: row.last_at,
        })
    })
}
