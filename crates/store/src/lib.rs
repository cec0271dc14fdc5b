//! PostgreSQL: the pool, the migrations, and the reads and writes that more than one program makes.
//!
//! There is a folder for each noun, and each table has one module that writes it. Addresses and hashes are stored as bytes and amounts
//! as `numeric(78, 0)`; in Rust they are the types of [`::facts::value`]. Functions take `&mut PgConnection`, so that the caller decides
//! what one transaction is. Where several statements must be atomic, they take a transaction.

pub mod accounts;
pub mod advice;
pub mod deployments;
pub mod facts;
pub mod github;
pub mod ledger;
pub mod lineage;
pub mod market;
pub mod memory;
pub mod payouts;
pub mod schema;
pub mod values;
pub mod works;

use std::time::Duration;

pub use schema::{SchemaError, migrate, migration_checksums};
use sqlx::{
    Connection, Postgres, Row, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
pub use sqlx::{PgConnection, PgPool};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("the database URL is not valid: {0}")]
    Url(sqlx::Error),
    /// The value itself says more than a parser's error would, which names no value.
    #[error("the stored {what} `{value}` is not valid: the database was changed by other hands")]
    Corrupt { what: &'static str, value: String },
    #[error("the stored {what} `{value}` is not valid: the database was changed by other hands: {source}")]
    Json { what: &'static str, value: String, source: serde_json::Error },
    #[error(transparent)]
    Fact(#[from] ::facts::BodyError),
    #[error("{0}")]
    Refused(String),
}

/// Opens a pool and waits up to half a minute for a server that is still starting.
///
/// # Errors
/// When the URL is not valid, when the server refuses the connection, or when it does not answer in time.
pub async fn connect(url: &str, connections: u32) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(StoreError::Url)?;
    // Lists take optional filters: one plan for all combinations of them would be bad for each, and compiling a plan
    // takes longer than any of them.
    let options = options
        .application_name("tributary")
        .statement_cache_capacity(256)
        .options([("plan_cache_mode", "force_custom_plan"), ("jit", "off")]);
    let mut wait = Duration::from_millis(100);
    loop {
        match PgConnection::connect_with(&options).await {
            Ok(connection) => {
                connection.close().await?;
                break;
            }
            Err(error) if is_starting(&error) && wait < Duration::from_secs(15) => {
                tracing::warn!("the database does not answer yet ({error}); trying again in {wait:?}");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    // From now on a server that is away is said to be soon, before those who wait give up themselves.
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .after_release(|connection, _| Box::pin(outside_transactions(connection)));
    Ok(pool.connect_lazy_with(options))
}

/// Tells whether a connection that comes back to the pool is outside of any transaction. Otherwise it is closed. A `begin`
/// that is dropped midway leaves a transaction open of which the driver knows nothing (its issue 4385), and the next user
/// would work in it without committing.
async fn outside_transactions(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // A statement on its own is the first of its transaction. As one message: the extended protocol's have a time each.
    sqlx::raw_sql("SELECT now() = statement_timestamp()").fetch_one(connection).await?.try_get(0)
}

/// Begins a transaction that only reads, and sees everything as of one moment.
///
/// # Errors
/// When the database does not answer.
pub async fn snapshot(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
    Ok(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
}

fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // cannot_connect_now: starting up, shutting down or recovering
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}
