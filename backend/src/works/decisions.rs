//! POST /v1/contributions/decisions: a work's owner accepts or rejects what others proposed.

use axum::extract::State;
use commands::decide_contributions;
use domain::contribution::{self, Fault};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AppState,
    caller::{Allowed, WriteListings},
    extract::Json,
    problem::{Problem, Result, refused},
};

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

impl From<Verdict> for contribution::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Reject => Self::Reject,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Decided {
    /// How many were decided now; the others were decided so before.
    pub decided: usize,
}

/// Accepts or rejects proposed contributions. An accepted correction takes the place of what it corrects. Repeating a
/// decision changes nothing; it cannot be turned around: correct an accepted contribution, or record a rejected one yourself.
#[utoipa::path(post, path = "/v1/contributions/decisions", operation_id = "decide_contributions", tag = "works", request_body = Decision,
    security(("session" = ["write:listings"])),
    responses((status = 200, body = Decided), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn decide(
    State(state): State<AppState>,
    caller: Allowed<WriteListings>,
    Json(Decision { ids, decision, reason }): Json<Decision>,
) -> Result<axum::Json<Decided>> {
    let ids: Result<Vec<i64>, _> = ids.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|_| refused(Fault::NotIds))?;
    let mut tx = state.pool.begin().await?;
    let decided = decide_contributions::decide(&mut tx, caller.actor(), &ids, decision.into(), &reason).await?;
    tx.commit().await?;
    Ok(axum::Json(Decided { decided }))
}
