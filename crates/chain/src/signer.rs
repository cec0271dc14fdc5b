//! Signers for accounts. Today they hold keys in memory. A key in a management service or behind web3signer would be another
//! implementation.

use std::{fmt, sync::Arc};

pub use alloy::signers::Error as SigningError;
use alloy::{
    consensus::SignableTransaction,
    network::TxSigner,
    primitives::{Address, B256, Signature},
    signers::Signer,
};
use async_trait::async_trait;

/// Signs for one account. Everything that implements alloy's two signer traits is an account signer, such as its local keys and
/// its crates for AWS, Google Cloud and hardware wallets.
#[async_trait]
pub trait AccountSigner: fmt::Debug + Send + Sync {
    fn account(&self) -> Address;

    /// Signs a transaction.
    ///
    /// # Errors
    /// When the key cannot be used, or does not sign for the transaction's chain.
    async fn sign_transaction(
        &self,
        transaction: &mut dyn SignableTransaction<Signature>,
    ) -> Result<Signature, SigningError>;

    /// Signs a hash directly, such as that of typed data (EIP-712).
    ///
    /// # Errors
    /// When the key cannot be used, or does not sign hashes.
    async fn sign_hash(&self, hash: &B256) -> Result<Signature, SigningError>;
}

#[async_trait]
impl<S: Signer + TxSigner<Signature> + fmt::Debug + Send + Sync> AccountSigner for S {
    fn account(&self) -> Address {
        Signer::address(self)
    }

    async fn sign_transaction(
        &self,
        transaction: &mut dyn SignableTransaction<Signature>,
    ) -> Result<Signature, SigningError> {
        TxSigner::sign_transaction(self, transaction).await
    }

    async fn sign_hash(&self, hash: &B256) -> Result<Signature, SigningError> {
        Signer::sign_hash(self, hash).await
    }
}

/// The accounts that a process signs for, each once. The first is the engine's.
#[derive(Clone, Debug, Default)]
pub struct Signers(Vec<Arc<dyn AccountSigner>>);

impl Signers {
    /// Returns an empty list, which signs for nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the engine's signer.
    pub fn first(&self) -> Option<&Arc<dyn AccountSigner>> {
        self.0.first()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn AccountSigner>> {
        self.0.iter()
    }

    /// Adds the signers of `others` for accounts that are not in the list yet.
    pub fn with(mut self, others: Self) -> Self {
        for signer in others.0 {
            if self.0.iter().all(|known| known.account() != signer.account()) {
                self.0.push(signer);
            }
        }
        self
    }
}

impl<S: AccountSigner + 'static> FromIterator<S> for Signers {
    fn from_iter<I: IntoIterator<Item = S>>(signers: I) -> Self {
        let all = signers.into_iter().map(|signer| Arc::new(signer) as Arc<dyn AccountSigner>).collect();
        Self::none().with(Self(all))
    }
}

impl<S: AccountSigner + 'static> From<Vec<S>> for Signers {
    fn from(signers: Vec<S>) -> Self {
        signers.into_iter().collect()
    }
}
