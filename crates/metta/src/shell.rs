//! The command line for programs: it runs files, derives, lints, and holds conversations.

use std::{
    fs::File,
    io::{self, BufRead, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    derivation::Derived,
    interpreter::{Limits, Metta, Printer},
    modules::{ModuleLoader, ModuleText, Wanted},
    parse::{MAX_TEXT, ParseError, Parser, Problem},
};

/// What to do with programs.
#[derive(Clone, Default)]
pub struct Shell {
    /// Print how every result came about.
    pub derive: bool,
    /// Look for mistakes instead of running.
    pub lint: bool,
    /// The most steps that one evaluation may take. `None` stands for the usual number.
    pub max_steps: Option<u64>,
    /// Where `println!` prints to.
    pub printer: Option<Printer>,
    /// What is printed before a line is read, in a conversation.
    pub prompt: String,
}

impl Shell {
    /// Runs or lints files, one after the other, in one interpreter. Returns true when no result is an error and nothing
    /// was found.
    ///
    /// # Errors
    /// When a file cannot be read or is not a program, or when the output cannot be written to.
    pub fn files(&self, files: &[PathBuf], output: &mut dyn Write) -> io::Result<bool> {
        let mut metta = self.interpreter();
        let mut well = true;
        for path in files {
            let name = path.display().to_string();
            let text = read(path).map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
            metta.load_modules_with(modules_beside(path));
            if self.lint {
                let findings = metta.lint(&name, &text).map_err(invalid)?;
                well &= findings.is_empty();
                for finding in findings {
                    writeln!(output, "{finding}")?;
                }
                // The next file may use its rules. Nothing in it is evaluated.
                metta.learn(&name, &text).map_err(invalid)?;
            } else {
                well &= self.program(&mut metta, &name, &text, output)?;
            }
        }
        Ok(well)
    }

    /// Holds a conversation: what is read is run as soon as its brackets are closed. Returns true when the last result is
    /// not an error.
    ///
    /// # Errors
    /// When the input cannot be read, or the output cannot be written to.
    pub fn talk(&self, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<bool> {
        let mut metta = self.interpreter();
        metta.load_modules_with(modules_beside(Path::new("")));
        let mut text = String::new();
        let mut well = true;
        loop {
            write!(output, "{}", if text.is_empty() { &self.prompt } else { "" })?;
            output.flush()?;
            let read = input.take(MAX_TEXT as u64).read_line(&mut text)?;
            let unfinished = read > 0 && text.len() < MAX_TEXT && is_unfinished(&metta, &text);
            if unfinished {
                continue;
            }
            if !text.trim().is_empty() {
                match self.program(&mut metta, "input", &std::mem::take(&mut text), output) {
                    Ok(this) => well = this,
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        writeln!(output, "error: {error}")?;
                        well = false;
                    }
                    Err(error) => return Err(error),
                }
            }
            text.clear();
            if read == 0 {
                return Ok(well);
            }
        }
    }

    fn interpreter(&self) -> Metta {
        let usual = Limits::default();
        let mut metta = Metta::with_limits(Limits { steps: self.max_steps.unwrap_or(usual.steps), ..usual });
        if let Some(printer) = &self.printer {
            metta.print_to(Arc::clone(printer));
        }
        metta
    }

    /// Runs a program, and prints each list of results as soon as it is available.
    fn program(&self, metta: &mut Metta, name: &str, text: &str, output: &mut dyn Write) -> io::Result<bool> {
        let mut well = true;
        let mut written = Ok(());
        let ran = metta.run_each(name, text, |metta, atom| {
            let results = if self.derive {
                metta.derive(atom)
            } else {
                let plain = |atom| Derived { atom, steps: Vec::new() };
                metta.evaluate(atom).into_iter().map(plain).collect()
            };
            written = self.print(&results, output);
            well = !results.iter().any(|result| result.atom.is_error());
            well && written.is_ok()
        });
        written?;
        ran.map_err(invalid)?;
        Ok(well)
    }

    fn print(&self, results: &[Derived], output: &mut dyn Write) -> io::Result<()> {
        if self.derive {
            for result in results {
                writeln!(output, "{result}")?;
            }
            return Ok(());
        }
        write!(output, "[")?;
        for (index, result) in results.iter().enumerate() {
            write!(output, "{}{}", if index > 0 { ", " } else { "" }, result.atom)?;
        }
        writeln!(output, "]")
    }
}

fn invalid(error: ParseError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Returns the text of a file, if it is not too large.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_TEXT as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Finds modules in the folder of a program: `name.metta`, or the folder `name` with its `module.metta`, which it need not
/// have. A path that the program registers may lead elsewhere.
fn modules_beside(program: &Path) -> ModuleLoader {
    let home = program.parent().map(Path::to_owned).unwrap_or_default();
    Arc::new(move |folder: &str, wanted: Wanted<'_>| {
        let folder = if folder.is_empty() { home.clone() } else { PathBuf::from(folder) };
        let candidates = match wanted {
            Wanted::Name(name) => vec![folder.join(format!("{name}.metta")), folder.join(name)],
            Wanted::Path(path) => vec![folder.join(path)],
        };
        candidates.iter().find_map(|path| module_at(path))
    })
}

/// Returns the module in a file or a folder.
fn module_at(path: &Path) -> Option<ModuleText> {
    let path = path.canonicalize().ok()?;
    let name = path.file_stem()?.to_str()?.to_owned();
    let (file, folder) =
        if path.is_dir() { (path.join("module.metta"), path.as_path()) } else { (path.clone(), path.parent()?) };
    let text = if file.is_file() { read(&file).ok()? } else { String::new() };
    let folder = folder.display().to_string();
    Some(ModuleText { name, file: file.display().to_string(), folder, text })
}

/// Returns whether a text ends inside brackets or a string.
fn is_unfinished(metta: &Metta, text: &str) -> bool {
    let mut parser = Parser::new("", text);
    loop {
        match parser.next(&metta.tokens) {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(error) => return matches!(error.problem, Problem::Unclosed | Problem::UnclosedString),
        }
    }
}
