//! GET /v1/assets

use axum::{Json, extract::State};
use facts::{Account, Hash};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use store::works::catalogue::{self, Wanted};
use utoipa::{IntoParams, ToSchema};

use crate::{
    AppState,
    extract::Query,
    page::{Page, PageQuery, write_cursor},
    problem::{Problem, Result},
    values::{address_field, hash_field, parse_optional},
};

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct Filters {
    /// CODE, MODEL, MUSIC, TEXT, IMAGE, DATASET, DESIGN or PHYSICAL.
    pub kind: Option<String>,
    /// Owned by this address.
    pub owner: Option<String>,
    /// Derived directly from this asset.
    pub parent: Option<i64>,
    /// With an open sell order (`true`), or without one (`false`).
    pub listed: Option<bool>,
    /// Text in the title or description, in upper or lower case, at most 200 characters. Where it is in many works but few of the newest,
    /// or has no three letters or digits in a row, 3000 works are looked through for a page: it may then hold fewer than `limit`, or
    /// none, and `nextCursor` goes on.
    pub q: Option<String>,
    /// SHA-256 of the content, 0x-hex.
    pub content_hash: Option<String>,
    // serde's flatten reads query numbers as text, so the page is spelled out.
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A work in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssetSummary {
    pub id: String,
    /// CAIP-19.
    pub caip19: String,
    pub kind: String,
    pub title: String,
    pub description: String,
    pub owner: String,
    pub content_hash: String,
    pub cid: String,
    pub royalty_bps: i32,
    pub registered_at: chrono::DateTime<chrono::Utc>,
    pub parents: i64,
    pub derived: i64,
    pub contributors: i64,
    /// The cheapest open sell order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listing: Option<Listing>,
    /// `latest`, `safe` or `finalized`.
    pub finality: String,
    pub block_number: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    pub order_hash: String,
    /// The price now, in base units.
    pub price: String,
    /// The zero address is the chain's own coin.
    pub currency: String,
    pub ends_at: chrono::DateTime<chrono::Utc>,
}

/// Lists registered works, newest first.
#[utoipa::path(get, path = "/v1/assets", operation_id = "list_assets", tag = "assets", params(Filters),
    responses((status = 200, body = Page<AssetSummary>), (status = 422, body = Problem)))]
pub async fn list(State(state): State<AppState>, Query(filters): Query<Filters>) -> Result<Json<Page<AssetSummary>>> {
    let page = PageQuery { limit: filters.limit, cursor: filters.cursor.clone() };
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let page = catalogue::Page { chain_id: state.chain_id(), below, limit };
    let wanted = filters.wanted()?;
    let mut tx = store::snapshot(&state.pool).await?;
    let found = catalogue::find(&mut tx, page, &wanted).await?;
    let items = summaries(&mut tx, &state, &found.assets).await?;
    Ok(Json(Page { items, next_cursor: found.next.map(|asset| write_cursor((asset, 0))) }))
}

impl Filters {
    fn wanted(self) -> Result<Wanted> {
        if let Some(kind) = self.kind.as_ref().filter(|kind| bindings::kind_number(kind).is_none()) {
            return Err(Problem::field("kind", "unknown_kind", format!("`{kind}` is not a kind of asset")));
        }
        let text = self.q.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > 200) {
            return Err(Problem::field("q", "wrong_length", "has at most 200 characters"));
        }
        Ok(Wanted {
            owner: parse_optional("owner", self.owner.as_deref(), address_field)?,
            parent: self.parent,
            listed: self.listed,
            text: text.map(str::to_owned),
            content_hash: parse_optional("contentHash", self.content_hash.as_deref(), hash_field)?,
            kind: self.kind,
        })
    }
}

/// Reads assets as a list shows them, newest first.
async fn summaries(conn: &mut PgConnection, state: &AppState, assets: &[i64]) -> Result<Vec<AssetSummary>> {
    let rows = sqlx::query!(
        r#"SELECT a.asset_id, a.kind, a.owner AS "owner: Account", a.content_hash AS "content_hash: Hash", a.cid,
                  a.royalty_bps, a.registered_at, a.block_number, chain.finality($1, a.block_number) AS "finality!",
                  w.title AS "title?", left(w.description, 300) AS description,
                  cardinality(a.parents)::bigint AS "parents!",
                  (SELECT count(*) FROM chain.asset_parents p WHERE p.chain_id = $1 AND p.parent_id = a.asset_id) AS "derived!",
                  (SELECT count(DISTINCT c.contributor_id) FROM contributions c
                   WHERE c.work_id = w.id AND c.state = 'accepted') AS "contributors!",
                  o.hash AS "order_hash?: Hash", o.price::text AS order_price, o.currency AS "order_currency?: Account",
                  o.end_time AS "order_ends?"
           FROM chain.assets a
           -- Looked up for each row (the limit keeps it so): joined as a whole, the view would be computed for all assets.
           LEFT JOIN LATERAL (
               SELECT * FROM asset_works x WHERE x.chain_id = a.chain_id AND x.asset_id = a.asset_id LIMIT 1) aw ON true
           LEFT JOIN works w ON w.id = aw.work_id
           LEFT JOIN LATERAL (
               SELECT s.hash, s.currency, s.end_time,
                      order_price(s.side, s.start_price, s.end_price, s.start_time, s.end_time, now()) AS price
               FROM order_states s WHERE s.chain_id = $1 AND s.asset_id = a.asset_id AND s.side = 'SELL' AND s.state = 'open'
                   -- Not those meant for one buyer alone.
                   AND s.taker = decode(repeat('00', 20), 'hex')
                   AND NOT order_is_blocked(s.chain_id, s.hash)
               ORDER BY s.currency, price, s.id LIMIT 1) o ON true
           WHERE a.chain_id = $1 AND a.asset_id = ANY ($2) ORDER BY a.asset_id DESC"#,
        state.chain(),
        assets
    )
    .fetch_all(conn)
    .await?;
    let summaries = rows.into_iter().map(|row| {
        let listing = match (row.order_hash, row.order_price, row.order_currency, row.order_ends) {
            (Some(hash), Some(price), Some(currency), Some(ends_at)) => {
                Some(Listing { order_hash: hash.to_string(), price, currency: currency.to_string(), ends_at })
            }
            _ => None,
        };
        AssetSummary {
            id: row.asset_id.to_string(),
            caip19: state.caip19(row.asset_id),
            kind: row.kind,
            title: row.title.unwrap_or_else(|| format!("Asset {}", row.asset_id)),
            description: row.description.unwrap_or_default(),
            owner: row.owner.0.to_checksum(None),
            content_hash: row.content_hash.to_string(),
            cid: row.cid,
            royalty_bps: row.royalty_bps,
            registered_at: row.registered_at,
            parents: row.parents,
            derived: row.derived,
            contributors: row.contributors,
            listing,
            finality: row.finality,
            block_number: row.block_number,
        }
    });
    Ok(summaries.collect())
}
