//! Who did what for which work, by account: what the collaboration agent learns from.
//!
//! Only accepted contributions count, and only of people whose account is known: as the work's records say, or because they contribute
//! as an account. What a SYSTEM did counts for the person who set it to work.

use std::collections::BTreeMap;

use ::facts::{Account, ChainId};
use alloy_primitives::Address;
use futures::TryStreamExt;
use sqlx::PgConnection;

use crate::StoreError;

/// Names a state of everything that this module returns. Two equal versions give the same. Two different versions may do so
/// too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    contribution: Option<i64>,
    address: Option<i64>,
    /// The size of the ledger, which is told of decisions and payouts.
    ledger: i64,
}

/// Returns the present version by three look-ups by key.
///
/// # Errors
/// When the database fails.
pub async fn version(conn: &mut PgConnection) -> Result<Version, StoreError> {
    let row = sqlx::query!(
        r#"SELECT (SELECT max(id) FROM contributions) AS contribution, (SELECT max(id) FROM contributor_addresses) AS address,
                  (SELECT size FROM ledger.head) AS "ledger!""#
    )
    .fetch_one(conn)
    .await?;
    Ok(Version { contribution: row.contribution, address: row.address, ledger: row.ledger })
}

/// One account's part in a work.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub work: i64,
    pub account: Address,
    /// The display name of the account.
    pub name: String,
    /// The kinds of its contributions, such as `MANUAL_LABOR`, each once.
    pub kinds: Vec<String>,
    pub contributions: i64,
    /// Their cost in millionths of the unit of the cost rule.
    pub cost: u128,
    /// The mean coherence of its contributions, from 0 to 1.
    pub coherence: f64,
    /// When the first and the last of them happened, in seconds since 1970.
    pub first: i64,
    pub last: i64,
}

/// A work that somebody contributed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    pub owner: Address,
    /// `CODE`, `MUSIC` and so on.
    pub kind: String,
    /// Where its packages come from, by its lock files: `cargo`, `npm` and so on.
    pub ecosystems: Vec<String>,
}

/// What else is known of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The number of contributions that it proposed for itself and that owners of works rejected.
    pub rejected: i64,
    /// The number of assets whose income was paid to it.
    pub paid_by: i64,
}

/// Returns all parts by work, and within a work the one that was worked on last first.
///
/// # Errors
/// When the database fails, or holds a cost that is not a number.
pub async fn parts(conn: &mut PgConnection) -> Result<Vec<Part>, StoreError> {
    let mut rows = sqlx::query!(
        r#"WITH acts AS (
               SELECT c.work_id, CASE p.kind WHEN 'SYSTEM' THEN c.triggered_by[cardinality(c.triggered_by)] ELSE p.id END AS who,
                      c.kind, c.cost, c.coherence, c.occurred_at
               FROM contributions c JOIN contributors p ON p.id = c.contributor_id WHERE c.state = 'accepted'),
           accounts AS (
               SELECT s.work_id, s.who, p.name,
                      coalesce(a.address::bytea, CASE WHEN p.key ~ '^account:0x[0-9a-fA-F]{40}$'
                                                      THEN decode(substr(p.key, 11), 'hex') END) AS account
               FROM (SELECT DISTINCT work_id, who FROM acts) s JOIN contributors p ON p.id = s.who
               LEFT JOIN LATERAL (SELECT address FROM payees x WHERE x.work_id = s.work_id AND x.contributor_id = s.who) a ON true
               WHERE p.kind = 'HUMAN')
           SELECT work_id AS "work!", account AS "account!: Account", min(name) AS "name!",
                  array_agg(DISTINCT kind) AS "kinds!: Vec<String>", count(*) AS "contributions!",
                  (sum(cost) * 1000000)::numeric(78, 0)::text AS "cost!", avg(coherence)::float8 AS "coherence!",
                  floor(extract(epoch FROM min(occurred_at)))::bigint AS "first!",
                  floor(extract(epoch FROM max(occurred_at)))::bigint AS "last!"
           FROM acts JOIN accounts USING (work_id, who) WHERE account IS NOT NULL
           GROUP BY work_id, account ORDER BY work_id, max(occurred_at) DESC, account"#
    )
    .fetch(conn);
    let mut parts = Vec::new();
    while let Some(row) = rows.try_next().await? {
        parts.push(Part {
            work: row.work,
            account: row.account.0,
            name: row.name,
            kinds: row.kinds,
            contributions: row.contributions,
            cost: row.cost.parse().map_err(|_| StoreError::Corrupt { what: "cost", value: row.cost })?,
            coherence: row.coherence,
            first: row.first,
            last: row.last,
        });
    }
    Ok(parts)
}

/// Returns the works with accepted contributions, by their ids.
///
/// # Errors
/// When the database fails.
pub async fn works(conn: &mut PgConnection) -> Result<BTreeMap<i64, Work>, StoreError> {
    let mut rows = sqlx::query!(
        r#"SELECT w.id, w.owner AS "owner: Account", w.kind, coalesce(e.ecosystems, '{}') AS "ecosystems!: Vec<String>"
           FROM works w
           LEFT JOIN (SELECT d.work_id, array_agg(DISTINCT split_part(substr(x.purl, 5), '/', 1)) AS ecosystems
                      FROM work_dependencies d JOIN external_works x ON x.id = d.external_id
                      WHERE x.purl LIKE 'pkg:%/%' GROUP BY d.work_id) e ON e.work_id = w.id
           WHERE EXISTS (SELECT FROM contributions c WHERE c.work_id = w.id AND c.state = 'accepted')"#
    )
    .fetch(conn);
    let mut works = BTreeMap::new();
    while let Some(row) = rows.try_next().await? {
        works.insert(row.id, Work { owner: row.owner.0, kind: row.kind, ecosystems: row.ecosystems });
    }
    Ok(works)
}

/// Returns what became of proposals that accounts made for themselves, and how many assets paid each account.
///
/// # Errors
/// When the database fails.
pub async fn records(conn: &mut PgConnection, chain_id: ChainId) -> Result<BTreeMap<Address, Record>, StoreError> {
    let mut rows = sqlx::query!(
        r#"SELECT account AS "account!: Account", sum(rejected)::bigint AS "rejected!", sum(paid_by)::bigint AS "paid_by!"
           FROM (SELECT c.recorded_by::bytea AS account, count(*) AS rejected, 0 AS paid_by FROM contributions c
                 WHERE c.state = 'rejected' AND c.decided_by <> c.recorded_by GROUP BY 1
                 UNION ALL
                 SELECT p.account::bytea, 0, count(DISTINCT d.asset_id) FROM payouts p JOIN distributions d ON d.id = p.distribution_id
                 WHERE p.chain_id = $1 GROUP BY 1) r
           GROUP BY account"#,
        chain_id.get()
    )
    .fetch(conn);
    let mut records = BTreeMap::new();
    while let Some(row) = rows.try_next().await? {
        records.insert(row.account.0, Record { rejected: row.rejected, paid_by: row.paid_by });
    }
    Ok(records)
}
