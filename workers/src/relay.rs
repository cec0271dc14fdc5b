//! From facts to jobs, each fact once.

use std::time::Duration;

use service::Shutdown;
use store::outbox::{self, Event};

use crate::{Context, JobError, Task, enqueue};

const READER: &str = "workers";
const BATCH: i64 = 500;
const POLL: Duration = Duration::from_secs(1);

pub async fn run(context: Context, shutdown: Shutdown) {
    // Whatever an earlier process left is looked at once: all three jobs do nothing where there is nothing to do.
    let mut greeted = false;
    let mut listener = None;
    while !shutdown.has_begun() {
        if !greeted {
            greeted = greet(&context).await.is_ok();
        }
        match relay(&context).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!("jobs wait: {error}");
                listener = None;
                shutdown.sleep(POLL).await;
            }
        }
        if listener.is_none() {
            listener = outbox::listen(&context.pool).await.ok();
        }
        match &mut listener {
            Some(woken) => {
                tokio::select! {
                    heard = tokio::time::timeout(POLL, woken.recv()) => {
                        if matches!(heard, Ok(Err(_))) {
                            listener = None;
                        }
                    }
                    () = shutdown.begun() => {}
                }
            }
            None => {
                shutdown.sleep(POLL).await;
            }
        }
    }
}

async fn greet(context: &Context) -> Result<(), JobError> {
    let mut tx = context.pool.begin().await?;
    enqueue(&mut tx, Task::Close, 0, Duration::ZERO).await?;
    enqueue(&mut tx, Task::Publish, 0, Duration::ZERO).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a batch of facts and stores the jobs they make necessary, in one transaction.
async fn relay(context: &Context) -> Result<usize, JobError> {
    let mut tx = context.pool.begin().await?;
    let events = outbox::take(&mut tx, READER, BATCH).await?;
    let mut jobs: Vec<(Task, Duration)> = Vec::new();
    for event in &events {
        if let Some(job) = job_for(context.deployment.chain_id, event).filter(|job| !jobs.contains(job)) {
            jobs.push(job);
        }
    }
    for (task, delay) in jobs {
        enqueue(&mut tx, task, 0, delay).await?;
    }
    tx.commit().await?;
    Ok(events.len())
}

fn job_for(chain_id: u64, event: &Event) -> Option<(Task, Duration)> {
    let of_this_chain = event.key.split(':').next() == Some(chain_id.to_string().as_str());
    match event.topic.as_str() {
        "contributor.address_known" => Some((Task::Close, Duration::ZERO)),
        _ if !of_this_chain => None,
        "income.finalized" => Some((Task::Close, Duration::ZERO)),
        "root.proposed" => {
            let number = event.payload["number"].as_u64()?;
            let due = event.payload["activatable_at"].as_str()?.parse::<chrono::DateTime<chrono::Utc>>().ok()?;
            let wait = (due - chrono::Utc::now()).to_std().unwrap_or_default();
            // The contract compares with the time of a block, which may lag behind ours.
            Some((Task::Activate { number }, wait + Duration::from_secs(1)))
        }
        "root.activated" | "root.vetoed" => Some((Task::Publish, Duration::ZERO)),
        _ => None,
    }
}
