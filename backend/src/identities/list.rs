//! GET /v1/identities

use alloy::primitives::Address;
use axum::extract::State;
use facts::Account;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use utoipa::{IntoParams, ToSchema};

use crate::{
    AppState,
    caller::SignedIn,
    extract::Query,
    page::{Page, PageQuery, cut},
    problem::{Problem, Result},
    values::hex32,
};

/// A name, the account that claims it, and what became of the claim.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityView {
    pub id: String,
    /// `mailto:` and an email, or `github:` and a login.
    pub identity: String,
    pub account: String,
    /// `open`, `proven` (for at least one work or owner) or `refused` (by all who decided).
    pub state: String,
    /// What the account signed.
    pub statement: String,
    pub signature: String,
    pub created_at: chrono::DateTime<chrono::Utc>,
    /// The newest decisions, at most 100; owners see their own.
    pub decisions: Vec<Decision>,
}

/// What an owner, or a work's repository, says of a claim.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// `proven` or `refused`.
    pub state: String,
    /// `owner`, or where the work names the account: `trailer`, `FUNDING.json` or `mapping`.
    pub source: String,
    /// The owner of the works it holds for.
    pub owner: String,
    /// The only work it holds for; absent where it is all of the owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_id: Option<String>,
    pub reason: String,
    pub decided_at: chrono::DateTime<chrono::Utc>,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IdentityFilters {
    /// `true`: claims to be people who take part in works of yours, on which you have not decided. Default: your own claims.
    pub waiting: Option<bool>,
    /// At most 200; default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// The account's own claims, or those that wait for its decision, newest first.
#[utoipa::path(get, path = "/v1/identities", operation_id = "list_identities", tag = "identities", security(("session" = [])), params(IdentityFilters),
    responses((status = 200, body = Page<IdentityView>), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    caller: SignedIn,
    Query(filters): Query<IdentityFilters>,
) -> Result<axum::Json<Page<IdentityView>>> {
    let page = PageQuery { limit: filters.limit, cursor: filters.cursor };
    let (limit, (below, _)) = (page.limit()?, page.below()?);
    let mut conn = state.pool.acquire().await?;
    let asked =
        Asked { by: caller.account, id: None, waiting: filters.waiting.unwrap_or(false), below, limit: limit + 1 };
    let items = select(&mut conn, asked).await?;
    cut(items, limit, |(id, _)| (*id, 0)).show(|(_, view)| Ok(view))
}

/// Returns a claim in the form in which `by` may see it, who made the claim or decides on it.
///
/// # Errors
/// When there is no such claim for this account, or the database fails.
pub async fn find(conn: &mut PgConnection, id: i64, by: Address) -> Result<IdentityView> {
    let asked = Asked { by, id: Some(id), waiting: false, below: i64::MAX, limit: 1 };
    let found = select(conn, asked).await?.pop();
    found.map(|(_, view)| view).ok_or_else(|| Problem::not_found(format!("identity {id}")))
}

struct Asked {
    by: Address,
    id: Option<i64>,
    waiting: bool,
    below: i64,
    limit: i64,
}

/// Returns claims with their numbers, by which lists are sorted.
async fn select(conn: &mut PgConnection, asked: Asked) -> Result<Vec<(i64, IdentityView)>> {
    let rows = sqlx::query!(
        r#"SELECT k.id, k.key, k.account AS "account: Account", k.statement, k.signature, k.created_at,
                  CASE WHEN p.proven THEN 'proven' WHEN p.refused THEN 'refused' ELSE 'open' END AS "state!",
                  p.decisions AS "decisions!: Json<Vec<Decision>>"
           FROM identity_claims k
           LEFT JOIN LATERAL (
               SELECT bool_or(d.state = 'proven') AS proven, bool_or(d.state = 'refused') AS refused,
                      coalesce(jsonb_agg(jsonb_build_object(
                          'state', d.state, 'source', d.source, 'owner', '0x' || encode(d.owner, 'hex'), 'workId', d.work_id::text,
                          'reason', d.reason, 'decidedAt', d.decided_at) ORDER BY d.decided_at DESC), '[]') AS decisions
               FROM (SELECT * FROM identity_proofs d WHERE d.claim_id = k.id AND $1::bytea IN (k.account, d.owner)
                     ORDER BY d.decided_at DESC LIMIT 100) d) p ON true
           WHERE k.id < $2 AND ($3::bigint IS NULL OR k.id = $3)
             AND CASE WHEN $4
                 THEN EXISTS (SELECT FROM account_keys($1, k.key) n JOIN contributors c ON c.key = n.key
                              JOIN works w ON takes_part(w.id, c.id) WHERE w.owner = $1)
                     AND NOT EXISTS (SELECT FROM identity_proofs d
                                     WHERE d.claim_id = k.id AND d.owner = $1 AND d.work_id IS NULL)
                 ELSE k.account = $1 OR $3 IS NOT NULL END
           ORDER BY k.id DESC LIMIT $5"#,
        asked.by.as_slice(),
        asked.below,
        asked.id,
        asked.waiting,
        asked.limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let mut decisions = row.decisions.0;
            for decision in &mut decisions {
                decision.owner = decision.owner.parse::<Account>().map_err(Problem::internal)?.to_string();
            }
            let view = IdentityView {
                id: row.id.to_string(),
                identity: row.key,
                account: row.account.to_string(),
                state: row.state,
                statement: row.statement,
                signature: hex32(&row.signature),
                created_at: row.created_at,
                decisions,
            };
            Ok((row.id, view))
        })
        .collect()
}
