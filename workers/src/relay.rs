//! From facts to jobs, each fact once.

use std::time::{Duration, Instant};

use advisors::risk;
use agents::risk::Watched;
use service::{Shutdown, error_chain};
use store::outbox::{self, Event};

use crate::{Context, JobError, Task, deliveries, enqueue, forget_done};

const BATCH: i64 = 500;
const POLL: Duration = Duration::from_secs(1);
/// What no fact tells of, such as a transaction that failed or a job that was given up, is found so often.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// Works on sale are looked at again so long after a sale, in case a day was settled; once for all sales of that time.
const AFTER_SALES: Duration = Duration::from_secs(30);
const FORGOTTEN_AT_ONCE: i64 = 10_000;

pub async fn run(context: Context, shutdown: Shutdown) {
    let mut looked: Option<Instant> = None;
    let mut listener = None;
    while !shutdown.has_begun() {
        if looked.is_none_or(|at| at.elapsed() >= LOOK_AGAIN) && look(&context).await.is_ok() {
            looked = Some(Instant::now());
        }
        match relay(&context).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!("jobs wait: {}", error_chain(&error));
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

/// Whatever is left to do is done, whoever left it: these jobs do nothing where there is nothing to do.
async fn look(context: &Context) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut tx = context.pool.begin().await?;
    let tasks =
        [Task::Balance, Task::Close, Task::Publish, Task::AppraiseListed { after: 0 }, Task::Analyse, Task::Introduce];
    for task in tasks {
        enqueue(&mut tx, chain_id, task, 0, Duration::ZERO).await?;
    }
    deliveries::remind(&mut tx).await?;
    tx.commit().await?;
    forget(context).await
}

/// Facts that everybody read and jobs that were done are kept for a week, for whoever asks what happened.
async fn forget(context: &Context) -> Result<(), JobError> {
    let mut conn = context.pool.acquire().await?;
    while outbox::forget(&mut conn, FORGOTTEN_AT_ONCE).await? == FORGOTTEN_AT_ONCE as u64 {}
    while forget_done(&mut conn, context.deployment.chain_id, FORGOTTEN_AT_ONCE).await? == FORGOTTEN_AT_ONCE as u64 {}
    Ok(())
}

/// Takes a batch of facts and stores the jobs they make necessary, in one transaction.
async fn relay(context: &Context) -> Result<usize, JobError> {
    let chain_id = context.deployment.chain_id;
    let mut tx = context.pool.begin().await?;
    // Each chain's workers read for themselves: what is not for one of them is for another.
    let events = outbox::take(&mut tx, &format!("workers:{chain_id}"), BATCH).await?;
    let mut jobs: Vec<(Task, Duration)> = Vec::new();
    for event in &events {
        for job in jobs_for(chain_id, event).into_iter().chain(risks_of(chain_id, event)) {
            if !jobs.contains(&job) {
                jobs.push(job);
            }
        }
    }
    for (task, delay) in jobs {
        enqueue(&mut tx, chain_id, task, 0, delay).await?;
    }
    tx.commit().await?;
    Ok(events.len())
}

/// What the risk agent looks at when something happened. Every sale is a transfer, too.
fn risks_of(chain_id: u64, event: &Event) -> Vec<(Task, Duration)> {
    let Some((chain, subject)) = event.key.split_once(':') else { return Vec::new() };
    if chain != chain_id.to_string() {
        return Vec::new();
    }
    let through = event.payload["block_number"].as_u64().unwrap_or_default();
    // The outbox tells bytes as the database writes them: \x..
    let account = |field: &str| event.payload[field].as_str()?.strip_prefix("\\x")?.parse().ok();
    let asset = subject.parse().ok().map(|asset| Task::AssessWork { asset, through });
    let accounts = |fields: &[&str]| -> Vec<Task> {
        let assess = |account| Task::AssessAccount { account, through };
        fields.iter().filter_map(|field| account(field)).map(assess).collect()
    };
    let tasks: Vec<Task> = match event.topic.as_str() {
        "asset.registered" => asset.into_iter().chain(accounts(&["registrant"])).collect(),
        "asset.transferred" => asset.into_iter().chain(accounts(&["sender", "recipient"])).collect(),
        "asset.cid_updated" => asset.into_iter().collect(),
        "order.recorded" => subject.parse().ok().map(|order| Task::Screen { order }).into_iter().collect(),
        "watch.changed" => match risk::parse_subject(subject) {
            Ok(Watched::Account(account)) => vec![Task::AssessAccount { account, through }],
            Ok(Watched::Work(asset)) => vec![Task::AssessWork { asset: asset.0, through }],
            Err(_) => Vec::new(),
        },
        _ => Vec::new(),
    };
    tasks.into_iter().map(|task| (task, Duration::ZERO)).collect()
}

/// A fact of another form than ours makes no job.
fn jobs_for(chain_id: u64, event: &Event) -> Vec<(Task, Duration)> {
    let of_this_chain = event.key.split(':').next() == Some(chain_id.to_string().as_str());
    let number = |place: usize| event.key.split(':').nth(place).and_then(|part| part.parse().ok());
    let tasks = match event.topic.as_str() {
        "contributor.address_known" => vec![Some(Task::Close)],
        // Of no chain: with several, the first to come does it, and the others find it done.
        "webhook.received" => vec![event.key.parse().ok().map(|work| Task::ApplyDeliveries { work })],
        _ if !of_this_chain => vec![],
        "asset.registered" => vec![number(1).map(|asset| Task::Appraise { asset })],
        "asset.sold" => {
            // What the sale says of all that is on sale can wait for the next ones.
            let listed = (Task::AppraiseListed { after: 0 }, AFTER_SALES);
            let at_once = [number(1).map(|asset| Task::Appraise { asset }), Some(Task::Analyse)].into_iter().flatten();
            return at_once.map(|task| (task, Duration::ZERO)).chain([listed]).collect();
        }
        "income.finalized" => vec![Some(Task::Close)],
        "root.proposed" => return activation(event).into_iter().collect(),
        "root.activated" | "root.vetoed" => vec![Some(Task::Publish)],
        _ => vec![],
    };
    tasks.into_iter().flatten().map(|task| (task, Duration::ZERO)).collect()
}

fn activation(event: &Event) -> Option<(Task, Duration)> {
    let number = event.payload["number"].as_u64()?;
    let due = event.payload["activatable_at"].as_str()?.parse::<chrono::DateTime<chrono::Utc>>().ok()?;
    let wait = (due - chrono::Utc::now()).to_std().unwrap_or_default();
    // The contract compares with the time of a block, which may lag behind ours.
    Some((Task::Activate { number }, wait + Duration::from_secs(1)))
}
