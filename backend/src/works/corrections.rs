//! POST /v1/contributions/{id}/corrections: another revision takes a contribution's place.

use std::slice;

use axum::{extract::State, http::StatusCode};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;
use store::{
    StoreError,
    contributions::{self, NewContribution, Record, State as Standing},
};
use utoipa::ToSchema;

use super::{
    decisions,
    item::{self, Correction, Prices},
    policy,
};
use crate::{
    AppState,
    extract::{Json, Path, SignedIn},
    problem::{Problem, Result},
    values::number,
};

/// The revision that a correction became.
#[derive(Debug, Serialize, ToSchema)]
pub struct Corrected {
    pub id: String,
    pub revision: i32,
    /// `accepted`, and the old revision is corrected; or `proposed`, until the work's owner accepts it.
    pub state: &'static str,
}

/// Corrects a contribution. The work's owner replaces it at once; anyone else proposes to.
#[utoipa::path(post, path = "/v1/contributions/{id}/corrections", operation_id = "correct_contribution", tag = "works",
    params(("id" = String, Path, description = "the contribution's id")), request_body = Correction,
    responses((status = 201, body = Corrected), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn correct(
    State(state): State<AppState>,
    account: SignedIn,
    Path(id): Path<String>,
    Json(correction): Json<Correction>,
) -> Result<(StatusCode, axum::Json<Corrected>)> {
    if correction.is_empty() {
        return Err(Problem::invalid("The correction changes nothing: give what is to be different."));
    }
    let mut tx = state.pool.begin().await?;
    let Some((work, mut new)) = load(&mut tx, number(&id)).await? else {
        return Err(Problem::not_found(format!("contribution {id}")));
    };
    let prices = Prices::load(&mut tx, [(&correction.tool, &correction.compute)].into_iter()).await?;
    correction.apply(&mut new, &prices).map_err(Problem::invalid)?;
    let (work_id, standing) = policy::standing(&mut tx, &work.to_string(), account.0, 1).await?;
    if standing == Standing::Accepted {
        decisions::replace(&mut tx, &[number(&id)], account.0).await?;
    }
    // Under the lock on the work: nobody else takes the number.
    let revision = sqlx::query_scalar!(
        r#"SELECT max(n.revision) + 1 AS "next!" FROM contributions c
           JOIN contributions n ON n.work_id = c.work_id AND n.source_key = c.source_key
           WHERE c.id = $1 AND c.state = CASE WHEN $2 THEN 'corrected' ELSE 'accepted' END GROUP BY c.id"#,
        number(&id),
        standing == Standing::Accepted
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| {
        Problem::conflict("corrected", format!("Contribution {id} does not count: correct its newest revision."))
    })?;
    item::introduce(&mut tx, slice::from_ref(&new)).await?;
    let corrects = Some((number(&id), revision));
    let record = Record { work_id, recorded_by: account.0, state: standing, corrects };
    let recorded = contributions::record(&mut tx, record, slice::from_ref(&new)).await?;
    let recorded = recorded.first().ok_or_else(|| {
        Problem::conflict(
            "correction_waits",
            format!("A correction of contribution {id} by you waits for the work's owner."),
        )
    })?;
    tx.commit().await?;
    let corrected = Corrected { id: recorded.to_string(), revision, state: standing.as_str() };
    Ok((StatusCode::CREATED, axum::Json(corrected)))
}

/// A contribution as it could be recorded again, and its work.
async fn load(tx: &mut PgConnection, id: i64) -> Result<Option<(i64, NewContribution)>> {
    let row = sqlx::query!(
        r#"SELECT c.work_id, p.key, c.contributor_name, c.kind, c.cost::text AS "cost!", c.coherence::text AS "coherence!", c.basis,
                  c.evidence_kind, c.evidence, c.source_key, c.summary, c.occurred_at,
                  ARRAY(SELECT t.key FROM unnest(c.triggered_by) WITH ORDINALITY AS o (id, place)
                        JOIN contributors t ON t.id = o.id ORDER BY o.place) AS "triggered_by!: Vec<String>"
           FROM contributions c JOIN contributors p ON p.id = c.contributor_id WHERE c.id = $1"#,
        id
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let corrupt = |what, value: &str| StoreError::Corrupt { what, value: value.to_owned() };
    let decimal = |what, text: &str| text.parse::<Decimal>().map_err(|_| corrupt(what, text));
    let basis = row.basis.map(|basis| {
        let text = basis.to_string();
        serde_json::from_value(basis).map_err(|_| corrupt("basis", &text))
    });
    let new = NewContribution {
        contributor: row.key,
        name: row.contributor_name,
        triggered_by: row.triggered_by,
        kind: row.kind,
        cost: decimal("cost", &row.cost)?,
        coherence: decimal("coherence", &row.coherence)?,
        basis: basis.transpose()?,
        evidence_kind: row.evidence_kind.parse().map_err(|_| corrupt("evidence", &row.evidence_kind))?,
        evidence: row.evidence,
        source_key: row.source_key,
        summary: row.summary,
        occurred_at: row.occurred_at,
    };
    Ok(Some((row.work_id, new)))
}
