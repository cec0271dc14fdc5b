//! Reads a git repository as a work: its files, who wrote them at what cost, and what it is made from. It writes
//! nothing and uses no database. [`read`] returns a plan, which another part stores.
//!
//! It runs the `git` executable, version 2.32 or later, which must be in `PATH`; the `git` module says how it is
//! restricted to reading. HEAD is what counts: changes in the work tree, the index and other branches are ignored.
//!
//! | module | what it reads |
//! |---|---|
//! | `history` | commits, their size and authors |
//! | `people`, `accounts`, `roster` | who somebody is, the mailmap, whom a commit counts for, addresses |
//! | `programs`, `trailers`, `mainline` | what is a program, what messages say at their end, who merged what |
//! | `funding` | the operator's mapping, `FUNDING.json` |
//! | `tree` | the files of HEAD and their manifest |
//! | `about` | name, title, description, licence |
//! | `locks`, `cargo_lock`, `npm_lock`, `npm_source` | lock files |
//! | `graph`, `purl` | the works beneath this one |
//! | [`coherence`] | tests, documentation, reports and content of a commit: how coherent the work is |
//! | [`github`] | what GitHub's webhook sends: pushes and pull requests |
//!
//! The rules leave some questions open, which are decided as follows:
//! - Merge commits are left out. A commit that only programs wrote counts for whoever set them to work. In other commits, all added and removed lines count. A renamed file is one file with
//!   only the lines that changed, a removed file does not count, and a binary file has no lines.
//! - Lock files in folders of tests, fixtures and vendored code are not read, because they are not about this work.
//! - Cargo does not say what is needed only for building or testing, so npm's development dependencies count too.
//! - An external work that uses this one would be paid by itself, so such links are left out, and all others that close
//!   a cycle.

mod about;
mod accounts;
mod cargo_lock;
pub mod coherence;
mod error;
mod funding;
mod git;
pub mod github;
mod graph;
mod history;
mod locks;
mod mainline;
mod npm_lock;
mod npm_source;
mod paths;
mod people;
mod programs;
mod progress;
mod purl;
mod roster;
mod trailers;
mod tree;

use std::{
    collections::HashSet,
    ffi::OsString,
    path::Path,
    sync::{atomic::AtomicBool, mpsc},
    thread,
};

use alloy_primitives::{Address, B256};
use rust_decimal::Decimal;

pub use crate::{
    error::ImportError,
    funding::{AddressSource, Mapping, parse_mapping},
    programs::Programs,
    progress::{Phase, Progress},
};
use crate::{
    error::at_most, funding::Funding, git::Git, graph::Dependencies, locks::LockFiles, progress::Reporter,
    roster::Sources, tree::Entry,
};

/// A history of more commits is refused. Merges do not count.
pub const MAX_COMMITS: u64 = 5_000_000;
/// A larger lock file is refused, in bytes.
pub const MAX_LOCK_BYTES: u64 = 64 << 20;
/// More packages in one lock file, or in all of them together, are refused.
pub const MAX_PACKAGES: u64 = 50_000;
/// A larger `FUNDING.json` or `.mailmap` is refused, in bytes.
pub const MAX_SETTINGS_BYTES: u64 = 1 << 20;
/// A longer mapping is refused.
pub const MAX_MAPPING_LINES: u64 = 10_000;

/// A longer list of programs is refused, in lines.
pub const MAX_PROGRAMS: u64 = 10_000;

/// How to read a repository.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses that the operator knows, from [`parse_mapping`]. They outrank what the repository says.
    pub mapping: Mapping,
    /// Who is a program and not a person.
    pub programs: Programs,
    /// The id of the commit at HEAD of an earlier import: only later commits are read. When it is no longer in the
    /// history, all commits are read, with a warning. Files and dependencies are always those of HEAD.
    pub since: Option<String>,
    /// The executable, `git` by default.
    pub git: OsString,
}

impl Default for Options {
    fn default() -> Self {
        Self { mapping: Mapping::default(), programs: Programs::default(), since: None, git: "git".into() }
    }
}

/// A repository as a work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Repository {
    /// The last part of the origin's URL, or the folder's name.
    pub name: String,
    /// The origin, without credentials. `None` when it is a folder.
    pub url: Option<String>,
    /// A key that stays the same over time and between clones: `git:` and the id of the first commit. If there are
    /// several, it is the lowest.
    pub key: String,
    /// The commit at HEAD.
    pub head: String,
    /// When it was made, in seconds since 1970.
    pub head_time: i64,
    /// The list of all files at HEAD with their hashes; the `tree` module defines its form. UTF-8 text.
    pub manifest: Vec<u8>,
    /// SHA-256 of the manifest.
    pub content_hash: B256,
    /// Files at HEAD, submodules included.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
    /// The first heading of the README.
    pub title: Option<String>,
    /// From `Cargo.toml` or `package.json`, or the title.
    pub description: Option<String>,
    /// An SPDX expression, from `Cargo.toml`, `package.json` or the text of LICENSE.
    pub license: Option<String>,
    /// The commits. Parents come before their children.
    pub commits: Vec<Commit>,
    /// Everyone who wrote one of them, in the order of their first commits.
    pub people: Vec<Person>,
    /// Who `FUNDING.json` says may receive for the work as a whole.
    pub owner_address: Option<Address>,
    /// The works beneath, sorted by package URL.
    pub externals: Vec<External>,
    /// Which work uses which. There are no cycles, and all are reached from the work.
    pub uses: Vec<Use>,
    /// What was left out or is uncertain, for the person who imports.
    pub warnings: Vec<String>,
}

/// One commit that is not a merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its id, in hex.
    pub id: String,
    /// When it was committed, in seconds since 1970, within the years 1970 to 9999.
    pub time: i64,
    /// Positions in [`Repository::people`]: the author, then the co-authors, each once. They share the cost equally. They
    /// are people, or one program if only programs wrote the commit.
    pub authors: Vec<usize>,
    /// For a commit of a program, the position of the person who set it to work, if that is known.
    pub triggered_by: Option<usize>,
    /// Files added or modified.
    pub files: u32,
    /// Lines added and removed.
    pub lines: u32,
    /// Its cost by the policy `normalised`.
    pub cost: Decimal,
    /// Whether it added to or changed a test.
    pub touches_tests: bool,
    /// The first paragraph of its message on one line, at most 200 characters.
    pub subject: String,
}

/// Somebody, or some program, who wrote commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `github:` and the login in lower case, where the history tells it; otherwise `mailto:` and the email in lower case;
    /// without a usable email `name:` and the name in lower case.
    pub identity: String,
    /// Further identities, of emails, that the repository gives the account with this login.
    pub also: Vec<String>,
    /// What they called themselves last, at most 200 characters.
    pub name: String,
    /// Whether this is a program.
    pub system: bool,
    /// Where they are paid.
    pub address: Option<Address>,
    /// Who said so.
    pub address_source: Option<AddressSource>,
}

/// Where packages of a kind come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ecosystem {
    /// Rust's packages.
    Cargo,
    /// Node's packages.
    Npm,
}

impl Ecosystem {
    /// Returns the ecosystem's type in a package URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
        }
    }
}

/// A package somebody else made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Its package URL, canonical, at most 1000 bytes.
    pub purl: String,
    /// Its name in its ecosystem.
    pub name: String,
    /// Its version; empty where only its archive is known.
    pub version: String,
    /// Its ecosystem.
    pub ecosystem: Ecosystem,
    /// SHA-256 of its archive, where the lock file has one.
    pub content_hash: Option<B256>,
    /// What npm's lock file says about its archive: usually `sha512-` and base64.
    pub integrity: Option<String>,
}

impl External {
    fn same_content(&self, other: &Self) -> bool {
        self.content_hash == other.content_hash && self.integrity == other.integrity
    }
}

/// Who uses a package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum User {
    /// The work itself.
    Root,
    /// An external work, by its package URL.
    External(String),
}

/// One link of the dependency graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Who uses.
    pub from: User,
    /// The package URL of what is used.
    pub to: String,
    /// From [`User::Root`], the number of the work's own packages that use it directly. Otherwise 1.
    pub weight: u32,
}

/// Reads the repository at `path`, a work tree or a bare repository.
///
/// The history and the files are read at the same time. `progress` is called on this thread.
///
/// # Errors
/// When there is no readable, complete repository with commits, when `git` is missing or too old, when a lock file of
/// the work is malformed, or when a limit of this crate is exceeded.
pub fn read(path: &Path, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Repository, ImportError> {
    let git = Git::open(&options.git, path)?;
    let entries = tree::list(&git)?;
    check_settings(&entries)?;
    let locks = LockFiles::find(&entries)?;
    let survey = history::survey(&git)?;
    let (since, mut warnings) = since(&git, options.since.as_deref());
    let (sender, receiver) = mpsc::channel();
    let stop = AtomicBool::new(false);
    let report = Reporter::new(sender, &stop);
    let total = since.is_none().then_some(survey.commits);
    let (history, files) = thread::scope(|scope| {
        let other = report.clone();
        let history = scope.spawn({
            let git = &git;
            move || report.end(history::read(git, since, total, &options.programs, &report))
        });
        let files = scope.spawn(|| {
            let other = other;
            other.end(read_files(&git, &entries, &locks, &other))
        });
        receiver.iter().for_each(&mut *progress);
        (join(history), join(files))
    });
    // The half that failed says why. The other one only says that it stopped.
    let (mut history, (tree, dependencies)) = match (history, files) {
        (Err(ImportError::Stopped), Err(error)) | (Err(error), _) | (_, Err(error)) => return Err(error),
        (Ok(history), Ok(files)) => (history, files),
    };
    let funding = tree.contents.get("FUNDING.json").map(|file| Funding::read(file)).unwrap_or_default();
    let sources = Sources { mapping: &options.mapping, funding: &funding };
    let (people, complaints) = roster::build(&git, &mut history, &options.programs, sources)?;
    let about = about::read(&tree.contents);
    let (name, url) = about::name_and_url(&git)?;
    warnings.extend([dependencies.warnings, funding.warnings, complaints].into_iter().flatten());
    Ok(Repository {
        name,
        url,
        key: format!("git:{}", survey.first),
        head: git.head().to_owned(),
        head_time: history::head_time(&git)?,
        manifest: tree.manifest,
        content_hash: tree.content_hash,
        files: tree.files,
        bytes: tree.bytes,
        title: about.title,
        description: about.description,
        license: about.license,
        commits: history.commits,
        people,
        owner_address: funding.owner,
        externals: dependencies.externals,
        uses: dependencies.uses,
        warnings,
    })
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn check_settings(entries: &[Entry]) -> Result<(), ImportError> {
    for entry in entries.iter().filter(|entry| matches!(&*entry.path, b"FUNDING.json" | b".mailmap")) {
        at_most(MAX_SETTINGS_BYTES, entry.size, "bytes", &String::from_utf8_lossy(&entry.path))?;
    }
    Ok(())
}

/// Returns the commit to start after, if it is in the history.
fn since<'a>(git: &Git, since: Option<&'a str>) -> (Option<&'a str>, Vec<String>) {
    let Some(id) = since else { return (None, Vec::new()) };
    let is_id = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known =
        is_id && git.run(&["merge-base", "--is-ancestor", id, git.head()], None).and_then(|run| run.all()).is_ok();
    if known {
        (Some(id), Vec::new())
    } else {
        (None, vec![format!("{id} is not in the history any more: all commits were read")])
    }
}

fn read_files(
    git: &Git,
    entries: &[Entry],
    locks: &LockFiles,
    report: &Reporter<'_>,
) -> Result<(tree::Tree, Dependencies), ImportError> {
    let beside: HashSet<String> = locks.paths.iter().map(|path| locks::beside(path, "package.json")).collect();
    let small = |entry: &&Entry| {
        let beside = || std::str::from_utf8(&entry.path).is_ok_and(|path| beside.contains(path));
        entry.size <= about::MAX_BYTES && (about::is_read(&entry.path) || &*entry.path == b"FUNDING.json" || beside())
    };
    let mut wanted: HashSet<&[u8]> = entries.iter().filter(small).map(|entry| &*entry.path).collect();
    wanted.extend(locks.paths.iter().map(String::as_bytes));
    let tree = tree::hash(git, entries, &wanted, report)?;
    let dependencies = locks.read(&tree.contents, report)?;
    Ok((tree, dependencies))
}
