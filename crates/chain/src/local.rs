//! Local chains, as anvil and similar programs make them: their id, and accounts whose keys everybody knows.

use alloy::transports::http::reqwest::Url;
use alloy::{
    primitives::{B256, b256},
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};

/// The chain id of local chains.
pub const CHAIN_ID: u64 = 31337;
/// The keys of the accounts that have money from the beginning. They are public, and therefore worthless anywhere else:
/// anvil, Hardhat and others derive them from the phrase `test test test test test test test test test test test junk`.
const KEYS: [B256; 10] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
];
/// Accounts with money from the beginning.
pub const ACCOUNTS: u32 = KEYS.len() as u32;

/// An account that local chains do not have.
#[derive(Debug, thiserror::Error)]
#[error("local chains have the accounts 0 to 9, and no account {0}")]
pub struct NoSuchAccount(u32);

/// Returns the signer of the n-th account.
///
/// # Errors
/// When a local chain has fewer accounts.
pub fn signer(n: u32) -> Result<PrivateKeySigner, NoSuchAccount> {
    let key = KEYS.get(n as usize).ok_or(NoSuchAccount(n))?;
    // Each of these constants is a valid key, which a test checks.
    PrivateKeySigner::from_bytes(key).map_err(|_| NoSuchAccount(n))
}

/// Speaks with one node, as its keeper does. It does not choose among endpoints, tries nothing a second time, and waits as long
/// as the node takes to load or tell a whole chain.
pub fn node(url: Url) -> DynProvider {
    ProviderBuilder::new().disable_recommended_fillers().connect_http(url).erased()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;

    use super::*;

    #[test]
    fn the_accounts_are_those_that_anvil_funds() {
        let accounts: Vec<_> = (0..ACCOUNTS).map(|n| signer(n).unwrap().address()).collect();
        assert_eq!(accounts[0], address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert_eq!(accounts[9], address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"));
        assert!(signer(ACCOUNTS).is_err());
    }
}
