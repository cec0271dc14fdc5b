//! GET /v1/orders and GET /v1/orders/{hash}

use alloy::primitives::B256;
use axum::extract::State;
use facts::{Account, ChainId, Hash};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

use super::OrderFields;
use crate::{
    AppState,
    extract::{Path, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
    risk::{OrderRisk, screenings},
    values::{address_field, hex32, one_of, parse_optional},
};

/// A stored order and how it stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    pub hash: String,
    pub order: OrderFields,
    pub signature: String,
    /// `scheduled`, `open`, `filled`, `cancelled`, `stale` (the asset moved) or `expired`.
    pub state: String,
    /// The price now, in base units.
    pub price: String,
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// What the risk agent decided; absent for bids, and for the moment before a sale is screened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<OrderRisk>,
    /// Its place in the order they came.
    #[serde(skip)]
    #[schema(ignore)]
    id: i64,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderFilters {
    /// On this asset.
    pub asset: Option<i64>,
    /// By this maker.
    pub maker: Option<String>,
    /// SELL or BID.
    pub side: Option<String>,
    /// `open`, `scheduled`, `filled`, `cancelled`, `stale` or `expired`.
    pub state: Option<String>,
    /// With (`true`) or without (`false`, the default) those that the risk agent blocks.
    pub blocked: Option<bool>,
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// The states that an order can have, as in the view `order_states`.
const STATES: [&str; 6] = ["scheduled", "open", "filled", "cancelled", "stale", "expired"];

/// Lists orders, newest first.
#[utoipa::path(get, path = "/v1/orders", operation_id = "list_orders", tag = "orders", params(OrderFilters),
    responses((status = 200, body = Page<OrderView>), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Query(filters): Query<OrderFilters>,
) -> Result<axum::Json<Page<OrderView>>> {
    let page = PageQuery { limit: filters.limit, cursor: filters.cursor.clone() };
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    one_of("side", filters.side.as_deref(), &bindings::SIDES)?;
    one_of("state", filters.state.as_deref(), &STATES)?;
    let mut conn = state.pool.acquire().await?;
    let asked = Asked { filters: &filters, hash: None, below, limit: limit + 1 };
    let items = select(&mut conn, state.chain_id(), asked).await?;
    cut(items, limit, |order| (order.id, 0)).show(Ok)
}

/// One order.
#[utoipa::path(get, path = "/v1/orders/{hash}", operation_id = "get_order", tag = "orders", params(("hash" = String, Path, description = "EIP-712 hash")),
    responses((status = 200, body = OrderView), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Path(hash): Path<String>) -> Result<axum::Json<OrderView>> {
    let missing = || Problem::not_found(format!("order {hash}"));
    let parsed: B256 = hash.parse().map_err(|_| missing())?;
    let mut conn = state.pool.acquire().await?;
    find(&mut conn, state.chain_id(), parsed).await?.map(axum::Json).ok_or_else(missing)
}

/// Returns the stored order with this hash, if there is one.
///
/// # Errors
/// When the database fails, or a stored value is malformed.
pub async fn find(conn: &mut PgConnection, chain_id: ChainId, hash: B256) -> Result<Option<OrderView>> {
    let asked = Asked { filters: &OrderFilters::default(), hash: Some(hash), below: i64::MAX, limit: 1 };
    Ok(select(conn, chain_id, asked).await?.pop())
}

struct Asked<'a> {
    filters: &'a OrderFilters,
    hash: Option<B256>,
    below: i64,
    limit: i64,
}

async fn select(conn: &mut PgConnection, chain_id: ChainId, asked: Asked<'_>) -> Result<Vec<OrderView>> {
    let Asked { filters, hash, below, limit } = asked;
    let maker = parse_optional("maker", filters.maker.as_deref(), address_field)?;
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", hash AS "hash!: Hash", maker AS "maker!: Account", side AS "side!", asset_id AS "asset_id!",
                  asset_epoch AS "asset_epoch!", currency AS "currency!: Account", start_price::text AS "start_price!",
                  end_price::text AS "end_price!", start_time AS "start_time!", end_time AS "end_time!",
                  taker AS "taker!: Account", nonce::text AS "nonce!", maker_epoch AS "maker_epoch!",
                  max_fee_bps AS "max_fee_bps!", min_net::text AS "min_net!", signature AS "signature!", state AS "state!",
                  order_price(side, start_price, end_price, start_time, end_time, now())::text AS "price!", created_at AS "created_at!"
           FROM order_states
           WHERE chain_id = $1 AND ($2::bytea IS NULL OR hash = $2) AND ($3::bigint IS NULL OR asset_id = $3)
             AND ($4::bytea IS NULL OR maker = $4) AND ($5::text IS NULL OR side = $5) AND ($6::text IS NULL OR state = $6)
             AND id < $7 AND ($9 OR NOT order_is_blocked(chain_id, hash))
           ORDER BY id DESC LIMIT $8"#,
        chain_id.get(),
        hash.map(|hash| hash.to_vec()),
        filters.asset,
        maker.map(|maker| maker.to_vec()),
        filters.side,
        filters.state,
        below,
        limit,
        hash.is_some() || filters.blocked == Some(true)
    )
    .fetch_all(&mut *conn)
    .await?;
    let hashes: Vec<B256> = rows.iter().map(|row| row.hash.0).collect();
    let mut risks = screenings(conn, chain_id, &hashes).await?;
    rows.into_iter()
        .zip(hashes)
        .map(|(row, hash)| {
            Ok(OrderView {
                hash: row.hash.to_string(),
                order: OrderFields {
                    maker: row.maker.to_string(),
                    side: row.side,
                    asset_id: row.asset_id.to_string(),
                    asset_epoch: row.asset_epoch as u64,
                    currency: row.currency.to_string(),
                    start_price: row.start_price,
                    end_price: row.end_price,
                    start_time: row.start_time.timestamp() as u64,
                    end_time: row.end_time.timestamp() as u64,
                    taker: row.taker.to_string(),
                    nonce: row.nonce,
                    maker_epoch: row.maker_epoch as u64,
                    max_fee_bps: row.max_fee_bps as u16,
                    min_net: row.min_net,
                },
                signature: hex32(&row.signature),
                state: row.state,
                price: row.price,
                created_at: row.created_at,
                risk: risks.remove(&hash),
                id: row.id,
            })
        })
        .collect()
}
