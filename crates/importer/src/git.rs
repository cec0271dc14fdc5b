//! The `git` executable, run so that it only reads.
//!
//! A repository is somebody else's data, and its configuration can name programs. So every command ignores the
//! user's and the system's configuration and environment, and runs without work tree, index, attributes, hooks,
//! filters, pagers, external diffs, text conversions, replacement objects or any network protocol. The ownership of
//! the folder is not checked. That check would protect from running programs that the folder names, and nothing
//! here runs them.

use std::{
    ffi::{OsStr, OsString},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
};

use crate::ImportError;

/// The oldest version that can be told to ignore the user's configuration (`GIT_CONFIG_GLOBAL`).
const OLDEST: (u32, u32) = (2, 32);
/// How many bytes of a command's error output are kept.
const COMPLAINT: usize = 4096;
/// The tree without files, which every repository has. git reads attributes from it, so that none apply.
const EMPTY_TREE_SHA1: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const EMPTY_TREE_SHA256: &str = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";

const SETTINGS: &[&str] = &[
    "safe.directory=*",
    "core.quotePath=false",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "log.showSignature=false",
    "log.showRoot=true",
    "mailmap.file=/dev/null",
    "i18n.logOutputEncoding=UTF-8",
    "trailer.separators=:",
    "core.bigFileThreshold=512m",
    "protocol.allow=never",
];

/// One repository and the executable that reads it.
#[derive(Debug)]
pub(crate) struct Git {
    program: OsString,
    /// What the user named, for messages.
    path: PathBuf,
    git_dir: PathBuf,
    empty_tree: &'static str,
    /// The commit at HEAD when the import began, because HEAD may move meanwhile.
    head: String,
    /// Whether names and emails are those of the repository's `.mailmap`.
    mailmap: bool,
}

impl Git {
    /// Opens the repository at `path` itself, and never one in a folder above.
    pub(crate) fn open(program: &OsStr, path: &Path) -> Result<Self, ImportError> {
        let here = path.canonicalize().map_err(|source| ImportError::NotThere { path: path.to_owned(), source })?;
        check_version(program)?;
        if !here.is_dir() {
            return Err(ImportError::NotARepository { path: path.to_owned() });
        }
        let mut git = Self {
            program: program.to_owned(),
            path: path.to_owned(),
            git_dir: here,
            empty_tree: EMPTY_TREE_SHA1,
            head: String::new(),
            mailmap: true,
        };
        let mut command = git.plain();
        if let Some(parent) = git.git_dir.parent() {
            command.env("GIT_CEILING_DIRECTORIES", parent);
        }
        command.args(["rev-parse", "--is-shallow-repository", "--show-object-format", "--absolute-git-dir"]);
        let answer = git.start(command, "rev-parse", None)?.all().map_err(|error| match error {
            ImportError::Git { detail, .. } if detail.contains("not a git repository") => {
                ImportError::NotARepository { path: path.to_owned() }
            }
            other => other,
        })?;
        let text = String::from_utf8_lossy(&answer);
        let mut lines = text.splitn(3, '\n');
        if lines.next() == Some("true") {
            return Err(ImportError::Shallow { path: path.to_owned() });
        }
        if lines.next() == Some("sha256") {
            git.empty_tree = EMPTY_TREE_SHA256;
        }
        git.git_dir = PathBuf::from(lines.next().unwrap_or_default().trim_end_matches('\n'));
        git.head = git.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).map_err(|error| match error {
            ImportError::Git { .. } => ImportError::NoCommits { path: path.to_owned() },
            other => other,
        })?;
        Ok(git)
    }

    /// Selects a commit of the same repository, named by its full id.
    pub(crate) fn at(mut self, commit: &str) -> Result<Self, ImportError> {
        let unknown =
            || ImportError::NoSuchCommit { path: self.path.clone(), commit: commit.chars().take(64).collect() };
        if commit.len() < 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let found = self.ask(&["rev-parse", "--verify", "--quiet", &format!("{commit}^{{commit}}")]);
        self.head = found.map_err(|error| if matches!(error, ImportError::Git { .. }) { unknown() } else { error })?;
        Ok(self)
    }

    /// Takes names and emails as commits write them from now on.
    pub(crate) fn ignore_mailmap(&mut self) {
        self.mailmap = false;
    }

    /// Returns the id of the commit at HEAD, or the one that was chosen.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// Returns the path that the user named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the whole answer of a command with a short answer.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<String, ImportError> {
        let answer = self.run(arguments, None)?.all()?;
        Ok(String::from_utf8_lossy(&answer).trim_end_matches('\n').to_owned())
    }

    /// Starts a command whose answer is read while it runs. `input` is written to it meanwhile.
    pub(crate) fn run(&self, arguments: &[&str], input: Option<Vec<u8>>) -> Result<Running, ImportError> {
        let mut command = self.plain();
        if !self.mailmap {
            // A setting without a value keeps git from choosing a file itself.
            command.arg("-c").arg("mailmap.blob=");
        } else if !self.head.is_empty() {
            command.arg("-c").arg(format!("mailmap.blob={}:.mailmap", self.head));
        }
        command.arg("--bare").arg("--git-dir").arg(&self.git_dir).args(arguments);
        command.env("GIT_INDEX_FILE", self.git_dir.join("no-index")).env("GIT_ATTR_SOURCE", self.empty_tree);
        self.start(command, arguments.first().copied().unwrap_or_default(), input)
    }

    fn plain(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
            command.env_remove(name);
        }
        command.current_dir(&self.git_dir).arg("--no-pager").env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_NO_LAZY_FETCH", "1");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_ATTR_NOSYSTEM", "1");
        command.env("GIT_ALLOW_PROTOCOL", "none").env("GIT_GRAFT_FILE", self.git_dir.join("no-grafts"));
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command
    }

    fn start(&self, mut command: Command, name: &str, input: Option<Vec<u8>>) -> Result<Running, ImportError> {
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ImportError::GitMissing { program: self.program.to_string_lossy().into(), source })?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
            // A broken pipe needs no report, because the process has ended and says why itself.
            thread::spawn(move || pipe.write_all(&input));
        }
        let no_pipe = || io::Error::other("no pipe");
        let pipe = |source| ImportError::GitPipe { command: name.to_owned(), source };
        let stdout = child.stdout.take().ok_or_else(no_pipe).map_err(pipe)?;
        let complaint = child.stderr.take().map(|stderr| thread::spawn(move || first_bytes(stderr)));
        Ok(Running {
            child,
            stdout: BufReader::with_capacity(256 << 10, stdout),
            complaint,
            command: name.to_owned(),
            path: self.path.clone(),
        })
    }
}

/// Keeps the beginning of a process's error output and discards the rest, so that the process never waits for us.
fn first_bytes(mut stderr: ChildStderr) -> Vec<u8> {
    let mut kept = Vec::new();
    // What cannot be read of a complaint is missing from an error's text. The command's own status tells whether it failed.
    let _ = stderr.by_ref().take(COMPLAINT as u64).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    kept
}

fn check_version(program: &OsStr) -> Result<(), ImportError> {
    let missing = |source| ImportError::GitMissing { program: program.to_string_lossy().into(), source };
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().map_err(missing)?;
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut numbers = found.split(' ').nth(2).unwrap_or_default().split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(()),
        (Some(_), Some(_)) => Err(ImportError::GitTooOld { found }),
        _ => Err(missing(io::Error::other(format!("its version reads {found:?}")))),
    }
}

/// A command that is answering. It is stopped when this is dropped before its end.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// The answer.
    pub(crate) stdout: BufReader<ChildStdout>,
    complaint: Option<JoinHandle<Vec<u8>>>,
    command: String,
    path: PathBuf,
}

impl Running {
    /// Reads the rest of the answer, and waits for the end of the command.
    pub(crate) fn all(mut self) -> Result<Vec<u8>, ImportError> {
        let mut answer = Vec::new();
        self.stdout.read_to_end(&mut answer).map_err(|source| self.broken(source))?;
        self.finish()?;
        Ok(answer)
    }

    /// Waits for the end, after the answer was read.
    pub(crate) fn finish(mut self) -> Result<(), ImportError> {
        let status = self.child.wait().map_err(|source| self.broken(source))?;
        let complaint = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let detail = String::from_utf8_lossy(&complaint).trim().to_owned();
        let signs = ["missing blob", "unable to read", "promisor", "lazy fetching", "could not fetch", "bad object"];
        let signs_of_absence = ["could not get object info", "not available", "transport", "missing object"];
        if signs.iter().chain(&signs_of_absence).any(|sign| detail.contains(sign)) {
            return Err(self.missing(detail));
        }
        let detail = if detail.is_empty() { status.to_string() } else { detail };
        Err(ImportError::Git { command: self.command.clone(), detail })
    }

    /// Returns the error for an object that is not there.
    pub(crate) fn missing(&self, detail: String) -> ImportError {
        ImportError::MissingObjects { path: self.path.clone(), detail }
    }

    /// Returns the error for an answer that cannot be understood.
    pub(crate) fn unknown(&self, detail: &[u8]) -> ImportError {
        let detail = String::from_utf8_lossy(&detail[..detail.len().min(100)]).into_owned();
        ImportError::GitAnswer { command: self.command.clone(), detail }
    }

    /// Returns the error for a pipe that broke.
    pub(crate) fn broken(&self, source: io::Error) -> ImportError {
        ImportError::GitPipe { command: self.command.clone(), source }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both calls fail only when the command has ended already.
        // Both fail only for a process that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
