//! GET /v1/payouts/{id}/derivation: why a payout is what it is.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
    values::checksum,
};

/// Why one account was paid by one distribution. Each step passes an amount from `source` to `target`. The steps that end
/// at the account sum to the payout; at every other source, what came in (or, at the first, the income) sums to what all
/// its steps passed on, of which only those towards this account are listed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Derivation {
    pub payout_id: String,
    pub distribution_id: String,
    pub asset_id: String,
    pub account: String,
    pub currency: String,
    /// The payout.
    pub amount: String,
    /// The income that was divided.
    pub income: String,
    pub steps: Vec<Step>,
    /// The same in sentences.
    pub text: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub source: String,
    /// The title of the source, where it is a registered work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_title: Option<String>,
    pub target: String,
    pub rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contribution_id: Option<String>,
    /// What the contribution was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The part this step had of `ofWeight`.
    pub weight: String,
    pub of_weight: String,
    pub amount: String,
}

/// The derivation of a payout, from income through works and rules to contributions.
#[utoipa::path(get, path = "/v1/payouts/{id}/derivation", tag = "earnings", params(("id" = String, Path, description = "the payout's id")),
    responses((status = 200, body = Derivation), (status = 404, body = Problem)))]
pub async fn derivation(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<Derivation>> {
    let missing = || Problem::not_found(format!("payout {id}"));
    let number: i64 = id.parse().map_err(|_| missing())?;
    let payout = sqlx::query!(
        r#"SELECT p.account AS "account: Vec<u8>", p.token AS "token: Vec<u8>", p.amount::text AS "amount!", p.distribution_id,
                  d.asset_id, d.amount::text AS "income!", r.beneficiary AS "beneficiary?", r.work_id AS "work_id?"
           FROM payouts p JOIN distributions d ON d.id = p.distribution_id LEFT JOIN reserves r ON r.id = p.reserve_id
           WHERE p.chain_id = $1 AND p.id = $2"#,
        state.chain(),
        number
    )
    .fetch_optional(&state.pool)
    .await?
    .ok_or_else(missing)?;
    let account = checksum(&payout.account)?;
    // A released reserve was kept under the contributor's name in one work's records.
    let target = match (&payout.beneficiary, payout.work_id) {
        (Some(name), Some(work)) => format!("reserved:identity:work/{work}/{name}"),
        _ => format!("account:{account}"),
    };
    let rows = sqlx::query!(
        r#"WITH RECURSIVE back (step, source) AS (
               SELECT f.step, f.source FROM distribution_flows f WHERE f.distribution_id = $1 AND f.target = $2
               UNION SELECT f.step, f.source FROM back b JOIN distribution_flows f
                   ON f.distribution_id = $1 AND f.target = b.source)
           SELECT f.source, f.target, f.rule, f.contribution_id, c.summary AS "summary?", f.weight::text AS "weight!",
                  f.of_weight::text AS "of_weight!", f.amount::text AS "amount!", w.title AS "title?"
           FROM distribution_flows f
           LEFT JOIN contributions c ON c.id = f.contribution_id
           LEFT JOIN LATERAL (
               SELECT * FROM asset_works x
               WHERE x.chain_id = $3 AND x.asset_id = substring(f.source FROM '^asset:(\d{1,18})$')::bigint LIMIT 1) aw ON true
           LEFT JOIN works w ON w.id = aw.work_id
           WHERE f.distribution_id = $1 AND f.step IN (SELECT step FROM back) ORDER BY f.step LIMIT 10000"#,
        payout.distribution_id,
        target,
        state.chain()
    )
    .fetch_all(&state.pool)
    .await?;
    let steps: Vec<Step> = rows
        .into_iter()
        .map(|row| Step {
            source: row.source,
            source_title: row.title,
            target: row.target,
            rule: row.rule,
            contribution_id: row.contribution_id.map(|id| id.to_string()),
            summary: row.summary,
            weight: row.weight,
            of_weight: row.of_weight,
            amount: row.amount,
        })
        .collect();
    let text = in_words(&account, &payout.amount, payout.asset_id, &payout.income, &steps);
    Ok(axum::Json(Derivation {
        payout_id: number.to_string(),
        distribution_id: payout.distribution_id.to_string(),
        asset_id: payout.asset_id.to_string(),
        account,
        currency: checksum(&payout.token)?,
        amount: payout.amount,
        income: payout.income,
        steps,
        text,
    }))
}

fn in_words(account: &str, amount: &str, asset: i64, income: &str, steps: &[Step]) -> String {
    let mut text = format!("{account} gets {amount} of the {income} that asset {asset} received.\n");
    for step in steps {
        let source = step.source_title.as_deref().unwrap_or(&step.source);
        let what =
            step.summary.as_deref().filter(|summary| !summary.is_empty()).map(|summary| format!(" \"{summary}\""));
        text.push_str(&format!(
            "- {source} passes {} to {} by the rule {} ({} of {}){}\n",
            step.amount,
            step.target,
            step.rule,
            step.weight,
            step.of_weight,
            what.unwrap_or_default()
        ));
    }
    text
}
