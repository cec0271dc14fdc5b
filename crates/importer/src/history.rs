//! The history of HEAD, read from one `git log` process while it runs.
//!
//! Merge commits are left out, because they contain no work of their own. A renamed file counts as one file with only
//! the lines that changed. A removed file does not count, and a binary file counts as one file with 0 lines. Removed
//! lines are changed lines.

use std::{
    collections::{BTreeSet, HashMap},
    io::BufRead,
};

use domain::cost::{CommitPolicy, CommitSize};

use crate::{
    Commit, ImportError, MAX_COMMITS,
    error::at_most,
    git::{Git, Running},
    paths,
    people::{Contact, by_mailmap},
    progress::{Phase, Reporter},
};

/// A commit's fields, each ended by NUL; `%aN` and `%aE` are the author by the mailmap.
const FORMAT: &str = "--format=%x01commit %H%x00%ct%x00%aN%x00%aE%x00%s%x00\
                      %(trailers:key=Co-authored-by,key=Payout-Address,only,unfold,separator=%x0a)";
const MARK: &[u8] = b"\x01commit ";
/// Subjects are cut here, in characters.
pub(crate) const LONGEST_SUBJECT: usize = 200;
/// The last second of the year 9999. Later times come from wrong clocks.
pub(crate) const LAST_SECOND: i64 = 253_402_300_799;

/// What is known about the history before its changes are read.
#[derive(Debug)]
pub(crate) struct Survey {
    /// How many commits are not merges.
    pub(crate) commits: u64,
    /// The lowest id among commits without parents.
    pub(crate) first: String,
}

/// Counts the commits and finds the root.
pub(crate) fn survey(git: &Git) -> Result<Survey, ImportError> {
    let mut running = git.run(&["rev-list", "--no-merges", "--parents", git.head()], None)?;
    let (mut commits, mut first, mut line) = (0, None, Vec::new());
    while next_until(&mut running, b'\n', &mut line)? {
        commits += 1;
        if !line.contains(&b' ') && first.as_ref().is_none_or(|first| line < *first) {
            first = Some(line.clone());
        }
    }
    running.finish()?;
    at_most(MAX_COMMITS, commits, "commits", "the history")?;
    let no_commits = || ImportError::NoCommits { path: git.path().to_owned() };
    let first = String::from_utf8_lossy(&first.ok_or_else(no_commits)?).into_owned();
    Ok(Survey { commits, first })
}

/// Returns when the commit at HEAD was made.
pub(crate) fn head_time(git: &Git) -> Result<i64, ImportError> {
    Ok(seconds(&git.ask(&["log", "-1", "--format=%ct", git.head()])?))
}

/// Reads a time as git writes it. A damaged one is 0.
fn seconds(text: &str) -> i64 {
    i64::clamp(text.parse().unwrap_or_default(), 0, LAST_SECOND)
}

/// What the log says. Commits are oldest first, and their authors are still positions in `contacts`.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) commits: Vec<Commit>,
    /// Everyone who was named, by the mailmap. Several contacts may have the same identity.
    pub(crate) contacts: Vec<Contact>,
    /// `Payout-Address` trailers, newest first: commit id, author, text.
    pub(crate) payouts: Vec<(String, usize, String)>,
}

#[derive(Default)]
struct Reader {
    history: History,
    numbers: HashMap<Contact, usize>,
    /// Co-authors as trailers write them, by commit, before the mailmap.
    co_authors: Vec<(usize, Contact)>,
}

/// Reads the commits of HEAD that are not in the history of `since`.
pub(crate) fn read(
    git: &Git,
    since: Option<&str>,
    total: Option<u64>,
    report: &Reporter<'_>,
) -> Result<History, ImportError> {
    let exclude = since.map(|since| format!("^{since}"));
    let mut arguments = vec!["log", "--no-merges", "--date-order", "--use-mailmap", "-z", "--raw", "--numstat"];
    arguments.extend(["--no-abbrev", "--find-renames=50%", "-l1000", "--diff-algorithm=myers", "-O/dev/null"]);
    arguments.extend(["--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--no-show-signature"]);
    arguments.extend([
        "--ignore-submodules=none",
        "--submodule=short",
        "--encoding=UTF-8",
        "--no-notes",
        FORMAT,
        git.head(),
    ]);
    arguments.extend(exclude.as_deref());
    arguments.push("--");
    let mut running = git.run(&arguments, None)?;
    let mut reader = Reader::default();
    let mut token = Vec::new();
    let mut more = next_until(&mut running, 0, &mut token)?;
    while more {
        let Some(id) = token.strip_prefix(MARK) else { return Err(running.unknown(&token)) };
        let id = String::from_utf8_lossy(id).into_owned();
        reader.header(id, &mut running)?;
        more = reader.changes(&mut running, &mut token)?;
        report.step(Phase::Commits, reader.history.commits.len() as u64, total)?;
    }
    running.finish()?;
    reader.settle(git)
}

impl Reader {
    /// Reads the fields after the commit's id.
    fn header(&mut self, id: String, running: &mut Running) -> Result<(), ImportError> {
        let time = seconds(&field(running)?);
        let author = Contact { name: field(running)?, email: field(running)? };
        let author = self.number(author);
        let subject = field(running)?.chars().take(LONGEST_SUBJECT).collect();
        let trailers = field(running)?;
        let commit = self.history.commits.len();
        for line in trailers.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if key.trim().eq_ignore_ascii_case("Payout-Address") {
                self.history.payouts.push((id.clone(), author, value.to_owned()));
            } else if !value.is_empty() {
                self.co_authors.push((commit, Contact::parse(value)));
            }
        }
        self.history.commits.push(Commit { id, time, authors: vec![author], subject, ..Commit::default() });
        Ok(())
    }

    /// Reads the commit's files, up to the next commit, whose mark is left in `token`. Returns false at the end.
    fn changes(&mut self, running: &mut Running, token: &mut Vec<u8>) -> Result<bool, ImportError> {
        let mut size = CommitSize::default();
        let mut tests = false;
        let mut path = Vec::new();
        let more = loop {
            if !next_until(running, 0, token)? {
                break false;
            }
            let entry = token.strip_prefix(b"\n").unwrap_or(token);
            if entry.starts_with(MARK) {
                break true;
            } else if let Some(raw) = entry.strip_prefix(b":") {
                let status = raw.rsplit(|byte| *byte == b' ').next().and_then(|status| status.first()).copied();
                for _ in 0..if matches!(status, Some(b'R' | b'C')) { 2 } else { 1 } {
                    expect(running, 0, &mut path)?;
                }
                if status != Some(b'D') {
                    size.files = size.files.saturating_add(1);
                    tests |= paths::is_test(&path);
                }
            } else {
                let lines = changed_lines(entry).ok_or_else(|| running.unknown(entry))?;
                size.changed_lines = size.changed_lines.saturating_add(lines);
                if entry.ends_with(b"\t") {
                    expect(running, 0, &mut path)?;
                    expect(running, 0, &mut path)?;
                }
            }
        };
        if let Some(commit) = self.history.commits.last_mut() {
            commit.files = size.files;
            commit.lines = size.changed_lines;
            commit.cost = CommitPolicy::Normalised.cost(size);
            commit.touches_tests = tests;
        }
        Ok(more)
    }

    fn number(&mut self, contact: Contact) -> usize {
        let next = self.history.contacts.len();
        *self.numbers.entry(contact).or_insert_with_key(|contact| {
            self.history.contacts.push(contact.clone());
            next
        })
    }

    /// Adds co-authors to their commits, by the mailmap, and sorts the list oldest first.
    fn settle(mut self, git: &Git) -> Result<History, ImportError> {
        let co_authors = std::mem::take(&mut self.co_authors);
        let mapped = by_mailmap(git, co_authors.iter().map(|(_, contact)| contact.clone()).collect::<BTreeSet<_>>())?;
        for (commit, contact) in co_authors {
            let number = self.number(mapped.get(&contact).cloned().unwrap_or(contact));
            self.history.commits[commit].authors.push(number);
        }
        self.history.commits.reverse();
        Ok(self.history)
    }
}

/// Reads the number of added and removed lines from `12\t3\tpath` or `-\t-\tpath` (binary).
fn changed_lines(entry: &[u8]) -> Option<u32> {
    let mut parts = entry.splitn(3, |byte| *byte == b'\t');
    let mut count = || match parts.next()? {
        b"-" => Some(0),
        digits => std::str::from_utf8(digits).ok()?.parse::<u32>().ok(),
    };
    let (added, removed) = (count()?, count()?);
    parts.next().map(|_| added.saturating_add(removed))
}

fn field(running: &mut Running) -> Result<String, ImportError> {
    let mut token = Vec::new();
    expect(running, 0, &mut token)?;
    Ok(String::from_utf8_lossy(&token).into_owned())
}

fn expect(running: &mut Running, end: u8, token: &mut Vec<u8>) -> Result<(), ImportError> {
    if next_until(running, end, token)? { Ok(()) } else { Err(running.unknown(b"it ended early")) }
}

/// Reads the bytes before the next `end`. Returns false when the answer is over.
pub(crate) fn next_until(running: &mut Running, end: u8, token: &mut Vec<u8>) -> Result<bool, ImportError> {
    token.clear();
    let read = running.stdout.read_until(end, token).map_err(|source| running.broken(source))?;
    if token.last() == Some(&end) {
        token.pop();
    }
    Ok(read > 0)
}
