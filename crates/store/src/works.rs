//! What the ledger is told of works, and of where contributors are paid. Titles and descriptions stay out of it: they may name
//! people, and nobody could take them back. So does the content hash: whoever knew it could register it before its owner.

use alloy_primitives::B256;
use serde_json::json;
use sqlx::PgConnection;

use crate::{StoreError, ledger, values};

/// Tells of a work that this transaction created.
pub async fn tell_created(tx: &mut PgConnection, work_id: i64) -> Result<(), StoreError> {
    let work = sqlx::query!(
        r#"SELECT owner AS "owner: Vec<u8>", kind, source, CASE source WHEN 'git' THEN source_key END AS source_key
           FROM works WHERE id = $1"#,
        work_id
    )
    .fetch_one(&mut *tx)
    .await?;
    let owner = values::address(&work.owner)?.to_checksum(None);
    let body = json!({
        "work": work_id.to_string(), "owner": owner, "kind": work.kind, "source": work.source, "sourceKey": work.source_key,
    });
    let streams = [format!("work:{work_id}"), format!("account:{owner}")];
    ledger::tell(tx, "work.created", format!("work:{work_id}"), streams, &body).await
}

/// Tells of a version that this transaction added to a work. Its commitment is the SHA-256 of the content hash.
pub async fn tell_version(tx: &mut PgConnection, work_id: i64, content_hash: B256) -> Result<(), StoreError> {
    let version = sqlx::query!(
        r#"SELECT encode(sha256(content_hash), 'hex') AS "commitment!", label FROM work_versions
           WHERE work_id = $1 AND content_hash = $2"#,
        work_id,
        content_hash.as_slice() as _
    )
    .fetch_one(&mut *tx)
    .await?;
    let body = json!({
        "work": work_id.to_string(), "contentCommitment": format!("0x{}", version.commitment), "label": version.label,
    });
    let stream = format!("work:{work_id}");
    ledger::tell(tx, "work.version_added", stream.clone(), [stream], &body).await
}

/// Tells of rows of `contributor_addresses` that this transaction stored: where contributors are paid for a work.
pub async fn tell_addresses(tx: &mut PgConnection, ids: &[i64]) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT work_id, contributor_id, address AS "address: Vec<u8>", source FROM contributor_addresses
           WHERE id = ANY ($1) ORDER BY id"#,
        ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let events = rows
        .into_iter()
        .map(|row| {
            let (work, contributor) = (row.work_id.to_string(), row.contributor_id.to_string());
            let address = values::address(&row.address)?.to_checksum(None);
            let body = json!({"work": work, "contributor": contributor, "address": address, "source": row.source});
            let subject = format!("contributor:{contributor}");
            let streams = [format!("work:{work}"), subject.clone(), format!("account:{address}")];
            ledger::event("contributor.address_known", subject, streams, &body)
        })
        .collect::<Result<Vec<_>, _>>()?;
    ledger::append(tx, &events).await
}

/// A digest of the graph of dependencies that a work's lock files give, and how many uses it has.
pub async fn dependencies(tx: &mut PgConnection, work_id: i64) -> Result<(String, i64), StoreError> {
    let graph = sqlx::query!(
        r#"SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
                  AS "digest!", count(*) AS "uses!"
           FROM (SELECT concat_ws(' ', coalesce(u.purl, '-'), d.purl, w.uses) AS line FROM work_uses w
                 LEFT JOIN external_works u ON u.id = w.user_id JOIN external_works d ON d.id = w.dependency_id
                 WHERE w.work_id = $1) lines"#,
        work_id
    )
    .fetch_one(tx)
    .await?;
    Ok((graph.digest, graph.uses))
}

/// Tells of a work's dependencies, where they are not those that this transaction found.
pub async fn tell_dependencies(tx: &mut PgConnection, work_id: i64, before: &(String, i64)) -> Result<(), StoreError> {
    let now = dependencies(tx, work_id).await?;
    if now == *before {
        return Ok(());
    }
    let (digest, uses) = now;
    let body = json!({"work": work_id.to_string(), "uses": uses, "digest": format!("0x{digest}")});
    let stream = format!("work:{work_id}");
    ledger::tell(tx, "work.dependencies_changed", stream.clone(), [stream], &body).await
}
