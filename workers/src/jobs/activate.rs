//! Activates a proposed root when its delay is over.

use std::time::Duration;

use alloy::{
    primitives::U256, providers::Provider, rpc::types::TransactionRequest, sol_types::SolCall, transports::RpcError,
};
use bindings::Payouts;
use facts::{Fact, RootActivationQueued};
use queue::{Failure, Job, Queue};
use sender::Intent;
use serde::{Deserialize, Serialize};
use service::error_chain;
use store::payouts::roots;

use crate::{
    Context, JobError, Worker,
    standing::{self, Standing},
};

/// How long a node may take to answer, so that it does not hold up the job and others for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// The job that makes a proposed root the one that claims are checked against.
#[derive(Debug, Serialize, Deserialize)]
pub struct Activate {
    /// Its number in the contract.
    pub number: u64,
}

impl Job for Activate {
    type Context = Worker;
    const NAME: &str = "activate";
    const QUEUE: Queue = Queue::Chain;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        Ok(activate(&worker.context, self.number).await?)
    }
}

/// Makes the proposed root with this number the one that claims are checked against. Anyone else may do this too.
///
/// # Errors
/// [`JobError::NotYet`] when it is too early or the node does not answer in time, and other errors when the database
/// or the node fails.
pub async fn activate(context: &Context, number: u64) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut conn = context.pool.acquire().await?;
    let decided = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM chain.root_decisions WHERE chain_id = $1 AND number = $2) AS "decided!""#,
        chain_id.get(),
        number as i64
    )
    .fetch_one(&mut *conn)
    .await?;
    if decided {
        return Ok(());
    }
    let Standing::Missing { key, .. } = standing::of(&mut conn, chain_id, &format!("activate:{number}")).await? else {
        return Ok(());
    };
    drop(conn);
    let data = Payouts::activateCall {}.abi_encode();
    let request =
        TransactionRequest::default().from(context.engine).to(context.deployment.payouts).input(data.clone().into());
    // The chain is asked first, because the sender gives up a transaction for good when the chain refuses it. Being
    // too early is only temporary.
    match tokio::time::timeout(PATIENCE, context.provider.call(request).pending()).await {
        Ok(Ok(_)) => {}
        Ok(Err(RpcError::ErrorResp(error))) => {
            let reason = error.as_revert_data().and_then(|data| bindings::explain_revert(&data));
            let reason = reason.unwrap_or_else(|| error.message.to_string());
            return Err(JobError::NotYet(format!("root {number} cannot be activated: {reason}")));
        }
        Ok(Err(error)) => {
            return Err(JobError::NotYet(format!("the node did not give an answer: {}", error_chain(&error))));
        }
        Err(_) => return Err(JobError::NotYet(format!("the node did not answer within {PATIENCE:?}"))),
    }
    let intent = Intent {
        account: context.engine,
        key,
        to: Some(context.deployment.payouts),
        value: U256::ZERO,
        data: data.into(),
    };
    let mut tx = context.pool.begin().await?;
    let root = roots::proposed(&mut tx, chain_id, number).await?;
    let root = root.ok_or_else(|| JobError::NotYet(format!("the mirror does not know root {number} yet")))?;
    if sender::enqueue(&mut tx, chain_id, &intent).await? {
        let queued = RootActivationQueued { key: intent.key.clone(), number };
        roots::tell(&mut tx, chain_id, root, Fact::RootActivationQueued(queued)).await?;
    }
    tx.commit().await?;
    Ok(())
}
