//! `tributary verify` and `tributary ledger ...`: compares receipts, and the whole ledger, with what was anchored.

use std::path::{Path, PathBuf};

use alloy::{
    primitives::{Address, B256},
    providers::Provider,
};
use anyhow::{Context, Result, bail};
use bindings::{AccessManager, Anchor};
use chain::rpc;
use chrono::DateTime;
use clap::{Args, Subcommand};
use domain::ledger::{
    Receipt, anchor,
    receipt::{Anchored, ReceiptError, Trust, Verified},
    verify_receipt,
};
use sender::deploy::ENGINE;
use service::Settings;
use store::ledger;

use crate::process;

/// The largest receipt, in bytes. A receipt is larger only when it was padded.
const LARGEST_RECEIPT: u64 = 4 << 20;

#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct Against {
    /// The root to compare it with, known from elsewhere
    #[arg(long)]
    root: Option<B256>,
    /// A node of the chain; with --contract, the anchors are asked for there
    #[arg(long, requires = "contract")]
    rpc: Option<String>,
    /// The Anchor contract, known from elsewhere: what the receipt says about itself proves nothing
    #[arg(long, requires = "rpc")]
    contract: Option<Address>,
    /// Who must have signed; without it, and with --rpc, whoever has the role ENGINE there
    #[arg(long)]
    signer: Option<Address>,
}

#[derive(Args)]
pub struct Verify {
    /// The receipt
    file: PathBuf,
    #[command(flatten)]
    against: Against,
}

/// Checks a receipt, and prints what it proves. This needs neither settings nor a database.
///
/// # Errors
/// When the file cannot be read or is not a receipt, when the receipt does not agree with what it is compared with, or when
/// the node fails.
pub async fn verify(Verify { file, against }: Verify) -> Result<()> {
    let receipt = read(&file)?;
    let mut verified = None;
    if let Some(root) = against.root {
        verified = Some(verify_receipt(&receipt, &Trust::Root(root))?);
    }
    if let Some(signer) = against.signer {
        verified = Some(verify_receipt(&receipt, &Trust::Signer(signer))?);
    }
    if let (Some(rpc), Some(contract)) = (against.rpc, against.contract) {
        let (provider, _) = rpc::connect(&rpc).await.context("--rpc")?;
        verified = Some(verify_on_chain(&receipt, &provider, contract, against.signer).await?);
    }
    let Verified { event, tree, anchor, signer } = verified.context("say what to hold the receipt against")?;
    println!("The receipt holds: event {} stands in the ledger.", event.seq);
    println!("{:10}{} of {}\n{:10}{}", "event", event.kind, event.subject, "", event.body);
    println!("{:10}{} events, root {}", "tree", tree.size, tree.root);
    match anchor {
        Some(anchor) => {
            let date = i64::try_from(anchor.time).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            let time = date.map_or_else(|| format!("{} seconds after 1970", anchor.time), |date| date.to_string());
            println!("{:10}number {}, at {time}", "anchor", anchor.seq);
        }
        None => println!("{:10}none when the receipt was made: nothing on chain binds the ledger to it", "anchor"),
    }
    if let Some(signer) = signer {
        println!("{:10}{signer}", "signed by");
    }
    Ok(())
}

/// Compares a receipt with the contract: with its newest anchor or, when others came since, with the event in the
/// transaction that the receipt names. A receipt without an anchor needs a signature by an account that may anchor.
///
/// # Errors
/// When the receipt does not agree with the contract, when its signer may not anchor, or when the node fails.
pub async fn verify_on_chain(
    receipt: &Receipt,
    provider: &impl Provider,
    contract: Address,
    signer: Option<Address>,
) -> Result<Verified> {
    let chain_id = provider.get_chain_id().await.context("the node did not answer")?;
    let anchors = Anchor::new(contract, provider);
    let latest = anchors.latest().call().await;
    let latest = latest.with_context(|| format!("{contract} is no Anchor contract of chain {chain_id}"))?;
    let latest = anchor::Latest { seq: latest.seq, size: latest.size, head: latest.head };
    let verified = match (verify_receipt(receipt, &Trust::Latest { chain_id, contract, latest }), &receipt.anchored) {
        (Err(error @ (ReceiptError::Outdated { .. } | ReceiptError::NotAnchored { .. })), Some(anchored)) => {
            let anchor = told(provider, contract, anchored).await?.ok_or(error)?;
            verify_receipt(receipt, &Trust::Anchor { chain_id, contract, anchor })?
        }
        (Err(error @ ReceiptError::NotYetAnchored), _) => {
            let signed = receipt.signature.as_ref().ok_or(error)?;
            verify_receipt(receipt, &Trust::Signer(signed.signer))?
        }
        (verified, _) => verified?,
    };
    if let Some(by) = verified.signer.filter(|_| signer.is_none()) {
        let manager = AccessManager::new(anchors.authority().call().await?, provider);
        if !manager.hasRole(ENGINE, by).call().await?.isMember {
            bail!("signature: {by} does not have the role ENGINE at {contract}; if it had once, say so by --signer");
        }
    }
    Ok(verified)
}

/// Returns the anchor that the contract emitted in the transaction that a receipt names, if there is one.
async fn told(provider: &impl Provider, contract: Address, anchored: &Anchored) -> Result<Option<anchor::Anchor>> {
    let mined = provider.get_transaction_receipt(anchored.transaction).await.context("the node did not answer")?;
    let logs = mined.into_iter().flat_map(|mined| mined.logs().to_vec());
    // Other events of the contract are no anchors.
    let events =
        logs.filter(|log| log.address() == contract).filter_map(|log| log.log_decode::<Anchor::Anchored>().ok());
    let mut anchors = events
        .map(|log| log.inner.data)
        .map(|Anchor::Anchored { seq, root, size, time, .. }| anchor::Anchor { seq, root, size, time });
    let first = anchored.anchors.first().map(|anchor| anchor.seq);
    Ok(anchors.find(|anchor| Some(anchor.seq) == first))
}

fn read(file: &Path) -> Result<Receipt> {
    let name = file.display();
    let size = std::fs::metadata(file).with_context(|| format!("{name} could not be read"))?.len();
    if size > LARGEST_RECEIPT {
        bail!("{name} has {size} bytes: no receipt is so large");
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("{name} could not be read"))?;
    Receipt::parse(&text).with_context(|| name.to_string())
}

#[derive(Subcommand)]
pub enum Command {
    /// Reads the whole ledger, checks every hash and link, and every root that was anchored
    Verify,
}

/// Runs a command of `tributary ledger`.
///
/// # Errors
/// When an entry is not as it was written, or the database fails.
pub async fn run(settings: &Settings, command: Command) -> Result<()> {
    let Command::Verify = command;
    let db = process::database(settings).await?;
    let mut tx = db.begin().await?;
    let anchored = ledger::anchored(&mut tx).await?;
    let verified = ledger::verify(&mut tx, &anchored, |_, _| ()).await??;
    println!("{} events, {} anchored roots: every hash and every link is right.", verified.head.size, anchored.len());
    println!("{:10}{}", "head", verified.head.hash);
    if let Some(root) = verified.root {
        println!("{:10}{root}", "root");
    }
    Ok(())
}
