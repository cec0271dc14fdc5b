//! The chain as a client sees it: a pool of endpoints, providers on top of it, and signers for accounts.

pub mod heads;
pub mod local;
pub mod pool;
pub mod rpc;
pub mod signer;
mod transport;

pub use signer::{AccountSigner, Signers};
pub use transport::PoolTransport;
