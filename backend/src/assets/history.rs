//! GET /v1/assets/{id}/history

use alloy::primitives::Address;
use axum::extract::State;
use facts::Hash;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{parse_id, require};
use crate::{
    AppState,
    extract::{Path, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
};

/// One thing that happened to a work on chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// `registered`, `transferred`, `sold`, `cid_updated`, `royalty_lowered` or `income`.
    pub event: String,
    /// What is particular to the event: addresses, amounts in base units.
    pub details: Value,
    pub at: chrono::DateTime<chrono::Utc>,
    pub block_number: i64,
    pub log_index: i32,
    pub tx_hash: String,
    pub finality: String,
}

/// What happened to a work, newest first.
#[utoipa::path(get, path = "/v1/assets/{id}/history", tag = "assets", params(("id" = String, Path, description = "the asset's id"), PageQuery),
    responses((status = 200, body = Page<HistoryEntry>), (status = 404, body = Problem)))]
pub async fn history(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<HistoryEntry>>> {
    let id = parse_id(&id)?;
    let (limit, (block, index)) = (page.limit()?, page.below()?);
    require(&state, id).await?;
    let rows = sqlx::query!(
        r#"SELECT event AS "event!", details AS "details!", at AS "at!", block_number AS "block_number!",
                  log_index AS "log_index!", tx_hash AS "tx_hash!: Hash", chain.finality($1, block_number) AS "finality!"
           FROM (
               SELECT 'registered' AS event, block_number, log_index, tx_hash, at, jsonb_build_object(
                   'registrant', hex_address(registrant), 'owner', hex_address(first_owner), 'royaltyBps', royalty_bps,
                   'parents', parents) AS details
               FROM chain.registrations WHERE chain_id = $1 AND asset_id = $2
               UNION ALL SELECT 'transferred', block_number, log_index, tx_hash, at, jsonb_build_object(
                   'from', hex_address(sender), 'to', hex_address(recipient), 'epoch', epoch)
               FROM chain.transfers WHERE chain_id = $1 AND asset_id = $2
               UNION ALL SELECT 'sold', block_number, log_index, tx_hash, at, jsonb_build_object(
                   'seller', hex_address(CASE side WHEN 'SELL' THEN maker ELSE taker END),
                   'buyer', hex_address(CASE side WHEN 'SELL' THEN taker ELSE maker END), 'currency', hex_address(currency),
                   'price', price::text, 'fee', fee::text, 'royalty', royalty::text, 'net', net::text)
               FROM chain.fills WHERE chain_id = $1 AND asset_id = $2
               UNION ALL SELECT 'cid_updated', block_number, log_index, tx_hash, at, jsonb_build_object('cid', cid)
               FROM chain.cid_updates WHERE chain_id = $1 AND asset_id = $2
               UNION ALL SELECT 'royalty_lowered', block_number, log_index, tx_hash, at, jsonb_build_object('royaltyBps', royalty_bps)
               FROM chain.royalty_changes WHERE chain_id = $1 AND asset_id = $2
               UNION ALL SELECT 'income', block_number, log_index, tx_hash, at, jsonb_build_object(
                   'payer', hex_address(payer), 'currency', hex_address(token), 'amount', amount::text, 'reason', reason)
               -- A sale's own royalty is told by the sale.
               FROM chain.incomes i WHERE i.chain_id = $1 AND i.asset_id = $2 AND NOT EXISTS (
                   SELECT FROM chain.fills f WHERE (f.chain_id, f.block_number, f.log_index)
                                                 = (i.chain_id, i.block_number, i.log_index))
           ) events
           WHERE (block_number, log_index) < ($3, $4::bigint)
           ORDER BY block_number DESC, log_index DESC LIMIT $5::bigint + 1"#,
        state.chain(),
        id,
        block,
        index,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    cut(rows, limit, |row| (row.block_number, i64::from(row.log_index))).show(|row| {
        Ok(HistoryEntry {
            event: row.event,
            details: checksummed(row.details),
            at: row.at,
            block_number: row.block_number,
            log_index: row.log_index,
            tx_hash: row.tx_hash.to_string(),
            finality: row.finality,
        })
    })
}

/// Adds checksums to addresses. The database writes addresses in lower case, but the API gives them
/// with their checksum everywhere. A text that is as long as an address and is none stays as it is.
fn checksummed(mut details: Value) -> Value {
    for value in details.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
        if let Some(address) =
            value.as_str().filter(|text| text.len() == 42).and_then(|text| text.parse::<Address>().ok())
        {
            *value = address.to_checksum(None).into();
        }
    }
    details
}
