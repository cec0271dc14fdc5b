//! A push, and the contributions that follow from its commits.
//!
//! What counts, and what does not:
//! - Commits that reach the default branch. Those of other branches count when they are merged: the push of the merge lists
//!   them again. So it does not matter that GitHub then no longer calls them `distinct`.
//! - A commit is one contribution of its author and co-authors, under the key that an import gives it. So pushes may come
//!   again and in any order, and an import may follow.
//! - Programs hold no share beside people. What only programs wrote counts for the committer, whom a trailer names, or who
//!   pushed or merged it, as in an import.
//! - Merge commits contain no work of their own. A payload does not name parents, so `merge_messages` says which commits are
//!   taken for merges. An import knows the parents, and adds a commit that was taken for a merge wrongly.
//! - A payload names files but no lines, so the cost follows from files alone, and so does its confidence.
//! - A deleted branch or a tag brings nothing, and does not take back earlier contributions.
//! - After a force push, the same work may come again under new ids. It is taken, and the push is marked as rewritten, so
//!   that somebody can look at it.

use std::collections::HashSet;

use chrono::DateTime;
use domain::{
    coherence::hint_for_commit,
    cost::{CommitPolicy, CommitSize, Evidence},
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::{
    PayloadError, Repository, User,
    merge_messages::Merges,
    payload::{check_commits, check_files, check_id, field_error},
};
use crate::{
    Programs, history, paths,
    people::{Contact, login_of},
    trailers::Trailers,
};
use domain::identity::Identity;

/// How many commits GitHub lists. A push with this many listed commits may have had more.
const LISTED: usize = 2048;

/// The payload of `push`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Push {
    /// The full name of what was pushed to: `refs/heads/main`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit that it named before. Zeros when it is new.
    pub before: String,
    /// The commit that it names now. Zeros when it is gone.
    pub after: String,
    /// Whether it is gone.
    #[serde(default)]
    pub deleted: bool,
    /// Whether commits were taken from it.
    #[serde(default)]
    pub forced: bool,
    /// The new commits on it, oldest first.
    #[serde(default)]
    pub commits: Vec<Commit>,
    /// Where it happened.
    pub repository: Repository,
    /// Who pushed, or merged on GitHub's pages.
    #[serde(default)]
    pub sender: Option<User>,
}

/// A commit of a push.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// Its whole message.
    pub message: String,
    /// When it was made, as ISO 8601 with an offset.
    pub timestamp: String,
    /// Its page at GitHub.
    pub url: String,
    /// Who wrote it.
    pub author: Signer,
    /// Who committed it; GitHub itself for what is merged or edited on its pages.
    #[serde(default)]
    pub committer: Option<Signer>,
    /// Paths of new files.
    #[serde(default)]
    pub added: Vec<String>,
    /// Paths of files that are gone.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Paths of files that changed.
    #[serde(default)]
    pub modified: Vec<String>,
}

/// Who a commit names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Signer {
    /// Their name.
    pub name: String,
    /// Their email, which GitHub may hide.
    #[serde(default)]
    pub email: Option<String>,
    /// The account GitHub finds by the email.
    #[serde(default)]
    pub username: Option<String>,
}

/// What follows from a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contributions {
    /// One for each commit that counts, oldest first.
    pub taken: Vec<Contribution>,
    /// Commits that do not count.
    pub left_out: Vec<LeftOut>,
    /// Whether there may be commits that GitHub did not list. If so, import the repository.
    pub incomplete: bool,
    /// Whether the default branch lost commits, whose work may come again under other ids.
    pub rewritten: bool,
}

/// A commit as a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// `git:` and the commit's id. It is the same however often and from wherever the commit comes.
    pub key: String,
    /// The commit's id.
    pub commit: String,
    /// The first paragraph of its message on one line, at most 200 characters.
    pub subject: String,
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// Its page at GitHub.
    pub url: String,
    /// The author, then the co-authors, each once. They share the cost equally. They are people, or one program if only
    /// programs wrote the commit.
    pub authors: Vec<Author>,
    /// For a commit of a program, the person who set it to work, if that is known.
    pub triggered_by: Option<Author>,
    /// Paths of new files.
    pub added: Vec<String>,
    /// Paths of files that changed.
    pub modified: Vec<String>,
    /// Paths of files that are gone.
    pub removed: Vec<String>,
    /// Whether it added to or changed a test.
    pub touches_tests: bool,
    /// Its coherence, as far as it can be guessed from a push.
    pub coherence: Decimal,
    /// Its cost by the policy `normalised`, from files alone.
    pub cost: Decimal,
    /// What the cost rests on.
    pub evidence: Evidence,
}

/// Somebody, or some program, who wrote a commit, according to the commit. Nobody has proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The identity, in the form of [`crate::Person::identity`].
    pub identity: String,
    /// What they call themselves, at most 200 characters.
    pub name: String,
    /// Their email.
    pub email: Option<String>,
    /// The identity of the email, if it is not the same: GitHub found the account by it.
    pub also: Vec<String>,
    /// Their account at GitHub, where it is known.
    pub login: Option<String>,
    /// Whether this is a program.
    pub system: bool,
}

/// A commit that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its id.
    pub commit: String,
    /// Why it does not count.
    pub reason: Reason,
}

/// The reason why a commit does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is not on the default branch yet, or only a tag names it.
    OtherBranch,
    /// It is a merge commit.
    Merge,
    /// The push lists it twice.
    Repeated,
}

impl Push {
    pub(super) fn check(&self) -> Result<(), PayloadError> {
        check_id("before", &self.before)?;
        check_id("after", &self.after)?;
        if !self.reference.starts_with("refs/") {
            return Err(field_error("ref", &self.reference, "it must begin with refs/"));
        }
        check_commits(self.commits.len())?;
        for commit in &self.commits {
            check_id("a commit's id", &commit.id)?;
            check_files(&commit.id, commit.added.iter().chain(&commit.modified).chain(&commit.removed))?;
            if DateTime::parse_from_rfc3339(&commit.timestamp).is_err() {
                return Err(field_error("a commit's timestamp", &commit.timestamp, "it must be a time of ISO 8601"));
            }
        }
        Ok(())
    }

    /// Returns whether the push went to the default branch.
    fn is_default(&self) -> bool {
        self.reference.strip_prefix("refs/heads/") == Some(&*self.repository.default_branch)
    }
}

/// Returns the contributions that a push brings.
pub fn contributions_of(push: &Push, programs: &Programs) -> Contributions {
    let mut found = Contributions::default();
    if push.deleted || !push.is_default() {
        let left_out = |commit: &Commit| LeftOut { commit: commit.id.clone(), reason: Reason::OtherBranch };
        found.left_out = push.commits.iter().map(left_out).collect();
        return found;
    }
    let mut seen = HashSet::new();
    let mut merges = Merges::of(push);
    for commit in &push.commits {
        let reason = if !seen.insert(&commit.id) {
            Reason::Repeated
        } else if merges.include(commit) {
            Reason::Merge
        } else {
            found.taken.push(contribution(commit, push.sender.as_ref(), programs));
            continue;
        };
        found.left_out.push(LeftOut { commit: commit.id.clone(), reason });
    }
    let ends_elsewhere = push.commits.last().is_some_and(|last| last.id != push.after);
    found.incomplete = ends_elsewhere || push.commits.len() >= LISTED;
    found.rewritten = push.forced;
    found
}

fn contribution(commit: &Commit, sender: Option<&User>, programs: &Programs) -> Contribution {
    let touched: HashSet<&String> = commit.added.iter().chain(&commit.modified).collect();
    let files = u32::try_from(touched.len()).unwrap_or(u32::MAX);
    let touches_tests = touched.iter().any(|path| paths::is_test(path.as_bytes()));
    // `Push::check` refuses a push with another time.
    let time = DateTime::parse_from_rfc3339(&commit.timestamp).map_or(0, |time| time.timestamp());
    let (authors, triggered_by) = who(commit, sender, programs);
    Contribution {
        key: format!("git:{}", commit.id),
        commit: commit.id.clone(),
        subject: subject(&commit.message),
        time: time.clamp(0, history::LAST_SECOND),
        url: commit.url.clone(),
        authors,
        triggered_by,
        added: commit.added.clone(),
        modified: commit.modified.clone(),
        removed: commit.removed.clone(),
        touches_tests,
        coherence: hint_for_commit(touches_tests),
        cost: CommitPolicy::Normalised.cost(CommitSize { files, changed_lines: 0 }),
        evidence: Evidence::FilesOrLines,
    }
}

fn subject(message: &str) -> String {
    let paragraph = message.trim_start().lines().map(str::trim).take_while(|line| !line.is_empty());
    paragraph.collect::<Vec<_>>().join(" ").chars().take(history::LONGEST_SUBJECT).collect()
}

/// Returns the people who share a commit. If only programs wrote it, returns its author and who set that program to work.
fn who(commit: &Commit, sender: Option<&User>, programs: &Programs) -> (Vec<Author>, Option<Author>) {
    let trailers = Trailers::of(&commit.message);
    let writer = signer(&commit.author, programs);
    let others = trailers.co_authors.iter().map(|contact| author(contact, None, programs));
    let mut people: Vec<Author> = Vec::new();
    for one in std::iter::once(writer.clone()).chain(others) {
        if !one.system && people.iter().all(|other| !other.is_same_as(&one)) {
            people.push(one);
        }
    }
    if !people.is_empty() {
        return (people, None);
    }
    let committer = commit.committer.iter().map(|committer| signer(committer, programs));
    let named = trailers.principals.iter().map(|contact| author(contact, None, programs));
    let sender = sender.filter(|user| user.kind.as_deref() != Some("Bot")).map(|user| {
        let contact = Contact { name: user.login.clone(), email: String::new() };
        author(&contact, Some(&user.login), programs)
    });
    let person = committer.chain(named).chain(sender).find(|one| !one.system);
    (vec![writer], person)
}

fn signer(Signer { name, email, username }: &Signer, programs: &Programs) -> Author {
    let contact = Contact { name: name.clone(), email: email.clone().unwrap_or_default() };
    author(&contact, username.as_deref(), programs)
}

impl Author {
    fn is_same_as(&self, other: &Self) -> bool {
        let knows = |one: &Self, other: &Self| one.also.contains(&other.identity);
        self.identity == other.identity || knows(self, other) || knows(other, self)
    }
}

fn author(contact: &Contact, username: Option<&str>, programs: &Programs) -> Author {
    let login = username.filter(|login| !login.is_empty()).map(str::to_owned).or_else(|| login_of(&contact.email));
    let email = contact.email.trim();
    let system = programs.include(contact, login.as_deref());
    let account = login.as_deref().and_then(Identity::github).map(|identity| identity.to_string());
    let by_email = contact.identity();
    let identity = if system { contact.program_identity() } else { account.unwrap_or_else(|| by_email.clone()) };
    let differs = !system && by_email.starts_with("mailto:") && by_email != identity;
    Author {
        also: if differs { vec![by_email] } else { Vec::new() },
        identity,
        name: contact.display_name(),
        email: (!email.is_empty()).then(|| email.to_owned()),
        system,
        login,
    }
}
