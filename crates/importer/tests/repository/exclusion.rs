//! What is not about the work is left out, by a setting and by `.gitattributes`.

use importer::{
    Exclude, Options,
    coherence::{LeftOut, survey},
};

use crate::support::{Repo, purls, warned};

fn lock(name: &str) -> String {
    format!(
        "version = 4\n[[package]]\nname = 'w'\nversion = '1.0.0'\ndependencies = ['{name}']\n[[package]]\nname = '{name}'\n\
         version = '1.0.0'\nsource = 'registry+https://github.com/rust-lang/crates.io-index'\n"
    )
}

fn repo(attributes: &str) -> Repo {
    Repo::of(&[
        (".gitattributes", attributes),
        ("Cargo.lock", &lock("a")),
        ("examples/one/Cargo.lock", &lock("b")),
        ("examples/one/main.rs", "fn main() {}\n"),
        ("tests/fixtures/Cargo.lock", &lock("c")),
        ("src/lib.rs", "fn a() {}\n"),
        ("examples/lcov.info", "SF:src/lib.rs\nDA:1,1\nend_of_record\n"),
    ])
}

fn excluding(pattern: &str) -> Options {
    Options { exclude: Exclude::new([pattern]).unwrap(), ..Options::default() }
}

#[test]
fn dependencies_reports_and_lines_can_be_excluded() {
    let plain = repo("# nothing\n");
    assert_eq!(purls(&plain.read()), ["pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0"], "fixtures are excluded anyway");
    for (repo, options) in
        [(repo("# nothing\n"), excluding("examples/")), (repo("examples/** tributary-exclude\n"), Options::default())]
    {
        let found = repo.read_with(&options);
        assert_eq!(purls(&found), ["pkg:cargo/a@1.0.0"]);
        assert!(
            warned(&found, "2 lock files of tests, fixtures, vendored code and excluded paths"),
            "{:?}",
            found.warnings
        );
        assert_eq!((&found.manifest, found.files), (&repo.read().manifest, 7), "the content is whole");
        let survey = survey(repo.path(), None, &options).unwrap();
        assert_eq!((survey.lines.code, survey.coverage), (1, None));
        let LeftOut { excluded, .. } = survey.left_out;
        assert_eq!(excluded, 3, "main.rs, Cargo.lock and lcov.info");
    }
}

#[test]
fn attributes_can_include_and_the_person_who_imports_comes_first() {
    let attributes = "tests/fixtures/** -tributary-exclude\nexamples/** linguist-vendored\n*.lock linguist-generated export-ignore\n";
    let repo = repo(attributes);
    assert_eq!(purls(&repo.read()), ["pkg:cargo/a@1.0.0", "pkg:cargo/c@1.0.0"]);
    assert_eq!(purls(&repo.read_with(&excluding("fixtures"))), ["pkg:cargo/a@1.0.0"]);
}
