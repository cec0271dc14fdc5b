//! How programming languages mark comments and string literals. This is only as detailed as telling code
//! from comments requires.

/// A language, known by the extensions of its files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Language {
    pub(super) name: &'static str,
    extensions: &'static [&'static str],
    /// What makes the rest of a line a comment.
    pub(super) line: &'static [&'static str],
    /// Where comments of several lines begin and end.
    pub(super) block: &'static [(&'static str, &'static str)],
    /// Where comments of several lines begin and end, if they may begin in the first column only.
    pub(super) block_at_start: &'static [(&'static str, &'static str)],
    /// The quotes around a text on one line. A backslash escapes the next character.
    pub(super) quotes: &'static [u8],
    /// Where texts of several lines begin and end.
    pub(super) long: &'static [(&'static str, &'static str)],
    /// Whether such a text is documentation when it begins a line.
    pub(super) doc_strings: bool,
}

const C_LIKE: Language = Language {
    name: "",
    extensions: &[],
    line: &["//"],
    block: &[("/*", "*/")],
    block_at_start: &[],
    quotes: b"\"'",
    long: &[],
    doc_strings: false,
};
const HASH: Language = Language { line: &["#"], block: &[], ..C_LIKE };
const ML: Language = Language { line: &[], block: &[("(*", "*)")], quotes: b"\"", ..C_LIKE };
const LISP: Language = Language { line: &[";"], block: &[], quotes: b"\"", ..C_LIKE };

const TRIPLE: &[(&str, &str)] = &[("\"\"\"", "\"\"\"")];
const BACKTICK: &[(&str, &str)] = &[("`", "`")];

const LANGUAGES: &[Language] = &[
    // `'"'` is a character in Rust, while a single `'` mostly begins a lifetime.
    Language { name: "Rust", extensions: &["rs"], quotes: b"\"", long: &[("r#\"", "\"#"), ("'\"", "'")], ..C_LIKE },
    Language { name: "C", extensions: &["c", "h"], ..C_LIKE },
    Language { name: "C++", extensions: &["cc", "cpp", "cxx", "hh", "hpp", "hxx"], ..C_LIKE },
    Language { name: "Objective-C", extensions: &["m", "mm"], ..C_LIKE },
    Language { name: "C#", extensions: &["cs"], ..C_LIKE },
    Language { name: "Java", extensions: &["java"], long: TRIPLE, ..C_LIKE },
    Language { name: "Kotlin", extensions: &["kt", "kts"], long: TRIPLE, ..C_LIKE },
    Language { name: "Scala", extensions: &["scala"], long: TRIPLE, ..C_LIKE },
    Language { name: "Groovy", extensions: &["groovy", "gradle"], long: TRIPLE, ..C_LIKE },
    Language { name: "Swift", extensions: &["swift"], long: TRIPLE, ..C_LIKE },
    Language { name: "Dart", extensions: &["dart"], long: &[("\"\"\"", "\"\"\""), ("'''", "'''")], ..C_LIKE },
    Language { name: "Go", extensions: &["go"], long: BACKTICK, ..C_LIKE },
    Language { name: "JavaScript", extensions: &["js", "jsx", "mjs", "cjs"], long: BACKTICK, ..C_LIKE },
    Language { name: "TypeScript", extensions: &["ts", "tsx", "mts", "cts"], long: BACKTICK, ..C_LIKE },
    Language { name: "Vue", extensions: &["vue"], block: &[("<!--", "-->"), ("/*", "*/")], long: BACKTICK, ..C_LIKE },
    Language { name: "Svelte", extensions: &["svelte"], block: &[("<!--", "-->"), ("/*", "*/")], ..C_LIKE },
    Language { name: "Solidity", extensions: &["sol"], ..C_LIKE },
    Language { name: "PHP", extensions: &["php"], line: &["//", "#"], ..C_LIKE },
    Language { name: "Zig", extensions: &["zig"], block: &[], ..C_LIKE },
    Language { name: "CSS", extensions: &["css"], line: &[], ..C_LIKE },
    Language { name: "Sass", extensions: &["scss", "less"], ..C_LIKE },
    Language {
        name: "Python",
        extensions: &["py", "pyi"],
        long: &[("\"\"\"", "\"\"\""), ("'''", "'''")],
        doc_strings: true,
        ..HASH
    },
    Language { name: "Ruby", extensions: &["rb"], block_at_start: &[("=begin", "=end")], ..HASH },
    Language { name: "Shell", extensions: &["sh", "bash", "zsh"], ..HASH },
    Language {
        name: "Perl",
        extensions: &["pl", "pm"],
        block_at_start: &[("=pod", "=cut"), ("=head", "=cut")],
        ..HASH
    },
    Language { name: "R", extensions: &["r"], ..HASH },
    Language { name: "Elixir", extensions: &["ex", "exs"], long: TRIPLE, ..HASH },
    Language { name: "Julia", extensions: &["jl"], block: &[("#=", "=#")], quotes: b"\"", long: TRIPLE, ..HASH },
    Language {
        name: "Lua",
        extensions: &["lua"],
        line: &["--"],
        block: &[("--[[", "]]")],
        long: &[("[[", "]]")],
        ..C_LIKE
    },
    Language { name: "Haskell", extensions: &["hs"], line: &["--"], block: &[("{-", "-}")], quotes: b"\"", ..C_LIKE },
    Language { name: "SQL", extensions: &["sql"], line: &["--"], quotes: b"'", ..C_LIKE },
    Language { name: "OCaml", extensions: &["ml", "mli"], ..ML },
    Language { name: "F#", extensions: &["fs", "fsi"], line: &["//"], long: TRIPLE, ..ML },
    Language { name: "Clojure", extensions: &["clj", "cljs", "cljc"], ..LISP },
    Language { name: "Lisp", extensions: &["lisp", "el", "scm", "rkt"], ..LISP },
    Language { name: "MeTTa", extensions: &["metta"], ..LISP },
    Language { name: "Erlang", extensions: &["erl", "hrl"], line: &["%"], block: &[], quotes: b"\"", ..C_LIKE },
];

/// Text for people to read.
const PROSE: [&str; 8] = ["md", "markdown", "mdx", "rst", "adoc", "asciidoc", "org", "txt"];
/// Text files that hold data or settings. What works have in common there says nothing about them.
const DATA: [&str; 15] = [
    "json",
    "json5",
    "jsonc",
    "yaml",
    "yml",
    "toml",
    "xml",
    "csv",
    "tsv",
    "svg",
    "ini",
    "cfg",
    "conf",
    "lock",
    "properties",
];

/// The kind of a file, by its extension.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Code(&'static Language),
    Prose,
    Data,
    Other,
}

impl Form {
    /// Returns the kind of a file by the part of its name after the last dot.
    pub(super) fn of(name: &[u8]) -> Self {
        let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return Self::Other };
        let extension = String::from_utf8_lossy(&name[dot + 1..]).to_ascii_lowercase();
        if let Some(language) = LANGUAGES.iter().find(|language| language.extensions.contains(&&*extension)) {
            Self::Code(language)
        } else if PROSE.contains(&&*extension) {
            Self::Prose
        } else if DATA.contains(&&*extension) {
            Self::Data
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn forms_go_by_the_last_extension() {
        let name = |file: &str| match Form::of(file.as_bytes()) {
            Form::Code(language) => language.name,
            Form::Prose => "prose",
            Form::Data => "data",
            Form::Other => "other",
        };
        for (file, form) in [
            ("lib.rs", "Rust"),
            ("A.TEST.TSX", "TypeScript"),
            ("README.md", "prose"),
            ("package.json", "data"),
            ("logo.png", "other"),
            ("Makefile", "other"),
            ("", "other"),
            (".", "other"),
        ] {
            assert_eq!(name(file), form, "{file}");
        }
    }

    #[test]
    fn an_extension_has_one_form() {
        let mut seen = BTreeSet::new();
        let code = LANGUAGES.iter().flat_map(|language| language.extensions);
        for extension in code.chain(&PROSE).chain(&DATA) {
            assert!(seen.insert(*extension), "{extension} stands twice");
        }
    }
}
