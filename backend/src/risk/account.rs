//! GET /v1/accounts/{address}/risk

use advisors::risk;
use axum::extract::State;

use super::{RiskAdvice, RiskProvenance};
use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
    values::{address_field, parse},
};

/// How risky it is to trade with an account, by what it did in this market and what is final.
#[utoipa::path(get, path = "/v1/accounts/{address}/risk", operation_id = "get_account_risk", tag = "risk",
    params(("address" = String, Path, description = "the account")),
    responses((status = 200, body = RiskAdvice), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn risk(State(state): State<AppState>, Path(address): Path<String>) -> Result<axum::Json<RiskAdvice>> {
    let account = parse("address", &address, address_field)?;
    let grounds = super::grounds(&state).await?;
    let answered = risk::assess_account(&grounds, account).await?;
    let provenance = RiskProvenance::of_answer(&answered, &grounds);
    Ok(axum::Json(RiskAdvice::of(answered.says, provenance)))
}
