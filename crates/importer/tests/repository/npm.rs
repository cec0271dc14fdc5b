//! `package-lock.json` in its three versions.

use importer::Ecosystem;

use crate::support::{Repo, links, purls, warned};

const NPM: &str = "https://registry.npmjs.org";

#[test]
fn version_3_resolves_as_node_does() {
    let lock = format!(
        r#"{{"name": "w", "lockfileVersion": 3, "packages": {{
        "": {{"name": "w", "workspaces": ["packages/*"], "dependencies": {{"a": "1", "alias": "npm:@s/real@2"}}}},
        "packages/one": {{"version": "0.0.1", "dependencies": {{"a": "1", "two": "*"}}, "devDependencies": {{"b": "2"}}}},
        "packages/two": {{"version": "0.0.1", "dependencies": {{"b": "1"}}, "optionalDependencies": {{"never": "1"}}}},
        "node_modules/one": {{"resolved": "packages/one", "link": true}},
        "node_modules/two": {{"resolved": "packages/two", "link": true}},
        "packages/one/node_modules/b": {{"version": "2.0.0", "resolved": "{NPM}/b/-/b-2.0.0.tgz"}},
        "node_modules/a": {{"version": "1.0.0", "resolved": "{NPM}/a/-/a-1.0.0.tgz", "integrity": "sha512-AAAA",
            "dependencies": {{"b": "3", "@s/c": "1"}}, "devDependencies": {{"ignored": "1"}}}},
        "node_modules/a/node_modules/b": {{"version": "3.0.0", "dependencies": {{"@s/c": "1"}}}},
        "node_modules/b": {{"version": "1.0.0", "peerDependencies": {{"a": "1", "maybe": "1"}},
            "peerDependenciesMeta": {{"maybe": {{"optional": true}}}}, "optionalDependencies": {{"fsevents": "1"}}}},
        "node_modules/@s/c": {{"version": "1.0.0", "integrity": "sha1-x sha256-AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
            "dependencies": {{"one": "*", "gone": "1"}}}},
        "node_modules/alias": {{"name": "@s/real", "version": "2.0.0"}},
        "node_modules/stray": {{"version": "1.0.0"}}
    }}, "dependencies": {{"wrong": {{"version": "9.9.9"}}}}}}"#
    );
    let found = Repo::of(&[("package-lock.json", &lock)]).read();
    let expected = [
        "root>npm/%40s/real@2.0.0*1",
        "root>npm/a@1.0.0*2",
        "root>npm/b@1.0.0*1",
        "root>npm/b@2.0.0*1",
        "npm/a@1.0.0>npm/%40s/c@1.0.0",
        "npm/a@1.0.0>npm/b@3.0.0",
        "npm/b@1.0.0>npm/a@1.0.0",
        "npm/b@3.0.0>npm/%40s/c@1.0.0",
    ];
    assert_eq!(links(&found), expected);
    let c = &found.externals[0];
    assert_eq!((&*c.purl, &*c.name, c.ecosystem), ("pkg:npm/%40s/c@1.0.0", "@s/c", Ecosystem::Npm));
    assert_eq!(c.content_hash.unwrap()[..3], [1, 2, 3]);
    let a = found.externals.iter().find(|external| external.name == "a").unwrap();
    assert_eq!((a.content_hash, a.integrity.as_deref()), (None, Some("sha512-AAAA")));
    for part in ["1 links between packages close", "1 packages of the lock files", "1 dependencies that packages name"]
    {
        assert!(warned(&found, part), "{part}: {:?}", found.warnings);
    }
}

#[test]
fn version_2_uses_packages_and_cycles_break() {
    let lock = r#"{"lockfileVersion": 2, "packages": {
        "": {"dependencies": {"b": "1", "local": "file:l.tgz", "out": "file:../out", "g": "x/g"}},
        "node_modules/b": {"version": "1.0.0", "dependencies": {"a": "1"}},
        "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}},
        "node_modules/local": {"version": "1.0.0", "resolved": "file:l.tgz", "dependencies": {"a": "1"}},
        "node_modules/out": {"resolved": "../out", "link": true},
        "node_modules/g": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/x/g.git#0123"}
    }, "dependencies": {}}"#;
    let found = Repo::of(&[("ui/package-lock.json", lock)]).read();
    let g = "npm/g@1.0.0?vcs_url=git%2Bssh:%2F%2Fgit%40github.com%2Fx%2Fg.git%400123";
    let expected = ["root>npm/a@1.0.0*1", "root>npm/b@1.0.0*1", &format!("root>{g}*1"), "npm/a@1.0.0>npm/b@1.0.0"];
    assert_eq!(links(&found), expected);
    assert!(warned(&found, "ui/package-lock.json: 1 packages come from a path"), "{:?}", found.warnings);
    assert!(warned(&found, "1 links between packages close a cycle"));
}

#[test]
fn version_1_takes_the_root_from_package_json() {
    let lock = r#"{"name": "w", "lockfileVersion": 1, "requires": true, "dependencies": {
        "a": {"version": "1.0.0", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz", "integrity": "sha512-A",
              "requires": {"b": "^2", "c": "^1"}, "dependencies": {"b": {"version": "2.0.0", "requires": {"c": "1"}}}},
        "b": {"version": "1.0.0", "dev": true, "resolved": false, "requires": true},
        "c": {"version": "1.0.0", "requires": {"a": "1"}},
        "g": {"version": "git+https://github.com/x/g.git#beef", "from": "git+https://github.com/x/g.git"},
        "h": {"version": "github:x/h#cafe"},
        "n": {"version": "npm:@s/n@3.0.0"},
        "l": {"version": "file:../l", "requires": {"c": "1"}}
    }}"#;
    let manifest = r#"{"name": "w", "version": "1.0.0", "dependencies": {"a": "1", "n": "npm:@s/n@3", "g": "x/g", "h": "x/h", "l": "file:../l"},
        "devDependencies": {"b": "1"}}"#;
    let found = Repo::of(&[("package-lock.json", lock), ("package.json", manifest)]).read();
    let expected = [
        "root>npm/%40s/n@3.0.0*1",
        "root>npm/a@1.0.0*1",
        "root>npm/b@1.0.0*1",
        "root>npm/c@1.0.0*1",
        "root>npm/g@beef?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Fx%2Fg.git%40beef*1",
        "root>npm/h@cafe?vcs_url=git%2Bhttps:%2F%2Fgithub.com%2Fx%2Fh.git%40cafe*1",
        "npm/a@1.0.0>npm/b@2.0.0",
        "npm/a@1.0.0>npm/c@1.0.0",
        "npm/b@2.0.0>npm/c@1.0.0",
    ];
    assert_eq!(links(&found), expected);
    let alone = Repo::of(&[("package-lock.json", lock)]).read();
    assert!(warned(&alone, "no readable package.json"));
    assert_eq!(purls(&alone), purls(&found));
}

#[test]
fn a_package_of_another_registry_keeps_it() {
    let lock = r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1", "@corp/b": "1", "c": "1", "d": "1"}},
        "node_modules/a": {"version": "1.0.0", "resolved": "https://registry.yarnpkg.com/a/-/a-1.0.0.tgz#00"},
        "node_modules/@corp/b": {"version": "1.0.0", "resolved": "https://npm.pkg.github.com/download/@corp/b/1.0.0/0123"},
        "node_modules/c": {"version": "1.0.0", "resolved": "https://me:token@npm.corp.example:8443/api/npm/all/c/-/c-1.0.0.tgz"},
        "node_modules/d": {"version": "1.0.0", "resolved": "https://gitlab.com/x/d/-/archive/v1/d-v1.tar.gz"}}}"#;
    let old = r#"{"lockfileVersion": 1, "dependencies": {
        "c": {"version": "1.0.0", "resolved": "https://npm.corp.example:8443/api/npm/all/c/-/c-1.0.0.tgz"}}}"#;
    let found = Repo::of(&[("package-lock.json", lock), ("old/package-lock.json", old)]).read();
    let expected = [
        "pkg:npm/%40corp/b@1.0.0?repository_url=https:%2F%2Fnpm.pkg.github.com",
        "pkg:npm/a@1.0.0",
        "pkg:npm/c@1.0.0?repository_url=https:%2F%2Fnpm.corp.example:8443%2Fapi%2Fnpm%2Fall",
        "pkg:npm/d@1.0.0?download_url=https:%2F%2Fgitlab.com%2Fx%2Fd%2F-%2Farchive%2Fv1%2Fd-v1.tar.gz",
    ];
    assert_eq!(purls(&found), expected);
    assert!(warned(&found, "3 packages come from git, an archive or another registry"), "{:?}", found.warnings);
}

#[test]
fn a_package_without_a_place_has_the_registry_of_the_project() {
    let lock = r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1", "@corp/b": "1"}},
        "node_modules/a": {"version": "1.0.0"}, "node_modules/@corp/b": {"version": "1.0.0", "dependencies": {"c": "1", "@corp/d": "1"}},
        "node_modules/@corp/b/node_modules/c": {"version": "1.0.0", "inBundle": true},
        "node_modules/@corp/d": {"version": "1.0.0", "resolved": "https://registry.npmjs.org/@corp/d/-/d-1.0.0.tgz"}}}"#;
    let npmrc = "@corp:registry=https://npm.corp.example/\n//npm.corp.example/:_authToken=secret\n";
    let found = Repo::of(&[("web/package-lock.json", lock), ("web/.npmrc", npmrc)]).read();
    let expected = [
        "pkg:npm/%40corp/b@1.0.0?repository_url=https:%2F%2Fnpm.corp.example",
        "pkg:npm/%40corp/d@1.0.0",
        "pkg:npm/a@1.0.0",
        "pkg:npm/c@1.0.0",
    ];
    assert_eq!(purls(&found), expected);
    assert!(!warned(&found, ".npmrc"), "{:?}", found.warnings);

    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let found = Repo::of(&[("web/package-lock.json", lock), ("web/.npmrc", pointer)]).read();
    assert!(purls(&found).contains(&"pkg:npm/%40corp/b@1.0.0"), "{:?}", purls(&found));
    assert!(warned(&found, "web/package-lock.json: .npmrc beside it is not read"), "{:?}", found.warnings);
}

#[test]
fn a_shrinkwrap_is_a_lock_file_and_comes_first() {
    let lock = |version: &str| {
        format!(
            r#"{{"lockfileVersion": 2, "packages": {{"": {{"dependencies": {{"a": "1"}}}}, "node_modules/a": {{"version": "{version}"}}}}}}"#
        )
    };
    let found = Repo::of(&[("npm-shrinkwrap.json", &lock("1.0.0")), ("package-lock.json", &lock("2.0.0"))]).read();
    assert_eq!(purls(&found), ["pkg:npm/a@1.0.0"]);
    assert!(
        warned(&found, "package-lock.json is left out, because npm uses npm-shrinkwrap.json"),
        "{:?}",
        found.warnings
    );
}

#[test]
fn a_lock_file_counts_beside_a_shrinkwrap_that_cannot_be_read() {
    let lock = r#"{"packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"version": "1.0.0"}}}"#;
    let found = Repo::of(&[("npm-shrinkwrap.json", "{"), ("package-lock.json", lock)]).read();
    assert_eq!((purls(&found), found.left_out.len()), (vec!["pkg:npm/a@1.0.0"], 1));
}

#[test]
fn an_entry_that_is_no_package_costs_only_itself() {
    let lock = r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1", "b": "1"}, "peerDependenciesMeta": null},
        "node_modules/a": {"version": "1.0.0", "dependencies": null}, "node_modules/b": 3, "node_modules/c": {"link": "no"}},
        "dependencies": null}"#;
    let found = Repo::of(&[("package-lock.json", lock)]).read();
    assert_eq!(purls(&found), ["pkg:npm/a@1.0.0"]);
    assert!(warned(&found, "package-lock.json: 2 entries are no packages"), "{:?}", found.warnings);
}

#[test]
fn cargo_and_npm_stand_side_by_side() {
    let cargo = "version = 3\n[[package]]\nname = 'w'\nversion = '1.0.0'\ndependencies = ['a']\n[[package]]\n\
                 name = 'a'\nversion = '1.0.0'\nsource = 'registry+https://github.com/rust-lang/crates.io-index'\n";
    let npm = r#"{"packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"version": "1.0.0"}}}"#;
    let found =
        Repo::of(&[("Cargo.lock", cargo), ("web/package-lock.json", npm), ("web/x/package-lock.json", npm)]).read();
    assert_eq!(links(&found), ["root>cargo/a@1.0.0*1", "root>npm/a@1.0.0*2"]);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
}

#[test]
fn twenty_thousand_packages_are_quick() {
    let count = 20_000;
    let mut lock = r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"p0": "1"}}"#.to_owned();
    for number in 0..count {
        let next = (number + 1) % count;
        let used = format!(r#"{{"p{next}": "1", "p{}": "1"}}"#, number * 7 % count);
        lock += &format!(r#", "node_modules/p{number}": {{"version": "1.0.0", "dependencies": {used}}}"#);
    }
    let repo = Repo::of(&[("package-lock.json", &(lock + "}}"))]);
    let start = std::time::Instant::now();
    let found = repo.read();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert_eq!(found.externals.len(), count);
}
