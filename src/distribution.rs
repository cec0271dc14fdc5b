//! `tributary distribution ...`: divides again what was divided, and compares the results.

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use domain::distribution::{Input, digest};
use service::Settings;
use store::payouts::pots;

use crate::process;

#[derive(Subcommand)]
pub enum Command {
    /// Divides a recorded distribution again from its stored input and compares every byte with what was recorded
    Replay {
        /// The distribution's number
        id: i64,
    },
}

/// Runs a command of `tributary distribution`.
///
/// # Errors
/// When there is no such distribution, when its stored input was changed, when dividing it again gives another
/// result, or when the database fails.
pub async fn run(settings: &Settings, command: Command) -> Result<()> {
    let Command::Replay { id } = command;
    let db = process::database(settings).await?;
    let mut conn = db.acquire().await?;
    let recorded = pots::recorded(&mut conn, id)
        .await?
        .with_context(|| format!("there is no distribution {id} with a stored input"))?;
    let found = digest(&recorded.input);
    ensure!(
        found == recorded.input_hash,
        "the stored input was changed: it hashes to {found}, not {}",
        recorded.input_hash
    );
    let input = Input::parse(&recorded.input).context("the stored input cannot be divided again")?;
    let result = input.distribute().context("the stored input cannot be divided again")?;
    let found = digest(&result.canonical(&input.graph));
    if found != recorded.result_hash {
        bail!("dividing again gives another result: it hashes to {found}, recorded is {}", recorded.result_hash);
    }
    let differing = pots::differing_flow(&mut conn, id, &input.graph, &result).await?;
    if let Some(step) = differing {
        bail!("the recorded flows were changed: step {step} is not what the input gives");
    }
    println!("distribution {id}: the same to the last byte");
    println!(
        "{:10}{} of one currency, {} works, {} flows",
        "input",
        input.amount,
        input.graph.works().len(),
        result.flows.len()
    );
    println!(
        "{:10}{} accounts, {} reserves, {} carried on",
        "result",
        result.payouts.len(),
        result.reserved.len(),
        result.carried.len()
    );
    println!("{:10}{}\n{:10}{}", "SHA-256", recorded.input_hash, "", recorded.result_hash);
    Ok(())
}
