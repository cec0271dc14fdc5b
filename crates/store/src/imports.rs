//! Storing an imported repository: a work, its version, people, contributions and external works, in one transaction.
//! Storing it again adds only what is new.

use alloy_primitives::Address;
use domain::cost::Evidence;
use importer::{Repository, User};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{
    StoreError,
    commits::{self, Author, Commit, clean},
    identities::{self, Named},
    values::hex_bytes,
    works::{self, NewWork},
};

/// What an import added.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    pub work_id: i64,
    /// Whether the work was unknown before.
    pub new_work: bool,
    pub new_contributions: u64,
    /// Those that count, or wait for the owner's decision.
    pub contributions: i64,
    pub new_addresses: u64,
    /// Commits that were recorded before, for other people than the history names now: they stay with those.
    pub attributed_otherwise: u64,
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
    let commits: Vec<Commit<'_>> = repository.commits.iter().map(|commit| of(repository, commit)).collect();
    let recorded = commits::record(tx, work_id, owner, Evidence::FilesAndLines, &commits).await?;
    let new_addresses = store_addresses(tx, work_id, repository).await?;
    store_externals(tx, work_id, repository).await?;
    let contributions = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM contributions WHERE work_id = $1 AND state IN ('accepted', 'proposed')"#,
        work_id
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(Imported {
        work_id,
        new_work,
        new_contributions: recorded.contributions,
        contributions,
        new_addresses,
        attributed_otherwise: recorded.attributed_otherwise,
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
    let new = NewWork {
        owner,
        kind: "CODE",
        title: &clean(&title),
        description: &clean(&description),
        source: "git",
        source_key: &repository.key,
        source_url: repository.url.as_deref(),
    };
    let work = works::describe(tx, &new).await?;
    works::add_version(tx, work.id, repository.content_hash, cid, &repository.head).await?;
    Ok((work.id, work.is_new))
}

/// A commit as it is recorded.
fn of<'a>(repository: &'a Repository, commit: &'a importer::Commit) -> Commit<'a> {
    Commit {
        id: &commit.id,
        time: commit.time,
        subject: &commit.subject,
        touches_tests: commit.touches_tests,
        cost: commit.cost,
        evidence: None,
        authors: commit.authors.iter().map(|author| (&repository.people[*author]).into()).collect(),
    }
}

/// Stores the addresses that differ from the newest known ones of this work, but for people who signed for theirs; an
/// account that signed for the name that the repository gives it is linked to it.
async fn store_addresses(tx: &mut PgConnection, work_id: i64, repository: &Repository) -> Result<u64, StoreError> {
    let people: Vec<(String, Address, String)> = repository
        .people
        .iter()
        .filter_map(|person| {
            let source = person.address_source.map(|source| source.to_string()).unwrap_or_default();
            Some((Author::from(person).key(), person.address?, source))
        })
        .collect();
    let named = people.iter().filter(|(_, _, source)| !source.is_empty());
    let named: Vec<Named> = named.map(|(key, account, source)| Named { key, account: *account, source }).collect();
    identities::prove(tx, work_id, &named).await?;
    let linked = identities::link(tx, None, Some(work_id)).await?;
    let added = identities::record_addresses(tx, work_id, &people).await?;
    Ok(linked + added)
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
    let before = works::dependencies(tx, work_id).await?;
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
    .execute(&mut *tx)
    .await?;
    works::tell_dependencies(tx, work_id, &before).await
}
