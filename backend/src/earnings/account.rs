//! GET /v1/accounts/{address}/earnings and /payouts

use std::collections::BTreeMap;

use axum::extract::State;
use facts::Account;
use serde::Serialize;
use store::payouts::roots;
use utoipa::ToSchema;

use crate::{
    AppState,
    extract::{Path, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
    values::{address_field, parse},
};

/// What an account earned in one currency, in base units.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Earnings {
    pub account: String,
    pub currency: String,
    /// All that distributions gave the account so far.
    pub earned: String,
    /// Of it, claimed on chain.
    pub claimed: String,
    /// Of it, to be claimed now with the proof below.
    pub claimable: String,
    /// Of it, waiting for the next payout root.
    pub pending: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
}

/// The arguments of `Payouts.claim`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The contract to call.
    pub payouts: String,
    /// The active root the proof leads to.
    pub root: String,
    pub account: String,
    pub token: String,
    pub cumulative: String,
    pub proof: Vec<String>,
}

/// What an account earned, by currency, with the proof to claim it.
#[utoipa::path(get, path = "/v1/accounts/{address}/earnings", tag = "earnings", params(("address" = String, Path, description = "the account")),
    responses((status = 200, body = [Earnings]), (status = 422, body = Problem)))]
pub async fn earnings(State(state): State<AppState>, Path(address): Path<String>) -> Result<axum::Json<Vec<Earnings>>> {
    let account = parse("address", &address, address_field)?;
    let mut tx = store::snapshot(&state.pool).await?;
    let active = roots::active(&mut tx, state.chain_id()).await?;
    let rows = sqlx::query!(
        r#"SELECT p.token AS "token: Account", p.amount::text AS "earned!", c.claimed::text AS "claimed!",
                  greatest(e.cumulative - c.claimed, 0)::text AS "claimable!",
                  (p.amount - greatest(e.cumulative, c.claimed))::text AS "pending!", e.cumulative::text AS "cumulative!"
           FROM payout_totals p
           CROSS JOIN LATERAL (SELECT coalesce((SELECT cumulative FROM chain.claims
                                                WHERE chain_id = $1 AND account = $2 AND token = p.token
                                                ORDER BY cumulative DESC LIMIT 1), 0) AS claimed) c
           CROSS JOIN LATERAL (SELECT coalesce((SELECT cumulative FROM payout_root_entries
                                                WHERE root_id = $3 AND account = $2 AND token = p.token), 0) AS cumulative) e
           WHERE p.chain_id = $1 AND p.account = $2 ORDER BY p.token"#,
        state.chain(),
        Account(account) as _,
        active.map(|root| root.id)
    )
    .fetch_all(&mut *tx)
    .await?;
    let claimable: Vec<_> = rows.iter().filter(|row| row.claimable != "0").map(|row| row.token.0).collect();
    let contract = state.deployment.payouts;
    let proofs = match active {
        Some(root) if !claimable.is_empty() => {
            roots::proofs(&mut tx, state.chain_id(), contract, root, account, &claimable).await?
        }
        _ => BTreeMap::new(),
    };
    let mut earnings = Vec::with_capacity(rows.len());
    for row in rows {
        let token = row.token.0;
        let claim = active.zip(proofs.get(&token)).map(|(root, proof)| Claim {
            payouts: contract.to_checksum(None),
            root: root.root.to_string(),
            account: account.to_checksum(None),
            token: token.to_checksum(None),
            cumulative: row.cumulative.clone(),
            proof: proof.iter().map(ToString::to_string).collect(),
        });
        earnings.push(Earnings {
            account: account.to_checksum(None),
            currency: token.to_checksum(None),
            earned: row.earned,
            claimed: row.claimed,
            claimable: row.claimable,
            pending: row.pending,
            claim,
        });
    }
    Ok(axum::Json(earnings))
}

/// One payout of one distribution.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayoutView {
    pub id: String,
    pub distribution_id: String,
    /// The asset whose income was divided.
    pub asset_id: String,
    pub account: String,
    pub currency: String,
    pub amount: String,
    /// Whether it was reserved first, and released when the address became known.
    pub released: bool,
    pub created_at: chrono::DateTime<chrono::Utc>,
}

/// The payouts of an account, newest first.
#[utoipa::path(get, path = "/v1/accounts/{address}/payouts", tag = "earnings", params(("address" = String, Path, description = "the account"), PageQuery),
    responses((status = 200, body = Page<PayoutView>), (status = 422, body = Problem)))]
pub async fn payouts(
    State(state): State<AppState>,
    Path(address): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Page<PayoutView>>> {
    let account = parse("address", &address, address_field)?;
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let rows = sqlx::query!(
        r#"SELECT p.id, p.distribution_id, d.asset_id, p.account AS "account: Account", p.token AS "token: Account",
                  p.amount::text AS "amount!", p.reserve_id IS NOT NULL AS "released!", p.created_at
           FROM payouts p JOIN distributions d ON d.id = p.distribution_id
           WHERE p.chain_id = $1 AND p.account = $2 AND p.id < $3 ORDER BY p.id DESC LIMIT $4::bigint + 1"#,
        state.chain(),
        Account(account) as _,
        below,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    cut(rows, limit, |row| (row.id, 0)).show(|row| {
        Ok(PayoutView {
            id: row.id.to_string(),
            distribution_id: row.distribution_id.to_string(),
            asset_id: row.asset_id.to_string(),
            account: row.account.to_string(),
            currency: row.token.to_string(),
            amount: row.amount,
            released: row.released,
            created_at: row.created_at,
        })
    })
}
