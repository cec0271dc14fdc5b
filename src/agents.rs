//! `tributary agents ...`: measures the agents on data with known outcomes, and computes their advice again.

use std::path::PathBuf;

use ::agents::{
    evaluate::{Kind, evaluate, score},
    risk::Watched,
};
use advisors::risk;
use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use facts::ChainId;
use service::Settings;
use store::advice::{self, watch};

use crate::process;

#[derive(Clone, Copy, ValueEnum)]
pub enum Agent {
    /// Prices of single sales
    Pricing,
    /// Price and number of sales by week
    Market,
    /// Whether a rating will be negative
    Risk,
    /// Who first works with whom in a year
    Collaboration,
}

#[derive(Subcommand)]
pub enum Command {
    #[command(flatten)]
    Measure(Measure),
    /// Makes recorded advice again, from the rules, the model and the history it was made with, and compares every byte
    Replay {
        /// The advice's number
        id: i64,
    },
    /// Puts an account or asset on the watch list, or takes it off
    Watch {
        /// account:0x.. or asset:7
        what: String,
        /// How high the risk is: 1 is certain, 0 takes it off the list
        #[arg(long)]
        score: f64,
        /// The reason, which everybody can read
        #[arg(long)]
        why: String,
    },
}

#[derive(Subcommand)]
pub enum Measure {
    /// Predicts the rows of a test file in the order of time, learning from what is past
    Evaluate {
        kind: Agent,
        /// A folder with the file to learn from
        #[arg(long)]
        train: PathBuf,
        /// A folder with the file to predict, of the same name
        #[arg(long)]
        test: PathBuf,
        /// Where the predictions go
        #[arg(long)]
        out: PathBuf,
    },
    /// Says how good predictions are
    Score {
        kind: Agent,
        /// The folder with the file that was predicted
        #[arg(long)]
        test: PathBuf,
        /// The folder that was learned from: it tells what was known before the test's first days
        #[arg(long)]
        train: Option<PathBuf>,
        #[arg(long)]
        predictions: PathBuf,
    },
}

impl From<Agent> for Kind {
    fn from(agent: Agent) -> Self {
        match agent {
            Agent::Pricing => Self::Pricing,
            Agent::Market => Self::Market,
            Agent::Risk => Self::Risk,
            Agent::Collaboration => Self::Collaboration,
        }
    }
}

/// Measures agents on files. This needs neither settings nor a database.
///
/// # Errors
/// When a file cannot be read or written, or has a line that is wrong.
pub fn measure(measure: Measure) -> Result<()> {
    match measure {
        Measure::Evaluate { kind, train, test, out } => {
            evaluate(kind.into(), &train, &test, &out, &mut |line| eprintln!("{line}"))
                .context("nothing was written")?;
            eprintln!("predictions are in {}", out.display());
        }
        Measure::Score { kind, test, train, predictions } => {
            print!("{}", score(kind.into(), train.as_deref(), &test, &predictions)?);
        }
    }
    Ok(())
}

/// Changes the watch list of the chain at RPC_URL as its operator.
///
/// # Errors
/// When the subject is neither an account nor an asset, or when the database or the node fails.
pub async fn watch(settings: &Settings, what: &str, score: f64, why: &str) -> Result<()> {
    let subject = match risk::parse_subject(what).map_err(anyhow::Error::msg)? {
        Watched::Account(account) => risk::account_subject(account),
        Watched::Work(asset) => risk::asset_subject(asset.0),
    };
    let db = process::database(settings).await?;
    let chain_id = ChainId(process::chains(settings).await?.served.chain_id());
    let mut tx = db.begin().await?;
    let id = watch::watch(&mut tx, chain_id, (&subject, "operator"), score, why).await?;
    tx.commit().await?;
    match id {
        None => println!("{subject}: nothing changed"),
        Some(id) if score > 0.0 => println!("{subject} is watched: entry {id}"),
        Some(id) => println!("{subject} is not watched any more: entry {id}"),
    }
    Ok(())
}

/// Computes advice again and compares it.
///
/// # Errors
/// When there is no such advice, when it cannot be computed again, when it differs, or when the database fails.
pub async fn replay(settings: &Settings, id: i64) -> Result<()> {
    let db = process::database(settings).await?;
    let found = advice::find(&mut *db.acquire().await?, id).await?;
    let recorded = found.with_context(|| format!("there is no advice {id}"))?;
    let again = advisors::replay(&db, &recorded).await.context("the advice cannot be made again")?;
    if again != recorded.advice.answer {
        let same = again.bytes().zip(recorded.advice.answer.bytes()).take_while(|(now, then)| now == then).count();
        bail!(
            "made again, it is other advice from byte {same} of {} on: something it was made from was changed",
            again.len()
        );
    }
    println!("advice {id}: the same to the last byte");
    println!("{:10}{} of {}, as of {}", "about", recorded.advice.subject, recorded.advice.agent, recorded.advice.day);
    println!("{:10}{}", "rules", recorded.advice.rule_base);
    println!("{:10}{}", "model", recorded.advice.model.map_or("none".to_owned(), |model| model.to_string()));
    println!("{:10}{}", "SHA-256", recorded.hash);
    Ok(())
}
