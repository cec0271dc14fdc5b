//! One process leads the mirror of a chain, and the others stand by.
//!
//! The leader holds an advisory lock with the very session by which it commits, so that ending the session ends both. Its
//! epoch, which is one above its predecessor's, is part of every commit's compare-and-swap. So a leader that did not notice its
//! own replacement cannot commit anything.

use std::{sync::Arc, time::Duration};

use facts::ChainId;
use serde_json::Value;
use service::error_chain;
use sqlx::{Connection, PgConnection, PgPool};
use store::StoreError;
use tokio_util::task::AbortOnDropHandle;

use crate::heads::Heads;

/// How often the leader reports that it is alive.
const BEAT: Duration = Duration::from_secs(2);
/// Silence after which a standby ends the leader's session. The lock is free at once when a leader's process dies. This is for
/// a leader that hangs, or whose machine is gone.
const SILENCE_SECONDS: f64 = 10.0;

/// What a leader reports to operators with each beat.
pub type Report = Arc<dyn Fn() -> Value + Send + Sync>;

pub struct Leader {
    pub conn: PgConnection,
    pub epoch: i64,
    /// The heads of the numbering of every record, in a backfill.
    pub heads: Option<Heads>,
    _beat: AbortOnDropHandle<()>,
}

impl Leader {
    /// Takes the lead of a chain's mirror. Returns `None` while another process has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn elect(db: &PgPool, chain_id: ChainId, report: Report) -> Result<Option<Self>, StoreError> {
        let chain = chain_id.get();
        let options = db.connect_options().as_ref().clone().application_name("tributary indexer");
        let mut conn = PgConnection::connect_with(&options).await?;
        let locked = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_lock(hashtextextended('mirror of chain ' || $1::bigint, 0)) AS "locked!""#,
            chain
        )
        .fetch_one(&mut conn)
        .await?;
        if !locked {
            end_silent_leader(&mut conn, chain).await?;
            return Ok(None);
        }
        let mut tx = conn.begin().await?;
        let epoch = sqlx::query_scalar!(
            "INSERT INTO chain.leaders AS l (chain_id, epoch, name, backend_pid)
             VALUES ($1, coalesce((SELECT epoch FROM chain.cursors WHERE chain_id = $1), 0) + 1, $2, pg_backend_pid())
             ON CONFLICT (chain_id) DO UPDATE SET epoch = greatest(l.epoch + 1, excluded.epoch), name = excluded.name,
                 backend_pid = excluded.backend_pid, since = now(), beat_at = now(), status = '{}'
             RETURNING epoch",
            chain,
            process_name()
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!("UPDATE chain.cursors SET epoch = $2 WHERE chain_id = $1", chain, epoch).execute(&mut *tx).await?;
        tx.commit().await?;
        let beat = AbortOnDropHandle::new(tokio::spawn(beat(db.clone(), chain, epoch, report)));
        tracing::debug!("leads the mirror of chain {chain_id}, epoch {epoch}");
        Ok(Some(Self { conn, epoch, heads: None, _beat: beat }))
    }
}

/// Ends the session of a leader that has been silent for too long, and with it the lock.
async fn end_silent_leader(conn: &mut PgConnection, chain: i64) -> Result<(), StoreError> {
    let ended = sqlx::query_scalar!(
        r#"WITH silent AS MATERIALIZED (
               SELECT l.name, l.epoch, l.backend_pid FROM chain.leaders l
               JOIN pg_locks k ON k.locktype = 'advisory' AND k.granted AND k.pid = l.backend_pid
                    AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    AND (k.classid::bigint << 32 | k.objid::bigint) = hashtextextended('mirror of chain ' || $1::bigint, 0)
               WHERE l.chain_id = $1 AND l.beat_at < now() - make_interval(secs => $2))
           SELECT name || ', epoch ' || epoch AS "leader!" FROM silent WHERE pg_terminate_backend(backend_pid)"#,
        chain,
        SILENCE_SECONDS
    )
    .fetch_optional(conn)
    .await?;
    if let Some(leader) = ended {
        tracing::warn!(
            "the leader of chain {chain}'s mirror ({leader}) has been silent for {SILENCE_SECONDS} s: its session was ended"
        );
    }
    Ok(())
}

async fn beat(db: PgPool, chain: i64, epoch: i64, report: Report) {
    loop {
        let status = report();
        // Nothing is lost with a beat, so its commit does not wait for the disk.
        let beaten = sqlx::query!(
            "WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true))
             UPDATE chain.leaders SET beat_at = now(), status = $3 FROM relaxed WHERE chain_id = $1 AND epoch = $2",
            chain,
            epoch,
            status
        )
        .execute(&db)
        .await;
        if let Err(error) = beaten {
            tracing::debug!("the leader's beat was not stored: {}", error_chain(&error));
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// Returns which process this is, for people: host and process id.
fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "localhost".to_owned());
    format!("{}:{}", host.trim(), std::process::id())
}
