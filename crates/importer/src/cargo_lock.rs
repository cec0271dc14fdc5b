//! `Cargo.lock`, versions 1 to 4.
//!
//! A package without a source is in the repository, so it is the work itself. Cargo's lock files do not say which
//! dependencies are only for building or testing, so all of them count.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::B256;
use serde::Deserialize;

use crate::{
    Ecosystem, External, ImportError,
    graph::{LockGraph, Node},
    locks::{check_count, line_at},
    purl::{Origin, purl, vcs_url, without_secrets},
};

const CRATES_IO: [&str; 3] = [
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
    "registry+https://crates.io/",
];

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
    /// The work's own package in the oldest files.
    root: Option<Package>,
    /// Checksums in version 1: `checksum name version (source)`.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Reads a lock file.
pub(crate) fn read(path: &str, text: &str) -> Result<LockGraph, ImportError> {
    let malformed = |line, detail| ImportError::MalformedLock { file: path.to_owned(), line, detail };
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        malformed(line, error.message().to_owned())
    })?;
    let packages: Vec<Package> = file.root.into_iter().chain(file.package).collect();
    check_count(path, packages.len())?;
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, package) in packages.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(number);
    }
    let mut graph = LockGraph::default();
    for (number, package) in packages.iter().enumerate() {
        graph.nodes.push(node(package, &file.metadata));
        for dependency in &package.dependencies {
            let target = resolve(dependency, &packages, &by_name).ok_or_else(|| {
                // The first mention after the package's own name.
                let start = text.find(&format!("name = \"{}\"", package.name)).unwrap_or(0);
                let at = text[start..].find(&format!("\"{dependency}\"")).map_or(start, |at| start + at);
                let line = line_at(text, at);
                malformed(line, format!("{} uses {dependency:?}, which is not one package of this file", package.name))
            })?;
            graph.edges.push((number, target));
        }
    }
    Ok(graph)
}

/// Finds `name`, `name version` or `name version (source)`.
fn resolve(dependency: &str, packages: &[Package], by_name: &HashMap<&str, Vec<usize>>) -> Option<usize> {
    let mut parts = dependency.splitn(3, ' ');
    let mut found = by_name.get(parts.next()?)?.clone();
    if let Some(version) = parts.next() {
        found.retain(|number| packages[*number].version == version);
    }
    if let (Some(source), true) = (parts.next(), found.len() > 1) {
        // The commit after # is written out in some versions and not in others.
        let bare = |source: &str| source.split('#').next().map(str::to_owned);
        let wanted = source.trim_start_matches('(').trim_end_matches(')');
        let exact = found.iter().copied().find(|number| packages[*number].source.as_deref() == Some(wanted));
        match exact {
            Some(number) => return Some(number),
            None => found.retain(|number| packages[*number].source.as_deref().and_then(bare) == bare(wanted)),
        }
    } else if found.len() > 1 {
        // Without a source, the package of the repository is meant.
        found.retain(|number| packages[*number].source.is_none());
    }
    if let [one] = found[..] { Some(one) } else { None }
}

fn node(package: &Package, metadata: &BTreeMap<String, String>) -> Node {
    let Package { name, version, .. } = package;
    let Some(source) = &package.source else {
        return Node::Own(format!("cargo:{name}@{version}"));
    };
    let old = || metadata.get(&format!("checksum {name} {version} ({source})"));
    let checksum = package.checksum.as_ref().or_else(old);
    let content_hash = checksum.and_then(|sum| sum.parse::<B256>().ok());
    let origin = if CRATES_IO.contains(&&**source) {
        Origin::Registry
    } else if source.starts_with("git+") {
        Origin::Vcs(vcs_url(source))
    } else {
        let url = source.strip_prefix("registry+").or_else(|| source.strip_prefix("sparse+")).unwrap_or(source);
        Origin::OtherRegistry(without_secrets(url))
    };
    Node::External(External {
        purl: purl("cargo", name, version, &origin),
        name: name.clone(),
        version: version.clone(),
        ecosystem: Ecosystem::Cargo,
        content_hash,
        integrity: None,
    })
}
