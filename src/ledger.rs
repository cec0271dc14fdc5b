//! `tributary verify` and `tributary ledger ...`: holding receipts, and the whole ledger, against what was anchored.

use std::path::{Path, PathBuf};

use alloy::{
    primitives::{Address, B256},
    providers::{Provider, ProviderBuilder},
};
use anyhow::{Context, Result, bail};
use bindings::Anchor;
use clap::{Args, Subcommand};
use domain::ledger::{Receipt, anchor::Latest, receipt::Trust, verify_receipt};
use service::Settings;
use store::ledger;

use crate::process;

/// A receipt is larger only when it was padded.
const LARGEST_RECEIPT: u64 = 4 << 20;

#[derive(Args)]
pub struct Verify {
    /// The receipt
    file: PathBuf,
    /// The root to hold it against, known from elsewhere
    #[arg(long, conflicts_with_all = ["rpc", "contract"])]
    root: Option<B256>,
    /// A node of the chain; with --contract, the newest anchors are asked for there
    #[arg(long, requires = "contract")]
    rpc: Option<String>,
    /// The Anchor contract, known from elsewhere: what the receipt says of itself is no proof
    #[arg(long, requires = "rpc")]
    contract: Option<Address>,
}

/// Needs neither settings nor a database.
pub async fn verify(arguments: Verify) -> Result<()> {
    let receipt = read(&arguments.file)?;
    let trust = match (arguments.root, arguments.rpc, arguments.contract) {
        (Some(root), ..) => Trust::Root(root),
        (None, Some(rpc), Some(contract)) => {
            let provider = ProviderBuilder::new().connect_http(rpc.parse().context("--rpc is no URL")?);
            let chain_id = provider.get_chain_id().await.context("the node did not answer")?;
            let latest = Anchor::new(contract, provider).latest().call().await;
            let latest = latest.with_context(|| format!("{contract} is no Anchor contract of chain {chain_id}"))?;
            let latest = Latest { seq: latest.seq, size: latest.size, head: latest.head };
            Trust::Latest { chain_id, contract, latest }
        }
        _ => bail!("say what to hold it against: --root, or --rpc and --contract"),
    };
    let verified = verify_receipt(&receipt, &trust)?;
    let event = &verified.event;
    println!("The receipt holds: event {} stands in the ledger.", event.seq);
    println!("{:10}{} of {}\n{:10}{}", "event", event.kind, event.subject, "", event.body);
    println!(
        "{:10}number {}, over {} events, root {}",
        "anchor", verified.anchor.seq, verified.anchor.size, verified.anchor.root
    );
    if let Some(signer) = verified.signer {
        println!("{:10}{signer}", "signed by");
    }
    Ok(())
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

pub async fn run(settings: &Settings, command: Command) -> Result<()> {
    let Command::Verify = command;
    let db = process::migrate(settings).await?;
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
