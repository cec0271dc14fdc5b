//! Follows signed bytes until their receipt is final.

use std::time::Duration;

use alloy::{
    consensus::TxEnvelope,
    eips::eip2718::{Decodable2718, Encodable2718},
    network::TransactionBuilder,
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::{BlockNumberOrTag, TransactionReceipt, TransactionRequest},
    transports::RpcError,
};
use chain::AccountSigner;
use facts::{Account, Hash, Units};

use crate::{Sender, SenderError, sign};

/// How long a transaction waits for its receipt before its fee is raised.
const BUMP_AFTER: Duration = Duration::from_secs(30);
/// How often unanswered bytes are sent again.
const RESEND_AFTER: Duration = Duration::from_secs(5);

/// A transaction that was signed and has no final receipt yet.
pub(crate) struct Unsettled {
    id: i64,
    key: String,
    /// Whether it was sent, and no receipt was seen yet.
    sent: bool,
    /// Seconds since it was sent or changed.
    age: f64,
}

/// Returns the block of a receipt. Some nodes give one before the transaction is mined: it says nothing yet, and must not count
/// as one of block 0, which is final.
fn mined_in(receipt: &TransactionReceipt) -> Option<(u64, B256)> {
    receipt.block_number.zip(receipt.block_hash)
}

/// The parts from which a transaction is signed anew.
struct Attempt<'a> {
    number: i32,
    /// The bytes of the previous attempt.
    raw: &'a [u8],
    /// Its fees per gas, in wei: the total fee, and the priority fee.
    fees: (U256, U256),
}

impl Sender {
    pub(crate) async fn unsettled(&self, account: Address) -> Result<Vec<Unsettled>, SenderError> {
        let rows = sqlx::query!(
            r#"SELECT id, key, state, extract(epoch FROM now() - updated_at)::float8 AS "age!" FROM sender_transactions
               WHERE chain_id = $1 AND account = $2 AND state IN ('sent', 'mined') ORDER BY nonce"#,
            self.chain_id.get(),
            Account(account) as _
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Unsettled { id: row.id, key: row.key, sent: row.state == "sent", age: row.age })
            .collect())
    }

    /// Looks for the receipt of any signed form. If there is none, it sends the transaction again, after a while with a
    /// higher fee.
    pub(crate) async fn reconcile(
        &self,
        signer: &dyn AccountSigner,
        transaction: &Unsettled,
    ) -> Result<(), SenderError> {
        let attempts = sqlx::query!(
            r#"SELECT attempt, raw, tx_hash AS "tx_hash: Hash", max_fee AS "max_fee!: Units",
                      priority_fee AS "priority_fee!: Units",
                      extract(epoch FROM now() - created_at)::float8 AS "age!"
               FROM sender_attempts WHERE transaction_id = $1 ORDER BY attempt DESC"#,
            transaction.id
        )
        .fetch_all(&self.pool)
        .await?;
        for attempt in &attempts {
            let hash = attempt.tx_hash.0;
            if let Some(receipt) = self.provider.get_transaction_receipt(hash).await?
                && let Some(mined_in) = mined_in(&receipt)
            {
                return self.record_receipt(transaction, &receipt, mined_in).await;
            }
        }
        let Some(newest) = attempts.first() else { return Ok(()) };
        if !transaction.sent {
            tracing::warn!("transaction `{}` left the chain with a reorganisation; sending it again", transaction.key);
            self.set_state(transaction.id, "sent").await?;
        } else if newest.age > BUMP_AFTER.as_secs_f64() {
            let fees = (newest.max_fee.0.0, newest.priority_fee.0.0);
            let next = Attempt { number: newest.attempt + 1, raw: &newest.raw, fees };
            return self.bump(signer, transaction, next).await;
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

    async fn record_receipt(
        &self,
        transaction: &Unsettled,
        receipt: &TransactionReceipt,
        (block, block_hash): (u64, B256),
    ) -> Result<(), SenderError> {
        let finalized = match self.provider.get_block_by_number(BlockNumberOrTag::Finalized).await {
            Ok(block) => block.map(|block| block.header.number),
            // The chain does not have the tag, so its transactions stay `mined` and are looked at again.
            Err(RpcError::ErrorResp(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let state = match (receipt.status(), finalized.is_some_and(|finalized| block <= finalized)) {
            (false, _) => "reverted",
            (true, true) => "final",
            (true, false) => "mined",
        };
        if !transaction.sent && state == "mined" {
            return Ok(());
        }
        sqlx::query!(
            "UPDATE sender_transactions SET state = $2, tx_hash = $3, block_number = $4, block_hash = $5, gas_used = $6,
                    gas_price = $7, updated_at = now() WHERE id = $1",
            transaction.id,
            state,
            Hash(receipt.transaction_hash) as _,
            block as i64,
            Hash(block_hash) as _,
            receipt.gas_used as i64,
            Units::from(receipt.effective_gas_price) as _
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Signs the same transaction with fees that are an eighth higher. (Nodes accept a replacement with fees that are
    /// at least a tenth higher.)
    async fn bump(
        &self,
        signer: &dyn AccountSigner,
        transaction: &Unsettled,
        next: Attempt<'_>,
    ) -> Result<(), SenderError> {
        let mut raw = next.raw;
        let old = TxEnvelope::decode_2718(&mut raw).map_err(|error| SenderError::Signing(Box::new(error)))?;
        let market = self.provider.estimate_eip1559_fees().await?;
        let raised = |fee: U256, now: u128| (fee + fee / U256::from(8) + U256::from(1)).to::<u128>().max(now);
        let max_fee = raised(next.fees.0, market.max_fee_per_gas);
        let priority = raised(next.fees.1, market.max_priority_fee_per_gas).min(max_fee);
        let request = TransactionRequest::from_transaction(old)
            .with_max_fee_per_gas(max_fee)
            .with_max_priority_fee_per_gas(priority);
        let envelope = sign::sign(request, signer).await?;
        let mut tx = self.pool.begin().await?;
        sign::store_attempt(&mut tx, (transaction.id, next.number), &envelope, (max_fee, priority)).await?;
        tx.commit().await?;
        tracing::info!("raised the fee of transaction `{}` to {max_fee} wei per gas", transaction.key);
        self.broadcast(&envelope.encoded_2718(), &transaction.key).await
    }

    /// Sends bytes. A node that knows them already, or has mined them, answers with an error, so the receipt decides.
    pub(crate) async fn broadcast(&self, raw: &[u8], key: &str) -> Result<(), SenderError> {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_receipt_without_a_block_is_not_one_of_block_0() {
        let receipt = |number: Value, hash: Value| -> TransactionReceipt {
            serde_json::from_value(json!({
                "type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x5208", "gasUsed": "0x5208", "effectiveGasPrice": "0x1",
                "logs": [], "logsBloom": format!("0x{}", "00".repeat(256)), "transactionHash": B256::repeat_byte(1),
                "transactionIndex": "0x0", "from": Address::ZERO, "to": Address::ZERO, "contractAddress": null,
                "blockNumber": number, "blockHash": hash
            }))
            .unwrap()
        };
        let hash = B256::repeat_byte(2);
        assert_eq!(mined_in(&receipt(json!("0x7"), json!(hash))), Some((7, hash)));
        assert_eq!(mined_in(&receipt(json!("0x0"), json!(hash))), Some((0, hash)));
        assert_eq!(mined_in(&receipt(Value::Null, Value::Null)), None);
    }
}
