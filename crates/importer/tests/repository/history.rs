//! Commits, their size and their authors.

use importer::Options;
use rust_decimal::Decimal;

use crate::support::{Repo, authors, person, warned};

fn cents(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

#[test]
fn commits_come_oldest_first_with_their_cost() {
    let mut repo = Repo::new();
    repo.write("a.txt", "1\n2\n").write("b.bin", b"\0\x01\x02");
    let first = repo.commit("Begin\nhere\n\nbody");
    repo.write("a.txt", "1\n3\n").write("tests/a.rs", "x\n");
    let second = repo.commit(&"long ".repeat(100));
    let found = repo.read();
    assert_eq!(found.key, format!("git:{first}"));
    assert_eq!((found.head.clone(), found.head_time), (second.clone(), 1_700_000_120));
    let [a, b] = &found.commits[..] else { panic!("{found:?}") };
    assert_eq!((&a.id, a.time, &*a.subject), (&first, 1_700_000_060, "Begin here"));
    // 0.10 + 0.15 x 2 + 0.002 x 2 = 0.404; a binary file has no lines.
    assert_eq!((a.files, a.lines, a.cost, a.touches_tests), (2, 2, cents(40), false));
    // 0.10 + 0.15 x 2 + 0.002 x 3 = 0.406
    assert_eq!((b.files, b.lines, b.cost, b.touches_tests), (2, 3, cents(41), true));
    assert_eq!(b.subject.chars().count(), 200);
    assert_eq!(authors(&found, 0), ["mailto:ada@example.org"]);
}

#[test]
fn renamed_removed_empty_and_huge() {
    let mut repo = Repo::new();
    let text: String = (0..100).map(|line| format!("line {line}\n")).collect();
    repo.write("old name.txt", &text).write("gone_test.py", "x\n");
    repo.commit("first");
    repo.git(&["mv", "old name.txt", "new\nname.txt"]);
    repo.write("new\nname.txt", text.replace("line 7\n", "line seven\n"));
    repo.commit("rename");
    std::fs::remove_file(repo.path().join("gone_test.py")).unwrap();
    repo.commit("remove");
    repo.commit("empty");
    for number in 0..200 {
        repo.write(&format!("many/{number}"), "x\n");
    }
    repo.commit("many");
    let found = repo.read();
    let sizes: Vec<_> = found.commits.iter().skip(1).map(|c| (c.files, c.lines, c.cost, c.touches_tests)).collect();
    let expected =
        [(1, 2, cents(25), false), (0, 1, cents(10), false), (0, 0, cents(10), false), (200, 200, cents(1000), false)];
    assert_eq!(sizes, expected);
}

#[test]
fn merges_are_left_out_and_parents_come_first() {
    let mut repo = Repo::of(&[("a", "1\n")]);
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write("b", "1\n");
    let side = repo.commit("side");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("c", "1\n");
    repo.commit("main");
    repo.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "side"]);
    repo.git(&["checkout", "--quiet", "--orphan", "other"]);
    let root = repo.commit("other root");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--allow-unrelated-histories", "--message", "join", "other"]);
    let found = repo.read();
    let subjects: Vec<_> = found.commits.iter().map(|commit| &*commit.subject).collect();
    assert_eq!(subjects.len(), 4, "{subjects:?}");
    assert_eq!(subjects.iter().filter(|subject| ["merge", "join"].contains(subject)).count(), 0);
    let place = |id: &str| found.commits.iter().position(|commit| commit.id == id).unwrap();
    assert!(place(&side) > subjects.iter().position(|subject| *subject == "first").unwrap());
    let first = &found.commits[subjects.iter().position(|subject| *subject == "first").unwrap()].id;
    assert_eq!(found.key, format!("git:{}", first.min(&root)));
}

#[test]
fn authors_go_by_mailmap_and_co_authors_share() {
    let mut repo = Repo::new();
    repo.write(".mailmap", "Ada Lovelace <ada@new.org> <ADA@old.org>\nBob B <bob@b.org> <bobby@b.org>\n");
    repo.write("a", "1\n");
    repo.commit_as("ada <Ada@Old.org>", "one\n\nCo-authored-by: bobby <bobby@b.org>\nCo-Authored-By: Eve <EVE@e.org>");
    repo.write("a", "2\n");
    repo.commit_as("Bob <bob@b.org>", "two\n\nCo-authored-by: Again <bobby@b.org>\nCo-authored-by: Just Name\n");
    repo.write("a", "3\n");
    repo.commit_as("Eve <eve@e.org>", "three\n\nCo-authored-by: not at the end <x@x.org>\n\nsome more text");
    let found = repo.read();
    assert_eq!(authors(&found, 0), ["mailto:ada@new.org", "mailto:bob@b.org", "mailto:eve@e.org"]);
    assert_eq!(authors(&found, 1), ["mailto:bob@b.org", "name:just name"]);
    assert_eq!(authors(&found, 2), ["mailto:eve@e.org"]);
    assert_eq!(person(&found, "mailto:ada@new.org").name, "Ada Lovelace");
    assert_eq!(person(&found, "mailto:bob@b.org").name, "Bob", "an author before a co-author");
    assert_eq!(person(&found, "mailto:eve@e.org").name, "Eve");
}

#[test]
fn only_the_committed_mailmap_counts() {
    let mut repo = Repo::of(&[("a", "1\n")]);
    repo.write(".mailmap", "X <x@x.org> <ada@example.org>\n");
    assert_eq!(authors(&repo.read(), 0), ["mailto:ada@example.org"]);
    repo.commit("mailmap");
    assert_eq!(authors(&repo.read(), 0), ["mailto:x@x.org"]);
}

#[test]
fn bots_are_systems_and_odd_emails_are_names() {
    let mut repo = Repo::new();
    for (number, who) in [
        "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
        "Renovate <r@x.org>",
        "Old Svn <>",
        "Odd <odd at x>",
        "Ünï <ü@x.org>",
    ]
    .iter()
    .enumerate()
    {
        repo.write("a", number.to_string());
        repo.commit_as(who, "work");
    }
    let found = repo.read();
    let people: Vec<_> = found.people.iter().map(|person| (&*person.identity, person.system)).collect();
    let bot = "mailto:49699333+dependabot[bot]@users.noreply.github.com";
    let expected = [
        (bot, true),
        ("mailto:r@x.org", true),
        ("name:old svn", false),
        ("name:odd", false),
        ("mailto:ü@x.org", false),
    ];
    assert_eq!(people, expected);
}

#[test]
fn only_later_commits_are_read() {
    let mut repo = Repo::of(&[("a", "1\n")]);
    let before = repo.read();
    repo.write("a", "2\n");
    let second = repo.commit("second");
    let since = |id: &str| repo.read_with(&Options { since: Some(id.to_owned()), ..Options::default() });
    let found = since(&before.head);
    assert_eq!(found.commits.iter().map(|commit| &commit.id).collect::<Vec<_>>(), [&second]);
    assert_eq!(found.key, before.key);
    assert!(since(&second).commits.is_empty() && since(&second).people.is_empty());
    for lost in ["0123456789012345678901234567890123456789", "--all", "HEAD~1"] {
        assert_eq!(since(lost).commits.len(), 2);
        assert!(warned(&since(lost), "not in the history"));
    }
}

#[test]
fn the_repository_s_own_settings_change_nothing() {
    let mut repo = Repo::new();
    repo.write("a.txt", "1\n2\n").write("b.txt", "1\n");
    repo.commit("first");
    repo.git(&["mv", "b.txt", "c.txt"]);
    repo.commit("second");
    let plain = repo.read();
    repo.write(".git/info/attributes", "*.txt diff=evil filter=evil\n").write("order", "b*\n");
    let marker = repo.path().join("ran");
    let evil = format!("touch '{}'", marker.display());
    for (key, value) in [
        ("diff.evil.textconv", &*evil),
        ("diff.evil.command", &*evil),
        ("diff.external", &*evil),
        ("filter.evil.smudge", &*evil),
        ("core.fsmonitor", &*evil),
        ("core.pager", &*evil),
        ("gpg.program", &*evil),
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("diff.renames", "false"),
        ("diff.orderFile", "order"),
        ("diff.noprefix", "true"),
        ("color.ui", "always"),
        ("log.date", "relative"),
        ("diff.relative", "true"),
        ("format.pretty", "raw"),
        ("log.abbrevCommit", "true"),
        ("core.quotePath", "true"),
        ("mailmap.file", "order"),
        ("diff.algorithm", "patience"),
        ("log.follow", "true"),
        ("diff.wordRegex", "."),
        ("diff.submodule", "log"),
        ("trailer.separators", "%"),
    ] {
        repo.git(&["config", key, value]);
    }
    assert_eq!(repo.read(), plain);
    assert!(!marker.exists());
}
