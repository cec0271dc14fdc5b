//! POST /v1/contributions/decisions: a work's owner accepts or rejects what others proposed.

use std::collections::BTreeSet;

use alloy::primitives::Address;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use store::contributions::{self, Change};
use utoipa::ToSchema;

use crate::{
    AppState,
    extract::{Json, SignedIn},
    problem::{Problem, Result},
    values::check_reason,
};

const MAX_IDS: usize = 1000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// 1 to 1000 contributions to works of yours; all are decided, or none.
    pub ids: Vec<String>,
    pub decision: Verdict,
    /// At most 500 characters, for those who proposed them.
    #[serde(default)]
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Accept,
    Reject,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Decided {
    /// How many were decided now; the others were decided so before.
    pub decided: i64,
}

/// Accepts or rejects proposed contributions. An accepted correction takes the place of what it corrects. Repeating a
/// decision changes nothing; it cannot be turned around: correct an accepted contribution, or record a rejected one yourself.
#[utoipa::path(post, path = "/v1/contributions/decisions", operation_id = "decide_contributions", tag = "works", request_body = Decision,
    responses((status = 200, body = Decided), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn decide(
    State(state): State<AppState>,
    account: SignedIn,
    Json(request): Json<Decision>,
) -> Result<axum::Json<Decided>> {
    let ids = check(&request)?;
    let mut tx = state.pool.begin().await?;
    let rows = sqlx::query!(
        "SELECT c.id, c.state, c.corrects FROM contributions c JOIN works w ON w.id = c.work_id
         WHERE c.id = ANY ($1) AND w.owner = $2 ORDER BY c.id FOR NO KEY UPDATE OF c",
        &ids,
        account.0.as_slice() as _
    )
    .fetch_all(&mut *tx)
    .await?;
    let missing: Vec<String> =
        ids.iter().filter(|id| !rows.iter().any(|row| row.id == **id)).map(i64::to_string).collect();
    if !missing.is_empty() {
        return Err(Problem::not_found(format!("contribution {} to a work of yours", missing.join(", "))));
    }
    // What was accepted may have been corrected since.
    let (done, target) = match request.decision {
        Verdict::Accept => (["accepted", "corrected"].as_slice(), "accepted"),
        Verdict::Reject => (["rejected"].as_slice(), "rejected"),
    };
    let otherwise = rows.iter().find(|row| row.state != "proposed" && !done.contains(&row.state.as_str()));
    if let Some(row) = otherwise {
        return Err(Problem::conflict("decided", format!("Contribution {} is {} already.", row.id, row.state)));
    }
    let open: Vec<i64> = rows.iter().filter(|row| row.state == "proposed").map(|row| row.id).collect();
    if request.decision == Verdict::Accept {
        let proposals = rows.iter().filter(|row| row.state == "proposed");
        let replaced: Vec<i64> = proposals.filter_map(|row| row.corrects).collect();
        replace(&mut tx, &replaced, account.0).await?;
    }
    sqlx::query!(
        "UPDATE contributions SET state = $2, decided_by = $3, decided_at = now(), reason = $4 WHERE id = ANY ($1)",
        &open,
        target,
        account.0.as_slice() as _,
        request.reason
    )
    .execute(&mut *tx)
    .await?;
    let change = if request.decision == Verdict::Accept { Change::Accepted } else { Change::Rejected };
    contributions::tell(&mut tx, change, account.0, &open).await?;
    tx.commit().await?;
    Ok(axum::Json(Decided { decided: open.len() as i64 }))
}

fn check(request: &Decision) -> Result<Vec<i64>> {
    if request.ids.is_empty() || request.ids.len() > MAX_IDS {
        return Err(Problem::fields(vec![("ids", format!("holds 1 to {MAX_IDS} ids"))]));
    }
    check_reason(&request.reason)?;
    let ids: Result<BTreeSet<i64>, _> = request.ids.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|_| Problem::fields(vec![("ids", "holds ids of contributions".into())]))?;
    Ok(ids.into_iter().collect())
}

/// Marks contributions as corrected, each of which must count until now.
pub async fn replace(tx: &mut PgConnection, ids: &[i64], by: Address) -> Result<()> {
    let replaced = sqlx::query_scalar!(
        "UPDATE contributions SET state = 'corrected', decided_by = $2, decided_at = now(), reason = ''
         WHERE id = ANY ($1) AND state = 'accepted' RETURNING id",
        ids,
        by.as_slice() as _
    )
    .fetch_all(&mut *tx)
    .await?;
    if replaced.len() < ids.len() {
        let detail = "Only contributions that count can be corrected, each once: one of these is proposed, rejected or corrected \
                      itself, or would be corrected twice.";
        return Err(Problem::conflict("corrected", detail));
    }
    Ok(contributions::tell(tx, Change::Corrected, by, &replaced).await?)
}
