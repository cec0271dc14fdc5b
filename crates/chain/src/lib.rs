//! The chain as a client sees it: several endpoints as one, providers over them, and what accounts sign with.

pub mod heads;
pub mod local;
pub mod pool;
pub mod rpc;
pub mod signer;
mod transport;

pub use signer::{AccountSigner, Signers};
pub use transport::PoolTransport;
