//! GET /v1/assets/{id}

use axum::extract::State;
use facts::{Account, Hash};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::parse_id;
use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Share {
    pub account: String,
    /// Basis points; the shares of a work sum to 10000.
    pub bps: u16,
}

/// Everything about one registered work.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetDetail {
    pub id: String,
    pub caip19: String,
    pub kind: String,
    pub title: String,
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_id: Option<String>,
    /// Where the work comes from, e.g. its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    pub owner: String,
    pub registrant: String,
    pub first_owner: String,
    /// How often the work changed hands; orders bind to it.
    pub epoch: i64,
    /// Whether anyone may derive from it without asking.
    pub open: bool,
    pub content_hash: String,
    pub cid: String,
    pub royalty_bps: i32,
    pub shares: Vec<Share>,
    pub parents: Vec<String>,
    pub registered_at: chrono::DateTime<chrono::Utc>,
    /// The transaction of the last change to the asset; its block and finality follow.
    pub tx_hash: String,
    pub block_number: i64,
    pub finality: String,
    /// Money so far, by currency.
    pub income: Vec<Income>,
}

/// Money of one work in one currency, in base units.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Income {
    pub currency: String,
    /// Entered the pot for this work.
    pub received: String,
    /// Of it, divided among accounts.
    pub distributed: String,
    /// Of it, kept for contributors and external works without an address yet.
    pub reserved: String,
}

/// One registered work.
#[utoipa::path(get, path = "/v1/assets/{id}", tag = "assets", params(("id" = String, Path, description = "the asset's id")),
    responses((status = 200, body = AssetDetail), (status = 404, body = Problem)))]
pub async fn detail(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<AssetDetail>> {
    let id = parse_id(&id)?;
    let row = sqlx::query!(
        r#"SELECT a.kind, a.owner AS "owner: Account", a.registrant AS "registrant: Account",
                  a.first_owner AS "first_owner: Account", a.epoch, a.open, a.content_hash AS "content_hash: Hash", a.cid,
                  a.royalty_bps, a.shares, a.parents, a.registered_at, a.tx_hash AS "tx_hash: Hash", a.block_number,
                  chain.finality($1, a.block_number) AS "finality!", w.id AS "work_id?", w.title AS "title?",
                  w.description AS "description?", w.source_url
           FROM chain.assets a
           LEFT JOIN asset_works aw ON aw.chain_id = a.chain_id AND aw.asset_id = a.asset_id
           LEFT JOIN works w ON w.id = aw.work_id
           WHERE a.chain_id = $1 AND a.asset_id = $2"#,
        state.chain(),
        id
    )
    .fetch_optional(&state.pool)
    .await?
    .ok_or_else(|| Problem::not_found(format!("asset {id}")))?;
    Ok(axum::Json(AssetDetail {
        id: id.to_string(),
        caip19: state.caip19(id),
        kind: row.kind,
        title: row.title.unwrap_or_else(|| format!("Asset {id}")),
        description: row.description.unwrap_or_default(),
        work_id: row.work_id.map(|id| id.to_string()),
        source_url: row.source_url,
        owner: row.owner.to_string(),
        registrant: row.registrant.to_string(),
        first_owner: row.first_owner.to_string(),
        epoch: row.epoch,
        open: row.open,
        content_hash: row.content_hash.to_string(),
        cid: row.cid,
        royalty_bps: row.royalty_bps,
        shares: serde_json::from_value(row.shares).map_err(Problem::internal)?,
        parents: row.parents.iter().map(ToString::to_string).collect(),
        registered_at: row.registered_at,
        tx_hash: row.tx_hash.to_string(),
        block_number: row.block_number,
        finality: row.finality,
        income: income(&state, id).await?,
    }))
}

async fn income(state: &AppState, id: i64) -> Result<Vec<Income>> {
    let rows = sqlx::query!(
        r#"SELECT i.token AS "token!: Account", i.received::text AS "received!",
                  coalesce(d.distributed, 0)::text AS "distributed!", coalesce(d.reserved, 0)::text AS "reserved!"
           FROM (SELECT token, sum(amount) AS received FROM chain.incomes
                 WHERE chain_id = $1 AND asset_id = $2 GROUP BY token) i
           LEFT JOIN (SELECT token, sum(distributed) AS distributed, sum(reserved) AS reserved FROM distributions
                      WHERE chain_id = $1 AND asset_id = $2 GROUP BY token) d USING (token)
           ORDER BY i.token"#,
        state.chain(),
        id
    )
    .fetch_all(&state.pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Income {
                currency: row.token.to_string(),
                received: row.received,
                distributed: row.distributed,
                reserved: row.reserved,
            })
        })
        .collect()
}
