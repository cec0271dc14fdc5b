//! Measures the ledger in the database that DATABASE_URL names: how many events a second get from their transactions into
//! the chain, and how many are verified. For `bench/ledger.sh`.
//!
//! ledger migrate
//! ledger append WRITERS SECONDS EVENTS   writers at once, so many events a transaction, sealed by one task of its own
//! ledger locked WRITERS SECONDS EVENTS   the same, but every transaction seals its own events, and so waits for the others
//! ledger verify                          all there is, and a thousand proofs from all over it
//!
//! Prints what was measured as `NAME<tab>VALUE` lines.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use domain::ledger::{Canonical, NewEvent, tree::verify_proof};
use sqlx::{Connection, PgConnection, PgPool};
use store::ledger;
use tokio::task::JoinSet;

/// How many calls of `append` are sealed at a time.
const SEAL: i64 = 2_000;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let url = env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
    match arguments[..] {
        ["migrate"] => Ok(store::migrate(&store::connect(&url, 1).await?).await?),
        ["verify"] => verify(&store::connect(&url, 1).await?).await,
        [mode @ ("append" | "locked"), writers, seconds, events] => {
            let writers: u32 = writers.parse()?;
            let load = Load {
                pool: store::connect(&url, writers + 1).await?,
                writers,
                duration: Duration::from_secs(seconds.parse()?),
                events: events.parse()?,
                locked: mode == "locked",
            };
            load.run().await
        }
        _ => bail!("usage: ledger migrate | verify | (append | locked) WRITERS SECONDS EVENTS"),
    }
}

struct Load {
    pool: PgPool,
    writers: u32,
    duration: Duration,
    /// How many a transaction.
    events: u64,
    locked: bool,
}

impl Load {
    async fn run(self) -> Result<()> {
        let load = Arc::new(self);
        let before = size(&load.pool).await?;
        let (written, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut connections = Vec::new();
        for _ in 0..load.writers {
            connections.push(load.pool.acquire().await?);
        }
        let start = Instant::now();
        let sealer = (!load.locked).then(|| tokio::spawn(seal(load.pool.clone(), done.clone())));
        let mut writers = JoinSet::new();
        for (writer, mut connection) in connections.into_iter().enumerate() {
            let (load, written) = (load.clone(), written.clone());
            writers.spawn(async move { load.write(&mut connection, writer, start, &written).await });
        }
        while let Some(writer) = writers.join_next().await {
            writer??;
        }
        done.store(true, Ordering::Relaxed);
        if let Some(sealer) = sealer {
            sealer.await??;
        }
        // What is not in the chain yet does not count as appended.
        let elapsed = start.elapsed().as_secs_f64();
        let (written, sealed) = (written.load(Ordering::Relaxed), size(&load.pool).await? - before);
        ensure!(written == sealed, "{written} events were appended, {sealed} are in the chain");
        println!("events_per_second\t{:.1}", sealed as f64 / elapsed);
        Ok(())
    }

    async fn write(&self, conn: &mut PgConnection, writer: usize, start: Instant, written: &AtomicU64) -> Result<()> {
        let mut next = 0;
        while start.elapsed() < self.duration {
            let events = (next..next + self.events).map(|n| event(writer, n)).collect::<Result<Vec<_>>>()?;
            next += self.events;
            let mut tx = conn.begin().await?;
            ledger::append(&mut tx, &events).await?;
            if self.locked {
                ledger::seal(&mut tx, SEAL).await?;
            }
            tx.commit().await?;
            written.fetch_add(self.events, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Seals until the writers are done and nothing waits.
async fn seal(pool: PgPool, done: Arc<AtomicBool>) -> Result<()> {
    loop {
        let last = done.load(Ordering::Relaxed);
        let mut tx = pool.begin().await?;
        let sealed = ledger::seal(&mut tx, SEAL).await?;
        tx.commit().await?;
        match sealed.events {
            0 if last => return Ok(()),
            // Few at a time cost the writers more than they gain.
            0..100 => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => {}
        }
    }
}

async fn size(pool: &PgPool) -> Result<u64> {
    Ok(ledger::head(&mut *pool.acquire().await?).await?.size)
}

/// A contribution to one of a thousand works by one of a hundred people.
fn event(writer: usize, n: u64) -> Result<NewEvent> {
    let body = serde_json::json!({
        "contributor": n % 100, "cost": format!("{}.250000", n % 900), "coherence": "0.730000", "confidence": "0.75",
        "evidence": "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "kind": "MANUAL_LABOR",
        "source": format!("git:{:040x}", (u128::from(n) << 32) + writer as u128), "work": n % 1_000,
    });
    let streams = [format!("asset:31337:{}", n % 1_000), format!("contributor:{}", n % 100)];
    let subject = format!("contribution:{writer}:{n}");
    Ok(NewEvent::new("contribution.accepted", subject, streams, Canonical::of(&body)?)?)
}

/// Reads all of it, and times proofs from all over it at its size.
async fn verify(pool: &PgPool) -> Result<()> {
    let mut conn = pool.acquire().await?;
    let start = Instant::now();
    let verified = ledger::verify(&mut conn, &[], |_, _| ()).await??;
    let (size, elapsed) = (verified.head.size, start.elapsed().as_secs_f64());
    println!("events\t{size}");
    println!("verified_per_second\t{:.1}", size as f64 / elapsed);
    let root = verified.root.context("the ledger is empty")?;
    let mut times = Vec::new();
    for n in 0..1_000 {
        let seq = 1 + n * 7_919 % size;
        let start = Instant::now();
        let proof = ledger::proof(&mut conn, seq, size).await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        let entry = ledger::entry(&mut conn, seq).await?.context("every number up to the size has an entry")?;
        ensure!(verify_proof(root, size, seq, entry.hash, &proof), "the proof of entry {seq} does not hold");
    }
    times.sort_unstable_by(f64::total_cmp);
    println!("proof_p95_ms\t{:.3}", times[949]);
    Ok(())
}
