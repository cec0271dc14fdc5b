//! `Cargo.lock` and several lock files together.

use std::fmt::Write;

use importer::Ecosystem;

use crate::support::{Repo, links, purls, warned};

const SUM: &str = "aa00000000000000000000000000000000000000000000000000000000000000";
const CRATES: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Returns one `[[package]]`, which is the work's own when `source` is empty.
fn package(name: &str, version: &str, source: &str, dependencies: &[&str]) -> String {
    let mut text = format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    if !source.is_empty() {
        let _ = writeln!(text, "source = \"{source}\"");
    }
    if source.starts_with("registry") {
        let _ = writeln!(text, "checksum = \"{SUM}\"");
    }
    let _ = writeln!(text, "dependencies = {dependencies:?}\n");
    text
}

#[test]
fn no_lock_file_is_a_warning() {
    let found = Repo::of(&[("a", "1\n")]).read();
    assert_eq!(found.warnings, ["no lock file: dependencies unknown"]);
    assert!(found.externals.is_empty() && found.uses.is_empty());
}

#[test]
fn members_are_the_work_and_weigh_by_number() {
    let git = "git+https://me:token@github.com/x/y?branch=main#0123abcd";
    let lock = "version = 4\n".to_owned()
        + &package("one", "0.1.0", "", &["two", "serde", "y", "dup 1.0.0", "private"])
        + &package("two", "0.1.0", "", &["serde", "dup 2.0.0"])
        + &package("serde", "1.0.0+x", CRATES, &["serde_core"])
        + &package("serde_core", "1.0.0", CRATES, &[])
        + &package("dup", "1.0.0", CRATES, &["serde_core"])
        + &package("dup", "2.0.0", CRATES, &[])
        + &package("y", "0.3.0", git, &[])
        + &package("private", "1.0.0", "sparse+https://crates.example/index/", &[])
        + &package("unused", "1.0.0", CRATES, &[]);
    let found = Repo::of(&[("Cargo.lock", &lock)]).read();
    let y = "cargo/y@0.3.0?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Fx%2Fy%400123abcd";
    let private = "cargo/private@1.0.0?repository_url=https:%2F%2Fcrates.example%2Findex%2F";
    let expected = [
        "root>cargo/dup@1.0.0*1".to_owned(),
        "root>cargo/dup@2.0.0*1".to_owned(),
        format!("root>{private}*1"),
        "root>cargo/serde@1.0.0%2Bx*2".to_owned(),
        format!("root>{y}*1"),
        "cargo/dup@1.0.0>cargo/serde_core@1.0.0".to_owned(),
        "cargo/serde@1.0.0%2Bx>cargo/serde_core@1.0.0".to_owned(),
    ];
    assert_eq!(links(&found), expected);
    let dup = &found.externals[0];
    assert_eq!((&*dup.name, &*dup.version, dup.ecosystem), ("dup", "1.0.0", Ecosystem::Cargo));
    assert_eq!(dup.content_hash, Some(SUM.parse().unwrap()));
    assert!(found.externals.iter().find(|external| external.name == "y").unwrap().content_hash.is_none());
    assert!(warned(&found, "1 packages of the lock files are used by nothing"), "{:?}", found.warnings);
    assert!(warned(&found, "2 packages come from git"));
}

#[test]
fn the_oldest_form_is_read() {
    let lock = format!(
        "[root]\nname = \"w\"\nversion = \"0.1.0\"\ndependencies = [\n \"a 1.0.0 ({CRATES})\",\n \"b 0.1.0\",\n]\n\n\
         [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{CRATES}\"\n\n\
         [[package]]\nname = \"b\"\nversion = \"0.1.0\"\ndependencies = [\"a 1.0.0 ({CRATES})\"]\n\n\
         [metadata]\n\"checksum a 1.0.0 ({CRATES})\" = \"{SUM}\"\n"
    );
    let found = Repo::of(&[("Cargo.lock", &lock)]).read();
    assert_eq!(links(&found), ["root>cargo/a@1.0.0*2"]);
    assert_eq!(found.externals[0].content_hash, Some(SUM.parse().unwrap()));
}

#[test]
fn same_name_and_version_is_told_by_source() {
    let lock = "version = 3\n".to_owned()
        + &package("w", "0.1.0", "", &["a 1.0.0 (git+https://h/a?rev=1)", &format!("a 1.0.0 ({CRATES})"), "b 1.0.0"])
        + &package("a", "1.0.0", CRATES, &[])
        + &package("a", "1.0.0", "git+https://h/a?rev=1#11", &[])
        + &package("b", "1.0.0", "", &[])
        + &package("b", "1.0.0", CRATES, &[]);
    let found = Repo::of(&[("Cargo.lock", &lock)]).read();
    assert_eq!(
        purls(&found),
        ["pkg:cargo/a@1.0.0", "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps:%2F%2Fh%2Fa%4011"],
        "b is the work's own"
    );
}

#[test]
fn a_malformed_lock_file_is_named_by_line_and_the_others_count() {
    let sound = package("v", "0.1.0", "", &["a"]) + &package("a", "1.0.0", CRATES, &[]);
    for (path, text, line) in [
        ("x/Cargo.lock", "version = 4\n\n[[package]]\nname = \n", 4),
        ("x/Cargo.lock", "version = 4\n<<<<<<< ours\n=======\n>>>>>>> theirs\n", 2),
        ("x/Cargo.lock", "version = 4\n<<<<<<< ours\n", 2),
        ("x/Cargo.lock", "# nothing\n", 1),
        ("x/package-lock.json", "{\n\"packages\": {\n3}}", 3),
        ("x/package-lock.json", "{\"name\": \"w\"}", 1),
    ] {
        let found = Repo::of(&[(path, text), ("Cargo.lock", &sound)]).read();
        let [file] = &*found.left_out else { panic!("{:?}", found.left_out) };
        assert!(file.path == path && file.why.starts_with(&format!("line {line}: ")), "{file}");
        assert_eq!(purls(&found), ["pkg:cargo/a@1.0.0"], "{text}");
    }
}

#[test]
fn a_dependency_that_is_not_there_costs_only_itself() {
    let lock = package("w", "0.1.0", "", &["absent", "a", "b"])
        + &package("a", "1.0.0", CRATES, &[])
        + &package("b", "1.0.0", CRATES, &[])
        + &package("b", "2.0.0", CRATES, &[]);
    let found = Repo::of(&[("Cargo.lock", &lock)]).read();
    assert_eq!(purls(&found), ["pkg:cargo/a@1.0.0"]);
    assert!(found.left_out.is_empty());
    assert!(warned(&found, "2 dependencies are not one package of this file: \"absent\""), "{:?}", found.warnings);
}

#[test]
fn replaced_packages_stand_for_their_replacements() {
    let fork = "git+https://h.example/a?branch=main#0123abcd";
    let replaced = |name: &str, replacement: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{CRATES}\"\nreplace = \"{replacement}\"\n\n"
        )
    };
    let lock = package("w", "0.1.0", "", &[&format!("a 1.0.0 ({CRATES})"), &format!("b 1.0.0 ({CRATES})"), "c"])
        + &replaced("a", &format!("a 1.0.0 ({fork})"))
        + &package("a", "1.0.0", fork, &["d"])
        // The second one is replaced by a folder of the work.
        + &replaced("b", "b 1.0.0")
        + &package("b", "1.0.0", "", &["d"])
        + &package("c", "1.0.0", CRATES, &[&format!("a 1.0.0 ({CRATES})")])
        + &package("d", "1.0.0", CRATES, &[])
        + &format!("[[patch.unused]]\nname = \"e\"\nversion = \"1.0.0\"\nsource = \"{CRATES}\"\n");
    let found = Repo::of(&[("Cargo.lock", &lock)]).read();
    let a = "cargo/a@1.0.0?vcs_url=git%2Bhttps:%2F%2Fh.example%2Fa%400123abcd";
    let expected = [
        format!("root>{a}*1"),
        "root>cargo/c@1.0.0*1".to_owned(),
        "root>cargo/d@1.0.0*1".to_owned(),
        format!("{a}>cargo/d@1.0.0"),
        format!("cargo/c@1.0.0>{a}"),
    ];
    assert_eq!(links(&found), expected, "{:?}", found.warnings);
    assert!(!warned(&found, "used by nothing") && !warned(&found, "not one package"), "{:?}", found.warnings);
}

#[test]
fn several_lock_files_are_one_graph() {
    let one = "version = 4\n".to_owned()
        + &package("w", "0.1.0", "", &["a"])
        + &package("a", "1.0.0", CRATES, &["b"])
        + &package("b", "1.0.0", CRATES, &[]);
    // The fuzz targets use the work's own package again, which counts once.
    let two = "version = 3\n".to_owned()
        + &package("fuzz", "0.0.0", "", &["w", "b"])
        + &package("w", "0.1.0", "", &["a"])
        + &package("a", "1.0.0", CRATES, &["b"])
        + &package("b", "1.0.0", CRATES, &[]).replace("aa00", "bb00");
    let broken = "not a lock file";
    let found = Repo::of(&[
        ("Cargo.lock", &one),
        ("fuzz/Cargo.lock", &two),
        ("tests/fixtures/Cargo.lock", broken),
        ("vendor/x/Cargo.lock", broken),
        ("docs/Cargo.lock.md", broken),
    ])
    .read();
    assert_eq!(links(&found), ["root>cargo/a@1.0.0*1", "root>cargo/b@1.0.0*1", "cargo/a@1.0.0>cargo/b@1.0.0"]);
    assert!(warned(&found, "2 lock files of tests"), "{:?}", found.warnings);
    assert!(warned(&found, "pkg:cargo/b@1.0.0 has different checksums"));
}

#[test]
fn cycles_are_broken_where_they_close() {
    let lock = "version = 4\n".to_owned()
        + &package("w", "0.1.0", "", &["c", "b"])
        + &package("a", "1.0.0", CRATES, &["b", "a"])
        + &package("b", "1.0.0", CRATES, &["c"])
        + &package("c", "1.0.0", CRATES, &["a", "w"]);
    let found = Repo::of(&[("Cargo.lock", &lock)]).read();
    let expected =
        ["root>cargo/b@1.0.0*1", "root>cargo/c@1.0.0*1", "cargo/b@1.0.0>cargo/c@1.0.0", "cargo/c@1.0.0>cargo/a@1.0.0"];
    assert_eq!(links(&found), expected);
    assert!(warned(&found, "3 links between packages close a cycle"), "{:?}", found.warnings);
}

#[test]
fn twenty_thousand_packages_are_quick() {
    let count = 20_000;
    let mut lock = "version = 4\n".to_owned() + &package("w", "0.1.0", "", &["p0"]);
    for number in 0..count {
        // Each package uses the next one and the first one, so there is one long chain with as many
        // cycles as packages.
        let next = format!("p{}", (number + 1) % count);
        lock += &package(&format!("p{number}"), "1.0.0", CRATES, &[&next, "p0"]);
    }
    let repo = Repo::of(&[("Cargo.lock", &lock)]);
    let start = std::time::Instant::now();
    let found = repo.read();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert_eq!((found.externals.len(), found.uses.len()), (count, count));
    assert!(warned(&found, "20000 links between packages close a cycle") || warned(&found, "19999 links"));
}
