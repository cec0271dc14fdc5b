//! Publishes a payout root: everybody's cumulative totals as one hash on chain, with the full list in the vault.

use std::time::Duration;

use alloy::{
    primitives::{B256, U256},
    sol_types::SolCall,
};
use bindings::{Payouts, Total};
use domain::merkle::PayoutTree;
use facts::{Fact, RootProposalQueued};
use queue::{Failure, Job, Queue};
use sender::Intent;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::error_chain;
use store::{
    ledger,
    payouts::{
        books, pots,
        roots::{self, Cumulative},
    },
};

use super::{Activate, enqueue};
use crate::{
    Context, JobError, Worker,
    standing::{self, Standing},
};

/// The job that commits to everybody's totals on chain.
#[derive(Debug, Serialize, Deserialize)]
pub struct Publish {}

impl Job for Publish {
    type Context = Worker;
    const NAME: &str = "publish";
    const QUEUE: Queue = Queue::Chain;

    async fn run(&self, worker: &Worker) -> Result<(), Failure> {
        // A job that already waits will see everything that this one is about.
        let Some(_turn) = worker.pots.turn_after(&worker.next_publish).await else { return Ok(()) };
        Ok(publish(&worker.context).await?)
    }
}

/// Commits to everybody's totals on chain, unless nothing changed or a root is under way. Repeating this changes
/// nothing.
///
/// # Errors
/// When the database or the vault fails.
pub async fn publish(context: &Context) -> Result<(), JobError> {
    let chain_id = context.deployment.chain_id;
    add_trees(context).await?;
    let mut tx = context.pool.begin().await?;
    pots::lock(&mut tx, chain_id).await?;
    let mut left_out = books::contradictions(&mut tx, chain_id).await?;
    for token in &left_out {
        tracing::error!("no root brings anything new in {token} on chain {chain_id}: the books do not hold in it");
    }
    left_out.extend(&context.distribution.left_out);
    // There is one root at a time. The next one is published when this one is decided.
    if let Some(pending) = roots::pending(&mut tx, chain_id).await? {
        let activate = Activate { number: pending.number };
        enqueue(&mut tx, chain_id, &activate, pending.wait + Duration::from_secs(1)).await?;
        tx.commit().await?;
        return Ok(());
    }
    // What everybody was paid is only added up when somebody was paid.
    if roots::is_current(&mut tx, chain_id).await? {
        return Ok(());
    }
    let newest = roots::newest(&mut tx, chain_id).await?;
    if let Some(built) = newest.as_ref().filter(|newest| newest.state == "built")
        && standing::of(&mut tx, chain_id, &propose_key(built.root)).await? == Standing::UnderWay
    {
        return Ok(());
    }
    let cumulative = roots::cumulative(&mut tx, chain_id, &left_out).await?;
    if !cumulative.changed {
        return Ok(());
    }
    let tree = PayoutTree::new(chain_id.0, context.deployment.payouts, cumulative.entries.clone())
        .map_err(|error| JobError::Refused(error_chain(&error).to_string()))?;
    let root = tree.root();
    let known = newest.filter(|newest| newest.root == root);
    if known.as_ref().is_some_and(|known| known.state == "vetoed") {
        tracing::warn!("payout root {root} was vetoed: nothing is published before its totals change");
        return Ok(());
    }
    let data_cid = store_list(context, &cumulative, root).await?;
    if known.is_none() {
        roots::record(&mut tx, chain_id, &tree, &data_cid, &cumulative).await?;
    }
    let Standing::Missing { key, refused } = standing::of(&mut tx, chain_id, &propose_key(root)).await? else {
        return Ok(());
    };
    if let Some(reason) = refused {
        tracing::error!("payout root {root} was not accepted ({reason}): it is proposed again");
    }
    // 0 says on chain that no anchor covers what the tree was computed from.
    let anchor_seq = ledger::payouts_anchor(&mut tx, chain_id).await?.unwrap_or_default();
    let queued = RootProposalQueued { key: key.clone(), data_cid: data_cid.clone(), anchor_seq };
    let totals = cumulative.totals.iter().map(|(token, amount)| Total { token: *token, amount: *amount }).collect();
    let call = Payouts::proposeCall { root, dataCid: data_cid, anchorSeq: anchor_seq, totals };
    let intent = Intent {
        account: context.engine,
        key,
        to: Some(context.deployment.payouts),
        value: U256::ZERO,
        data: call.abi_encode().into(),
    };
    sender::enqueue(&mut tx, chain_id, &intent).await?;
    roots::tell(&mut tx, chain_id, root, Fact::RootProposalQueued(queued)).await?;
    tx.commit().await?;
    tracing::info!("payout root {root}: {} accounts", cumulative.entries.len());
    Ok(())
}

/// Stores the trees of roots that a version before migration 30 recorded, so that a read of a proof need not build them.
async fn add_trees(context: &Context) -> Result<(), JobError> {
    let deployment = &context.deployment;
    let mut tx = context.pool.begin().await?;
    for root in roots::without_tree(&mut tx, deployment.chain_id).await? {
        if !roots::add_tree(&mut tx, deployment.chain_id, deployment.payouts, root).await? {
            tracing::error!(
                "the stored entries of payout root {} do not make it: nobody can claim with them",
                root.root
            );
        }
    }
    Ok(tx.commit().await?)
}

fn propose_key(root: B256) -> String {
    format!("propose:{root}")
}

/// Stores the list behind a root, so that anyone can check it, and returns the CID that goes on chain with the root.
async fn store_list(context: &Context, cumulative: &Cumulative, root: B256) -> Result<String, JobError> {
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
