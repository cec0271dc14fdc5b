//! The hooks by which GitHub tells us of a work's repository, and what they delivered. The secrets that sign deliveries are here
//! and nowhere else.

use ::facts::{DeliveryReceived, Fact, GithubHookChanged, GithubHookRotated, NewFact, Stream, Subject, Uuid};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{StoreError, facts};

/// A hook without its secret.
#[derive(Clone, Debug)]
pub struct Hook {
    /// A UUID.
    pub id: String,
    /// The repository that its first delivery named.
    pub repository: Option<String>,
    pub created_at: DateTime<Utc>,
    pub rotated_at: Option<DateTime<Utc>>,
    /// The time until which the secret before this one still holds.
    pub previous_until: Option<DateTime<Utc>>,
}

/// Something that GitHub delivered.
#[derive(Clone, Debug)]
pub struct NewDelivery<'a> {
    /// The hook, a UUID.
    pub hook: &'a str,
    pub work: i64,
    /// GitHub's name for it.
    pub guid: &'a str,
    pub event: &'a str,
    pub action: Option<&'a str>,
    pub payload: &'a [u8],
    /// SHA-256 of the payload.
    pub payload_hash: [u8; 32],
}

/// Makes a hook for a work, unless the work has `most` hooks already, and tells the ledger. The caller holds the work's
/// row, so that the count stays true.
///
/// # Errors
/// When the database fails.
pub async fn create_hook(
    tx: &mut Transaction<'_, Postgres>,
    work: i64,
    secret: &str,
    most: i64,
) -> Result<Option<Hook>, StoreError> {
    let hook = sqlx::query_as!(
        Hook,
        r#"INSERT INTO github_hooks (work_id, secret)
           SELECT $1, $2 WHERE (SELECT count(*) FROM github_hooks WHERE work_id = $1 AND revoked_at IS NULL) < $3
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        work,
        secret,
        most
    )
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(hook) = &hook {
        tell(tx, work, &hook.id, Fact::GithubHookCreated(GithubHookChanged { work: work.into() })).await?;
    }
    Ok(hook)
}

/// Gives a hook another secret. The old one holds for some hours more. Returns `None` when the work has no such hook.
///
/// # Errors
/// When the database fails.
pub async fn rotate_hook(
    tx: &mut Transaction<'_, Postgres>,
    (work, hook): (i64, &str),
    secret: &str,
    overlap_hours: i32,
) -> Result<Option<Hook>, StoreError> {
    let rotated = sqlx::query_as!(
        Hook,
        r#"UPDATE github_hooks SET secret = $3, previous_secret = secret, previous_until = now() + make_interval(hours => $4),
                               rotated_at = now()
           WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL
           RETURNING id::text AS "id!", repository, created_at, rotated_at, previous_until"#,
        hook,
        work,
        secret,
        overlap_hours
    )
    .fetch_optional(&mut **tx)
    .await?;
    if rotated.is_some() {
        let body = GithubHookRotated { work: work.into(), overlap_hours: overlap_hours.to_string() };
        tell(tx, work, hook, Fact::GithubHookRotated(body)).await?;
    }
    Ok(rotated)
}

/// Revokes a hook and deletes its secrets. Returns false when the work has no such hook.
///
/// # Errors
/// When the database fails.
pub async fn revoke_hook(tx: &mut Transaction<'_, Postgres>, work: i64, hook: &str) -> Result<bool, StoreError> {
    let revoked = sqlx::query!(
        "UPDATE github_hooks SET revoked_at = now(), secret = NULL, previous_secret = NULL, previous_until = NULL
         WHERE id = $1::text::uuid AND work_id = $2 AND revoked_at IS NULL",
        hook,
        work
    )
    .execute(&mut **tx)
    .await?;
    if revoked.rows_affected() == 0 {
        return Ok(false);
    }
    tell(tx, work, hook, Fact::GithubHookRevoked(GithubHookChanged { work: work.into() })).await?;
    Ok(true)
}

/// Binds a hook to a repository, unless it is bound already. Returns the number and the name of the repository that it is
/// bound to.
///
/// # Errors
/// When the database fails.
pub async fn bind(tx: &mut PgConnection, hook: &str, id: i64, name: &str) -> Result<(i64, String), StoreError> {
    let bound = sqlx::query!(
        r#"UPDATE github_hooks SET repository_id = coalesce(repository_id, $2),
                               repository = CASE WHEN repository_id <> $2 THEN repository ELSE $3 END
           WHERE id = $1::text::uuid RETURNING repository_id AS "id!", repository AS "name!""#,
        hook,
        id,
        name
    )
    .fetch_one(tx)
    .await?;
    Ok((bound.id, bound.name))
}

/// Stores a delivery and tells the workers. Returns `None` when it was stored before.
///
/// # Errors
/// When the database fails.
pub async fn receive(
    tx: &mut Transaction<'_, Postgres>,
    delivery: &NewDelivery<'_>,
) -> Result<Option<i64>, StoreError> {
    let new = sqlx::query_scalar!(
        "INSERT INTO github_deliveries (hook_id, work_id, guid, event, action, payload, payload_hash)
         VALUES ($1::text::uuid, $2, $3, $4, left($5, 100), $6, $7) ON CONFLICT DO NOTHING RETURNING id",
        delivery.hook,
        delivery.work,
        delivery.guid,
        delivery.event,
        delivery.action,
        delivery.payload,
        &delivery.payload_hash as _
    )
    .fetch_optional(&mut **tx)
    .await?;
    if new.is_some() {
        facts::tell_one(tx, delivered(delivery.work)).await?;
    }
    Ok(new)
}

/// Requests that a delivery is applied again, and tells the workers. Returns false when the work has no such delivery.
///
/// # Errors
/// When the database fails.
pub async fn replay(tx: &mut Transaction<'_, Postgres>, work: i64, delivery: i64) -> Result<bool, StoreError> {
    let replayed = sqlx::query!(
        "UPDATE github_deliveries SET state = 'received', message = '', settled_at = NULL,
                attempts = CASE WHEN state = 'received' THEN attempts ELSE 0 END
         WHERE work_id = $1 AND id = $2",
        work,
        delivery
    )
    .execute(&mut **tx)
    .await?;
    if replayed.rows_affected() == 0 {
        return Ok(false);
    }
    facts::tell_one(tx, delivered(work)).await?;
    Ok(true)
}

/// Counts a failure to apply a delivery.
///
/// # Errors
/// When the database fails.
pub async fn count_attempt(tx: &mut PgConnection, delivery: i64) -> Result<(), StoreError> {
    sqlx::query!("UPDATE github_deliveries SET attempts = attempts + 1 WHERE id = $1", delivery).execute(tx).await?;
    Ok(())
}

/// Stores what became of a delivery, `applied`, `ignored` or `failed`, and why.
///
/// # Errors
/// When the database fails.
pub async fn settle(tx: &mut PgConnection, delivery: i64, state: &str, message: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE github_deliveries SET state = $2, message = $3, settled_at = now() WHERE id = $1",
        delivery,
        state,
        message
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Tells the workers of all works for which deliveries wait, as if the deliveries came now.
///
/// # Errors
/// When the database fails.
pub async fn remind(tx: &mut PgConnection) -> Result<(), StoreError> {
    let works =
        sqlx::query_scalar!("SELECT DISTINCT work_id FROM github_deliveries WHERE state = 'received' ORDER BY 1")
            .fetch_all(&mut *tx)
            .await?;
    let told: Vec<NewFact> = works.into_iter().map(delivered).collect();
    facts::tell(tx, &told).await
}

/// Returns the fact that GitHub delivered something about a work.
pub fn delivered(work: i64) -> NewFact {
    let body = DeliveryReceived { work: work.into() };
    NewFact::new(Subject::Work { work: work.into() }, [Stream::work(work)], Fact::GithubDelivered(body))
}

/// Tells of a hook by its id, and never of its secret.
async fn tell(tx: &mut PgConnection, work: i64, hook: &str, fact: Fact) -> Result<(), StoreError> {
    let hook: Uuid = hook.parse().map_err(|_| StoreError::Corrupt { what: "UUID", value: hook.to_owned() })?;
    facts::tell_one(tx, NewFact::new(Subject::GithubHook { hook }, [Stream::work(work)], fact)).await
}
