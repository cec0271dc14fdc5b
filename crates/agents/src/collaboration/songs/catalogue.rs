//! Works with their makers, as a chart lists them: title, artists, first day, best place, weeks.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use chrono::{Datelike, NaiveDate};

use crate::csv::{CsvError, Table};

/// One charted song.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    pub title: String,
    /// Places in [`Catalogue::artists`], ascending, each once.
    pub artists: Vec<usize>,
    /// The first day on the chart.
    pub first: NaiveDate,
    /// The best place reached; 1 is the top.
    pub peak: f64,
    /// Weeks on the chart.
    pub weeks: f64,
}

/// Songs in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    pub artists: Vec<String>,
    pub songs: Vec<Song>,
}

/// The most artists a song may have.
const MOST_ARTISTS: usize = 64;
/// The most artists with a song in four years. Every pair of them is looked at.
const MOST_ACTIVE: usize = 4_000;
/// The most years between the first and the last song.
const MOST_YEARS: i32 = 200;

impl Catalogue {
    /// Adds the songs of a file with the columns title, artists (separated by bars), first_charted, peak and weeks, then sorts
    /// all of them by time. Songs of the same day keep their order.
    ///
    /// # Errors
    /// When a row has no artist or more than 64, or a malformed date or number (the error names its line), or when the songs
    /// span more than 200 years, or more than 4 000 artists have a song within four years. Then nothing is added.
    pub fn read(&mut self, path: &Path) -> Result<(), CsvError> {
        let table = Table::read(path)?;
        let (title, artists, first) =
            (table.column("title")?, table.column("artists")?, table.column("first_charted")?);
        let (peak, weeks) = (table.column("peak")?, table.column("weeks")?);
        let mut read = self.clone();
        let mut places: BTreeMap<String, usize> =
            self.artists.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect();
        for row in table.rows() {
            let row = row?;
            let mut makers = Vec::new();
            for name in row.text(artists).split('|').map(str::trim).filter(|name| !name.is_empty()) {
                let next = read.artists.len();
                let place = *places.entry(name.to_owned()).or_insert(next);
                if place == next {
                    read.artists.push(name.to_owned());
                }
                makers.push(place);
            }
            makers.sort_unstable();
            makers.dedup();
            if makers.is_empty() || makers.len() > MOST_ARTISTS {
                return Err(row.error(format!("a song has 1 to {MOST_ARTISTS} artists, not {}", makers.len())));
            }
            read.songs.push(Song {
                title: row.text(title).to_owned(),
                artists: makers,
                first: row.parse(first, "date")?,
                peak: row.number(peak, "place")?,
                weeks: row.number(weeks, "number of weeks")?,
            });
        }
        read.songs.sort_by_key(|song| song.first);
        if let Some(problem) = read.excess() {
            return Err(CsvError::Whole { path: path.to_owned(), problem });
        }
        *self = read;
        Ok(())
    }

    /// Returns which limit is exceeded, if any.
    fn excess(&self) -> Option<String> {
        let (first, last) = self.years()?;
        if last.saturating_sub(first) > MOST_YEARS {
            return Some(format!("songs of the years {first} to {last}; they may span {MOST_YEARS}"));
        }
        let active = |year: i32| {
            let songs = (year - 3..=year).flat_map(|year| self.of(year));
            songs.flat_map(|song| &song.artists).collect::<BTreeSet<_>>().len()
        };
        let year = (first..=last).find(|year| active(*year) > MOST_ACTIVE)?;
        Some(format!("more than {MOST_ACTIVE} artists have a song in the four years to {year}"))
    }

    /// Returns the songs first charted before the year.
    pub fn before(&self, year: i32) -> &[Song] {
        let end = self.songs.partition_point(|song| song.first.year() < year);
        self.songs.get(..end).unwrap_or(&[])
    }

    /// Returns the songs first charted in the year.
    pub fn of(&self, year: i32) -> &[Song] {
        let end = self.songs.partition_point(|song| song.first.year() <= year);
        self.songs.get(self.before(year).len()..end).unwrap_or(&[])
    }

    /// Returns the years of the first and the last song.
    pub fn years(&self) -> Option<(i32, i32)> {
        Some((self.songs.first()?.first.year(), self.songs.last()?.first.year()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::write_whole;

    fn read(rows: &str) -> Result<Catalogue, CsvError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("songs.csv");
        write_whole(&path, &format!("title,artists,first_charted,peak,weeks\n{rows}")).unwrap();
        let mut catalogue = Catalogue::default();
        catalogue.read(&path).map(|()| catalogue)
    }

    #[test]
    fn songs_stand_in_the_order_of_time() {
        let catalogue = read("\"Song, \"\"two\"\"\",B|A|B,1999-05-01,3,10\nOne,A,1998-01-03,40,2\n").unwrap();
        let titles: Vec<&str> = catalogue.songs.iter().map(|song| song.title.as_str()).collect();
        assert_eq!(titles, ["One", "Song, \"two\""]);
        assert_eq!(catalogue.artists, ["B", "A"]);
        assert_eq!(catalogue.songs[1].artists, [0, 1]);
        assert_eq!((catalogue.before(1999).len(), catalogue.of(1999).len(), catalogue.of(2000).len()), (1, 1, 0));
        assert_eq!(catalogue.years(), Some((1998, 1999)));
    }

    #[test]
    fn what_would_take_too_long_is_refused() {
        let long = read("x,A,1800-01-01,1,1\nx,A,2001-01-01,1,1\n").unwrap_err().to_string();
        assert!(long.ends_with("songs.csv: songs of the years 1800 to 2001; they may span 200"), "{long}");
        let song = |n: usize| format!("x,A{n},20{:02}-01-01,1,1\n", n % 4);
        assert!(read(&(0..MOST_ACTIVE).map(song).collect::<String>()).is_ok());
        let many = read(&(0..=MOST_ACTIVE).map(song).collect::<String>()).unwrap_err().to_string();
        assert!(many.ends_with("more than 4000 artists have a song in the four years to 2003"), "{many}");
    }

    #[test]
    fn what_cannot_be_read_is_named_by_line() {
        for (rows, line) in [
            ("x,A,1999-01-01,1\n", "line 2"),
            ("x, | ,1999-01-01,1,1\n", "line 2"),
            ("x,A,1999-01-01,1,1\nx,A,1999-13-01,1,1\n", "line 3"),
            ("x,A,1999-01-01,NaN,1\n", "line 2"),
            ("x,A,1999-01-01,1,inf\n", "line 2"),
        ] {
            let error = read(rows).unwrap_err().to_string();
            assert!(error.contains(line), "{rows}: {error}");
        }
    }
}
