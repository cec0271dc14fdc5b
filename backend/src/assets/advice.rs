//! GET /v1/assets/{id}/advice: what the agents say about a work.

use std::collections::BTreeMap;

use advisors::said;
use axum::extract::State;
use domain::money::COIN;
use facts::ChainId;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use store::{
    advice::{self, Recorded},
    lineage::names,
};
use utoipa::ToSchema;

use super::{parse_id, require};
use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
    risk::{RiskAdvice, recorded_advice},
    values::hex32,
};

/// What the agents said last of a work.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct AssetAdvice {
    /// What it is worth; absent before the agent looked at it, seconds after the registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceAdvice>,
    /// How likely fraud is; absent before what happened to it is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskAdvice>,
}

/// Where advice comes from. With these, anyone who has the market's records can make it again, byte for byte.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// The advice's number; its record is the ledger's event about `advice:<id>`.
    pub id: String,
    pub given_at: chrono::DateTime<chrono::Utc>,
    /// The market's history before this day (UTC) was known, and all of it was final.
    pub day: chrono::NaiveDate,
    /// SHA-256 of the advice.
    pub hash: String,
    /// Version of the rules: SHA-256 over names and texts of their files.
    pub rules: String,
    /// Version of what was learned; absent while the rules alone decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl From<&Recorded> for Provenance {
    fn from(recorded: &Recorded) -> Self {
        Self {
            id: recorded.id.to_string(),
            given_at: recorded.at,
            day: recorded.advice.day,
            hash: hex32(recorded.hash.as_slice()),
            rules: hex32(recorded.advice.rule_base.as_slice()),
            model: recorded.advice.model.map(|model| hex32(model.as_slice())),
        }
    }
}

/// A price with its ranges and reasons. Amounts are wei of the chain's own coin, of six significant digits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceAdvice {
    pub fair: String,
    pub range80: AmountRange,
    pub range90: AmountRange,
    /// Why the price should not be relied on, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abstains: Option<String>,
    pub suggestions: SuggestedPrices,
    /// Sales that it was compared with, the most alike first.
    pub comparables: Vec<ComparedSale>,
    /// What moved the price most.
    pub effects: Vec<PriceEffect>,
    /// Rules that were applied, in order.
    pub rules: Vec<AppliedRule>,
    pub provenance: Provenance,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AmountRange {
    pub low: String,
    pub high: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SuggestedPrices {
    /// What to ask for.
    pub list: String,
    /// The least to accept.
    pub reserve: String,
    /// For a licence.
    pub licence: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ComparedSale {
    /// The asset sold.
    pub asset: String,
    /// Of the work it is of, where one is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub day: String,
    pub price: String,
    /// How much it has in common with the work, 0 to 1.
    pub likeness: f64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceEffect {
    pub feature: String,
    /// 0.1 when the price is 10 % higher because of it.
    pub changes_price_by: f64,
    pub says: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AppliedRule {
    /// What was asked.
    pub call: String,
    /// What the rule made of it.
    pub result: String,
    /// file:line:column
    pub place: String,
}

impl From<agents::rules::Applied> for AppliedRule {
    fn from(rule: agents::rules::Applied) -> Self {
        Self { call: rule.call, result: rule.result, place: rule.place }
    }
}

/// What the agents say of a work.
#[utoipa::path(get, path = "/v1/assets/{id}/advice", operation_id = "get_asset_advice", tag = "assets",
    params(("id" = String, Path, description = "the asset's id")),
    responses((status = 200, body = AssetAdvice), (status = 404, body = Problem)))]
pub async fn advice(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<AssetAdvice>> {
    let id = parse_id(&id)?;
    require(&state, id).await?;
    let mut conn = state.pool.acquire().await?;
    let newest = advice::newest(&mut conn, state.chain_id(), &format!("asset:{id}")).await?;
    let mut advice = AssetAdvice::default();
    for recorded in newest {
        match recorded.advice.agent.as_str() {
            "pricing" => advice.price = Some(titled(&mut conn, state.chain_id(), price(recorded)?).await?),
            "risk" => advice.risk = Some(recorded_advice(&recorded)?),
            _ => {}
        }
    }
    Ok(axum::Json(advice))
}

/// Adds the current titles of the works that were compared, because the advice itself only has asset ids.
async fn titled(conn: &mut PgConnection, chain_id: ChainId, mut price: PriceAdvice) -> Result<PriceAdvice> {
    // An id that is not a number has no title, and the sale is shown without one.
    let ids: Vec<i64> = price.comparables.iter().filter_map(|sale| sale.asset.parse().ok()).collect();
    let names: BTreeMap<String, String> = names::ask(conn, chain_id, &ids)
        .await?
        .into_iter()
        .filter_map(|(asset, name)| Some((asset.to_string(), name.title?)))
        .collect();
    for sale in &mut price.comparables {
        sale.title = names.get(&sale.asset).cloned();
    }
    Ok(price)
}

fn price(recorded: Recorded) -> Result<PriceAdvice> {
    let advice: agents::pricing::Advice = said(&recorded)?;
    let range = |range: agents::pricing::PriceRange| -> Result<AmountRange> {
        Ok(AmountRange { low: wei(range.low)?, high: wei(range.high)? })
    };
    let compared = |sale: agents::pricing::ComparedSale| -> Result<ComparedSale> {
        Ok(ComparedSale {
            asset: sale.work.to_string(),
            title: None,
            day: sale.day,
            price: wei(sale.price)?,
            likeness: sale.likeness,
        })
    };
    let effect = |effect: agents::pricing::Effect| PriceEffect {
        feature: effect.feature,
        changes_price_by: effect.changes_price_by,
        says: effect.says,
    };
    Ok(PriceAdvice {
        fair: wei(advice.fair)?,
        range80: range(advice.range80)?,
        range90: range(advice.range90)?,
        abstains: advice.abstains.map(|abstains| abstains.says),
        suggestions: SuggestedPrices {
            list: wei(advice.suggestions.list)?,
            reserve: wei(advice.suggestions.reserve)?,
            licence: wei(advice.suggestions.licence)?,
        },
        comparables: advice.comparables.into_iter().map(compared).collect::<Result<_>>()?,
        effects: advice.effects.into_iter().map(effect).collect(),
        rules: advice.rules.into_iter().map(AppliedRule::from).collect(),
        provenance: Provenance::from(&recorded),
    })
}

/// A price that was advised in the chain's own coin, in wei. What is less than one of them is left out.
pub fn wei(coins: Decimal) -> Result<String> {
    Ok(COIN.base_units(coins).map_err(Problem::internal)?.to_string())
}
