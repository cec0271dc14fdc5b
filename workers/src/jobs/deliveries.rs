//! Deliveries of GitHub's webhooks: pushes become contributions.
//!
//! Those of one work are applied one after the other, in the order in which they came, each in one transaction with all that follows
//! from it. While one cannot be applied, those behind it wait; after [`TRIES`] it is given up, and they go on. Its owner may ask for
//! it again. Since a commit counts once, neither repeats nor another order change what there is in the end.

use std::collections::BTreeMap;

use alloy::primitives::Address;
use commands::import_repository::author;
use domain::cost::Evidence;
use importer::github::{self, Event, Push, Reason, Verified, contributions_of, merge_of};
use queue::{Failure, Job, Queue};
use serde::{Deserialize, Serialize};
use service::error_chain;
use sqlx::{Acquire, PgConnection, PgPool};
use store::{
    commits::{self, Commit},
    github as hooks, values,
};

use crate::{JobError, Worker};

/// A delivery that fails so often is given up.
const TRIES: i32 = 10;
/// Longer messages are cut, in characters.
const LONGEST_MESSAGE: usize = 500;
/// A longer address of a page is no evidence.
const LONGEST_PAGE: usize = 500;

/// What became of a delivery, and why.
enum Settled {
    Applied(String),
    Ignored(String),
    Failed(String),
}

struct Delivery {
    id: i64,
    hook: String,
    event: String,
    payload: Vec<u8>,
    attempts: i32,
}

/// Apply what GitHub delivered about a work.
#[derive(Debug, Serialize, Deserialize)]
pub struct ApplyDeliveries {
    /// The work.
    pub work: i64,
}

impl Job for ApplyDeliveries {
    type Context = Worker;
    const NAME: &str = "apply_deliveries";
    const QUEUE: Queue = Queue::Hooks;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        Ok(apply_deliveries(&worker.context.pool, self.work).await?)
    }
}

/// Applies what waits for a work. Repeating it, also at the same time, changes nothing.
///
/// # Errors
/// When the first that waits could not be applied and is to be tried again, or somebody else holds the work for long.
pub async fn apply_deliveries(pool: &PgPool, work: i64) -> Result<(), JobError> {
    while next(pool, work).await? {}
    Ok(())
}

/// Settles the first delivery that waits; false when none does.
async fn next(pool: &PgPool, work: i64) -> Result<bool, JobError> {
    let mut tx = pool.begin().await?;
    sqlx::query("SET LOCAL lock_timeout = '5s'").execute(&mut *tx).await?;
    // An import holds it too: neither takes a commit for new that the other is about to record.
    let owner =
        sqlx::query_scalar!(r#"SELECT owner AS "owner: Vec<u8>" FROM works WHERE id = $1 FOR NO KEY UPDATE"#, work)
            .fetch_optional(&mut *tx)
            .await?;
    let waiting = sqlx::query_as!(
        Delivery,
        r#"SELECT id, hook_id::text AS "hook!", event, payload, attempts FROM github_deliveries
           WHERE work_id = $1 AND state = 'received' ORDER BY id LIMIT 1 FOR UPDATE"#,
        work
    )
    .fetch_optional(&mut *tx)
    .await?;
    let (Some(owner), Some(delivery)) = (owner, waiting) else { return Ok(false) };
    let owner = values::address(&owner)?;
    let mut part = tx.begin().await?;
    let settled = match apply(&mut part, work, owner, &delivery).await {
        Ok(settled) => {
            part.commit().await?;
            settled
        }
        Err(error) => {
            part.rollback().await?;
            if delivery.attempts + 1 < TRIES {
                hooks::count_attempt(&mut tx, delivery.id).await?;
                tx.commit().await?;
                return Err(error);
            }
            tracing::error!("delivery {} of work {work} is given up: {}", delivery.id, error_chain(&error));
            Settled::Failed(format!("It was tried {TRIES} times and could not be recorded. Ask for it again later."))
        }
    };
    settle(&mut tx, &delivery, settled).await?;
    tx.commit().await?;
    Ok(true)
}

async fn settle(tx: &mut PgConnection, delivery: &Delivery, settled: Settled) -> Result<(), JobError> {
    let (state, message) = match settled {
        Settled::Applied(message) => ("applied", message),
        Settled::Ignored(message) => ("ignored", message),
        Settled::Failed(message) => ("failed", message),
    };
    let message: String = message.replace('\0', "\u{fffd}").chars().take(LONGEST_MESSAGE).collect();
    hooks::settle(tx, delivery.id, state, &message).await?;
    metrics::counter!("webhook_deliveries_settled_total", "state" => state).increment(1);
    Ok(())
}

async fn apply(tx: &mut PgConnection, work: i64, owner: Address, delivery: &Delivery) -> Result<Settled, JobError> {
    // Its signature was checked before it was stored.
    let event = match Verified::kept(&delivery.payload).event(&delivery.event) {
        Ok(event) => event,
        Err(error) => return Ok(Settled::Failed(error.to_string())),
    };
    match event {
        Event::Ping => Ok(Settled::Ignored("GitHub asked whether anyone listens.".to_owned())),
        Event::Other => {
            Ok(Settled::Ignored(format!("`{}` says nothing of contributions: only pushes count.", delivery.event)))
        }
        Event::PullRequest(request) => {
            if let Some(other) = bound_elsewhere(tx, delivery, &request.repository).await? {
                return Ok(other);
            }
            let number = request.number;
            Ok(Settled::Ignored(match merge_of(&request) {
                Some(merge) => format!(
                    "Pull request {number} was merged as {}: its commits come as a push, and count there.",
                    merge.commit
                ),
                None => format!("Pull request {number} ({}) brought nothing to the default branch.", request.action),
            }))
        }
        Event::Push(push) => {
            if let Some(other) = bound_elsewhere(tx, delivery, &push.repository).await? {
                return Ok(other);
            }
            record(tx, work, owner, &push).await
        }
    }
}

/// Binds the webhook to the repository, unless it is bound: then what came from another is not of this work.
async fn bound_elsewhere(
    tx: &mut PgConnection,
    delivery: &Delivery,
    repository: &github::Repository,
) -> Result<Option<Settled>, JobError> {
    let Ok(id) = i64::try_from(repository.id) else {
        return Ok(Some(Settled::Failed(format!("repository.id is {}: GitHub has no such numbers", repository.id))));
    };
    let name: String = repository.full_name.replace('\0', "\u{fffd}").chars().take(200).collect();
    let (bound, bound_name) = hooks::bind(tx, &delivery.hook, id, &name).await?;
    let other = || format!("It came from {name}, and this hook is of {bound_name}: make another for it.");
    Ok((bound != id).then(|| Settled::Ignored(other())))
}

async fn record(tx: &mut PgConnection, work: i64, owner: Address, push: &Push) -> Result<Settled, JobError> {
    let found = contributions_of(push);
    let commits: Vec<Commit<'_>> = found
        .taken
        .iter()
        .map(|taken| Commit {
            id: &taken.commit,
            time: taken.time,
            subject: &taken.subject,
            touches_tests: taken.touches_tests,
            cost: taken.cost,
            evidence: Some(&*taken.url).filter(|url| is_page(url)),
            authors: taken.authors.iter().map(author).collect(),
        })
        .collect();
    let recorded = commits::record(tx, work, owner, Evidence::FilesOrLines, &commits).await?;
    metrics::counter!("contributions_recorded_total", "source" => "push").increment(recorded.contributions);
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for left_out in &found.left_out {
        *reasons.entry(in_words(left_out.reason)).or_default() += 1;
    }
    let known = commits.len() as u64 - recorded.commits;
    let mut parts = vec![format!("{} of {} commits recorded", recorded.commits, push.commits.len())];
    parts.extend((known > 0).then(|| format!("{known} known before")));
    parts.extend(reasons.iter().map(|(reason, count)| format!("{count} {reason}")));
    parts.extend(found.incomplete.then(|| "GitHub may not have listed all: import the repository for the rest".into()));
    parts.extend(found.rewritten.then(|| "history was rewritten: the same work may have come under other ids".into()));
    let message = format!("{}.", parts.join("; "));
    Ok(if commits.is_empty() { Settled::Ignored(message) } else { Settled::Applied(message) })
}

fn is_page(url: &str) -> bool {
    url.starts_with("https://") && url.len() <= LONGEST_PAGE && !url.contains(|letter: char| letter.is_control())
}

fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::OtherBranch => "not on the default branch",
        Reason::Merge => "merging others",
        Reason::Repeated => "listed twice",
    }
}
