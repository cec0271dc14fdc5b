//! The mirror's process, as an operator runs it. It is killed again and again while the chain goes on and is reorganised, and
//! must end with exactly the canonical rows (`KILLS` says how often; `./dev sim --kills N` sets it). Its metrics must be those
//! that the dashboard shows.

use std::{
    collections::BTreeSet,
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

use alloy::providers::{Provider, ext::AnvilApi};
use anyhow::{Context, Result, ensure};
use indexer::Indexer;
use service::Finality;
use testkit::{Chain, Market, kill_9, mirrored};

/// Returns the process as an operator starts it.
fn mirror(database_url: &str, rpc_url: &str, metrics: Option<&str>) -> Result<Child> {
    Command::new(env!("CARGO_BIN_EXE_tributary"))
        .envs(metrics.map(|listen| ("METRICS_LISTEN", listen)))
        .arg("indexer")
        .env("DATABASE_URL", database_url)
        .env("RPC_URL", rpc_url)
        .env("FINALITY", "64")
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .spawn()
        .context("the mirror's process did not start")
}

#[tokio::test]
async fn a_mirror_that_is_killed_again_and_again_ends_with_the_canonical_rows() -> Result<()> {
    let kills: u64 = env::var("KILLS").ok().map_or(Ok(8), |text| text.parse()).context("KILLS is a number")?;
    let url = testkit::market_database_url().await?;
    let pool = store::connect(&url, 4).await?;
    let market = Market::on(Chain::with_market(64).await?, pool.clone()).await?;
    let chain = &market.chain;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % limit
    };
    let (mut at, mut moved) = (None, 0);
    for kill in 0..kills {
        let snapshot = chain.provider.anvil_snapshot().await?;
        let mut process = mirror(&url, &chain.url(), None)?;
        let death = Duration::from_millis(100 + below(500));
        let traffic = async {
            for step in 0..1 + below(6) {
                market.register(1 + (step % 3) as u32, 1 + kill * 100 + step, &[]).await?;
            }
            if kill % 3 == 1 {
                // The chain gets another branch, which is longer than the one that is lost.
                ensure!(chain.provider.anvil_revert(snapshot).await?, "the chain did not go back");
                chain.mine(8).await?;
            }
            anyhow::Ok(())
        };
        let (_, traffic) = tokio::join!(tokio::time::sleep(death), traffic);
        traffic?;
        kill_9(process.id())?;
        process.wait()?;
        let cursor: Option<String> =
            sqlx::query_scalar("SELECT block_hash::text FROM chain.cursors").fetch_optional(&pool).await?;
        moved += u64::from(cursor != at);
        at = cursor;
    }
    println!("{kills} kills, {moved} of them after something was committed");
    let fresh = market.another_database().await?;
    // The sender may send again what a lost branch had, so the comparison is made when the chain stands still.
    loop {
        let head = chain.provider.get_block_number().await?;
        for database in [&pool, &fresh] {
            Indexer::new(database.clone(), chain.pool().await?, market.deployment, Finality::Depth(64)).level().await?;
        }
        let (held, canonical) = (mirrored(&pool).await?, mirrored(&fresh).await?);
        if chain.provider.get_block_number().await? == head {
            assert_eq!(held, canonical);
            assert!(held.len() as u64 > kills, "{} rows", held.len());
            return Ok(());
        }
    }
}

/// Returns the names of our metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("indexer_") || word.starts_with("rpc_"))
        .collect()
}

#[tokio::test]
async fn dashboard_and_alerts_ask_for_metrics_that_exist() -> Result<()> {
    let url = testkit::market_database_url().await?;
    let pool = store::connect(&url, 2).await?;
    let market = Market::on(Chain::with_market(64).await?, pool.clone()).await?;
    let snapshot = market.chain.provider.anvil_snapshot().await?;
    market.register(1, 1, &[]).await?;
    // The second endpoint does not exist, so that there are errors to count.
    let listen = format!("127.0.0.1:{}", free_port()?);
    let mut process = mirror(&url, &format!("{},http://{listen}/nothing", market.chain.url()), Some(&listen))?;
    let http = outbound::client().no_proxy().build()?;
    let read = async || anyhow::Ok(http.get(format!("http://{listen}/metrics")).send().await?.text().await?);
    let until = async |line: &str| loop {
        match read().await {
            Ok(text) if text.lines().any(|shown| shown.starts_with(line)) => return anyhow::Ok(text),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    until("indexer_lag_blocks{chain=\"31337\"} 0").await?;
    ensure!(market.chain.provider.anvil_revert(snapshot).await?, "the chain did not go back");
    market.chain.mine(5).await?;
    let text = until("indexer_reorganisations_total{chain=\"31337\"} 1").await?;
    kill_9(process.id())?;
    process.wait()?;
    let dashboard: serde_json::Value = serde_json::from_str(include_str!("../deploy/grafana/mirror.json"))?;
    let shown = dashboard["panels"].to_string() + include_str!("../deploy/prometheus/alerts.yml");
    let (shown, told) = (metrics_in(&shown), metrics_in(&text));
    assert!(shown.len() > 15, "{shown:?}");
    assert_eq!(shown.difference(&told).collect::<Vec<_>>(), Vec::<&&str>::new(), "metrics that nothing tells");
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
