//! `tributary indexer ...`: looks after the mirrors.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use chain::pool::Pool;
use clap::Subcommand;
use facts::ChainId;
use indexer::{Indexer, Rewind, Status};
use serde_json::Value;
use service::Settings;
use sqlx::PgPool;
use store::deployments::{self, Deployment};

use crate::process::{self, Process};

#[derive(Subcommand)]
pub enum Command {
    /// Shows the status of every mirror: lag, finality, speed, endpoints, quarantine
    Status {
        /// One JSON object a mirror
        #[arg(long)]
        json: bool,
    },
    /// Builds the projections anew from the raw log, without asking the chain, and swaps them in when they are the same
    Rebuild {
        /// Swap them in even when they differ from the present ones
        #[arg(long)]
        accept: bool,
        /// The chain, if the database has several
        #[arg(long)]
        chain: Option<u64>,
    },
    /// Lets a halted mirror go on
    Resume {
        /// First take back what the chain no longer has, including finalized blocks
        #[arg(long)]
        rewind: bool,
        /// First take back everything above this block and read it anew, because stored logs are incomplete
        #[arg(long, value_name = "BLOCK", conflicts_with = "rewind")]
        rewind_to: Option<u64>,
        /// The chain, if RPC_URL names several
        #[arg(long)]
        chain: Option<u64>,
    },
}

/// Runs a command of `tributary indexer`.
///
/// # Errors
/// When the database or a node fails, or when the command is refused.
pub async fn run(settings: &Settings, command: Command) -> Result<()> {
    let db = process::database(settings).await?;
    match command {
        Command::Status { json } => show(&db, json).await,
        Command::Rebuild { accept, chain } => rebuild(&db, accept, chain).await,
        Command::Resume { rewind, rewind_to, chain } => {
            let rewind = match rewind_to {
                Some(block) => Rewind::To(block),
                None if rewind => Rewind::ToShared,
                None => Rewind::No,
            };
            resume(settings, &db, rewind, chain).await
        }
    }
}

/// Follows the served chain until the mirror holds its head, or until the shutdown.
///
/// # Errors
/// When no market is recorded for the chain, when a node or the database fails, or when the mirror halts.
pub async fn until_level(process: Process) -> Result<()> {
    let deployment = process.deployment().await?;
    let (pool, finality) = (process.chains.served.clone(), process.settings.chain.finality);
    let mut indexer = Indexer::new(process.pool.clone(), pool, deployment, finality);
    tokio::select! {
        level = indexer.level() => Ok(level?),
        () = process.shutdown.begun() => Ok(()),
    }
}

async fn show(db: &PgPool, json: bool) -> Result<()> {
    let mirrors = indexer::status(db).await?;
    if mirrors.is_empty() && !json {
        println!("There is no mirror yet: `tributary indexer` makes one of every chain a market is recorded on.");
    }
    for mirror in &mirrors {
        if json {
            println!("{}", serde_json::to_string(mirror)?);
        } else {
            print!("{}", for_people(mirror));
        }
    }
    Ok(())
}

fn for_people(mirror: &Status) -> String {
    let report = mirror.report.as_ref().unwrap_or(&Value::Null);
    let mut lines = vec![format!("chain {}", mirror.chain_id)];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<16}{text}"));
    line(
        "state",
        match (&mirror.halted, mirror.in_bulk, mirror.silent_seconds) {
            (Some(reason), _, _) => format!("HALTED: {reason}\n{:18}`tributary indexer resume` lets it go on", ""),
            (None, _, None) => "no process has led it yet".into(),
            (None, _, Some(silent)) if silent > 10.0 => format!("not running: nothing heard for {silent:.0} s"),
            (None, true, _) => "backfill: indexes and the state of assets come at its end".into(),
            (None, false, _) => "following".into(),
        },
    );
    let lag = report["lag_blocks"].as_u64().map_or_else(String::new, |lag| format!(", {lag} behind the head"));
    let age = mirror.age_seconds.map_or_else(String::new, |age| format!(", mined {age:.0} s ago"));
    line("block", format!("{}{lag}{age}", mirror.block_number));
    line("safe, final", format!("{}, {}", mirror.safe_number, mirror.finalized_number));
    line("reorganised", format!("{} times", mirror.reorganisations));
    line("projections", format!("version {}, generation {}", mirror.projection_version, mirror.generation));
    if let Some(leader) = &mirror.leader {
        line("leader", format!("{leader}, epoch {}", mirror.epoch));
    }
    if let Some(logs) = report["logs"].as_u64() {
        let rows = report["rows_per_second"].as_f64().unwrap_or_default();
        line(
            "since its start",
            format!("{logs} logs in {} commits, lately {rows:.0} rows a second", report["commits"]),
        );
    }
    for stage in report["stages"].as_array().into_iter().flatten() {
        let (mean, longest) = (stage["mean_ms"].as_f64(), stage["max_ms"].as_f64());
        let name = format!("  {}", stage["stage"].as_str().unwrap_or_default());
        line(
            &name,
            format!("{:.1} ms on average, {:.1} ms at most", mean.unwrap_or_default(), longest.unwrap_or_default()),
        );
    }
    for endpoint in report["endpoints"].as_array().into_iter().flatten() {
        let reason = endpoint["reason"].as_str().map_or_else(String::new, |reason| format!(": {reason}"));
        line(
            "endpoint",
            format!(
                "{} {}, score {:.2}, {:.0} ms, {} calls, {} errors, head {}, {} blocks a query{reason}",
                endpoint["name"].as_str().unwrap_or_default(),
                endpoint["state"].as_str().unwrap_or_default(),
                endpoint["score"].as_f64().unwrap_or_default(),
                endpoint["latency_ms"].as_f64().unwrap_or_default(),
                endpoint["calls"],
                endpoint["errors"],
                endpoint["head"],
                endpoint["range_limit"],
            ),
        );
    }
    line("quarantine", format!("{} events", mirror.quarantined));
    for event in mirror.quarantine.as_array().into_iter().flatten() {
        let reason = event["reason"].as_str().unwrap_or_default();
        line("", format!("block {}, log {}: {reason}", event["block"], event["log"]));
    }
    lines.join("\n") + "\n"
}

/// Returns the chain that a command is about: the one it names, or the only one that the database mirrors.
///
/// # Errors
/// When it is unclear which, or the database fails.
pub async fn mirrored(db: &PgPool, named: Option<u64>) -> Result<ChainId> {
    let mirrored: Vec<u64> = indexer::status(db).await?.iter().map(|mirror| mirror.chain_id as u64).collect();
    Ok(ChainId(match (named, mirrored.as_slice()) {
        (Some(chain), _) => chain,
        (None, [only]) => *only,
        (None, []) => bail!("there is no mirror yet: `tributary indexer` makes it"),
        (None, several) => bail!("the database mirrors the chains {several:?}: say which with --chain"),
    }))
}

async fn rebuild(db: &PgPool, accept: bool, chain: Option<u64>) -> Result<()> {
    let deployment = recorded(db, mirrored(db, chain).await?).await?;
    let (start, shows) = (Instant::now(), stderr().is_terminal());
    let progress = |done: u64, total: u64| {
        if shows {
            let percent = done * 100 / total.max(1);
            eprint!("\r{done} of {total} logs, {percent} %");
            let _ = stderr().flush();
        }
    };
    let rebuilt = indexer::rebuild(db, deployment, accept, progress).await?;
    if shows {
        eprintln!();
    }
    let took = start.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    println!(
        "{} logs gave {} rows in {took:.1} s ({:.0} logs a second); generation {} is attached",
        rebuilt.logs,
        rebuilt.rows,
        rebuilt.logs as f64 / took,
        rebuilt.generation
    );
    match rebuilt.differing.is_empty() {
        true => println!("every row is the same, byte by byte"),
        false => {
            for (table, rows) in rebuilt.differing {
                println!("{rows} rows of {table} differ from those before");
            }
        }
    }
    Ok(())
}

async fn resume(settings: &Settings, db: &PgPool, rewind: Rewind, chain: Option<u64>) -> Result<()> {
    let pool = the_pool(settings, chain).await?;
    let deployment = recorded(db, ChainId(pool.chain_id())).await?;
    let taken_back = indexer::resume(db, pool, &deployment, settings.chain.finality, rewind).await?;
    match (rewind, taken_back) {
        (Rewind::No, _) => {
            println!("The mirror goes on. When the chain is still another, it halts again: see --rewind.")
        }
        (Rewind::ToShared, 0) => {
            println!("The chain has every block the mirror holds; nothing was taken back. The mirror goes on.")
        }
        (Rewind::To(_), blocks) => println!("The mirror went back by {blocks} blocks, and reads them anew."),
        (Rewind::ToShared, blocks) => {
            println!("The mirror went back by {blocks} blocks to the newest one that the chain still has, and goes on.")
        }
    }
    Ok(())
}

async fn recorded(db: &PgPool, chain_id: ChainId) -> Result<Deployment> {
    let mut conn = db.acquire().await?;
    deployments::find(&mut conn, chain_id).await?.with_context(|| format!("no market is recorded for chain {chain_id}"))
}

async fn the_pool(settings: &Settings, chain: Option<u64>) -> Result<Arc<Pool>> {
    let chains = process::chains(settings).await?;
    let chain = chain.unwrap_or(chains.served.chain_id());
    let found = chains.all().find(|pool| pool.chain_id() == chain).cloned();
    found.with_context(|| format!("no endpoint of RPC_URL serves chain {chain}"))
}
