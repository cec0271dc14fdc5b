//! GET /v1/market/state: the state of the market, and the forecast of its week.

use advisors::{
    market::{Advice, SUBJECT, Week, direction},
    said,
};
use alloy::primitives::U256;
use axum::extract::State;
use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use store::{
    advice::{self, Recorded},
    market::days::{self, MarketDay},
};
use utoipa::ToSchema;

use crate::{
    AppState,
    assets::advice::{AmountRange, AppliedRule, Provenance, wei},
    problem::{Problem, Result},
};

/// How the market stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct MarketStanding {
    /// In words.
    pub says: String,
    /// Absent as long as no day with a sale is settled: over, and final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<MarketStateView>,
}

/// The market before a day, from its sales in the chain's own coin. Amounts are wei; those that were estimated have six significant
/// digits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarketStateView {
    /// Sales before this day (UTC) are known, and all of them are final.
    pub day: NaiveDate,
    /// The price below which a tenth of the prices of 7 days lay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// The median price of 30 days, and the range that held 80 of 100 prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range80: Option<AmountRange>,
    #[serde(rename = "sales7Days")]
    pub sales_7_days: usize,
    #[serde(rename = "sales30Days")]
    pub sales_30_days: usize,
    /// What the sales of 7 days brought together, exact.
    #[serde(rename = "volume7Days")]
    pub volume_7_days: String,
    /// Works that anyone could buy when the last day ended.
    pub listed: i64,
    /// Sales of 30 days over works ever sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turnover: Option<f64>,
    /// Mean time between two sales in 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours_between_sales: Option<f64>,
    /// Upper over lower quartile of the prices of 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    pub direction: Direction,
    pub mood: Mood,
    /// What was out of the ordinary in 7 days.
    pub anomalies: Vec<AnomalyView>,
    /// The week that runs; absent as long as no week with a sale is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<WeekView>,
    /// The rules behind direction and mood, in order.
    pub rules: Vec<AppliedRule>,
    pub provenance: Provenance,
}

/// Where the prices of like works go. A direction is claimed only where it is significant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Direction {
    /// `rising`, `falling` or `none`.
    pub of: String,
    pub says: String,
    /// Mean daily change: 0.01 is 1 % a day. Absent where too few days had sales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_change: Option<f64>,
    /// The same in its standard errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<f64>,
}

/// The market's mood, in the words of the rules of prices.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Mood {
    /// `bullish`, `neutral` or `bearish`.
    pub sentiment: String,
    /// `increasing`, `stable` or `decreasing`.
    pub volume: String,
    /// `high`, `medium` or `low`.
    pub demand: String,
}

/// How far something was from usual.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Deviation {
    /// `price` or `sales`.
    pub of: String,
    /// Robust standard deviations above (below, where negative) the median of the 30 days before.
    pub z: f64,
}

/// A day on which something was far from usual.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnomalyView {
    pub day: String,
    #[serde(flatten)]
    pub deviation: Deviation,
    pub says: String,
}

/// The forecast of a week, from what happened before it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WeekView {
    /// Its Monday.
    pub monday: String,
    /// The median price.
    pub price: String,
    /// Holds the median price in 80 of 100 weeks.
    pub range80: AmountRange,
    /// How many sales are expected.
    pub sales: f64,
}

/// How the market stands, as the market agent said last: on every day, from what was final before it.
#[utoipa::path(get, path = "/v1/market/state", operation_id = "get_market_state", tag = "market",
    responses((status = 200, body = MarketStanding)))]
pub async fn state(State(state): State<AppState>) -> Result<axum::Json<MarketStanding>> {
    let mut conn = state.pool.acquire().await?;
    let newest = advice::newest(&mut conn, state.chain_id(), SUBJECT).await?;
    let Some(recorded) = newest.into_iter().find(|one| one.advice.agent == SUBJECT) else {
        return Ok(axum::Json(MarketStanding { says: "No day with a sale is settled yet.".into(), state: None }));
    };
    let day = recorded.advice.day;
    let week = day.checked_sub_days(Days::new(7)).unwrap_or(day);
    let days = days::between(&mut conn, state.chain_id(), week, day.pred_opt().unwrap_or(day), 7).await?;
    let advice: Advice = said(&recorded)?;
    let says = summary(&advice);
    Ok(axum::Json(MarketStanding { says, state: Some(view(advice, &recorded, &days)?) }))
}

fn view(advice: Advice, recorded: &Recorded, days: &[MarketDay]) -> Result<MarketStateView> {
    let Advice { state, week, .. } = advice;
    let volume = days.iter().fold(U256::ZERO, |sum, day| sum.saturating_add(day.volume));
    let direction = Direction {
        of: direction(&state).to_owned(),
        says: state.drift.says,
        daily_change: state.drift.daily.map(f64::exp_m1),
        standard_errors: state.drift.errors,
    };
    let price = |price: Option<f64>| price.map(rounded).transpose();
    let anomaly = |anomaly: agents::market::Anomaly| AnomalyView {
        says: in_words(&anomaly),
        day: anomaly.day,
        deviation: Deviation { of: anomaly.of, z: anomaly.z },
    };
    Ok(MarketStateView {
        day: recorded.advice.day,
        floor: price(state.floor)?,
        median: price(state.median)?,
        range80: state.low.zip(state.high).map(range).transpose()?,
        sales_7_days: state.sales_7_days,
        sales_30_days: state.sales_30_days,
        volume_7_days: volume.to_string(),
        listed: days.last().map_or(0, |day| day.listed),
        turnover: state.turnover,
        hours_between_sales: state.hours_between_sales,
        spread: state.spread,
        direction,
        mood: Mood { sentiment: state.mood.sentiment, volume: state.mood.volume, demand: state.mood.demand },
        anomalies: state.anomalies.into_iter().map(anomaly).collect(),
        forecast: week.map(forecast).transpose()?,
        rules: state.reasons.into_iter().map(AppliedRule::from).collect(),
        provenance: Provenance::from(recorded),
    })
}

fn forecast(week: Week) -> Result<WeekView> {
    let Week { monday, price, low, high, sales } = week;
    Ok(WeekView { monday, price: rounded(price)?, range80: range((low, high))?, sales })
}

fn range((low, high): (f64, f64)) -> Result<AmountRange> {
    Ok(AmountRange { low: rounded(low)?, high: rounded(high)? })
}

/// An estimated price in the chain's own coin, in wei, with six significant digits: an estimate has no more.
fn rounded(coins: f64) -> Result<String> {
    let coins = Decimal::from_scientific(&format!("{coins:.5e}"))
        .map_err(|error| Problem::internal(format!("{coins} coins cannot be told: {error}")))?;
    wei(coins)
}

fn summary(advice: &Advice) -> String {
    let state = &advice.state;
    let mood = &state.mood;
    let sales = match state.sales_7_days {
        0 => "Nothing was sold in 7 days".to_owned(),
        1 => "One work was sold in 7 days".to_owned(),
        sales => format!("{sales} sales in 7 days"),
    };
    format!("{sales}; volume is {}, demand {}; {}.", mood.volume, mood.demand, state.drift.says)
}

fn in_words(anomaly: &agents::market::Anomaly) -> String {
    let what = if anomaly.of == "price" { "prices were" } else { "the number of sales was" };
    let side = if anomaly.z < 0.0 { "below" } else { "above" };
    format!("On {} {what} far {side} what was usual in the 30 days before.", anomaly.day)
}
