//! Files that cannot be read are named, and everything else counts.

use std::os::unix::fs::symlink;

use importer::{ImportError, Options, Repository, coherence::survey, read};

use crate::support::{Repo, purls, warned};

const LOCK: &str = "version = 4\n[[package]]\nname = 'w'\nversion = '1.0.0'\ndependencies = ['a']\n[[package]]\nname = 'a'\n\
                    version = '1.0.0'\nsource = 'registry+https://github.com/rust-lang/crates.io-index'\n";
const NPM: &str =
    r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"b": "1"}}, "node_modules/b": {"version": "1.0.0"}}}"#;
const FUNDING: &str = r#"{"drips": {"ethereum": {"ownedBy": "0x1111111111111111111111111111111111111111"}}}"#;
const LCOV: &str = "TN:\nSF:src/lib.rs\nDA:1,1\nDA:2,0\nend_of_record\n";
const SARIF: &str = r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "lint"}}, "results": [{}]}]}"#;

fn why<'a>(found: &'a Repository, path: &str) -> &'a str {
    let file = found.left_out.iter().find(|file| file.path == path);
    file.map_or("it was not left out", |file| &file.why)
}

fn utf16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

#[test]
fn a_lock_file_in_any_state_stops_no_import() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let deep = format!("{{\"lockfileVersion\": 3, \"packages\": {{\"\": {}", "[".repeat(100_000));
    let wide = utf16("version = \u{fffd}");
    let states: [(&str, &[u8], &str); 10] = [
        ("Cargo.lock", b"", "it is empty"),
        ("Cargo.lock", pointer.as_bytes(), "pointer of Git LFS"),
        ("Cargo.lock", b"version = 4\n# caf\xe9\n", "line 2: it is not UTF-8 text"),
        ("Cargo.lock", b"version = 4\n\0\0\0", "line 2: it has a NUL"),
        ("Cargo.lock", &wide, "line 1: "),
        ("Cargo.lock", &LOCK.as_bytes()[..LOCK.len() - 9], "line 9: "),
        ("package-lock.json", &NPM.as_bytes()[..40], "line 1: EOF"),
        ("package-lock.json", deep.as_bytes(), "recursion limit"),
        (
            "package-lock.json",
            b"{}\n<<<<<<< HEAD\n=======\n>>>>>>> x\n",
            "line 2: it has the marks of a merge conflict",
        ),
        ("npm-shrinkwrap.json", b"[1, 2]", "line 1: "),
    ];
    for (name, content, part) in states {
        let mut repo = Repo::of(&[("sound/Cargo.lock", LOCK), ("FUNDING.json", FUNDING)]);
        repo.write(name, content);
        repo.commit("damage");
        let found = repo.read();
        assert!(why(&found, name).contains(part), "{name}: {:?}", found.left_out);
        assert!(warned(&found, &format!("{name} cannot be read: ")));
        assert!(purls(&found) == ["pkg:cargo/a@1.0.0"] && found.owner_address.is_some() && found.commits.len() == 2);
        let strict = Options { strict: true, ..Options::default() };
        let error = read(repo.path(), &strict, &mut |_| {}).unwrap_err();
        assert!(matches!(&error, ImportError::Strict { left_out } if left_out[0].path == name), "{error}");
        assert!(error.to_string().contains(name) && error.to_string().contains("--strict"), "{error}");
    }
}

#[test]
fn other_encodings_are_read() {
    for content in [utf16(LOCK), [b"\xef\xbb\xbf", LOCK.as_bytes()].concat(), LOCK.replace('\n', "\r\n").into_bytes()] {
        let mut repo = Repo::new();
        repo.write("Cargo.lock", &content).write("package-lock.json", utf16(NPM)).write("FUNDING.json", utf16(FUNDING));
        repo.write("lcov.info", utf16(LCOV)).write("a.sarif", utf16(SARIF)).write("src/lib.rs", "fn a() {}\n");
        repo.commit("windows");
        let found = repo.read_with(&Options { strict: true, ..Options::default() });
        assert_eq!(purls(&found), ["pkg:cargo/a@1.0.0", "pkg:npm/b@1.0.0"], "{:?}", found.warnings);
        assert!(found.owner_address.is_some());
        let survey = survey(repo.path(), None, &Options { strict: true, ..Options::default() }).unwrap();
        assert_eq!(survey.coverage.map(|coverage| (coverage.lines, coverage.lines_hit)), Some((2, 1)));
        assert_eq!(survey.findings.map(|found| found.findings.warnings), Some(1));
    }
}

#[test]
fn links_are_followed_within_the_commit() {
    let mut repo = Repo::of(&[("locks/one.toml", LOCK), ("w/package-lock.json", NPM), (".github/pay.json", FUNDING)]);
    let link = |target: &str, path: &str| symlink(target, repo.path().join(path)).unwrap();
    std::fs::create_dir(repo.path().join("x")).unwrap();
    link("locks/one.toml", "Cargo.lock");
    link("../w/package-lock.json", "x/package-lock.json");
    link("pay", "FUNDING.json");
    link(".github/pay.json", "pay");
    repo.commit("links");
    let found = repo.read_with(&Options { strict: true, ..Options::default() });
    assert_eq!(purls(&found), ["pkg:cargo/a@1.0.0", "pkg:npm/b@1.0.0"], "{:?}", found.warnings);
    assert_eq!(found.uses.iter().map(|link| link.weight).collect::<Vec<_>>(), [1, 1], "a link counts once");
    assert!(found.owner_address.is_some());
}

#[test]
fn what_lies_elsewhere_is_named() {
    let inner = Repo::of(&[("Cargo.lock", LOCK)]);
    let mut repo = Repo::of(&[("w/package-lock.json", NPM), ("npm-shrinkwrap.json/a", "1\n")]);
    for (path, target) in [
        ("Cargo.lock", "../outside/Cargo.lock"),
        ("FUNDING.json", "/etc/passwd"),
        ("package-lock.json", "gone.json"),
        ("lcov.info", "lcov.info"),
        ("a.sarif", "w"),
    ] {
        symlink(target, repo.path().join(path)).unwrap();
    }
    repo.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "s/Cargo.lock"]);
    repo.commit("elsewhere");
    let found = repo.read();
    for (path, part) in [
        ("Cargo.lock", "symbolic link to ../outside/Cargo.lock, which lies outside the repository"),
        ("FUNDING.json", "symbolic link to /etc/passwd, which lies outside"),
        ("package-lock.json", "symbolic link to gone.json, which is no file of this commit"),
        ("s/Cargo.lock", "it is a submodule"),
        ("npm-shrinkwrap.json", "it is a folder"),
    ] {
        assert!(why(&found, path).contains(part), "{path}: {:?}", found.left_out);
    }
    assert_eq!((purls(&found), found.left_out.len()), (vec!["pkg:npm/b@1.0.0"], 5));
    assert!(!warned(&found, "no lock file"));
    let survey = survey(repo.path(), None, &Options::default()).unwrap();
    let unreadable: Vec<&str> = survey.unreadable.iter().map(|report| &*report.why).collect();
    assert!(unreadable[0].contains("a.sarif: it is a symbolic link to w, which is no file"), "{unreadable:?}");
    assert!(unreadable[1].contains("lcov.info: it is a symbolic link that leads to too many"), "{unreadable:?}");
}

#[test]
fn reports_count_but_for_what_is_odd_in_them() {
    let mut repo = Repo::of(&[("src/lib.rs", "fn a() {}\n"), ("src/b.rs", "fn b() {}\n")]);
    repo.write("lcov.info", format!("{LCOV}SF:./src/b.rs\nDA:1,-4\nDA:oops\nend_of_record\n"));
    repo.write(
        "ci.lcov",
        "SF:/build/w/src/b.rs\nDA:1,2\nend_of_record\nSF:/build/w/src/lib.rs\nDA:2,1e3\nend_of_record\n",
    );
    repo.write("a.sarif", SARIF.replace("[{}]", "[{\"level\": \"grave\"}, {\"level\": \"note\"}]"));
    repo.write("b.sarif", "").write("c.sarif", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    repo.commit("reports");
    let found = survey(repo.path(), None, &Options::default()).unwrap();
    let coverage = found.coverage.clone().unwrap();
    assert_eq!((coverage.files, coverage.lines, coverage.lines_hit), (2, 3, 3), "one file has one name");
    assert_eq!(found.findings.clone().map(|found| found.findings.notes), Some(1));
    let notes = found.notes();
    let whole = notes.iter().filter(|note| note.contains("It is left out")).count();
    assert_eq!((notes.len(), whole), (4, 2), "{notes:?}");
    assert!(notes.iter().any(|note| note.starts_with("1 record of lcov.info cannot be read, the first in line 8")));
    let how: Vec<String> = found.measure(&Default::default()).sources.into_iter().map(|source| source.how).collect();
    for part in [
        "1 record of lcov.info could not be read, the first in line 8: \"oops\" is no line and count",
        "1 record of a.sarif could not be read",
        "grave",
        "b.sarif: it is empty",
        "c.sarif: it is a pointer of Git LFS",
    ] {
        assert!(how.iter().any(|how| how.contains(part)), "{part}: {how:#?}");
    }
    let error = survey(repo.path(), None, &Options { strict: true, ..Options::default() }).unwrap_err();
    assert!(matches!(&error, ImportError::Strict { left_out } if left_out.len() == 4), "{error}");
}

#[test]
fn a_path_that_is_no_text_is_one_all_the_same() {
    use std::os::unix::ffi::OsStrExt;

    let mut repo = Repo::new();
    let folder = repo.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("Cargo.lock"), LOCK).unwrap();
    std::fs::write(folder.join("package-lock.json"), "{").unwrap();
    repo.commit("odd");
    let found = repo.read();
    assert_eq!(purls(&found), ["pkg:cargo/a@1.0.0"]);
    assert!(why(&found, r"caf\xe9/package-lock.json").starts_with("line 1: "), "{:?}", found.left_out);
}

#[test]
fn lock_files_that_are_not_read_are_named() {
    let repo = Repo::of(&[
        ("yarn.lock", "# yarn lockfile v1\n"),
        ("api/go.mod", "module x\n"),
        ("api/go.sum", ""),
        ("cli/go.sum", ""),
        ("py/poetry.lock", ""),
        ("vendor/x/composer.lock", "{}"),
    ]);
    let found = repo.read_with(&Options { strict: true, ..Options::default() });
    for note in [
        "lock files of Go are not read yet, so the packages that they name are left out: api/go.mod and 2 others",
        "lock files of Poetry are not read yet, so the packages that they name are left out: py/poetry.lock",
        "lock files of Yarn are not read yet, so the packages that they name are left out: yarn.lock",
        "1 lock files of tests, fixtures, vendored code and excluded paths are left out, as vendor/x/composer.lock",
    ] {
        assert!(found.warnings.iter().any(|warning| warning == note), "{note}: {:?}", found.warnings);
    }
    assert!(!warned(&found, "no lock file") && found.left_out.is_empty());
}
