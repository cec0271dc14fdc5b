//! Storing an imported repository: a work, its version, people, contributions and external works, in one transaction.
//! Storing it again adds only what is new.

use alloy_primitives::{Address, U256};
use domain::{coherence, coherence::Weight, cost::Evidence, split};
use importer::{Person, Repository, User};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{StoreError, contributions, outbox, outbox::NewEvent, values::hex_bytes};

/// Rows sent in one statement.
const BATCH: usize = 5000;

/// What an import added.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    pub work_id: i64,
    /// Whether the work was unknown before.
    pub new_work: bool,
    pub new_contributions: u64,
    pub contributions: i64,
    pub new_addresses: u64,
    pub externals: usize,
}

/// Stores a repository as a work of `owner`; `cid` names its manifest in the vault.
pub async fn store(
    tx: &mut PgConnection,
    owner: Address,
    repository: &Repository,
    cid: &str,
) -> Result<Imported, StoreError> {
    let (work_id, new_work) = store_work(tx, owner, repository, cid).await?;
    store_people(tx, repository).await?;
    let new_addresses = store_addresses(tx, work_id, repository).await?;
    let new_contributions = store_contributions(tx, work_id, owner, repository).await?;
    store_externals(tx, work_id, repository).await?;
    let contributions =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM contributions WHERE work_id = $1"#, work_id)
            .fetch_one(&mut *tx)
            .await?;
    if new_addresses > 0 {
        let event =
            NewEvent::new("contributor.address_known", work_id.to_string(), json!({"addresses": new_addresses}));
        outbox::emit(tx, &[event]).await?;
    }
    Ok(Imported {
        work_id,
        new_work,
        new_contributions,
        contributions,
        new_addresses,
        externals: repository.externals.len(),
    })
}

async fn store_work(
    tx: &mut PgConnection,
    owner: Address,
    repository: &Repository,
    cid: &str,
) -> Result<(i64, bool), StoreError> {
    let title = repository.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(&repository.name);
    let title: String = title.chars().take(200).collect();
    // A README without prose has its title for a description; said once is enough.
    let description = repository.description.as_deref().filter(|text| *text != title).unwrap_or_default();
    let description: String = description.chars().take(5000).collect();
    let work = sqlx::query!(
        r#"INSERT INTO works AS w (owner, kind, title, description, source, source_key, source_url)
           VALUES ($1, 'CODE', $2, $3, 'git', $4, $5)
           ON CONFLICT (owner, source, source_key) DO UPDATE SET description = excluded.description, source_url = excluded.source_url
           RETURNING id, xmax = 0 AS "new!""#,
        owner.as_slice() as _,
        clean(&title),
        clean(&description),
        repository.key,
        repository.url
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO work_versions (work_id, content_hash, cid, label) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        work.id,
        repository.content_hash.as_slice() as _,
        cid,
        repository.head
    )
    .execute(tx)
    .await?;
    Ok((work.id, work.new))
}

/// PostgreSQL holds no NUL in text.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Who somebody is in all works. A program gets a key of its own: whether a commit is by one is what a single repository
/// says in its author's name, and must not take another work's share from the person with the same address.
fn key(person: &Person) -> String {
    let identity = clean(&person.identity);
    if person.system { format!("tool:{identity}") } else { identity }
}

async fn store_people(tx: &mut PgConnection, repository: &Repository) -> Result<(), StoreError> {
    let rows: Vec<Value> = repository
        .people
        .iter()
        .map(|person| {
            json!({
                "key": key(person), "kind": if person.system { "SYSTEM" } else { "HUMAN" },
                "name": clean(&person.name).chars().take(200).collect::<String>(),
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO contributors (key, kind, name)
         SELECT key, kind, name FROM jsonb_to_recordset($1) AS r (key text, kind text, name text) ORDER BY key
         ON CONFLICT (key) DO NOTHING",
        Value::Array(rows)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores the addresses that differ from the newest known ones of this work.
async fn store_addresses(tx: &mut PgConnection, work_id: i64, repository: &Repository) -> Result<u64, StoreError> {
    let rows: Vec<Value> = repository
        .people
        .iter()
        .filter_map(|person| {
            let address = person.address?;
            let source = person.address_source.map(|source| source.to_string()).unwrap_or_default();
            Some(json!({"key": key(person), "address": hex_bytes(address.as_slice()), "source": source}))
        })
        .collect();
    let added = sqlx::query!(
        "INSERT INTO contributor_addresses (work_id, contributor_id, address, source)
         SELECT $1, c.id, r.address, r.source
         FROM jsonb_to_recordset($2) AS r (key text, address bytea, source text) JOIN contributors c ON c.key = r.key
         WHERE r.address IS DISTINCT FROM (
             SELECT a.address::bytea FROM contributor_addresses a WHERE a.work_id = $1 AND a.contributor_id = c.id
             ORDER BY a.id DESC LIMIT 1)
         ORDER BY c.id",
        work_id,
        Value::Array(rows)
    )
    .execute(tx)
    .await?;
    Ok(added.rows_affected())
}

async fn store_contributions(
    tx: &mut PgConnection,
    work_id: i64,
    owner: Address,
    repository: &Repository,
) -> Result<u64, StoreError> {
    let mut added = 0;
    for commits in repository.commits.chunks(BATCH) {
        let mut rows = Vec::with_capacity(commits.len());
        for commit in commits {
            let coherence = coherence::hint_for_commit(commit.touches_tests);
            let multiplier = coherence + Decimal::new(5, 1);
            // A commit's cost is shared equally by its authors, in millionths; what does not divide goes to the first.
            let parts = split::largest_remainder(millionths(commit.cost), &vec![U256::from(1); commit.authors.len()])
                .map_err(|error| StoreError::Refused(error.to_string()))?;
            for (author, part) in commit.authors.iter().zip(parts) {
                let author = &repository.people[*author];
                let cost = Decimal::from_i128_with_scale(part.to::<u64>().into(), 6);
                let weight = Weight::new(cost, multiplier).map_err(|error| StoreError::Refused(error.to_string()))?;
                rows.push(json!({
                    "place": rows.len(), "key": key(author), "cost": cost.to_string(),
                    "coherence": coherence.to_string(), "weight": weight.0.to_string(),
                    "source_key": format!("git:{}", commit.id), "summary": clean(&commit.subject), "at": commit.time,
                    "kind": if author.system { "TOOL_EXECUTION" } else { "MANUAL_LABOR" },
                }));
            }
        }
        let stored = sqlx::query_scalar!(
            "INSERT INTO contributions (work_id, contributor_id, kind, cost, coherence, confidence, weight, source_key, summary,
                                        occurred_at, recorded_by)
             SELECT $1, c.id, r.kind, r.cost, r.coherence, $2::text::numeric, r.weight, r.source_key, r.summary,
                    to_timestamp(r.at), $3
             FROM jsonb_to_recordset($4)
                 AS r (key text, cost numeric, coherence numeric, weight numeric, source_key text, summary text,
                       at double precision, kind text, place bigint)
             JOIN contributors c ON c.key = r.key ORDER BY r.place
             ON CONFLICT (work_id, source_key, contributor_id) DO NOTHING RETURNING id",
            work_id,
            Evidence::FilesAndLines.confidence().to_string(),
            owner.as_slice() as _,
            Value::Array(rows)
        )
        .fetch_all(&mut *tx)
        .await?;
        contributions::tell_recorded(tx, &stored).await?;
        added += stored.len() as u64;
    }
    Ok(added)
}

/// A cost in units of 1e-6. The rule gives 2 decimals and at most 10.00, so nothing is lost and nothing overflows.
fn millionths(cost: Decimal) -> U256 {
    let mut cost = cost;
    cost.rescale(6);
    U256::from(cost.mantissa().unsigned_abs())
}

/// The graph of the newest import replaces the one before: what is locked now is what counts.
async fn store_externals(tx: &mut PgConnection, work_id: i64, repository: &Repository) -> Result<(), StoreError> {
    let rows: Vec<Value> = repository
        .externals
        .iter()
        .map(|external| {
            json!({
                "purl": external.purl, "name": external.name, "version": external.version, "integrity": external.integrity,
                "content_hash": external.content_hash.map(|hash| hex_bytes(hash.as_slice())),
            })
        })
        .collect();
    let rows = Value::Array(rows);
    sqlx::query!(
        "INSERT INTO external_works (purl, name, version)
         SELECT purl, name, version FROM jsonb_to_recordset($1) AS r (purl text, name text, version text) ORDER BY purl
         ON CONFLICT (purl) DO NOTHING",
        rows
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM work_dependencies WHERE work_id = $1", work_id).execute(&mut *tx).await?;
    sqlx::query!("DELETE FROM work_uses WHERE work_id = $1", work_id).execute(&mut *tx).await?;
    sqlx::query!(
        "INSERT INTO work_dependencies (work_id, external_id, content_hash, integrity)
         SELECT $1, e.id, r.content_hash, r.integrity
         FROM jsonb_to_recordset($2) AS r (purl text, content_hash bytea, integrity text)
         JOIN external_works e ON e.purl = r.purl",
        work_id,
        rows
    )
    .execute(&mut *tx)
    .await?;
    let uses: Vec<Value> = repository
        .uses
        .iter()
        .map(|edge| {
            let from = match &edge.from {
                User::Root => None,
                User::External(purl) => Some(purl),
            };
            json!({"from": from, "to": edge.to, "uses": edge.weight})
        })
        .collect();
    sqlx::query!(
        r#"INSERT INTO work_uses (work_id, user_id, dependency_id, uses)
           SELECT $1, u.id, d.id, r.uses FROM jsonb_to_recordset($2) AS r ("from" text, "to" text, uses integer)
           LEFT JOIN external_works u ON u.purl = r."from" JOIN external_works d ON d.purl = r."to""#,
        work_id,
        Value::Array(uses)
    )
    .execute(tx)
    .await?;
    Ok(())
}
