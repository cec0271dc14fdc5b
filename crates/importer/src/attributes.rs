//! What the repository's `.gitattributes` say about its files: `linguist-generated` and `linguist-vendored` name those that
//! the people of the work did not write, and `tributary-exclude` those that are not about the work.
//!
//! Patterns are written as in git. Without a slash, they name a file in any folder below. With a slash, they name a path
//! that begins at their own folder. `*` and `?` stay within one part of a path, and `**` stands for any number of parts.
//! Patterns with brackets, backslashes or quotes are ignored, and so are macros. Later lines and deeper folders outrank
//! others.

use crate::{
    ImportError,
    git::Git,
    paths,
    tree::{self, Entry},
};

/// Files of attributes beyond this number are ignored.
const MAX_FILES: usize = 64;
/// Larger files of attributes are ignored, in bytes.
const MAX_BYTES: u64 = 64 << 10;
/// Further lines about these attributes are ignored, because each one is applied to every file.
const MAX_RULES: usize = 64;
/// Lines with longer patterns than this are ignored, in bytes.
const MAX_PATTERN: usize = 256;

/// Whether a file is counted as the work's own, and the reason if it is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// `Some(false)` if the attributes say that it is not.
    pub(crate) generated: Option<bool>,
    pub(crate) vendored: Option<bool>,
    pub(crate) excluded: Option<bool>,
}

#[derive(Debug)]
struct Rule {
    /// The folder of its file, empty or with a slash at its end.
    folder: Vec<u8>,
    pattern: Pattern,
    marks: Marks,
}

/// A pattern for paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The parts of the pattern; a pattern without a slash has `**` before it.
    parts: Vec<Vec<u8>>,
}

impl Pattern {
    /// Reads a pattern, unless it is of a form that is not known.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        if text.is_empty()
            || text.len() > MAX_PATTERN
            || text.iter().any(|byte| matches!(byte, b'[' | b'\\' | b'"' | b'!'))
        {
            return None;
        }
        let anchored = text.strip_prefix(b"/").unwrap_or(text);
        let mut parts: Vec<Vec<u8>> = anchored.split(|byte| *byte == b'/').map(<[u8]>::to_owned).collect();
        if !text.contains(&b'/') {
            parts.insert(0, b"**".to_vec());
        }
        Some(Self { parts })
    }

    /// Returns whether a path fits, given by its parts.
    pub(crate) fn fits(&self, path: &[&[u8]]) -> bool {
        let part = |pattern: &Vec<u8>, part: &&[u8]| {
            wild(pattern, part, |letter| *letter == b'*', |letter, byte| *letter == b'?' || letter == byte)
        };
        wild(&self.parts, path, |pattern| pattern == b"**", part)
    }
}

/// The rules of a tree, weakest first.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    rules: Vec<Rule>,
}

impl Attributes {
    /// Reads all files of attributes of a commit.
    pub(crate) fn read(git: &Git, entries: &[Entry]) -> Result<Self, ImportError> {
        let is_read = |entry: &&Entry| {
            paths::file_name(&entry.path) == b".gitattributes" && entry.is_regular() && entry.size <= MAX_BYTES
        };
        let mut files: Vec<&Entry> = entries.iter().filter(is_read).collect();
        files.sort_by_key(|entry| paths::folders(&entry.path).count());
        files.truncate(MAX_FILES);
        let mut attributes = Self::default();
        tree::contents(git, &files, |number, content| attributes.add(&files[number].path, content))?;
        Ok(attributes)
    }

    /// Adds a file of attributes. Files of outer folders must be added first.
    fn add(&mut self, path: &[u8], content: &[u8]) {
        let folder = path[..path.len() - paths::file_name(path).len()].to_owned();
        for line in content.split(|byte| *byte == b'\n') {
            if self.rules.len() == MAX_RULES {
                return;
            }
            self.rules.extend(rule(&folder, line));
        }
    }

    /// Returns what the attributes say about a file.
    pub(crate) fn of(&self, path: &[u8]) -> Marks {
        let mut marks = Marks::default();
        for rule in &self.rules {
            let Some(below) = path.strip_prefix(&*rule.folder) else { continue };
            let parts: Vec<&[u8]> = below.split(|byte| *byte == b'/').collect();
            if rule.pattern.fits(&parts) {
                marks.generated = rule.marks.generated.or(marks.generated);
                marks.vendored = rule.marks.vendored.or(marks.vendored);
                marks.excluded = rule.marks.excluded.or(marks.excluded);
            }
        }
        marks
    }
}

/// Reads one line, if it is about these attributes.
fn rule(folder: &[u8], line: &[u8]) -> Option<Rule> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let pattern = words.next().filter(|pattern| !pattern.starts_with(b"#")).and_then(Pattern::of)?;
    let mut marks = Marks::default();
    for word in words {
        let (name, said) = match word.strip_prefix(b"-") {
            Some(name) => (name, false),
            None => match word.iter().position(|byte| *byte == b'=') {
                Some(at) => (&word[..at], &word[at..] != b"=false"),
                None => (word, true),
            },
        };
        match name {
            b"linguist-generated" => marks.generated = Some(said),
            b"linguist-vendored" => marks.vendored = Some(said),
            b"tributary-exclude" => marks.excluded = Some(said),
            _ => {}
        }
    }
    (marks != Marks::default()).then(|| Rule { folder: folder.to_owned(), pattern, marks })
}

/// Returns whether a pattern with stars fits a whole text. The number of steps is at most the product of their lengths,
/// because only the last star is ever tried again.
fn wild<P, T>(pattern: &[P], text: &[T], is_star: impl Fn(&P) -> bool, fits: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        if pattern.get(p).is_some_and(&is_star) {
            retry = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|part| fits(part, &text[t])) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(lines: &str, path: &str) -> Option<bool> {
        let mut attributes = Attributes::default();
        attributes.add(b".gitattributes", lines.as_bytes());
        attributes.of(path.as_bytes()).generated
    }

    #[test]
    fn patterns_are_those_of_git() {
        for (pattern, path, fits) in [
            ("*.pb.rs", "a/b/x.pb.rs", true),
            ("*.pb.rs", "x.pb.rs.txt", false),
            ("gen/*.rs", "gen/a.rs", true),
            ("gen/*.rs", "gen/b/a.rs", false),
            ("gen/*.rs", "c/gen/a.rs", false),
            ("/a.rs", "a.rs", true),
            ("/a.rs", "b/a.rs", false),
            ("gen/**", "gen/b/a.rs", true),
            ("**/gen/*.rs", "a/b/gen/c.rs", true),
            ("a/**/z.rs", "a/z.rs", true),
            ("a/**/z.rs", "a/b/c/z.rs", true),
            ("a?.rs", "ab.rs", true),
            ("a?.rs", "a.rs", false),
            ("gen/", "gen/a.rs", false),
            ("*a*b*c", "xaxbxbxc", true),
            ("[ab].rs", "a.rs", false),
        ] {
            let said = generated(&format!("{pattern} linguist-generated\n"), path);
            assert_eq!(said, fits.then_some(true), "{pattern} {path}");
        }
    }

    #[test]
    fn values_order_and_folders() {
        for (lines, said) in [
            ("* linguist-generated=true", Some(true)),
            ("* -linguist-generated", Some(false)),
            ("* linguist-generated=false text", Some(false)),
            ("* text=auto", None),
            ("# * linguist-generated", None),
            ("* linguist-generated\r\na.rs -linguist-generated", Some(false)),
        ] {
            assert_eq!(generated(lines, "a.rs"), said, "{lines}");
        }
        let mut attributes = Attributes::default();
        attributes.add(b".gitattributes", b"lib/** linguist-vendored");
        attributes.add(b"lib/ours/.gitattributes", b"*.rs -linguist-vendored");
        assert_eq!(attributes.of(b"lib/a.rs").vendored, Some(true));
        assert_eq!(attributes.of(b"lib/ours/a.rs").vendored, Some(false));
    }

    #[test]
    fn many_stars_and_many_lines_end_soon() {
        let stars = format!("{}b linguist-generated", "*a".repeat(MAX_PATTERN / 2 - 1));
        assert_eq!(generated(&stars, &"a".repeat(4000)), None);
        assert_eq!(generated(&stars, &format!("{}b", "a".repeat(4000))), Some(true));
        assert_eq!(generated(&format!("{} linguist-generated", "*".repeat(MAX_PATTERN + 1)), "a"), None);
        let lines = "x linguist-generated\n".repeat(MAX_RULES) + "y linguist-generated\n";
        assert_eq!((generated(&lines, "x"), generated(&lines, "y")), (Some(true), None));
    }
}
