//! Heads from a WebSocket wake the loop. Their data is not used, because everything is fetched and verified. A lost
//! connection is opened again, and until then the loop polls.

use std::{sync::Arc, time::Duration};

use chain::heads;
use service::{SecretUrl, Shutdown, error_chain};
use tokio::sync::Notify;

/// Returns a notification that fires at each new head while the connection lives.
pub fn heads(url: Option<SecretUrl>, shutdown: Shutdown) -> Arc<Notify> {
    let notify = Arc::new(Notify::new());
    if let Some(url) = url {
        let notify = notify.clone();
        tokio::spawn(async move {
            while !shutdown.has_begun() {
                tokio::select! {
                    () = shutdown.begun() => return,
                    ended = heads::follow(url.expose(), || notify.notify_one()) => {
                        if let Err(error) = ended {
                            tracing::debug!("the WebSocket at {url} ended: {}", error_chain(&error));
                        }
                    }
                }
                shutdown.sleep(Duration::from_secs(2)).await;
            }
        });
    }
    notify
}
