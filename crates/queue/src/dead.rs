//! Jobs that were given up, and jobs that are done.

use chrono::{DateTime, Utc};
use facts::ChainId;
use sqlx::{PgConnection, Postgres, Row, Transaction};

use crate::{QueueError, Stored};

/// A job that was given up.
#[derive(Clone, Debug)]
pub struct Dead {
    /// Its name in the database.
    pub id: String,
    /// Where it waited: `chain:31337`.
    pub queue: String,
    /// The job. `None` where another version of the program stored it in a form that this one does not know.
    pub job: Option<Stored>,
    /// What it failed at last.
    pub reason: String,
    /// When it was given up.
    pub at: Option<DateTime<Utc>>,
}

/// Returns the jobs that were given up, newest first, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn dead(conn: &mut PgConnection, limit: i64) -> Result<Vec<Dead>, QueueError> {
    let rows = sqlx::query(
        "SELECT id, job_type, job, last_result::text AS reason, done_at FROM apalis.jobs
         WHERE status = 'Killed' ORDER BY done_at DESC NULLS LAST, id DESC LIMIT $1",
    )
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Dead {
                id: row.try_get("id")?,
                queue: row.try_get("job_type")?,
                job: serde_json::from_slice(row.try_get("job")?).ok(),
                reason: row
                    .try_get::<Option<String>, _>("reason")?
                    .unwrap_or_else(|| "no reason was recorded".to_owned()),
                at: row.try_get("done_at")?,
            })
        })
        .collect()
}

/// What became of jobs that were to be tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// How many are tried again.
    pub again: u64,
    /// The ids of those that another version of the program stored in a form that this one does not know. They stay given up.
    pub unknown: Vec<String>,
}

/// Lets the jobs with these ids that were given up, or all such jobs, be tried again from the beginning.
///
/// # Errors
/// When the database fails.
pub async fn retry(tx: &mut Transaction<'_, Postgres>, ids: Option<&[String]>) -> Result<Retried, QueueError> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT id, job FROM apalis.jobs WHERE status = 'Killed' AND ($1::text[] IS NULL OR id = ANY ($1)) FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(&mut **tx)
    .await?;
    let (mut ids, mut jobs, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (id, job) in rows {
        match serde_json::from_slice::<Stored>(&job) {
            Ok(stored) => {
                ids.push(id);
                jobs.push(Stored { tries: 0, ..stored }.bytes());
            }
            Err(_) => unknown.push(id),
        }
    }
    let again = sqlx::query(
        "UPDATE apalis.jobs j SET status = 'Pending', job = r.job, attempts = 0, run_at = now(), done_at = NULL, lock_by = NULL,
                lock_at = NULL, last_result = NULL
         FROM unnest($1::text[], $2::bytea[]) AS r (id, job) WHERE j.id = r.id",
    )
    .bind(&ids)
    .bind(&jobs)
    .execute(&mut **tx)
    .await?;
    Ok(Retried { again: again.rows_affected(), unknown })
}

/// Removes the oldest jobs of a chain that were done at least a week ago, at most `limit`, and returns how many. Jobs that were
/// given up stay, so that they can be seen.
///
/// # Errors
/// When the database fails.
pub async fn forget_done(conn: &mut PgConnection, chain_id: ChainId, limit: i64) -> Result<u64, QueueError> {
    let queues: Vec<String> = crate::Queue::ALL.iter().map(|queue| queue.name(chain_id)).collect();
    // Names of jobs begin with the time.
    let forgotten = sqlx::query(
        "DELETE FROM apalis.jobs WHERE id IN (
             SELECT id FROM (
                 SELECT id, done_at FROM apalis.jobs WHERE job_type = ANY ($1) AND status = 'Done' ORDER BY id LIMIT $2
             ) oldest WHERE done_at < now() - interval '7 days')",
    )
    .bind(queues)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(forgotten.rows_affected())
}
