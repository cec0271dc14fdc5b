//! What every process of Tributary needs: settings, logs and metrics, and an orderly shutdown.

pub mod settings;
pub mod telemetry;

mod error;
mod pace;
mod shutdown;

pub use error::error_chain;
pub use pace::Pace;
pub use settings::{Currencies, Finality, LogFormat, MinPayouts, Patterns, Secret, SecretUrl, Settings, SettingsError};
pub use shutdown::Shutdown;
