//! Facts become jobs, failed jobs are tried again, and neither pile up.

use std::time::Duration;

use anyhow::Result;
use facts::{ChainId, Fact, IncomeFinalized, NewFact, RootProposed, Stream, Subject};
use queue::{Queue, Retried, dead, retry};
use serde_json::{Value, json};
use store::{facts::tell, payouts::pots};

use crate::stage::{Running, Stage};

/// Counts the jobs under the pots' lock that have not ended.
const OPEN: &str = "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'
                    AND convert_from(job, 'UTF8')::jsonb ->> 'name' IN ('close', 'publish')";

/// Stores a job as the workers do, which failed `tries` times before.
async fn store_job(stage: &Stage, id: &str, (queue, name): (&str, &str), arguments: Value, tries: u32) -> Result<()> {
    let job = json!({"name": name, "version": 1, "tries": tries, "arguments": arguments}).to_string();
    sqlx::query(
        "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority)
         VALUES ($1, $3 || ':31337', $2, 'Pending', 0, 25, now(), 0)",
    )
    .bind(id)
    .bind(job.into_bytes())
    .bind(queue)
    .execute(stage.pool())
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_job_comes_back_and_ends_in_sight_and_many_facts_do_not_pile_up() -> Result<()> {
    const FACTS: u64 = 200;
    let stage = Stage::start().await?;
    stage.mirror().await?;
    let running = Running::start(&stage).await?;
    let number = json!({"number": 999});
    store_job(&stage, "01ARZ3NDEKTSV4RRFFQ69G5FAV", ("chain", "activate"), number.clone(), 0).await?;
    store_job(&stage, "01ARZ3NDEKTSV4RRFFQ69G5FAW", ("chain", "activate"), number, 11).await?;
    stage
        .until("the last try", async || {
            let killed =
                "SELECT count(*) FROM apalis.jobs WHERE id = '01ARZ3NDEKTSV4RRFFQ69G5FAW' AND status = 'Killed'
                          AND last_result::text LIKE '%root 999 cannot be activated: RootNotPending%'";
            Ok(stage.number(killed).await? == 1)
        })
        .await?;
    // The job that may fail again waits twice as long each time.
    stage
        .until("the third try", async || {
            let later = "SELECT count(*) FROM apalis.jobs WHERE convert_from(job, 'UTF8') LIKE '%999%' AND status = 'Pending'
                         AND (convert_from(job, 'UTF8')::jsonb ->> 'tries')::int = 2 AND run_at > now() + interval '500 ms'";
            Ok(stage.number(later).await? == 1)
        })
        .await?;

    // While a division takes long, facts that ask for another one do not pile up behind it, and do not take connections.
    let mut busy = stage.pool().begin().await?;
    pots::lock(&mut busy, stage.context.deployment.chain_id).await?;
    for n in 0..FACTS {
        let mut tx = stage.pool().begin().await?;
        let income = NewFact::about_chain(ChainId(31337), Fact::IncomeFinalized(IncomeFinalized { through: n }));
        // Another chain's facts make no jobs here.
        tell(&mut tx, &[income, proposed_elsewhere()]).await?;
        tx.commit().await?;
    }
    let facts = async || {
        let left = "SELECT count(*) FROM outbox o LEFT JOIN outbox_readers r ON r.reader = 'workers:31337' WHERE r.reader IS NULL OR o.txid > r.txid";
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
        "SELECT count(*) FROM apalis.jobs WHERE job_type NOT LIKE '%:31337' OR convert_from(job, 'UTF8') LIKE '%:7}%'";
    assert_eq!(stage.number(foreign).await?, 0);
    running.stop().await
}

/// Returns a root that can be activated now, on another chain.
fn proposed_elsewhere() -> NewFact {
    let root = alloy::primitives::B256::repeat_byte(7).into();
    let body = RootProposed {
        number: 7,
        root,
        data_cid: "bafy".into(),
        anchor_seq: 0,
        totals: vec![],
        activatable_at: Some(chrono::DateTime::UNIX_EPOCH),
    };
    NewFact::of_chain(
        ChainId(1),
        Subject::Root { root },
        [Stream::Roots { chain: ChainId(1) }],
        Fact::RootProposed(body),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_listed_and_tried_again_by_a_command() -> Result<()> {
    let stage = Stage::start().await?;
    stage.mirror().await?;
    // One job cannot work yet and is at its last try, and the other one is not known to any program.
    store_job(&stage, "01ARZ3NDEKTSV4RRFFQ69G5FAV", ("chain", "activate"), json!({"number": 999}), 11).await?;
    store_job(&stage, "01ARZ3NDEKTSV4RRFFQ69G5FAW", ("agents", "dream"), json!({}), 0).await?;
    let running = Running::start(&stage).await?;
    let given_up = "SELECT count(*) FROM apalis.jobs WHERE status = 'Killed'";
    stage.until("both to be given up", async || Ok(stage.number(given_up).await? == 2)).await?;
    running.stop().await?;
    let listed = dead(&mut *stage.pool().acquire().await?, 10).await?;
    let names: std::collections::BTreeSet<(String, String)> = listed
        .iter()
        .map(|dead| (dead.queue.clone(), dead.job.as_ref().map(|job| job.name.clone()).unwrap_or_default()))
        .collect();
    let named = |queue: &str, name: &str| (queue.to_owned(), name.to_owned());
    assert_eq!(names, [named("chain:31337", "activate"), named("agents:31337", "dream")].into());
    assert!(listed.iter().any(|dead| dead.reason.contains("RootNotPending")), "{listed:?}");

    let mut tx = stage.pool().begin().await?;
    assert_eq!(retry(&mut tx, Some(&["no such".to_owned()])).await?, Retried::default());
    let one = Retried { again: 1, unknown: vec![] };
    assert_eq!(retry(&mut tx, Some(&["01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()])).await?, one);
    tx.commit().await?;
    // A job in a form that this program does not know is named, and left as it is.
    let mut tx = stage.pool().begin().await?;
    let odd = "UPDATE apalis.jobs SET job = '\\x7b7d' WHERE id = '01ARZ3NDEKTSV4RRFFQ69G5FAW'";
    assert_eq!(sqlx::query(odd).execute(&mut *tx).await?.rows_affected(), 1);
    let left = Retried { again: 0, unknown: vec!["01ARZ3NDEKTSV4RRFFQ69G5FAW".to_owned()] };
    assert_eq!(retry(&mut tx, None).await?, left);
    tx.rollback().await?;
    let again = "SELECT count(*) FROM apalis.jobs WHERE id = '01ARZ3NDEKTSV4RRFFQ69G5FAV' AND status = 'Pending'
                 AND (convert_from(job, 'UTF8')::jsonb ->> 'tries')::int = 0";
    assert_eq!(stage.number(again).await?, 1);
    // It runs, and fails as on its first try. Another try comes later.
    let running = Running::start(&stage).await?;
    let tried = "SELECT count(*) FROM apalis.jobs WHERE convert_from(job, 'UTF8') LIKE '%999%'
                 AND (convert_from(job, 'UTF8')::jsonb ->> 'tries')::int = 1";
    stage.until("it to be tried again", async || Ok(stage.number(tried).await? == 1)).await?;
    running.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_backlog_leaves_connections_to_web_requests() -> Result<()> {
    const BACKLOG: i64 = 10_000;
    let stage = Stage::start().await?;
    stage.mirror().await?;
    // Ids are ULIDs, which begin with 7 at most. Whatever else the package reads as one is written back as another.
    let jobs = "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority)
                SELECT '7' || lpad(n::text, 25, '0'), 'agents:31337',
                       convert_to('{\"name\":\"appraise\",\"version\":1,\"tries\":0,\"arguments\":{\"asset\":' || n || '}}', 'UTF8'),
                       'Pending', 0, 25, now(), 0 FROM generate_series(1000, 999 + $1::bigint) n";
    sqlx::query(jobs).bind(BACKLOG).execute(stage.pool()).await?;
    // No job ends meanwhile, so all jobs that may begin have begun, and keep their connections.
    let mut busy = stage.pool().begin().await?;
    sqlx::query("LOCK TABLE chain.assets IN ACCESS EXCLUSIVE MODE").execute(&mut *busy).await?;
    let running = Running::start(&stage).await?;
    let begun = "SELECT count(*) FROM apalis.jobs WHERE job_type = 'agents:31337' AND status = 'Running'";
    let at_once_here = Queue::Agents.at_once() as i64;
    stage.until("more jobs to begin than may go on", async || Ok(stage.number(begun).await? > at_once_here)).await?;
    let at_once: usize = Queue::ALL.iter().map(|queue| queue.at_once()).sum();
    for _ in 0..20 {
        let used = stage.pool().size() as usize - stage.pool().num_idle();
        // Besides the jobs, connections are used by the test's own lock and, for moments, by each queue's own book-keeping,
        // the relay and the two loops.
        assert!(used <= at_once + 1 + 3 + 3, "{used} connections are in use");
        let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(stage.pool()).await?;
        assert_eq!(one, 1, "a web request is answered");
    }
    busy.rollback().await?;
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
        let no_such = json!({"asset": 900 + n});
        store_job(&stage, &format!("01ARZ3NDEKTSV4RRFFQ69G5F{n:02}"), ("agents", "appraise"), no_such, 0).await?;
    }
    let begun =
        "SELECT count(*) FROM apalis.jobs WHERE status = 'Running' AND convert_from(job, 'UTF8') LIKE '%\"appraise\"%'";
    stage.until("the jobs to begin", async || Ok(stage.number(begun).await? == JOBS)).await?;
    let released = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(busy.rollback().await?)
    };
    tokio::try_join!(running.stop(), released)?;
    let left =
        "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done' AND convert_from(job, 'UTF8') LIKE '%\"appraise\"%'";
    assert_eq!(stage.number(left).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_and_done_a_week_ago_is_forgotten() -> Result<()> {
    let stage = Stage::start().await?;
    stage.mirror().await?;
    let mut tx = stage.pool().begin().await?;
    // Facts of a chain that nobody serves here.
    let facts =
        [1, 2, 3].map(|through| NewFact::about_chain(ChainId(7), Fact::IncomeFinalized(IncomeFinalized { through })));
    tell(&mut tx, &facts).await?;
    tx.commit().await?;
    let running = Running::start(&stage).await?;
    // Before its first batch the relay is no reader yet, and has read nothing.
    let unread = "SELECT count(*) FROM outbox o LEFT JOIN outbox_readers r ON true
                  WHERE r.reader IS NULL OR (o.txid, o.id) > (r.txid, r.id)";
    stage.until("the facts to be read", async || Ok(stage.number(unread).await? == 0)).await?;
    running.stop().await?;
    for job in ["00000000000000000000000OLD", "00000000000000000000000NEW", "00000000000000000000KILLED"] {
        store_job(&stage, job, ("chain", "balance"), json!({}), 0).await?;
    }
    for aged in [
        "UPDATE outbox SET created_at = now() - interval '8 days' WHERE chain_id = 7 AND payload ->> 'through' IN ('1', '3')",
        "INSERT INTO outbox_readers SELECT 'slow', txid, id FROM outbox WHERE chain_id = 7 AND payload ->> 'through' = '2'",
        "UPDATE apalis.jobs SET status = 'Done', done_at = now() - interval '8 days' WHERE id LIKE '000%OLD'",
        "UPDATE apalis.jobs SET status = 'Done', done_at = now() - interval '6 days' WHERE id LIKE '000%NEW'",
        "UPDATE apalis.jobs SET status = 'Killed', done_at = now() - interval '8 days' WHERE id LIKE '000%KILLED'",
    ] {
        sqlx::query(aged).execute(stage.pool()).await?;
    }

    let running = Running::start(&stage).await?;
    let old = "SELECT (SELECT count(*) FROM outbox WHERE chain_id = 7 AND payload ->> 'through' = '1') + (SELECT count(*) FROM apalis.jobs WHERE id LIKE '000%OLD')";
    stage.until("the old ones to go", async || Ok(stage.number(old).await? == 0)).await?;
    running.stop().await?;
    let left = "SELECT (SELECT count(*) FROM outbox WHERE chain_id = 7 AND payload ->> 'through' IN ('2', '3'))
                     + (SELECT count(*) FROM apalis.jobs WHERE id LIKE '000%NEW' OR id LIKE '000%KILLED')";
    assert_eq!(stage.number(left).await?, 4);
    Ok(())
}
