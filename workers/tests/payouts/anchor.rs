//! The ledger is anchored once for every size, when that is due, and only if it extends what was anchored.

use std::time::Duration;

use alloy::{primitives::U256, providers::ext::AnvilApi};
use anyhow::{Context as _, Result};
use bindings::{AccessManager, Anchor};
use domain::{
    B256,
    ledger::{Canonical, NewEvent, anchor::Head},
};
use facts::ChainId;
use sender::deploy::ENGINE;
use serde_json::json;
use store::ledger;
use testkit::{Chain, account, polled};
use workers::{Anchoring, JobError};

use crate::stage::{Running, Stage, content, person, repository, whole};

/// Appends `count` events and seals them.
async fn events(stage: &Stage, count: u64) -> Result<()> {
    let mut tx = stage.pool().begin().await?;
    for n in 0..count {
        let body = Canonical::of(&json!({"n": n}))?;
        let event = NewEvent::new("tested", format!("test:{n}"), ["tests"], body)?;
        ledger::append(&mut tx, &[event]).await?;
    }
    tx.commit().await?;
    while workers::seal(stage.pool()).await? > 0 {}
    Ok(())
}

/// Returns a market whose ledger is due as soon as it has an event.
async fn impatient() -> Result<Stage> {
    let mut stage = Stage::start().await?;
    stage.context.anchoring = Anchoring { after: Duration::ZERO, events: 1_000_000 };
    stage.mirror().await?;
    Ok(stage)
}

/// Anchors the present ledger, and waits until the mirror has the anchor.
async fn anchored(stage: &Stage) -> Result<u64> {
    let size = workers::anchor(&stage.context).await?.context("nothing was due")?;
    mirrored(stage, size).await?;
    Ok(size)
}

async fn mirrored(stage: &Stage, size: u64) -> Result<()> {
    let newest = async || {
        stage.mirror().await?;
        let mut conn = stage.pool().acquire().await?;
        let newest = ledger::newest_anchor(&mut conn, stage.context.deployment.chain_id, false).await?;
        Ok(newest.is_some_and(|newest| newest.anchor.size == size))
    };
    stage.until("the anchor", newest).await?;
    // The sender has the receipt too.
    let settled = "SELECT count(*) FROM sender_transactions WHERE key LIKE 'anchor:%' AND state IN ('queued', 'sent')";
    stage.until("the receipt", async || Ok(stage.number(settled).await? == 0)).await
}

async fn keys(stage: &Stage) -> Result<Vec<String>> {
    let keys = sqlx::query_scalar("SELECT key FROM sender_transactions WHERE key LIKE 'anchor:%' ORDER BY id");
    Ok(keys.fetch_all(stage.pool()).await?)
}

async fn latest(stage: &Stage) -> Result<(u64, u64, Head)> {
    let contract = Anchor::new(stage.context.deployment.anchor, &stage.market.chain.provider);
    let latest = contract.latest().call().await?;
    Ok((latest.seq, latest.size, latest.head))
}

/// Changes the ledger as only a superuser can.
async fn tamper(stage: &Stage, statement: &'static str) -> Result<()> {
    let mut tx = stage.pool().begin().await?;
    let unguarded = "ALTER TABLE ledger.events DISABLE TRIGGER ALL; ALTER TABLE ledger.streams DISABLE TRIGGER ALL;
                     ALTER TABLE ledger.head DISABLE TRIGGER ALL";
    sqlx::raw_sql(unguarded).execute(&mut *tx).await?;
    sqlx::raw_sql(statement).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

async fn refusal(stage: &Stage) -> Result<String> {
    match workers::anchor(&stage.context).await {
        Err(JobError::Refused(reason)) => Ok(reason),
        other => anyhow::bail!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_is_anchored_once_and_only_when_due() -> Result<()> {
    let mut stage = impatient().await?;
    assert_eq!(workers::anchor(&stage.context).await?, None, "an empty ledger");
    events(&stage, 3).await?;
    let anchor = || workers::anchor(&stage.context);
    let once = tokio::try_join!(anchor(), anchor(), anchor(), anchor())?;
    let sizes = [once.0, once.1, once.2, once.3];
    assert_eq!(sizes.iter().flatten().collect::<Vec<_>>(), [&3], "{sizes:?}");
    mirrored(&stage, 3).await?;
    for _ in 0..3 {
        assert_eq!(anchor().await?, None, "nothing is new");
    }
    let mut conn = stage.pool().acquire().await?;
    let newest = ledger::newest_anchor(&mut conn, ChainId(31_337), false).await?.context("an anchor")?;
    assert_eq!((newest.anchor.seq, newest.anchor.root), (1, ledger::root_at(&mut conn, 3).await?));
    assert_eq!((newest.previous_head, newest.anchor.head(Head::ZERO)), (Head::ZERO, newest.head));
    assert_eq!((1, 3, newest.head), latest(&stage).await?);
    assert!(!newest.finalized);
    assert_eq!(ledger::newest_anchor(&mut conn, ChainId(31_337), true).await?, None);

    // The number of events decides, if it is reached first.
    stage.context.anchoring = Anchoring { after: Duration::from_secs(3600), events: 4 };
    events(&stage, 3).await?;
    assert_eq!(workers::anchor(&stage.context).await?, None, "three wait, for less than an hour");
    events(&stage, 1).await?;
    assert_eq!(anchored(&stage).await?, 7);
    let second = ledger::newest_anchor(&mut conn, ChainId(31_337), false).await?.context("an anchor")?;
    assert_eq!((second.anchor.seq, second.previous_head), (2, newest.head));
    stage.settle().await?;
    let last = ledger::newest_anchor(&mut conn, ChainId(31_337), true).await?;
    assert_eq!(last.map(|last| last.anchor), Some(second.anchor));
    assert_eq!(keys(&stage).await?, ["anchor:3", "anchor:7"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_at_any_point_nothing_is_lost_and_nothing_sent_twice() -> Result<()> {
    let stage = impatient().await?;
    let mut dropped = 0;
    for round in 1..=2_u64 {
        events(&stage, 70).await?;
        for polls in 1.. {
            let finished = polled(workers::anchor(&stage.context), polls).await;
            let stored = keys(&stage).await?.len() as u64;
            anyhow::ensure!(stored == round - 1 || stored == round, "{stored} anchors in round {round}");
            if stored == round {
                break;
            }
            assert!(finished.is_none(), "it ended, and stored nothing: {finished:?}");
            dropped += 1;
        }
        mirrored(&stage, 70 * round).await?;
        assert_eq!(workers::anchor(&stage.context).await?, None);
    }
    assert!(dropped > 0, "it was dropped nowhere");
    assert_eq!(keys(&stage).await?, ["anchor:70", "anchor:140"]);
    assert_eq!(latest(&stage).await?.0, 2);
    Ok(())
}

/// A whole process is killed again and again while events come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_anchor_what_there_is() -> Result<()> {
    let stage = impatient().await?;
    for milliseconds in [10, 60, 150, 400, 900, 1300] {
        events(&stage, 5).await?;
        let running = Running::start(&stage).await?;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        running.abort();
    }
    let running = Running::start(&stage).await?;
    stage.until("the last anchor", async || Ok(latest(&stage).await?.1 == 30)).await?;
    running.stop().await?;
    mirrored(&stage, 30).await?;
    let mut conn = stage.pool().acquire().await?;
    let anchors = ledger::anchored(&mut conn).await?;
    ledger::verify(&mut conn, &anchors, |_, _| ()).await??;
    assert_eq!(keys(&stage).await?, anchors.iter().map(|(size, _)| format!("anchor:{size}")).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_that_leaves_the_chain_comes_again_as_it_was() -> Result<()> {
    let chain = Chain::with_market(64).await?;
    let mut stage = Stage::on(chain, testkit::market_database().await?).await?;
    stage.context.anchoring = Anchoring { after: Duration::ZERO, events: 1_000_000 };
    stage.mirror().await?;
    events(&stage, 5).await?;
    assert_eq!(anchored(&stage).await?, 5);
    let provider = &stage.market.chain.provider;
    let snapshot = provider.anvil_snapshot().await?;
    events(&stage, 3).await?;
    assert_eq!(anchored(&stage).await?, 8);
    let before = latest(&stage).await?;
    anyhow::ensure!(provider.anvil_revert(snapshot).await?, "the chain did not go back");
    // The mirror still has what the chain has lost, or the sender was quick. Nothing else is sent in either case.
    assert_eq!(workers::anchor(&stage.context).await?, None);
    stage.until("the anchor again", async || Ok(latest(&stage).await?.1 == 8)).await?;
    stage.market.chain.mine(4).await?;
    mirrored(&stage, 8).await?;
    assert_eq!(workers::anchor(&stage.context).await?, None);
    assert_eq!((latest(&stage).await?.0, before.0), (2, 2));
    let mut conn = stage.pool().acquire().await?;
    let roots = ledger::anchored(&mut conn).await?;
    ledger::verify(&mut conn, &roots, |_, _| ()).await??;
    assert_eq!(roots.iter().map(|(size, _)| *size).collect::<Vec<_>>(), [5, 8]);
    assert_eq!(keys(&stage).await?, ["anchor:5", "anchor:8"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_does_not_extend_what_was_anchored_is_refused() -> Result<()> {
    let stage = impatient().await?;
    events(&stage, 10).await?;
    assert_eq!(anchored(&stage).await?, 10);
    events(&stage, 2).await?;

    tamper(&stage, "UPDATE ledger.events SET body = '{\"n\":7}' WHERE seq = 11").await?;
    assert!(refusal(&stage).await?.starts_with("ledger entry 11: its hash says"));
    tamper(&stage, "UPDATE ledger.events SET body = '{\"n\":0}' WHERE seq = 11").await?;

    tamper(&stage, "UPDATE ledger.events SET hash = sha256('x') WHERE seq = 4").await?;
    assert!(refusal(&stage).await?.starts_with("ledger entries 1 to 10: one of them is not what was anchored"));
    assert_eq!(keys(&stage).await?, ["anchor:10"], "nothing was sent");
    tamper(&stage, "UPDATE ledger.events e SET hash = n.previous FROM ledger.events n WHERE e.seq = 4 AND n.seq = 5")
        .await?;
    assert_eq!(anchored(&stage).await?, 12);

    // Somebody with the role anchors a root of another ledger.
    let call = Anchor::anchorCall { root: B256::repeat_byte(6), size: 13 };
    stage.call(0, stage.context.deployment.anchor, U256::ZERO, call).await?;
    events(&stage, 3).await?;
    // Nothing is decided before the mirror has it.
    assert_eq!(workers::anchor(&stage.context).await?, None);
    stage.mirror().await?;
    assert!(refusal(&stage).await?.starts_with("ledger entries 1 to 13: one of them is not what was anchored"));

    // A ledger that is shorter than what was anchored is refused without waiting for anything.
    tamper(
        &stage,
        "DELETE FROM ledger.events WHERE seq > 9; DELETE FROM ledger.streams WHERE seq > 9;
         UPDATE ledger.head SET size = 9, hash = (SELECT hash FROM ledger.events WHERE seq = 9)",
    )
    .await?;
    assert!(
        refusal(&stage).await?.starts_with("ledger entry 10: it is missing: 13 entries were anchored, 9 are there")
    );
    assert_eq!(keys(&stage).await?, ["anchor:10", "anchor:12"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_chain_refused_is_sent_again_after_the_interval() -> Result<()> {
    let mut stage = impatient().await?;
    let manager = stage.context.deployment.access_manager;
    stage.call(0, manager, U256::ZERO, AccessManager::revokeRoleCall { roleId: ENGINE, account: account(0) }).await?;
    stage.mirror().await?;
    events(&stage, 2).await?;
    assert_eq!(workers::anchor(&stage.context).await?, Some(2));
    let refused = "SELECT count(*) FROM sender_transactions WHERE key LIKE 'anchor:%' AND state = 'refused'";
    stage.until("the refusal", async || Ok(stage.number(refused).await? == 1)).await?;
    stage.context.anchoring = Anchoring { after: Duration::from_secs(3600), events: 1 };
    assert_eq!(workers::anchor(&stage.context).await?, None, "the chain refused it less than an hour ago");
    stage.context.anchoring.after = Duration::ZERO;
    let grant = AccessManager::grantRoleCall { roleId: ENGINE, account: account(0), executionDelay: 0 };
    stage.call(0, manager, U256::ZERO, grant).await?;
    assert_eq!(anchored(&stage).await?, 2);
    assert_eq!(keys(&stage).await?, ["anchor:2", "anchor:2:2"]);
    Ok(())
}

/// A root names the anchor that covers everything it was computed from, or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payout_root_names_the_anchor_that_covers_it() -> Result<()> {
    let stage = impatient().await?;
    stage.import(1, &repository("work", vec![person("mailto:bob", None)], &[(0, 100)])).await?;
    let asset = stage.register(1, content("work"), &[], &whole(1)).await?;
    let other = stage.register(2, content("other"), &[], &whole(2)).await?;
    let close = async |amount: u64| -> Result<()> {
        stage.fund(asset, amount).await?;
        stage.fund(other, amount).await?;
        stage.settle().await?;
        workers::close(&stage.context).await?;
        while workers::seal(stage.pool()).await? > 0 {}
        Ok(())
    };
    let proposed = async || -> Result<Vec<i64>> {
        let seqs = sqlx::query_scalar("SELECT anchor_seq FROM chain.root_proposals ORDER BY number");
        Ok(seqs.fetch_all(stage.pool()).await?)
    };
    close(1000).await?;
    stage.publish_and_activate().await?;
    assert_eq!(proposed().await?, [0], "no anchor covers the distributions");
    close(50).await?;
    anchored(&stage).await?;
    stage.publish_and_activate().await?;
    assert_eq!(proposed().await?, [0, 1]);
    // Released reserves count too.
    let bob = vec![person("mailto:bob", Some(account(7)))];
    stage.import(1, &repository("work", bob, &[(0, 100)])).await?;
    workers::close(&stage.context).await?;
    while workers::seal(stage.pool()).await? > 0 {}
    stage.publish_and_activate().await?;
    assert_eq!(proposed().await?, [0, 1, 0]);
    stage.check_books().await
}
