//! GET /v1/market/days: the market day by day.

use axum::extract::State;
use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};
use store::market::days::{self, MarketDay};
use utoipa::{IntoParams, ToSchema};

use super::state::{Deviation, Mood};
use crate::{
    AppState,
    extract::Query,
    problem::{Problem, Result},
};

/// The most days on a page.
const MAX_DAYS: i64 = 366;
/// How many days are listed when no first day is given.
const USUAL_DAYS: u64 = 90;

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DayFilters {
    /// The first day (UTC), as 2026-03-01; 90 days up to the last one when it is not given.
    pub from: Option<NaiveDate>,
    /// The last day; the newest there is when it is not given.
    pub to: Option<NaiveDate>,
}

/// Some days, in order.
#[derive(Debug, Serialize, ToSchema)]
pub struct MarketDays {
    /// At most 366. Days before the first registration are left out, and so are those that can still change.
    pub items: Vec<MarketDayView>,
    /// Present while there are more: what to give as `from` next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NaiveDate>,
}

/// A day (UTC) of the market. It never changes. Amounts are wei of the chain's own coin, exact; sales in other currencies are left out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketDayView {
    pub day: NaiveDate,
    /// Sales at a price.
    pub sales: i64,
    /// What they brought together.
    pub volume: String,
    /// Different accounts that bought, and that sold.
    pub buyers: i64,
    pub sellers: i64,
    /// The median price; absent without a sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<String>,
    /// The prices below which a tenth and nine tenths of the day's lay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// The price below which a tenth of those of the seven days up to this one lay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// Works that anyone could buy when the day ended.
    pub listed: i64,
    /// Works registered on the day.
    pub registrations: i64,
    /// `rising`, `falling` or `none`: where prices of like works went, as far as there was evidence when the day was over.
    pub direction: String,
    pub mood: Mood,
    /// What was out of the ordinary on the day.
    pub anomalies: Vec<Deviation>,
}

impl TryFrom<MarketDay> for MarketDayView {
    type Error = Problem;

    fn try_from(day: MarketDay) -> Result<Self> {
        let price = |price: Option<alloy::primitives::U256>| price.map(|price| price.to_string());
        Ok(Self {
            day: day.told.day,
            sales: day.sales,
            volume: day.volume.to_string(),
            buyers: day.buyers,
            sellers: day.sellers,
            median: price(day.median),
            low: price(day.low),
            high: price(day.high),
            floor: price(day.floor),
            listed: day.listed,
            registrations: day.registrations,
            direction: day.told.direction,
            mood: serde_json::from_value(day.told.mood).map_err(Problem::internal)?,
            anomalies: serde_json::from_value(day.told.anomalies).map_err(Problem::internal)?,
        })
    }
}

/// What happened in the market day by day. A day is told when no block of it can change any more.
#[utoipa::path(get, path = "/v1/market/days", operation_id = "list_market_days", tag = "market", params(DayFilters),
    responses((status = 200, body = MarketDays), (status = 422, body = Problem)))]
pub async fn days(State(state): State<AppState>, Query(asked): Query<DayFilters>) -> Result<axum::Json<MarketDays>> {
    let mut conn = state.pool.acquire().await?;
    let Some(to) = asked.to.or(days::newest(&mut conn, state.chain_id()).await?) else {
        return Ok(axum::Json(MarketDays { items: vec![], next: None }));
    };
    let usual = || to.checked_sub_days(Days::new(USUAL_DAYS - 1)).unwrap_or(to);
    let from = asked.from.unwrap_or_else(usual);
    for (field, day) in [("from", from), ("to", to)] {
        if !(1..=9999).contains(&day.year()) {
            return Err(Problem::field(field, "not_a_day", "is a day of the years 1 to 9999"));
        }
    }
    if from > to {
        return Err(Problem::field("from", "out_of_range", "is not after `to`"));
    }
    // One more day than a page is read, which tells whether there are more.
    let mut days = days::between(&mut conn, state.chain_id(), from, to, MAX_DAYS + 1).await?;
    let next = days.get(MAX_DAYS as usize).map(|day| day.told.day);
    days.truncate(MAX_DAYS as usize);
    let items = days.into_iter().map(MarketDayView::try_from).collect::<Result<_>>()?;
    Ok(axum::Json(MarketDays { items, next }))
}
