//! GET /v1/agents/track-record: how good the agents' advice was.

use axum::extract::State;
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use store::market::track_record;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AppState,
    extract::Query,
    problem::{Problem, Result},
};

const MOST_DAYS: u32 = 366;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(track_record))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TrackRecordQuery {
    /// Looks at sales of so many days until now: 1 to 366; default 90.
    pub days: Option<u32>,
}

/// Every sale in the chain's own coin beside the advice on its price that stood when it was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrackRecord {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub overall: Record,
    /// Newest first; weeks without a sale are left out. The first and the last may be cut short by `from` and `to`.
    pub weeks: Vec<WeekRecord>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WeekRecord {
    /// Its Monday (UTC).
    pub week: NaiveDate,
    #[serde(flatten)]
    pub record: Record,
}

/// Errors are medians of |forecast / price - 1|, shares lie between 0 and 1; both are absent where there is no sale to take them from.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Sales.
    pub sales: i64,
    /// Of them, those with advice before.
    pub advised: i64,
    /// Of those, where the advice said not to rely on it: they are not judged.
    pub abstained: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// Share of prices within the range that was to hold 80 in 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered80: Option<f64>,
    /// Share of prices within the range that was to hold 90 in 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered90: Option<f64>,
    /// Median of upper over lower end of the range for 90 in 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width90: Option<f64>,
    pub compared: Comparison,
}

/// The same sales forecast in three ways: by the advice, by the work's last sale, and by the floor, the price below which a tenth
/// of the sales of the seven days before lay.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Judged sales for which all three are known.
    pub sales: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice_error: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sale_error: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_error: Option<f64>,
}

/// How good advice on prices was, beside the last sale and the floor.
#[utoipa::path(get, path = "/v1/agents/track-record", operation_id = "get_track_record", tag = "agents", params(TrackRecordQuery),
    responses((status = 200, body = TrackRecord), (status = 422, body = Problem)))]
pub async fn track_record(
    State(state): State<AppState>,
    Query(query): Query<TrackRecordQuery>,
) -> Result<axum::Json<TrackRecord>> {
    let days = query.days.unwrap_or(90);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Problem::field("days", "out_of_range", format!("is between 1 and {MOST_DAYS}")));
    }
    let to = Utc::now();
    let from = to - Days::new(u64::from(days));
    let mut conn = state.pool.acquire().await?;
    let records = track_record::track_record(&mut conn, state.chain_id(), from, to).await?;
    let mut answer = TrackRecord { from, to, overall: Record::default(), weeks: Vec::new() };
    for record in records {
        match record.week {
            None => answer.overall = record.into(),
            Some(week) => answer.weeks.push(WeekRecord { week, record: record.into() }),
        }
    }
    Ok(axum::Json(answer))
}

impl From<track_record::TrackRecord> for Record {
    fn from(of: track_record::TrackRecord) -> Self {
        Self {
            sales: of.sales,
            advised: of.advised,
            abstained: of.abstained,
            error: of.error,
            covered80: of.covered80,
            covered90: of.covered90,
            width90: of.width90,
            compared: Comparison {
                sales: of.compared,
                advice_error: of.compared_error,
                last_sale_error: of.last_sale_error,
                floor_error: of.floor_error,
            },
        }
    }
}
