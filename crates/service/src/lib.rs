//! What every process of Tributary needs: settings, telemetry, and an orderly stop.

pub mod settings;
pub mod telemetry;

mod shutdown;

pub use settings::{Finality, MinPayouts, Secret, Settings, SettingsError};
pub use shutdown::Shutdown;
