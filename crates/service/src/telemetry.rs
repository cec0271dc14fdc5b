//! Logs and metrics: one subscriber and one recorder for the whole process.

use std::{io, sync::OnceLock};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts logging to standard error: warnings of libraries, information of ours, unless `RUST_LOG` says otherwise.
pub fn init(log_format: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new("warn,tributary=info,backend=info,indexer=info,workers=info,chain=info,store=info")
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // A second call (tests) keeps the first subscriber.
    let _ = if log_format == "json" { builder.json().try_init() } else { builder.compact().try_init() };
    metrics();
}

/// The recorder's text for Prometheus.
pub fn metrics() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails only when another recorder was set before; its figures would be lost, so say it.
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is already installed");
        }
        handle
    })
}
