//! `tributary books ...`: counts the books from the beginning and compares the running totals.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use domain::money::Amount;
use service::Settings;
use store::payouts::books::{self, Recount};

use crate::{mirror, process};

#[derive(Subcommand)]
pub enum Command {
    /// Counts everything that was ever recorded, says where the running totals or the records do not hold, and changes nothing
    Recount {
        /// Take what was counted for the running totals, where these differ
        #[arg(long)]
        accept: bool,
        /// The chain, if the database has several
        #[arg(long)]
        chain: Option<u64>,
    },
}

/// Runs a command of `tributary books`.
///
/// # Errors
/// When the running totals or the records do not hold, or when the database fails.
pub async fn run(settings: &Settings, command: Command) -> Result<()> {
    let Command::Recount { accept, chain } = command;
    let db = process::database(settings).await?;
    let chain_id = mirror::mirrored(&db, chain).await?;
    let recount = books::recount(&db, chain_id)
        .await?
        .with_context(|| format!("the mirror of chain {chain_id} has not reached its first head"))?;
    print(&recount);
    if accept && !recount.differences.is_empty() {
        let mut tx = db.begin().await?;
        books::forget(&mut tx, chain_id).await?;
        tx.commit().await?;
        println!("The next check, within five minutes, counts from the beginning and goes on from what it finds.");
    }
    // Differences are faults too.
    let faults = recount.reading.books.faults.len() - if accept { recount.differences.len() } else { 0 };
    match faults {
        0 => Ok(()),
        1 => bail!("the books of chain {chain_id} have a fault"),
        many => bail!("the books of chain {chain_id} have {many} faults"),
    }
}

fn print(recount: &Recount) {
    let books = &recount.reading.books;
    println!("block {}", books.block_number);
    for currency in &books.currencies {
        println!("currency {}", currency.token);
        let line = |name: &str, amount: Amount| println!("  {name:<14}{amount}");
        line("income", currency.income);
        line("undistributed", currency.undistributed);
        line("payable", currency.payable);
        line("reserved", currency.reserved);
        line("carried", currency.carried);
        line("paid", currency.paid);
        line("fees", currency.fees);
        line("gas", currency.gas);
    }
    for fault in &books.faults {
        println!("fault in {}: it should hold that {}: {}", fault.token, fault.rule, fault.detail);
    }
    if recount.differences.is_empty() {
        println!("The running totals are what was counted, to the last byte.");
    }
}
