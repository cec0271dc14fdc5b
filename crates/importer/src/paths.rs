//! What the path of a file says about it.

/// Folders that hold tests.
const TEST_FOLDERS: [&str; 4] = ["test", "tests", "__tests__", "spec"];
/// Folders that contain other people's files or made-up ones. Their lock files say nothing about this
/// work.
const FOREIGN_FOLDERS: [&str; 7] =
    ["node_modules", "vendor", "third_party", "fixtures", "__fixtures__", "testdata", "test-data"];

/// Returns the folders above a file, outermost first.
pub(crate) fn folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let folders = path.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |end| &path[..end]);
    folders.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
}

/// Returns whether a part of a path is one of these names, in any case.
pub(crate) fn one_of(part: &[u8], names: &[&str]) -> bool {
    names.iter().any(|name| part.eq_ignore_ascii_case(name.as_bytes()))
}

/// Returns the part after the last slash.
pub(crate) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Returns the part before the last slash, empty at the top.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns whether the file is a test. It is in a folder of tests, or is named `*_test.*`, `*.test.*`,
/// `*.spec.*`, `test_*.*` or `*.t.sol`.
pub(crate) fn is_test(path: &[u8]) -> bool {
    if folders(path).any(|part| one_of(part, &TEST_FOLDERS)) {
        return true;
    }
    let name = String::from_utf8_lossy(file_name(path)).to_ascii_lowercase();
    let Some((stem, _)) = name.split_once('.') else { return false };
    let infix = |infix: &str| name.find(infix).is_some_and(|at| at > 0);
    stem.ends_with("_test") && stem.len() > 5
        || infix("_test.")
        || infix(".test.")
        || infix(".spec.")
        || name.starts_with("test_")
        || name.len() > 6 && name.ends_with(".t.sol")
}

/// Returns whether a lock file at this path is about somebody else's work, or about no work.
pub(crate) fn is_foreign(path: &[u8]) -> bool {
    folders(path).any(|part| one_of(part, &TEST_FOLDERS) || one_of(part, &FOREIGN_FOLDERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_folder_or_name() {
        for path in [
            "tests/a.rs",
            "src/test/A.java",
            "a/__tests__/b.js",
            "spec/x.rb",
            "Tests/X.swift",
            "pkg/log_test.go",
            "ui/app.test.tsx",
            "ui/app.spec.ts",
            "test_units.py",
            "contracts/Market.t.sol",
            "a_test.b.c",
        ] {
            assert!(is_test(path.as_bytes()), "{path}");
        }
        for path in [
            "src/contest.rs",
            "attest/a.rs",
            "latest.js",
            "test",
            "src/tests.rs",
            "specs.md",
            "t.sol",
            "testing/a.c",
            "",
        ] {
            assert!(!is_test(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn lock_files_of_fixtures_and_vendored_code_are_foreign() {
        for path in ["tests/x/Cargo.lock", "a/node_modules/b/package-lock.json", "vendor/c/Cargo.lock"] {
            assert!(is_foreign(path.as_bytes()), "{path}");
        }
        assert!(!is_foreign(b"Cargo.lock") && !is_foreign(b"fuzz/Cargo.lock") && !is_foreign(b"examples/a/Cargo.lock"));
    }
}
