//! What the ledger is told of works, and of where contributors are paid. Titles and descriptions stay out of it, because
//! they may name people, and nobody could take them back. The content hash stays out too, because whoever knew it could
//! register it before its owner.

pub mod catalogue;
pub mod commits;
pub mod contributions;
pub mod dependencies;
pub mod measurements;
pub mod people;
pub mod uploads;

use ::facts::{
    Account, AddressKnown, Fact, Hash, NewFact, PayeesChanged, PolicySet, Stream, Subject, VersionAdded, WorkCreated,
};
use alloy_primitives::{Address, B256};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::{StoreError, facts};

/// A work to be described.
#[derive(Clone, Debug)]
pub struct NewWork<'a> {
    pub owner: Address,
    /// CODE, MUSIC and so on.
    pub kind: &'a str,
    pub title: &'a str,
    pub description: &'a str,
    /// `upload` or `git`.
    pub source: &'a str,
    /// The key by which the work is recognised: a content hash, or the first commit of a repository.
    pub source_key: &'a str,
    pub source_url: Option<&'a str>,
}

/// A work that was described.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    pub id: i64,
    /// Whether it was unknown before.
    pub is_new: bool,
    pub created_at: DateTime<Utc>,
}

/// Describes a work that is new, and tells the ledger.
///
/// # Errors
/// When the owner has described it before (a breach of `works_owner_source_source_key_key`), and when the database fails.
pub async fn create(tx: &mut PgConnection, new: &NewWork<'_>) -> Result<Described, StoreError> {
    let row = sqlx::query!(
        "INSERT INTO works (owner, kind, title, description, source, source_key, source_url) VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id, created_at",
        Account(new.owner) as _,
        new.kind,
        new.title,
        new.description,
        new.source,
        new.source_key,
        new.source_url
    )
    .fetch_one(&mut *tx)
    .await?;
    tell_created(tx, row.id).await?;
    Ok(Described { id: row.id, is_new: true, created_at: row.created_at })
}

/// Describes a work, and tells the ledger when it is new. A work that its owner has described before gets the new
/// description.
///
/// # Errors
/// When the database fails.
pub async fn describe(tx: &mut PgConnection, new: &NewWork<'_>) -> Result<Described, StoreError> {
    let row = sqlx::query!(
        r#"INSERT INTO works AS w (owner, kind, title, description, source, source_key, source_url)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (owner, source, source_key) DO UPDATE SET description = excluded.description, source_url = excluded.source_url
           RETURNING id, created_at, xmax = 0 AS "new!""#,
        Account(new.owner) as _,
        new.kind,
        new.title,
        new.description,
        new.source,
        new.source_key,
        new.source_url
    )
    .fetch_one(&mut *tx)
    .await?;
    if row.new {
        tell_created(tx, row.id).await?;
    }
    Ok(Described { id: row.id, is_new: row.new, created_at: row.created_at })
}

/// Adds a version to a work and tells the ledger, unless the work has that version already.
///
/// # Errors
/// When the database fails.
pub async fn add_version(
    tx: &mut PgConnection,
    work_id: i64,
    content_hash: B256,
    cid: &str,
    label: &str,
) -> Result<(), StoreError> {
    let added = sqlx::query!(
        "INSERT INTO work_versions (work_id, content_hash, cid, label) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        work_id,
        Hash(content_hash) as _,
        cid,
        label
    )
    .execute(&mut *tx)
    .await?;
    if added.rows_affected() > 0 { tell_version(tx, work_id, content_hash).await } else { Ok(()) }
}

/// Sets who may propose contributions to a work and whether imports count at once, and tells the ledger.
///
/// # Errors
/// When the database fails.
pub async fn set_policy(
    tx: &mut PgConnection,
    work_id: i64,
    proposals: &str,
    preaccepted: bool,
    by: Address,
) -> Result<(), StoreError> {
    sqlx::query!("UPDATE works SET proposals = $2, preaccepted = $3 WHERE id = $1", work_id, proposals, preaccepted)
        .execute(&mut *tx)
        .await?;
    let body = PolicySet { proposals: proposals.to_owned(), preaccepted, by: by.into() };
    facts::tell_one(tx, NewFact::new(about(work_id), [Stream::work(work_id)], Fact::WorkPolicySet(body))).await
}

/// Tells of a work that this transaction created.
async fn tell_created(tx: &mut PgConnection, work_id: i64) -> Result<(), StoreError> {
    let work = sqlx::query!(
        r#"SELECT owner AS "owner: Account", kind, source, CASE source WHEN 'git' THEN source_key END AS source_key
           FROM works WHERE id = $1"#,
        work_id
    )
    .fetch_one(&mut *tx)
    .await?;
    let owner = work.owner.0;
    let body = WorkCreated {
        work: work_id.into(),
        owner: owner.into(),
        kind: work.kind,
        source: work.source,
        source_key: work.source_key,
    };
    let streams = [Stream::work(work_id), Stream::account(owner)];
    facts::tell_one(tx, NewFact::new(about(work_id), streams, Fact::WorkCreated(body))).await
}

/// Returns the subject of a fact about a work.
fn about(work_id: i64) -> Subject {
    Subject::Work { work: work_id.into() }
}

/// Tells of a version that this transaction added to a work. Its commitment is the SHA-256 of the content hash.
async fn tell_version(tx: &mut PgConnection, work_id: i64, content_hash: B256) -> Result<(), StoreError> {
    let version = sqlx::query!(
        r#"SELECT sha256(content_hash) AS "commitment!: Hash", label FROM work_versions
           WHERE work_id = $1 AND content_hash = $2"#,
        work_id,
        Hash(content_hash) as _
    )
    .fetch_one(&mut *tx)
    .await?;
    let body =
        VersionAdded { work: work_id.into(), content_commitment: version.commitment.0.into(), label: version.label };
    facts::tell_one(tx, NewFact::new(about(work_id), [Stream::work(work_id)], Fact::WorkVersionAdded(body))).await
}

/// Tells the ledger where contributors are paid for a work, by the rows of `contributor_addresses` that this transaction
/// stored.
///
/// # Errors
/// When the database fails.
pub async fn tell_addresses(tx: &mut PgConnection, ids: &[i64]) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT work_id, contributor_id, address AS "address: Account", source FROM contributor_addresses
           WHERE id = ANY ($1) ORDER BY id"#,
        ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let facts = rows
        .into_iter()
        .map(|row| {
            let address = row.address.0;
            let body = AddressKnown {
                work: row.work_id.into(),
                contributor: row.contributor_id.into(),
                address: address.into(),
                source: row.source,
            };
            let subject = Subject::Contributor { contributor: row.contributor_id.into() };
            let streams =
                [Stream::work(row.work_id), Stream::contributor(row.contributor_id), Stream::account(address)];
            Ok(NewFact::new(subject, streams, Fact::ContributorAddressKnown(body)))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    facts::tell(tx, &facts).await
}

/// Returns the fact that it became known where this many of a work's contributors are paid, for the workers.
pub(crate) fn payees_changed(work_id: i64, addresses: u64) -> NewFact {
    let body = PayeesChanged { work: work_id.into(), addresses };
    NewFact::new(about(work_id), [Stream::work(work_id)], Fact::WorkPayeesChanged(body))
}
