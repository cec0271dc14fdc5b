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
            (Some(reason), _, _) => format!("HALTED: {reason}\n{:18}{}", "", indexer::advice(reason)),
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
        let rows = figure(&report["rows_per_second"], 0);
        line("since its start", format!("{logs} logs in {} commits, lately {rows} rows a second", report["commits"]));
    }
    for stage in report["stages"].as_array().into_iter().flatten() {
        let (mean, longest) = (figure(&stage["mean_ms"], 1), figure(&stage["max_ms"], 1));
        line(&format!("  {}", word(&stage["stage"])), format!("{mean} ms on average, {longest} ms at most"));
    }
    for endpoint in report["endpoints"].as_array().into_iter().flatten() {
        let reason = endpoint["reason"].as_str().map_or_else(String::new, |reason| format!(": {reason}"));
        line(
            "endpoint",
            format!(
                "{} {}, score {}, {} ms, {} calls, {} errors, head {}, {} blocks a query{reason}",
                word(&endpoint["name"]),
                word(&endpoint["state"]),
                figure(&endpoint["score"], 2),
                figure(&endpoint["latency_ms"], 0),
                endpoint["calls"],
                endpoint["errors"],
                endpoint["head"],
                endpoint["range_limit"],
            ),
        );
    }
    line("quarantine", format!("{} events", mirror.quarantined));
    for event in mirror.quarantine.as_array().into_iter().flatten() {
        line("", format!("block {}, log {}: {}", event["block"], event["log"], word(&event["reason"])));
    }
    lines.join("\n") + "\n"
}

/// Writes a figure of a report with this many decimals. One that the leader did not report is unknown, and not zero.
fn figure(value: &Value, decimals: usize) -> String {
    value.as_f64().map_or_else(|| "?".to_owned(), |figure| format!("{figure:.decimals$}"))
}

/// Writes a text of a report.
fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
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
            // Whoever closed the terminal does not want to see it.
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
    const AGAIN: &str =
        "When the reason for its halt is still there, it halts again, and `tributary indexer status` says what helps.";
    match (rewind, taken_back) {
        (Rewind::No, _) => println!("The mirror goes on. {AGAIN}"),
        (Rewind::ToShared, 0) => {
            println!("The chain has every block the mirror holds; nothing was taken back. The mirror goes on. {AGAIN}")
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(halted: Option<&str>, report: Value) -> Status {
        Status {
            chain_id: 1,
            block_number: 70,
            safe_number: 60,
            finalized_number: 50,
            head_number: 70,
            in_bulk: false,
            halted: halted.map(str::to_owned),
            reorganisations: 0,
            generation: 1,
            projection_version: 1,
            epoch: 1,
            leader: None,
            silent_seconds: Some(1.0),
            age_seconds: None,
            quarantined: 0,
            quarantine: json!([]),
            report: Some(report),
        }
    }

    #[test]
    fn what_the_leader_did_not_report_is_not_shown_as_zero() {
        let endpoint = json!({"name": "a:443", "state": "healthy", "latency_ms": 12.4});
        let stage = json!({"stage": "fetch", "mean_ms": 0.0});
        let shown = for_people(&status(None, json!({"logs": 5, "stages": [stage], "endpoints": [endpoint]})));
        assert!(shown.contains("lately ? rows a second"), "{shown}");
        assert!(shown.contains("fetch         0.0 ms on average, ? ms at most"), "{shown}");
        assert!(shown.contains("a:443 healthy, score ?, 12 ms"), "{shown}");
    }

    #[test]
    fn a_halted_mirror_is_shown_with_what_helps() {
        let reason = "the chain left the finalized block 50 that this mirror holds";
        let shown = for_people(&status(Some(reason), Value::Null));
        assert!(shown.contains(&format!("HALTED: {reason}\n")) && shown.contains(indexer::advice(reason)), "{shown}");
    }
}
