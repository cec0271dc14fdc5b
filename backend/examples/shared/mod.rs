//! What the drivers of benchmarks share: an API on a database that has no chain behind it, and figures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use advisors::risk::Memory;
use alloy::{
    primitives::Address,
    providers::{Provider, ProviderBuilder},
};
use anyhow::{Result, ensure};
use backend::AppState;
use facts::ChainId;
use service::{Settings, Shutdown};
use sqlx::PgPool;
use store::{deployments::Deployment, lineage};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use vault::{DiskStore, Vault};

/// An API that is served on a free port.
pub struct Api {
    pub state: AppState,
    origin: String,
    http: reqwest::Client,
    shutdown: Shutdown,
    serving: JoinHandle<Result<(), std::io::Error>>,
    _content: TempDir,
}

impl Api {
    /// Serves a chain of a database. Nothing that needs the chain itself can be asked.
    pub async fn serve(pool: &PgPool, chain_id: ChainId) -> Result<Self> {
        // Before the provider, which needs the TLS library that this installs.
        let http = outbound::client().no_proxy().build()?;
        let content = tempfile::tempdir()?;
        let none = Address::ZERO;
        let state = AppState {
            pool: pool.clone(),
            provider: ProviderBuilder::new().connect_http("http://127.0.0.1:1".parse()?).erased(),
            vault: Arc::new(Vault::new(Arc::new(DiskStore::open(content.path())?), 1)),
            settings: Arc::new(Settings::from_toml(
                "database.url = 'postgres://unused'\nchain.rpc_url = 'http://127.0.0.1:1'",
            )?),
            deployment: Deployment {
                chain_id,
                from_block: 0,
                access_manager: none,
                payouts: none,
                asset_registry: none,
                market: none,
                licences: none,
                staking: none,
                disputes: none,
                council: none,
                anchor: none,
            },
            signer: None,
            lineage: lineage::cache(pool.clone(), chain_id),
            risk: Memory::new(pool.clone(), chain_id),
            partners: advisors::partners::Cache::new(pool.clone(), chain_id),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let shutdown = Shutdown::new();
        let serving = tokio::spawn(backend::serve(state.clone(), listener, shutdown.clone()));
        Ok(Self { state, origin, http, shutdown, serving, _content: content })
    }

    /// Returns the time from request to whole answer, on a kept-alive connection, and the answer.
    pub async fn ask(&self, path: &str) -> Result<(Duration, Vec<u8>)> {
        let url = format!("{}{path}", self.origin);
        let (time, (status, body)) = timed(async {
            let answer = self.http.get(url).send().await?;
            Ok((answer.status(), answer.bytes().await?.to_vec()))
        })
        .await?;
        ensure!(status.is_success(), "{path} was answered with {status}");
        Ok((time, body))
    }

    pub async fn stop(self) -> Result<()> {
        self.shutdown.begin();
        Ok(self.serving.await??)
    }
}

pub async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(Duration, T)> {
    let begin = Instant::now();
    let result = work.await?;
    Ok((begin.elapsed(), result))
}

/// Returns the middle one of times.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Prints a time beside another.
pub fn figure(metric: &str, time: Duration, peer: &str, other: Duration) {
    println!("{metric}\t{:.4}\tms\tlower\t{peer}\t{:.4}", milliseconds(time), milliseconds(other));
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
