//! Commits, their size and their authors.

use importer::{Options, Programs};
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
    repo.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    // What is changed while merging counts for nothing, whatever the message is.
    repo.write("d", "1\n").commit("merge");
    repo.git(&["checkout", "--quiet", "-b", "one", "HEAD~1"]);
    repo.write("e", "1\n").commit("arm");
    repo.git(&["checkout", "--quiet", "-b", "two", "HEAD~1"]);
    repo.write("f", "1\n").commit("leg");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--message", "octopus", "one", "two"]);
    repo.git(&["checkout", "--quiet", "--orphan", "other"]);
    let root = repo.commit("other root");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--allow-unrelated-histories", "--message", "join", "other"]);
    let found = repo.read();
    let subjects: Vec<_> = found.commits.iter().map(|commit| &*commit.subject).collect();
    assert_eq!(subjects.len(), 6, "{subjects:?}");
    assert_eq!(subjects.iter().filter(|subject| ["merge", "octopus", "join"].contains(subject)).count(), 0);
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
    assert!(warned(&found, "2 commits are by programs: 0 count for people"), "{:?}", found.warnings);
}

/// The identities of a commit's authors, and of who set a program to work.
fn counted(found: &importer::Repository, commit: usize) -> (Vec<&str>, Option<&str>) {
    let person = found.commits[commit].triggered_by.map(|person| &*found.people[person].identity);
    (authors(found, commit), person)
}

#[test]
fn programs_hold_no_share_beside_people() {
    const BOT: &str = "copilot-swe-agent[bot] <198982749+Copilot@users.noreply.github.com>";
    let mut repo = Repo::of(&[("a", "1\n")]);
    repo.commit("one\n\nGenerated with Claude Code\n\nCo-Authored-By: Claude Opus 4.6 <noreply@anthropic.com>");
    repo.commit_as(BOT, "two\n\nCo-authored-by: Bea <7+bea@users.noreply.github.com>\nCo-authored-by: Codex");
    repo.commit_as("Claude Code <ada@example.org>", "three");
    repo.commit_as("Ada (aider) <ada@example.org>", "four\n\nCo-authored-by: aider (gpt-5) <aider@aider.chat>");
    let found = repo.read();
    for (commit, expected) in [
        (1, vec!["mailto:ada@example.org"]),
        (2, vec!["github:bea"]),
        (3, vec!["mailto:ada@example.org"]),
        (4, vec!["mailto:ada@example.org"]),
    ] {
        assert_eq!(counted(&found, commit), (expected, None));
    }
    assert!(!found.people.is_empty() && found.people.iter().all(|person| !person.system), "{:?}", found.people);
    assert!(warned(&found, "1 commits are by programs: 1 count for people"), "{:?}", found.warnings);
}

#[test]
fn the_work_of_a_program_counts_for_whoever_set_it_to_work() {
    const BOT: &str = "renovate[bot] <29139614+renovate[bot]@users.noreply.github.com>";
    let program = "mailto:29139614+renovate[bot]@users.noreply.github.com";
    let mut repo = Repo::of(&[(".mailmap", "Bob <bob@b.org> <bob@old.org>\n")]);
    repo.write("a", "1\n").commit_with(BOT, "GitHub <noreply@github.com>", "nobody");
    repo.write("a", "2\n").commit_with(BOT, "Bob <bob@old.org>", "committed");
    let signed = "signed\n\nSigned-off-by: renovate[bot] <bot@renovateapp.com>\nSigned-off-by: Bob <bob@old.org>";
    repo.write("a", "3\n").commit_with(BOT, "GitHub <noreply@github.com>", signed);
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write("b", "1\n").commit_with(BOT, "GitHub <noreply@github.com>", "merged");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git_as("Eve <eve@e.org>", &["merge", "--quiet", "--no-ff", "--message", "merge", "side"]);
    let found = repo.read();
    let by = |subject: &str| {
        let place = found.commits.iter().position(|commit| commit.subject == subject).unwrap();
        counted(&found, place)
    };
    assert_eq!(by("nobody"), (vec![program], None));
    assert_eq!(by("committed"), (vec![program], Some("mailto:bob@b.org")));
    assert_eq!(by("signed"), (vec![program], Some("mailto:bob@b.org")));
    assert_eq!(by("merged"), (vec![program], Some("mailto:eve@e.org")));
    assert!(person(&found, program).system && !person(&found, "mailto:eve@e.org").system);
    let ours = Options { programs: Programs::with("name ada").unwrap(), ..Options::default() };
    assert_eq!(
        counted(&repo.read_with(&ours), 0),
        (vec!["mailto:ada@example.org"], None),
        "a market knows further programs"
    );
}

#[test]
fn one_account_is_one_person() {
    let mut repo = Repo::new();
    repo.write(
        ".mailmap",
        "Eve <eve@e.org> <9+eve-e@users.noreply.github.com>\nZoe <8+zoe@users.noreply.github.com> <zoe@z.org>\n",
    );
    repo.commit_as("Ada <7+ada-old@users.noreply.github.com>", "one");
    repo.commit_as("Ada <ada-old@users.noreply.github.com>", "two\n\nCo-authored-by: @Ada-L");
    repo.commit_as("Ada L <7+Ada-L@Users.noreply.github.com>", "three");
    repo.commit_as("Eve <eve@e.org>", "four\n\nCo-authored-by: E <9+Eve-E@users.noreply.github.com>");
    repo.commit_as("Eve <9+eve-e@users.noreply.github.com>", "five");
    repo.commit_as("Zoe <ZOE@z.org>", "six\n\nPayout-Address: 0x00000000000000000000000000000000000000aa");
    let found = repo.read();
    let expected = ["github:ada-l", "github:eve-e", "github:zoe"];
    assert_eq!(found.people.iter().map(|person| &*person.identity).collect::<Vec<_>>(), expected);
    assert!((0..6).all(|commit| authors(&found, commit).len() == 1), "{:?}", found.commits);
    assert_eq!(person(&found, "github:ada-l").name, "Ada L");
    assert_eq!(person(&found, "github:eve-e").also, ["mailto:eve@e.org"]);
    assert_eq!(person(&found, "github:zoe").also, ["mailto:zoe@z.org"]);
    assert!(person(&found, "github:zoe").address.is_some());

    let mapping =
        "eve@e.org 0x00000000000000000000000000000000000000bb\n@ada-l 0x00000000000000000000000000000000000000cc";
    let options = Options { mapping: importer::parse_mapping(mapping).unwrap(), ..Options::default() };
    let found = repo.read_with(&options);
    assert_eq!(found.people.iter().filter(|person| person.address.is_some()).count(), 3, "{:?}", found.people);
    assert!(!warned(&found, "of the address mapping"), "{:?}", found.warnings);
}

#[test]
fn trailers_are_read_as_in_a_push() {
    let mut repo = Repo::new();
    repo.commit("one\n\nsome text\nCo-authored-by: A <a@x.org>\n\nSigned-off-by: C <c@x.org>");
    repo.commit(&format!("two\n\n{}\n\nCo-authored-by: A <a@x.org>", "long ".repeat(20_000)));
    let found = repo.read();
    assert_eq!(authors(&found, 0), ["mailto:ada@example.org"]);
    assert_eq!(authors(&found, 1), ["mailto:ada@example.org", "mailto:a@x.org"]);
    repo.commit("three\n\nCo-authored-by: A <a@x.org> and B <b@x.org>\n\nSigned-off-by: C <c@x.org>");
    assert_eq!(authors(&repo.read(), 2), ["mailto:ada@example.org", "mailto:a@x.org", "mailto:b@x.org"]);
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
