//! GET /v1/distributions and GET /v1/distributions/{id}

use axum::extract::State;
use facts::Account;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    AppState,
    extract::{Path, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
    values::id_of,
};

/// One exact division of a pot: `amount` = `distributed` + `reserved`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DistributionView {
    pub id: String,
    pub asset_id: String,
    pub currency: String,
    pub amount: String,
    pub distributed: String,
    pub reserved: String,
    pub policy: String,
    /// Income up to this finalized block is covered.
    pub through_block: i64,
    pub created_at: chrono::DateTime<chrono::Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DistributionDetail {
    #[serde(flatten)]
    pub distribution: DistributionView,
    /// At most 1000, the largest first.
    pub payouts: Vec<PayoutLine>,
    /// At most 1000, the largest first.
    pub reserves: Vec<ReserveLine>,
    pub payout_count: i64,
    pub reserve_count: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayoutLine {
    pub payout_id: String,
    pub account: String,
    pub amount: String,
}

/// Kept for someone without an address yet: a package, or a contributor by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReserveLine {
    pub beneficiary: String,
    pub amount: String,
    pub released: bool,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DistributionFilters {
    /// Of this asset's income.
    pub asset: Option<i64>,
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Lists distributions, newest first.
#[utoipa::path(get, path = "/v1/distributions", operation_id = "list_distributions", tag = "earnings", params(DistributionFilters),
    responses((status = 200, body = Page<DistributionView>), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Query(filters): Query<DistributionFilters>,
) -> Result<axum::Json<Page<DistributionView>>> {
    let page = PageQuery { limit: filters.limit, cursor: filters.cursor.clone() };
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let items = select(&state, None, filters.asset, below, limit + 1).await?;
    cut(items, limit, |(id, _)| (*id, 0)).show(|(_, view)| Ok(view))
}

/// One distribution with its payouts and reserves.
#[utoipa::path(get, path = "/v1/distributions/{id}", operation_id = "get_distribution", tag = "earnings", params(("id" = String, Path, description = "the distribution's id")),
    responses((status = 200, body = DistributionDetail), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<DistributionDetail>> {
    let number = id_of("distribution", &id)?;
    let found = select(&state, Some(number), None, i64::MAX, 1).await?.pop();
    let (_, distribution) = found.ok_or_else(|| Problem::not_found(format!("distribution {id}")))?;
    let payouts = sqlx::query!(
        r#"SELECT id, account AS "account: Account", amount::text AS "amount!", count(*) OVER () AS "total!" FROM payouts
           WHERE distribution_id = $1 AND reserve_id IS NULL ORDER BY payouts.amount DESC, account LIMIT 1000"#,
        number
    )
    .fetch_all(&state.pool)
    .await?;
    let reserves = sqlx::query!(
        r#"SELECT coalesce(c.name, r.beneficiary) AS "beneficiary!", r.amount::text AS "amount!", count(*) OVER () AS "total!",
                  EXISTS (SELECT FROM payouts p WHERE p.reserve_id = r.id) AS "released!"
           FROM reserves r LEFT JOIN contributors c ON c.key = r.beneficiary
           WHERE r.distribution_id = $1 ORDER BY r.amount DESC, r.beneficiary LIMIT 1000"#,
        number
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(DistributionDetail {
        distribution,
        payout_count: payouts.first().map_or(0, |first| first.total),
        reserve_count: reserves.first().map_or(0, |first| first.total),
        payouts: payouts
            .into_iter()
            .map(|row| {
                Ok(PayoutLine { payout_id: row.id.to_string(), account: row.account.to_string(), amount: row.amount })
            })
            .collect::<Result<_>>()?,
        reserves: reserves
            .into_iter()
            .map(|row| ReserveLine { beneficiary: row.beneficiary, amount: row.amount, released: row.released })
            .collect(),
    }))
}

/// Returns distributions with their numbers, by which lists are sorted.
async fn select(
    state: &AppState,
    id: Option<i64>,
    asset: Option<i64>,
    below: i64,
    limit: i64,
) -> Result<Vec<(i64, DistributionView)>> {
    let rows = sqlx::query!(
        r#"SELECT id, asset_id, token AS "token: Account", amount::text AS "amount!", distributed::text AS "distributed!",
                  reserved::text AS "reserved!", policy, through_block, created_at FROM distributions
           WHERE chain_id = $1 AND ($2::bigint IS NULL OR id = $2) AND ($3::bigint IS NULL OR asset_id = $3) AND id < $4
           ORDER BY id DESC LIMIT $5"#,
        state.chain(),
        id,
        asset,
        below,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let view = DistributionView {
                id: row.id.to_string(),
                asset_id: row.asset_id.to_string(),
                currency: row.token.to_string(),
                amount: row.amount,
                distributed: row.distributed,
                reserved: row.reserved,
                policy: row.policy,
                through_block: row.through_block,
                created_at: row.created_at,
            };
            Ok((row.id, view))
        })
        .collect()
}
