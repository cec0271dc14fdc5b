//! How commands start: only on a database of their own version, only with valid settings, and over several URLs.

use std::process::{Command, Output, Stdio};

use anyhow::Result;
use testkit::{Chain, Market};

fn tributary(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
    let output = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(arguments)
        .env_remove("TRIBUTARY_CONFIG")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()?;
    Ok(output)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The commands that read or write the database, besides those that bring it up to date.
const COMMANDS: [&[&str]; 10] = [
    &["backend"],
    &["indexer"],
    &["indexer", "status"],
    &["workers"],
    &["deploy"],
    &["import", "git", "."],
    &["ledger", "verify"],
    &["distribution", "replay", "1"],
    &["books", "recount"],
    &["agents", "watch", "asset:1", "--score", "1", "--why", "test"],
];

#[tokio::test]
async fn only_migrate_and_up_change_the_schema() -> Result<()> {
    let (chain, url) = (Chain::start().await?, testkit::database_url().await?);
    let pool = store::connect(&url, 2).await?;
    let newest: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&pool).await?;
    let rpc = chain.url();
    let environment = [("DATABASE_URL", url.as_str()), ("RPC_URL", rpc.as_str())];
    let change = |version: i64| {
        let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                      VALUES ($1, 'of a later version', true, '', 0)";
        sqlx::query(insert).bind(version)
    };
    change(9000).execute(&pool).await?;
    for command in COMMANDS {
        let output = tributary(command, &environment)?;
        assert!(
            !output.status.success() && told(&output).contains("newer than this program"),
            "{command:?}: {output:?}"
        );
    }
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version IN (9000, $1)").bind(newest).execute(&pool).await?;
    for command in COMMANDS {
        let output = tributary(command, &environment)?;
        assert!(
            !output.status.success() && told(&output).contains("Run `tributary migrate`"),
            "{command:?}: {output:?}"
        );
    }
    let versions: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&pool).await?;
    assert!(versions < newest, "nobody migrated");
    Ok(())
}

#[tokio::test]
async fn an_empty_database_is_migrated_by_migrate_alone() -> Result<()> {
    let url = testkit::database_url().await?;
    let pool = store::connect(&url, 2).await?;
    sqlx::raw_sql(
        "DO $$ DECLARE name text; BEGIN
           FOR name IN SELECT nspname FROM pg_namespace
                       WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' LOOP
             EXECUTE format('DROP SCHEMA %I CASCADE', name);
           END LOOP;
           CREATE SCHEMA public;
         END $$",
    )
    .execute(&pool)
    .await?;
    let environment = [("DATABASE_URL", url.as_str()), ("RPC_URL", "http://127.0.0.1:1")];
    let output = tributary(&["ledger", "verify"], &environment)?;
    assert!(told(&output).contains("the database has no schema yet: run `tributary migrate`"), "{output:?}");
    let output = tributary(&["migrate"], &environment)?;
    assert!(output.status.success(), "{output:?}");
    let output = tributary(&["ledger", "verify"], &environment)?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn settings_are_checked_and_shown_without_their_secrets() -> Result<()> {
    let output = tributary(&["config", "example"], &[])?;
    assert_eq!(String::from_utf8(output.stdout)?, service::settings::example());
    let secret = "postgres://u:hunter2@db.example/d";
    let good = [("DATABASE_URL", secret), ("RPC_URL", "https://eth.example/hunter2,http://127.0.0.1:1")];
    let output = tributary(&["config", "check"], &good)?;
    let shown = String::from_utf8(output.stdout)?;
    assert!(
        output.status.success() && shown.contains("url = \"postgres://db.example\"  # from DATABASE_URL"),
        "{shown}"
    );
    assert!(shown.contains("https://eth.example, http://127.0.0.1:1") && !shown.contains("hunter2"), "{shown}");
    let output = tributary(&["config", "check"], &[("DATABASE_URL", secret), ("RPC_URL", "x"), ("LISTEN", "here")])?;
    let told = told(&output);
    assert!(!output.status.success() && told.contains("LISTEN sets") && told.contains("RPC_URL sets"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_dead_first_url_does_not_keep_a_command_from_the_chain() -> Result<()> {
    let url = testkit::database_url().await?;
    let market = Market::on(Chain::start().await?, store::connect(&url, 4).await?).await?;
    let urls = format!("http://127.0.0.1:1/hunter2,{}", market.chain.url());
    let environment = [("DATABASE_URL", url.as_str()), ("RPC_URL", urls.as_str()), ("FINALITY", "2")];
    let output = tributary(&["indexer", "--until-level"], &environment)?;
    assert!(output.status.success() && !told(&output).contains("hunter2"), "{output:?}");
    let wrong = [environment[0], environment[1], ("CHAIN_ID", "1")];
    let output = tributary(&["indexer", "--until-level"], &wrong)?;
    assert!(told(&output).contains("no endpoint of RPC_URL that answers serves chain 1"), "{output:?}");
    Ok(())
}
