//! The coherence of works as it was measured, and the signatures by which the content of works is compared.
//!
//! A measurement is the work's, for one of its versions. Contributions keep a coherence of their own, which a commit hints at
//! ([`domain::coherence::hint_for_commit`]).

use ::facts::{Fact, Hash, NewFact, Stream, Subject, Units, WorkMeasured};
use alloy_primitives::B256;
use domain::coherence::{Coherence, Inputs, Weight};
use futures::{Stream as Rows, StreamExt};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{StoreError, facts};

/// Works made from a work are counted up to this number, because more of them make no difference.
const MOST_DOWNSTREAM: i64 = 1000;

/// A measurement of a version of a work.
#[derive(Clone, Debug)]
pub struct Measurement<'a> {
    /// The commit that was surveyed.
    pub commit: &'a str,
    pub inputs: Inputs,
    pub coherence: Coherence,
    /// How each input came about, as JSON.
    pub sources: Value,
}

/// Records a measurement of a version with an event in the ledger, unless the newest one says the same already.
///
/// # Errors
/// When the database fails.
pub async fn record(
    tx: &mut PgConnection,
    work_id: i64,
    content_hash: B256,
    new: Measurement<'_>,
) -> Result<(), StoreError> {
    let known = sqlx::query_scalar!(
        "SELECT sources FROM work_measurements WHERE work_id = $1 AND content_hash = $2 ORDER BY id DESC LIMIT 1",
        work_id,
        Hash(content_hash) as _
    )
    .fetch_optional(&mut *tx)
    .await?;
    if known.as_ref() == Some(&new.sources) {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO work_measurements (work_id, content_hash, commit, coherence, confidence, sources)
         VALUES ($1, $2, $3, $4::text::numeric, $5::text::numeric, $6)",
        work_id,
        Hash(content_hash) as _,
        new.commit,
        new.coherence.score.to_string(),
        new.coherence.confidence.to_string(),
        new.sources
    )
    .execute(&mut *tx)
    .await?;
    // How each input came about may name other works: that belongs to the explanation, not to the ledger. The content hash does not
    // belong there either, as long as others could register it; the commit is the label of the version.
    let body = WorkMeasured {
        work: work_id.into(),
        commit: new.commit.to_owned(),
        coherence: new.coherence.score,
        confidence: new.coherence.confidence,
        inputs: new.inputs,
    };
    let subject = Subject::Work { work: work_id.into() };
    facts::tell_one(tx, NewFact::new(subject, [Stream::work(work_id)], Fact::WorkMeasured(body))).await
}

/// Returns the weighted cost of each contributor to a work.
///
/// # Errors
/// When the database fails, or holds something that is no weight.
pub async fn contributor_weights(tx: &mut PgConnection, work_id: i64) -> Result<Vec<Weight>, StoreError> {
    let sums = sqlx::query_scalar!(
        r#"SELECT sum(weight) AS "sum!: Units" FROM contributions WHERE work_id = $1 AND state = 'accepted'
           GROUP BY contributor_id ORDER BY contributor_id"#,
        work_id
    )
    .fetch_all(tx)
    .await?;
    Ok(sums.into_iter().map(|sum| Weight(sum.0.0)).collect())
}

/// Returns how many assets were made, directly or not, from those that are versions of the work, on all chains.
///
/// # Errors
/// When the database fails.
pub async fn downstream(tx: &mut PgConnection, work_id: i64) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"WITH RECURSIVE own AS MATERIALIZED (
               SELECT a.chain_id, a.asset_id FROM work_versions v JOIN chain.assets a ON a.content_hash = v.content_hash
               WHERE v.work_id = $1 AND v.work_id = (
                   SELECT x.work_id FROM asset_works x WHERE x.chain_id = a.chain_id AND x.asset_id = a.asset_id)),
           down AS (
               SELECT chain_id, asset_id FROM own
               UNION SELECT p.chain_id, p.asset_id
               FROM down d JOIN chain.asset_parents p ON p.chain_id = d.chain_id AND p.parent_id = d.asset_id)
           -- The limit ends the recursion, too.
           SELECT count(*) AS "count!" FROM (
               SELECT FROM down d WHERE (d.chain_id, d.asset_id) NOT IN (SELECT chain_id, asset_id FROM own) LIMIT $2) found"#,
        work_id,
        MOST_DOWNSTREAM
    )
    .fetch_one(tx)
    .await?;
    Ok(count.unsigned_abs())
}

/// A signature that was kept, of a version of a work.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Grows with the order in which signatures were kept.
    pub id: i64,
    /// The work's title.
    pub title: String,
    pub hashes: Vec<u32>,
}

/// Keeps the signature of a version, unless the version has one.
///
/// # Errors
/// When the database fails.
pub async fn keep_signature(
    tx: &mut PgConnection,
    work_id: i64,
    content_hash: B256,
    hashes: &[u32],
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO work_signatures (work_id, content_hash, hashes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        work_id,
        Hash(content_hash) as _,
        &stored(hashes)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the signatures of a work's versions, in the order in which they were kept.
///
/// # Errors
/// When the database fails.
pub async fn signatures(tx: &mut PgConnection, work_id: i64) -> Result<Vec<Kept>, StoreError> {
    let rows = sqlx::query!(
        "SELECT s.id, s.hashes, w.title FROM work_signatures s JOIN works w ON w.id = s.work_id
         WHERE s.work_id = $1 ORDER BY s.id",
        work_id
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| Kept { id: row.id, title: row.title, hashes: read(row.hashes) }).collect())
}

/// Returns the signatures of other works that share a hash with a version's and were kept before it, in that order and one
/// by one, because there may be more of them than fit into memory.
///
/// # Errors
/// Each item is an error when the database fails.
pub fn earlier_alike<'a>(
    tx: &'a mut PgConnection,
    work_id: i64,
    content_hash: B256,
    hashes: &[u32],
) -> impl Rows<Item = Result<Kept, StoreError>> + use<'a> {
    sqlx::query!(
        "SELECT s.id, s.hashes, w.title FROM work_signatures s JOIN works w ON w.id = s.work_id
         WHERE s.hashes && $1 AND s.work_id <> $2
           AND s.id < (SELECT id FROM work_signatures WHERE work_id = $2 AND content_hash = $3) ORDER BY s.id",
        &stored(hashes),
        work_id,
        Hash(content_hash) as _
    )
    .fetch(tx)
    .map(|row| {
        let row = row?;
        Ok(Kept { id: row.id, title: row.title, hashes: read(row.hashes) })
    })
}

/// Converts hashes to the database's signed numbers, because PostgreSQL has no unsigned ones. The bits stay the same.
fn stored(hashes: &[u32]) -> Vec<i32> {
    hashes.iter().map(|hash| hash.cast_signed()).collect()
}

fn read(hashes: Vec<i32>) -> Vec<u32> {
    hashes.into_iter().map(i32::cast_unsigned).collect()
}
