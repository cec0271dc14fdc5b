//! Puts a process together: what every command needs, and the parts that it runs.

use std::{iter, net::SocketAddr, sync::Arc, time::Duration};

use advisors::risk::Memory;
use alloy::{
    providers::{DynProvider, ext::AnvilApi},
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, bail};
use backend::AppState;
use chain::{
    AccountSigner, Signers,
    pool::{self, Pool},
    rpc,
};
use facts::ChainId;
use indexer::Indexer;
use sender::{
    Sender,
    deploy::{self, Plan},
};
use service::{Settings, Shutdown, error_chain};
use sqlx::PgPool;
use store::{
    deployments::{self, Deployment},
    lineage,
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use vault::{BlockStore, DiskStore, KuboStore, Vault};

use crate::{
    local::{self, Archive, Keeper},
    sample,
};

/// The time limit for Kubo, which would otherwise search the network for ever for a block that it
/// does not have.
const IPFS_TIME_LIMIT: Duration = Duration::from_secs(20);
/// How long an event of the ledger waits for its anchor at most, unless the settings say otherwise.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(600);
/// The same on a local chain, where anchors cost nothing.
const ANCHOR_INTERVAL_LOCAL: Duration = Duration::from_secs(5);

/// A part that a process can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Indexer,
    Backend,
    Workers,
    Sender,
}

/// A connected process: database, chain, content and contracts.
pub struct Process {
    pub settings: Arc<Settings>,
    pub shutdown: Shutdown,
    pub pool: PgPool,
    pub chains: Chains,
    /// Asks the served chain.
    pub provider: DynProvider,
    pub chain_id: ChainId,
    pub vault: Arc<Vault>,
    /// The newest block that a local chain has on disk.
    durable: Option<watch::Receiver<u64>>,
    tasks: JoinSet<&'static str>,
}

/// The chains whose endpoints the settings name.
pub struct Chains {
    /// The chain that the market is on.
    pub served: Arc<Pool>,
    /// The other chains, which are mirrored if a market is recorded on them.
    pub others: Vec<Arc<Pool>>,
}

impl Chains {
    pub fn all(&self) -> impl Iterator<Item = &Arc<Pool>> {
        iter::once(&self.served).chain(&self.others)
    }
}

/// Connects to the database, whose schema must be the one that this program was built for.
///
/// # Errors
/// When the database does not answer, or has another schema. The error says what to do.
pub async fn database(settings: &Settings) -> Result<PgPool> {
    let pool = connect(settings).await?;
    store::schema::check(&pool).await?;
    workers::check(&pool).await?;
    Ok(pool)
}

/// Connects to the database, and brings it to the schema of this program.
///
/// # Errors
/// When the database does not answer, or a migration fails.
pub async fn migrate(settings: &Settings) -> Result<PgPool> {
    let pool = connect(settings).await?;
    store::migrate(&pool).await?;
    workers::migrate(&pool).await?;
    Ok(pool)
}

async fn connect(settings: &Settings) -> Result<PgPool> {
    let url = &settings.database.url;
    let connected = store::connect(url.expose(), settings.database.connections).await;
    connected.with_context(|| format!("the database at {url} cannot be used"))
}

/// Opens the vault that the settings name: Kubo if its URL is set, otherwise a folder.
///
/// # Errors
/// When the folder cannot be opened, or the HTTP client cannot be made.
pub fn vault(settings: &Settings) -> Result<Arc<Vault>> {
    let store: Arc<dyn BlockStore> = match &settings.content.ipfs_api_url {
        Some(url) => Arc::new(KuboStore::new(url.expose(), IPFS_TIME_LIMIT)?),
        None => Arc::new(DiskStore::open(settings.content.data_dir.join("content"))?),
    };
    Ok(Arc::new(Vault::new(store, settings.content.upload_limit)))
}

/// Returns who is a program and not a person: those that are known, and those of the file that the settings name.
///
/// # Errors
/// When the file cannot be read, or a line of it has another form.
pub fn programs(settings: &Settings) -> Result<importer::Programs> {
    let Some(file) = &settings.repositories.programs_file else { return Ok(importer::Programs::default()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    importer::Programs::with(&text).with_context(|| format!("{} is not a list of programs", file.display()))
}

/// Connects to the endpoints of the settings.
///
/// # Errors
/// When no endpoint answers, or when it is unclear which chain is to be served.
pub async fn chains(settings: &Settings) -> Result<Chains> {
    let urls = settings.rpc_urls();
    let options = pool::Options { verify_receipts: settings.chain.verify_receipts, ..Default::default() };
    let mut pools: Vec<Arc<Pool>> = pool::connect(&urls, options).await?.into_iter().map(Arc::new).collect();
    let place = match settings.chain.id {
        Some(id) => pools
            .iter()
            .position(|pool| pool.chain_id() == id)
            .with_context(|| format!("no endpoint of RPC_URL that answers serves chain {id}, which CHAIN_ID names"))?,
        // It is unknown to which chain an endpoint belongs that does not answer.
        None if pools.len() > 1 && !urls.first().is_some_and(|url| pools[0].is_first(url)) => {
            bail!(
                "the first URL of RPC_URL does not answer, and the others are of several chains: set CHAIN_ID to the one to serve"
            )
        }
        None => 0,
    };
    Ok(Chains { served: pools.remove(place), others: pools })
}

/// Runs `tributary deploy`, which prints the addresses of the contracts.
///
/// # Errors
/// When the database or the node fails, or when the deployment fails.
pub async fn deploy(settings: Settings, shutdown: Shutdown) -> Result<()> {
    let process = Process::start(settings, shutdown).await?;
    let deployment = process.deployed(&process.signers()?).await?;
    println!("{}", serde_json::to_string_pretty(&deployment)?);
    Ok(())
}

impl Process {
    /// Connects to everything. The schema of the database must be up to date.
    ///
    /// # Errors
    /// When the database, a node or the vault fails, or when the schema is not up to date.
    pub async fn start(settings: Settings, shutdown: Shutdown) -> Result<Self> {
        let pool = database(&settings).await?;
        Self::on(pool, settings, shutdown).await
    }

    /// Connects to everything, and brings the schema of the database up to date.
    ///
    /// # Errors
    /// When the database, a node or the vault fails, or when a migration fails.
    pub async fn start_migrated(settings: Settings, shutdown: Shutdown) -> Result<Self> {
        let pool = migrate(&settings).await?;
        Self::on(pool, settings, shutdown).await
    }

    async fn on(pool: PgPool, settings: Settings, shutdown: Shutdown) -> Result<Self> {
        let chains = chains(&settings).await?;
        let (provider, chain_id) = (rpc::provider(&chains.served), ChainId(chains.served.chain_id()));
        let vault = vault(&settings)?;
        let settings = Arc::new(settings);
        Ok(Self { settings, shutdown, pool, chains, provider, chain_id, vault, durable: None, tasks: JoinSet::new() })
    }

    fn signers(&self) -> Result<Signers> {
        let Some(key) = &self.settings.engine.key else { return Ok(Signers::none()) };
        let signer: PrivateKeySigner =
            key.expose().parse().context("ENGINE_KEY is not a private key of 32 bytes, 0x-hex")?;
        Ok(vec![signer].into())
    }

    /// Returns the recorded deployment.
    ///
    /// # Errors
    /// When none is recorded, which the error says how to change, or when the database fails.
    pub async fn deployment(&self) -> Result<Deployment> {
        let mut conn = self.pool.acquire().await?;
        deployments::find(&mut conn, self.chain_id).await?.with_context(|| {
            format!("no market is recorded for chain {}: run `tributary deploy` with ENGINE_KEY set", self.chain_id)
        })
    }

    /// Returns the recorded deployment, or deploys with the engine's key.
    ///
    /// # Errors
    /// When nothing is recorded and nothing can be deployed, or when the deployment fails.
    pub async fn deployed(&self, signers: &Signers) -> Result<Deployment> {
        let Some(engine) = signers.first().map(|signer| signer.account()) else {
            return self.deployment().await.context("ENGINE_KEY is not set, so nothing can be deployed");
        };
        let is_local = local::is_local(self.chain_id);
        let plan = Plan {
            deployer: engine,
            engine,
            treasury: self.settings.market.treasury.unwrap_or(engine),
            guardian: self.settings.market.guardian.unwrap_or(engine),
            payout_delay: self.settings.market.payout_delay,
            stake_token: self.settings.market.stake_token,
            governance_delay: if is_local { 0 } else { self.settings.market.governance_delay },
            metadata_url: format!("{}/v1/metadata/", self.settings.origin()),
        };
        if plan.stake_token.is_none() && !is_local && self.deployment().await.is_err() {
            bail!(
                "STAKE_TOKEN is not set: a market on chain {} needs the ERC-20 that is staked on works",
                self.chain_id
            );
        }
        let sender = Sender::new(self.pool.clone(), self.provider.clone(), self.chain_id, signers.clone());
        let stop = Shutdown::new();
        let running = tokio::spawn(sender.clone().run(stop.clone()));
        let deployed = deploy::deploy(&self.pool, &self.provider, &sender, &plan, &self.shutdown).await;
        stop.begin();
        running.await?;
        Ok(deployed?)
    }

    /// Runs parts until the shutdown.
    ///
    /// # Errors
    /// When no market is recorded, when an address cannot be listened on, or when a part ends by
    /// itself.
    pub async fn run(mut self, parts: &[Part]) -> Result<()> {
        let deployment = self.deployment().await?;
        let signers = self.signers()?;
        if let Some(listen) = self.settings.telemetry.metrics_listen.filter(|_| !parts.contains(&Part::Backend)) {
            let listener = TcpListener::bind(listen)
                .await
                .with_context(|| format!("{listen} cannot be listened on: set METRICS_LISTEN to a free address"))?;
            let shutdown = self.shutdown.clone();
            self.tasks.spawn(async move {
                if let Err(error) = backend::serve_metrics(listener, shutdown).await {
                    tracing::error!("the metrics are not served any more: {}", error_chain(&error));
                }
                "metrics"
            });
        }
        let address = self.spawn(deployment, signers, parts).await?;
        if let Some(address) = address {
            tracing::info!("listening on {address}");
        }
        self.wait().await
    }

    /// Runs everything in one process, on a chain that may be empty.
    ///
    /// # Errors
    /// When the deployment or the sample catalogue fails, when an address cannot be listened on, or
    /// when a part ends by itself.
    pub async fn up(mut self) -> Result<()> {
        let is_local = local::is_local(self.chain_id);
        if is_local {
            let keeper = Keeper::new(self.provider.clone(), self.archive().await?);
            self.durable = keeper.durable();
            self.tasks.spawn(keeper.run(self.shutdown.clone()));
        }
        let signers = local::signers_or(self.chain_id, self.signers()?)?;
        let deployment = self.deployed(&signers).await?;
        let parts = [Part::Indexer, Part::Backend, Part::Workers, Part::Sender];
        if let Some(address) = self.spawn(deployment, signers, &parts).await? {
            let origin = self.settings.origin();
            eprintln!(
                "\n  Tributary is up:  {origin}\n  API reference:    {origin}/docs\n\n  Ctrl-C stops everything and keeps the data.\n"
            );
            tracing::info!("listening on {address}");
        }
        if is_local {
            sample::load(&self, &deployment).await.context("the sample market could not be loaded")?;
            if self.durable.is_some() {
                local::catch_up(&self.provider).await?;
            }
            eprintln!("The sample market is complete.");
        }
        self.wait().await
    }

    /// Restores the local chain that is kept on disk, if the settings say where.
    async fn archive(&self) -> Result<Option<Archive>> {
        let Some(folder) = &self.settings.chain.local_dir else { return Ok(None) };
        let urls = self.settings.rpc_urls();
        let url = urls.first().context("RPC_URL is empty")?;
        let opened = Archive::open(folder, url).await;
        let archive = opened.with_context(|| format!("the local chain in {} cannot be restored", folder.display()))?;
        // Blocks that the mirror has and the archive has not are lost, and the mirror learns that from a block in their place.
        self.provider.anvil_mine(Some(1), None).await?;
        Ok(Some(archive))
    }

    /// Starts parts. Returns the address of the backend, if it is one of them.
    ///
    /// # Errors
    /// When an address cannot be listened on, or when the database or the vault fails.
    pub async fn spawn(
        &mut self,
        deployment: Deployment,
        signers: Signers,
        parts: &[Part],
    ) -> Result<Option<SocketAddr>> {
        let mut address = None;
        for part in parts {
            let shutdown = self.shutdown.clone();
            match part {
                Part::Indexer => self.spawn_mirrors(deployment).await?,
                Part::Sender => {
                    let sender = Sender::new(self.pool.clone(), self.provider.clone(), self.chain_id, signers.clone());
                    self.tasks.spawn(async move {
                        sender.run(shutdown).await;
                        "sender"
                    });
                }
                Part::Workers => {
                    let Some(engine) = signers.first().map(|signer| signer.account()) else {
                        bail!("ENGINE_KEY is not set: the workers publish payout roots with it");
                    };
                    let context = workers::Context {
                        pool: self.pool.clone(),
                        provider: self.provider.clone(),
                        vault: self.vault.clone(),
                        deployment,
                        engine,
                        distribution: workers::DistributionPolicy {
                            policy: self.settings.distribution.policy,
                            min_payouts: self.settings.distribution.min_payouts.0.clone(),
                            left_out: self.settings.distribution.left_out.0.clone(),
                        },
                        anchoring: self.anchoring(),
                        programs: programs(&self.settings)?,
                    };
                    self.tasks.spawn(async move {
                        workers::run(context, shutdown).await;
                        "workers"
                    });
                }
                Part::Backend => address = Some(self.spawn_backend(deployment, signers.first().cloned()).await?),
            }
        }
        Ok(address)
    }

    fn anchoring(&self) -> workers::Anchoring {
        let usual = if local::is_local(self.chain_id) { ANCHOR_INTERVAL_LOCAL } else { ANCHOR_INTERVAL };
        let after = self.settings.ledger.anchor_interval.map_or(usual, Duration::from_secs);
        workers::Anchoring { after, events: self.settings.ledger.anchor_events }
    }

    /// Starts a mirror for every chain that an endpoint serves and on which a market is recorded.
    async fn spawn_mirrors(&mut self, deployment: Deployment) -> Result<()> {
        let pools: Vec<Arc<Pool>> = self.chains.all().cloned().collect();
        for pool in pools {
            let (chain_id, shutdown) = (ChainId(pool.chain_id()), self.shutdown.clone());
            let found = match chain_id == self.chain_id {
                true => Some(deployment),
                false => deployments::find(&mut *self.pool.acquire().await?, chain_id).await?,
            };
            let Some(deployment) = found else {
                tracing::warn!("no market is recorded for chain {chain_id}, which RPC_URL names: it is not mirrored");
                continue;
            };
            let ws_url = self.settings.chain.ws_url.clone().filter(|_| chain_id == self.chain_id);
            let durable = self.durable.clone().filter(|_| chain_id == self.chain_id);
            let indexer = Indexer::new(self.pool.clone(), pool, deployment, self.settings.chain.finality)
                .with_ws(ws_url)
                .with_durable(durable);
            self.tasks.spawn(async move {
                indexer.run(shutdown).await;
                "indexer"
            });
        }
        Ok(())
    }

    async fn spawn_backend(
        &mut self,
        deployment: Deployment,
        signer: Option<Arc<dyn AccountSigner>>,
    ) -> Result<SocketAddr> {
        let listen = self.settings.http.listen;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("{listen} cannot be listened on: set LISTEN to a free address"))?;
        let address = listener.local_addr()?;
        let state = AppState {
            pool: self.pool.clone(),
            provider: self.provider.clone(),
            vault: self.vault.clone(),
            settings: self.settings.clone(),
            deployment,
            signer,
            lineage: lineage::cache(self.pool.clone(), deployment.chain_id),
            risk: Memory::new(self.pool.clone(), deployment.chain_id),
            partners: advisors::partners::Cache::new(self.pool.clone(), deployment.chain_id),
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            if let Err(error) = backend::serve(state, listener, shutdown).await {
                tracing::error!("the backend stopped: {}", error_chain(&error));
            }
            "backend"
        });
        Ok(address)
    }

    /// Waits for the shutdown. A part that ends before it ends the process.
    ///
    /// # Errors
    /// When a part ends by itself, or panics.
    pub async fn wait(mut self) -> Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            let early = !self.shutdown.has_begun();
            self.shutdown.begin();
            match ended {
                Ok(part) if early => bail!("the {part} ended by itself; see the log above"),
                Ok(_) => {}
                Err(error) => return Err(error).context("a part of the process failed"),
            }
        }
        Ok(())
    }
}
