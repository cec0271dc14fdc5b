//! GET /v1/works/{id}/coherence and GET /v1/assets/{id}/coherence

use axum::extract::State;
use domain::coherence::Inputs;
use facts::Hash;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    AppState,
    assets::parse_id,
    extract::Path,
    problem::{Problem, Result},
    values::id_of,
};

/// How coherent a work is, measured from its repository when it was imported, and where each part of that comes from.
/// Contributions have a coherence of their own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoherenceView {
    pub work_id: String,
    /// Of the version that was measured.
    pub content_hash: String,
    /// The commit that was measured.
    pub commit: String,
    /// The sum of weight x value, between 0 and 1; an input that was not measured counts as 0.5.
    pub total: String,
    /// The share of the weight that was measured.
    pub confidence: String,
    pub inputs: Vec<InputView>,
    pub measured_at: chrono::DateTime<chrono::Utc>,
}

/// One input of coherence.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputView {
    /// `code_quality`, `architecture_alignment`, `value_add`, `test_coverage`, `documentation`, `network` or `novelty`.
    pub input: String,
    /// Its part in the total; all sum to 1.
    pub weight: String,
    /// Between 0 and 1; absent where nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    pub measured: bool,
    /// What the value rests on: `counted` in the files, `reported` by a file of the repository, `recorded` by this market, or
    /// `unmeasured`.
    pub kind: String,
    /// The same in plain words, with the numbers.
    pub how: String,
}

/// A source of an input, as it is stored.
#[derive(Deserialize)]
struct Source {
    input: String,
    value: Option<Decimal>,
    kind: String,
    how: String,
}

struct Row {
    work_id: i64,
    content_hash: Hash,
    commit: String,
    coherence: String,
    confidence: String,
    sources: Value,
    measured_at: chrono::DateTime<chrono::Utc>,
}

/// The coherence of a work, as it was measured last.
#[utoipa::path(get, path = "/v1/works/{id}/coherence", operation_id = "work_coherence", tag = "works",
    params(("id" = String, Path, description = "the work's id")),
    responses((status = 200, body = CoherenceView), (status = 404, body = Problem)))]
pub async fn of_work(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<CoherenceView>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT work_id, content_hash AS "content_hash: Hash", commit, trim_scale(coherence)::text AS "coherence!",
                  trim_scale(confidence)::text AS "confidence!", sources, measured_at
           FROM work_measurements WHERE work_id = $1 ORDER BY id DESC LIMIT 1"#,
        id_of("work", &id)?
    )
    .fetch_optional(&state.pool)
    .await?;
    view(row, &format!("work {id}"))
}

/// The coherence of a registered work: of the version that was registered, as it was measured last.
#[utoipa::path(get, path = "/v1/assets/{id}/coherence", operation_id = "asset_coherence", tag = "assets",
    params(("id" = String, Path, description = "the asset's id")),
    responses((status = 200, body = CoherenceView), (status = 404, body = Problem)))]
pub async fn of_asset(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<CoherenceView>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT m.work_id, m.content_hash AS "content_hash: Hash", m.commit, trim_scale(m.coherence)::text AS "coherence!",
                  trim_scale(m.confidence)::text AS "confidence!", m.sources, m.measured_at
           FROM asset_works aw JOIN chain.assets a ON a.chain_id = $1 AND a.asset_id = $2
           JOIN work_measurements m ON m.work_id = aw.work_id AND m.content_hash = a.content_hash
           WHERE aw.chain_id = $1 AND aw.asset_id = $2 ORDER BY m.id DESC LIMIT 1"#,
        state.chain(),
        parse_id(&id)?
    )
    .fetch_optional(&state.pool)
    .await?;
    view(row, &format!("asset {id}"))
}

fn view(row: Option<Row>, what: &str) -> Result<axum::Json<CoherenceView>> {
    let row = row.ok_or_else(|| {
        Problem::not_found(format!(
            "measured coherence of {what}: works are measured when their repository is imported"
        ))
    })?;
    let sources: Vec<Source> = serde_json::from_value(row.sources).map_err(Problem::internal)?;
    let weights = Inputs::default().weighted();
    let inputs = sources.into_iter().map(|source| {
        let hundredths = weights.iter().find(|(name, ..)| *name == source.input).map_or(0, |(_, weight, _)| *weight);
        InputView {
            weight: Decimal::new(hundredths, 2).to_string(),
            measured: source.value.is_some(),
            value: source.value.map(|value| value.to_string()),
            input: source.input,
            kind: source.kind,
            how: source.how,
        }
    });
    Ok(axum::Json(CoherenceView {
        work_id: row.work_id.to_string(),
        content_hash: row.content_hash.to_string(),
        commit: row.commit,
        total: row.coherence,
        confidence: row.confidence,
        inputs: inputs.collect(),
        measured_at: row.measured_at,
    }))
}
