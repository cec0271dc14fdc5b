//! What is too large is refused by name.

use importer::{ImportError, MAX_LOCK_BYTES, MAX_PACKAGES, MAX_SETTINGS_BYTES};

use crate::support::Repo;

fn refused(repo: &Repo, name: &str, most: u64) {
    let error = repo.fail();
    assert!(matches!(&error, ImportError::Limit { what, limit, .. } if what == name && *limit == most), "{error}");
    assert!(error.to_string().contains(&most.to_string()));
}

#[test]
fn files_that_steer_the_import() {
    for name in ["FUNDING.json", ".mailmap"] {
        refused(&Repo::of(&[(name, &" ".repeat((1 << 20) + 1))]), name, MAX_SETTINGS_BYTES);
    }
    let repo = Repo::of(&[("sub/FUNDING.json", &" ".repeat((1 << 20) + 1))]);
    assert!(repo.read().owner_address.is_none(), "only the one at the top counts");
}

#[test]
fn lock_files() {
    let large = "#\n".repeat((64 << 19) + 1);
    refused(&Repo::of(&[("Cargo.lock", &large)]), "Cargo.lock", MAX_LOCK_BYTES);
    let many: String = (0..=50_000).map(|n| format!("[[package]]\nname = \"p{n}\"\nversion = \"1.0.0\"\n")).collect();
    refused(&Repo::of(&[("a/Cargo.lock", &many)]), "a/Cargo.lock", MAX_PACKAGES);
}
