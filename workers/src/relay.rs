//! Turns facts into jobs, each fact once.

use std::time::{Duration, Instant};

use agents::risk::Watched;
use facts::{ChainId, Envelope, Fact};
use queue::{QueueError, Request, forget_done};
use service::{Shutdown, error_chain};
use store::facts::{outbox, trace};

use crate::{
    Context, JobError,
    jobs::{
        Activate, Analyse, ApplyDeliveries, Appraise, AppraiseListed, Assess, Balance, Close, Introduce, Publish,
        Screen,
    },
};

const BATCH: i64 = 500;
const POLL: Duration = Duration::from_secs(1);
/// How often to look for things that no fact tells, such as a transaction that failed or a job that was given up.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// How long after a sale the works on sale are looked at again, in case a day was settled. This is done once for all sales of
/// that time.
const AFTER_SALES: Duration = Duration::from_secs(30);
const FORGOTTEN_AT_ONCE: i64 = 10_000;

pub async fn run(context: Context, shutdown: Shutdown) {
    let mut looked: Option<Instant> = None;
    let mut listener = None;
    while !shutdown.has_begun() {
        if looked.is_none_or(|at| at.elapsed() >= LOOK_AGAIN) {
            match look(&context).await {
                Ok(()) => looked = Some(Instant::now()),
                Err(error) => tracing::warn!("what is left to do was not looked for: {}", error_chain(&error)),
            }
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
            match outbox::listen(&context.pool).await {
                Ok(woken) => listener = Some(woken),
                Err(error) => tracing::debug!("facts are found by polling alone: {}", error_chain(&error)),
            }
        }
        match &mut listener {
            Some(woken) => {
                tokio::select! {
                    heard = tokio::time::timeout(POLL, woken.recv()) => {
                        if let Ok(Err(error)) = heard {
                            tracing::debug!("facts are found by polling until it listens again: {}", error_chain(&error));
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

/// Stores jobs for whatever is left to do. These jobs do nothing when there is nothing to do.
async fn look(context: &Context) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut tx = context.pool.begin().await?;
    let requests = [
        Request::of(&Balance {})?,
        Request::of(&Close {})?,
        Request::of(&Publish {})?,
        Request::of(&AppraiseListed { after: 0 })?,
        Request::of(&Analyse {})?,
        Request::of(&Introduce {})?,
    ];
    for request in &requests {
        queue::enqueue(&mut tx, chain_id, request).await?;
    }
    store::github::remind(&mut tx).await?;
    tx.commit().await?;
    forget(context).await
}

/// Removes old facts and jobs. Facts that everybody read and jobs that are done are kept for a week, so that one can see what
/// happened.
async fn forget(context: &Context) -> Result<(), JobError> {
    let mut conn = context.pool.acquire().await?;
    while outbox::forget(&mut conn, FORGOTTEN_AT_ONCE).await? == FORGOTTEN_AT_ONCE as u64 {}
    while forget_done(&mut conn, context.deployment.chain_id, FORGOTTEN_AT_ONCE).await? == FORGOTTEN_AT_ONCE as u64 {}
    Ok(())
}

/// Takes a batch of facts and stores the jobs that they make necessary, in one transaction.
async fn relay(context: &Context) -> Result<usize, JobError> {
    let chain_id = context.deployment.chain_id;
    let mut tx = context.pool.begin().await?;
    // The workers of each chain have their own place in the outbox, because they leave facts of other chains to others.
    let taken = outbox::take(&mut tx, &format!("workers:{chain_id}"), BATCH).await?;
    for row in &taken.unreadable {
        metrics::counter!("outbox_unreadable_total").increment(1);
        tracing::error!("row {} of the outbox (`{}`) makes no job: {}", row.id, row.kind, row.reason);
    }
    let mut requested: Vec<Request> = Vec::new();
    for fact in &taken.facts {
        for request in jobs_for(chain_id, fact)? {
            if !requested.contains(&request) {
                trace::within(fact.trace, queue::enqueue(&mut tx, chain_id, &request)).await?;
                requested.push(request);
            }
        }
    }
    tx.commit().await?;
    Ok(taken.len())
}

/// Returns the jobs that a fact makes necessary. What is taken back makes none: whatever was computed from it is computed from
/// the mirror.
fn jobs_for(chain_id: ChainId, told: &Envelope) -> Result<Vec<Request>, QueueError> {
    // A fact of no chain is for whichever chain's workers come first: the others find it done.
    if told.is_retracted() || told.chain.is_some_and(|chain| chain != chain_id) {
        return Ok(Vec::new());
    }
    // A fact of no block is settled at once, like one of the first block.
    let through = told.block.unwrap_or_default();
    let work = |asset: facts::Asset| Request::of(&Assess::of(Watched::Work(asset.0), through));
    let account = |account: facts::Account| Request::of(&Assess::of(Watched::Account(account.0), through));
    let appraise = |asset: facts::Asset| Request::of(&Appraise { asset: asset.0.0 });
    Ok(match &told.fact {
        Fact::AssetRegistered(fact) => vec![appraise(fact.asset)?, work(fact.asset)?, account(fact.registrant)?],
        // Every sale is a transfer too, and its risks are looked at with the transfer.
        Fact::AssetTransferred(fact) => vec![work(fact.asset)?, account(fact.sender)?, account(fact.recipient)?],
        Fact::AssetCidUpdated(fact) => vec![work(fact.asset)?],
        // What the sale means for all works on sale can wait for the next sales.
        Fact::AssetSold(fact) => vec![
            appraise(fact.asset)?,
            Request::of(&Analyse {})?,
            Request::of(&AppraiseListed { after: 0 })?.after(AFTER_SALES),
        ],
        Fact::OrderRecorded(fact) => vec![Request::of(&Screen { order: fact.hash.0 })?],
        // The agent's own entries are what it found, so it need not look again.
        Fact::WatchBegun(fact) | Fact::WatchEnded(fact) if fact.by != store::advice::watch::AGENT => {
            watched(&fact.subject)
                .map(|what| Request::of(&Assess::of(what, through)))
                .into_iter()
                .collect::<Result<_, _>>()?
        }
        Fact::WorkPayeesChanged(_) | Fact::IncomeFinalized(_) => vec![Request::of(&Close {})?],
        Fact::GithubDelivered(fact) => vec![Request::of(&ApplyDeliveries { work: fact.work.0 })?],
        Fact::RootProposed(fact) => activation(fact)?.into_iter().collect(),
        Fact::RootActivated(_) | Fact::RootVetoed(_) => vec![Request::of(&Publish {})?],
        // Nothing follows from these here.
        Fact::WatchBegun(_) | Fact::WatchEnded(_) => vec![],
        Fact::AssetFrozen(_) | Fact::AssetRoyaltyLowered(_) | Fact::InboxDeployed(_) | Fact::ContractEvent(_) => vec![],
        Fact::OrdersCancelled(_) | Fact::OrdersCancelledAll(_) | Fact::MarketFeeSet(_) => vec![],
        Fact::CreditAdded(_) | Fact::CreditWithdrawn(_) => vec![],
        Fact::IncomeReceived(_) | Fact::RootTotalPassedOver(_) | Fact::PayoutClaimed(_) | Fact::PayoutAddressSet(_) => {
            vec![]
        }
        Fact::ChainBackfilled(_) | Fact::ChainReorganised(_) => vec![],
        // These facts are in the ledger only.
        Fact::WorkCreated(_) | Fact::WorkVersionAdded(_) | Fact::WorkDependenciesChanged(_) => vec![],
        Fact::WorkPolicySet(_) | Fact::WorkMeasured(_) | Fact::ContributorAddressKnown(_) => vec![],
        Fact::GithubHookCreated(_) | Fact::GithubHookRotated(_) | Fact::GithubHookRevoked(_) => vec![],
        Fact::ContributionRecorded(_) | Fact::ContributionProposed(_) | Fact::ContributionAccepted(_) => vec![],
        Fact::ContributionRejected(_) | Fact::ContributionCorrected(_) => vec![],
        Fact::IdentityClaimed(_) | Fact::IdentityRefused(_) | Fact::IdentityLinked(_) | Fact::IdentityUnlinked(_) => {
            vec![]
        }
        Fact::DistributionClosed(_) | Fact::ReserveReleased(_) | Fact::RootBuilt(_) => vec![],
        Fact::RootProposalQueued(_) | Fact::RootActivationQueued(_) => vec![],
        Fact::AdviceGiven(_) | Fact::BooksStopped(_) | Fact::BooksBalanced(_) => vec![],
    })
}

/// Returns what an entry of the watch list is about.
fn watched(subject: &str) -> Option<Watched> {
    advisors::risk::parse_subject(subject).ok()
}

/// Returns the job that activates a root. `None` for a root that can never be activated.
fn activation(fact: &facts::RootProposed) -> Result<Option<Request>, QueueError> {
    let Some(due) = fact.activatable_at else { return Ok(None) };
    let wait = (due - chrono::Utc::now()).to_std().unwrap_or_default();
    // The contract compares with the time of a block, which may be behind our clock.
    Ok(Some(Request::of(&Activate { number: fact.number })?.after(wait + Duration::from_secs(1))))
}
