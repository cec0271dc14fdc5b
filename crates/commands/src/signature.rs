//! Tells whether an account signed a hash. The account is a key pair, or a contract that answers for itself (ERC-1271). The
//! rules are those of the contracts' `Signatures` library, so what passes here passes there.

use alloy::{
    primitives::{Address, B256, Bytes, FixedBytes, Signature},
    providers::{DynProvider, Provider},
    rpc::{client::Waiter, types::TransactionRequest},
    sol,
    sol_types::{SolCall, SolConstructor},
    transports::TransportError,
};
use bindings::SignatureCheck;

use crate::{
    Result,
    node::{Answer, Batch},
};

sol! {
    /// ERC-1271.
    function isValidSignature(bytes32 hash, bytes signature) returns (bytes4);
}

/// What a signature of an account that may not be deployed yet ends in (ERC-6492).
const COUNTERFACTUAL: [u8; 32] = {
    let mut suffix = [0x64; 32];
    let mut place = 1;
    while place < suffix.len() {
        suffix[place] = 0x92;
        place += 2;
    }
    suffix
};

/// A signature that is known to hold, or about which the account's contract has to be asked.
#[must_use]
pub enum Check {
    /// The account's own key made it.
    ByKey,
    /// The batch asks the account whether it is a contract, and whether it accepts the signature.
    Asked { code: Waiter<Bytes>, accepted: Answer<isValidSignatureCall> },
}

/// Checks a signature, and adds what only the chain can tell to a batch.
///
/// # Errors
/// When the questions cannot be written as JSON.
pub fn check(batch: &mut Batch<'_>, account: Address, hash: B256, signature: &[u8]) -> Result<Check> {
    if signer(hash, signature) == Some(account) {
        return Ok(Check::ByKey);
    }
    let call = isValidSignatureCall { hash, signature: Bytes::copy_from_slice(signature) };
    Ok(Check::Asked { code: batch.code(account)?, accepted: batch.call(account, &call)? })
}

impl Check {
    /// Tells whether the signature holds. The batch must have been sent.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn holds(self) -> Result<bool> {
        let Self::Asked { code, accepted } = self else { return Ok(true) };
        let is_contract = !code.await.map_err(crate::Error::Chain)?.is_empty();
        let magic = FixedBytes::<32>::right_padding_from(&isValidSignatureCall::SELECTOR);
        let answer = accepted.bytes_if_any().await?;
        Ok(is_contract && answer.is_some_and(|bytes| bytes.get(..32) == Some(magic.as_slice())))
    }
}

/// Tells whether `account` signed `hash`. The chain is asked, in one request, only if the account's key did not sign.
///
/// # Errors
/// When the node does not answer.
pub async fn is_valid(provider: &DynProvider, account: Address, hash: B256, signature: &[u8]) -> Result<bool> {
    let mut batch = Batch::new(provider);
    let check = check(&mut batch, account, hash, signature)?;
    if matches!(check, Check::Asked { .. }) {
        batch.send().await?;
    }
    check.holds().await
}

/// Tells whether `account` signed `hash`, for messages that contracts do not read. Beyond what [`is_valid`] takes, wallets send
/// signatures that end in 0 or 1 instead of 27 or 28, and signatures of contracts that are not deployed yet (ERC-6492).
///
/// # Errors
/// When the node does not answer.
pub async fn is_of_account(provider: &DynProvider, account: Address, hash: B256, signature: &[u8]) -> Result<bool> {
    if signature.ends_with(&COUNTERFACTUAL) {
        return is_of_undeployed(provider, account, hash, signature).await;
    }
    let mut usual = signature.to_vec();
    if let (65, Some(v @ (0 | 1))) = (usual.len(), usual.last_mut()) {
        *v += 27;
        if signer(hash, &usual) == Some(account) {
            return Ok(true);
        }
    }
    // A contract gets what was sent, because only it knows what the bytes mean.
    is_valid(provider, account, hash, signature).await
}

/// Lets the node execute a check that first creates the account, and undoes that afterwards.
async fn is_of_undeployed(provider: &DynProvider, account: Address, hash: B256, signature: &[u8]) -> Result<bool> {
    let arguments = SignatureCheck::constructorCall { account, digest: hash, signature: signature.to_vec().into() };
    let code = [SignatureCheck::BYTECODE.as_ref(), &arguments.abi_encode()].concat();
    match provider.call(TransactionRequest::default().input(Bytes::from(code).into())).await {
        Ok(answer) => Ok(answer.as_ref() == [1]),
        Err(TransportError::ErrorResp(_)) => Ok(false),
        Err(error) => Err(crate::Error::Chain(error)),
    }
}

/// Returns the account whose key made a signature. That has 65 bytes that end in 27 or 28, or 64 bytes (ERC-2098), with the
/// lower of the two possible s.
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
