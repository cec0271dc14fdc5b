//! Signs transactions, and stores what was signed before it is sent.

use alloy::{
    consensus::TxEnvelope,
    eips::eip2718::Encodable2718,
    network::{Ethereum, NetworkTransactionBuilder},
    rpc::types::TransactionRequest,
};
use chain::AccountSigner;
use facts::{Hash, Units};
use sqlx::PgConnection;

use crate::SenderError;

pub(crate) async fn sign(request: TransactionRequest, signer: &dyn AccountSigner) -> Result<TxEnvelope, SenderError> {
    let unsigned = NetworkTransactionBuilder::<Ethereum>::build_unsigned(request);
    let mut transaction = unsigned.map_err(|unbuilt| SenderError::Signing(Box::new(unbuilt.error)))?;
    let signature = signer.sign_transaction(&mut transaction).await;
    let signature = signature.map_err(|error| SenderError::Signing(Box::new(error)))?;
    Ok(transaction.into_envelope(signature))
}

/// Stores signed bytes as an attempt, with the transaction's id, the attempt's number, and the largest total and priority
/// fees per gas.
pub(crate) async fn store_attempt(
    tx: &mut PgConnection,
    (id, attempt): (i64, i32),
    envelope: &TxEnvelope,
    (max_fee, priority_fee): (u128, u128),
) -> Result<(), SenderError> {
    sqlx::query!(
        "INSERT INTO sender_attempts (transaction_id, attempt, raw, tx_hash, max_fee, priority_fee)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id,
        attempt,
        envelope.encoded_2718(),
        Hash(*envelope.tx_hash()) as _,
        Units::from(max_fee) as _,
        Units::from(priority_fee) as _
    )
    .execute(tx)
    .await?;
    Ok(())
}
