//! `tributary jobs`: lists jobs that were given up, and lets them be tried again.

use anyhow::{Result, bail};
use clap::Subcommand;
use service::Settings;

use crate::process;

/// What to do with jobs that were given up.
#[derive(Subcommand)]
pub enum Command {
    /// Lists the jobs that were given up, newest first, with what they failed at
    Dead {
        /// The most jobs to list
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Lets jobs that were given up be tried again from the beginning
    Retry {
        /// The ids that `jobs dead` shows
        ids: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

/// Does it.
///
/// # Errors
/// When the database does not answer, or when a named job was not given up.
pub async fn run(settings: &Settings, command: Command) -> Result<()> {
    let pool = process::database(settings).await?;
    match command {
        Command::Dead { limit } => {
            let dead = queue::dead(&mut *pool.acquire().await?, i64::from(limit)).await?;
            if dead.is_empty() {
                println!("No job was given up.");
            }
            for one in dead {
                let at = one.at.map_or_else(String::new, |at| at.to_rfc3339());
                let what = one.job.map_or_else(
                    || "a job that another version of the program stored".to_owned(),
                    |job| format!("{} {}", job.name, job.arguments),
                );
                println!("{}  {at}  {}  {what}\n    {}", one.id, one.queue, one.reason);
            }
        }
        Command::Retry { ids, all } => {
            if ids.is_empty() && !all {
                bail!("name the jobs to be tried again, as `tributary jobs dead` lists them, or say --all");
            }
            let mut tx = pool.begin().await?;
            let queue::Retried { again, unknown } = queue::retry(&mut tx, (!all).then_some(&ids)).await?;
            let others = format!(
                "another version of the program stored {}, in a form that this one does not know: that version can try it again",
                unknown.join(", ")
            );
            if !all && !unknown.is_empty() {
                bail!("nothing was changed: {others}");
            }
            if !all && again < ids.len() as u64 {
                bail!(
                    "only {again} of these jobs were given up: nothing was changed. `tributary jobs dead` lists those that were"
                );
            }
            tx.commit().await?;
            println!("{again} jobs are tried again.");
            if !unknown.is_empty() {
                println!("The rest stays given up: {others}.");
            }
        }
    }
    Ok(())
}
