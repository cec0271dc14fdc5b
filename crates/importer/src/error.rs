//! The reasons why a repository cannot be read: what happened, to what, and what to do about it.

use std::{io, path::PathBuf};

use crate::FileLeftOut;

/// Only this many of the files that were left out are named one by one.
pub(crate) const MOST_NAMED: usize = 20;

/// Why a repository cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The path leads nowhere, or to where this user may not look.
    #[error("{} cannot be opened: check the path: {source}", path.display())]
    NotThere {
        /// The path that was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is at the path, but it is not a repository.
    #[error("{} is not a git repository: give the folder that holds .git, or a bare repository", path.display())]
    NotARepository {
        /// The path that was given.
        path: PathBuf,
    },
    /// The history is cut off, so the first contributors are unknown.
    #[error("{} is a shallow clone, its older history is missing: run `git fetch --unshallow` in it", path.display())]
    Shallow {
        /// The path that was given.
        path: PathBuf,
    },
    /// HEAD names no commit.
    #[error(
        "{} has no commits on its current branch: commit something, or check out a branch that has commits",
        path.display()
    )]
    NoCommits {
        /// The path that was given.
        path: PathBuf,
    },
    /// No commit has the id that was asked for.
    #[error("{} has no commit {commit}: give the full id of a commit, and fetch it first", path.display())]
    NoSuchCommit {
        /// The path that was given.
        path: PathBuf,
        /// The id that was given.
        commit: String,
    },
    /// The `git` executable cannot be started.
    #[error("cannot run {program}: install git 2.32 or later and have it in PATH")]
    GitMissing {
        /// The executable that was tried.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The `git` executable is too old to be told to ignore the user's configuration.
    #[error("{found} is too old: install git 2.32 or later")]
    GitTooOld {
        /// What it calls itself.
        found: String,
    },
    /// Some files or versions are not on this machine, because the clone is partial or damaged.
    #[error(
        "objects are missing from {}: in a partial clone run `git fetch --refetch --no-filter`, or clone it afresh \
         (git says: {detail})",
        path.display()
    )]
    MissingObjects {
        /// The path that was given.
        path: PathBuf,
        /// What git said.
        detail: String,
    },
    /// `git` failed for another reason.
    #[error("`git {command}` failed: {detail}. Run `git fsck` in the repository to see whether it is damaged")]
    Git {
        /// The command.
        command: String,
        /// What it said.
        detail: String,
    },
    /// `git` gave an answer that this version does not understand.
    #[error("`git {command}` answered in an unknown form ({detail}): try another version of git, and report this")]
    GitAnswer {
        /// The command.
        command: String,
        /// What could not be read.
        detail: String,
    },
    /// Talking to a `git` process failed.
    #[error("cannot read the answer of `git {command}`: try again")]
    GitPipe {
        /// The command.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// Some files cannot be read, and [`crate::Options::strict`] asks for all of them.
    #[error("{}. Mend or exclude what is named, or import without --strict", listed(left_out))]
    Strict {
        /// The files, and why they cannot be read.
        left_out: Vec<FileLeftOut>,
    },
    /// A pattern of paths is not understood.
    #[error(
        "the pattern {pattern:?} is not understood: write a path as in .gitignore, with `*`, `?` and `**`, and without \
         brackets, quotes, backslashes and exclamation marks"
    )]
    Pattern {
        /// The pattern.
        pattern: String,
    },
    /// Something is larger than the importer accepts.
    #[error("{what} has {found} {unit}, the limit is {limit}: make it smaller, or leave it out of the repository")]
    Limit {
        /// What is too large.
        what: String,
        /// Its size, or a lower bound for it.
        found: u64,
        /// The largest that is taken.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A line of the mapping from people to addresses is wrong.
    #[error("line {line} of the address mapping: {detail}. Write one `email = 0x...` a line, or a JSON object")]
    Mapping {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// A line of a market's own list of programs is wrong.
    #[error("line {line} of the list of programs: {detail}")]
    Programs {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// The other half of the import failed, so this half stopped. This error is never seen outside.
    #[doc(hidden)]
    #[error("stopped")]
    Stopped,
}

/// Refuses what is larger than `limit`.
pub(crate) fn at_most(limit: u64, found: u64, unit: &'static str, what: &str) -> Result<(), ImportError> {
    if found <= limit { Ok(()) } else { Err(ImportError::Limit { what: what.to_owned(), found, limit, unit }) }
}

/// Names what was left out, for one message.
fn listed(left_out: &[FileLeftOut]) -> String {
    let mut text: Vec<String> = left_out.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    if left_out.len() > MOST_NAMED {
        text.push(format!("{} more files cannot be read", left_out.len() - MOST_NAMED));
    }
    text.join("; ")
}
