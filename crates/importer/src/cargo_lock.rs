//! `Cargo.lock`, versions 1 to 4.
//!
//! A package without a source is in the repository, so it is the work itself. Cargo's lock files do not say which
//! dependencies are only for building or testing, so all of them count. A package that `[replace]` in the manifest replaces
//! stands for its replacement. Packages of `[[patch.unused]]` are used by nothing.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::B256;
use serde::Deserialize;

use crate::{
    Ecosystem, External,
    graph::{LockGraph, Node},
    locks::check_count,
    purl::{Origin, purl, registry_url, vcs_url, without_secrets},
    text::line_at,
};

/// The public registry, as Cargo has named it over time, without what [`registry_url`] takes off.
const CRATES_IO: [&str; 4] = [
    "https://github.com/rust-lang/crates.io-index",
    "https://index.crates.io",
    "https://crates.io",
    "ssh://git@github.com/rust-lang/crates.io-index",
];
/// A replacement that is replaced is followed this many times.
const MOST_REPLACEMENTS: usize = 8;

#[derive(Debug, Deserialize)]
struct File {
    version: Option<toml::Value>,
    #[serde(default)]
    package: Vec<Package>,
    /// The work's own package in the oldest files.
    root: Option<Package>,
    /// Checksums in version 1: `checksum name version (source)`.
    #[serde(default)]
    metadata: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Deserialize)]
struct Package {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    /// The package that is used instead, in the form of a dependency.
    replace: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Reads a lock file; the path is for what is said about it. The error says what is wrong, and where.
pub(crate) fn read(path: &str, text: &str) -> Result<LockGraph, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        format!("line {line}: {}", error.message().trim())
    })?;
    if file.version.is_none() && file.root.is_none() && file.package.is_empty() {
        return Err("line 1: it names no version and no package".to_owned());
    }
    let packages: Vec<Package> = file.root.into_iter().chain(file.package).collect();
    check_count(packages.len())?;
    let names = Names::new(&packages);
    let mut graph = LockGraph::default();
    let (mut absent, mut nameless) = (Vec::new(), 0);
    for (number, package) in packages.iter().enumerate() {
        graph.nodes.push(match package {
            Package { replace: Some(_), .. } => Node::LeftOut,
            Package { name, version, .. } if name.is_empty() || version.is_empty() => {
                nameless += 1;
                Node::LeftOut
            }
            package => node(package, &file.metadata),
        });
        for dependency in &package.dependencies {
            match names.target(dependency) {
                Some(target) => graph.edges.push((number, target)),
                None => absent.push(format!("{dependency:?}, which {} uses,", package.name)),
            }
        }
    }
    if let [first, ..] = &*absent {
        let count = absent.len();
        graph.warnings.push(format!("{path}: {count} dependencies are not one package of this file: {first} is one"));
    }
    if nameless > 0 {
        graph.warnings.push(format!("{path}: {nameless} packages have no name or no version and are left out"));
    }
    Ok(graph)
}

/// The packages of a file, found by their names.
struct Names<'a> {
    packages: &'a [Package],
    by_name: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Names<'a> {
    fn new(packages: &'a [Package]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, package) in packages.iter().enumerate() {
            by_name.entry(&package.name).or_default().push(number);
        }
        Self { packages, by_name }
    }

    /// Finds the package that a dependency names, or its replacement.
    fn target(&self, dependency: &str) -> Option<usize> {
        let mut found = self.resolve(dependency)?;
        for _ in 0..MOST_REPLACEMENTS {
            match &self.packages[found].replace {
                Some(replacement) => found = self.replacement(found, replacement)?,
                None => return Some(found),
            }
        }
        None
    }

    /// Finds a replacement, which usually has the name and version of what it replaces.
    fn replacement(&self, replaced: usize, replacement: &str) -> Option<usize> {
        let others = self.candidates(replacement)?;
        let others = others.into_iter().filter(|number| *number != replaced).collect();
        self.choose(replacement, others)
    }

    fn resolve(&self, dependency: &str) -> Option<usize> {
        self.choose(dependency, self.candidates(dependency)?)
    }

    /// Returns the packages that have the name, and the version if one is given, of `name`, `name version` or
    /// `name version (source)`.
    fn candidates(&self, dependency: &str) -> Option<Vec<usize>> {
        let mut parts = dependency.splitn(3, ' ');
        let mut found = self.by_name.get(parts.next()?)?.clone();
        if let Some(version) = parts.next() {
            found.retain(|number| self.packages[*number].version == version);
        }
        Some(found)
    }

    fn choose(&self, dependency: &str, mut found: Vec<usize>) -> Option<usize> {
        let source = |number: &usize| self.packages[*number].source.as_deref();
        if let (Some(wanted), true) = (dependency.splitn(3, ' ').nth(2), found.len() > 1) {
            // The commit after # is written out in some versions and not in others.
            let bare = |source: &str| source.split('#').next().map(str::to_owned);
            let wanted = wanted.trim_start_matches('(').trim_end_matches(')');
            if let Some(exact) = found.iter().copied().find(|number| source(number) == Some(wanted)) {
                return Some(exact);
            }
            found.retain(|number| source(number).and_then(bare) == bare(wanted));
        } else if found.len() > 1 {
            // Without a source, the package of the repository is meant.
            found.retain(|number| source(number).is_none());
        }
        if let [one] = found[..] { Some(one) } else { None }
    }
}

fn node(package: &Package, metadata: &BTreeMap<String, toml::Value>) -> Node {
    let Package { name, version, .. } = package;
    let Some(source) = package.source.as_deref().filter(|source| !source.starts_with("path+")) else {
        return Node::Own(format!("cargo:{name}@{version}"));
    };
    let old = || metadata.get(&format!("checksum {name} {version} ({source})")).and_then(toml::Value::as_str);
    let checksum = package.checksum.as_deref().or_else(old);
    // Cargo writes `<none>` for a package without a sum, and then the content is not known.
    let content_hash = checksum.and_then(|sum| sum.parse::<B256>().ok());
    Node::External(External {
        purl: purl("cargo", name, version, &origin(source)),
        name: name.clone(),
        version: version.clone(),
        ecosystem: Ecosystem::Cargo,
        content_hash,
        integrity: None,
    })
}

fn origin(source: &str) -> Origin {
    if source.starts_with("git+") {
        return Origin::Vcs(vcs_url(source));
    }
    let kinds = ["registry+", "sparse+", "local-registry+", "directory+"];
    let url = kinds.iter().find_map(|kind| source.strip_prefix(kind)).unwrap_or(source);
    if CRATES_IO.contains(&&*registry_url(url)) {
        Origin::Registry
    } else {
        // The URL stays as Cargo writes it, because packages were recorded under it.
        Origin::OtherRegistry(without_secrets(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_registry_gives_the_public_name() {
        let other = |url: &str| Origin::OtherRegistry(url.to_owned());
        for (source, expected) in [
            ("registry+https://github.com/rust-lang/crates.io-index", Origin::Registry),
            ("registry+https://github.com/rust-lang/crates.io-index.git", Origin::Registry),
            ("sparse+https://index.crates.io/", Origin::Registry),
            ("sparse+https://INDEX.crates.io:443", Origin::Registry),
            ("registry+https://crates.io/", Origin::Registry),
            ("sparse+https://index.crates.io.example/", other("https://index.crates.io.example/")),
            ("sparse+https://index.crates.io/mine/", other("https://index.crates.io/mine/")),
            ("sparse+https://me:token@cargo.corp.example/index/?x=1", other("https://cargo.corp.example/index/")),
            ("registry+ssh://git@git.corp.example/index.git", other("ssh://git@git.corp.example/index.git")),
            ("registry+file:///srv/index", other("file:///srv/index")),
            ("local-registry+file:///srv/index", other("file:///srv/index")),
            ("git+https://h.example/a?tag=1#ab", Origin::Vcs("git+https://h.example/a@ab".to_owned())),
        ] {
            assert_eq!(origin(source), expected, "{source}");
        }
    }
}
