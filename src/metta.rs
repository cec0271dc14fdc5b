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
    /// Programs, run one after the other; none starts a conversation on the standard input
    files: Vec<PathBuf>,
    /// Print how every result came about: rules with file and line, and what their variables stood for
    #[arg(long)]
    derive: bool,
    /// Look for mistakes instead of running
    #[arg(long, conflicts_with = "derive")]
    lint: bool,
    /// Steps that one evaluation may take
    #[arg(long)]
    max_steps: Option<u64>,
}

/// Runs the command. Fails when a result is an error, or the linter finds something.
pub fn run(arguments: Metta) -> Result<()> {
    let Metta { files, derive, lint, max_steps } = arguments;
    let prompt = if stdin().is_terminal() { "> ".to_owned() } else { String::new() };
    // Whoever reads the output may have gone; the program's results will say so.
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
