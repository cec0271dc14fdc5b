//! Which commits of a push are merges. A payload names no parents, so this goes by what tools write into the messages of
//! merges, and by the files that a commit changed.
//!
//! - The words that git, Mercurial, GitHub, GitLab, Gitea, Gerrit, Bitbucket, bors and others begin a merge with are a merge,
//!   and so is `Merge` with the default branch or one that many have.
//! - A message that begins with the word merge in another way is a merge if the commit changed no file.
//! - Some hosts give a merge the message that they also give all its work in one commit, which is the request's title and
//!   number, and `Merge X into Y` may be work on two parts. Such a commit is a merge if the commits before it in the push,
//!   since the last merge, brought all its files already.
//!
//! A merge that is taken for work would be paid for ever. Work that is taken for a merge is recorded by the next import.

use std::collections::HashSet;

use super::{Push, push::Commit};

/// What only the message of a merge begins with, in lower case. Where a quote or a number follows, it is part of it.
const BEGINNINGS: [&str; 29] = [
    "merge pull request ",
    "merge pr #",
    "merge mr !",
    "merge request !",
    "merge branch '",
    "merge branch \"",
    "merge branches '",
    "merge remote-tracking branch",
    "merge remote branch",
    "merge tag '",
    "merge tags '",
    "merge commit '",
    "merge commits '",
    "merge topic '",
    "merge bookmark '",
    "merge \"",
    "merge changes from topic",
    "merge git://",
    "merge https://",
    "merge http://",
    "merge git@",
    "merge #",
    "merge refs/",
    "auto merge of #",
    "rollup merge of #",
    "automatic merge from ",
    "automatic merge of ",
    "auto-merge from ",
    "automerge from ",
];
/// Messages of merges, in lower case, without the full stop.
const WHOLE: [&str; 9] = [
    "merge",
    "merged",
    "merging",
    "merge commit",
    "automatic merge",
    "auto merge",
    "auto-merge",
    "automerge",
    "merge with upstream",
];
/// Branches that many repositories have.
const BRANCHES: [&str; 11] =
    ["main", "master", "trunk", "develop", "development", "dev", "default", "upstream", "origin", "staging", "next"];

/// Looks at the commits of a push, in their order.
pub(super) struct Merges<'a> {
    default_branch: &'a str,
    /// The files of the commits since the last merge.
    brought: HashSet<&'a str>,
}

impl<'a> Merges<'a> {
    pub(super) fn of(push: &'a Push) -> Self {
        Self { default_branch: &push.repository.default_branch, brought: HashSet::new() }
    }

    /// Returns whether the next commit is a merge.
    pub(super) fn include(&mut self, commit: &'a Commit) -> bool {
        let files = commit.added.iter().chain(&commit.modified).chain(&commit.removed).map(String::as_str);
        let files: Vec<&str> = files.collect();
        let (subject, second) = paragraphs(&commit.message);
        let is_merge = match kind(subject, second, self.default_branch, is_by_github(commit)) {
            Kind::Merge => true,
            Kind::MergeOrWhole => files.iter().all(|file| self.brought.contains(file)),
            Kind::MergeIfEmpty if files.is_empty() => true,
            Kind::MergeIfEmpty | Kind::Work => {
                self.brought.extend(files);
                return false;
            }
        };
        self.brought.clear();
        is_merge
    }
}

/// What a message says of its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Merge,
    MergeIfEmpty,
    /// A merge, or the whole work of a request in one commit.
    MergeOrWhole,
    Work,
}

/// Returns the first line and the first line of the second paragraph.
fn paragraphs(message: &str) -> (&str, &str) {
    let mut lines = message.trim().lines().map(str::trim);
    let subject = lines.next().unwrap_or_default();
    let second = lines.skip_while(|line| !line.is_empty()).find(|line| !line.is_empty());
    (subject, second.unwrap_or_default())
}

/// Returns whether GitHub made the commit itself, for somebody who pressed a button.
fn is_by_github(commit: &Commit) -> bool {
    let Some(committer) = &commit.committer else { return false };
    let email = committer.email.as_deref().unwrap_or_default();
    committer.username.as_deref() == Some("web-flow") || email.eq_ignore_ascii_case("noreply@github.com")
}

fn kind(subject: &str, second: &str, default_branch: &str, by_github: bool) -> Kind {
    let text = subject.to_lowercase();
    let text = text.trim_end_matches('.');
    let words: Vec<&str> = text.split_whitespace().collect();
    let branch = default_branch.to_lowercase();
    if ends_with_number(text) {
        // GitHub adds the number of the request to its title.
        return if by_github { Kind::MergeOrWhole } else { Kind::Work };
    }
    if BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) || WHOLE.contains(&text) {
        return Kind::Merge;
    }
    match &words[..] {
        // Azure DevOps, and Bitbucket: `Merged PR 12: Title`, `Merged in fix (pull request #12)`.
        ["merged", "pr", ..] => Kind::MergeOrWhole,
        ["merged", "in", ..] if text.contains("(pull request #") => Kind::MergeOrWhole,
        // Bitbucket's server: `Pull request #12: Title` and, after it, `Merge in GROUP/name from fix to main`.
        ["pull", "request", ..] if second.to_lowercase().starts_with("merge in ") => Kind::MergeOrWhole,
        // Gerrit: `Merge changes I0123abcd,I4567ef01`.
        ["merge", "change" | "changes", id, ..] if is_change(id) => Kind::Merge,
        ["merge" | "merged" | "merging", rest @ ..] => match rest {
            ["branch", _, "into" | "of", ..] => Kind::Merge,
            ["with" | "from", name] | [name] if is_branch(name, &branch) => Kind::Merge,
            [from, "into" | "to", to] if is_branch(from, &branch) || is_branch(to, &branch) => Kind::Merge,
            // A branch, or a part of the work: `Merge fix-7 into app`, `Merge helpers into tools`.
            [_, "into" | "to", _] | ["branch", _] => Kind::MergeOrWhole,
            _ => Kind::MergeIfEmpty,
        },
        ["merges" | "auto-merge" | "automerge", ..] | ["auto" | "automatic", "merge", ..] => Kind::MergeIfEmpty,
        _ => Kind::Work,
    }
}

/// Returns whether this is a branch that many have, or the default one, also of another remote: `upstream/main`.
fn is_branch(name: &str, default_branch: &str) -> bool {
    let name = name.trim_matches(['\'', '"', '`']);
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    BRANCHES.contains(&last) || last == default_branch
}

/// Returns whether this begins with the id of a change at Gerrit, in lower case.
fn is_change(word: &str) -> bool {
    let digits = word.strip_prefix('i').unwrap_or_default();
    let digits = digits.split(',').next().unwrap_or_default();
    digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns whether a text ends with the number of a request: `Title (#12)`.
fn ends_with_number(text: &str) -> bool {
    let inner = text.strip_suffix(')').and_then(|text| text.rsplit_once("(#"));
    inner.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str) -> Kind {
        let (subject, second) = paragraphs(message);
        kind(subject, second, "stable", false)
    }

    #[test]
    fn the_messages_of_merges_are_known() {
        for message in [
            "Merge pull request #7 from octo/fix\n\nFix",
            "Merge pull request 'Fix' (#12) from ada/fix into main",
            "Merge PR #12: Fix",
            "Merge branch 'fix' into 'main'\n\nFix\n\nSee merge request acme/app!12",
            "Merge branch 'main' of github.com:acme/app",
            "Merge branches 'a', 'b' and 'c'",
            "Merge remote-tracking branch 'origin/main'",
            "Merge tag 'v1.2'",
            "Merge commit '1234567' into fix",
            "Merge topic 'fix-it'",
            "Merge \"Fix the build\" into main",
            "Merge changes from topic \"fix\" into main",
            "Merge changes I0123abcd,I4567ef01 into main",
            "Merge #12 #13\n\n12: Fix r=ada a=bob",
            "Auto merge of #12 - ada:fix, r=bob",
            "Rollup merge of #12 - ada:fix, r=bob",
            "Automatic merge from submit-queue",
            "Merge change I0123abcd",
            "Automatic merge",
            "Merge",
            "merge.",
            "Merge develop into main",
            "Merge fix-7 to stable",
            "Merge branch fix into main",
            "merge upstream/main",
            "Merge origin/stable",
            "Merge with default",
            "Merge master",
        ] {
            assert_eq!(said(message), Kind::Merge, "{message}");
        }
    }

    #[test]
    fn work_about_merging_is_work() {
        for (message, expected) in [
            ("Merge two lists in linear time", Kind::MergeIfEmpty),
            ("Merge branch protection rules", Kind::MergeIfEmpty),
            ("Merges sorted runs", Kind::MergeIfEmpty),
            ("Merge conflicts are shown", Kind::MergeIfEmpty),
            ("Merge changes in the parser", Kind::MergeIfEmpty),
            ("Merge sort in Rust", Kind::MergeIfEmpty),
            ("Automatic merge strategies", Kind::MergeIfEmpty),
            ("Automerge what passes", Kind::MergeIfEmpty),
            ("Merge helpers into tools", Kind::MergeOrWhole),
            ("Merge branch fix", Kind::MergeOrWhole),
            ("Fix merge", Kind::Work),
            ("Revert \"Merge pull request #7 from octo/fix\"", Kind::Work),
            ("Emerge from the cave", Kind::Work),
            ("Fix it (#12)", Kind::Work),
            ("", Kind::Work),
            ("Merged PR 12: Fix it", Kind::MergeOrWhole),
            ("Merged in fix (pull request #12)\n\nFix it", Kind::MergeOrWhole),
            ("Pull request #12: Fix it\n\nMerge in ACME/app from fix to main", Kind::MergeOrWhole),
            ("Pull request templates", Kind::Work),
        ] {
            assert_eq!(said(message), expected, "{message}");
        }
        assert_eq!(kind("Fix it (#12)", "", "main", true), Kind::MergeOrWhole);
        assert_eq!(kind("Merge branch 'a' into b (#12)", "", "main", true), Kind::MergeOrWhole);
    }
}
