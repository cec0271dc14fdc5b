//! Facts become jobs, jobs come back when they fail, and neither pile up.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use store::{
    distribution,
    outbox::{self, NewEvent},
};

use crate::stage::{Running, Stage};

/// Jobs under the pots' lock that have not ended.
const OPEN: &str = "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'
                    AND (convert_from(job, 'UTF8') LIKE '%Close%' OR convert_from(job, 'UTF8') LIKE '%Publish%')";

/// Stores a job as the workers do, that failed so often before.
async fn store_job(stage: &Stage, id: &str, task: Value, tries: u32) -> Result<()> {
    let job = json!({"task": task, "tries": tries}).to_string();
    sqlx::query(
        "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority)
         VALUES ($1, 'payouts:31337', $2, 'Pending', 0, 25, now(), 0)",
    )
    .bind(id)
    .bind(job.into_bytes())
    .execute(stage.pool())
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_job_comes_back_and_ends_in_sight_and_many_facts_do_not_pile_up() -> Result<()> {
    const FACTS: i64 = 200;
    let stage = Stage::start().await?;
    stage.mirror().await?;
    let running = Running::start(&stage).await?;
    let activate = json!({"Activate": {"number": 999}});
    store_job(&stage, "01ARZ3NDEKTSV4RRFFQ69G5FAV", activate.clone(), 0).await?;
    store_job(&stage, "01ARZ3NDEKTSV4RRFFQ69G5FAW", activate, 11).await?;
    stage
        .until("the last try", async || {
            let killed =
                "SELECT count(*) FROM apalis.jobs WHERE id = '01ARZ3NDEKTSV4RRFFQ69G5FAW' AND status = 'Killed'
                          AND last_result::text LIKE '%root 999 cannot be activated: RootNotPending%'";
            Ok(stage.number(killed).await? == 1)
        })
        .await?;
    // The one that may fail again waits twice as long each time.
    stage
        .until("the third try", async || {
            let later = "SELECT count(*) FROM apalis.jobs WHERE convert_from(job, 'UTF8') LIKE '%999%' AND status = 'Pending'
                         AND (convert_from(job, 'UTF8')::jsonb ->> 'tries')::int = 2 AND run_at > now() + interval '500 ms'";
            Ok(stage.number(later).await? == 1)
        })
        .await?;

    // While a division takes its time, facts that ask for another do not pile up behind it, nor take connections.
    let mut busy = stage.pool().begin().await?;
    distribution::lock(&mut busy, stage.context.deployment.chain_id).await?;
    for n in 0..FACTS {
        let mut tx = stage.pool().begin().await?;
        outbox::emit(&mut tx, &[NewEvent::new("income.finalized", "31337", json!({"through": n}))]).await?;
        // Another chain's facts make no jobs here.
        outbox::emit(&mut tx, &[NewEvent::new("root.proposed", "1:7", json!({"number": 7}))]).await?;
        tx.commit().await?;
    }
    let facts = async || {
        let left =
            "SELECT count(*) FROM outbox o, outbox_readers r WHERE r.reader = 'workers:31337' AND o.txid > r.txid";
        Ok(stage.number(left).await? == 0)
    };
    stage.until("the facts", facts).await?;
    stage.until("the jobs", async || Ok(stage.number(OPEN).await? <= 4)).await?;
    let connections = || stage.pool().size() - stage.pool().num_idle() as u32;
    stage.until("a few connections only", async || Ok(connections() <= 8)).await?;
    assert!(stage.number(OPEN).await? > 0, "a job ended that could not have done its work");
    busy.rollback().await?;
    stage.until("the end", async || Ok(stage.number(OPEN).await? == 0)).await?;
    let foreign =
        "SELECT count(*) FROM apalis.jobs WHERE job_type <> 'payouts:31337' OR convert_from(job, 'UTF8') LIKE '%:7}%'";
    assert_eq!(stage.number(foreign).await?, 0);
    running.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_a_shutdown_finds_begun_end_and_are_recorded() -> Result<()> {
    const JOBS: i64 = 60;
    let stage = Stage::start().await?;
    stage.mirror().await?;
    let running = Running::start(&stage).await?;
    let mut busy = stage.pool().begin().await?;
    sqlx::query("LOCK TABLE chain.assets IN ACCESS EXCLUSIVE MODE").execute(&mut *busy).await?;
    for n in 0..JOBS {
        let no_such = json!({"Appraise": {"asset": 900 + n}});
        store_job(&stage, &format!("01ARZ3NDEKTSV4RRFFQ69G5F{n:02}"), no_such, 0).await?;
    }
    let begun =
        "SELECT count(*) FROM apalis.jobs WHERE status = 'Running' AND convert_from(job, 'UTF8') LIKE '%Appraise\"%'";
    stage.until("the jobs to begin", async || Ok(stage.number(begun).await? == JOBS)).await?;
    let released = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(busy.rollback().await?)
    };
    tokio::try_join!(running.stop(), released)?;
    let left =
        "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done' AND convert_from(job, 'UTF8') LIKE '%Appraise\"%'";
    assert_eq!(stage.number(left).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_and_done_a_week_ago_is_forgotten() -> Result<()> {
    let stage = Stage::start().await?;
    stage.mirror().await?;
    let mut tx = stage.pool().begin().await?;
    let facts: Vec<NewEvent> =
        ["old", "new", "unread"].map(|key| NewEvent::new("nobody's", key, json!({}))).into_iter().collect();
    outbox::emit(&mut tx, &facts).await?;
    tx.commit().await?;
    let running = Running::start(&stage).await?;
    let unread = "SELECT count(*) FROM outbox o, outbox_readers r WHERE (o.txid, o.id) > (r.txid, r.id)";
    stage.until("the facts to be read", async || Ok(stage.number(unread).await? == 0)).await?;
    running.stop().await?;
    for job in ["00000000000000000000000OLD", "00000000000000000000000NEW", "00000000000000000000KILLED"] {
        store_job(&stage, job, json!("Balance"), 0).await?;
    }
    for aged in [
        "UPDATE outbox SET created_at = now() - interval '8 days' WHERE key IN ('old', 'unread')",
        "INSERT INTO outbox_readers SELECT 'slow', txid, id FROM outbox WHERE key = 'new'",
        "UPDATE apalis.jobs SET status = 'Done', done_at = now() - interval '8 days' WHERE id LIKE '000%OLD'",
        "UPDATE apalis.jobs SET status = 'Done', done_at = now() - interval '6 days' WHERE id LIKE '000%NEW'",
        "UPDATE apalis.jobs SET status = 'Killed', done_at = now() - interval '8 days' WHERE id LIKE '000%KILLED'",
    ] {
        sqlx::query(aged).execute(stage.pool()).await?;
    }

    let running = Running::start(&stage).await?;
    let old = "SELECT (SELECT count(*) FROM outbox WHERE key = 'old') + (SELECT count(*) FROM apalis.jobs WHERE id LIKE '000%OLD')";
    stage.until("the old ones to go", async || Ok(stage.number(old).await? == 0)).await?;
    running.stop().await?;
    let left = "SELECT (SELECT count(*) FROM outbox WHERE key IN ('new', 'unread'))
                     + (SELECT count(*) FROM apalis.jobs WHERE id LIKE '000%NEW' OR id LIKE '000%KILLED')";
    assert_eq!(stage.number(left).await?, 4);
    Ok(())
}
