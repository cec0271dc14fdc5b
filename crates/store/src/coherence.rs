//! The coherence of a work as it was measured: the survey of a repository beside what the market knows, kept for each version.
//!
//! It is the work's. Contributions keep their own, which a commit hints at ([`domain::coherence::hint_for_commit`]).

use ::facts::{Fact, NewFact, Stream, Subject, WorkMeasured};
use alloy_primitives::B256;
use domain::coherence::{Coherence, Weight};
use futures::TryStreamExt;
use importer::coherence::{Earlier, Measured, Signature, Surroundings, Survey, similarity};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgConnection;

use crate::{StoreError, facts, values};

/// Works made from a work are counted so far: ten are as good as more.
const MOST_DOWNSTREAM: i64 = 1000;
/// Of the earlier works that share content with a work, so many are compared in the end: those most alike.
const MOST_COMPARED: usize = 1000;

/// Measures a version of a work by the survey of its commit, and stores the result with an event in the ledger, unless the newest
/// one says the same already. Contributions are those that are recorded by now.
pub async fn measure(
    tx: &mut PgConnection,
    work_id: i64,
    content_hash: B256,
    survey: &Survey,
) -> Result<(Measured, Coherence), StoreError> {
    let weights = contributor_weights(tx, work_id).await?;
    let earlier = match &survey.signature {
        Some(signature) => earlier(tx, work_id, content_hash, signature).await?,
        None => Vec::new(),
    };
    let surroundings = Surroundings {
        downstream: Some(downstream(tx, work_id).await?),
        contributors: &weights,
        earlier: Some(&earlier),
    };
    let measured = survey.measure(&surroundings);
    let coherence = measured.inputs.coherence().map_err(|error| StoreError::Refused(error.to_string()))?;
    let sources = serde_json::to_value(&measured.sources)
        .map_err(|error| StoreError::Refused(format!("a measurement cannot be written as JSON: {error}")))?;
    let known = sqlx::query_scalar!(
        "SELECT sources FROM work_measurements WHERE work_id = $1 AND content_hash = $2 ORDER BY id DESC LIMIT 1",
        work_id,
        content_hash.as_slice() as _
    )
    .fetch_optional(&mut *tx)
    .await?;
    if known.as_ref() != Some(&sources) {
        record(tx, work_id, content_hash, &measured, coherence, sources).await?;
    }
    Ok((measured, coherence))
}

async fn record(
    tx: &mut PgConnection,
    work_id: i64,
    content_hash: B256,
    measured: &Measured,
    coherence: Coherence,
    sources: Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO work_measurements (work_id, content_hash, commit, coherence, confidence, sources)
         VALUES ($1, $2, $3, $4::text::numeric, $5::text::numeric, $6)",
        work_id,
        content_hash.as_slice() as _,
        measured.commit,
        coherence.score.to_string(),
        coherence.confidence.to_string(),
        sources
    )
    .execute(&mut *tx)
    .await?;
    // How each came about may name other works: that belongs to the explanation, not to the ledger. The content hash does not
    // either, as long as others could register it; the commit is the label of the version.
    let body = WorkMeasured {
        work: work_id.into(),
        commit: measured.commit.clone(),
        coherence: coherence.score,
        confidence: coherence.confidence,
        inputs: measured.inputs,
    };
    let subject = Subject::Work { work: work_id.into() };
    facts::tell_one(tx, NewFact::new(subject, [Stream::work(work_id)], Fact::WorkMeasured(body))).await
}

/// The weighted cost of each contributor to a work.
async fn contributor_weights(tx: &mut PgConnection, work_id: i64) -> Result<Vec<Weight>, StoreError> {
    let sums = sqlx::query_scalar!(
        r#"SELECT sum(weight)::text AS "sum!" FROM contributions WHERE work_id = $1 AND state = 'accepted'
           GROUP BY contributor_id ORDER BY contributor_id"#,
        work_id
    )
    .fetch_all(tx)
    .await?;
    sums.iter().map(|sum| values::amount(sum).map(Weight)).collect()
}

/// How many assets were made, directly or not, from those that are versions of the work, on all chains.
async fn downstream(tx: &mut PgConnection, work_id: i64) -> Result<u64, StoreError> {
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

/// Keeps the signature of a version, and finds the earlier works that share content with it.
///
/// A work that is like this one came earlier only if this one was not as much like it before: a copy never takes novelty from what
/// it was copied from.
async fn earlier(
    tx: &mut PgConnection,
    work_id: i64,
    content_hash: B256,
    signature: &Signature,
) -> Result<Vec<Earlier>, StoreError> {
    let hashes: Vec<i32> = signature.hashes().iter().map(|hash| hash.cast_signed()).collect();
    sqlx::query!(
        "INSERT INTO work_signatures (work_id, content_hash, hashes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        work_id,
        content_hash.as_slice() as _,
        &hashes
    )
    .execute(&mut *tx)
    .await?;
    let own = sqlx::query!("SELECT id, hashes FROM work_signatures WHERE work_id = $1 ORDER BY id", work_id)
        .fetch_all(&mut *tx)
        .await?;
    let own = own.into_iter().map(|row| Ok((row.id, read(row.hashes)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let mut rows = sqlx::query!(
        "SELECT s.id, s.hashes, w.title FROM work_signatures s JOIN works w ON w.id = s.work_id
         WHERE s.hashes && $1 AND s.work_id <> $2
           AND s.id < (SELECT id FROM work_signatures WHERE work_id = $2 AND content_hash = $3) ORDER BY s.id",
        &hashes,
        work_id,
        content_hash.as_slice() as _
    )
    .fetch(tx);
    let mut found: Vec<(Decimal, Earlier)> = Vec::new();
    while let Some(row) = rows.try_next().await? {
        let other = read(row.hashes)?;
        let likeness = similarity(signature, &other);
        let before = own.iter().take_while(|(id, _)| *id < row.id);
        if before.into_iter().any(|(_, before)| similarity(before, &other) >= likeness) {
            continue;
        }
        found.push((likeness, Earlier { name: row.title, signature: other }));
        if found.len() >= 2 * MOST_COMPARED {
            keep_closest(&mut found);
        }
    }
    keep_closest(&mut found);
    Ok(found.into_iter().map(|(_, earlier)| earlier).collect())
}

/// The order of those that are equally alike stays.
fn keep_closest(found: &mut Vec<(Decimal, Earlier)>) {
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    found.truncate(MOST_COMPARED);
}

fn read(hashes: Vec<i32>) -> Result<Signature, StoreError> {
    let hashes: Vec<u32> = hashes.into_iter().map(i32::cast_unsigned).collect();
    let corrupt = || StoreError::Corrupt { what: "signature", value: format!("{hashes:?}") };
    Signature::try_from(hashes.clone()).map_err(|_| corrupt())
}
