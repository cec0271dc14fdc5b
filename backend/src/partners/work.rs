//! GET /v1/works/{id}/partners

use advisors::partners::{AGENT, Subject, subject};
use axum::extract::State;
use store::advice;

use super::{PartnerQuery, PartnersView, ask, view};
use crate::{
    AppState,
    assets::advice::Provenance,
    extract::{Path, Query},
    problem::{Problem, Result},
    values::id_of,
};

/// Who might join a work: by skills, people they worked with, and standing; with reasons, and shares that sum to the whole.
#[utoipa::path(get, path = "/v1/works/{id}/partners", operation_id = "list_work_partners", tag = "partners",
    params(("id" = String, Path, description = "the work's id"), PartnerQuery),
    responses((status = 200, body = PartnersView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn of_work(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(asked): Query<PartnerQuery>,
) -> Result<axum::Json<PartnersView>> {
    let wish = asked.wish()?;
    let id = id_of("work", &id)?;
    let mut directory = state.partners.known().await?;
    let mut answer = ask(&directory, Subject::Work(id), &wish).await?;
    if answer.is_none() {
        // Perhaps its first contribution came after people were read.
        directory = state.partners.refresh().await?;
        answer = ask(&directory, Subject::Work(id), &wish).await?;
    }
    let answer = answer.ok_or_else(|| Problem::not_found(format!("work {id} with contributions that count")))?;
    let newest = advice::newest(&mut *state.pool.acquire().await?, state.chain_id(), &subject(id)).await?;
    let recorded = newest.iter().find(|one| one.advice.agent == AGENT).map(Provenance::from);
    Ok(axum::Json(view(&directory, answer, recorded)))
}
