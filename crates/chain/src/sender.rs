//! Sending transactions exactly once.
//!
//! An *intent* (what to send, under a key that names it for ever) is stored in the database transaction that makes it
//! necessary. The sender takes intents in order, leases a nonce, signs, stores the signed bytes, and only then sends
//! them; it sends the same bytes again until a receipt says what became of them, and raises the fee when that takes long.
//! Killed at any point it goes on from what is stored: an intent is neither lost nor sent twice under two nonces.

use std::{collections::BTreeMap, time::Duration};

use alloy::{
    consensus::transaction::TxEnvelope,
    eips::eip2718::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider},
    rpc::types::{BlockNumberOrTag, TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    transports::{RpcError, TransportErrorKind},
};
use service::Shutdown;
use sqlx::{PgConnection, PgPool};
use store::{StoreError, values};

/// A transaction waits so long for its receipt before its fee is raised.
const BUMP_AFTER: Duration = Duration::from_secs(30);
/// Unanswered bytes are sent again this often.
const RESEND_AFTER: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

/// What to send, and the key under which it is sent once.
#[derive(Clone, Debug)]
pub struct Intent {
    pub account: Address,
    pub key: String,
    /// None creates a contract.
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
    #[error("the node did not answer: {0}")]
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
    Signing(String),
    #[error("stopped while waiting for transaction `{key}`")]
    Stopped { key: String },
}

impl From<sqlx::Error> for SenderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Stores an intent within the caller's transaction, and says whether it is new. The same intent again changes nothing.
pub async fn enqueue(tx: &mut PgConnection, chain_id: u64, intent: &Intent) -> Result<bool, SenderError> {
    let to = intent.to.map(|address| address.to_vec());
    let added = sqlx::query!(
        "INSERT INTO sender_transactions (chain_id, account, key, recipient, value, data)
         VALUES ($1, $2, $3, $4, $5::text::numeric, $6) ON CONFLICT (chain_id, key) DO NOTHING",
        chain_id as i64,
        intent.account.as_slice() as _,
        intent.key,
        to as _,
        intent.value.to_string(),
        intent.data.as_ref()
    )
    .execute(&mut *tx)
    .await?;
    if added.rows_affected() == 1 {
        return Ok(true);
    }
    // Another statement: the first one does not see what it waited for, if that was stored while it ran.
    let same = sqlx::query_scalar!(
        r#"SELECT EXISTS (
             SELECT FROM sender_transactions WHERE chain_id = $1 AND key = $3 AND account = $2
                AND recipient IS NOT DISTINCT FROM $4 AND value = $5::text::numeric AND data = $6) AS "same!""#,
        chain_id as i64,
        intent.account.as_slice() as _,
        intent.key,
        to as _,
        intent.value.to_string(),
        intent.data.as_ref()
    )
    .fetch_one(tx)
    .await?;
    if same { Ok(false) } else { Err(SenderError::KeyTaken { key: intent.key.clone() }) }
}

/// Sends for the accounts whose keys it holds, on one chain.
#[derive(Clone)]
pub struct Sender {
    pool: PgPool,
    provider: DynProvider,
    chain_id: u64,
    wallets: BTreeMap<Address, EthereumWallet>,
}

/// A transaction that was signed and has no final receipt yet.
struct Unsettled {
    id: i64,
    key: String,
    sent: bool,
    age: f64,
}

impl Sender {
    pub fn new(pool: PgPool, provider: DynProvider, chain_id: u64, signers: Vec<PrivateKeySigner>) -> Self {
        let wallets = signers
            .into_iter()
            .map(|signer| (signer.address(), EthereumWallet::from(signer.with_chain_id_of(chain_id))))
            .collect();
        Self { pool, provider, chain_id, wallets }
    }

    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Works until the shutdown; a failure is said and tried again.
    pub async fn run(self, shutdown: Shutdown) {
        let mut failures = 0_u32;
        while !shutdown.has_begun() {
            let pause = match self.step().await {
                Ok(()) => {
                    failures = 0;
                    POLL
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!("transactions wait: {error}");
                    Duration::from_millis(250 << failures.min(6))
                }
            };
            shutdown.sleep(pause).await;
        }
    }

    /// One round: signs what is queued, sends what is unanswered, records what was mined.
    pub async fn step(&self) -> Result<(), SenderError> {
        for (account, wallet) in &self.wallets {
            while self.sign_next(*account, wallet).await? {}
            for transaction in self.unsettled(*account).await? {
                self.reconcile(wallet, &transaction).await?;
            }
        }
        Ok(())
    }

    /// Stores an intent in a transaction of its own and waits until it is mined.
    pub async fn send(&self, intent: &Intent, shutdown: &Shutdown) -> Result<Settled, SenderError> {
        let mut conn = self.pool.acquire().await?;
        enqueue(&mut conn, self.chain_id, intent).await?;
        drop(conn);
        self.wait(&intent.key, shutdown).await
    }

    /// Waits until the transaction of that key is mined, by this sender or another process.
    pub async fn wait(&self, key: &str, shutdown: &Shutdown) -> Result<Settled, SenderError> {
        loop {
            let row = sqlx::query!(
                r#"SELECT state, error, tx_hash AS "tx_hash: Vec<u8>", block_number, gas_used FROM sender_transactions
                   WHERE chain_id = $1 AND key = $2"#,
                self.chain_id as i64,
                key
            )
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| SenderError::Unknown { key: key.to_owned() })?;
            let tx_hash = row.tx_hash.as_deref().map(values::hash).transpose()?.unwrap_or_default();
            match row.state.as_str() {
                "mined" | "final" => {
                    return Ok(Settled {
                        tx_hash,
                        block_number: row.block_number.unwrap_or_default() as u64,
                        gas_used: row.gas_used.unwrap_or_default() as u64,
                    });
                }
                "reverted" => return Err(SenderError::Reverted { key: key.to_owned(), tx_hash }),
                "refused" => {
                    return Err(SenderError::Refused { key: key.to_owned(), reason: row.error.unwrap_or_default() });
                }
                _ => {}
            }
            if !shutdown.sleep(POLL / 2).await {
                return Err(SenderError::Stopped { key: key.to_owned() });
            }
        }
    }

    /// Leases a nonce for the oldest queued intent and stores its signed bytes; false when nothing is queued.
    async fn sign_next(&self, account: Address, wallet: &EthereumWallet) -> Result<bool, SenderError> {
        let waiting = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM sender_transactions
                              WHERE chain_id = $1 AND account = $2 AND state = 'queued') AS "waiting!""#,
            self.chain_id as i64,
            account.as_slice() as _
        )
        .fetch_one(&self.pool)
        .await?;
        if !waiting {
            return Ok(false);
        }
        // What others sent from this account counts too: the lease starts at the chain's own number.
        let on_chain = self.provider.get_transaction_count(account).pending().await?;
        let mut tx = self.pool.begin().await?;
        let nonce = sqlx::query_scalar!(
            "INSERT INTO sender_accounts AS a (chain_id, account, next_nonce) VALUES ($1, $2, $3)
             ON CONFLICT (chain_id, account) DO UPDATE SET next_nonce = greatest(a.next_nonce, excluded.next_nonce)
             RETURNING next_nonce",
            self.chain_id as i64,
            account.as_slice() as _,
            on_chain as i64
        )
        .fetch_one(&mut *tx)
        .await?;
        let Some(intent) = sqlx::query!(
            r#"SELECT id, key, recipient AS "recipient: Vec<u8>", value::text AS "value!", data FROM sender_transactions
               WHERE chain_id = $1 AND account = $2 AND state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE"#,
            self.chain_id as i64,
            account.as_slice() as _
        )
        .fetch_optional(&mut *tx)
        .await?
        else {
            return Ok(false);
        };
        let mut request = TransactionRequest::default()
            .with_from(account)
            .with_chain_id(self.chain_id)
            .with_nonce(nonce as u64)
            .with_value(values::amount(&intent.value)?)
            .with_input(intent.data);
        request = match intent.recipient {
            Some(recipient) => request.with_to(values::address(&recipient)?),
            None => request.into_create(),
        };
        let gas = match self.provider.estimate_gas(request.clone()).block(BlockNumberOrTag::Pending.into()).await {
            Ok(gas) => gas,
            Err(RpcError::ErrorResp(error)) => {
                // The chain refuses it: no nonce is used, and whoever asked is told why.
                let reason = explain(&error);
                tracing::warn!("transaction `{}` would fail: {reason}", intent.key);
                sqlx::query!(
                    "UPDATE sender_transactions SET state = 'refused', error = $2, updated_at = now() WHERE id = $1",
                    intent.id,
                    reason
                )
                .execute(&mut *tx)
                .await?;
                tx.commit().await?;
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        let fees = self.provider.estimate_eip1559_fees().await?;
        let request = request
            .with_gas_limit(gas + gas / 5)
            .with_max_fee_per_gas(fees.max_fee_per_gas)
            .with_max_priority_fee_per_gas(fees.max_priority_fee_per_gas);
        let envelope = sign(request, wallet).await?;
        store_attempt(&mut tx, intent.id, 0, &envelope, fees.max_fee_per_gas, fees.max_priority_fee_per_gas).await?;
        sqlx::query!(
            "UPDATE sender_transactions SET state = 'sent', nonce = $2, tx_hash = $3, updated_at = now() WHERE id = $1",
            intent.id,
            nonce,
            envelope.tx_hash().as_slice() as _
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE sender_accounts SET next_nonce = $3 WHERE chain_id = $1 AND account = $2",
            self.chain_id as i64,
            account.as_slice() as _,
            nonce + 1
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.broadcast(&envelope.encoded_2718(), &intent.key).await?;
        Ok(true)
    }

    async fn unsettled(&self, account: Address) -> Result<Vec<Unsettled>, SenderError> {
        let rows = sqlx::query!(
            r#"SELECT id, key, state, extract(epoch FROM now() - updated_at)::float8 AS "age!" FROM sender_transactions
               WHERE chain_id = $1 AND account = $2 AND state IN ('sent', 'mined') ORDER BY nonce"#,
            self.chain_id as i64,
            account.as_slice() as _
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Unsettled { id: row.id, key: row.key, sent: row.state == "sent", age: row.age })
            .collect())
    }

    /// Looks for the receipt of any signed form; none: sends again, and in time with a higher fee.
    async fn reconcile(&self, wallet: &EthereumWallet, transaction: &Unsettled) -> Result<(), SenderError> {
        let attempts = sqlx::query!(
            r#"SELECT attempt, raw, tx_hash AS "tx_hash: Vec<u8>", max_fee::text AS "max_fee!",
                      priority_fee::text AS "priority_fee!",
                      extract(epoch FROM now() - created_at)::float8 AS "age!"
               FROM sender_attempts WHERE transaction_id = $1 ORDER BY attempt DESC"#,
            transaction.id
        )
        .fetch_all(&self.pool)
        .await?;
        for attempt in &attempts {
            let hash = values::hash(&attempt.tx_hash)?;
            if let Some(receipt) = self.provider.get_transaction_receipt(hash).await? {
                return self.record_receipt(transaction, &receipt).await;
            }
        }
        let Some(newest) = attempts.first() else { return Ok(()) };
        if !transaction.sent {
            tracing::warn!("transaction `{}` left the chain with a reorganisation; sending it again", transaction.key);
            self.set_state(transaction.id, "sent").await?;
        } else if newest.age > BUMP_AFTER.as_secs_f64() {
            let fees = (values::amount(&newest.max_fee)?, values::amount(&newest.priority_fee)?);
            return self.bump(wallet, transaction, newest.attempt + 1, &newest.raw, fees).await;
        } else if transaction.age < RESEND_AFTER.as_secs_f64() {
            return Ok(());
        } else {
            self.set_state(transaction.id, "sent").await?;
        }
        self.broadcast(&newest.raw, &transaction.key).await
    }

    async fn set_state(&self, id: i64, state: &str) -> Result<(), SenderError> {
        sqlx::query!("UPDATE sender_transactions SET state = $2, updated_at = now() WHERE id = $1", id, state)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn record_receipt(&self, transaction: &Unsettled, receipt: &TransactionReceipt) -> Result<(), SenderError> {
        let finalized = match self.provider.get_block_by_number(BlockNumberOrTag::Finalized).await {
            Ok(block) => block.map(|block| block.header.number).unwrap_or_default(),
            // A chain without the tag: its transactions stay `mined` and are looked at again.
            Err(RpcError::ErrorResp(_)) => 0,
            Err(error) => return Err(error.into()),
        };
        let block = receipt.block_number.unwrap_or_default();
        let state = match (receipt.status(), block <= finalized) {
            (false, _) => "reverted",
            (true, true) => "final",
            (true, false) => "mined",
        };
        if !transaction.sent && state == "mined" {
            return Ok(());
        }
        let block_hash = receipt.block_hash.unwrap_or_default();
        sqlx::query!(
            "UPDATE sender_transactions SET state = $2, tx_hash = $3, block_number = $4, block_hash = $5, gas_used = $6,
                    gas_price = $7::text::numeric, updated_at = now() WHERE id = $1",
            transaction.id,
            state,
            receipt.transaction_hash.as_slice() as _,
            block as i64,
            block_hash.as_slice() as _,
            receipt.gas_used as i64,
            receipt.effective_gas_price.to_string()
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Signs the same transaction with fees an eighth higher (the least that nodes accept as a replacement is a tenth).
    async fn bump(
        &self,
        wallet: &EthereumWallet,
        transaction: &Unsettled,
        attempt: i32,
        raw: &[u8],
        fees: (U256, U256),
    ) -> Result<(), SenderError> {
        use alloy::eips::eip2718::Decodable2718;
        let old = TxEnvelope::decode_2718(&mut &raw[..]).map_err(|error| SenderError::Signing(error.to_string()))?;
        let market = self.provider.estimate_eip1559_fees().await?;
        let raised = |fee: U256, now: u128| (fee + fee / U256::from(8) + U256::from(1)).to::<u128>().max(now);
        let max_fee = raised(fees.0, market.max_fee_per_gas);
        let priority = raised(fees.1, market.max_priority_fee_per_gas).min(max_fee);
        let request = TransactionRequest::from_transaction(old)
            .with_max_fee_per_gas(max_fee)
            .with_max_priority_fee_per_gas(priority);
        let envelope = sign(request, wallet).await?;
        let mut tx = self.pool.begin().await?;
        store_attempt(&mut tx, transaction.id, attempt, &envelope, max_fee, priority).await?;
        tx.commit().await?;
        tracing::info!("raised the fee of transaction `{}` to {max_fee} wei per gas", transaction.key);
        self.broadcast(&envelope.encoded_2718(), &transaction.key).await
    }

    /// Sends bytes. A node that knows them already, or has mined them, says so with an error: the receipt decides.
    async fn broadcast(&self, raw: &[u8], key: &str) -> Result<(), SenderError> {
        match self.provider.send_raw_transaction(raw).await {
            Ok(_) => Ok(()),
            Err(RpcError::ErrorResp(error)) => {
                tracing::debug!("the node answered `{}` to transaction `{key}`", error.message);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

trait WithChainId {
    fn with_chain_id_of(self, chain_id: u64) -> Self;
}

impl WithChainId for PrivateKeySigner {
    fn with_chain_id_of(self, chain_id: u64) -> Self {
        alloy::signers::Signer::with_chain_id(self, Some(chain_id))
    }
}

async fn sign(request: TransactionRequest, wallet: &EthereumWallet) -> Result<TxEnvelope, SenderError> {
    request.build(wallet).await.map_err(|error| SenderError::Signing(error.to_string()))
}

async fn store_attempt(
    tx: &mut PgConnection,
    id: i64,
    attempt: i32,
    envelope: &TxEnvelope,
    max_fee: u128,
    priority_fee: u128,
) -> Result<(), SenderError> {
    sqlx::query!(
        "INSERT INTO sender_attempts (transaction_id, attempt, raw, tx_hash, max_fee, priority_fee)
         VALUES ($1, $2, $3, $4, $5::text::numeric, $6::text::numeric)",
        id,
        attempt,
        envelope.encoded_2718(),
        envelope.tx_hash().as_slice() as _,
        max_fee.to_string(),
        priority_fee.to_string()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A node's error, with the contract's own error decoded where it is one of ours.
fn explain(error: &alloy::rpc::json_rpc::ErrorPayload) -> String {
    match error.as_revert_data().and_then(|data| bindings::explain_revert(&data)) {
        Some(reason) => reason,
        None => error.message.to_string(),
    }
}
