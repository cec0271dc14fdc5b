//! Tables in files: reads rows with their lines, and writes files completely or not at all.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use ::csv::{self, ReaderBuilder, StringRecord};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum CsvError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is larger than {LARGEST} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("{}: {problem}", path.display())]
    Whole { path: PathBuf, problem: String },
    #[error("{}, line {line}: {problem}", path.display())]
    Row { path: PathBuf, line: u64, problem: String },
}

/// The largest file, in bytes.
const LARGEST: u64 = 1 << 30;

/// A file with a header line, in memory.
pub struct Table {
    path: PathBuf,
    text: String,
    header: StringRecord,
}

/// A row of a table. Fields are asked for by the place that `Table::column` gave.
pub struct Row<'a> {
    path: &'a Path,
    pub line: u64,
    fields: StringRecord,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, is not UTF-8 or has no header.
    pub fn read(path: &Path) -> Result<Self, CsvError> {
        let failed = |source| CsvError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text)).map_err(failed)?;
        if text.len() as u64 > LARGEST {
            return Err(CsvError::TooLarge { path: path.to_owned() });
        }
        let mut table = Self { path: path.to_owned(), text, header: StringRecord::new() };
        let header = table.records().next().map(|header| Ok(header?.fields));
        let missing = || Err(table.row(1, StringRecord::new()).error("there is no header"));
        table.header = header.unwrap_or_else(missing)?;
        Ok(table)
    }

    /// Returns the place of a column.
    ///
    /// # Errors
    /// When the header has no such column.
    pub fn column(&self, name: &str) -> Result<usize, CsvError> {
        let place = self.header.iter().position(|column| column == name);
        place.ok_or_else(|| self.row(1, StringRecord::new()).error(format!("there is no column {name}")))
    }

    /// Returns the rows after the header, without empty lines.
    ///
    /// # Errors
    /// An item is an error when the row is not valid CSV, when a quote is not closed on its line, or when the row does not
    /// have as many fields as the header.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'_>, CsvError>> {
        self.records().skip(1).map(|row| {
            let row = row?;
            let (found, expected) = (row.fields.len(), self.header.len());
            if found == expected {
                Ok(row)
            } else {
                Err(row.error(format!("{found} fields where the header has {expected}")))
            }
        })
    }

    fn records(&self) -> impl Iterator<Item = Result<Row<'_>, CsvError>> {
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(self.text.as_bytes());
        reader.into_records().map(|record| {
            let record = record
                .map_err(|error| self.row(self.line(error.position()), StringRecord::new()).error(error.to_string()))?;
            let row = self.row(self.line(record.position()), record);
            // In this way, a quote that is not closed, which swallows the lines after it, is reported where it is.
            let broken = row.fields.iter().any(|field| field.contains('\n'));
            if broken { Err(row.error("a quote is not closed on its line")) } else { Ok(row) }
        })
    }

    /// Returns the line of a record, whose position is that of the empty lines before it.
    fn line(&self, position: Option<&csv::Position>) -> u64 {
        let Some(position) = position else { return 0 };
        let start = self.text.as_bytes().get(position.byte() as usize..).unwrap_or(&[]);
        let empty =
            start.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
        position.line() + empty as u64
    }

    fn row(&self, line: u64, fields: StringRecord) -> Row<'_> {
        Row { path: &self.path, line, fields }
    }
}

impl Row<'_> {
    pub fn text(&self, column: usize) -> &str {
        self.fields.get(column).unwrap_or("")
    }

    /// Reads a field of the row. `what` names it in the error.
    ///
    /// # Errors
    /// When the field cannot be read as `T`.
    pub fn parse<T: std::str::FromStr>(&self, column: usize, what: &str) -> Result<T, CsvError> {
        let text = self.text(column);
        text.trim().parse().map_err(|_| self.error(format!("{text:?} is no {what}")))
    }

    /// Reads a number that is neither infinite nor NaN.
    ///
    /// # Errors
    /// When the field is not such a number.
    pub fn number(&self, column: usize, what: &str) -> Result<f64, CsvError> {
        let number: f64 = self.parse(column, what)?;
        if number.is_finite() { Ok(number) } else { Err(self.error(format!("{what} is {number}"))) }
    }

    /// Returns an error that names the file and the line.
    pub fn error(&self, problem: impl Into<String>) -> CsvError {
        CsvError::Row { path: self.path.to_owned(), line: self.line, problem: problem.into() }
    }
}

/// Writes a file completely, or leaves what was there. It writes a temporary file beside it, and then renames that.
///
/// # Errors
/// When the file cannot be written.
pub fn write_whole(path: &Path, text: &str) -> Result<(), CsvError> {
    let failed = |source| CsvError::Write { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, CsvError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_whole(&path, text).unwrap();
        Table::read(&path)
    }

    #[test]
    fn fields_may_be_quoted() {
        for (line, expected) in [
            ("a,b,c", ["a", "b", "c"]),
            (",,", ["", "", ""]),
            (r#""a,""b""",c,"#, [r#"a,"b""#, "c", ""]),
            (r#"a "b",c,d"#, [r#"a "b""#, "c", "d"]),
        ] {
            let table = table(&format!("x,y,z\r\n{line}\r\n")).unwrap();
            let row = table.rows().next().unwrap().unwrap();
            assert_eq!([0, 1, 2].map(|place| row.text(place)), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        for (text, problem) in [
            ("", "line 1: there is no header"),
            ("x,y\n1,2\n\"3,4\n5,6\n7,8\n", "line 3: a quote is not closed on its line"),
            ("x,y\n1\n", "line 2: 1 fields where the header has 2"),
            ("x,y\n1,2,3\n", "line 2: 3 fields where the header has 2"),
        ] {
            let found = table(text).and_then(|table| table.rows().try_for_each(|row| row.map(|_| ())));
            let error = found.unwrap_err().to_string();
            assert!(error.ends_with(problem), "{error}");
        }
    }

    #[test]
    fn errors_name_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_whole(&path, "x,y\n1,2\n\n3\n").unwrap();
        let table = Table::read(&path).unwrap();
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows.len(), 2);
        let first = rows[0].as_ref().unwrap();
        assert_eq!((first.line, first.number(1, "number").unwrap()), (2, 2.0));
        let error = rows[1].as_ref().err().unwrap().to_string();
        assert!(error.ends_with("a.csv, line 4: 1 fields where the header has 2"), "{error}");
        assert!(table.column("z").is_err());
        assert!(write_whole(&folder.path().join("none/b.csv"), "").is_err());
    }
}
