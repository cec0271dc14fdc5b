//! Applies what GitHub delivered about a work: the commits of a push become contributions.
//!
//! [`next`] takes hold of the work and of its oldest delivery that waits, [`apply`] records what the delivery says and
//! writes down what became of it, and [`give_up`] writes down that it could not be applied. Because a commit counts once in
//! a work, a delivery may be applied again, and deliveries may be applied in another order. The result is the same.

use std::fmt;

use alloy::primitives::Address;
use domain::cost::Evidence;
use facts::Account;
use importer::{
    Programs,
    github::{self, Contributions, Event, PayloadError, Reason, Verified, contributions_of, merge_of},
};
use sqlx::{Acquire, PgConnection, Postgres, Transaction};
use store::{
    StoreError, github as hooks,
    works::commits::{self, Commit, clean},
};

use crate::import_repository::author;

/// The most characters of a message. Longer ones are cut.
const LONGEST_MESSAGE: usize = 500;
/// The most bytes of a page's address. A page with a longer one is not recorded as evidence.
const LONGEST_PAGE: usize = 500;
/// The most characters of a repository's name. Longer ones are cut.
const LONGEST_NAME: usize = 200;

/// A delivery that waits to be applied, and that the caller's transaction holds.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: i64,
    pub work: i64,
    /// The work's owner, for whom contributions are recorded.
    pub owner: Address,
    /// The hook that it came by, a UUID.
    pub hook: String,
    /// GitHub's name for what happened.
    pub event: String,
    pub payload: Vec<u8>,
    /// The number of times that applying it has failed.
    pub attempts: i32,
}

/// What became of a delivery. Its text is for the work's owner.
#[derive(Debug)]
pub enum Outcome {
    /// A push brought commits that count.
    Applied(Push),
    /// There was nothing to record.
    Ignored(Ignored),
    /// It cannot be recorded as it is.
    Failed(Failed),
}

/// What a push brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// The number of commits that it lists.
    pub listed: usize,
    /// The number of commits that were recorded.
    pub recorded: u64,
    /// The number of contributions that these commits are: one for each author.
    pub contributions: u64,
    /// The number of commits that count and were known before.
    pub known: u64,
    /// The number of commits that it lists a second time.
    pub repeated: u64,
    /// The number of commits that merge others.
    pub merges: u64,
    /// The number of commits that are not on the default branch.
    pub on_other_branches: u64,
    /// Whether GitHub may have left commits out of the list.
    pub incomplete: bool,
    /// Whether the default branch lost commits.
    pub rewritten: bool,
}

/// Why a delivery brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// GitHub asked whether anyone listens.
    Ping,
    /// Only pushes bring contributions, and this is something else.
    OtherEvent { event: String },
    /// A pull request became part of the default branch. Its commits come as a push.
    MergedRequest { number: u64, commit: String },
    /// Something else happened to a pull request.
    Request { number: u64, action: String },
    /// The delivery tells of `repository`, but the hook is bound to `bound`.
    OtherRepository { repository: String, bound: String },
    /// A push without a commit that counts.
    EmptyPush(Push),
}

/// Why a delivery can never be recorded as it is.
#[derive(Debug)]
pub enum Failed {
    /// The payload is not what GitHub documents.
    Payload(PayloadError),
    /// The repository's number is beyond those that GitHub gives.
    RepositoryNumber { id: u64 },
    /// Applying it failed each time.
    GivenUp { tries: i32 },
}

/// Returns the work's oldest delivery that waits, if there is one. Until the transaction ends, nobody else applies a
/// delivery of this work or imports into it, so that no commit is taken for a new one twice.
///
/// # Errors
/// When the database fails, or somebody else holds the work for longer than the transaction's `lock_timeout`.
pub async fn next(tx: &mut Transaction<'_, Postgres>, work: i64) -> Result<Option<Delivery>, StoreError> {
    let owner =
        sqlx::query_scalar!(r#"SELECT owner AS "owner: Account" FROM works WHERE id = $1 FOR NO KEY UPDATE"#, work)
            .fetch_optional(&mut **tx)
            .await?;
    let Some(owner) = owner else { return Ok(None) };
    let waiting = sqlx::query!(
        r#"SELECT id, hook_id::text AS "hook!", event, payload, attempts FROM github_deliveries
           WHERE work_id = $1 AND state = 'received' ORDER BY id LIMIT 1 FOR UPDATE"#,
        work
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(waiting) = waiting else { return Ok(None) };
    Ok(Some(Delivery {
        id: waiting.id,
        work,
        owner: owner.0,
        hook: waiting.hook,
        event: waiting.event,
        payload: waiting.payload,
        attempts: waiting.attempts,
    }))
}

/// Applies a delivery and stores what became of it. `programs` says who is a program and not a person.
///
/// # Errors
/// When the database refuses what the delivery brings. The transaction is then as it was before and can go on.
pub async fn apply(
    tx: &mut Transaction<'_, Postgres>,
    delivery: &Delivery,
    programs: &Programs,
) -> Result<Outcome, StoreError> {
    let mut part = tx.begin().await?;
    match record(&mut part, delivery, programs).await {
        Ok(outcome) => {
            settle(&mut part, delivery, &outcome).await?;
            part.commit().await?;
            Ok(outcome)
        }
        Err(error) => {
            part.rollback().await?;
            Err(error)
        }
    }
}

/// Stores that a delivery was tried too often in vain. The work's owner may ask for it again.
///
/// # Errors
/// When the database fails.
pub async fn give_up(
    tx: &mut Transaction<'_, Postgres>,
    delivery: &Delivery,
    tries: i32,
) -> Result<Outcome, StoreError> {
    let outcome = Outcome::Failed(Failed::GivenUp { tries });
    settle(tx, delivery, &outcome).await?;
    Ok(outcome)
}

async fn settle(conn: &mut PgConnection, delivery: &Delivery, outcome: &Outcome) -> Result<(), StoreError> {
    let message: String = clean(&outcome.to_string()).chars().take(LONGEST_MESSAGE).collect();
    hooks::settle(conn, delivery.id, outcome.state(), &message).await
}

async fn record(conn: &mut PgConnection, delivery: &Delivery, programs: &Programs) -> Result<Outcome, StoreError> {
    // Its signature was checked before it was stored.
    let event = match Verified::kept(&delivery.payload).event(&delivery.event) {
        Ok(event) => event,
        Err(error) => return Ok(Outcome::Failed(Failed::Payload(error))),
    };
    match event {
        Event::Ping => Ok(Outcome::Ignored(Ignored::Ping)),
        Event::Other => Ok(Outcome::Ignored(Ignored::OtherEvent { event: delivery.event.clone() })),
        Event::PullRequest(request) => {
            if let Some(other) = bound_elsewhere(conn, delivery, &request.repository).await? {
                return Ok(other);
            }
            let number = request.number;
            Ok(Outcome::Ignored(match merge_of(&request) {
                Some(merge) => Ignored::MergedRequest { number, commit: merge.commit },
                None => Ignored::Request { number, action: request.action },
            }))
        }
        Event::Push(push) => {
            if let Some(other) = bound_elsewhere(conn, delivery, &push.repository).await? {
                return Ok(other);
            }
            let found = contributions_of(&push, programs);
            let brought = record_commits(conn, delivery, push.commits.len(), &found).await?;
            Ok(if found.taken.is_empty() {
                Outcome::Ignored(Ignored::EmptyPush(brought))
            } else {
                Outcome::Applied(brought)
            })
        }
    }
}

/// Binds the hook to the repository, unless it is bound already. A delivery from another repository does not belong to this
/// work.
async fn bound_elsewhere(
    conn: &mut PgConnection,
    delivery: &Delivery,
    repository: &github::Repository,
) -> Result<Option<Outcome>, StoreError> {
    let Ok(id) = i64::try_from(repository.id) else {
        return Ok(Some(Outcome::Failed(Failed::RepositoryNumber { id: repository.id })));
    };
    let name: String = clean(&repository.full_name).chars().take(LONGEST_NAME).collect();
    let (bound_id, bound) = hooks::bind(conn, &delivery.hook, id, &name).await?;
    Ok((bound_id != id).then_some(Outcome::Ignored(Ignored::OtherRepository { repository: name, bound })))
}

async fn record_commits(
    conn: &mut PgConnection,
    delivery: &Delivery,
    listed: usize,
    found: &Contributions,
) -> Result<Push, StoreError> {
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
            triggered_by: taken.triggered_by.as_ref().map(author),
        })
        .collect();
    let recorded = commits::record(conn, delivery.work, delivery.owner, Evidence::FilesOrLines, &commits).await?;
    let mut push = Push {
        listed,
        recorded: recorded.commits,
        contributions: recorded.contributions,
        known: commits.len() as u64 - recorded.commits,
        incomplete: found.incomplete,
        rewritten: found.rewritten,
        ..Push::default()
    };
    for left_out in &found.left_out {
        match left_out.reason {
            Reason::OtherBranch => push.on_other_branches += 1,
            Reason::Merge => push.merges += 1,
            Reason::Repeated => push.repeated += 1,
        }
    }
    Ok(push)
}

fn is_page(url: &str) -> bool {
    url.starts_with("https://") && url.len() <= LONGEST_PAGE && !url.contains(|letter: char| letter.is_control())
}

impl Outcome {
    /// Returns the word for the outcome that is stored with the delivery.
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Ignored(_) => "ignored",
            Self::Failed(_) => "failed",
        }
    }

    /// Returns what the delivery brought, if it is a push of this work's repository.
    pub const fn push(&self) -> Option<&Push> {
        match self {
            Self::Applied(push) | Self::Ignored(Ignored::EmptyPush(push)) => Some(push),
            Self::Ignored(_) | Self::Failed(_) => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied(push) => push.fmt(f),
            Self::Ignored(ignored) => ignored.fmt(f),
            Self::Failed(failed) => failed.fmt(f),
        }
    }
}

impl fmt::Display for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} commits recorded", self.recorded, self.listed)?;
        for (count, what) in [
            (self.known, "known before"),
            (self.repeated, "listed twice"),
            (self.merges, "merging others"),
            (self.on_other_branches, "not on the default branch"),
        ] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        if self.incomplete {
            f.write_str("; GitHub may not have listed all: import the repository for the rest")?;
        }
        if self.rewritten {
            f.write_str("; history was rewritten: the same work may have come under other ids")?;
        }
        f.write_str(".")
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ping => f.write_str("GitHub asked whether anyone listens."),
            Self::OtherEvent { event } => write!(f, "`{event}` says nothing of contributions: only pushes count."),
            Self::MergedRequest { number, commit } => {
                write!(f, "Pull request {number} was merged as {commit}: its commits come as a push, and count there.")
            }
            Self::Request { number, action } => {
                write!(f, "Pull request {number} ({action}) brought nothing to the default branch.")
            }
            Self::OtherRepository { repository, bound } => {
                write!(f, "It came from {repository}, and this hook is of {bound}: make another for it.")
            }
            Self::EmptyPush(push) => push.fmt(f),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::RepositoryNumber { id } => write!(f, "repository.id is {id}: GitHub has no such numbers"),
            Self::GivenUp { tries } => {
                write!(f, "It was tried {tries} times and could not be recorded. Ask for it again later.")
            }
        }
    }
}
