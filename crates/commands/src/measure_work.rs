//! Measures a work: compares the survey of a repository with what the market knows, and records the resulting coherence for
//! the version.

use alloy::primitives::B256;
use domain::coherence::Coherence;
use futures::TryStreamExt;
use importer::coherence::{Earlier, Measured, Signature, Surroundings, Survey, similarity};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use store::{
    StoreError,
    works::measurements::{self, Measurement},
};

use crate::Tx;

/// The most earlier works that are compared in the end. They are those most alike.
const MOST_COMPARED: usize = 1000;

/// Measures a version of a work by the survey of its commit, and records the result. The contributions that are recorded by
/// now are used.
///
/// # Errors
/// When the database fails, or holds a signature that is not valid.
pub async fn measure(
    tx: &mut Tx,
    work_id: i64,
    content_hash: B256,
    survey: &Survey,
) -> Result<(Measured, Coherence), StoreError> {
    let weights = measurements::contributor_weights(tx, work_id).await?;
    let earlier = match &survey.signature {
        Some(signature) => earlier(tx, work_id, content_hash, signature).await?,
        None => Vec::new(),
    };
    let surroundings = Surroundings {
        downstream: Some(measurements::downstream(tx, work_id).await?),
        contributors: &weights,
        earlier: Some(&earlier),
    };
    let measured = survey.measure(&surroundings);
    let coherence = measured.inputs.coherence().map_err(|error| StoreError::Refused(error.to_string()))?;
    let sources = serde_json::to_value(&measured.sources)
        .map_err(|error| StoreError::Refused(format!("a measurement cannot be written as JSON: {error}")))?;
    let new = Measurement { commit: &measured.commit, inputs: measured.inputs, coherence, sources };
    measurements::record(tx, work_id, content_hash, new).await?;
    Ok((measured, coherence))
}

/// Keeps the signature of a version, and finds the earlier works that share content with it.
///
/// A work that is like this one came earlier only if this one was not as much like it before. So a copy never takes novelty
/// from what it was copied from.
async fn earlier(
    tx: &mut PgConnection,
    work_id: i64,
    content_hash: B256,
    signature: &Signature,
) -> Result<Vec<Earlier>, StoreError> {
    measurements::keep_signature(tx, work_id, content_hash, signature.hashes()).await?;
    let own = measurements::signatures(tx, work_id).await?;
    let own = own.into_iter().map(|kept| Ok((kept.id, read(kept.hashes)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let mut rows = std::pin::pin!(measurements::earlier_alike(tx, work_id, content_hash, signature.hashes()));
    let mut found: Vec<(Decimal, Earlier)> = Vec::new();
    while let Some(kept) = rows.try_next().await? {
        let other = read(kept.hashes)?;
        let likeness = similarity(signature, &other);
        let before = own.iter().take_while(|(id, _)| *id < kept.id);
        if before.into_iter().any(|(_, before)| similarity(before, &other) >= likeness) {
            continue;
        }
        found.push((likeness, Earlier { name: kept.title, signature: other }));
        if found.len() >= 2 * MOST_COMPARED {
            keep_closest(&mut found);
        }
    }
    keep_closest(&mut found);
    Ok(found.into_iter().map(|(_, earlier)| earlier).collect())
}

/// Keeps the works that are most alike. Works that are equally alike stay in their order.
fn keep_closest(found: &mut Vec<(Decimal, Earlier)>) {
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    found.truncate(MOST_COMPARED);
}

fn read(hashes: Vec<u32>) -> Result<Signature, StoreError> {
    let value = format!("{hashes:?}");
    Signature::try_from(hashes).map_err(|_| StoreError::Corrupt { what: "signature", value })
}
