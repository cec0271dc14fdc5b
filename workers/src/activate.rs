//! Activating a proposed root when its delay is over.

use alloy::{
    primitives::U256, providers::Provider, rpc::types::TransactionRequest, sol_types::SolCall, transports::RpcError,
};
use bindings::Payouts;
use chain::sender::{self, Intent};

use crate::{Context, JobError};

pub async fn activate(context: &Context, number: u64) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let decided = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM chain.root_decisions WHERE chain_id = $1 AND number = $2) AS "decided!""#,
        chain_id as i64,
        number as i64
    )
    .fetch_one(&context.pool)
    .await?;
    if decided {
        return Ok(());
    }
    let data = Payouts::activateCall {}.abi_encode();
    let request =
        TransactionRequest::default().from(context.engine).to(context.deployment.payouts).input(data.clone().into());
    // Asked first, because the sender refuses for good what the chain refuses: too early is not for good.
    match context.provider.call(request).pending().await {
        Ok(_) => {}
        Err(RpcError::ErrorResp(error)) => {
            return Err(JobError::NotYet(format!("root {number} cannot be activated: {error}")));
        }
        Err(error) => return Err(JobError::NotYet(format!("the node did not answer: {error}"))),
    }
    let intent = Intent {
        account: context.engine,
        key: format!("activate:{number}"),
        to: Some(context.deployment.payouts),
        value: U256::ZERO,
        data: data.into(),
    };
    let mut conn = context.pool.acquire().await?;
    sender::enqueue(&mut conn, chain_id, &intent).await?;
    Ok(())
}
