//! GET and POST /v1/contributions

use axum::{extract::State, http::StatusCode};
use commands::record_contributions::{self, New};
use domain::contribution::{Fault, State as Standing};
use facts::Account;
use serde::{Deserialize, Serialize};
use sqlx::types::Json as FromJson;
use utoipa::{IntoParams, ToSchema};

use super::item::NewContribution;
use crate::{
    AppState,
    caller::{Allowed, WriteListings},
    extract::{Json, Query},
    page::{Page, PageQuery, cut},
    problem::{Problem, Result, refused},
    values::{id_of, paid_at},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewContributions {
    /// Of a work of your own they count at once; to another's work they are proposed.
    pub work_id: String,
    /// 1 to 1000; all are recorded, or none.
    pub items: Vec<NewContribution>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Recorded {
    /// How many were new; the others were known.
    pub recorded: usize,
    /// `accepted`, or `proposed`: until the work's owner decides they do not count.
    pub state: &'static str,
}

/// A recorded contribution.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContributionView {
    pub id: String,
    pub work_id: String,
    pub contributor_id: String,
    pub contributor: String,
    /// HUMAN or SYSTEM.
    pub contributor_kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub kind: String,
    pub cost: String,
    pub coherence: String,
    pub confidence: String,
    /// cost x (0.5 + coherence) in units of 1e-12.
    pub weight: String,
    pub reference: String,
    pub summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// What the cost rests on: `declared`, `submitted`, `files_and_lines`, `invoice`, `transaction` and others.
    pub evidence_kind: String,
    /// The rule and all inputs that gave the cost, prices among them; absent where it was given or counted from a commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<serde_json::Value>,
    /// Who made a SYSTEM act, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggered_by: Vec<Trigger>,
    pub occurred_at: chrono::DateTime<chrono::Utc>,
    pub recorded_by: String,
    /// `proposed`, `accepted`, `rejected` or `corrected`. Only accepted ones count.
    pub state: String,
    /// 0 the first.
    pub revision: i32,
    /// The contribution that this one replaces, or is proposed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Why it was decided so.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Somebody, or a tool, that made a SYSTEM act.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    pub contributor_id: String,
    pub contributor: String,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContributionFilters {
    /// Of this asset.
    pub asset: Option<i64>,
    /// Of this work.
    pub work: Option<i64>,
    /// By this contributor.
    pub contributor: Option<i64>,
    /// `proposed`, `accepted`, `rejected` or `corrected`; default `accepted`.
    pub state: Option<String>,
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Lists contributions, the last recorded first.
#[utoipa::path(get, path = "/v1/contributions", operation_id = "list_contributions", tag = "works", params(ContributionFilters),
    responses((status = 200, body = Page<ContributionView>), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Query(filters): Query<ContributionFilters>,
) -> Result<axum::Json<Page<ContributionView>>> {
    let page = PageQuery { limit: filters.limit, cursor: filters.cursor.clone() };
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let standing: Standing = filters
        .state
        .as_deref()
        .unwrap_or(Standing::Accepted.as_str())
        .parse()
        .map_err(|error| Problem::field("state", "unknown_value", error))?;
    let rows = sqlx::query!(
        r#"SELECT c.id, c.work_id, c.contributor_id, p.key, coalesce(c.contributor_name, p.name) AS "name!",
                  p.kind AS contributor_kind, c.kind, trim_scale(c.cost)::text AS "cost!",
                  trim_scale(c.coherence)::text AS "coherence!", trim_scale(c.confidence)::text AS "confidence!",
                  c.weight::text AS "weight!", c.source_key, c.summary, c.evidence, c.evidence_kind, c.basis, c.occurred_at,
                  c.recorded_by AS "recorded_by: Account", c.state, c.revision, c.corrects, c.decided_by AS "decided_by: Account",
                  c.decided_at, c.reason,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('contributorId', t.id::text, 'contributor', t.name) ORDER BY o.place),
                                   '[]')
                   FROM unnest(c.triggered_by) WITH ORDINALITY AS o (id, place) JOIN contributors t ON t.id = o.id)
                   AS "triggered_by!: FromJson<Vec<Trigger>>",
                  (SELECT a.address FROM payees a WHERE a.work_id = c.work_id AND a.contributor_id = c.contributor_id) AS "address?: Account"
           FROM contributions c JOIN contributors p ON p.id = c.contributor_id
           WHERE ($2::bigint IS NULL OR c.work_id = (SELECT work_id FROM asset_works WHERE chain_id = $1 AND asset_id = $2))
             AND ($3::bigint IS NULL OR c.work_id = $3) AND ($4::bigint IS NULL OR c.contributor_id = $4) AND c.state = $5
             AND c.id < $6
           ORDER BY c.id DESC LIMIT $7::bigint + 1"#,
        state.chain(),
        filters.asset,
        filters.work,
        filters.contributor,
        standing.as_str(),
        below,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    cut(rows, limit, |row| (row.id, 0)).show(|row| {
        Ok(ContributionView {
            id: row.id.to_string(),
            work_id: row.work_id.to_string(),
            contributor_id: row.contributor_id.to_string(),
            contributor: row.name,
            contributor_kind: row.contributor_kind,
            address: paid_at(row.address, &row.key),
            kind: row.kind,
            cost: row.cost,
            coherence: row.coherence,
            confidence: row.confidence,
            weight: row.weight,
            reference: row.source_key,
            summary: row.summary,
            evidence: row.evidence,
            evidence_kind: row.evidence_kind,
            basis: row.basis,
            triggered_by: row.triggered_by.0,
            occurred_at: row.occurred_at,
            recorded_by: row.recorded_by.to_string(),
            state: row.state,
            revision: row.revision,
            corrects: row.corrects.map(|id| id.to_string()),
            decided_by: row.decided_by.map(|account| account.to_string()),
            decided_at: row.decided_at,
            reason: row.reason,
        })
    })
}

/// Records contributions to a work of the account that is signed in, or proposes them to another's work.
#[utoipa::path(post, path = "/v1/contributions", operation_id = "record_contributions", tag = "works", request_body = NewContributions,
    security(("session" = ["write:listings"])),
    responses((status = 201, body = Recorded), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn record(
    State(state): State<AppState>,
    caller: Allowed<WriteListings>,
    Json(NewContributions { work_id, items }): Json<NewContributions>,
) -> Result<(StatusCode, axum::Json<Recorded>)> {
    let parsed = items.into_iter().enumerate();
    let items: Result<Vec<New>, Fault> =
        parsed.map(|(place, item)| item.parse().map_err(|fault| fault.of_item(place))).collect();
    let (items, work) = (items.map_err(refused)?, id_of("work", &work_id)?);
    let mut tx = state.pool.begin().await?;
    let recorded = record_contributions::record(&mut tx, caller.actor(), work, &items).await?;
    tx.commit().await?;
    let recorded = Recorded { recorded: recorded.new, state: recorded.state.as_str() };
    Ok((StatusCode::CREATED, axum::Json(recorded)))
}
