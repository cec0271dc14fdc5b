//! What is too large is left out by name.

use importer::{MAX_PACKAGES, MAX_SETTINGS_BYTES};

use crate::support::{Repo, person, warned};

/// Expects that one file is left out because of a limit, and that everything else is there.
fn left_out(repo: &Repo, name: &str, limit: u64) -> importer::Repository {
    let found = repo.read();
    assert!(
        matches!(&*found.left_out, [file] if file.path == name && file.why.contains(&format!("the limit is {limit}"))),
        "{:?}",
        found.left_out
    );
    assert!(warned(&found, &format!("{name} cannot be read")) && found.commits.len() == 1);
    found
}

#[test]
fn files_that_steer_the_import() {
    let large = " ".repeat((1 << 20) + 1);
    left_out(&Repo::of(&[("FUNDING.json", &large)]), "FUNDING.json", MAX_SETTINGS_BYTES);
    let mailmap = format!("Eve <eve@e.org> <ada@example.org>\n#{large}");
    let found = left_out(&Repo::of(&[(".mailmap", &mailmap)]), ".mailmap", MAX_SETTINGS_BYTES);
    assert_eq!(person(&found, "mailto:ada@example.org").name, "Ada", "nothing of it counts");
    let repo = Repo::of(&[("sub/FUNDING.json", &large)]);
    assert!(repo.read().owner_address.is_none() && repo.read().left_out.is_empty(), "only the one at the top counts");
}

#[test]
fn lock_files_of_too_many_packages() {
    let package = |n| format!("[[package]]\nname = \"p{n}\"\nversion = \"1.0.0\"\n");
    let many: String = (0..=50_000).map(package).collect();
    left_out(&Repo::of(&[("a/Cargo.lock", &many)]), "a/Cargo.lock", MAX_PACKAGES);
}
