//! The files of HEAD, and the manifest that represents all of them.
//!
//! ```text
//! tributary-tree-v1
//! 100644 12 a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447  README.md
//! 120000 9 b3b97f6a9a9ea0f9c9e0f6e1c2f3a2a0b1f0fd2a1ad0d2b7ed3f9f5a6f3b4a11  docs/link
//! 160000 0 37b0366a77ae63312dc38c8aeb4b1b3b7d201708  library
//! ```
//!
//! The manifest has one line per file, sorted by the bytes of the path: mode, size, SHA-256 of the content in hex, two
//! spaces, path. A symbolic link's content is its target. A submodule has size 0 and its commit's id. In a path, a
//! backslash is written `\\`. Each byte of a control character, or one that is not part of well-formed UTF-8, is
//! written `\xHH` with two lower-case hex digits. So a manifest is UTF-8 text, and no two trees have the same one.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
    io::{BufRead, Read},
};

use alloy_primitives::B256;
use sha2::{Digest, Sha256};

use crate::{
    ImportError,
    error::at_most,
    git::{Git, Running},
    history::next_until,
    progress::{Phase, Reporter},
};

const HEADER: &str = "tributary-tree-v1\n";
/// The mode of a submodule: a commit of another repository.
const SUBMODULE: &str = "160000";
/// A tree with more files than this is refused.
const MAX_FILES: u64 = 2_000_000;

/// One file of HEAD.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) mode: String,
    pub(crate) object: String,
    pub(crate) size: u64,
    pub(crate) path: Vec<u8>,
}

impl Entry {
    pub(crate) fn is_regular(&self) -> bool {
        self.mode.starts_with("100")
    }

    pub(crate) fn is_link(&self) -> bool {
        self.mode.starts_with("120")
    }

    pub(crate) fn is_submodule(&self) -> bool {
        self.mode == SUBMODULE
    }
}

/// Lists the files of HEAD, sorted by path.
pub(crate) fn list(git: &Git) -> Result<Vec<Entry>, ImportError> {
    let mut running = git.run(&["ls-tree", "-r", "-l", "-z", "--full-tree", git.head()], None)?;
    let (mut entries, mut line) = (Vec::new(), Vec::new());
    while next_until(&mut running, 0, &mut line)? {
        at_most(MAX_FILES, entries.len() as u64 + 1, "files", "the tree at HEAD")?;
        entries.push(entry(&line).ok_or_else(|| {
            let text = String::from_utf8_lossy(&line);
            if text.contains(" BAD\t") { running.missing(text.into_owned()) } else { running.unknown(&line) }
        })?);
    }
    running.finish()?;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Reads `<mode> <type> <object> <size>\t<path>`; a submodule's size is `-`.
fn entry(line: &[u8]) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let mut fields = std::str::from_utf8(&line[..tab]).ok()?.split_ascii_whitespace();
    let (mode, _, object) = (fields.next()?, fields.next()?, fields.next()?);
    let size = match fields.next()? {
        "-" => 0,
        size => size.parse().ok()?,
    };
    Some(Entry { mode: mode.to_owned(), object: object.to_owned(), size, path: line[tab + 1..].to_owned() })
}

/// The hashes of all files of HEAD, and the content of the few files that are read further.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) manifest: Vec<u8>,
    pub(crate) content_hash: B256,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) contents: Contents,
}

/// Contents by path, which is written as in the manifest.
pub(crate) type Contents = HashMap<String, Vec<u8>>;

/// Reads files one after the other through one process, and passes the number of each and its content on.
pub(crate) fn contents(git: &Git, entries: &[&Entry], mut each: impl FnMut(usize, &[u8])) -> Result<(), ImportError> {
    if entries.is_empty() {
        return Ok(());
    }
    let request: String = entries.iter().flat_map(|entry| [&*entry.object, "\n"]).collect();
    let mut running = git.run(&["cat-file", "--batch", "--buffer"], Some(request.into_bytes()))?;
    let mut content = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        content.clear();
        blob(&mut running, &entry.object, Some(&mut content))?;
        each(number, &content);
    }
    running.finish()
}

/// Hashes every file and keeps the contents of `wanted` paths.
pub(crate) fn hash(
    git: &Git,
    entries: &[Entry],
    wanted: &HashSet<&[u8]>,
    report: &Reporter<'_>,
) -> Result<Tree, ImportError> {
    let mut seen = HashSet::new();
    let blobs = entries.iter().filter(|entry| !entry.is_submodule());
    let order: Vec<&str> = blobs.map(|entry| &*entry.object).filter(|object| seen.insert(*object)).collect();
    let kept: HashSet<&str> = entries.iter().filter(|e| wanted.contains(&*e.path)).map(|e| &*e.object).collect();
    let request: String = order.iter().flat_map(|object| [object, "\n"]).collect();
    let mut running = git.run(&["cat-file", "--batch", "--buffer"], Some(request.into_bytes()))?;
    let mut hashes: HashMap<&str, (u64, [u8; 32])> = HashMap::with_capacity(order.len());
    let mut bodies: HashMap<&str, Vec<u8>> = HashMap::new();
    for (done, object) in order.iter().copied().enumerate() {
        let mut body = kept.contains(object).then(Vec::new);
        hashes.insert(object, blob(&mut running, object, body.as_mut())?);
        bodies.extend(body.map(|body| (object, body)));
        report.step(Phase::Files, done as u64 + 1, Some(order.len() as u64))?;
    }
    running.finish()?;
    let mut tree = manifest(entries, &hashes);
    for entry in entries.iter().filter(|entry| wanted.contains(&*entry.path)) {
        if let Some(body) = bodies.get(&*entry.object) {
            tree.contents.insert(escape(&entry.path), body.clone());
        }
    }
    Ok(tree)
}

/// Reads one answer of `cat-file --batch`: `<object> blob <size>\n<content>\n`. Returns the size, and the content's
/// SHA-256.
pub(crate) fn blob(
    running: &mut Running,
    object: &str,
    mut keep: Option<&mut Vec<u8>>,
) -> Result<(u64, [u8; 32]), ImportError> {
    let mut head = Vec::new();
    if !next_until(running, b'\n', &mut head)? {
        return Err(running.missing(format!("{object} could not be read")));
    }
    let text = String::from_utf8_lossy(&head);
    let Some(size) = text.strip_prefix(object).and_then(|rest| rest.strip_prefix(" blob ")) else {
        let missing = text.ends_with(" missing");
        return Err(if missing { running.missing(text.into_owned()) } else { running.unknown(&head) });
    };
    let size: u64 = size.parse().map_err(|_| running.unknown(&head))?;
    let mut digest = Sha256::new();
    let mut left = size;
    while left > 0 {
        let chunk = running.stdout.fill_buf();
        let chunk = match chunk {
            Ok([]) => return Err(running.missing(format!("{object} ends early"))),
            Ok(chunk) => &chunk[..chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX))],
            Err(source) => return Err(running.broken(source)),
        };
        digest.update(chunk);
        if let Some(keep) = keep.as_mut() {
            keep.extend_from_slice(chunk);
        }
        let read = chunk.len();
        running.stdout.consume(read);
        left -= read as u64;
    }
    running.stdout.read_exact(&mut [0]).map_err(|source| running.broken(source))?;
    Ok((size, digest.finalize().into()))
}

fn manifest(entries: &[Entry], hashes: &HashMap<&str, (u64, [u8; 32])>) -> Tree {
    let mut text = HEADER.to_owned();
    let mut bytes = 0;
    for entry in entries {
        let (size, hash) = match hashes.get(&*entry.object) {
            Some((size, hash)) if !entry.is_submodule() => (*size, hex::encode(hash)),
            _ => (0, entry.object.clone()),
        };
        bytes += size;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {size} {hash}  {}", entry.mode, escape(&entry.path));
    }
    let content_hash = B256::from_slice(&Sha256::digest(text.as_bytes()));
    let files = entries.len() as u64;
    Tree { manifest: text.into_bytes(), content_hash, files, bytes, contents: Contents::new() }
}

/// Writes a path as in the manifest: reversibly, on one line, in UTF-8.
pub(crate) fn escape(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    let hex = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            let _ = write!(text, "\\x{byte:02x}");
        }
    };
    for chunk in path.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                _ if letter.is_control() => hex(&mut text, letter.encode_utf8(&mut [0; 4]).as_bytes()),
                _ => text.push(letter),
            }
        }
        hex(&mut text, chunk.invalid());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_reversibly() {
        for (path, text) in [
            (&b"a b/c.rs"[..], "a b/c.rs"),
            ("ü/日本".as_bytes(), "ü/日本"),
            (b"a\nb\tc", r"a\x0ab\x09c"),
            (br"a\x0ab", r"a\\x0ab"),
            (b"\xff\xc3(", r"\xff\xc3("),
            ("a\u{85}b".as_bytes(), r"a\xc2\x85b"),
        ] {
            assert_eq!(escape(path), text);
        }
    }
}
