//! `tributary metta`: runs, derives and lints programs in MeTTa, the language of the rule bases; without files, a conversation.

use std::{
    io::{IsTerminal, Write, stdin, stdout},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Result, bail};
use clap::Args;
use metta::Shell;

#[derive(Args)]
pub struct Metta {
    /// Programs, which are run one after the other; without any, a conversation starts on the standard input
    files: Vec<PathBuf>,
    /// Print how every result came about: rules with file and line, and what their variables stood for
    #[arg(long)]
    derive: bool,
    /// Look for mistakes instead of running
    #[arg(long, conflicts_with = "derive")]
    lint: bool,
    /// The most steps that one evaluation may take
    #[arg(long)]
    max_steps: Option<u64>,
}

/// Runs `tributary metta`.
///
/// # Errors
/// When a result is an error, when the linter finds something, or when a file cannot be read.
pub fn run(arguments: Metta) -> Result<()> {
    let Metta { files, derive, lint, max_steps } = arguments;
    let prompt = if stdin().is_terminal() { "> ".to_owned() } else { String::new() };
    // The reader of the output may be gone. Then writing the program's results fails too, and is reported.
    let printer = Arc::new(|line: &str| drop(writeln!(stdout(), "{line}")));
    let shell = Shell { derive, lint, max_steps, printer: Some(printer), prompt };
    let well = match files.as_slice() {
        [] if lint => bail!("--lint needs a file"),
        [] => shell.talk(&mut stdin().lock(), &mut stdout())?,
        files => shell.files(files, &mut stdout())?,
    };
    match (well, lint) {
        (true, _) => Ok(()),
        (false, true) => bail!("the linter found something"),
        (false, false) => bail!("a result is an error"),
    }
}
