//! Local chains, as anvil and its kin make them: their id, and accounts whose keys everybody knows.

use alloy::signers::local::{LocalSignerError, MnemonicBuilder, PrivateKeySigner, coins_bip39::English};

/// The chain id of local chains.
pub const CHAIN_ID: u64 = 31337;
/// Accounts with money from the beginning.
pub const ACCOUNTS: u32 = 10;
/// Public, so worthless anywhere else.
const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// The signer of the n-th account.
///
/// # Errors
/// When `n` is no index of the derivation path.
pub fn signer(n: u32) -> Result<PrivateKeySigner, LocalSignerError> {
    MnemonicBuilder::<English>::default().phrase(MNEMONIC).index(n)?.build()
}
