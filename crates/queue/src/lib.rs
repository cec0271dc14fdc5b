//! Background jobs, on apalis over PostgreSQL: what a job is, how it is stored, run, tried again and given up.
//!
//! A job is stored in the transaction that makes it necessary ([`enqueue`]). It may run twice, even at the same time, and must
//! do its work once. A job that fails is tried again after 1, 2, 4, .. 60 seconds. After its last try it is a dead letter: it
//! stays visible ([`dead`]) until an operator lets it be tried again ([`retry`]).
//!
//! A job that is due begins when it is stored: the workers listen, and beside that look every few seconds.
//!
//! Each purpose has a [`Queue`] of its own on each chain, which runs only so many jobs at a time that most of the database's
//! connections are left to others. A job that waits for its turn holds no connection.

mod dead;
mod job;
mod pulse;
mod run;
mod stored;

pub use dead::{Dead, Retried, dead, forget_done, retry};
use facts::ChainId;
pub use job::{Failure, Job, Queue, Registry};
pub use run::run;
use sqlx::{PgPool, Postgres, Transaction};
pub use stored::{Request, Stored};

/// The reason why a queue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The database, or the queue's package, failed.
    #[error("the job queue failed: {0}")]
    Package(#[from] apalis_postgres::Error),
    /// The database failed.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// Arguments that JSON cannot hold.
    #[error("the arguments of the job `{name}` cannot be written as JSON: {source}")]
    Arguments {
        /// The job's name.
        name: &'static str,
        /// The reason.
        source: serde_json::Error,
    },
}

/// Creates the queue's own tables.
///
/// # Errors
/// When the database cannot be migrated.
pub async fn migrate(pool: &PgPool) -> Result<(), QueueError> {
    apalis_postgres::PostgresStorage::setup(pool).await?;
    Ok(())
}

/// Checks that the queue's own tables are those that this program was built for.
///
/// # Errors
/// When they are not; the error says what to do.
pub async fn check(pool: &PgPool) -> Result<(), store::StoreError> {
    store::schema::compare(pool, &apalis_postgres::PostgresStorage::migrations(), "apalis._sqlx_migrations").await
}

/// Stores a job within the caller's transaction, unless an equal one is about to run.
///
/// # Errors
/// When the database fails.
pub async fn enqueue(
    tx: &mut Transaction<'_, Postgres>,
    chain_id: ChainId,
    request: &Request,
) -> Result<(), QueueError> {
    // The waiting job is locked, so that it begins after this transaction and sees its changes. This is not one of the checked
    // macros, because the table belongs to the queue's package.
    let waiting: Option<i32> = sqlx::query_scalar(
        "SELECT 1 FROM apalis.jobs WHERE job_type = $1 AND substring(job FOR length($2)) = $2 AND status = 'Pending'
            AND run_at <= now() + make_interval(secs => $3) LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .bind(request.queue.name(chain_id))
    .bind(request.sameness())
    .bind(request.delay.as_secs_f64())
    .fetch_optional(&mut **tx)
    .await?;
    if waiting.is_some() {
        return Ok(());
    }
    // The limit is for jobs whose worker died. Failures are counted in the job.
    let task = apalis::prelude::TaskBuilder::new(request.bytes(store::facts::trace::current()))
        .max_attempts(25)
        .run_after(request.delay)
        .build();
    apalis_postgres::queries::push_tasks(&mut **tx, &request.queue.name(chain_id), vec![task]).await?;
    Ok(())
}
