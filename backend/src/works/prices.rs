//! GET /v1/price-profiles

use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::market::prices::{self, Filter, Rates};
use utoipa::{IntoParams, ToSchema};

use crate::{
    AppState,
    extract::Query,
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
};

/// One version of what a tool or a machine costs, in US dollars. Versions never change: a new price is a new one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceProfile {
    /// As a contribution's `basis` names it: `tool:gpt-4o@2`.
    pub id: String,
    /// `tool` or `compute`.
    pub kind: &'static str,
    pub name: String,
    pub version: i32,
    /// Of a tool: per token read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_rate: Option<String>,
    /// Of a tool: per token written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_rate: Option<String>,
    /// Of a machine: the power it draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kilowatts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_per_kwh: Option<String>,
    /// Of a machine: what it cost to buy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware_price: Option<String>,
    /// Of a machine: the hours it is expected to last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_hours: Option<String>,
    /// It prices what happened from then on, until the next version does.
    pub valid_from: chrono::DateTime<chrono::Utc>,
    pub source: String,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PriceFilters {
    /// `tool` or `compute`.
    pub kind: Option<String>,
    /// Of this name.
    pub name: Option<String>,
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// What tools and machines cost, the last added first.
#[utoipa::path(get, path = "/v1/price-profiles", operation_id = "list_price_profiles", tag = "works", params(PriceFilters),
    responses((status = 200, body = Page<PriceProfile>), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Query(filters): Query<PriceFilters>,
) -> Result<axum::Json<Page<PriceProfile>>> {
    let page = PageQuery { limit: filters.limit, cursor: filters.cursor };
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let names = filters.name.map(|name| vec![name]);
    let filter = Filter { kind: filters.kind.as_deref(), names: names.as_deref(), below: Some(below) };
    let mut conn = state.pool.acquire().await?;
    let profiles = prices::list(&mut conn, filter, limit + 1).await?;
    cut(profiles, limit, |(number, _)| (*number, 0)).show(|(_, profile)| {
        let mut view = PriceProfile {
            id: profile.id.clone(),
            kind: profile.kind(),
            name: profile.name,
            version: profile.version,
            input_rate: None,
            output_rate: None,
            kilowatts: None,
            price_per_kwh: None,
            hardware_price: None,
            lifetime_hours: None,
            valid_from: profile.valid_from,
            source: profile.source,
        };
        match profile.rates {
            Rates::Tool { input, output } => {
                (view.input_rate, view.output_rate) = (Some(input.to_string()), Some(output.to_string()));
            }
            Rates::Compute { kilowatts, price_per_kwh, hardware_price, lifetime_hours } => {
                view.kilowatts = Some(kilowatts.to_string());
                view.price_per_kwh = Some(price_per_kwh.to_string());
                view.hardware_price = Some(hardware_price.to_string());
                view.lifetime_hours = Some(lifetime_hours.to_string());
            }
        }
        Ok(view)
    })
}
