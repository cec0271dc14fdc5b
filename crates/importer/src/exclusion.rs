//! Which files are not about the work, so that their dependencies, reports and lines do not count.
//!
//! The person who imports comes first ([`Exclude`]), then `tributary-exclude` and `linguist-vendored` in `.gitattributes`,
//! then the names of folders: those of tests, fixtures and other people's code. `linguist-generated` and `export-ignore`
//! exclude nothing, because many repositories mark their own lock files so. History and manifest are always whole.

use crate::{
    ImportError,
    attributes::{Attributes, Marks, Pattern},
    git::Git,
    paths,
    tree::Entry,
};

/// More patterns than this are refused.
const MAX_PATTERNS: u64 = 64;

/// Patterns of the paths that the person who imports leaves out. They are written as in `.gitignore`: `examples/` and all
/// below it, `*.sarif` in any folder, `/old/Cargo.lock` at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclude {
    patterns: Vec<Pattern>,
}

impl Exclude {
    /// Reads patterns.
    ///
    /// # Errors
    /// When a pattern is empty, is longer than 256 bytes, or has brackets, quotes, backslashes or an exclamation mark,
    /// which are not understood, or when there are more than 64 patterns.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ImportError> {
        let mut exclude = Self::default();
        for pattern in patterns {
            let text = pattern.as_ref().trim();
            let path = text.strip_prefix("./").unwrap_or(text);
            let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
            let wrong = || ImportError::Pattern { pattern: text.chars().take(100).collect() };
            exclude.patterns.push(Pattern::of(path.as_bytes()).ok_or_else(wrong)?);
            crate::error::at_most(MAX_PATTERNS, exclude.patterns.len() as u64, "patterns", "the list of exclusions")?;
        }
        Ok(exclude)
    }

    /// Returns whether a path fits, or a folder above it.
    fn has(&self, path: &[u8]) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        self.patterns.iter().any(|pattern| (1..=parts.len()).any(|length| pattern.fits(&parts[..length])))
    }
}

/// What is known about the files of one commit.
#[derive(Debug, Default)]
pub(crate) struct Exclusion {
    exclude: Exclude,
    attributes: Attributes,
}

impl Exclusion {
    pub(crate) fn read(git: &Git, entries: &[Entry], exclude: &Exclude) -> Result<Self, ImportError> {
        Ok(Self { exclude: exclude.clone(), attributes: Attributes::read(git, entries)? })
    }

    /// Returns whether lock files and reports at this path are left out.
    pub(crate) fn has(&self, path: &[u8]) -> bool {
        let Marks { excluded, vendored, .. } = self.marks(path);
        excluded.or(vendored).unwrap_or_else(|| paths::is_foreign(path))
    }

    /// Returns what the person who imports and the attributes say about a file.
    pub(crate) fn marks(&self, path: &[u8]) -> Marks {
        let mut marks = self.attributes.of(path);
        if self.exclude.has(path) {
            marks.excluded = Some(true);
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_gitignore() {
        for (pattern, path, fits) in [
            ("examples/", "examples/a/Cargo.lock", true),
            ("examples", "b/examples/Cargo.lock", true),
            ("./examples", "examples/Cargo.lock", true),
            ("/examples", "b/examples/Cargo.lock", false),
            ("*.sarif", "a/b.sarif", true),
            ("a/*/Cargo.lock", "a/b/Cargo.lock", true),
            ("a/*/Cargo.lock", "a/b/c/Cargo.lock", false),
            ("**/demo/**", "x/demo/y/z", true),
            ("examples", "examples.rs", false),
        ] {
            assert_eq!(Exclude::new([pattern]).unwrap().has(path.as_bytes()), fits, "{pattern} {path}");
        }
        for wrong in ["", "a[b]", "!a", "a\\b", &"a".repeat(300)] {
            let error = Exclude::new([wrong]).unwrap_err();
            assert!(matches!(&error, ImportError::Pattern { .. }), "{error}");
        }
        assert!(matches!(Exclude::new(["a"; 65]), Err(ImportError::Limit { limit: 64, .. })));
    }
}
