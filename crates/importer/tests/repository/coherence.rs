//! What the files of a commit show about a work.

use domain::coherence::{Inputs, Weight};
use importer::{
    ImportError, Options,
    coherence::{
        Earlier, Input, Kind, LeftOut, Lines, MAX_FILE_BYTES, MAX_REPORTS, Measured, Source, Surroundings, Survey,
        contributor_weights, lcov, similarity, survey,
    },
};
use rust_decimal::Decimal;

use crate::support::Repo;

fn surveyed(repo: &Repo) -> Survey {
    survey(repo.path(), None, &Options::default()).unwrap()
}

fn source(measured: &Measured, input: Input) -> &Source {
    measured.sources.iter().find(|source| source.input == input).unwrap()
}

fn value(survey: &Survey, input: Input) -> (Option<String>, Kind) {
    let measured = survey.measure(&Surroundings::default());
    let source = source(&measured, input);
    (source.value.map(|value| value.to_string()), source.kind)
}

fn dec(text: &str) -> Option<Decimal> {
    Some(text.parse().unwrap())
}

const LCOV: &str = "TN:\nSF:src/lib.rs\nDA:1,1\nDA:2,0\nDA:3,4\nDA:4,1\nend_of_record\n";
const SARIF: &str = r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "clippy"}}, "results": [{}]}]}"#;

/// Returns a small work with everything that can be measured.
fn work() -> Repo {
    Repo::of(&[
        ("README.md", "# Work\n\nIt does what it says.\n"),
        ("LICENSE", "MIT\n"),
        ("docs/guide.md", "Read\n\nthis.\n"),
        ("src/lib.rs", "//! A work.\n\npub fn one() -> u32 {\n    1 // one\n}\n\n// end\n"),
        ("tests/one.rs", "#[test]\nfn one() {}\n"),
        ("lcov.info", LCOV),
        ("reports/clippy.sarif", SARIF),
        ("logo.png", "\u{89}PNG\0"),
    ])
}

#[test]
fn every_input_has_a_source() {
    let repo = work();
    let survey = surveyed(&repo);
    assert_eq!(survey.lines, Lines { code: 3, tests: 2, comments: 2 });
    assert_eq!((survey.readme_words, survey.docs_lines, survey.files), (Some(7), 2, 6));
    let weights = contributor_weights(&repo.read());
    let surroundings = Surroundings { downstream: Some(5), contributors: &weights, earlier: Some(&[]) };
    let measured = survey.measure(&surroundings);
    let expected = Inputs {
        // 0.5 weighted findings in 5 lines are 100 in 1000.
        code_quality: dec("0.0909"),
        architecture_alignment: None,
        value_add: None,
        test_coverage: dec("0.75"),
        // 0.4 x 7/300 + 0.3 + 0.3
        documentation: dec("0.6093"),
        network: dec("0.25"),
        novelty: dec("1"),
    };
    assert_eq!(measured.inputs, expected);
    assert_eq!(expected.coherence().unwrap().confidence, "0.65".parse().unwrap());
    let kinds: Vec<_> = measured.sources.iter().map(|source| (source.input, source.kind)).collect();
    let expected = [
        (Input::CodeQuality, Kind::Reported),
        (Input::ArchitectureAlignment, Kind::Unmeasured),
        (Input::ValueAdd, Kind::Unmeasured),
        (Input::TestCoverage, Kind::Reported),
        (Input::Documentation, Kind::Counted),
        (Input::Network, Kind::Recorded),
        (Input::Novelty, Kind::Recorded),
    ];
    assert_eq!(kinds, expected);
    let how = &source(&measured, Input::TestCoverage).how;
    assert_eq!(how, "lcov.info says that tests ran 3 of 4 lines in 1 file.");
}

#[test]
fn a_commit_is_always_measured_alike() {
    let mut repo = work();
    let first = surveyed(&repo);
    repo.write("src/more.rs", "pub fn two() -> u32 {\n    2\n}\n");
    let second = repo.commit("second");
    assert_ne!(surveyed(&repo), first);
    let again = |commit: &str| survey(repo.path(), Some(commit), &Options::default());
    assert_eq!(again(&first.commit).unwrap(), first);
    assert_eq!(again(&second).unwrap(), surveyed(&repo));
    let bare = Repo::new();
    bare.git(&["fetch", "--quiet", repo.path().to_str().unwrap(), "main:other"]);
    bare.git(&["symbolic-ref", "HEAD", "refs/heads/other"]);
    assert_eq!(surveyed(&bare), surveyed(&repo), "another clone, without a work tree");
    for lost in ["0123456789012345678901234567890123456789", "HEAD", "--all", &second[..12]] {
        assert!(matches!(again(lost), Err(ImportError::NoSuchCommit { commit, .. }) if commit == lost));
    }
    let json = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<Survey>(&json).unwrap(), first);
    let measured = first.measure(&Surroundings::default());
    let json = serde_json::to_string(&measured).unwrap();
    assert_eq!(serde_json::from_str::<Measured>(&json).unwrap(), measured);
}

#[test]
fn without_reports_tests_are_counted_and_lints_are_not() {
    let repo = Repo::of(&[("a.py", "a = 1\nb = 2\nc = 3\n"), ("test_a.py", "assert a\n")]);
    let survey = surveyed(&repo);
    assert_eq!(value(&survey, Input::TestCoverage), (Some("0.75".to_owned()), Kind::Counted));
    assert_eq!(value(&survey, Input::CodeQuality), (None, Kind::Unmeasured));
    assert_eq!(value(&survey, Input::Documentation), (Some("0".to_owned()), Kind::Counted));
    let prose = surveyed(&Repo::of(&[("README.md", "Only words.\n")]));
    assert_eq!(value(&prose, Input::TestCoverage), (None, Kind::Unmeasured));
    assert_eq!(value(&prose, Input::Documentation), (None, Kind::Unmeasured));
}

#[test]
fn reports_that_cannot_be_read_are_named_and_fail_nothing() {
    let repo = Repo::of(&[
        ("a.py", "a = 1\n"),
        ("coverage/lcov.info", "a.py: 1 of 1\n"),
        ("lint.sarif", "{\"version\": \"2.1.0\",\n \"runs\": 3}"),
    ]);
    let survey = surveyed(&repo);
    let measured = survey.measure(&Surroundings::default());
    let coverage = source(&measured, Input::TestCoverage);
    assert_eq!((coverage.value, coverage.kind), (Some(Decimal::ZERO), Kind::Counted));
    assert!(
        coverage.how.contains("coverage/lcov.info: line 1: nothing in it is a line of a tracefile"),
        "{}",
        coverage.how
    );
    let quality = source(&measured, Input::CodeQuality);
    assert_eq!(quality.value, None);
    assert!(quality.how.contains("lint.sarif: ") && quality.how.contains("line 2"), "{}", quality.how);
}

#[test]
fn reports_of_several_runs_are_added() {
    let other = "SF:src/lib.rs\nDA:2,1\nend_of_record\nSF:src/b.rs\nDA:1,0\nend_of_record\n";
    let repo = Repo::of(&[
        ("a.rs", "fn a() {}\n"),
        ("coverage/lcov.info", LCOV),
        ("e2e.lcov", other),
        ("tests/fixtures/lcov.info", "not of this work"),
        ("node_modules/x/lcov.info", "not of this work"),
    ]);
    let survey = surveyed(&repo);
    let coverage = survey.coverage.clone().unwrap();
    assert_eq!(coverage.reports, ["coverage/lcov.info", "e2e.lcov"]);
    assert_eq!((coverage.files, coverage.lines, coverage.lines_hit), (2, 5, 4));
    assert!(survey.unreadable.is_empty());
}

#[test]
fn what_others_or_programs_wrote_is_left_out() {
    let repo = Repo::of(&[
        (
            ".gitattributes",
            "made/*.rs linguist-generated\n*.c -linguist-vendored\n/ours/vendor/** -linguist-vendored\n",
        ),
        // This file is sorted before the one in the folder above, and yet outranks it.
        ("!sub/.gitattributes", "*.c linguist-vendored=true\n"),
        ("a.rs", "fn a() {}\n"),
        ("made/b.rs", "fn b() {}\n"),
        ("!sub/c.c", "int c;\n"),
        ("vendor/d.rs", "fn d() {}\n"),
        ("ours/vendor/e.rs", "fn e() {}\n"),
        ("f.go", "// Code generated by x. DO NOT EDIT.\nvar f int\n"),
        ("g.min.js", "g()\n"),
        ("large.rs", &"fn h() {}\n".repeat(MAX_FILE_BYTES as usize / 10 + 1)),
        ("Cargo.lock", "# nothing\n"),
    ]);
    let survey = surveyed(&repo);
    assert_eq!(survey.lines.code, 2, "a.rs and ours/vendor/e.rs");
    assert_eq!(survey.left_out, LeftOut { generated: 4, vendored: 2, large: 1, beyond: 0, excluded: 0 });
}

#[test]
fn attributes_mean_what_git_means() {
    let files =
        ["a.rs", "gen/a.rs", "gen/b/a.rs", "c/gen/a.rs", "c/gen/b/d.rs", "ab.rs", "a.c", "gen.rs", "c/d/e/f.txt"];
    let mut repo = Repo::new();
    for file in files {
        repo.write(file, "x\n");
    }
    for pattern in [
        "*",
        "*.rs",
        "a.rs",
        "/a.rs",
        "a*",
        "?.rs",
        "?b.rs",
        "gen",
        "gen/",
        "gen/*",
        "/gen/*",
        "gen/**",
        "**/gen/**",
        "**/gen/*.rs",
        "c/**/d.rs",
        "c/**",
        "**/a.rs",
        "**",
        "gen/**/a.rs",
        "c/*/b/*",
        "c/d/**/f.txt",
        "*/a.rs",
        "g*/*.rs",
        "*e*",
        "a**",
        "**.rs",
    ] {
        repo.write(".gitattributes", format!("{pattern} linguist-generated\ngen/b/a.rs -linguist-generated\n"));
        repo.commit(pattern);
        let said = repo.git(&[&["check-attr", "linguist-generated", ".gitattributes"][..], &files].concat());
        let generated = said.lines().filter(|line| line.ends_with(": set")).count() as u64;
        assert_eq!(surveyed(&repo).left_out.generated, generated, "{pattern}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn links_and_odd_names_do_no_harm() {
    use std::{
        ffi::OsStr,
        os::unix::{ffi::OsStrExt, fs::symlink},
    };

    let mut repo = Repo::new();
    symlink("/etc/passwd", repo.path().join("link.rs")).unwrap();
    symlink("a.info", repo.path().join("lcov.info")).unwrap();
    std::fs::write(repo.path().join(OsStr::from_bytes(b"\xff\n.rs")), "fn a() {}\n").unwrap();
    repo.write("-x.rs", "fn b() {}\n");
    repo.commit("odd");
    let survey = surveyed(&repo);
    assert_eq!((survey.files, survey.lines.code, survey.coverage), (2, 2, None));
}

#[test]
fn reports_have_limits() {
    let mut repo = Repo::of(&[("a.rs", "fn a() {}\n")]);
    repo.write("lcov.info", " ".repeat(lcov::MAX_BYTES as usize + 1));
    for number in 0..=MAX_REPORTS {
        repo.write(&format!("r{number:03}.sarif"), SARIF);
    }
    repo.commit("reports");
    let survey = surveyed(&repo);
    assert!(survey.unreadable[0].why.contains("33554432"), "{:?}", survey.unreadable);
    assert_eq!(survey.findings.unwrap().findings.warnings, MAX_REPORTS);
    assert_eq!(survey.left_out.beyond, 1);
}

/// Returns a file of functions with names of their own.
fn functions(names: std::ops::Range<u32>) -> String {
    names.map(|name| format!("fn do_{name}(a_{name}: u32) -> u64 {{ b_{name}(a_{name}) + c_{name}() }}\n")).collect()
}

#[test]
fn copies_are_known() {
    let of = |names: std::ops::Range<u32>| surveyed(&Repo::of(&[("src/lib.rs", &functions(names))]));
    let (original, other, near) = (of(0..400), of(1000..1400), of(20..400));
    let copy = surveyed(&Repo::of(&[
        ("LICENSE", "Another licence, and more words than five.\n"),
        ("copied/first.rs", &functions(0..200)),
        ("copied/second.rs", &functions(200..400).replace('\n', "\n\n    ")),
    ]));
    let likeness = |a: &Survey, b: &Survey| similarity(a.signature.as_ref().unwrap(), b.signature.as_ref().unwrap());
    assert!(likeness(&original, &copy) > "0.95".parse().unwrap(), "other files, other layout");
    assert!(likeness(&original, &other) < "0.02".parse().unwrap());
    // 380 of 400 functions give 0.95, with a tolerance of four standard errors of 0.014.
    let near = likeness(&original, &near);
    assert!((near - "0.95".parse::<Decimal>().unwrap()).abs() < "0.06".parse().unwrap(), "{near}");

    let earlier = [("other", other), ("original", original)]
        .map(|(name, survey)| Earlier { name: name.to_owned(), signature: survey.signature.unwrap() });
    let measured = copy.measure(&Surroundings { earlier: Some(&earlier), ..Surroundings::default() });
    let novelty = source(&measured, Input::Novelty);
    assert!(novelty.value.unwrap() < "0.05".parse().unwrap() && novelty.how.contains("original"), "{}", novelty.how);
}

#[test]
fn many_contributors_are_a_network() {
    let mut repo = Repo::new();
    for who in ["Ada <ada@a.org>", "Bob <bob@b.org>"] {
        repo.write("a.rs", who);
        repo.commit_as(who, "work");
    }
    let weights = contributor_weights(&repo.read());
    assert_eq!(weights.len(), 2);
    let surroundings = Surroundings { downstream: Some(0), contributors: &weights, earlier: None };
    let measured = surveyed(&repo).measure(&surroundings);
    assert!(source(&measured, Input::Network).how.contains("2 contributors"));
    assert!(measured.inputs.network > dec("0.24") && measured.inputs.network <= dec("0.25"));
    let nobody = surveyed(&repo).measure(&Surroundings { contributors: &[Weight::ZERO], ..surroundings });
    assert_eq!(nobody.inputs.network, None);
}
