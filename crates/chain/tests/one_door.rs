//! No code outside this crate makes a provider from a URL. All calls to a chain go through its pool of
//! endpoints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The functions that make a provider in alloy, and those here that bypass the choice among the configured
/// endpoints.
const DOORS: [&str; 8] = [
    "ProviderBuilder",
    "RootProvider",
    "RpcClient",
    "WsConnect",
    "connect_reqwest",
    "connect_http",
    "rpc::connect",
    "local::node",
];
/// The files that mean one URL, and the door that each may use: a user names it, or it is the node that is looked after.
const ONE_URL: [(&str, &str); 2] = [("src/ledger.rs", "rpc::connect"), ("src/local/archive.rs", "local::node")];
/// The crate itself, and the crate that tests run against.
const LEFT_OUT: [&str; 2] = ["crates/chain", "crates/testkit"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "tests" {
            sources(&path, found)?;
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn this_crate_knows_no_database() {
    let manifest = include_str!("../Cargo.toml");
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
    for name in ["sqlx", "store", "service", "sender"] {
        assert!(!dependencies.contains(&format!("\n{name}.")), "chain depends on {name}: only sender stands on both");
    }
}

#[test]
fn providers_are_made_here_only() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut members = vec![root.clone(), root.join("backend"), root.join("indexer"), root.join("workers")];
    for entry in fs::read_dir(root.join("crates"))? {
        members.push(entry?.path());
    }
    let (mut files, mut seen) = (Vec::new(), 0);
    for member in members.iter().filter(|member| !LEFT_OUT.iter().any(|left| **member == root.join(left))) {
        sources(&member.join("src"), &mut files)?;
    }
    for file in &files {
        let name = file.strip_prefix(&root)?.to_string_lossy().into_owned();
        let text = fs::read_to_string(file)?;
        seen += text.matches("DynProvider").count();
        for door in DOORS.iter().filter(|door| text.contains(**door)) {
            let named = ONE_URL.contains(&(name.as_str(), *door));
            assert!(named, "{name} uses {door}: take a provider that chain::rpc::provider made of a pool");
        }
    }
    assert!(files.len() > 100 && seen > 5, "{} files were read, with {seen} providers", files.len());
    Ok(())
}
