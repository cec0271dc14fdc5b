//! Whether an account signed a hash: a key pair, or a contract that answers for itself (ERC-1271). The rules are those of
//! the contracts' `Signatures` library, so that what passes here passes there.

use alloy::{
    primitives::{Address, B256, Bytes, FixedBytes, Signature},
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
    if signer(hash, signature) == Some(account) {
        return Ok(true);
    }
    let code = provider.get_code_at(account).await.map_err(node_is_away)?;
    if code.is_empty() {
        return Ok(false);
    }
    let call = isValidSignatureCall { hash, signature: Bytes::copy_from_slice(signature) };
    let request = alloy::rpc::types::TransactionRequest::default().to(account).input(call.abi_encode().into());
    match provider.call(request).await {
        Ok(answer) => {
            Ok(answer.get(..32)
                == Some(FixedBytes::<32>::right_padding_from(&isValidSignatureCall::SELECTOR).as_slice()))
        }
        Err(RpcError::ErrorResp(_)) => Ok(false),
        Err(error) => Err(node_is_away(error)),
    }
}

/// The account whose key made a signature: 65 bytes that end in 27 or 28, or 64 bytes (ERC-2098), with the lower of the
/// two possible s.
fn signer(hash: B256, signature: &[u8]) -> Option<Address> {
    let signature = match (signature.len(), signature.last()?) {
        (65, 27 | 28) => Signature::from_raw(signature).ok()?,
        (64, _) => Signature::from_erc2098(signature),
        _ => return None,
    };
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(&hash).ok()
}

/// The chain's node is away: say so, and that repeating is safe.
pub fn node_is_away(error: impl std::fmt::Display) -> Problem {
    tracing::warn!("the node is away: {error}");
    Problem::unavailable("The chain's node does not answer. Nothing was changed; try again.")
}
