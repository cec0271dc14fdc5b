//! Databases of other versions than the program's.

use anyhow::Result;
use sqlx::PgPool;
use store::{SchemaError, StoreError, schema};

async fn refused(pool: &PgPool) -> SchemaError {
    match schema::check(pool).await {
        Err(StoreError::Schema(error)) => error,
        other => panic!("the schema is another: {other:?}"),
    }
}

#[tokio::test]
async fn a_schema_of_another_version_is_told_with_what_to_do() -> Result<()> {
    let pool = testkit::database().await?;
    schema::check(&pool).await?;
    let newest: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&pool).await?;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = 3").execute(&pool).await?;
    assert_eq!(refused(&pool).await, SchemaError::Changed { version: 3 });
    sqlx::query("UPDATE _sqlx_migrations SET success = false WHERE version = 3").execute(&pool).await?;
    assert_eq!(refused(&pool).await, SchemaError::Unfinished { version: 3 });
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version IN (3, $1)").bind(newest).execute(&pool).await?;
    let older = refused(&pool).await;
    assert_eq!(older, SchemaError::Older { missing: 2, first: 3 });
    assert!(older.to_string().contains("tributary migrate"), "{older}");
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                  VALUES (9000, 'of a later version', true, '', 0)";
    sqlx::query(insert).execute(&pool).await?;
    let newer = refused(&pool).await;
    assert_eq!(newer, SchemaError::Newer { version: 9000 });
    assert!(newer.to_string().contains("run the newer program"), "{newer}");
    sqlx::query("DROP TABLE _sqlx_migrations").execute(&pool).await?;
    let empty = refused(&pool).await;
    assert_eq!(empty, SchemaError::Empty);
    assert!(empty.to_string().contains("tributary migrate"), "{empty}");
    Ok(())
}
