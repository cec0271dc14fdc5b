//! Sends transactions exactly once, and deploys the contracts with them.
//!
//! An *intent* says what to send, under a key that names it for ever. It is stored in the database transaction that makes it
//! necessary. The sender takes intents in order, leases a nonce, signs, stores the signed bytes, and only then sends them.
//! It sends the same bytes again until a receipt says what became of them, and raises the fee when that takes long. A sender
//! that is killed at any point continues from what is stored, so an intent is neither lost nor sent twice under two nonces.
//!
//! The provider may use several endpoints. When one fails, another answers, which may be some blocks behind. Three things
//! keep this harmless. A nonce is never lower than one that was leased before. When a receipt is missing, bytes with the
//! same nonce are sent again, and happen only once. And a refusal does not count when it comes from an endpoint that has not
//! reached the newest block with a transaction of ours.

pub mod deploy;
mod lease;
mod settle;
mod sign;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::Arc,
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::DynProvider,
    transports::{RpcError, TransportErrorKind},
};
use chain::{AccountSigner, Signers};
use facts::{Account, ChainId, Hash, Units};
use service::{Pace, Shutdown, error_chain};
use sqlx::{PgConnection, PgPool};
use store::StoreError;

const POLL: Duration = Duration::from_millis(100);

/// What to send, and the key under which it is sent once.
#[derive(Clone, Debug)]
pub struct Intent {
    pub account: Address,
    pub key: String,
    /// The recipient. `None` creates a contract.
    pub to: Option<Address>,
    pub value: U256,
    pub data: Bytes,
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub tx_hash: B256,
    pub block_number: u64,
    pub gas_used: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the node did not give an answer: {0}")]
    Rpc(#[from] RpcError<TransportErrorKind>),
    #[error("transaction `{key}` would fail: {reason}")]
    Refused { key: String, reason: String },
    #[error("transaction `{key}` was mined but failed ({tx_hash})")]
    Reverted { key: String, tx_hash: B256 },
    #[error("transaction `{key}` is already known with other contents")]
    KeyTaken { key: String },
    #[error("there is no transaction `{key}`")]
    Unknown { key: String },
    #[error("signing failed: {0}")]
    Signing(#[source] Box<dyn Error + Send + Sync>),
    #[error("the node is at block {head}, and a transaction of ours was mined in block {needed} already")]
    Behind { head: u64, needed: u64 },
    #[error("stopped while waiting for transaction `{key}`")]
    Stopped { key: String },
}

impl From<sqlx::Error> for SenderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Stores an intent within the caller's transaction, and returns whether it is new. Storing the same intent again changes
/// nothing.
///
/// # Errors
/// When the database fails, or another intent is stored under the same key.
pub async fn enqueue(tx: &mut PgConnection, chain_id: ChainId, intent: &Intent) -> Result<bool, SenderError> {
    let to = intent.to.map(Account);
    let added = sqlx::query!(
        "INSERT INTO sender_transactions (chain_id, account, key, recipient, value, data)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (chain_id, key) DO NOTHING",
        chain_id.get(),
        Account(intent.account) as _,
        intent.key,
        to as _,
        Units::from(intent.value) as _,
        intent.data.as_ref()
    )
    .execute(&mut *tx)
    .await?;
    if added.rows_affected() == 1 {
        return Ok(true);
    }
    // This needs another statement, because the first one does not see what was stored while it waited.
    let same = sqlx::query_scalar!(
        r#"SELECT EXISTS (
             SELECT FROM sender_transactions WHERE chain_id = $1 AND key = $3 AND account = $2
                AND recipient IS NOT DISTINCT FROM $4 AND value = $5 AND data = $6) AS "same!""#,
        chain_id.get(),
        Account(intent.account) as _,
        intent.key,
        to as _,
        Units::from(intent.value) as _,
        intent.data.as_ref()
    )
    .fetch_one(tx)
    .await?;
    if same { Ok(false) } else { Err(SenderError::KeyTaken { key: intent.key.clone() }) }
}

/// Sends transactions for the accounts that it can sign for, on one chain.
#[derive(Clone)]
pub struct Sender {
    pool: PgPool,
    provider: DynProvider,
    chain_id: ChainId,
    signers: BTreeMap<Address, Arc<dyn AccountSigner>>,
}

impl Sender {
    pub fn new(pool: PgPool, provider: DynProvider, chain_id: ChainId, signers: impl Into<Signers>) -> Self {
        let signers = signers.into().iter().map(|signer| (signer.account(), signer.clone())).collect();
        Self { pool, provider, chain_id, signers }
    }

    pub fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// Works until the shutdown. A failure is logged, and the step is tried again.
    pub async fn run(self, shutdown: Shutdown) {
        let (mut failures, mut pace) = (0_u32, Pace::new(POLL));
        while !shutdown.has_begun() {
            let pause = match self.step().await {
                Ok(busy) => {
                    failures = 0;
                    pace.after(busy)
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!("transactions wait: {}", error_chain(&error));
                    Duration::from_millis(250 << failures.min(6))
                }
            };
            shutdown.sleep(pause).await;
        }
    }

    /// Does one round: signs what is queued, sends what is unanswered, and records what was mined. Returns whether there was
    /// anything that was not final.
    ///
    /// # Errors
    /// When the database or the node fails, or an account's key cannot sign.
    pub async fn step(&self) -> Result<bool, SenderError> {
        let busy = self.busy_accounts().await?;
        for (account, signer) in self.signers.iter().filter(|(account, _)| busy.contains(*account)) {
            // When the node seems to be behind, the chain may be shorter after a reorganisation. What it lost is sent again.
            let behind = match self.sign_queued(*account, signer.as_ref()).await {
                Err(error @ SenderError::Behind { .. }) => Some(error),
                signed => {
                    signed?;
                    None
                }
            };
            for transaction in self.unsettled(*account).await? {
                self.reconcile(signer.as_ref(), &transaction).await?;
            }
            if let Some(error) = behind {
                return Err(error);
            }
        }
        Ok(!busy.is_empty())
    }

    /// Returns the accounts of this chain that have transactions which are not final. One question for all accounts, because it
    /// is asked all the time and seldom has an answer.
    async fn busy_accounts(&self) -> Result<BTreeSet<Address>, SenderError> {
        let accounts = sqlx::query_scalar!(
            r#"SELECT DISTINCT account AS "account: Account" FROM sender_transactions
               WHERE chain_id = $1 AND state IN ('queued', 'sent', 'mined')"#,
            self.chain_id.get()
        );
        Ok(accounts.fetch_all(&self.pool).await?.into_iter().map(|account| account.0).collect())
    }

    async fn sign_queued(&self, account: Address, signer: &dyn AccountSigner) -> Result<(), SenderError> {
        while self.sign_next(account, signer).await? {}
        Ok(())
    }

    /// Stores an intent in a transaction of its own and waits until it is mined.
    ///
    /// # Errors
    /// When the database fails, when another intent has the same key, when the chain refuses the transaction or it reverts,
    /// or when the shutdown begins.
    pub async fn send(&self, intent: &Intent, shutdown: &Shutdown) -> Result<Settled, SenderError> {
        let mut conn = self.pool.acquire().await?;
        enqueue(&mut conn, self.chain_id, intent).await?;
        drop(conn);
        self.wait(&intent.key, shutdown).await
    }

    /// Waits until the transaction of that key is mined, by this sender or another process.
    ///
    /// # Errors
    /// When the database fails, when there is no such key, when the chain refuses the transaction or it reverts, or when the
    /// shutdown begins.
    pub async fn wait(&self, key: &str, shutdown: &Shutdown) -> Result<Settled, SenderError> {
        loop {
            let row = sqlx::query!(
                r#"SELECT state, error, tx_hash AS "tx_hash: Hash", block_number, gas_used FROM sender_transactions
                   WHERE chain_id = $1 AND key = $2"#,
                self.chain_id.get(),
                key
            )
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| SenderError::Unknown { key: key.to_owned() })?;
            // What a state says of the transaction is stored with it.
            let lacks = |what| StoreError::Corrupt { what, value: format!("transaction {key}: {}", row.state) };
            let tx_hash = || Ok::<_, StoreError>(row.tx_hash.ok_or_else(|| lacks("transaction hash"))?.0);
            match row.state.as_str() {
                "mined" | "final" => {
                    return Ok(Settled {
                        tx_hash: tx_hash()?,
                        block_number: row.block_number.ok_or_else(|| lacks("block of a transaction"))? as u64,
                        gas_used: row.gas_used.ok_or_else(|| lacks("gas of a transaction"))? as u64,
                    });
                }
                "reverted" => return Err(SenderError::Reverted { key: key.to_owned(), tx_hash: tx_hash()? }),
                "refused" => {
                    let reason = row.error.ok_or_else(|| lacks("refusal"))?;
                    return Err(SenderError::Refused { key: key.to_owned(), reason });
                }
                _ => {}
            }
            if !shutdown.sleep(POLL / 2).await {
                return Err(SenderError::Stopped { key: key.to_owned() });
            }
        }
    }
}
