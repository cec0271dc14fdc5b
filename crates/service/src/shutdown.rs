use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Tells every part of a process to stop, in order: start no new work, finish the current work, and
/// leave.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a shutdown that begins with Ctrl-C or SIGTERM.
    pub fn on_signal() -> Self {
        let shutdown = Self::new();
        let token = shutdown.clone();
        tokio::spawn(async move {
            wait_for_signal().await;
            token.begin();
        });
        shutdown
    }

    pub fn begin(&self) {
        self.0.cancel();
    }

    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves once the shutdown has begun.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    /// Sleeps, or returns early with `false` when the shutdown begins.
    pub async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(duration) => true,
            () = self.begun() => false,
        }
    }
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!("only Ctrl-C ends this process in order, SIGTERM does not: {error}");
            return interrupted().await;
        }
    };
    tokio::select! {
        () = interrupted() => {}
        _ = terminate.recv() => {}
    }
}

/// Waits for Ctrl-C. A process that cannot hear it goes on, and does not end by itself.
async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!("Ctrl-C does not end this process in order: {error}");
        std::future::pending().await
    }
}
