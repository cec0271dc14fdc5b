//! Publishing a payout root: everybody's cumulative totals as one hash on chain, with the full list in the vault.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use bindings::{Payouts, Total};
use chain::sender::{self, Intent};
use domain::merkle::PayoutTree;
use serde_json::json;
use store::{distribution as pots, roots};

use crate::{Context, JobError};

pub async fn publish(context: &Context) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    let mut tx = context.pool.begin().await?;
    pots::lock(&mut tx, chain_id).await?;
    let newest = roots::newest(&mut tx, chain_id).await?;
    if let Some(newest) = &newest {
        match newest.state.as_str() {
            // One root at a time: the next is published when this one is active.
            "built" => return check_sent(context, newest.root).await,
            "proposed" => return Ok(()),
            _ => {}
        }
    }
    let cumulative = roots::cumulative(&mut tx, chain_id).await?;
    if cumulative.entries.is_empty()
        || newest
            .as_ref()
            .is_some_and(|root| root.state == "activated" && root.through_payout == cumulative.through_payout)
    {
        return Ok(());
    }
    let payouts = context.deployment.payouts;
    let tree = PayoutTree::new(chain_id, payouts, cumulative.entries.clone())
        .map_err(|error| JobError::Refused(error.to_string()))?;
    let root = tree.root();
    if newest.is_some_and(|newest| newest.root == root && newest.state == "vetoed") {
        return Err(JobError::Refused(format!(
            "root {root} was vetoed; it is not proposed again before its totals change"
        )));
    }
    let data_cid = store_list(context, &cumulative, root).await?;
    let mut totals: BTreeMap<Address, U256> = BTreeMap::new();
    for entry in &cumulative.entries {
        *totals.entry(entry.token).or_default() += entry.cumulative.0;
    }
    let totals: Vec<(Address, U256)> = totals.into_iter().collect();
    roots::record(&mut tx, chain_id, root, &data_cid, &totals, &cumulative).await?;
    let call = Payouts::proposeCall {
        root,
        dataCid: data_cid,
        // Ledger anchors come with the Anchor contract.
        anchorSeq: 0,
        totals: totals.iter().map(|(token, amount)| Total { token: *token, amount: *amount }).collect(),
    };
    let intent = Intent {
        account: context.engine,
        key: propose_key(root),
        to: Some(payouts),
        value: U256::ZERO,
        data: call.abi_encode().into(),
    };
    sender::enqueue(&mut tx, chain_id, &intent).await?;
    tx.commit().await?;
    tracing::info!("payout root {root}: {} accounts", cumulative.entries.len());
    Ok(())
}

fn propose_key(root: alloy::primitives::B256) -> String {
    format!("propose:{root}")
}

/// The list behind a root, for anyone to check: by the CID that goes on chain with it.
async fn store_list(
    context: &Context,
    cumulative: &roots::Cumulative,
    root: alloy::primitives::B256,
) -> Result<String, JobError> {
    let list = json!({
        "chainId": context.deployment.chain_id,
        "contract": context.deployment.payouts.to_checksum(None),
        "root": root,
        "entries": cumulative.entries.iter().map(|entry| json!({
            "account": entry.account.to_checksum(None),
            "token": entry.token.to_checksum(None),
            "cumulative": entry.cumulative.to_string(),
        })).collect::<Vec<_>>(),
    });
    let stored = context.vault.put_bytes(list.to_string().into()).await?;
    Ok(stored.cid.to_string())
}

/// A root that was built but is not on chain: its transaction is under way, or the chain refused it.
async fn check_sent(context: &Context, root: alloy::primitives::B256) -> Result<(), JobError> {
    let failed = sqlx::query_scalar!(
        "SELECT coalesce(error, state) FROM sender_transactions
         WHERE chain_id = $1 AND key = $2 AND state IN ('refused', 'reverted')",
        context.deployment.chain_id as i64,
        propose_key(root)
    )
    .fetch_optional(&context.pool)
    .await?;
    match failed {
        Some(reason) => Err(JobError::Refused(format!("root {root} was refused: {}", reason.unwrap_or_default()))),
        None => Ok(()),
    }
}
