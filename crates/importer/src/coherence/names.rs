//! The names of source files in reports, which tools write as their machine has them: absolute or relative to some folder,
//! with slashes of either kind, as paths or as URLs.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::tree::Entry;

/// What the names of one report mean in a commit.
pub(super) struct Names<'a> {
    /// The path of the report.
    report: &'a [u8],
    /// Sorted by path.
    entries: &'a [Entry],
    /// The folder of the checkout on the machine where the tests ran.
    root: Option<String>,
}

impl<'a> Names<'a> {
    /// Finds the folder of the checkout: below it, more of the absolute names are files of the commit than below any other.
    pub(super) fn new<'n>(report: &'a [u8], entries: &'a [Entry], names: impl Iterator<Item = &'n str>) -> Self {
        let mut names_of = Self { report, entries, root: None };
        let mut roots: BTreeMap<String, u64> = BTreeMap::new();
        for name in names.map(decoded).filter(|name| is_absolute(name)) {
            let parts = parts(&name);
            for start in 0..parts.len() {
                if names_of.is_file(&parts[start..].join("/")) {
                    *roots.entry(parts[..start].join("/")).or_default() += 1;
                }
            }
        }
        names_of.root =
            roots.into_iter().max_by_key(|(root, files)| (*files, Reverse(root.len()))).map(|(root, _)| root);
        names_of
    }

    /// Returns the path in the commit that a name means, or the name itself when no file fits. A relative name is looked up
    /// in the folder of the report and in each folder above.
    pub(super) fn path(&self, name: &str) -> String {
        let name = decoded(name);
        let parts = parts(&name);
        let joined = parts.join("/");
        if is_absolute(&name) {
            let below = self.root.as_ref().and_then(|root| match &**root {
                "" => Some(&*joined),
                root => joined.strip_prefix(root)?.strip_prefix('/'),
            });
            return below.filter(|path| self.is_file(path)).map_or(name.clone(), str::to_owned);
        }
        let report = String::from_utf8_lossy(self.report);
        let mut folders: Vec<&str> = report.split('/').collect();
        while folders.pop().is_some() {
            let path = self::parts(&[folders.as_slice(), parts.as_slice()].concat().join("/")).join("/");
            if self.is_file(&path) {
                return path;
            }
        }
        joined
    }

    fn is_file(&self, path: &str) -> bool {
        self.entries.binary_search_by(|entry| (*entry.path).cmp(path.as_bytes())).is_ok()
    }
}

fn is_absolute(name: &str) -> bool {
    name.starts_with('/') || name.as_bytes().get(1) == Some(&b':')
}

/// Returns a name with slashes alone, without the form of a URL.
fn decoded(name: &str) -> String {
    let path = name.strip_prefix("file://").map(|rest| rest.strip_prefix("localhost").unwrap_or(rest));
    let Some(path) = path else { return name.replace('\\', "/") };
    let path = path.strip_prefix('/').filter(|path| path.as_bytes().get(1) == Some(&b':')).unwrap_or(path);
    let (mut bytes, mut rest) = (Vec::with_capacity(path.len()), path.as_bytes());
    while let [byte, tail @ ..] = rest {
        let code = (*byte == b'%').then(|| std::str::from_utf8(tail.get(..2)?).ok()).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(letter) => {
                bytes.push(letter);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the parts of a path without `.` and empty ones; `..` takes back the part before it.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." && parts.last().is_some_and(|last| *last != "..") {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_of_the_commit() {
        let paths = ["a b/ü.c", "packages/a/src/index.ts", "packages/b/src/index.ts", "src/index.ts", "src/lib.rs"];
        let entry = |path: &&str| Entry {
            mode: "100644".to_owned(),
            object: String::new(),
            size: 1,
            path: path.as_bytes().to_vec(),
        };
        let entries: Vec<Entry> = paths.iter().map(entry).collect();
        for (name, report, expected) in [
            ("src/lib.rs", "lcov.info", "src/lib.rs"),
            ("./src/lib.rs", "lcov.info", "src/lib.rs"),
            ("src\\lib.rs", "lcov.info", "src/lib.rs"),
            ("src/x/../lib.rs", "lcov.info", "src/lib.rs"),
            ("/home/ada/work/src/lib.rs", "lcov.info", "src/lib.rs"),
            ("C:\\work\\src\\lib.rs", "lcov.info", "src/lib.rs"),
            ("file:///home/ada/a%20b/%C3%BC.c", "lcov.info", "a b/ü.c"),
            ("file:///C:/work/src/lib.rs", "lcov.info", "src/lib.rs"),
            ("src/index.ts", "packages/a/coverage/lcov.info", "packages/a/src/index.ts"),
            ("../src/index.ts", "packages/b/coverage/lcov.info", "packages/b/src/index.ts"),
            ("src/index.ts", "coverage/lcov.info", "src/index.ts"),
            ("/usr/include/c++/12/vector", "lcov.info", "/usr/include/c++/12/vector"),
            ("./gone.rs", "lcov.info", "gone.rs"),
            ("%zz", "lcov.info", "%zz"),
        ] {
            let names = Names::new(report.as_bytes(), &entries, [name].into_iter());
            assert_eq!(names.path(name), expected, "{name} {report}");
        }
        let said = ["/w/packages/a/src/index.ts", "/w/src/lib.rs", "/cargo/registry/x-1.0.0/src/lib.rs", "/w/gone.rs"];
        let names = Names::new(b"lcov.info", &entries, said.into_iter());
        assert_eq!(said.map(|name| names.path(name)), ["packages/a/src/index.ts", "src/lib.rs", said[2], said[3]]);
    }
}
