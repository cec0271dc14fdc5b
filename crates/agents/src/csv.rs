//! Tables in files: reading rows with their line, writing whole files or none.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;

#[derive(Debug, Error)]
pub enum CsvError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is larger than {LARGEST} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("{}, line {line}: {problem}", path.display())]
    Row { path: PathBuf, line: usize, problem: String },
}

/// Bytes of a file at most.
const LARGEST: u64 = 1 << 30;

/// A file with a header line, in memory.
pub struct Table {
    path: PathBuf,
    text: String,
    header: Vec<String>,
}

/// A row of a table. Fields are asked for by the place that `Table::column` gave.
pub struct Row<'a> {
    path: &'a Path,
    pub line: usize,
    fields: Vec<String>,
}

impl Table {
    /// # Errors
    /// When the file cannot be read, is too large, is not UTF-8 or has no header.
    pub fn read(path: &Path) -> Result<Self, CsvError> {
        let failed = |source| CsvError::Read { path: path.to_owned(), source };
        if fs::metadata(path).map_err(failed)?.len() > LARGEST {
            return Err(CsvError::TooLarge { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let header = text.lines().next().unwrap_or_default();
        let header = fields(header).map_err(|problem| CsvError::Row { path: path.to_owned(), line: 1, problem })?;
        Ok(Self { path: path.to_owned(), text, header })
    }

    /// # Errors
    /// When the header has no such column.
    pub fn column(&self, name: &str) -> Result<usize, CsvError> {
        self.header.iter().position(|column| column == name).ok_or_else(|| CsvError::Row {
            path: self.path.clone(),
            line: 1,
            problem: format!("there is no column {name}"),
        })
    }

    /// The rows after the header; empty lines are left out. An error for a row that has another number of fields than the header.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row<'_>, CsvError>> {
        self.text.lines().enumerate().skip(1).filter(|(_, text)| !text.is_empty()).map(|(index, text)| {
            let row = |fields| Row { path: &self.path, line: index + 1, fields };
            let found = fields(text).map_err(|problem| row(Vec::new()).error(problem))?;
            if found.len() != self.header.len() {
                let problem = format!("{} fields where the header has {}", found.len(), self.header.len());
                return Err(row(found).error(problem));
            }
            Ok(row(found))
        })
    }
}

impl Row<'_> {
    pub fn text(&self, column: usize) -> &str {
        self.fields.get(column).map_or("", String::as_str)
    }

    /// # Errors
    /// When the field is not what `T` is written like.
    pub fn parse<T: std::str::FromStr>(&self, column: usize, what: &str) -> Result<T, CsvError> {
        let text = self.text(column);
        text.trim().parse().map_err(|_| self.error(format!("{text:?} is no {what}")))
    }

    /// A number that is neither infinite nor NaN.
    ///
    /// # Errors
    /// When the field is no such number.
    pub fn number(&self, column: usize, what: &str) -> Result<f64, CsvError> {
        let number: f64 = self.parse(column, what)?;
        if number.is_finite() { Ok(number) } else { Err(self.error(format!("{what} is {number}"))) }
    }

    /// An error that names the file and the line.
    pub fn error(&self, problem: impl Into<String>) -> CsvError {
        CsvError::Row { path: self.path.to_owned(), line: self.line, problem: problem.into() }
    }
}

/// The fields of a line: divided by commas, in double quotes where they hold commas (RFC 4180, without line breaks in fields).
fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("text after a closing quote".to_owned()),
        }
    }
}

fn quoted_field(mut rest: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    loop {
        let end = rest.find('"').ok_or("a quote is not closed")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, rest)),
        }
    }
}

/// Writes a file whole, or leaves what was there: into a temporary file beside it, which then takes its name.
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

    #[test]
    fn fields_may_be_quoted() {
        for (line, expected) in [
            ("a,b", Ok(vec!["a", "b"])),
            ("", Ok(vec![""])),
            (",", Ok(vec!["", ""])),
            (r#""a,""b""",c"#, Ok(vec![r#"a,"b""#, "c"])),
            (r#"a "b",c"#, Ok(vec![r#"a "b""#, "c"])),
            (r#""a"#, Err("a quote is not closed")),
            (r#""a"b,c"#, Err("text after a closing quote")),
        ] {
            let expected = expected.map(|fields| fields.into_iter().map(String::from).collect()).map_err(String::from);
            assert_eq!(fields(line), expected, "{line}");
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
