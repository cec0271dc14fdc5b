//! Counts lines of code, of comments, and of test code.
//!
//! A line with anything except a comment on it is code. A line with only spaces is neither. A text between quotes ends
//! with its line, unless the language says otherwise, so a comment marker within a text of several lines may be misread.

use serde::{Deserialize, Serialize};

use super::language::Language;

/// How many lines of each sort a file or a work has. Blank lines do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Code that is not test code.
    pub code: u64,
    /// Code that tests.
    pub tests: u64,
    /// Comments in files that are not tests.
    pub comments: u64,
}

impl Lines {
    pub(super) fn add(&mut self, other: Self) {
        self.code += other.code;
        self.tests += other.tests;
        self.comments += other.comments;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Blank,
    Comment,
    Code,
}

/// Counts the lines of a file. In a test file, all code is test code. In others, only modules of unit tests are, as in
/// Rust.
pub(super) fn count(language: &'static Language, is_test: bool, text: &[u8]) -> Lines {
    let mut scanner = Scanner::new(language);
    let mut unit_tests = UnitTests::Outside;
    let mut lines = Lines::default();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let tests = is_test || (language.name == "Rust" && unit_tests.step(line));
        match scanner.sort(line) {
            Sort::Code if tests => lines.tests += 1,
            Sort::Code => lines.code += 1,
            Sort::Comment if !tests => lines.comments += 1,
            Sort::Comment | Sort::Blank => {}
        }
    }
    lines
}

/// The position with regard to a file's modules of unit tests: `#[cfg(test)]` and `mod ... {` in the first column, up to
/// the next `}` there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnitTests {
    Outside,
    Announced,
    Inside,
}

impl UnitTests {
    /// Returns whether the line belongs to such a module.
    fn step(&mut self, line: &[u8]) -> bool {
        let before = *self;
        *self = match before {
            Self::Outside if line == b"#[cfg(test)]" => Self::Announced,
            Self::Announced if line.starts_with(b"mod ") && line.ends_with(b"{") => Self::Inside,
            Self::Announced if line.starts_with(b"#[") => Self::Announced,
            Self::Inside if line != b"}" => Self::Inside,
            _ => Self::Outside,
        };
        before == Self::Inside || *self != Self::Outside
    }
}

/// What a line begins in.
#[derive(Debug, Clone, Copy)]
enum Open {
    Nothing,
    Comment(&'static str),
    Text(&'static str),
}

struct Scanner {
    language: &'static Language,
    /// Bytes at which a marker may begin.
    begins: [bool; 256],
    open: Open,
}

impl Scanner {
    fn new(language: &'static Language) -> Self {
        let pairs = [language.block, language.block_at_start, language.long].into_iter().flatten().map(|pair| pair.0);
        let firsts = pairs.chain(language.line.iter().copied()).map(|marker| marker.as_bytes()[0]);
        let mut begins = [false; 256];
        for byte in firsts.chain(language.quotes.iter().copied()) {
            begins[usize::from(byte)] = true;
        }
        Self { language, begins, open: Open::Nothing }
    }

    fn sort(&mut self, line: &[u8]) -> Sort {
        let mut sort = Sort::Blank;
        let mut at = 0;
        while at < line.len() {
            match self.open {
                _ if line[at].is_ascii_whitespace() => at += 1,
                Open::Comment(end) => {
                    sort = if sort == Sort::Code { sort } else { Sort::Comment };
                    at = self.close(line, at, end);
                }
                Open::Text(end) => {
                    sort = Sort::Code;
                    at = self.close(line, at, end);
                }
                Open::Nothing if !self.begins[usize::from(line[at])] => {
                    sort = Sort::Code;
                    at += 1;
                }
                Open::Nothing => at = self.marker(line, at, &mut sort),
            }
        }
        sort
    }

    /// Moves past what may be a marker, and returns the place after it.
    fn marker(&mut self, line: &[u8], at: usize, sort: &mut Sort) -> usize {
        let rest = &line[at..];
        let begins = |pairs: &'static [(&str, &'static str)]| {
            pairs.iter().copied().find(|(start, _)| rest.starts_with(start.as_bytes()))
        };
        let comment = begins(self.language.block).or_else(|| begins(self.language.block_at_start).filter(|_| at == 0));
        if let Some((start, end)) = comment {
            self.open = Open::Comment(end);
            *sort = if *sort == Sort::Code { Sort::Code } else { Sort::Comment };
            return at + start.len();
        }
        if self.language.line.iter().any(|start| rest.starts_with(start.as_bytes())) {
            *sort = if *sort == Sort::Code { Sort::Code } else { Sort::Comment };
            return line.len();
        }
        if let Some((start, end)) = begins(self.language.long) {
            let documents = self.language.doc_strings && *sort == Sort::Blank;
            self.open = if documents { Open::Comment(end) } else { Open::Text(end) };
            *sort = if documents { Sort::Comment } else { Sort::Code };
            return at + start.len();
        }
        *sort = Sort::Code;
        if self.language.quotes.contains(&rest[0]) { at + 1 + text(&rest[1..], rest[0]) } else { at + 1 }
    }

    /// Looks for the end of the open comment or text, and returns the place after it, or the end of the line.
    fn close(&mut self, line: &[u8], at: usize, end: &str) -> usize {
        match line[at..].windows(end.len()).position(|part| part == end.as_bytes()) {
            Some(found) => {
                self.open = Open::Nothing;
                at + found + end.len()
            }
            None => line.len(),
        }
    }
}

/// Returns the length of the rest of a text, including its closing quote.
fn text(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*, sample::select};

    use super::*;
    use crate::coherence::language::Form;

    fn counted(name: &str, text: &str) -> (u64, u64, u64) {
        let Form::Code(language) = Form::of(name.as_bytes()) else { panic!("{name} is no code") };
        let lines = count(language, crate::paths::is_test(name.as_bytes()), text.as_bytes());
        (lines.code, lines.tests, lines.comments)
    }

    #[test]
    fn code_is_told_from_comments() {
        for (name, text, code, comments) in [
            ("a.rs", "//! Doc.\n\nfn a() {} // b\n/* c\n\n d */\nlet s = \"/*\";\n", 2, 3),
            ("a.rs", "let q = '\"'; /* c\n*/ let r = r#\"\n// \"\"#;\n", 3, 0),
            ("a.rs", "fn a<'a>() {}\r\n// c\r\n\r\n", 1, 1),
            ("a.js", "glob('src/**/*.js')\nx = `\n// text\n`\n// c\n", 4, 1),
            ("a.c", "char c = '\"'; /* d */\n/* e */ int f;\n/* g */ // h\n", 2, 1),
            ("a.c", "char *s = \"a\\\"/*\";\nint b;\n", 2, 0),
            ("a.py", "\"\"\"Doc\n\nmore.\"\"\"\n# c\nx = \"\"\"\n# text\n\"\"\"\ny = '#'\n", 4, 3),
            ("a.rb", "=begin\nc\n=end\nx = 1 # d\n y =begin\n", 2, 3),
            ("a.lua", "-- a\n--[[ b\nc ]]\nx = [[\n-- text ]]\n", 2, 3),
            ("a.sql", "-- a\nSELECT '--' /* b */\n/* c */\n", 1, 2),
            ("a.hs", "{- a\n-}\nf x = x -- b\n", 1, 2),
            ("a.ml", "(* a *)\nlet x = 1\n", 1, 1),
            ("a.clj", "; a\n(b) ; c\n", 1, 1),
            ("a.css", "/* a */\nb { } \n", 1, 1),
            ("a.sh", "#!/bin/sh\necho $# '#'\n", 1, 1),
            ("a.go", "", 0, 0),
            ("a.go", "/* never ends\nx\n", 0, 2),
        ] {
            assert_eq!(counted(name, text), (code, 0, comments), "{name}: {text}");
        }
    }

    #[test]
    fn tests_are_files_and_modules_of_rust() {
        assert_eq!(counted("tests/a.rs", "// c\nfn a() {}\n"), (0, 1, 0));
        let text =
            "fn a() {}\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n    // c\n    fn b() {\n    }\n}\nfn c() {}\n";
        assert_eq!(counted("src/a.rs", text), (2, 6, 0));
        assert_eq!(counted("src/a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}\n"), (2, 1, 0));
        assert_eq!(counted("src/a.rs", "#[cfg(test)]\nuse a;\nmod b {\n}\n"), (3, 1, 0));
    }

    proptest! {
        #[test]
        fn a_line_that_is_not_blank_is_code_or_comment(
            extension in select(&["rs", "c", "py", "rb", "js", "lua", "sql", "ml", "clj", "erl", "jl", "vue", "pl"][..]),
            parts in collection::vec(select(PARTS), 0..60), is_test in any::<bool>()
        ) {
            let text = parts.concat();
            let Form::Code(language) = Form::of(format!("a.{extension}").as_bytes()) else { panic!("{extension}") };
            let Lines { code, tests, comments } = count(language, is_test, text.as_bytes());
            let filled = text.lines().filter(|line| !line.trim().is_empty()).count() as u64;
            if is_test {
                prop_assert!(code + comments == 0 && tests <= filled);
            } else {
                prop_assert_eq!((code + comments, tests), (filled, 0));
            }
        }
    }

    const PARTS: &[&str] = &[
        "\n", "\n", " ", "a", "/", "*", "//", "/*", "*/", "\"", "'", "\\", "#", "--", "--[[", "]]", "\"\"\"", "`",
        "=begin", "=end", "(*", "*)", "{-", ";", "%", "<!--", "-->", "r#\"", "\"#", "é", "[[", "=cut",
    ];
}
