//! Seals the ledger: what transactions appended gets its number and its hash, in the order in which they committed.

use std::time::Duration;

use service::{Pace, Shutdown, error_chain};
use sqlx::PgPool;
use store::{StoreError, ledger};

/// How many appended events are sealed at once.
const BATCH: i64 = 2_000;
/// The pause when only a little waited. Notifications are not used, because they would take a lock for every commit of
/// the server.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Seals until the shutdown. Several processes may do so at the same time: one proceeds, and the others wait for it.
pub async fn run(pool: PgPool, shutdown: Shutdown) {
    let mut pace = Pace::new(PAUSE);
    while !shutdown.has_begun() {
        let pause = match seal(&pool).await {
            Ok(events) if events >= BATCH as u64 => continue,
            Ok(events) => pace.after(events > 0),
            Err(error) => {
                tracing::warn!("the ledger waits: {}", error_chain(&error));
                PAUSE_AFTER_FAILURE
            }
        };
        shutdown.sleep(pause).await;
    }
}

/// Seals what waits, and returns how many events that were.
///
/// # Errors
/// When the database fails, or the ledger is not as it was written.
pub async fn seal(pool: &PgPool) -> Result<u64, StoreError> {
    if !ledger::waits(pool).await? {
        return Ok(0);
    }
    let mut tx = pool.begin().await?;
    let sealed = ledger::seal(&mut tx, BATCH).await?;
    tx.commit().await?;
    if sealed.events > 0 {
        metrics::counter!("ledger_events_total").increment(sealed.events);
        metrics::gauge!("ledger_size").set(sealed.size as f64);
    }
    Ok(sealed.events)
}
