//! Whether an account signed a hash: a key pair, or a contract that answers for itself (ERC-1271).

use alloy::{
    primitives::{Address, B256, Bytes, Signature},
    providers::{DynProvider, Provider},
    sol,
    sol_types::SolCall,
    transports::RpcError,
};

use crate::problem::{Problem, Result};

sol! {
    /// ERC-1271.
    function isValidSignature(bytes32 hash, bytes signature) returns (bytes4);
}

/// True when `account` signed `hash`. Asks the chain only where the signature is not the account's own.
pub async fn is_valid(provider: &DynProvider, account: Address, hash: B256, signature: &[u8]) -> Result<bool> {
    let by_key = Signature::from_raw(signature)
        .ok()
        // The contract accepts only the lower of the two forms of a signature.
        .filter(|signature| signature.normalize_s().is_none())
        .and_then(|signature| signature.recover_address_from_prehash(&hash).ok());
    if by_key == Some(account) {
        return Ok(true);
    }
    let code = provider.get_code_at(account).await.map_err(node_is_away)?;
    if code.is_empty() {
        return Ok(false);
    }
    let call = isValidSignatureCall { hash, signature: Bytes::copy_from_slice(signature) };
    let request = alloy::rpc::types::TransactionRequest::default().to(account).input(call.abi_encode().into());
    match provider.call(request).await {
        Ok(answer) => Ok(answer.get(..4) == Some(&isValidSignatureCall::SELECTOR)),
        Err(RpcError::ErrorResp(_)) => Ok(false),
        Err(error) => Err(node_is_away(error)),
    }
}

/// The chain's node is away: say so, and that repeating is safe.
pub fn node_is_away(error: impl std::fmt::Display) -> Problem {
    tracing::warn!("the node is away: {error}");
    Problem::unavailable("The chain's node does not answer. Nothing was changed; try again.")
}
