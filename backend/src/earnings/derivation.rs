//! GET /v1/payouts/{id}/derivation: why a payout is what it is.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use domain::{
    derivation::{self, Part},
    distribution::{Beneficiary, Input, Recipient, WorkKey},
};
use facts::Account;
use serde::Serialize;
use store::payouts::pots;
use utoipa::ToSchema;

use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
    values::id_of,
};

/// The most parts that are listed, over all steps. Sums include all parts.
const MOST_PARTS: usize = 10_000;

/// Why one account was paid by one distribution: the works through which money reached it, as a tree. At every step what came in
/// sums to `income` (the first step's is the distribution's), `paid` sums to `own`, and `own` with the `subtotal`s of the steps
/// directly beneath to `subtotal`. `amount` is the first step's `subtotal` and what was brought along. It is found by dividing the
/// recorded input again.
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
    /// What was below the least payout before, and came along with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brought: Option<Brought>,
    /// Each above those beneath it.
    pub steps: Vec<Step>,
    /// The same in sentences.
    pub text: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Brought {
    pub amount: String,
    /// The distribution that carried it.
    pub distribution_id: String,
}

/// One work on the way to the account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// `asset:ID` or `external:PACKAGE URL`.
    pub work: String,
    /// The title of a registered work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The distance from the work whose income was divided.
    pub depth: u32,
    /// The place in `steps` of the work beneath which it stands; absent at the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under: Option<usize>,
    /// All that came in, for everybody.
    pub income: String,
    /// Where it came from; empty at the first.
    pub incoming: Vec<Incoming>,
    /// What the account was paid out of this income.
    pub paid: Vec<PaidPart>,
    /// How many parts that were; of very many not all are listed.
    pub paid_count: usize,
    /// The sum of all of them.
    pub own: String,
    /// What the account was paid here and beneath.
    pub subtotal: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Incoming {
    /// The work that passed it on.
    pub from: String,
    #[serde(flatten)]
    pub part: PartView,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaidPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contribution_id: Option<String>,
    /// What the contribution was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(flatten)]
    pub part: PartView,
}

/// `divided` x `weight` / `ofWeight`, rounded down or up to a whole unit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartView {
    pub rule: String,
    pub weight: String,
    pub of_weight: String,
    pub divided: String,
    pub amount: String,
}

impl From<&Part> for PartView {
    fn from(part: &Part) -> Self {
        Self {
            rule: part.rule.to_string(),
            weight: part.weight.to_string(),
            of_weight: part.of.to_string(),
            divided: part.divided.to_string(),
            amount: part.amount.to_string(),
        }
    }
}

/// Why a payout is what it is, down to the contributions.
#[utoipa::path(get, path = "/v1/payouts/{id}/derivation", operation_id = "get_derivation", tag = "earnings", params(("id" = String, Path, description = "the payout's id")),
    responses((status = 200, body = Derivation), (status = 404, body = Problem)))]
pub async fn derivation(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<Derivation>> {
    let missing = || Problem::not_found(format!("payout {id}"));
    let number = id_of("payout", &id)?;
    let mut conn = state.pool.acquire().await?;
    let payout = sqlx::query!(
        r#"SELECT p.account AS "account: Account", p.token AS "token: Account", p.amount::text AS "amount!", p.distribution_id,
                  d.asset_id, d.amount::text AS "income!", r.beneficiary AS "beneficiary?", r.work_id AS "work_id?",
                  c.brought::text AS "brought?",
                  (SELECT max(e.distribution_id) FROM distribution_carries e
                   WHERE e.chain_id = c.chain_id AND e.token = c.token AND e.account = c.account AND e.carried > 0
                     AND e.distribution_id < c.distribution_id) AS carried_by
           FROM payouts p JOIN distributions d ON d.id = p.distribution_id LEFT JOIN reserves r ON r.id = p.reserve_id
           LEFT JOIN distribution_carries c ON p.reserve_id IS NULL AND c.distribution_id = p.distribution_id
                                           AND c.account = p.account AND c.brought > 0
           WHERE p.chain_id = $1 AND p.id = $2"#,
        state.chain(),
        number
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or_else(missing)?;
    let account = payout.account.0;
    let recipient = match (&payout.beneficiary, payout.work_id) {
        // The payout was released from a reserve, which was kept under the contributor's name in one work's records.
        (Some(name), Some(work)) => Recipient::Reserved(Beneficiary::Identity(pots::scoped(work, name))),
        _ => Recipient::Account(account),
    };
    let recorded = pots::recorded(&mut conn, payout.distribution_id).await?.ok_or_else(missing)?;
    let explained = tokio::task::spawn_blocking(move || explain(&recorded.input, &recipient));
    let why = explained.await.map_err(Problem::internal)??;
    let why = derivation::Derivation { recipient: Recipient::Account(account), ..why };
    let labels = Labels::load(&state, &mut conn, &why).await?;
    let brought = payout.brought.zip(payout.carried_by);
    let brought = brought.map(|(amount, distribution)| Brought { amount, distribution_id: distribution.to_string() });
    Ok(axum::Json(Derivation {
        payout_id: number.to_string(),
        distribution_id: payout.distribution_id.to_string(),
        asset_id: payout.asset_id.to_string(),
        account: account.to_checksum(None),
        currency: payout.token.to_string(),
        amount: payout.amount,
        income: payout.income,
        brought,
        steps: labels.steps(&why),
        text: why.to_text(),
    }))
}

fn explain(input: &[u8], recipient: &Recipient) -> Result<derivation::Derivation> {
    let input = Input::parse(input).map_err(Problem::internal)?;
    let result = input.distribute().map_err(Problem::internal)?;
    Ok(derivation::explain(&input.graph, &result, recipient))
}

/// What stands beside the numbers: titles of works, and summaries of contributions.
struct Labels {
    titles: BTreeMap<i64, String>,
    summaries: BTreeMap<i64, String>,
}

impl Labels {
    async fn load(state: &AppState, conn: &mut sqlx::PgConnection, why: &derivation::Derivation) -> Result<Self> {
        // A number that the database cannot hold has no title, and no summary.
        let assets: Vec<i64> = why
            .steps
            .iter()
            .filter_map(|step| match &step.work {
                WorkKey::Asset(id) => i64::try_from(id.0).ok(),
                WorkKey::External(_) => None,
            })
            .collect();
        let titles = sqlx::query!(
            r#"SELECT a.asset_id AS "asset_id!", w.title FROM asset_works a JOIN works w ON w.id = a.work_id
               WHERE a.chain_id = $1 AND a.asset_id = ANY ($2)"#,
            state.chain(),
            &assets
        )
        .fetch_all(&mut *conn)
        .await?;
        let parts = why.steps.iter().flat_map(|step| &step.paid).take(MOST_PARTS);
        let contributions: BTreeSet<i64> = parts.filter_map(|part| i64::try_from(part.contribution?).ok()).collect();
        let summaries = sqlx::query!(
            "SELECT id, summary FROM contributions WHERE id = ANY ($1) AND summary <> ''",
            &contributions.into_iter().collect::<Vec<_>>()
        )
        .fetch_all(conn)
        .await?;
        Ok(Self {
            titles: titles.into_iter().map(|row| (row.asset_id, row.title)).collect(),
            summaries: summaries.into_iter().map(|row| (row.id, row.summary)).collect(),
        })
    }

    fn steps(&self, why: &derivation::Derivation) -> Vec<Step> {
        let mut room = MOST_PARTS;
        why.steps
            .iter()
            .map(|step| {
                let listed = step.paid.len().min(room);
                room -= listed;
                Step {
                    work: step.work.to_string(),
                    title: self.title(&step.work),
                    depth: step.depth,
                    under: step.under,
                    income: step.income.to_string(),
                    incoming: step
                        .incoming
                        .iter()
                        .map(|incoming| Incoming { from: incoming.from.to_string(), part: (&incoming.part).into() })
                        .collect(),
                    paid: step.paid[..listed].iter().map(|part| self.paid(part)).collect(),
                    paid_count: step.paid.len(),
                    own: step.own.to_string(),
                    subtotal: step.subtotal.to_string(),
                }
            })
            .collect()
    }

    fn title(&self, work: &WorkKey) -> Option<String> {
        let WorkKey::Asset(id) = work else { return None };
        self.titles.get(&i64::try_from(id.0).ok()?).cloned()
    }

    fn paid(&self, part: &Part) -> PaidPart {
        let id = part.contribution.and_then(|id| i64::try_from(id).ok());
        PaidPart {
            contribution_id: id.map(|id| id.to_string()),
            summary: id.and_then(|id| self.summaries.get(&id).cloned()),
            part: part.into(),
        }
    }
}
