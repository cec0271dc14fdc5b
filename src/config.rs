//! `tributary config ...`: shows what can be set, and what is set.

use anyhow::Result;
use clap::Subcommand;
use service::{Settings, settings};

#[derive(Subcommand)]
pub enum Command {
    /// Prints a configuration file with every setting, its meaning and its default
    Example,
    /// Reads the settings as every command does, and says what is wrong, or what is in force
    Check,
}

/// Runs a command of `tributary config`.
///
/// # Errors
/// When a setting is unknown, missing or wrong.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Example => print!("{}", settings::example()),
        Command::Check => print!("{}", Settings::in_force()?),
    }
    Ok(())
}
