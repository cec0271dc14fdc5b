//! Where repositories may be, and what is refused.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use importer::{ImportError, Options, Phase, read};
use tempfile::TempDir;

use crate::support::{Repo, git};

fn fail(path: &Path) -> ImportError {
    read(path, &Options::default(), &mut |_| {}).unwrap_err()
}

#[test]
fn what_is_no_repository_is_named() {
    let folder = TempDir::new().unwrap();
    let absent = folder.path().join("absent");
    assert!(matches!(fail(&absent), ImportError::NotThere { path, source }
        if path == absent && source.kind() == std::io::ErrorKind::NotFound));
    assert!(matches!(fail(folder.path()), ImportError::NotARepository { .. }));
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(matches!(fail(&file), ImportError::NotARepository { .. }));
    let repo = Repo::of(&[("sub/a", "1")]);
    assert!(matches!(fail(&repo.path().join("sub")), ImportError::NotARepository { .. }), "no climbing");
    assert!(matches!(Repo::new().fail(), ImportError::NoCommits { .. }));
}

#[test]
fn shallow_and_partial_clones_are_refused() {
    let mut repo = Repo::of(&[("a", "1\n")]);
    repo.write("a", "2\n");
    repo.commit("second");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let (folder, url) = (TempDir::new().unwrap(), format!("file://{}", repo.path().display()));
    for (name, option) in [("shallow", "--depth=1"), ("partial", "--filter=blob:none")] {
        let target = folder.path().join(name);
        repo.git(&["clone", "--quiet", "--no-checkout", option, &url, target.to_str().unwrap()]);
        let error = fail(&target);
        match name {
            "shallow" => assert!(matches!(error, ImportError::Shallow { .. }), "{error}"),
            _ => assert!(matches!(error, ImportError::MissingObjects { .. }), "{error}"),
        }
    }
    // After a checkout, HEAD's own files are there and older ones are not. Nothing is fetched.
    let target = folder.path().join("checked-out");
    repo.git(&["clone", "--quiet", "--filter=blob:none", &url, target.to_str().unwrap()]);
    assert!(matches!(fail(&target), ImportError::MissingObjects { .. }), "{}", fail(&target));
}

#[test]
fn work_trees_bare_folders_and_other_owners_are_read() {
    let repo = Repo::of(&[("a", "1\n")]);
    let expected = repo.read();
    let folder = TempDir::new().unwrap();
    let (bare, tree) = (folder.path().join("b.git"), folder.path().join("linked"));
    repo.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    repo.git(&["worktree", "add", "--quiet", "--detach", tree.to_str().unwrap()]);
    for path in [&bare, &tree, &repo.path().join(".git")] {
        let found = read(path, &Options::default(), &mut |_| {}).unwrap();
        assert_eq!((found.head, found.content_hash), (expected.head.clone(), expected.content_hash), "{path:?}");
    }
    assert_eq!(read(&repo.path().join(".git"), &Options::default(), &mut |_| {}).unwrap().name, expected.name);
    // Only root may change a folder's owner. Other users cannot run this part of the test.
    if std::os::unix::fs::chown(&bare, Some(12_345), None).is_ok() {
        assert!(!git(&bare).args(["log", "-1"]).output().unwrap().status.success(), "git itself refuses");
        assert_eq!(read(&bare, &Options::default(), &mut |_| {}).unwrap().head, expected.head);
    }
}

#[test]
fn repositories_with_sha256_ids_are_read() {
    let folder = TempDir::new().unwrap();
    assert!(git(folder.path()).args(["init", "--quiet", "--object-format=sha256"]).status().unwrap().success());
    fs::write(folder.path().join("a"), "1\n").unwrap();
    assert!(git(folder.path()).args(["add", "a"]).status().unwrap().success());
    let mut commit = git(folder.path());
    commit.env("GIT_COMMITTER_NAME", "x").env("GIT_COMMITTER_EMAIL", "x@x");
    assert!(commit.args(["commit", "--quiet", "-m", "x"]).status().unwrap().success());
    let found = read(folder.path(), &Options::default(), &mut |_| {}).unwrap();
    assert_eq!((found.head.len(), found.commits.len(), found.files), (64, 1, 1));
}

#[test]
fn git_must_be_there_and_new_enough() {
    let repo = Repo::of(&[("a", "1\n")]);
    let with = |program: &Path| {
        let options = Options { git: program.into(), ..Options::default() };
        read(repo.path(), &options, &mut |_| {}).unwrap_err()
    };
    assert!(matches!(with(Path::new("no-such-git")), ImportError::GitMissing { .. }));
    let old = repo.path().join("old-git");
    fs::write(&old, "#!/bin/sh\necho git version 2.20.1\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(with(&old), ImportError::GitTooOld { found } if found == "git version 2.20.1"));
}

#[test]
fn progress_names_its_phases() {
    let lock = "version = 4\n[[package]]\nname = 'x'\nversion = '1.0.0'\n";
    let mut repo = Repo::of(&[("a", "1\n"), ("Cargo.lock", lock)]);
    repo.write("b", "2\n");
    repo.commit("second");
    let mut last = std::collections::HashMap::new();
    read(repo.path(), &Options::default(), &mut |progress| {
        last.insert(progress.phase, (progress.done, progress.total));
    })
    .unwrap();
    assert_eq!(last[&Phase::Commits], (2, Some(2)));
    assert_eq!(last[&Phase::Files], (3, Some(3)));
    assert_eq!(last[&Phase::Dependencies], (0, Some(0)));
}
