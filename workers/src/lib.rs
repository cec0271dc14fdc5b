//! Background work: the jobs, the relay that asks for them, and the two loops that seal and anchor the ledger.
//!
//! `relay` turns facts of the outbox into jobs, and moves its place in the outbox in the same transaction. Every job may run
//! twice and does its work once; `queue` says how a failed job is tried again. From time to time everything is looked at anew,
//! so that a job that was given up, or a transaction that failed, does not hold up anything for good.

mod anchor;
mod error;
mod jobs;
mod old;
mod relay;
mod seal;
mod standing;
mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy::{primitives::Address, providers::DynProvider};
pub use anchor::{Anchoring, anchor};
use domain::{distribution::Policy, money::Amount};
pub use error::JobError;
pub use jobs::{activate, apply_deliveries, balance, close, publish, registry};
pub use seal::seal;
use service::Shutdown;
use sqlx::PgPool;
use store::deployments::Deployment;
use vault::Vault;
pub use worker::Worker;

/// What jobs work with.
#[derive(Clone)]
pub struct Context {
    pub pool: PgPool,
    pub provider: DynProvider,
    pub vault: Arc<Vault>,
    pub deployment: Deployment,
    /// The account with the ENGINE role; the sender holds its key.
    pub engine: Address,
    pub distribution: DistributionPolicy,
    pub anchoring: Anchoring,
    /// Who is a program and not a person, for commits that GitHub tells of.
    pub programs: commands::Programs,
}

/// How pots are divided, if the rules leave a choice.
#[derive(Clone, Debug, Default)]
pub struct DistributionPolicy {
    pub policy: Policy,
    /// The least that is paid, by currency, in base units. Smaller amounts are carried.
    pub min_payouts: BTreeMap<Address, Amount>,
    /// Currencies whose income waits.
    pub left_out: BTreeSet<Address>,
}

/// Creates the queue's own tables, and brings jobs that an earlier version stored into the present form.
///
/// # Errors
/// When the database fails.
pub async fn migrate(pool: &PgPool) -> Result<(), JobError> {
    queue::migrate(pool).await?;
    old::convert(pool).await
}

/// Checks that the queue's own tables are those that this program was built for.
///
/// # Errors
/// When they are not; the error says what to do.
pub async fn check(pool: &PgPool) -> Result<(), JobError> {
    Ok(queue::check(pool).await?)
}

/// Works until the shutdown.
pub async fn run(context: Context, shutdown: Shutdown) {
    let (pool, chain_id) = (context.pool.clone(), context.deployment.chain_id);
    let worker = Arc::new(Worker::new(context.clone()));
    tokio::join!(
        seal::run(pool.clone(), shutdown.clone()),
        anchor::run(context.clone(), shutdown.clone()),
        relay::run(context, shutdown.clone()),
        queue::run(pool, chain_id, worker, registry(), shutdown)
    );
}
