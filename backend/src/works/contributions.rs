//! GET and POST /v1/contributions

use std::collections::BTreeSet;

use axum::{extract::State, http::StatusCode};
use chrono::Datelike;
use domain::coherence::Weight;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

use crate::{
    AppState,
    extract::{Json, Query, SignedIn},
    page::{Page, PageQuery},
    problem::{Problem, Result},
    values::{address_field, paid_at},
};

const MAX_ITEMS: usize = 1000;
const KINDS: [&str; 4] = ["PROJECT_INCEPTION", "MANUAL_LABOR", "TOOL_EXECUTION", "ASSET_COMPOSITION"];

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewContributions {
    /// A work of the account that is signed in.
    pub work_id: String,
    /// 1 to 1000; all are recorded, or none.
    pub items: Vec<NewContribution>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewContribution {
    /// The contributor's address.
    pub contributor: String,
    #[serde(default)]
    pub name: String,
    /// PROJECT_INCEPTION, MANUAL_LABOR, TOOL_EXECUTION or ASSET_COMPOSITION.
    pub kind: String,
    /// What it cost, a decimal of at most 6 places.
    pub cost: String,
    /// Quality between 0 and 1; 0.5 when not given.
    pub coherence: Option<String>,
    /// Your own id for it, once per work and contributor: sending it again changes nothing.
    pub reference: String,
    #[serde(default)]
    pub summary: String,
    /// CID or URL of what proves it.
    pub evidence: Option<String>,
    pub occurred_at: Option<chrono::DateTime<chrono::Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Recorded {
    /// How many were new; the others were known.
    pub recorded: i64,
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
    pub occurred_at: chrono::DateTime<chrono::Utc>,
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
    let rows = sqlx::query!(
        r#"SELECT c.id, c.work_id, c.contributor_id, p.key, p.name, p.kind AS contributor_kind, c.kind,
                  trim_scale(c.cost)::text AS "cost!", trim_scale(c.coherence)::text AS "coherence!",
                  trim_scale(c.confidence)::text AS "confidence!", c.weight::text AS "weight!", c.source_key, c.summary,
                  c.evidence, c.occurred_at,
                  (SELECT a.address FROM contributor_addresses a WHERE a.work_id = c.work_id AND a.contributor_id = c.contributor_id
                   ORDER BY a.id DESC LIMIT 1) AS "address?: Vec<u8>"
           FROM contributions c JOIN contributors p ON p.id = c.contributor_id
           WHERE ($2::bigint IS NULL OR c.work_id = (SELECT work_id FROM asset_works WHERE chain_id = $1 AND asset_id = $2))
             AND ($3::bigint IS NULL OR c.work_id = $3) AND ($4::bigint IS NULL OR c.contributor_id = $4) AND c.id < $5
           ORDER BY c.id DESC LIMIT $6::bigint + 1"#,
        state.chain(),
        filters.asset,
        filters.work,
        filters.contributor,
        below,
        limit
    )
    .fetch_all(&state.pool)
    .await?;
    let items = rows
        .into_iter()
        .map(|row| {
            Ok(ContributionView {
                id: row.id.to_string(),
                work_id: row.work_id.to_string(),
                contributor_id: row.contributor_id.to_string(),
                contributor: row.name,
                contributor_kind: row.contributor_kind,
                address: paid_at(row.address.as_deref(), &row.key)?,
                kind: row.kind,
                cost: row.cost,
                coherence: row.coherence,
                confidence: row.confidence,
                weight: row.weight,
                reference: row.source_key,
                summary: row.summary,
                evidence: row.evidence,
                occurred_at: row.occurred_at,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(axum::Json(Page::cut(items, limit, |item: &ContributionView| (item.id.parse().unwrap_or_default(), 0))))
}

/// Records contributions to a work of the account that is signed in.
#[utoipa::path(post, path = "/v1/contributions", operation_id = "record_contributions", tag = "works", request_body = NewContributions,
    responses((status = 201, body = Recorded), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn record(
    State(state): State<AppState>,
    account: SignedIn,
    Json(request): Json<NewContributions>,
) -> Result<(StatusCode, axum::Json<Recorded>)> {
    let rows = check(&request)?;
    let mut tx = state.pool.begin().await?;
    let work = request.work_id.parse::<i64>().unwrap_or_default();
    sqlx::query_scalar!("SELECT id FROM works WHERE id = $1 AND owner = $2 FOR SHARE", work, account.0.as_slice() as _)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| Problem::not_found(format!("work {} of yours", request.work_id)))?;
    let recorded = insert(&mut tx, work, account.0.as_slice(), rows).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(Recorded { recorded })))
}

/// The rows to store, or every item's first fault.
fn check(request: &NewContributions) -> Result<Vec<Value>> {
    if request.items.is_empty() || request.items.len() > MAX_ITEMS {
        return Err(Problem::fields(vec![("items", format!("holds 1 to {MAX_ITEMS} contributions"))]));
    }
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(request.items.len());
    for (place, item) in request.items.iter().enumerate() {
        let row =
            check_item(item).map_err(|message| Problem::fields(vec![("items", format!("item {place}: {message}"))]))?;
        if !seen.insert((item.contributor.to_lowercase(), item.reference.clone())) {
            return Err(Problem::fields(vec![(
                "items",
                format!("item {place}: the same contributor and reference twice"),
            )]));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn check_item(item: &NewContribution) -> Result<Value, String> {
    let contributor = address_field(&item.contributor).map_err(|message| format!("contributor {message}"))?;
    if !KINDS.contains(&item.kind.as_str()) {
        return Err(format!("kind is one of {}", KINDS.join(", ")));
    }
    let decimal = |name: &str, text: &str, least: Decimal, most: Decimal| {
        // Neither signs nor exponents nor underscores, which the parser would take.
        Some(text)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
            .and_then(|text| text.parse::<Decimal>().ok())
            .filter(|value| value.scale() <= 6 && *value >= least && *value <= most)
            .ok_or_else(|| format!("{name} is a decimal from {least} to {most} with at most 6 places"))
    };
    let cost = decimal("cost", &item.cost, Decimal::ZERO, Decimal::from(1_000_000_000_u32))?;
    let coherence = match &item.coherence {
        Some(text) => decimal("coherence", text, Decimal::ZERO, Decimal::ONE)?,
        None => Decimal::new(5, 1),
    };
    let weight = Weight::new(cost, coherence + Decimal::new(5, 1)).map_err(|error| error.to_string())?;
    let texts = [
        ("reference", item.reference.as_str(), 1..=200),
        ("name", &item.name, 0..=200),
        ("summary", &item.summary, 0..=1000),
        ("evidence", item.evidence.as_deref().unwrap_or_default(), 0..=500),
    ];
    for (name, text, length) in texts {
        if !length.contains(&text.chars().count()) {
            return Err(format!("{name} has {} to {} characters", length.start(), length.end()));
        }
    }
    let now = chrono::Utc::now();
    // A clock may be ahead of ours; the first year is where the database's calendar begins.
    if item.occurred_at.is_some_and(|at| at.year() < 1 || at > now + chrono::Duration::days(1)) {
        return Err("occurredAt is a time in the past".into());
    }
    let account = contributor.to_checksum(None);
    Ok(json!({
        "key": format!("account:{account}"),
        "name": if item.name.is_empty() { account } else { item.name.clone() },
        "kind": item.kind, "cost": cost.to_string(), "coherence": coherence.to_string(), "weight": weight.0.to_string(),
        "source_key": item.reference, "summary": item.summary, "evidence": item.evidence,
        "occurred_at": item.occurred_at.unwrap_or(now),
    }))
}

async fn insert(tx: &mut PgConnection, work: i64, account: &[u8], rows: Vec<Value>) -> Result<i64> {
    let rows = Value::Array(rows);
    sqlx::query!(
        "INSERT INTO contributors (key, kind, name)
         SELECT DISTINCT ON (key) key, 'HUMAN', name FROM jsonb_to_recordset($1) AS r (key text, name text) ORDER BY key
         ON CONFLICT (key) DO NOTHING",
        rows
    )
    .execute(&mut *tx)
    .await?;
    // Declared by the owner, with nothing to check it against: confidence .25 (the rules' table of evidence).
    let recorded = sqlx::query_scalar!(
        "INSERT INTO contributions (work_id, contributor_id, kind, cost, coherence, confidence, weight, source_key, summary,
                                    evidence, occurred_at, recorded_by)
         SELECT $1, c.id, r.kind, r.cost, r.coherence, 0.25, r.weight, r.source_key, r.summary, r.evidence, r.occurred_at, $2
         FROM jsonb_to_recordset($3) AS r (key text, kind text, cost numeric, coherence numeric, weight numeric,
                                           source_key text, summary text, evidence text, occurred_at timestamptz)
         JOIN contributors c ON c.key = r.key
         ON CONFLICT (work_id, source_key, contributor_id) DO NOTHING RETURNING id",
        work,
        account as _,
        rows
    )
    .fetch_all(&mut *tx)
    .await?;
    store::contributions::tell_recorded(tx, &recorded).await?;
    Ok(recorded.len() as i64)
}
