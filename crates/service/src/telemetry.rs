//! Logs and metrics: one subscriber and one recorder for the whole process.

use std::{
    env::{self, VarError},
    io,
    sync::OnceLock,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// The crates of this workspace, whose messages of level `info` are logged. A test compares them with the
/// workspace's members.
const CRATES: [&str; 21] = [
    "advisors",
    "agents",
    "backend",
    "bindings",
    "chain",
    "commands",
    "domain",
    "facts",
    "importer",
    "indexer",
    "learning",
    "metta",
    "outbound",
    "queue",
    "sender",
    "service",
    "store",
    "testkit",
    "tributary",
    "vault",
    "workers",
];

/// Starts logging to standard error: warnings of libraries and information of our crates, unless `RUST_LOG` says
/// otherwise.
pub fn init(format: LogFormat) {
    let (filter, wrong) = filter(env::var(EnvFilter::DEFAULT_ENV));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // A second call (tests) keeps the first subscriber.
    let _ = if format == LogFormat::Json { builder.json().try_init() } else { builder.compact().try_init() };
    if let Some(wrong) = wrong {
        tracing::warn!("RUST_LOG does not count, because it cannot be read: {wrong}");
    }
    metrics();
}

/// Returns what is logged, and what is wrong with the variable that says it, if it does.
fn filter(variable: Result<String, VarError>) -> (EnvFilter, Option<String>) {
    let (given, wrong) = match variable {
        Ok(text) if text.is_empty() => (None, None),
        Ok(text) => match text.parse() {
            Ok(filter) => (Some(filter), None),
            Err(error) => (None, Some(format!("`{text}`: {error}"))),
        },
        Err(VarError::NotPresent) => (None, None),
        Err(error) => (None, Some(error.to_string())),
    };
    (given.unwrap_or_else(|| EnvFilter::new(default_filter())), wrong)
}

fn default_filter() -> String {
    CRATES.iter().fold("warn".to_owned(), |filter, name| format!("{filter},{name}=info"))
}

/// Returns the recorder's text for Prometheus.
pub fn metrics() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // This fails only when another recorder was set before. Then figures would be lost, so it is logged.
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is already installed");
        }
        handle
    })
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt, process::Command};

    use serde::Deserialize;

    use super::*;

    #[test]
    fn a_wrong_filter_is_told_and_replaced_by_the_usual_one() {
        let usual = EnvFilter::new(default_filter()).to_string();
        let read = |variable| {
            let (filter, wrong) = filter(variable);
            (filter.to_string(), wrong)
        };
        assert_eq!(read(Ok("debug".into())), ("debug".to_owned(), None));
        assert_eq!(read(Ok(String::new())), (usual.clone(), None));
        assert_eq!(read(Err(VarError::NotPresent)), (usual.clone(), None));
        let not_unicode = VarError::NotUnicode(OsString::from_vec(vec![0xff]));
        for wrong in [Ok("tributary=loud".to_owned()), Err(not_unicode)] {
            let (filter, told) = read(wrong);
            assert_eq!(filter, usual);
            assert!(told.is_some_and(|told| !told.is_empty()));
        }
    }

    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }

    #[derive(Deserialize)]
    struct Package {
        name: String,
    }

    #[test]
    fn the_log_covers_every_crate_of_the_workspace() {
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"];
        let output = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
        let mut members: Vec<String> = metadata.packages.into_iter().map(|package| package.name).collect();
        members.sort();
        assert_eq!(CRATES.to_vec(), members);
        let filter = EnvFilter::new(default_filter()).to_string();
        for name in CRATES {
            assert!(filter.contains(&format!("{name}=info")), "{name} is not in {filter}");
        }
    }
}
