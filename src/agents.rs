//! `tributary agents ...`: measuring the agents on data with known outcomes.

use std::path::PathBuf;

use ::agents::evaluate::{Kind, evaluate, score};
use anyhow::{Context, Result};
use clap::{Subcommand, ValueEnum};

#[derive(Clone, Copy, ValueEnum)]
pub enum Agent {
    /// Prices of single sales
    Pricing,
    /// Price and number of sales by week
    Market,
}

#[derive(Subcommand)]
pub enum Command {
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
        /// The folder that was learned from: it tells the floor before the test's first days
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
        }
    }
}

/// Needs neither settings nor a database.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Evaluate { kind, train, test, out } => {
            evaluate(kind.into(), &train, &test, &out, &mut |line| eprintln!("{line}"))
                .context("nothing was written")?;
            eprintln!("predictions are in {}", out.display());
        }
        Command::Score { kind, test, train, predictions } => {
            print!("{}", score(kind.into(), train.as_deref(), &test, &predictions)?);
        }
    }
    Ok(())
}
