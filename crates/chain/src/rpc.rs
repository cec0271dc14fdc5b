//! Connecting to a node.

use std::time::Duration;

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    transports::{RpcError, TransportErrorKind},
};
use tokio::time::Instant;

#[derive(Debug, thiserror::Error)]
pub enum RpcSetupError {
    #[error("the RPC URL `{url}` is not valid")]
    Url { url: String },
    #[error("the node at {url} does not answer: {source}. Is it running, and is RPC_URL right?")]
    Unreachable { url: String, source: RpcError<TransportErrorKind> },
    #[error("no HTTP client can be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// Whoever holds a lock or a transaction while the node is asked holds it no longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// A node that is still starting may take so long.
const STARTING: Duration = Duration::from_secs(10);

/// A provider over HTTP, of which every request ends within thirty seconds.
pub fn http(url: &str) -> Result<DynProvider, RpcSetupError> {
    let parsed = url.parse().map_err(|_| RpcSetupError::Url { url: url.to_owned() })?;
    let client = outbound::client().timeout(PATIENCE).build()?;
    Ok(ProviderBuilder::new().disable_recommended_fillers().connect_reqwest(client, parsed).erased())
}

/// Connects over HTTP and asks for the chain id, again for up to ten seconds while the node does not answer.
pub async fn connect(url: &str) -> Result<(DynProvider, u64), RpcSetupError> {
    let provider = http(url)?;
    let start = Instant::now();
    loop {
        match provider.get_chain_id().await {
            Ok(chain_id) => return Ok((provider, chain_id)),
            Err(_) if start.elapsed() < STARTING => tokio::time::sleep(Duration::from_millis(250)).await,
            Err(source) => return Err(RpcSetupError::Unreachable { url: url.to_owned(), source }),
        }
    }
}
