//! GET /v1/accounts/{address}/partners

use advisors::partners::Subject;
use axum::extract::State;

use super::{PartnerQuery, PartnersView, ask, view};
use crate::{
    AppState,
    extract::{Path, Query},
    problem::{Problem, Result},
    values::{address_field, parse},
};

/// Who might work with an account: by skills, people they worked with, and standing; with reasons, and shares that sum to the whole.
#[utoipa::path(get, path = "/v1/accounts/{address}/partners", operation_id = "list_account_partners", tag = "partners",
    params(("address" = String, Path, description = "the account"), PartnerQuery),
    responses((status = 200, body = PartnersView), (status = 422, body = Problem)))]
pub async fn of_account(
    State(state): State<AppState>,
    Path(account): Path<String>,
    Query(asked): Query<PartnerQuery>,
) -> Result<axum::Json<PartnersView>> {
    let wish = asked.wish()?;
    let account = parse("address", &account, address_field)?;
    let directory = state.partners.known().await?;
    let answer = ask(&directory, Subject::Account(account), &wish).await?;
    let answer = answer.ok_or_else(|| Problem::internal("an account has no partners to be asked for"))?;
    Ok(axum::Json(view(&directory, answer, None)))
}
