//! Where the symbolic links of a commit lead. A link is followed as long as it stays within the commit; whatever lies
//! outside depends on the machine, and is not read.

use std::collections::HashMap;

use crate::{
    ImportError,
    git::Git,
    tree::{self, Entry},
};

/// Links that lead to links are followed this many times.
const MOST_STEPS: usize = 8;
/// Longer targets than this are no paths, in bytes.
const LONGEST_TARGET: u64 = 4096;

/// The files of a commit, and the targets of those links that matter.
#[derive(Debug)]
pub(crate) struct Links<'a> {
    entries: &'a [Entry],
    /// What a link says, by the link's path.
    targets: HashMap<&'a [u8], Vec<u8>>,
}

impl<'a> Links<'a> {
    /// Returns the files of a commit in which no link matters.
    #[cfg(test)]
    pub(crate) fn none(entries: &'a [Entry]) -> Self {
        Self { entries, targets: HashMap::new() }
    }

    /// Reads the targets of the links that matter, and of the links to which they lead. The entries are sorted by path.
    pub(crate) fn read(
        git: &Git,
        entries: &'a [Entry],
        matters: impl Fn(&[u8]) -> bool,
    ) -> Result<Links<'a>, ImportError> {
        let mut links = Self { entries, targets: HashMap::new() };
        let mut next: Vec<&Entry> = entries.iter().filter(|entry| entry.is_link() && matters(&entry.path)).collect();
        for _ in 0..MOST_STEPS {
            next.retain(|entry| entry.size <= LONGEST_TARGET && !links.targets.contains_key(&*entry.path));
            let mut targets = Vec::with_capacity(next.len());
            tree::contents(git, &next, |_, content| targets.push(content.to_vec()))?;
            links.targets.extend(next.iter().map(|entry| &*entry.path).zip(targets));
            next = next.iter().filter_map(|entry| links.step(entry).ok()).filter(|entry| entry.is_link()).collect();
            if next.is_empty() {
                break;
            }
        }
        Ok(links)
    }

    /// Returns the file that an entry is or leads to. The error says why there is none.
    pub(crate) fn file(&self, entry: &'a Entry) -> Result<&'a Entry, String> {
        let mut at = entry;
        for _ in 0..=MOST_STEPS {
            if at.is_submodule() {
                let leads = if entry.is_link() { "it is a symbolic link to a submodule" } else { "it is a submodule" };
                return Err(format!("{leads}, which is another repository"));
            }
            if !at.is_link() {
                return Ok(at);
            }
            at = self.step(at)?;
        }
        Err("it is a symbolic link that leads to too many others, or in a circle".to_owned())
    }

    fn step(&self, link: &Entry) -> Result<&'a Entry, String> {
        let Some(target) = self.targets.get(&*link.path) else {
            return Err("it is a symbolic link whose target is no path".to_owned());
        };
        let shown = || tree::escape(&target[..target.len().min(200)]);
        let Some(path) = below(&link.path, target) else {
            return Err(format!("it is a symbolic link to {}, which lies outside the repository", shown()));
        };
        let found = self.entries.binary_search_by(|entry| entry.path.cmp(&path));
        let found =
            found.map_err(|_| format!("it is a symbolic link to {}, which is no file of this commit", shown()))?;
        Ok(&self.entries[found])
    }
}

/// Returns the path to which a link leads, unless it leaves the tree.
fn below(link: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = link.split(|byte| *byte == b'/').collect();
    parts.pop();
    if target.starts_with(b"/") {
        return None;
    }
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_paths_of_the_tree() {
        for (link, target, path) in [
            ("Cargo.lock", "locks/one", Some("locks/one")),
            ("a/b/Cargo.lock", "../../Cargo.lock", Some("Cargo.lock")),
            ("a/Cargo.lock", "./x//y", Some("a/x/y")),
            ("Cargo.lock", "../Cargo.lock", None),
            ("a/Cargo.lock", "../../x", None),
            ("Cargo.lock", "/etc/passwd", None),
        ] {
            assert_eq!(below(link.as_bytes(), target.as_bytes()), path.map(|path| path.as_bytes().to_vec()), "{link}");
        }
    }
}
