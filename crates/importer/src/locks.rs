//! Which lock files a tree has, and what they say together.

use std::collections::BTreeSet;

use crate::{
    ImportError, MAX_LOCK_BYTES, MAX_PACKAGES, cargo_lock,
    error::at_most,
    graph::{Dependencies, Graph, LockGraph, Node},
    npm_lock, paths,
    progress::{Phase, Reporter},
    tree::{Contents, Entry},
};

/// The most bytes of all lock files of a work together.
const MAX_TOTAL_BYTES: u64 = 256 << 20;

/// The lock files of a tree, and how many are in places where they say nothing about the work.
#[derive(Debug, Default)]
pub(crate) struct LockFiles {
    pub(crate) paths: BTreeSet<String>,
    foreign: Vec<String>,
}

impl LockFiles {
    /// Finds them by name, before any content is read.
    pub(crate) fn find(entries: &[Entry]) -> Result<Self, ImportError> {
        let mut found = Self::default();
        let mut total = 0;
        for entry in entries {
            if !matches!(paths::file_name(&entry.path), b"Cargo.lock" | b"package-lock.json") {
                continue;
            }
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            if paths::is_foreign(&entry.path) {
                found.foreign.push(path);
                continue;
            }
            at_most(MAX_LOCK_BYTES, entry.size, "bytes", &path)?;
            total += entry.size;
            at_most(MAX_TOTAL_BYTES, total, "bytes", "the lock files together")?;
            found.paths.insert(path);
        }
        Ok(found)
    }

    /// Reads them all into one graph.
    pub(crate) fn read(&self, contents: &Contents, report: &Reporter<'_>) -> Result<Dependencies, ImportError> {
        let mut graph = Graph::default();
        let mut warnings = Vec::new();
        if self.paths.is_empty() {
            warnings.push("no lock file: dependencies unknown".to_owned());
        }
        if let Some(first) = self.foreign.first() {
            let count = self.foreign.len();
            warnings.push(format!("{count} lock files of tests, fixtures and vendored code are left out, as {first}"));
        }
        for path in &self.paths {
            let Some(content) = contents.get(path) else { continue };
            let mut lock = parse(path, content, contents)?;
            warnings.append(&mut lock.warnings);
            graph.add(lock)?;
        }
        let mut dependencies = graph.finish();
        let count = dependencies.externals.len() as u64;
        report.step(Phase::Dependencies, count, Some(count))?;
        let elsewhere = dependencies.externals.iter().filter(|external| external.purl.contains('?')).count();
        if elsewhere > 0 {
            let text = "packages come from git, an archive or another registry, and are named by where they come from";
            warnings.push(format!("{elsewhere} {text}"));
        }
        warnings.append(&mut dependencies.warnings);
        dependencies.warnings = warnings;
        Ok(dependencies)
    }
}

fn parse(path: &str, content: &[u8], contents: &Contents) -> Result<LockGraph, ImportError> {
    let malformed = |line, detail: String| ImportError::MalformedLock { file: path.to_owned(), line, detail };
    let text = std::str::from_utf8(content)
        .map_err(|error| malformed(1 + newlines(&content[..error.valid_up_to()]), "it is not UTF-8 text".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}');
    let lock = if path.ends_with(".lock") {
        cargo_lock::read(path, text)?
    } else {
        npm_lock::read(path, text, contents.get(&beside(path, "package.json")).map(Vec::as_slice))?
    };
    for node in &lock.nodes {
        if let Node::External(external) = node
            && external.purl.len() > 1000
        {
            let name: String = external.name.chars().take(60).collect();
            return Err(malformed(line_of(text, &name), format!("the package {name:?} has too long a name or source")));
        }
    }
    Ok(lock)
}

/// Returns the path of another file in the same folder.
pub(crate) fn beside(path: &str, name: &str) -> String {
    match paths::folder(path) {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Refuses a lock file of too many packages.
pub(crate) fn check_count(path: &str, packages: usize) -> Result<(), ImportError> {
    at_most(MAX_PACKAGES, packages as u64, "packages", path)
}

/// Returns the line of a byte, counted from 1.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    1 + newlines(&text.as_bytes()[..byte.min(text.len())])
}

/// Returns the line in which a text first occurs, counted from 1. It is 1 when the text does not
/// occur.
pub(crate) fn line_of(text: &str, part: &str) -> usize {
    text.find(part).map_or(1, |at| line_at(text, at))
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
