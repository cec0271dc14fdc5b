//! The version of the schema: bringing a database to it, and checking that a database has it.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgPool, migrate::Migrator};

use crate::StoreError;

/// Where sqlx notes what was applied.
const APPLIED: &str = "_sqlx_migrations";

/// Why a database cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("the database has no schema yet: run `tributary migrate`")]
    Empty,
    #[error(
        "the database's schema is older than this program: {missing} migrations are missing, from number {first} on. \
         Run `tributary migrate`"
    )]
    Older { missing: usize, first: i64 },
    #[error(
        "the database's schema is newer than this program, which does not know migration {version}: run the newer program, or \
         restore the database from before its migration"
    )]
    Newer { version: i64 },
    #[error(
        "migration {version} of the database is not the one that this program has: it was migrated by another build"
    )]
    Changed { version: i64 },
    #[error("migration {version} of the database failed half-way: repair it, then run `tributary migrate`")]
    Unfinished { version: i64 },
}

/// Brings the schema up to date. Several processes may call this at once.
///
/// # Errors
/// When the database does not answer, or a migration fails.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    sqlx::migrate!().run(pool).await?;
    Ok(())
}

/// Checks that the schema is the one that this program was built for.
///
/// # Errors
/// When the database does not answer, or has another schema. The error says what to do.
pub async fn check(pool: &PgPool) -> Result<(), StoreError> {
    compare(pool, &sqlx::migrate!(), APPLIED).await
}

/// Checks that exactly these migrations were applied, as the table of that name says.
///
/// # Errors
/// In the same cases as [`check`].
pub async fn compare(pool: &PgPool, expected: &Migrator, table: &'static str) -> Result<(), StoreError> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(pool).await?;
    if !exists {
        return Err(SchemaError::Empty.into());
    }
    let query = format!("SELECT version, checksum, success FROM {table} ORDER BY version");
    let applied: Vec<(i64, Vec<u8>, bool)> = sqlx::query_as(AssertSqlSafe(query)).fetch_all(pool).await?;
    let expected: BTreeMap<i64, &[u8]> =
        expected.iter().map(|migration| (migration.version, migration.checksum.as_ref())).collect();
    for (version, checksum, success) in &applied {
        match expected.get(version) {
            None => return Err(SchemaError::Newer { version: *version }.into()),
            Some(_) if !success => return Err(SchemaError::Unfinished { version: *version }.into()),
            Some(known) if known != checksum => return Err(SchemaError::Changed { version: *version }.into()),
            Some(_) => {}
        }
    }
    let mut missing = expected.keys().filter(|version| !applied.iter().any(|(known, ..)| known == *version));
    match missing.next() {
        None => Ok(()),
        Some(first) => Err(SchemaError::Older { missing: 1 + missing.count(), first: *first }.into()),
    }
}

/// Returns the checksums of all migrations, which name the version of the schema.
pub fn migration_checksums() -> Vec<Vec<u8>> {
    sqlx::migrate!().iter().map(|migration| migration.checksum.to_vec()).collect()
}
