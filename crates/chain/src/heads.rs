//! New heads from a node's WebSocket. Their data is not used; they only say that it is time to ask.

use alloy::{
    providers::{Provider, ProviderBuilder, WsConnect},
    transports::TransportError,
};
use futures::StreamExt;

/// Calls `seen` at each new head, until the connection ends.
///
/// # Errors
/// When the node cannot be reached, or refuses the subscription.
pub async fn follow(url: &str, mut seen: impl FnMut()) -> Result<(), TransportError> {
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(url)).await?;
    let mut heads = provider.subscribe_blocks().await?.into_stream();
    while heads.next().await.is_some() {
        seen();
    }
    Ok(())
}
