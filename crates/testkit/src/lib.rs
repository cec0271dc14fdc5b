//! What tests run against: each test has a database and a chain of its own. Both are real.
//!
//! `TEST_DATABASE_URL` names a PostgreSQL server on which databases may be created, `ANVIL` the chain's binary; `./dev
//! test` provides both.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod node;
mod prepared;
#[cfg(test)]
mod queries;
pub mod sim;

use std::{future::poll_fn, pin::pin, process::Command, sync::Arc, task::Poll, time::Duration};

use alloy::{
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider, ext::AnvilApi},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use anyhow::{Context, Result};
use bindings::{AssetRegistry, Registration, Share};
use chain::{local::ACCOUNTS, pool::Pool};
use facts::ChainId;
use node::Node;
use prepared::prepared;
pub use prepared::{database_url, market_database_url};
use sender::{Intent, Sender, Settled, deploy};
use service::Shutdown;
use sqlx::{AssertSqlSafe, PgPool};
use store::deployments::{self, Deployment};

/// The longest that a transaction of a test may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Returns the signer of a local chain's n-th funded account.
pub fn signer(n: u32) -> PrivateKeySigner {
    chain::local::signer(n).expect("a local chain has the accounts 0 to 9")
}

/// Returns the signers of all accounts that a local chain funds.
fn signers() -> chain::Signers {
    (0..ACCOUNTS).map(signer).collect()
}

/// Creates a migrated database for the caller alone, and returns a pool on it.
///
/// # Errors
/// When the database server cannot be reached.
pub async fn database() -> Result<PgPool> {
    Ok(store::connect(&database_url().await?, 8).await?)
}

/// Creates a database for the caller alone that knows the market of [`Chain::with_market`], and returns a pool on it.
///
/// # Errors
/// When the database server cannot be reached, or the market cannot be deployed.
pub async fn market_database() -> Result<PgPool> {
    Ok(store::connect(&market_database_url().await?, 8).await?)
}

fn random() -> u128 {
    let key = PrivateKeySigner::random().to_bytes();
    key[..16].iter().fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

/// A chain for the caller alone. It ends when this value is dropped.
pub struct Chain {
    pub provider: DynProvider,
    pub chain_id: ChainId,
    node: Node,
}

impl Chain {
    /// Starts an empty chain that mines each transaction at once and counts a block as final two blocks later.
    ///
    /// # Errors
    /// When anvil does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with_epoch(1).await
    }

    /// Starts an empty chain that counts a block as final after two epochs of this many blocks. Until then, it may be
    /// replaced.
    ///
    /// # Errors
    /// When anvil does not start.
    pub async fn start_with_epoch(blocks: u32) -> Result<Self> {
        let node = Node::start(blocks)?;
        let (provider, chain_id) = chain::rpc::connect(&node.url("http")).await?;
        Ok(Self { provider, chain_id: ChainId(chain_id), node })
    }

    /// Starts a chain that has the prepared market, which databases of [`market_database_url`] know, with epochs of this many
    /// blocks.
    ///
    /// # Errors
    /// When anvil does not start, or the market cannot be prepared.
    pub async fn with_market(blocks: u32) -> Result<Self> {
        let prepared = prepared().await?;
        let chain = Self::start_with_epoch(blocks).await?;
        let loaded: bool = chain.provider.raw_request("anvil_loadState".into(), [&prepared.chain]).await?;
        anyhow::ensure!(loaded, "the prepared chain was not loaded");
        // The newest block is as old as the preparation. One more block is made now, as the last block of a deployment would
        // be.
        chain.mine(1).await?;
        Ok(chain)
    }

    /// Returns the state of the whole chain, for `anvil_loadState`.
    async fn dump(&self) -> Result<String> {
        Ok(self.provider.raw_request("anvil_dumpState".into(), [true]).await?)
    }

    pub fn url(&self) -> String {
        self.node.url("http")
    }

    pub fn ws_url(&self) -> String {
        self.node.url("ws")
    }

    pub fn process_id(&self) -> u32 {
        self.node.process_id()
    }

    /// Returns the chain as the mirror reads it.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn pool(&self) -> Result<Arc<Pool>> {
        let pools = chain::pool::connect(&[self.url()], chain::pool::Options::default()).await?;
        Ok(Arc::new(pools.into_iter().next().context("the chain has an id")?))
    }

    /// Mines empty blocks.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn mine(&self, blocks: u64) -> Result<()> {
        self.provider.anvil_mine(Some(blocks), None).await?;
        Ok(())
    }
}

/// A chain with the contracts deployed, a database that knows them, and a sender for the chain's funded accounts.
pub struct Market {
    pub chain: Chain,
    pub pool: PgPool,
    pub sender: Sender,
    pub deployment: Deployment,
    pub shutdown: Shutdown,
}

impl Market {
    /// Starts the prepared market, on a chain and in a database for the caller alone.
    ///
    /// # Errors
    /// When the chain or the database fails.
    pub async fn start() -> Result<Self> {
        let pool = market_database().await?;
        Self::on(Chain::with_market(1).await?, pool).await
    }

    /// Starts the market that the database knows, or deploys a new one now.
    ///
    /// # Errors
    /// When the chain or the database fails.
    pub async fn on(chain: Chain, pool: PgPool) -> Result<Self> {
        let shutdown = Shutdown::new();
        let sender = Sender::new(pool.clone(), chain.provider.clone(), chain.chain_id, signers());
        tokio::spawn(sender.clone().run(shutdown.clone()));
        let plan = prepared::plan();
        let deployment = deploy::deploy(&pool, &chain.provider, &sender, &plan, &shutdown).await?;
        Ok(Self { chain, pool, sender, deployment, shutdown })
    }

    /// Sends a call from the n-th account and waits until it is mined.
    ///
    /// # Errors
    /// When the chain refuses the transaction, or it is not mined in time.
    pub async fn call(&self, from: u32, to: Address, value: U256, data: Vec<u8>) -> Result<Settled> {
        let intent = Intent {
            account: account(from),
            key: format!("test:{:032x}", random()),
            to: Some(to),
            value,
            data: data.into(),
        };
        let sent = self.sender.send(&intent, &self.shutdown);
        Ok(tokio::time::timeout(PATIENCE, sent).await.context("the transaction was not mined in time")??)
    }

    /// Registers a code asset that the n-th account owns alone, open to derived works, with this number for its content.
    ///
    /// # Errors
    /// When the chain refuses the transaction, or it is not mined in time.
    pub async fn register(&self, from: u32, content: u64, parents: &[u64]) -> Result<()> {
        let registration = Registration {
            to: account(from),
            kind: 0,
            open: true,
            contentHash: B256::from(U256::from(content)),
            cid: format!("bafy{content}"),
            royaltyBps: 500,
            shares: vec![Share { account: account(from), bps: 10_000 }],
            parents: parents.iter().map(|parent| U256::from(*parent)).collect(),
            consents: vec![],
        };
        let call = AssetRegistry::registerCall { registration }.abi_encode();
        self.call(from, self.deployment.asset_registry, U256::ZERO, call).await?;
        Ok(())
    }

    /// Creates another database that knows this market, but nothing of its chain yet.
    ///
    /// # Errors
    /// When the database server cannot be reached.
    pub async fn another_database(&self) -> Result<PgPool> {
        let pool = database().await?;
        let mut tx = pool.begin().await?;
        deployments::record(&mut tx, &self.deployment).await?;
        tx.commit().await?;
        Ok(pool)
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// Returns everything that a mirror has of the chain, row by row. Cursors and the outbox are left out, because they depend on
/// how it was read.
///
/// # Errors
/// When the database fails.
pub async fn mirrored(pool: &PgPool) -> Result<Vec<String>> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT 'logs' UNION ALL SELECT name FROM chain.projections ORDER BY 1")
            .fetch_all(pool)
            .await?;
    let mut all = vec![];
    for table in tables {
        let query = format!("SELECT t::text FROM chain.{table} t ORDER BY 1");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await?;
        all.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    Ok(all)
}

/// Drives a future for at most `most` polls and then drops it, as a kill would.
pub async fn polled<T>(future: impl Future<Output = T>, most: u64) -> Option<T> {
    let mut future = pin!(future);
    let mut left = most;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Returns the address of a local chain's n-th account.
pub fn account(n: u32) -> Address {
    signer(n).address()
}

/// Ends a process as a crash would.
///
/// # Errors
/// When there is no such process.
pub fn kill_9(process: u32) -> Result<()> {
    let status = Command::new("kill").arg("-9").arg(process.to_string()).status()?;
    anyhow::ensure!(status.success(), "process {process} could not be killed");
    Ok(())
}

/// Puts a contract account (ERC-1271) at an address. It accepts signatures of 65 bytes by `key`, and refuses all others.
///
/// # Errors
/// When the chain does not answer.
pub async fn contract_account(chain: &Chain, address: Address, key: Address) -> Result<()> {
    chain.provider.anvil_set_code(address, contract_account_code(key).into()).await?;
    Ok(())
}

/// Returns the code of a contract account that is controlled by `key`.
pub fn contract_account_code(key: Address) -> Vec<u8> {
    // The hash, v, r and s of a call `isValidSignature(bytes32,bytes)` are laid out for ecrecover, which is contract 1. Its
    // result is compared with the key, and the answer is the magic value or zero.
    let mut code = vec![
        0x60, 0x04, 0x35, 0x60, 0x00, 0x52, // memory[0] = calldata[4], the hash
        0x60, 0xa4, 0x35, 0x60, 0x00, 0x1a, 0x60, 0x20, 0x52, // memory[32] = first byte of calldata[164], v
        0x60, 0x40, 0x60, 0x64, 0x60, 0x40, 0x37, // memory[64..128] = calldata[100..164], r and s
        0x60, 0x20, 0x60, 0x80, 0x60, 0x80, 0x60, 0x00, 0x60, 0x01, 0x5a, 0xfa,
        0x50, // memory[128] = ecrecover(..)
        0x60, 0x80, 0x51, 0x73, // the recovered address, and
    ];
    code.extend(key); // the key's,
    code.extend([
        0x14, 0x63, 0x16, 0x26, 0xba, 0x7e, 0x60, 0xe0, 0x1b, 0x02, // equal, times the magic value
        0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, 0xf3, // is returned.
    ]);
    code
}
