//! Providers over the pool.

use std::sync::Arc;

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::client::RpcClient,
};

pub use crate::pool::RpcSetupError;
use crate::{
    pool::{self, Options, Pool},
    transport::PoolTransport,
};

/// Returns a provider for the pool's chain. Every request goes to an endpoint that works well, and ends within thirty
/// seconds.
pub fn provider(pool: &Arc<Pool>) -> DynProvider {
    let client = RpcClient::new(PoolTransport::new(pool.clone()), pool.is_local());
    ProviderBuilder::new().disable_recommended_fillers().connect_client(client).erased()
}

/// Connects to the one URL that a user named, and returns a provider and the chain's id. Waits up to ten seconds for a
/// node that is starting.
///
/// # Errors
/// When the URL is wrong, or the node does not answer.
pub async fn connect(url: &str) -> Result<(DynProvider, u64), RpcSetupError> {
    let pools = pool::connect(&[url], Options::default()).await?;
    let pool = Arc::new(pools.into_iter().next().ok_or(RpcSetupError::Empty)?);
    Ok((provider(&pool), pool.chain_id()))
}
