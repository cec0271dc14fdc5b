//! Databases of other versions than the program's.

use anyhow::Result;
use sqlx::{AssertSqlSafe, PgPool};
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

/// Runs statements one by one.
async fn run(pool: &PgPool, statements: impl IntoIterator<Item = String>) -> Result<()> {
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(pool).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_user_who_may_not_create_the_extension_is_told_what_to_do() -> Result<()> {
    let url = testkit::database_url().await?;
    let pool = store::connect(&url, 2).await?;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&pool).await?;
    let role = format!("role_{database}");
    // The database as it is before the migration, and a user who may do everything in it but create extensions.
    let before = [
        "DROP FUNCTION assets_by_text",
        "DROP INDEX works_text",
        "DROP EXTENSION pg_trgm",
        "DELETE FROM _sqlx_migrations WHERE version = 31",
    ];
    run(&pool, before.map(str::to_owned)).await?;
    let grants = [
        format!("CREATE ROLE {role}"),
        format!("GRANT ALL ON SCHEMA public TO {role}"),
        format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("ALTER TABLE works OWNER TO {role}"),
        format!("GRANT ALL ON SCHEMA chain TO {role}"),
    ];
    run(&pool, grants).await?;
    let limited = store::connect(&format!("{url}?options[role]={role}"), 1).await?;
    let user: String = sqlx::query_scalar("SELECT current_user::text").fetch_one(&limited).await?;
    assert_eq!(user, role);
    let error = store::migrate(&limited).await.expect_err("the user may not create extensions").to_string();
    assert!(error.contains(&format!("run CREATE EXTENSION pg_trgm in the database {database}")), "{error}");
    assert!(error.contains(&format!("the user {role} may not")) && error.contains("tributary migrate"), "{error}");
    assert_eq!(refused(&pool).await, SchemaError::Older { missing: 1, first: 31 }, "nothing of it was done");

    // Once somebody else has created it, wherever, the same user goes on.
    run(
        &pool,
        [
            "CREATE SCHEMA extensions".to_owned(),
            "CREATE EXTENSION pg_trgm SCHEMA extensions".to_owned(),
            format!("GRANT USAGE ON SCHEMA extensions TO {role}"),
        ],
    )
    .await?;
    store::migrate(&limited).await?;
    schema::check(&pool).await?;
    limited.close().await;
    run(
        &pool,
        [
            format!("REASSIGN OWNED BY {role} TO CURRENT_USER"),
            format!("DROP OWNED BY {role}"),
            format!("DROP ROLE {role}"),
        ],
    )
    .await
}
