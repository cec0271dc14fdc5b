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
//! | `text`, `links` | what a file says, whatever its encoding, and where a symbolic link leads |
//! | `exclusion`, `attributes` | the files that are not about the work |
//! | `locks`, `lock_forms`, `cargo_lock`, `npm_lock`, `npm_source` | lock files |
//! | `graph`, `purl` | the works beneath this one |
//! | [`coherence`] | tests, documentation, reports and content of a commit: how coherent the work is |
//! | [`github`] | what GitHub's webhook sends: pushes and pull requests |
//!
//! The rules leave some questions open, which are decided as follows:
//! - Merge commits are left out. A commit that only programs wrote counts for whoever set them to work. In other commits, all
//!   added and removed lines count. A renamed file is one file with only the lines that changed, a removed file does not count,
//!   and a binary file has no lines.
//! - Lock files in folders of tests, fixtures and vendored code are not read, because they are not about this work. The
//!   person who imports and `.gitattributes` can exclude more, or fewer.
//! - A file that cannot be read costs only what it says: it is named with the reason, and everything else counts. With
//!   [`Options::strict`] the repository is refused instead.
//! - Cargo does not say what is needed only for building or testing, so npm's development dependencies count too.
//! - An external work that uses this one would be paid by itself, so such links are left out, and all others that close
//!   a cycle.

mod about;
mod accounts;
mod attributes;
mod cargo_lock;
pub mod coherence;
mod error;
mod exclusion;
mod funding;
mod git;
pub mod github;
mod graph;
mod history;
mod links;
mod lock_forms;
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
mod text;
mod trailers;
mod tree;

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt,
    path::Path,
    sync::{atomic::AtomicBool, mpsc},
    thread,
};

use alloy_primitives::{Address, B256};
use rust_decimal::Decimal;

pub use crate::{
    error::ImportError,
    exclusion::Exclude,
    funding::{AddressSource, Mapping, parse_mapping},
    programs::Programs,
    progress::{Phase, Progress},
};
use crate::{
    exclusion::Exclusion,
    funding::Funding,
    git::Git,
    graph::Dependencies,
    links::Links,
    lock_forms::Form,
    locks::LockFiles,
    progress::Reporter,
    roster::Sources,
    tree::{Entry, Tree},
};

/// A history of more commits is refused. Merges do not count.
pub const MAX_COMMITS: u64 = 5_000_000;
/// A larger lock file is left out, in bytes.
pub const MAX_LOCK_BYTES: u64 = 64 << 20;
/// A lock file of more packages is left out, and so is one with which all of them together have more.
pub const MAX_PACKAGES: u64 = 50_000;
/// A larger `FUNDING.json` or `.mailmap` is left out, in bytes.
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
    /// Paths whose dependencies, reports and lines do not count.
    pub exclude: Exclude,
    /// Whether a file that cannot be read is an error, instead of being left out.
    pub strict: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mapping: Mapping::default(),
            programs: Programs::default(),
            since: None,
            git: "git".into(),
            exclude: Exclude::default(),
            strict: false,
        }
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
    /// Files that were left out because they cannot be read. The warnings name them too.
    pub left_out: Vec<FileLeftOut>,
    /// What was left out or is uncertain, for the person who imports.
    pub warnings: Vec<String>,
}

/// A file that was left out because it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLeftOut {
    /// Its path, written as in the manifest.
    pub path: String,
    /// Why it cannot be read: the line, if it is about one, and what is wrong.
    pub why: String,
}

impl fmt::Display for FileLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be read: {}", self.path, self.why)
    }
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
/// When there is no readable, complete repository with commits, when `git` is missing or too old, or when the history or
/// the tree exceeds a limit of this crate. With [`Options::strict`], also when a file cannot be read that is about the work.
pub fn read(path: &Path, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Repository, ImportError> {
    let mut git = Git::open(&options.git, path)?;
    let entries = tree::list(&git)?;
    let mut left_out = Vec::new();
    left_out.extend(check_mailmap(&mut git, &entries));
    let links = Links::read(&git, &entries, |path| path == FUNDING || Form::of(path).is_some())?;
    let exclusion = Exclusion::read(&git, &entries, &options.exclude)?;
    let locks = LockFiles::find(&entries, &links, &exclusion);
    let funding = FundingFile::find(&entries, &links);
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
            other.end(read_files(&git, &entries, locks, &funding, &other))
        });
        receiver.iter().for_each(&mut *progress);
        (join(history), join(files))
    });
    // The half that failed says why. The other one only says that it stopped.
    let (mut history, (tree, mut dependencies)) = match (history, files) {
        (Err(ImportError::Stopped), Err(error)) | (Err(error), _) | (_, Err(error)) => return Err(error),
        (Ok(history), Ok(files)) => (history, files),
    };
    let funding = funding.read(&tree);
    left_out.extend(funding.left_out.clone().into_iter().chain(std::mem::take(&mut dependencies.left_out)));
    if options.strict && !left_out.is_empty() {
        return Err(ImportError::Strict { left_out });
    }
    let sources = Sources { mapping: &options.mapping, funding: &funding };
    let (people, complaints) = roster::build(&git, &mut history, &options.programs, sources)?;
    let about = about::read(&tree.contents);
    let (name, url) = about::name_and_url(&git)?;
    let named = locks::named(&left_out);
    warnings.extend([named, dependencies.warnings, funding.warnings, complaints].into_iter().flatten());
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
        left_out,
        warnings,
    })
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The path of the file that says where people are paid.
const FUNDING: &[u8] = b"FUNDING.json";

/// Keeps git from reading a `.mailmap` that is too large, and names it.
fn check_mailmap(git: &mut Git, entries: &[Entry]) -> Option<FileLeftOut> {
    let entry = entries.iter().find(|entry| &*entry.path == b".mailmap")?;
    let why = if !entry.is_regular() {
        "it is a symbolic link or a submodule, which git does not follow here".to_owned()
    } else if entry.size > MAX_SETTINGS_BYTES {
        format!("it has {} bytes, the limit is {MAX_SETTINGS_BYTES}", entry.size)
    } else {
        return None;
    };
    git.ignore_mailmap();
    Some(FileLeftOut { path: ".mailmap".to_owned(), why })
}

/// Where `FUNDING.json` is, before its content is read.
enum FundingFile<'a> {
    Absent,
    At(&'a Entry),
    LeftOut(String),
}

impl<'a> FundingFile<'a> {
    fn find(entries: &'a [Entry], links: &Links<'a>) -> Self {
        let below = [FUNDING, b"/"].concat();
        if entries.iter().any(|entry| entry.path.starts_with(&below)) {
            return Self::LeftOut("it is a folder".to_owned());
        }
        let Some(entry) = entries.iter().find(|entry| &*entry.path == FUNDING) else { return Self::Absent };
        match links.file(entry) {
            Ok(file) if file.size > MAX_SETTINGS_BYTES => {
                Self::LeftOut(format!("it has {} bytes, the limit is {MAX_SETTINGS_BYTES}", file.size))
            }
            Ok(file) => Self::At(file),
            Err(why) => Self::LeftOut(why),
        }
    }

    fn read(&self, tree: &Tree) -> Funding {
        match self {
            Self::Absent => Funding::default(),
            Self::LeftOut(why) => Funding::without(why.clone()),
            Self::At(file) => {
                let content = tree.contents.get(&tree::escape(&file.path));
                Funding::read(content.map(Vec::as_slice).unwrap_or_default())
            }
        }
    }
}

/// Returns the commit to start after, if it is in the history.
fn since<'a>(git: &Git, since: Option<&'a str>) -> (Option<&'a str>, Vec<String>) {
    let Some(id) = since else { return (None, Vec::new()) };
    let is_id = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Whatever fails here, all commits are read, which costs time and loses nothing.
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
    locks: LockFiles<'_>,
    funding: &FundingFile<'_>,
    report: &Reporter<'_>,
) -> Result<(Tree, Dependencies), ImportError> {
    let about = |entry: &&Entry| entry.size <= about::MAX_BYTES && about::is_read(&entry.path);
    let mut wanted: HashSet<&[u8]> = entries.iter().filter(about).map(|entry| &*entry.path).collect();
    wanted.extend(&locks.wanted);
    if let FundingFile::At(file) = funding {
        wanted.insert(&file.path);
    }
    let tree = tree::hash(git, entries, &wanted, report)?;
    let dependencies = locks.read(&tree.contents, report)?;
    Ok((tree, dependencies))
}
