//! WebSocket heads wake the loop and carry no data: what is true is fetched. A lost connection is opened again, and
//! until then the loop polls.

use std::{sync::Arc, time::Duration};

use alloy::providers::{Provider, ProviderBuilder, WsConnect};
use futures::StreamExt;
use service::Shutdown;
use tokio::sync::Notify;

/// Notified at each new head while the connection lives.
pub fn heads(url: Option<String>, shutdown: Shutdown) -> Arc<Notify> {
    let notify = Arc::new(Notify::new());
    if let Some(url) = url {
        let notify = notify.clone();
        tokio::spawn(async move {
            while !shutdown.has_begun() {
                tokio::select! {
                    () = shutdown.begun() => return,
                    ended = follow(&url, &notify) => {
                        if let Err(error) = ended {
                            tracing::debug!("the WebSocket at {url} ended: {error}");
                        }
                    }
                }
                shutdown.sleep(Duration::from_secs(2)).await;
            }
        });
    }
    notify
}

async fn follow(url: &str, notify: &Notify) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(url)).await?;
    let mut heads = provider.subscribe_blocks().await?.into_stream();
    while heads.next().await.is_some() {
        notify.notify_one();
    }
    Ok(())
}
