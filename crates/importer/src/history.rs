//! The history of HEAD, read from one `git log` process while it runs.
//!
//! Merge commits, which are those with more than one parent, are left out, because they contain no work of their own, also
//! when somebody changed something while merging. They only tell who brought the work of a program. A renamed file counts as one file with only
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
    mainline::Mainline,
    paths,
    people::{Contact, by_mailmap, login_of},
    programs::Programs,
    progress::{Phase, Reporter},
    trailers::Trailers,
};

/// A commit's fields, each ended by NUL; `%aN` and `%aE` are the author by the mailmap, `%ae` is what the commit says.
const FORMAT: &str = "--format=%x01commit %H%x00%P%x00%ct%x00%aN%x00%aE%x00%ae%x00%cN%x00%cE%x00%s%x00%B";
const MARK: &[u8] = b"\x01commit ";
/// Subjects are cut here, in characters.
pub(crate) const LONGEST_SUBJECT: usize = 200;
/// Of a longer message only the end is read, in bytes, where its trailers are.
const LONGEST_MESSAGE: usize = 64 << 10;
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
    /// For commits of programs, by position: who may have set the program to work, likeliest first.
    pub(crate) principals: HashMap<usize, Vec<usize>>,
    /// Contacts whom the mailmap replaced, where one of the two addresses tells a login: the email that a commit says, and
    /// the contact. Newest first.
    pub(crate) replaced: Vec<(String, usize)>,
}

struct Reader<'a> {
    programs: &'a Programs,
    history: History,
    numbers: HashMap<Contact, usize>,
    /// Co-authors as trailers write them, by commit, before the mailmap.
    co_authors: Vec<(usize, Contact)>,
    /// For commits of programs: the committer, and whom trailers name, before the mailmap.
    principals: HashMap<usize, (usize, Vec<Contact>)>,
    mainline: Mainline,
}

/// Reads the commits of HEAD that are not in the history of `since`.
pub(crate) fn read(
    git: &Git,
    since: Option<&str>,
    total: Option<u64>,
    programs: &Programs,
    report: &Reporter<'_>,
) -> Result<History, ImportError> {
    let exclude = since.map(|since| format!("^{since}"));
    let mut arguments = vec!["log", "--diff-merges=off", "--date-order", "--use-mailmap", "-z", "--raw", "--numstat"];
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
    let mut reader = Reader {
        programs,
        history: History::default(),
        numbers: HashMap::new(),
        co_authors: Vec::new(),
        principals: HashMap::new(),
        mainline: Mainline::default(),
    };
    let mut token = Vec::new();
    let mut more = next_until(&mut running, 0, &mut token)?;
    while more {
        let Some(id) = token.strip_prefix(MARK) else { return Err(running.unknown(&token)) };
        let id = String::from_utf8_lossy(id).into_owned();
        let is_counted = reader.header(id, &mut running)?;
        let size = changes(&mut running, &mut token)?;
        if let (true, Some(commit)) = (is_counted, reader.history.commits.last_mut()) {
            (commit.files, commit.lines) = (size.size.files, size.size.changed_lines);
            commit.cost = CommitPolicy::Normalised.cost(size.size);
            commit.touches_tests = size.tests;
        }
        more = size.more;
        report.step(Phase::Commits, reader.history.commits.len() as u64, total)?;
    }
    running.finish()?;
    reader.settle(git)
}

impl Reader<'_> {
    /// Reads the fields after the commit's id. Returns false for a merge, which does not count.
    fn header(&mut self, id: String, running: &mut Running) -> Result<bool, ImportError> {
        let parents = field(running)?;
        let time = seconds(&field(running)?);
        let author = Contact { name: field(running)?, email: field(running)? };
        let said = field(running)?;
        let committer = Contact { name: field(running)?, email: field(running)? };
        let subject = field(running)?.chars().take(LONGEST_SUBJECT).collect();
        let message = end_of_field(running, LONGEST_MESSAGE)?;
        let is_program = |contact: &Contact| self.programs.include(contact, login_of(&contact.email).as_deref());
        let (by_program, by_person) = (is_program(&author), !is_program(&committer));
        if parents.contains(' ') {
            let merged_by = if by_program { by_person.then_some(committer) } else { Some(author) };
            self.mainline.pass_merge(id, &parents, merged_by);
            return Ok(false);
        }
        let commit = self.history.commits.len();
        self.mainline.pass(&id, &parents, by_program.then_some(commit));
        let replaced = !said.eq_ignore_ascii_case(&author.email) && is_account(&said, &author.email);
        let author = self.number(author);
        if replaced {
            self.history.replaced.push((said, author));
        }
        let trailers = Trailers::of(&message);
        self.history.payouts.extend(trailers.payouts.into_iter().map(|value| (id.clone(), author, value)));
        self.co_authors.extend(trailers.co_authors.into_iter().map(|contact| (commit, contact)));
        if by_program {
            let committer = self.number(committer);
            self.principals.insert(commit, (committer, trailers.principals));
        }
        self.history.commits.push(Commit { id, time, authors: vec![author], subject, ..Commit::default() });
        Ok(true)
    }

    fn number(&mut self, contact: Contact) -> usize {
        let next = self.history.contacts.len();
        *self.numbers.entry(contact).or_insert_with_key(|contact| {
            self.history.contacts.push(contact.clone());
            next
        })
    }

    /// Adds co-authors to their commits and principals to those of programs, by the mailmap, and sorts the list oldest
    /// first.
    fn settle(mut self, git: &Git) -> Result<History, ImportError> {
        let co_authors = std::mem::take(&mut self.co_authors);
        let mut named: BTreeSet<Contact> = co_authors.iter().map(|(_, contact)| contact.clone()).collect();
        named.extend(self.principals.values().flat_map(|(_, contacts)| contacts.iter().cloned()));
        let mapped = by_mailmap(git, named)?;
        let today = |contact: Contact| mapped.get(&contact).cloned().unwrap_or(contact);
        for (commit, contact) in co_authors {
            let said = contact.email.clone();
            let now = today(contact);
            let replaced = !said.eq_ignore_ascii_case(&now.email) && is_account(&said, &now.email);
            let number = self.number(now);
            if replaced {
                self.history.replaced.push((said, number));
            }
            self.history.commits[commit].authors.push(number);
        }
        let mergers = std::mem::take(&mut self.mainline).mergers();
        let last = self.history.commits.len().saturating_sub(1);
        for (commit, (committer, contacts)) in std::mem::take(&mut self.principals) {
            let mut principals = vec![committer];
            principals.extend(contacts.into_iter().map(|contact| self.number(today(contact))));
            principals.extend(mergers.get(&commit).map(|contact| self.number(contact.clone())));
            self.history.principals.insert(last - commit, principals);
        }
        self.history.commits.reverse();
        Ok(self.history)
    }
}

/// Returns whether one of two emails tells an account at GitHub.
fn is_account(one: &str, other: &str) -> bool {
    login_of(one).is_some() || login_of(other).is_some()
}

/// The files of a commit.
struct Changes {
    size: CommitSize,
    tests: bool,
    /// Whether another commit follows.
    more: bool,
}

/// Reads a commit's files, up to the next commit, whose mark is left in `token`.
fn changes(running: &mut Running, token: &mut Vec<u8>) -> Result<Changes, ImportError> {
    let mut size = CommitSize::default();
    let mut tests = false;
    let mut path = Vec::new();
    let more = loop {
        if !next_until(running, 0, token)? {
            break false;
        }
        let entry = token.strip_prefix(b"\n").unwrap_or(token);
        if entry.is_empty() {
            continue;
        } else if entry.starts_with(MARK) {
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
    Ok(Changes { size, tests, more })
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

/// Reads a field and keeps at most its last `most` bytes, in whole characters.
fn end_of_field(running: &mut Running, most: usize) -> Result<String, ImportError> {
    let mut end = Vec::new();
    loop {
        let part = match running.stdout.fill_buf() {
            Ok(part) => part,
            Err(source) => return Err(running.broken(source)),
        };
        let length = part.iter().position(|byte| *byte == 0);
        end.extend_from_slice(&part[..length.unwrap_or(part.len())]);
        let read = length.map_or(part.len(), |length| length + 1);
        running.stdout.consume(read);
        if end.len() > most {
            end.drain(..end.len() - most);
        }
        if length.is_some() {
            return Ok(String::from_utf8_lossy(&end).into_owned());
        } else if read == 0 {
            return Err(running.unknown(b"it ended early"));
        }
    }
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
