//! The workers alone turn deliveries of a webhook into contributions, whenever they are killed, and even if a fact was lost.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::stage::{Running, Stage, person, repository};

/// Returns a push of one commit, as GitHub sends it.
fn push(number: i64) -> String {
    let id = format!("{number:040x}");
    json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": id, "deleted": false, "forced": false,
        "repository": {"id": 1, "full_name": "octo/hello", "default_branch": "main"},
        "commits": [{
            "id": id, "message": format!("Work {number}"), "timestamp": "2024-03-01T13:00:00Z",
            "url": format!("https://github.com/octo/hello/commit/{id}"),
            "author": {"name": "Ada", "email": "ada@example.org"}, "added": ["a.rs"], "removed": [], "modified": [],
        }],
    })
    .to_string()
}

/// Stores a delivery as the API does. `told` says whether the outbox is told of it.
async fn deliver(stage: &Stage, work: i64, number: i64, told: bool) -> Result<()> {
    let mut tx = stage.pool().begin().await?;
    sqlx::query(
        "INSERT INTO github_deliveries (hook_id, work_id, guid, event, payload, payload_hash)
         SELECT id, work_id, $2, 'push', convert_to($3, 'UTF8'), sha256(convert_to($3, 'UTF8')) FROM github_hooks WHERE work_id = $1",
    )
    .bind(work)
    .bind(number.to_string())
    .bind(push(number))
    .execute(&mut *tx)
    .await?;
    if told {
        store::facts::tell_one(&mut tx, store::github::delivered(work)).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_delivered_is_recorded_once_though_workers_are_killed() -> Result<()> {
    let stage = Stage::start().await?;
    stage.mirror().await?;
    let mut works = Vec::new();
    for owner in 1..=2 {
        let people = vec![person("mailto:ada@example.org", None)];
        works.push(stage.import(owner, &repository("hello", people, &[(0, 100)])).await?.work_id);
    }
    sqlx::query("INSERT INTO github_hooks (work_id, secret) SELECT id, repeat('0', 64) FROM works")
        .execute(stage.pool())
        .await?;
    // The outbox is not told of these. The workers find them when they start.
    for work in &works {
        deliver(&stage, *work, 1, false).await?;
    }
    let mut number = 1;
    for milliseconds in [10, 30, 60, 100, 150, 250, 400] {
        for work in &works {
            deliver(&stage, *work, number + 1, true).await?;
        }
        number += 1;
        let running = Running::start(&stage).await?;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        running.abort();
        let half = "SELECT count(*) FROM github_deliveries d WHERE (state = 'applied') <> EXISTS (
                        SELECT FROM contributions c WHERE c.work_id = d.work_id AND c.source_key = 'git:' || lpad(to_hex(d.guid::int), 40, '0'))";
        assert_eq!(stage.number(half).await?, 0, "a delivery was applied by half");
    }
    let running = Running::start(&stage).await?;
    let waiting = "SELECT count(*) FROM github_deliveries WHERE state <> 'applied'";
    stage.until("the deliveries", async || Ok(stage.number(waiting).await? == 0)).await?;
    running.stop().await?;
    let recorded = "SELECT count(*) FROM contributions WHERE source_key LIKE 'git:0%'";
    assert_eq!(stage.number(recorded).await?, 2 * number);
    let told = "SELECT count(DISTINCT subject) FROM ledger.events WHERE kind = 'contribution.recorded'";
    stage
        .until("the ledger", async || {
            workers::seal(stage.pool()).await?;
            Ok(stage.number(told).await? == 2 * number + 2)
        })
        .await?;
    Ok(())
}
