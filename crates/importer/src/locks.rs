//! Which lock files a tree has, and what they say together.
//!
//! A lock file that cannot be read costs only what it says: it is named with the reason, and the others count. So is one
//! of a form that is not read yet.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    FileLeftOut, ImportError, MAX_LOCK_BYTES, MAX_PACKAGES, MAX_SETTINGS_BYTES, cargo_lock,
    error::MOST_NAMED,
    exclusion::Exclusion,
    graph::{Dependencies, Graph, LockGraph, Node},
    links::Links,
    lock_forms::Form,
    npm_lock::{self, Beside},
    paths,
    progress::{Phase, Reporter},
    text,
    tree::{self, Contents, Entry},
};

/// The most bytes of all lock files of a work together.
const MAX_TOTAL_BYTES: u64 = 256 << 20;
/// Longer package URLs than this are left out, in bytes.
const LONGEST_PURL: usize = 1000;
/// What npm reads beside a lock file.
const SETTINGS: [&str; 2] = ["package.json", ".npmrc"];
/// What to do about a lock file that is damaged.
const ADVICE: &str = "let the package manager write it anew and commit it";

/// A lock file that is read. Both paths are written as in the manifest.
#[derive(Debug)]
struct LockFile {
    path: String,
    form: Form,
    /// Where its content is, which is another place when the path is a symbolic link.
    content: String,
}

/// The lock files of a tree.
#[derive(Debug, Default)]
pub(crate) struct LockFiles<'a> {
    files: Vec<LockFile>,
    /// The files whose contents are needed, what npm reads beside them included.
    pub(crate) wanted: BTreeSet<&'a [u8]>,
    /// How many are in places where they say nothing about the work, and the first of them.
    excluded: Named,
    /// The same by package manager, of forms that are not read.
    not_read: BTreeMap<&'static str, Named>,
    left_out: Vec<FileLeftOut>,
    bytes: u64,
}

/// Some files, of which only the first is named.
#[derive(Debug, Default)]
struct Named {
    first: String,
    count: u64,
}

impl Named {
    fn add(&mut self, path: String) {
        if self.count == 0 {
            self.first = path;
        }
        self.count += 1;
    }

    fn shown(&self) -> String {
        match self.count {
            1 => self.first.clone(),
            2 => format!("{} and another one", self.first),
            count => format!("{} and {} others", self.first, count - 1),
        }
    }
}

impl<'a> LockFiles<'a> {
    /// Finds them by name, before any content is read.
    pub(crate) fn find(entries: &'a [Entry], links: &Links<'a>, exclusion: &Exclusion) -> Self {
        let mut found = Self::default();
        found.folders(entries, exclusion);
        // A link to a lock file that is read anyway says nothing new, so links come last.
        let (linked, real): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().filter(|entry| Form::of(&entry.path).is_some()).partition(|entry| entry.is_link());
        for entry in real.into_iter().chain(linked) {
            let Some(form) = Form::of(&entry.path) else { continue };
            let path = tree::escape(&entry.path);
            if exclusion.has(&entry.path) {
                found.excluded.add(path);
            } else if let Form::NotRead(tool) = form {
                found.not_read.entry(tool).or_default().add(path);
            } else if let Err(why) = links.file(entry).and_then(|file| found.take(entry, form, file)) {
                found.left_out.push(FileLeftOut { path, why });
            }
        }
        found.files.sort_by(|a, b| a.path.cmp(&b.path));
        let settings: BTreeSet<String> =
            found.files.iter().flat_map(|file| SETTINGS.map(|name| beside(&file.path, name))).collect();
        let is_settings = |entry: &&Entry| {
            SETTINGS.iter().any(|name| paths::file_name(&entry.path) == name.as_bytes())
                && entry.is_regular()
                && entry.size <= MAX_SETTINGS_BYTES
                && settings.contains(&tree::escape(&entry.path))
        };
        found.wanted.extend(entries.iter().filter(is_settings).map(|entry| &*entry.path));
        found
    }

    /// Names folders that have the name of a lock file.
    fn folders(&mut self, entries: &[Entry], exclusion: &Exclusion) {
        let mut seen: BTreeSet<&[u8]> = BTreeSet::new();
        for entry in entries {
            let mut end = 0;
            for part in paths::folders(&entry.path) {
                end += part.len();
                let folder = &entry.path[..end];
                end += 1;
                if Form::is_name_of_read(part) && !exclusion.has(folder) && seen.insert(folder) {
                    let why = "it is a folder, where a lock file is expected".to_owned();
                    self.left_out.push(FileLeftOut { path: tree::escape(folder), why });
                }
            }
        }
    }

    fn take(&mut self, entry: &Entry, form: Form, file: &'a Entry) -> Result<(), String> {
        if entry.is_link() && self.wanted.contains(&*file.path) {
            return Ok(());
        }
        if file.size > MAX_LOCK_BYTES {
            return Err(format!("it has {} bytes, the limit is {MAX_LOCK_BYTES}", file.size));
        }
        if self.bytes + file.size > MAX_TOTAL_BYTES {
            return Err(format!("with it, all lock files together have more than {MAX_TOTAL_BYTES} bytes"));
        }
        self.bytes += file.size;
        self.wanted.insert(&file.path);
        self.files.push(LockFile { path: tree::escape(&entry.path), form, content: tree::escape(&file.path) });
        Ok(())
    }

    /// Reads them all into one graph.
    pub(crate) fn read(mut self, contents: &Contents, report: &Reporter<'_>) -> Result<Dependencies, ImportError> {
        let mut graph = Graph::default();
        let mut warnings = Vec::new();
        let mut shrinkwraps = BTreeSet::new();
        for LockFile { path, form, content } in &self.files {
            // Files come in the order of their names, so a shrinkwrap comes before the lock file that it replaces.
            let better = beside(path, "npm-shrinkwrap.json");
            if *form == Form::Npm && *path != better && shrinkwraps.contains(&better) {
                warnings.push(format!("{path} is left out, because npm uses {better} beside it"));
                continue;
            }
            let content = contents.get(content).map(Vec::as_slice).unwrap_or_default();
            let added = parse(path, *form, content, contents).and_then(|mut lock| {
                let complaints = std::mem::take(&mut lock.warnings);
                graph.add(lock).map(|()| complaints)
            });
            match added {
                Ok(complaints) => {
                    warnings.extend(complaints);
                    if *path == better {
                        shrinkwraps.insert(better);
                    }
                }
                Err(why) => self.left_out.push(FileLeftOut { path: path.clone(), why }),
            }
        }
        let mut dependencies = graph.finish();
        let count = dependencies.externals.len() as u64;
        report.step(Phase::Dependencies, count, Some(count))?;
        let elsewhere = dependencies.externals.iter().filter(|external| external.purl.contains('?')).count();
        if elsewhere > 0 {
            let text = "packages come from git, an archive or another registry, and are named by where they come from";
            warnings.push(format!("{elsewhere} {text}"));
        }
        dependencies.warnings = [self.notes(), warnings, dependencies.warnings].concat();
        dependencies.left_out = self.left_out;
        Ok(dependencies)
    }

    /// Says which lock files are not read, or that there are none.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.files.is_empty() && self.not_read.is_empty() && self.left_out.is_empty() {
            notes.push("no lock file: dependencies unknown".to_owned());
        }
        if self.excluded.count > 0 {
            let Named { first, count } = &self.excluded;
            notes.push(format!(
                "{count} lock files of tests, fixtures, vendored code and excluded paths are left out, as {first}"
            ));
        }
        for (tool, files) in &self.not_read {
            notes.push(format!(
                "lock files of {tool} are not read yet, so the packages that they name are left out: {}",
                files.shown()
            ));
        }
        notes
    }
}

fn parse(path: &str, form: Form, content: &[u8], contents: &Contents) -> Result<LockGraph, String> {
    let damaged = |why: String| format!("{why}; {ADVICE}");
    // Only what is damaged can be mended by writing it anew. A pointer of Git LFS is as it should be.
    let text = text::strict(content).map_err(|why| if why.contains("LFS") { why } else { damaged(why) })?;
    let mut lock = match form {
        Form::Cargo => cargo_lock::read(path, &text).map_err(damaged)?,
        _ => {
            let [manifest, npmrc] = SETTINGS.map(|name| contents.get(&beside(path, name)).map(Vec::as_slice));
            npm_lock::read(path, &text, Beside { manifest, npmrc }).map_err(damaged)?
        }
    };
    let mut long = 0;
    for node in &mut lock.nodes {
        if matches!(node, Node::External(external) if external.purl.len() > LONGEST_PURL) {
            *node = Node::LeftOut;
            long += 1;
        }
    }
    if long > 0 {
        lock.warnings.push(format!("{path}: {long} packages have too long a name or source and are left out"));
    }
    Ok(lock)
}

/// Says which files were left out, for the person who imports.
pub(crate) fn named(left_out: &[FileLeftOut]) -> Vec<String> {
    let mut notes: Vec<String> =
        left_out.iter().take(MOST_NAMED).map(|file| format!("{file}. It is left out, and the rest counts")).collect();
    if left_out.len() > MOST_NAMED {
        notes.push(format!("{} more files cannot be read and are left out", left_out.len() - MOST_NAMED));
    }
    notes
}

/// Returns the path of another file in the same folder.
pub(crate) fn beside(path: &str, name: &str) -> String {
    match paths::folder(path) {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Refuses a lock file of too many packages.
pub(crate) fn check_count(packages: usize) -> Result<(), String> {
    if packages as u64 <= MAX_PACKAGES {
        return Ok(());
    }
    Err(format!("it has {packages} packages, the limit is {MAX_PACKAGES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_have_limits_in_bytes() {
        let file = |path: &str, size| Entry {
            mode: "100644".to_owned(),
            object: String::new(),
            size,
            path: path.as_bytes().to_vec(),
        };
        let mut entries: Vec<Entry> = (0..5).map(|n| file(&format!("{n}/Cargo.lock"), MAX_LOCK_BYTES)).collect();
        entries.push(file("5/Cargo.lock", MAX_LOCK_BYTES + 1));
        let found = LockFiles::find(&entries, &Links::none(&entries), &Exclusion::default());
        assert_eq!(found.files.len() as u64, MAX_TOTAL_BYTES / MAX_LOCK_BYTES);
        let left_out: Vec<String> = found.left_out.iter().map(ToString::to_string).collect();
        assert!(
            left_out[0].starts_with("4/Cargo.lock cannot be read: with it, all lock files together"),
            "{left_out:?}"
        );
        assert!(left_out[1].contains("5/Cargo.lock cannot be read: it has 67108865 bytes"), "{left_out:?}");
    }
}
