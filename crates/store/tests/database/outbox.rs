//! Each event is taken once by each reader, in an order that misses none, whenever its transaction ends.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Result;
use serde_json::json;
use sqlx::PgPool;
use store::{
    distribution,
    outbox::{self, NewEvent},
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn emit(pool: &PgPool, key: &str) -> Result<()> {
    let mut tx = pool.begin().await?;
    outbox::emit(&mut tx, &[NewEvent::new("t", key, json!({}))]).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes events in a transaction that ends well.
async fn take(pool: &PgPool, reader: &str, limit: i64) -> Result<Vec<String>> {
    let mut tx = pool.begin().await?;
    let events = outbox::take(&mut tx, reader, limit).await?;
    tx.commit().await?;
    Ok(events.into_iter().map(|event| event.key).collect())
}

/// Takes so many events, one round after the other: any older transaction of the server, also of another test, holds
/// them back while it runs.
async fn take_all(pool: &PgPool, reader: &str, count: usize, limit: i64) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    tokio::time::timeout(PATIENCE, async {
        while taken.len() < count {
            taken.extend(take(pool, reader, limit).await?);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    })
    .await??;
    Ok(taken)
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_not_missed() -> Result<()> {
    let pool = testkit::database().await?;
    let mut late = pool.begin().await?;
    outbox::emit(&mut late, &[NewEvent::new("t", "late", json!({}))]).await?;
    emit(&pool, "early").await?;
    // `early` has the higher id and is committed; it waits, because taking it would put the place behind `late`.
    assert!(take(&pool, "r", 10).await?.is_empty());
    late.commit().await?;
    assert_eq!(take_all(&pool, "r", 2, 10).await?, ["late", "early"]);

    // Ids out of order: a transaction that began first stores last.
    let mut first = pool.begin().await?;
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *first).await?;
    emit(&pool, "lower id, later transaction").await?;
    outbox::emit(&mut first, &[NewEvent::new("t", "higher id, earlier transaction", json!({}))]).await?;
    first.commit().await?;
    let expected = ["higher id, earlier transaction", "lower id, later transaction"];
    assert_eq!(take_all(&pool, "r", 2, 1).await?, expected);
    assert!(take(&pool, "r", 1).await?.is_empty());
    // A reader of another name has its own place, and one that fails keeps its own.
    let mut failing = pool.begin().await?;
    outbox::take(&mut failing, "other", 10).await?;
    failing.rollback().await?;
    assert_eq!(take_all(&pool, "other", 4, 10).await?.len(), 4);
    Ok(())
}

#[tokio::test]
async fn two_readers_at_once_take_each_event_once() -> Result<()> {
    const EVENTS: usize = 300;
    let pool = testkit::database().await?;
    let write = async |writer: usize| -> Result<()> {
        for n in 0..EVENTS / 3 {
            let mut tx = pool.begin().await?;
            outbox::emit(&mut tx, &[NewEvent::new("t", format!("{writer}:{n}"), json!({}))]).await?;
            if n % 7 == writer {
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            tx.commit().await?;
        }
        Ok(())
    };
    let left = AtomicUsize::new(EVENTS);
    let read = async |fails: bool| -> Result<Vec<String>> {
        let mut taken = Vec::new();
        for round in 1.. {
            if left.load(Ordering::Relaxed) == 0 {
                break;
            }
            let mut tx = pool.begin().await?;
            let events = outbox::take(&mut tx, "r", 7).await?;
            if fails && round % 3 == 0 {
                // What a reader did with its events goes with its transaction, and the events come again.
                tx.rollback().await?;
                continue;
            }
            tx.commit().await?;
            left.fetch_sub(events.len(), Ordering::Relaxed);
            taken.extend(events.into_iter().map(|event| event.key));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(taken)
    };
    let all = async { tokio::try_join!(write(0), write(1), write(2), read(false), read(true)) };
    let (_, _, _, first, second) = tokio::time::timeout(PATIENCE, all).await??;
    assert!(take(&pool, "r", 1).await?.is_empty());
    let all: BTreeSet<&String> = first.iter().chain(&second).collect();
    assert_eq!((all.len(), first.len() + second.len()), (EVENTS, EVENTS));
    Ok(())
}

#[tokio::test]
async fn every_chain_has_a_lock_of_its_own() -> Result<()> {
    let pool = testkit::database().await?;
    let mut transactions = Vec::new();
    // Ids beyond 32 bits exist: 2^31 is the first that an integer cannot hold.
    for chain in [1, 31337, 1 << 31, 1_313_161_554, (1 << 32) + 1, i64::MAX as u64] {
        let mut tx = pool.begin().await?;
        tokio::time::timeout(Duration::from_secs(5), distribution::lock(&mut tx, chain)).await??;
        transactions.push(tx);
    }
    let mut again = pool.begin().await?;
    let waits = tokio::time::timeout(Duration::from_millis(200), distribution::lock(&mut again, 1 << 31)).await;
    assert!(waits.is_err(), "a lock was given twice");
    Ok(())
}
