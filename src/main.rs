//! `tributary`: the one executable. `tributary help` lists its commands.

mod agents;
mod books;
mod client;
mod config;
mod demo;
mod distribution;
mod import;
mod jobs;
mod ledger;
mod local;
mod metta;
mod mirror;
mod process;
mod sample;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use process::{Part, Process};
use service::{Settings, Shutdown, error_chain, telemetry};

/// This allocator is used because the mirror makes and drops millions of small values on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A marketplace for intellectual property that pays everyone upstream.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Migrates, deploys where nothing is deployed, and runs indexer, backend and workers in one process
    Up,
    /// Runs the HTTP API and the web pages
    Backend,
    /// Runs the mirror of the chain, or looks after it
    Indexer {
        #[command(subcommand)]
        command: Option<mirror::Command>,
        /// Stop when the mirror holds the chain's head
        #[arg(long)]
        until_level: bool,
    },
    /// Runs the background jobs and the transaction sender
    Workers,
    /// Checks distributions
    Distribution {
        #[command(subcommand)]
        command: distribution::Command,
    },
    /// Counts the books from the beginning
    Books {
        #[command(subcommand)]
        command: books::Command,
    },
    /// Brings the database schema up to date
    Migrate,
    /// Deploys the contracts with ENGINE_KEY to the chain at RPC_URL and records their addresses
    Deploy,
    /// Records a work from elsewhere, with its contributors and dependencies
    Import {
        #[command(subcommand)]
        source: Source,
    },
    /// Runs the main job from import to claim on the chain at RPC_URL, which must be a local one
    Demo {
        /// A git repository
        path: PathBuf,
    },
    /// Checks a receipt of the ledger against what was anchored, without any other part of Tributary
    Verify(ledger::Verify),
    /// Checks the ledger
    Ledger {
        #[command(subcommand)]
        command: ledger::Command,
    },
    /// Looks after background jobs that were given up
    Jobs {
        #[command(subcommand)]
        command: jobs::Command,
    },
    /// Runs, derives and lints programs in MeTTa, the language of the rule bases
    Metta(metta::Metta),
    /// Measures the agents that advise, and makes their advice again
    Agents {
        #[command(subcommand)]
        command: agents::Command,
    },
    /// Prints the description of the HTTP API (OpenAPI 3.1)
    Openapi,
    /// Shows and checks the settings
    Config {
        #[command(subcommand)]
        command: config::Command,
    },
}

#[derive(Subcommand)]
enum Source {
    /// A git repository: authors by mailmap, cost by commit, dependencies by Cargo.lock, package-lock.json and
    /// npm-shrinkwrap.json
    Git(import::Git),
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The message says what happened and what led to it. A backtrace of the code would not help the user.
            eprintln!("error: {}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> Result<()> {
    if let Command::Openapi = arguments.command {
        println!("{}", backend::openapi().to_pretty_json()?);
        return Ok(());
    }
    if let Command::Agents { command: agents::Command::Measure(measure) } = arguments.command {
        return agents::measure(measure);
    }
    if let Command::Verify(arguments) = arguments.command {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
        return runtime.block_on(ledger::verify(arguments));
    }
    if let Command::Metta(arguments) = arguments.command {
        return metta::run(arguments);
    }
    if let Command::Config { command } = arguments.command {
        return config::run(&command);
    }
    let settings = Settings::load()?;
    telemetry::init(settings.telemetry.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(run(arguments.command, settings))
}

async fn run(command: Command, settings: Settings) -> Result<()> {
    let shutdown = Shutdown::on_signal();
    match command {
        Command::Up => Process::start_migrated(settings, shutdown).await?.up().await,
        Command::Backend => Process::start(settings, shutdown).await?.run(&[Part::Backend]).await,
        Command::Indexer { command: Some(command), .. } => mirror::run(&settings, command).await,
        Command::Indexer { until_level: true, .. } => {
            mirror::until_level(Process::start(settings, shutdown).await?).await
        }
        Command::Indexer { .. } => Process::start(settings, shutdown).await?.run(&[Part::Indexer]).await,
        Command::Workers => Process::start(settings, shutdown).await?.run(&[Part::Workers, Part::Sender]).await,
        Command::Distribution { command } => distribution::run(&settings, command).await,
        Command::Books { command } => books::run(&settings, command).await,
        Command::Migrate => process::migrate(&settings).await.map(|_| ()),
        Command::Deploy => process::deploy(settings, shutdown).await,
        Command::Import { source: Source::Git(git) } => import::command(&settings, &git).await,
        Command::Demo { path } => demo::run(settings, shutdown, &path).await,
        Command::Ledger { command } => ledger::run(&settings, command).await,
        Command::Jobs { command } => jobs::run(&settings, command).await,
        Command::Agents { command: agents::Command::Replay { id } } => agents::replay(&settings, id).await,
        Command::Agents { command: agents::Command::Watch { what, score, why } } => {
            agents::watch(&settings, &what, score, &why).await
        }
        Command::Openapi | Command::Verify(_) | Command::Metta(_) | Command::Agents { .. } | Command::Config { .. } => {
            unreachable!("answered before the settings are read")
        }
    }
}
