//! Reads lcov's tracefiles, which say which lines of which files a run of tests reached.
//!
//! ```text
//! TN:unit            name of the tests, may be empty
//! SF:src/lib.rs      a record of one file begins
//! DA:12,3            line 12 was run 3 times
//! LF:1               lines that could be run
//! LH:1               lines that were
//! BRF:2  BRH:1       the same of branches; FNF and FNH of functions
//! end_of_record
//! ```
//!
//! Records of one file are added together, and so are reports of several runs. If lines are listed, they count, and `LF`
//! and `LH` do not. Tags that are not named here are ignored.

use std::collections::BTreeMap;

/// A larger report is refused.
pub const MAX_BYTES: u64 = 32 << 20;
/// A report with more files than this is refused.
pub const MAX_FILES: usize = 200_000;
/// Longer names of files than this are refused, in bytes.
pub const MAX_NAME: usize = 4096;

/// How much could be reached, and how much was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// How many there are.
    pub found: u64,
    /// How many were run at least once. This is never more than there are.
    pub hit: u64,
}

/// What tests reached of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// How often each listed line was run, by its number.
    pub lines: BTreeMap<u32, u64>,
    /// The totals that were written where no line is listed.
    pub line_totals: Reached,
    /// Branches.
    pub branches: Reached,
    /// Functions.
    pub functions: Reached,
}

impl File {
    /// Returns how many lines could be run, and how many were.
    pub fn reached(&self) -> Reached {
        if self.lines.is_empty() {
            return self.line_totals;
        }
        let hit = self.lines.values().filter(|count| **count > 0).count() as u64;
        Reached { found: self.lines.len() as u64, hit }
    }
}

/// A tracefile, or several added together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Files by the name the report gives them.
    pub files: BTreeMap<String, File>,
}

/// A report that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {detail}")]
pub struct Malformed {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub detail: String,
}

impl Coverage {
    /// Adds a report. When it is malformed, nothing of it is added.
    ///
    /// # Errors
    /// Returns the first line that is wrong, or the limit that is exceeded.
    pub fn add(&mut self, report: &[u8]) -> Result<(), Malformed> {
        let malformed = |line, detail: String| Malformed { line, detail };
        if report.len() as u64 > MAX_BYTES {
            return Err(malformed(1, format!("the report has {} bytes, the limit is {MAX_BYTES}", report.len())));
        }
        let mut records = Vec::new();
        let mut open: Option<Record> = None;
        let mut last = 0;
        for (number, line) in report.split(|byte| *byte == b'\n').enumerate() {
            last = number + 1;
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if let Some(record) = step(&mut open, line).map_err(|detail| malformed(last, detail))? {
                records.push(record);
            }
        }
        if let Some(record) = open {
            return Err(malformed(last, format!("the record of {} does not end", record.name)));
        }
        let new = records.iter().filter(|record| !self.files.contains_key(&record.name)).count();
        if self.files.len() + new > MAX_FILES {
            return Err(malformed(last, format!("there are more than {MAX_FILES} files")));
        }
        for record in records {
            merge(self.files.entry(record.name).or_default(), record.file);
        }
        Ok(())
    }

    /// Lines of all files.
    pub fn reached(&self) -> Reached {
        self.files.values().map(File::reached).fold(Reached::default(), |sum, file| Reached {
            found: sum.found.saturating_add(file.found),
            hit: sum.hit.saturating_add(file.hit),
        })
    }
}

#[derive(Debug)]
struct Record {
    name: String,
    file: File,
}

/// Takes one line, and returns the record that it ends.
fn step(open: &mut Option<Record>, line: &[u8]) -> Result<Option<Record>, String> {
    let text = String::from_utf8_lossy(line);
    if text == "end_of_record" {
        let record = open.take().ok_or("a record ends that did not begin")?;
        let File { line_totals, branches, functions, .. } = record.file;
        for (what, Reached { found, hit }) in [("lines", line_totals), ("branches", branches), ("functions", functions)]
        {
            if hit > found {
                return Err(format!("in the record of {} {hit} {what} were reached of {found}", record.name));
            }
        }
        return Ok(Some(record));
    }
    let tag = text.split_once(':').filter(|(tag, _)| {
        !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    });
    let Some((tag, value)) = tag else { return Err(format!("{:?} is no line of a tracefile", start(&text))) };
    match (tag, open.as_mut()) {
        ("SF", None) if value.is_empty() || value.len() > MAX_NAME => {
            return Err(format!("a file's name has 1 to {MAX_NAME} bytes"));
        }
        ("SF", None) => *open = Some(Record { name: value.to_owned(), file: File::default() }),
        ("SF", Some(record)) => return Err(format!("a record begins within that of {}", record.name)),
        ("DA", Some(record)) => {
            let (line, count) = executed(value).ok_or_else(|| format!("{:?} is no line and count", start(value)))?;
            let sum = record.file.lines.entry(line).or_default();
            *sum = sum.saturating_add(count);
        }
        ("LF", Some(record)) => record.file.line_totals.found = number(value)?,
        ("LH", Some(record)) => record.file.line_totals.hit = number(value)?,
        ("BRF", Some(record)) => record.file.branches.found = number(value)?,
        ("BRH", Some(record)) => record.file.branches.hit = number(value)?,
        ("FNF", Some(record)) => record.file.functions.found = number(value)?,
        ("FNH", Some(record)) => record.file.functions.hit = number(value)?,
        ("DA" | "LF" | "LH" | "BRF" | "BRH" | "FNF" | "FNH", None) => {
            return Err(format!("{tag} stands outside a record"));
        }
        _ => {}
    }
    Ok(None)
}

/// Reads `<line>,<count>`, which a checksum may follow.
fn executed(value: &str) -> Option<(u32, u64)> {
    let mut parts = value.split(',');
    let line = parts.next()?.trim().parse().ok().filter(|line| *line > 0)?;
    let count = parts.next()?.trim().parse().ok()?;
    Some((line, count))
}

fn number(value: &str) -> Result<u64, String> {
    value.trim().parse().map_err(|_| format!("{:?} is no number", start(value)))
}

/// Adds a record to what is known about its file. Totals of branches and functions cannot be added, so the higher one is
/// kept.
fn merge(file: &mut File, other: File) {
    for (line, count) in other.lines {
        let sum = file.lines.entry(line).or_default();
        *sum = sum.saturating_add(count);
    }
    let higher = |a: Reached, b: Reached| Reached { found: a.found.max(b.found), hit: a.hit.max(b.hit) };
    file.line_totals = higher(file.line_totals, other.line_totals);
    file.branches = higher(file.branches, other.branches);
    file.functions = higher(file.functions, other.functions);
}

fn start(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::{collection, prelude::*};

    use super::*;

    fn read(text: &str) -> Result<Coverage, Malformed> {
        let mut coverage = Coverage::default();
        coverage.add(text.as_bytes()).map(|()| coverage)
    }

    #[test]
    fn a_report_is_read() {
        let text = "TN:unit\r\nSF:src/a.rs\nFN:1,a\nFNDA:3,a\nFNF:2\nFNH:1\nBRDA:1,0,0,-\nBRF:4\nBRH:2\n\
                    DA:1,3\nDA:2,0\nDA:1,0,checksum\nLF:2\nLH:1\nend_of_record\n\n# comment\n\
                    SF:src/b.rs\nVER:1\nLF:10\nLH:7\nMCF:1\nend_of_record\n";
        let coverage = read(text).unwrap();
        let file = &coverage.files["src/a.rs"];
        assert_eq!(file.reached(), Reached { found: 2, hit: 1 });
        assert_eq!(file.branches, Reached { found: 4, hit: 2 });
        assert_eq!(file.functions, Reached { found: 2, hit: 1 });
        assert_eq!(coverage.files["src/b.rs"].reached(), Reached { found: 10, hit: 7 });
        assert_eq!(coverage.reached(), Reached { found: 12, hit: 8 });
        assert_eq!(read("").unwrap(), Coverage::default());
    }

    #[test]
    fn runs_of_one_file_are_added() {
        let mut coverage = read("SF:a\nDA:1,1\nDA:2,0\nBRF:4\nBRH:1\nend_of_record\n").unwrap();
        coverage.add(b"TN:2\nSF:a\nDA:2,18446744073709551615\nDA:3,0\nBRF:4\nBRH:3\nend_of_record").unwrap();
        coverage.add(b"SF:a\nDA:2,5\nend_of_record").unwrap();
        assert_eq!(coverage.files["a"].lines, BTreeMap::from([(1, 1), (2, u64::MAX), (3, 0)]));
        assert_eq!(coverage.files["a"].branches, Reached { found: 4, hit: 3 });
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, line, part) in [
            ("hello\n", 1, "no line of a tracefile"),
            ("{\"a\": 1}\n", 1, "no line of a tracefile"),
            ("TN:\nDA:1,1\n", 2, "outside a record"),
            ("SF:a\nSF:b\n", 2, "within that of a"),
            ("SF:\n", 1, "name has"),
            ("SF:a\nDA:x,1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nDA:0,1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nDA:1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nDA:1,-1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nLF:1\nLH:2\nend_of_record\n", 4, "2 lines were reached of 1"),
            ("SF:a\nBRH:1\nend_of_record\n", 3, "1 branches were reached of 0"),
            ("SF:a\nLF:many\nend_of_record\n", 2, "no number"),
            ("end_of_record\n", 1, "did not begin"),
            ("SF:a\nDA:1,1", 2, "does not end"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.line == line && error.detail.contains(part), "{text:?}: {error}");
        }
        let long = read(&format!("SF:{}\n", "a".repeat(MAX_NAME + 1))).unwrap_err();
        assert!(long.to_string().starts_with("line 1: a file's name"));
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let mut coverage = Coverage::default();
        let error = coverage.add(&vec![b'\n'; MAX_BYTES as usize + 1]).unwrap_err();
        assert!(error.detail.contains("33554432"), "{error}");
        let many: String = (0..=MAX_FILES).map(|number| format!("SF:{number}\nend_of_record\n")).collect();
        assert!(coverage.add(many.as_bytes()).unwrap_err().detail.contains("200000 files"));
        assert!(coverage.files.is_empty(), "nothing of a report that is refused stays");
    }

    fn write(coverage: &Coverage) -> String {
        let mut text = String::new();
        for (name, file) in &coverage.files {
            let Reached { found, hit } = file.line_totals;
            let _ = writeln!(text, "TN:\nSF:{name}\nBRF:{}\nBRH:{}", file.branches.found, file.branches.hit);
            let _ = writeln!(text, "FNF:{}\nFNH:{}", file.functions.found, file.functions.hit);
            for (line, count) in &file.lines {
                let _ = writeln!(text, "DA:{line},{count}");
            }
            let _ = writeln!(text, "LF:{found}\nLH:{hit}\nend_of_record");
        }
        text
    }

    fn reached() -> impl Strategy<Value = Reached> {
        (any::<u64>(), any::<u64>()).prop_map(|(a, b)| Reached { found: a.max(b), hit: a.min(b) })
    }

    fn coverage() -> impl Strategy<Value = Coverage> {
        let lines = collection::btree_map(1..u32::MAX, any::<u64>(), 0..20);
        let file = (lines, reached(), reached(), reached())
            .prop_map(|(lines, line_totals, branches, functions)| File { lines, line_totals, branches, functions });
        collection::btree_map("[a-z/:,.]{1,20}", file, 0..6).prop_map(|files| Coverage { files })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(coverage in coverage()) {
            prop_assert_eq!(read(&write(&coverage)), Ok(coverage));
        }

        #[test]
        fn a_wrong_line_is_found_wherever_it_stands(coverage in coverage(), place in any::<prop::sample::Index>()) {
            let text = write(&coverage);
            let mut lines: Vec<&str> = text.lines().collect();
            let at = place.index(lines.len() + 1);
            lines.insert(at, "DA 1,1");
            prop_assert_eq!(read(&lines.join("\n")).unwrap_err().line, at + 1);
        }

        #[test]
        fn a_cut_report_is_refused_or_ends_between_records(coverage in coverage(), place in any::<prop::sample::Index>()) {
            let text = write(&coverage);
            let cut: String = text.chars().take(place.index(text.len() + 1)).collect();
            if let Ok(found) = read(&cut) {
                prop_assert!(found.files.iter().all(|(name, file)| coverage.files.get(name) == Some(file)));
            }
        }

        #[test]
        fn never_more_is_reached_than_there_is(
            records in collection::vec(collection::vec("(DA:[1-9],[0-2]|LF:[0-9]|LH:[0-9])", 0..6), 0..4)
        ) {
            let text: String = records.iter().map(|lines| format!("SF:a\n{}\nend_of_record\n", lines.join("\n"))).collect();
            if let Ok(coverage) = read(&text) {
                let Reached { found, hit } = coverage.reached();
                prop_assert!(hit <= found);
            }
        }

        #[test]
        fn nothing_panics(bytes in collection::vec(any::<u8>(), 0..400)) {
            let _ = Coverage::default().add(&bytes);
        }
    }
}
