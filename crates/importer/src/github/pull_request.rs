//! A pull request. Its commits come as a push when it is merged, and count there. Counting the request too would pay twice.
//! The request adds who proposed and who merged the content of the commit, and a page as evidence.

use domain::cost::CommitSize;
use serde::Deserialize;

use super::{PayloadError, Repository, User, payload::check_id};

/// The payload of `pull_request`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullRequest {
    /// What happened: `opened`, `closed` and others.
    pub action: String,
    /// Its number in the repository.
    pub number: u64,
    pull_request: Details,
    /// Where it happened.
    pub repository: Repository,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Details {
    html_url: String,
    title: String,
    user: Option<User>,
    base: Base,
    #[serde(default)]
    merged: Option<bool>,
    merged_by: Option<User>,
    merge_commit_sha: Option<String>,
    #[serde(default)]
    commits: u32,
    #[serde(default)]
    additions: u32,
    #[serde(default)]
    deletions: u32,
    #[serde(default)]
    changed_files: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Base {
    #[serde(rename = "ref")]
    branch: String,
}

/// A pull request that became part of the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The commit that brought it: a merge commit, or one commit with all its changes.
    pub commit: String,
    /// Its number.
    pub number: u64,
    /// Its title, at most 200 characters.
    pub title: String,
    /// Its page at GitHub.
    pub url: String,
    /// Who proposed it. `None` when the account is gone.
    pub author: Option<String>,
    /// Who merged it.
    pub merged_by: Option<String>,
    /// Its commits.
    pub commits: u32,
    /// The files and lines of all its commits together. Removed files count here.
    pub size: CommitSize,
}

impl PullRequest {
    pub(super) fn check(&self) -> Result<(), PayloadError> {
        self.pull_request.merge_commit_sha.as_deref().map_or(Ok(()), |id| check_id("merge_commit_sha", id))
    }
}

/// Returns the merge that the event reports. `None` when it reports something else, or another branch.
pub fn merge_of(event: &PullRequest) -> Option<Merge> {
    let details = &event.pull_request;
    let merged = event.action == "closed" && details.merged == Some(true);
    let counts = merged && details.base.branch == event.repository.default_branch;
    let commit = details.merge_commit_sha.clone().filter(|_| counts)?;
    let login = |user: &Option<User>| user.as_ref().map(|user| user.login.clone());
    Some(Merge {
        commit,
        number: event.number,
        title: details.title.chars().take(200).collect(),
        url: details.html_url.clone(),
        author: login(&details.user),
        merged_by: login(&details.merged_by),
        commits: details.commits,
        size: CommitSize {
            files: details.changed_files,
            changed_lines: details.additions.saturating_add(details.deletions),
        },
    })
}
