//! GET and PUT /v1/works/{id}/policy: who may propose contributions to a work, and what counts at once.

use alloy::primitives::Address;
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use ::facts::{Fact, NewFact, PolicySet, Stream, Subject};
use sqlx::PgConnection;
use store::{contributions::State as Standing, facts, values};
use utoipa::ToSchema;

use crate::{
    AppState,
    extract::{Json, Path, SignedIn},
    problem::{Problem, Result},
    values::number,
};

const PROPOSALS: [&str; 3] = ["anyone", "contributors", "nobody"];
/// So many proposals of one account to one work may wait at a time,
const MAX_OPEN: usize = 1000;
/// and so many of all accounts together.
const MAX_OPEN_OF_ALL: usize = 20_000;

/// An owner's settings for a work.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Who may propose contributions: `anyone`, `contributors` (accounts of whom one is accepted) or `nobody`.
    pub proposals: String,
    /// Whether what imports and pushes bring counts at once; otherwise it is proposed.
    pub preaccepted: bool,
}

/// A work's settings.
#[utoipa::path(get, path = "/v1/works/{id}/policy", operation_id = "get_policy", tag = "works", params(("id" = String, Path, description = "the work's id")),
    responses((status = 200, body = Policy), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<Policy>> {
    let policy = sqlx::query_as!(Policy, "SELECT proposals, preaccepted FROM works WHERE id = $1", number(&id))
        .fetch_optional(&state.pool);
    policy.await?.map(axum::Json).ok_or_else(|| Problem::not_found(format!("work {id}")))
}

/// Changes the settings of a work of the account that is signed in.
#[utoipa::path(put, path = "/v1/works/{id}/policy", operation_id = "set_policy", tag = "works", params(("id" = String, Path, description = "the work's id")),
    request_body = Policy,
    responses((status = 200, body = Policy), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn set(
    State(state): State<AppState>,
    account: SignedIn,
    Path(id): Path<String>,
    Json(policy): Json<Policy>,
) -> Result<axum::Json<Policy>> {
    if !PROPOSALS.contains(&policy.proposals.as_str()) {
        return Err(Problem::fields(vec![("proposals", format!("is one of {}", PROPOSALS.join(", ")))]));
    }
    let mut tx = state.pool.begin().await?;
    let before = sqlx::query_as!(
        Policy,
        "SELECT proposals, preaccepted FROM works WHERE id = $1 AND owner = $2 FOR NO KEY UPDATE",
        number(&id),
        account.0.as_slice() as _
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Problem::not_found(format!("work {id} of yours")))?;
    if before != policy {
        sqlx::query!(
            "UPDATE works SET proposals = $2, preaccepted = $3 WHERE id = $1",
            number(&id),
            policy.proposals,
            policy.preaccepted
        )
        .execute(&mut *tx)
        .await?;
        let work = number(&id).into();
        let body = PolicySet {
            proposals: policy.proposals.clone(),
            preaccepted: policy.preaccepted,
            by: account.0.into(),
        };
        let fact = NewFact::new(Subject::Work { work }, [Stream::Work { work }], Fact::WorkPolicySet(body));
        facts::tell_one(&mut tx, fact).await?;
        tx.commit().await?;
    }
    Ok(axum::Json(policy))
}

/// In which state what the account brings to a work is recorded, or why nothing of it is. Holds the work until the
/// transaction ends, so that limits hold for requests at the same time too.
pub async fn standing(tx: &mut PgConnection, work: &str, account: Address, brings: usize) -> Result<(i64, Standing)> {
    let row = sqlx::query!(
        r#"SELECT id, owner AS "owner: Vec<u8>", proposals FROM works WHERE id = $1 FOR NO KEY UPDATE"#,
        number(work)
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| Problem::not_found(format!("work {work}")))?;
    if values::address(&row.owner)? == account {
        return Ok((row.id, Standing::Accepted));
    }
    let may = match row.proposals.as_str() {
        "anyone" => true,
        "contributors" => contributes(tx, row.id, account).await?,
        _ => false,
    };
    if !may {
        let detail = format!("The owner of work {work} takes proposals of {}.", row.proposals);
        return Err(Problem::new(StatusCode::FORBIDDEN, "proposals_closed", detail));
    }
    let open = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE recorded_by = $2) AS "own!", count(*) AS "all!" FROM contributions c
           WHERE work_id = $1 AND state = 'proposed' AND recorded_by <> $3"#,
        row.id,
        account.as_slice() as _,
        row.owner as _
    )
    .fetch_one(&mut *tx)
    .await?;
    for (open, limit, whose) in [(open.own, MAX_OPEN, "of yours "), (open.all, MAX_OPEN_OF_ALL, "")] {
        if open as usize + brings > limit {
            let detail = format!(
                "{open} proposals {whose}to work {work} wait for its owner: with {brings} more they are above {limit}."
            );
            return Err(Problem::conflict("too_many_proposals", detail));
        }
    }
    Ok((row.id, Standing::Proposed))
}

/// Whether a contribution of the account counts.
async fn contributes(tx: &mut PgConnection, work: i64, account: Address) -> Result<bool> {
    let contributes = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM contributions x WHERE x.work_id = $1 AND x.state = 'accepted' AND x.contributor_id IN (
                   SELECT c.id FROM contributors c WHERE c.key = $2
                   UNION SELECT a.contributor_id FROM contributor_addresses a WHERE a.work_id = $1 AND a.address = $3)) AS "is!""#,
        work,
        format!("account:{}", account.to_checksum(None)),
        account.as_slice() as _
    )
    .fetch_one(tx)
    .await?;
    Ok(contributes)
}
