//! Serves a long simulated chain of the market's events over JSON-RPC, from memory.

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use clap::Parser;
use testkit::sim::replay::Replay;
use tokio::net::TcpListener;

/// Serves a settled chain of the market's events at http://127.0.0.1:PORT, and what it holds at /truth. When it is
/// ready, it says what it serves in one line of JSON.
#[derive(Parser)]
struct Arguments {
    /// How many events the chain holds.
    #[arg(long)]
    events: u64,
    /// How many events a block has, or a few more.
    #[arg(long, default_value_t = 100)]
    per_block: u64,
    /// The same seed makes the same chain.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Writes the line to this file too.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))
        .await
        .with_context(|| format!("port {} cannot be had", arguments.port))?;
    let started = Instant::now();
    let replay = Arc::new(Replay::generate(arguments.events, arguments.per_block.max(1), arguments.seed));
    eprintln!("{} events in {:.1} s", arguments.events, started.elapsed().as_secs_f64());
    let line = replay.description(listener.local_addr()?.port()).to_string();
    if let Some(path) = &arguments.out {
        std::fs::write(path, format!("{line}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    println!("{line}");
    replay.serve(listener).await
}
