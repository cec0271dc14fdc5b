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
//! and `LH` do not. Tags that are not named here are ignored, such as those of single functions, branches and conditions.
//!
//! Tools write counts that overflowed as negative numbers, which were never more than 0 for lcov either, and large ones with
//! a fraction or an exponent. A record that lacks its end is ended by the next one. A line that is wrong costs only itself,
//! and is counted.

use std::{collections::BTreeMap, mem};

use super::Odd;
use crate::text;

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
    /// Adds a report, and returns what of it could not be read.
    ///
    /// # Errors
    /// When the report is no text, when nothing of it is a tracefile, or when a limit is exceeded. Nothing of it is added
    /// then.
    pub fn add(&mut self, report: &[u8]) -> Result<Odd, Malformed> {
        let malformed = |line, detail: String| Malformed { line, detail };
        if report.len() as u64 > MAX_BYTES {
            return Err(malformed(1, format!("the report has {} bytes, the limit is {MAX_BYTES}", report.len())));
        }
        let text = text::lossy(report).map_err(|why| malformed(1, why))?;
        let mut reader = Reader::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                reader.take(number + 1, line);
            }
        }
        reader.finish(text.ends_with('\n'));
        let Reader { files, odd, tagged, .. } = reader;
        if let (Some(first), false) = (&odd.first, tagged) {
            return Err(malformed(1, format!("nothing in it is a line of a tracefile, as {first}")));
        }
        self.merge(Self { files }).map(|()| odd)
    }

    /// Adds another one.
    ///
    /// # Errors
    /// When there are too many files together. Nothing is added then.
    pub fn merge(&mut self, other: Self) -> Result<(), Malformed> {
        let new = other.files.keys().filter(|name| !self.files.contains_key(*name)).count();
        if self.files.len() + new > MAX_FILES {
            return Err(Malformed { line: 1, detail: format!("there are more than {MAX_FILES} files") });
        }
        for (name, file) in other.files {
            merge(self.files.entry(name).or_default(), file);
        }
        Ok(())
    }

    /// Names the files anew. Those that get one name are added together.
    pub(crate) fn renamed(self, rename: impl Fn(&str) -> String) -> Self {
        let mut renamed = Self::default();
        for (name, file) in self.files {
            merge(renamed.files.entry(rename(&name)).or_default(), file);
        }
        renamed
    }

    /// Lines of all files.
    pub fn reached(&self) -> Reached {
        self.files.values().map(File::reached).fold(Reached::default(), |sum, file| Reached {
            found: sum.found.saturating_add(file.found),
            hit: sum.hit.saturating_add(file.hit),
        })
    }
}

/// Reads the lines of a report one after the other.
#[derive(Debug, Default)]
struct Reader {
    files: BTreeMap<String, File>,
    open: Option<Record>,
    /// Whether the lines of a record without a usable name are passed over.
    nameless: bool,
    odd: Odd,
    /// Whether any line had a tag of a tracefile.
    tagged: bool,
}

#[derive(Debug)]
struct Record {
    name: String,
    file: File,
    /// The line in which it began.
    line: usize,
}

impl Reader {
    fn take(&mut self, number: usize, line: &str) {
        if line == "end_of_record" {
            self.tagged = true;
            match self.open.take() {
                Some(record) => self.close(record),
                None if mem::take(&mut self.nameless) => {}
                None => self.odd.add(number, || "a record ends that did not begin".to_owned()),
            }
            return;
        }
        let tag = line.split_once(':').filter(|(tag, _)| {
            !tag.is_empty()
                && tag.len() <= 8
                && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        });
        let Some((tag, value)) = tag else {
            return self.odd.add(number, || format!("{:?} is no line of a tracefile", start(line)));
        };
        self.tagged = true;
        if tag == "SF" {
            return self.begin(number, value);
        }
        let result = match self.open.as_mut() {
            Some(record) => record.file.take(tag, value),
            None if !self.nameless && is_of_record(tag) => Err(format!("{tag} stands outside a record")),
            None => Ok(()),
        };
        if let Err(detail) = result {
            self.odd.add(number, || detail);
        }
    }

    /// Begins a record, which ends the one before.
    fn begin(&mut self, number: usize, name: &str) {
        if let Some(record) = self.open.take() {
            self.close(record);
        }
        let name = name.trim();
        self.nameless = name.is_empty() || name.len() > MAX_NAME;
        if self.nameless {
            self.odd.add(number, || format!("a file's name has 1 to {MAX_NAME} bytes"));
        } else {
            self.open = Some(Record { name: name.to_owned(), file: File::default(), line: number });
        }
    }

    fn close(&mut self, record: Record) {
        let Record { name, mut file, line } = record;
        let totals =
            [("lines", &mut file.line_totals), ("branches", &mut file.branches), ("functions", &mut file.functions)];
        for (what, totals) in totals {
            let Reached { found, hit } = *totals;
            // Where lines are listed, their totals do not count.
            if hit > found && (what != "lines" || file.lines.is_empty()) {
                self.odd
                    .add(line, || format!("in the record of {} {hit} {what} were reached of {found}", start(&name)));
            }
            if hit > found {
                *totals = Reached::default();
            }
        }
        merge(self.files.entry(name).or_default(), file);
    }

    /// Ends the report. Of a record that it cuts off in the middle of a line, only the listed lines count.
    fn finish(&mut self, whole: bool) {
        let Some(mut record) = self.open.take() else { return };
        if !whole {
            let File { lines, .. } = mem::take(&mut record.file);
            record.file = File { lines, ..File::default() };
            self.odd.add(record.line, || format!("the record of {} does not end", start(&record.name)));
        }
        self.close(record);
    }
}

fn is_of_record(tag: &str) -> bool {
    matches!(tag, "DA" | "LF" | "LH" | "BRF" | "BRH" | "FNF" | "FNH")
}

impl File {
    fn take(&mut self, tag: &str, value: &str) -> Result<(), String> {
        let total = match tag {
            "DA" => {
                let (line, count) =
                    executed(value).ok_or_else(|| format!("{:?} is no line and count", start(value)))?;
                let sum = self.lines.entry(line).or_default();
                *sum = sum.saturating_add(count);
                return Ok(());
            }
            "LF" => &mut self.line_totals.found,
            "LH" => &mut self.line_totals.hit,
            "BRF" => &mut self.branches.found,
            "BRH" => &mut self.branches.hit,
            "FNF" => &mut self.functions.found,
            "FNH" => &mut self.functions.hit,
            _ => return Ok(()),
        };
        *total = count(value).ok_or_else(|| format!("{:?} is no number", start(value)))?;
        Ok(())
    }
}

/// Reads `<line>,<count>`, which a checksum may follow.
fn executed(value: &str) -> Option<(u32, u64)> {
    let mut parts = value.split(',');
    let line = parts.next()?.trim().parse().ok().filter(|line| *line > 0)?;
    Some((line, count(parts.next()?)?))
}

/// Reads how often something was run. What is more than never is at least once.
fn count(value: &str) -> Option<u64> {
    let value = value.trim();
    if let Ok(count) = value.parse() {
        return Some(count);
    }
    // A count that overflowed is negative, and one beyond 64 bits is too large for a whole number.
    let count: f64 = value.parse().ok().filter(|count: &f64| count.is_finite())?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count saturates at both ends")]
    Some(count.ceil() as u64)
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
        coverage.add(text.as_bytes()).map(|_| coverage)
    }

    /// Returns what was read, how many lines were wrong, and the first of them.
    fn with_odd(text: &str) -> (Coverage, u64, String) {
        let mut coverage = Coverage::default();
        let odd = coverage.add(text.as_bytes()).unwrap();
        (coverage, odd.count, odd.first.unwrap_or_default())
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
        assert_eq!(read("TN:\n").unwrap(), Coverage::default());
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
    fn counts_are_read_as_tools_write_them() {
        for (count, read) in [
            ("-3", 0),
            ("-9223372036854775808", 0),
            ("1e+06", 1_000_000),
            ("1.5E3", 1500),
            ("3.0", 3),
            ("0.25", 1),
            ("0.0", 0),
            ("18446744073709551616", u64::MAX),
            (" 7 ", 7),
            ("2,cksum==", 2),
        ] {
            let (coverage, odd, first) = with_odd(&format!("SF:a\nDA:1,{count}\nend_of_record\n"));
            assert_eq!((coverage.files["a"].lines[&1], odd), (read, 0), "{count}: {first}");
        }
    }

    #[test]
    fn forms_of_newer_and_older_tools_are_read() {
        let text = "\u{feff}TN:\r\nSF:a\r\nVER:1.2\r\nFNL:0,1,9\r\nFNA:0,2,main\r\nFN:1,9,main\r\nFNDA:2,main\r\n\
                    BRDA:2,e0,1,-\r\nBRDA:2,0,jump to 3,1\r\nMCDC:2,2,t,0,0,x\r\nMCF:2\r\nMCH:0\r\n# why\r\n\
                    DA:1,1\r\nDA:2,0\r\nLF:7\r\nLH:9\r\nend_of_record\r\n";
        let (coverage, odd, first) = with_odd(text);
        assert_eq!((coverage.reached(), odd), (Reached { found: 2, hit: 1 }, 0), "{first}");
        let wide: Vec<u8> = text[3..].encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut other = Coverage::default();
        other.add(&[b"\xff\xfe", &*wide].concat()).unwrap();
        assert_eq!(other, coverage);
        let (unended, odd, first) = with_odd("SF:a\nDA:1,1\nSF:b\nDA:1,0\nTN:\nSF:a\nDA:2,0\n");
        assert_eq!((unended.reached(), unended.files.len(), odd), (Reached { found: 3, hit: 1 }, 2, 0), "{first}");
        let mut latin = Coverage::default();
        latin.add(b"SF:caf\xe9.c\nDA:1,1\nend_of_record\n").unwrap();
        assert_eq!(latin.reached(), Reached { found: 1, hit: 1 });
    }

    #[test]
    fn wrong_lines_cost_only_themselves() {
        for (text, line, part) in [
            ("hello\nSF:a\nDA:1,1\nend_of_record\n", 1, "no line of a tracefile"),
            ("TN:\nDA:1,1\nSF:a\nDA:1,1\nend_of_record\n", 2, "outside a record"),
            ("SF:\nDA:7,1\nend_of_record\nSF:a\nDA:1,1\nend_of_record\n", 1, "name has"),
            ("SF:a\nDA:x,1\nDA:1,1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nDA:0,1\nDA:1,1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nDA:1\nDA:1,1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nDA:2,nan\nDA:1,1\nend_of_record\n", 2, "no line and count"),
            ("SF:a\nDA:1,1\nBRH:1\nend_of_record\n", 1, "1 branches were reached of 0"),
            ("SF:b\nLF:1\nLH:2\nend_of_record\nSF:a\nDA:1,1\nend_of_record\n", 1, "2 lines were reached of 1"),
            ("SF:a\nDA:1,1\nLF:many\nend_of_record\n", 3, "no number"),
            ("end_of_record\nSF:a\nDA:1,1\nend_of_record\n", 1, "did not begin"),
            ("SF:a\nDA:1,1\nLF:1", 1, "does not end"),
        ] {
            let (coverage, odd, first) = with_odd(text);
            assert_eq!((coverage.reached(), odd), (Reached { found: 1, hit: 1 }, 1), "{text:?}: {first}");
            assert!(first.starts_with(&format!("line {line}: ")) && first.contains(part), "{text:?}: {first}");
        }
        let long = format!("SF:{}\n", "a".repeat(MAX_NAME + 1));
        assert_eq!(with_odd(&long).1, 1);
    }

    #[test]
    fn what_is_no_tracefile_is_refused() {
        for (text, why) in [
            ("{\"a\": 1}\n", "line 1: nothing in it is a line of a tracefile, as line 1: "),
            ("hello\n", "line 1: nothing in it"),
            ("", "line 1: it is empty"),
            ("TN:\n<<<<<<< a\nSF:a\n=======\n>>>>>>> b\n", "merge conflict"),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
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
            if !coverage.files.is_empty() {
                prop_assert_eq!(read(&write(&coverage)), Ok(coverage));
            }
        }

        #[test]
        fn a_wrong_line_costs_nothing_else_wherever_it_stands(coverage in coverage(), place in any::<prop::sample::Index>()) {
            let text = write(&coverage);
            let mut lines: Vec<&str> = text.lines().collect();
            let at = place.index(lines.len() + 1);
            lines.insert(at, "DA 1,1");
            if !coverage.files.is_empty() {
                let (found, odd, first) = with_odd(&(lines.join("\n") + "\n"));
                prop_assert_eq!((found, odd), (coverage, 1));
                prop_assert!(first.starts_with(&format!("line {}: ", at + 1)), "{}", first);
            }
        }

        #[test]
        fn a_cut_report_says_nothing_that_the_whole_one_does_not(
            coverage in coverage(), place in any::<prop::sample::Index>()
        ) {
            let text = write(&coverage);
            let cut: String = text.chars().take(place.index(text.len() + 1)).collect();
            if let Ok(found) = read(&cut) {
                for (name, file) in &found.files {
                    let whole = coverage.files.iter().find(|(whole, _)| whole.starts_with(&**name)).map(|(_, file)| file);
                    let whole = whole.expect("a name may be cut, and is not made up");
                    prop_assert!(file.lines.keys().all(|line| whole.lines.contains_key(line)));
                }
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
