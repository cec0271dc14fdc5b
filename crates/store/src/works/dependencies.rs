//! What a work's lock files use: external works, which ones the work depends on, and which of them use which.

use ::facts::{DependenciesChanged, Fact, Hash, NewFact, Stream, Subject};
use alloy_primitives::B256;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{StoreError, facts, values::hex_bytes};

/// A package that a lock file names.
#[derive(Clone, Copy, Debug)]
pub struct External<'a> {
    /// Its package URL, by which it is known everywhere.
    pub purl: &'a str,
    pub name: &'a str,
    pub version: &'a str,
    /// What the lock file says of its content, such as `sha512-..`.
    pub integrity: Option<&'a str>,
    pub content_hash: Option<B256>,
}

/// One package's use of another.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The package URL of the user; `None` is the work itself.
    pub user: Option<&'a str>,
    /// The package URL of what is used.
    pub dependency: &'a str,
    /// The number of times that it is used.
    pub uses: u64,
}

/// Replaces the dependencies of a work by those of its newest import, because what is locked now is what counts. The ledger is told
/// if the graph differs from the one before.
///
/// # Errors
/// When the database fails.
pub async fn replace(
    tx: &mut PgConnection,
    work_id: i64,
    externals: &[External<'_>],
    uses: &[Use<'_>],
) -> Result<(), StoreError> {
    let rows = externals.iter().map(|external| {
        json!({
            "purl": external.purl, "name": external.name, "version": external.version, "integrity": external.integrity,
            "content_hash": external.content_hash.map(|hash| hex_bytes(hash.as_slice())),
        })
    });
    let rows = Value::Array(rows.collect());
    sqlx::query!(
        "INSERT INTO external_works (purl, name, version)
         SELECT purl, name, version FROM jsonb_to_recordset($1) AS r (purl text, name text, version text) ORDER BY purl
         ON CONFLICT (purl) DO NOTHING",
        rows
    )
    .execute(&mut *tx)
    .await?;
    let before = digest(tx, work_id).await?;
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
    let uses = uses.iter().map(|edge| json!({"from": edge.user, "to": edge.dependency, "uses": edge.uses}));
    sqlx::query!(
        r#"INSERT INTO work_uses (work_id, user_id, dependency_id, uses)
           SELECT $1, u.id, d.id, r.uses FROM jsonb_to_recordset($2) AS r ("from" text, "to" text, uses integer)
           LEFT JOIN external_works u ON u.purl = r."from" JOIN external_works d ON d.purl = r."to""#,
        work_id,
        Value::Array(uses.collect())
    )
    .execute(&mut *tx)
    .await?;
    let (digest, uses) = digest(tx, work_id).await?;
    if (digest, uses) == before {
        return Ok(());
    }
    let body = DependenciesChanged { work: work_id.into(), uses, digest: digest.into() };
    let subject = Subject::Work { work: work_id.into() };
    facts::tell_one(tx, NewFact::new(subject, [Stream::work(work_id)], Fact::WorkDependenciesChanged(body))).await
}

/// Returns a digest of the graph of dependencies that a work's lock files give, and how many uses it has.
async fn digest(tx: &mut PgConnection, work_id: i64) -> Result<(B256, i64), StoreError> {
    let graph = sqlx::query!(
        r#"SELECT sha256(convert_to(coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), ''), 'UTF8'))
                  AS "digest!: Hash", count(*) AS "uses!"
           FROM (SELECT concat_ws(' ', coalesce(u.purl, '-'), d.purl, w.uses) AS line FROM work_uses w
                 LEFT JOIN external_works u ON u.id = w.user_id JOIN external_works d ON d.id = w.dependency_id
                 WHERE w.work_id = $1) lines"#,
        work_id
    )
    .fetch_one(tx)
    .await?;
    Ok((graph.digest.0, graph.uses))
}
