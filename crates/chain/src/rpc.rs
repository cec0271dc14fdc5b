//! Connecting to a node.

use std::time::Duration;

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    transports::{RpcError, TransportErrorKind},
};

#[derive(Debug, thiserror::Error)]
pub enum RpcSetupError {
    #[error("the RPC URL `{url}` is not valid")]
    Url { url: String },
    #[error("the node at {url} does not answer: {source}. Is it running, and is RPC_URL right?")]
    Unreachable { url: String, source: RpcError<TransportErrorKind> },
}

/// Connects over HTTP and asks for the chain id, waiting up to ten seconds for a node that is still starting.
pub async fn connect(url: &str) -> Result<(DynProvider, u64), RpcSetupError> {
    let parsed = url.parse().map_err(|_| RpcSetupError::Url { url: url.to_owned() })?;
    let provider = ProviderBuilder::new().disable_recommended_fillers().connect_http(parsed).erased();
    let mut tries = 0;
    loop {
        match provider.get_chain_id().await {
            Ok(chain_id) => return Ok((provider, chain_id)),
            Err(_) if tries < 40 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Err(source) => return Err(RpcSetupError::Unreachable { url: url.to_owned(), source }),
        }
    }
}
