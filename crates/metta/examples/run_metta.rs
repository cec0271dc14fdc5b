//! `tributary metta` without the rest of Tributary: `run_metta [--derive | --lint] [FILE...]`.

use std::{
    io::{stdin, stdout},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

fn main() -> std::io::Result<ExitCode> {
    let mut shell = metta::Shell { printer: Some(Arc::new(|line| println!("{line}"))), ..metta::Shell::default() };
    let mut files: Vec<PathBuf> = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--derive" => shell.derive = true,
            "--lint" => shell.lint = true,
            file => files.push(file.into()),
        }
    }
    let well = match files.as_slice() {
        [] => shell.talk(&mut stdin().lock(), &mut stdout())?,
        files => shell.files(files, &mut stdout())?,
    };
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
