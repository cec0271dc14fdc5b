//! Turns a queued intent into signed bytes with a nonce of their own.

use alloy::{
    eips::eip2718::Encodable2718,
    network::TransactionBuilder,
    primitives::Address,
    providers::Provider,
    rpc::{
        json_rpc::ErrorPayload,
        types::{BlockNumberOrTag, TransactionRequest},
    },
    transports::RpcError,
};
use chain::AccountSigner;
use facts::{Account, Units};
use sqlx::PgConnection;

use crate::{Sender, SenderError, sign};

/// The oldest intent that was not signed yet.
struct Queued {
    id: i64,
    key: String,
    /// The transaction, without nonce, gas and fees.
    request: TransactionRequest,
}

impl Sender {
    /// Leases a nonce for the oldest queued intent and stores its signed bytes. Returns false when nothing is queued.
    pub(crate) async fn sign_next(&self, account: Address, signer: &dyn AccountSigner) -> Result<bool, SenderError> {
        if !self.is_waiting(account).await? {
            return Ok(false);
        }
        // Transactions that others sent from this account count too, so the lease starts at the chain's own number.
        let on_chain = self.provider.get_transaction_count(account).pending().await?;
        let mut tx = self.pool.begin().await?;
        let nonce = self.lease(&mut tx, account, on_chain).await?;
        let Some(queued) = self.oldest(&mut tx, account).await? else { return Ok(false) };
        let request = queued.request.with_nonce(nonce as u64);
        let gas = match self.provider.estimate_gas(request.clone()).block(BlockNumberOrTag::Pending.into()).await {
            Ok(gas) => gas,
            Err(RpcError::ErrorResp(error)) => {
                self.check_not_behind(&mut tx).await?;
                // The chain refuses it, so no nonce is used, and the reason is stored for whoever asked.
                let reason = explain(&error);
                tracing::warn!("transaction `{}` would fail: {reason}", queued.key);
                refuse(&mut tx, queued.id, &reason).await?;
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
        let envelope = sign::sign(request, signer).await?;
        let fees = (fees.max_fee_per_gas, fees.max_priority_fee_per_gas);
        sign::store_attempt(&mut tx, (queued.id, 0), &envelope, fees).await?;
        sqlx::query!(
            "UPDATE sender_transactions SET state = 'sent', nonce = $2, tx_hash = $3, updated_at = now() WHERE id = $1",
            queued.id,
            nonce,
            envelope.tx_hash().as_slice() as _
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE sender_accounts SET next_nonce = $3 WHERE chain_id = $1 AND account = $2",
            self.chain_id.get(),
            Account(account) as _,
            nonce + 1
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.broadcast(&envelope.encoded_2718(), &queued.key).await?;
        Ok(true)
    }

    async fn is_waiting(&self, account: Address) -> Result<bool, SenderError> {
        let waiting = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM sender_transactions
                              WHERE chain_id = $1 AND account = $2 AND state = 'queued') AS "waiting!""#,
            self.chain_id.get(),
            Account(account) as _
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(waiting)
    }

    /// Returns the account's next nonce. Others who ask for it wait until the database transaction ends.
    async fn lease(&self, tx: &mut PgConnection, account: Address, on_chain: u64) -> Result<i64, SenderError> {
        let nonce = sqlx::query_scalar!(
            "INSERT INTO sender_accounts AS a (chain_id, account, next_nonce) VALUES ($1, $2, $3)
             ON CONFLICT (chain_id, account) DO UPDATE SET next_nonce = greatest(a.next_nonce, excluded.next_nonce)
             RETURNING next_nonce",
            self.chain_id.get(),
            Account(account) as _,
            on_chain as i64
        )
        .fetch_one(tx)
        .await?;
        Ok(nonce)
    }

    async fn oldest(&self, tx: &mut PgConnection, account: Address) -> Result<Option<Queued>, SenderError> {
        let found = sqlx::query!(
            r#"SELECT id, key, recipient AS "recipient: Account", value AS "value!: Units", data FROM sender_transactions
               WHERE chain_id = $1 AND account = $2 AND state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE"#,
            self.chain_id.get(),
            Account(account) as _
        )
        .fetch_optional(tx)
        .await?;
        let Some(intent) = found else { return Ok(None) };
        let request = TransactionRequest::default()
            .with_from(account)
            .with_chain_id(self.chain_id.0)
            .with_value(intent.value.0.0)
            .with_input(intent.data);
        let request = match intent.recipient {
            Some(recipient) => request.with_to(recipient.0),
            None => request.into_create(),
        };
        Ok(Some(Queued { id: intent.id, key: intent.key, request }))
    }

    /// Checks that the endpoint has seen our own latest transactions. If it has not, the transaction that it refuses may be
    /// right, so the refusal must not be believed yet.
    async fn check_not_behind(&self, tx: &mut PgConnection) -> Result<(), SenderError> {
        let needed = sqlx::query_scalar!(
            r#"SELECT coalesce(max(block_number), 0) AS "needed!" FROM sender_transactions
               WHERE chain_id = $1 AND state IN ('mined', 'final')"#,
            self.chain_id.get()
        )
        .fetch_one(tx)
        .await? as u64;
        let head = self.provider.get_block_number().await?;
        if head < needed { Err(SenderError::Behind { head, needed }) } else { Ok(()) }
    }
}

async fn refuse(tx: &mut PgConnection, id: i64, reason: &str) -> Result<(), SenderError> {
    sqlx::query!(
        "UPDATE sender_transactions SET state = 'refused', error = $2, updated_at = now() WHERE id = $1",
        id,
        reason
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Describes a node's error, with the contract's own error decoded if it is one of ours.
fn explain(error: &ErrorPayload) -> String {
    match error.as_revert_data().and_then(|data| bindings::explain_revert(&data)) {
        Some(reason) => reason,
        None => error.message.to_string(),
    }
}
