//! The ledger in a real database: sealing, reading, proofs, and whatever others may do to its tables.

mod chain;
mod seal;
mod tamper;

use anyhow::Result;
use domain::ledger::{Canonical, Entry, NewEvent};
use serde_json::json;
use sqlx::PgPool;
use store::ledger;

fn event(n: u64) -> NewEvent {
    let body = Canonical::of(&json!({"n": n, "note": "a \"quoted\" \\ é\n\0"})).unwrap();
    let streams = [format!("asset:1:{}", n % 3), format!("contributor:\"{}\\", n % 2)];
    NewEvent::new("contribution.recorded", format!("contribution:{n}"), streams, body).unwrap()
}

/// Appends events, `each` in a transaction of their own.
async fn append(pool: &PgPool, from: u64, through: u64, each: usize) -> Result<()> {
    let events: Vec<NewEvent> = (from..=through).map(event).collect();
    for events in events.chunks(each) {
        let mut tx = pool.begin().await?;
        ledger::append(&mut tx, events).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Seals until nothing waits; how many events that were.
async fn seal(pool: &PgPool, limit: i64) -> Result<u64> {
    let mut sealed = 0;
    loop {
        let mut tx = pool.begin().await?;
        let events = ledger::seal(&mut tx, limit).await?.events;
        tx.commit().await?;
        if events == 0 {
            return Ok(sealed);
        }
        sealed += events;
    }
}

/// A database with a ledger of so many sealed events.
async fn sealed(size: u64) -> Result<PgPool> {
    let pool = testkit::database().await?;
    append(&pool, 1, size, 7).await?;
    assert_eq!(seal(&pool, 10).await?, size);
    Ok(pool)
}

async fn entries(pool: &PgPool) -> Result<Vec<Entry>> {
    let mut conn = pool.acquire().await?;
    let size = ledger::head(&mut conn).await?.size;
    let mut entries = Vec::new();
    for seq in 1..=size {
        entries.extend(ledger::entry(&mut conn, seq).await?);
    }
    Ok(entries)
}

/// The numbers in the subjects, in the order of the ledger.
async fn order(pool: &PgPool) -> Result<Vec<String>> {
    Ok(entries(pool).await?.into_iter().map(|entry| entry.event.subject).collect())
}

async fn verify(pool: &PgPool) -> Result<Result<ledger::Verified, ledger::Fault>> {
    let mut conn = pool.acquire().await?;
    Ok(ledger::verify(&mut conn, &[], |_, _| ()).await?)
}
