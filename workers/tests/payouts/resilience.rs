//! Whatever happens to the workers, the database or the node meanwhile, everything ends as if nothing had
//! happened.

use std::{collections::BTreeSet, process::Command, time::Duration};

use alloy::primitives::{Address, U256};
use anyhow::{Result, ensure};
use domain::merkle::PayoutTree;
use sqlx::{Connection, PgConnection};
use store::payouts::roots;

use crate::stage::{Running, Stage, content, person, repository, whole};

const ADA: Address = Address::repeat_byte(0xad);
const BOB: Address = Address::repeat_byte(0xb0);
const OWNER: Address = Address::repeat_byte(0x0e);

/// Prepares three works with income, all of which is final and none of which is divided.
async fn prepare(stage: &Stage) -> Result<()> {
    let people = vec![person("mailto:ada", Some(ADA)), person("mailto:bob", Some(BOB)), person("mailto:eve", None)];
    stage.import(1, &repository("library", people, &[(0, 100), (1, 50), (2, 50), (0, 10)])).await?;
    let library = stage.register(1, content("library"), &[], &whole(1)).await?;
    let song = stage.register(2, content("song"), &[library], &[(OWNER, 10_000)]).await?;
    let picture = stage.register(2, content("picture"), &[library, song], &[(OWNER, 5000), (BOB, 5000)]).await?;
    for (asset, amount) in [(library, 1_000_003), (song, 999_999), (picture, 77_777), (library, 1)] {
        stage.fund(asset, amount).await?;
    }
    stage.settle().await
}

async fn activated(stage: &Stage) -> Result<bool> {
    let query = "SELECT count(*) FROM chain.root_decisions WHERE decision = 'activated'";
    Ok(stage.number(query).await.unwrap_or_default() > 0)
}

/// Checks that there is one division of each pot, one root over all of them, one proposal and one
/// activation.
async fn check_end(stage: &Stage) -> Result<()> {
    stage.settle().await?;
    stage.check_books().await?;
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, 3);
    assert_eq!(stage.number("SELECT count(*) FROM distributed_incomes").await?, 4);
    let paid = stage.paid().await?;
    assert_eq!(paid, [(OWNER, U256::from(888_012)), (ADA, U256::from(605_899)), (BOB, U256::from(308_462))]);
    let mut conn = stage.pool().acquire().await?;
    let next = roots::cumulative(&mut conn, stage.context.deployment.chain_id, &BTreeSet::new()).await?;
    assert_eq!(next.totals, [], "something is not published");
    let (root, entries) = stage.entries().await?;
    assert_eq!(next.entries, entries);
    let tree = PayoutTree::new(stage.context.deployment.chain_id.0, stage.context.deployment.payouts, entries)?;
    assert_eq!(tree.root(), root.root);
    let sent: Vec<String> = sqlx::query_scalar(
        "SELECT key FROM sender_transactions WHERE key LIKE 'propose:%' OR key LIKE 'activate:%' ORDER BY id",
    )
    .fetch_all(stage.pool())
    .await?;
    assert_eq!(sent, [format!("propose:{}", root.root), "activate:1".to_owned()]);
    assert_eq!(
        stage.number("SELECT count(*) FROM sender_transactions WHERE state IN ('refused', 'reverted')").await?,
        0
    );
    assert_eq!(stage.claim(ADA, Address::ZERO).await?, U256::from(605_899));
    // The ledger has each event once.
    while workers::seal(stage.pool()).await? > 0 {}
    let told: Vec<(String, i64)> = sqlx::query_as(
        "SELECT kind, count(*) FROM ledger.events WHERE kind ~ '^(distribution|root)' GROUP BY kind ORDER BY kind",
    )
    .fetch_all(stage.pool())
    .await?;
    let once =
        [("distribution.closed", 3), ("root.activation_queued", 1), ("root.built", 1), ("root.proposal_queued", 1)];
    assert_eq!(told, once.map(|(kind, count)| (kind.to_owned(), count)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_are_killed_go_on_where_they_were() -> Result<()> {
    let stage = Stage::start().await?;
    prepare(&stage).await?;
    // A run without disturbance takes some seconds. These moments are spread over the first seconds.
    for milliseconds in [5, 20, 40, 80, 110, 170, 260, 390, 600, 900, 1300, 30, 60] {
        let running = Running::start(&stage).await?;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        running.abort();
        stage.check_books().await?;
    }
    let running = Running::start(&stage).await?;
    stage.until("the activation", async || activated(&stage).await).await?;
    running.stop().await?;
    check_end(&stage).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_and_a_node_that_hangs_only_take_time() -> Result<()> {
    let stage = Stage::start().await?;
    prepare(&stage).await?;
    let database: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(stage.pool()).await?;
    let mut admin = PgConnection::connect(&std::env::var("TEST_DATABASE_URL")?).await?;
    let node = stage.market.chain.process_id().to_string();
    let signal = |name: &str| -> Result<()> {
        ensure!(Command::new("kill").args([name, &node]).status()?.success(), "the node could not be signalled");
        Ok(())
    };
    let running = Running::start(&stage).await?;
    let mut dropped_in_all = 0_i64;
    for round in 0..12 {
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        let dropped: i64 = sqlx::query_scalar(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1",
        )
        .bind(&database)
        .fetch_one(&mut admin)
        .await?;
        dropped_in_all += dropped;
        if round == 4 {
            signal("-STOP")?;
        }
        if round == 9 {
            signal("-CONT")?;
        }
    }
    ensure!(dropped_in_all > 0, "no connection was there to be dropped");
    stage.until("the activation", async || activated(&stage).await).await?;
    running.stop().await?;
    check_end(&stage).await?;
    // The error names a node that is gone as what is missing.
    let mut indexer = stage.indexer().await?;
    testkit::kill_9(stage.market.chain.process_id())?;
    let error = workers::activate(&stage.context, 2).await.expect_err("there is no node");
    assert!(error.to_string().starts_with("the node did not "), "{error}");
    let error = indexer.level().await.expect_err("there is no node");
    assert!(error.to_string().starts_with("no endpoint of chain 31337 gave a verified answer"), "{error}");
    Ok(())
}
