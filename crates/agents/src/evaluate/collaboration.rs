//! Rankings of partners: year, artist, rank, candidate, for everyone who first works with another candidate in a year of the
//! test. They are made only from the songs of earlier years.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    ops::RangeInclusive,
    path::Path,
};

use super::{EvaluateError, Figures};
use crate::{
    collaboration::songs::{Catalogue, Schedule, answers, rankings},
    csv::Table,
};

const FILE: &str = "collab_songs.csv";
const HEADER: &str = "year,artist,rank,candidate\n";
/// How many places of a ranking are written.
const WRITTEN: usize = 50;

/// Reads both files, and returns the catalogue and the years of the test.
fn read(train: Option<&Path>, test: &Path) -> Result<(Catalogue, RangeInclusive<i32>), EvaluateError> {
    let mut asked = Catalogue::default();
    asked.read(&test.join(FILE))?;
    let (first, last) =
        asked.years().ok_or_else(|| EvaluateError::Predictions("there are no songs in it".to_owned()))?;
    // Artists are numbered as they come, those of the training songs first.
    let mut catalogue = Catalogue::default();
    if let Some(train) = train {
        catalogue.read(&train.join(FILE))?;
    }
    catalogue.read(&test.join(FILE))?;
    Ok((catalogue, first..=last))
}

pub(super) fn predict(train: &Path, test: &Path, progress: &mut dyn FnMut(&str)) -> Result<String, EvaluateError> {
    let (catalogue, years) = read(Some(train), test)?;
    let all = rankings(&Schedule::default(), &catalogue, years, &mut |year| progress(&format!("{year}")))?;
    let name = |place: usize| quoted(catalogue.artists.get(place).map_or("", String::as_str));
    let mut out = HEADER.to_owned();
    for (year, rankings) in all {
        for ranking in rankings {
            for (rank, (candidate, _)) in ranking.candidates.iter().take(WRITTEN).enumerate() {
                // Writing to a String does not fail.
                let _ = writeln!(out, "{year},{},{},{}", name(ranking.artist), rank + 1, name(*candidate));
            }
        }
    }
    Ok(out)
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// What was predicted: by year and artist, by rank, the candidate's name.
type Said = BTreeMap<(i32, String), BTreeMap<usize, String>>;

fn said(predictions: &Path) -> Result<Said, EvaluateError> {
    let table = Table::read(predictions)?;
    let (year, artist) = (table.column("year")?, table.column("artist")?);
    let (rank, candidate) = (table.column("rank")?, table.column("candidate")?);
    let mut said = Said::new();
    for row in table.rows() {
        let row = row?;
        let rank: usize = row.parse(rank, "rank")?;
        if !(1..=WRITTEN).contains(&rank) {
            return Err(row.error(format!("rank {rank} does not lie between 1 and {WRITTEN}")).into());
        }
        let ranking = said.entry((row.parse(year, "year")?, row.text(artist).to_owned())).or_default();
        if ranking.insert(rank, row.text(candidate).to_owned()).is_some() {
            return Err(row.error(format!("rank {rank} stands there twice")).into());
        }
    }
    Ok(said)
}

/// Computes the figures. A partner that is not among the written ranks counts as not found.
pub(super) fn score(train: Option<&Path>, test: &Path, predictions: &Path) -> Result<Figures, EvaluateError> {
    let (catalogue, years) = read(train, test)?;
    let said = said(predictions)?;
    let name = |place: &usize| catalogue.artists.get(*place).map_or("", String::as_str);
    let (mut queries, mut hits, mut reciprocals) = (0.0, 0.0, 0.0);
    for year in years {
        for (artist, partners) in answers(&catalogue, year) {
            let partners: BTreeSet<&str> = partners.iter().map(name).collect();
            let ranking = said.get(&(year, name(&artist).to_owned()));
            let first = ranking.and_then(|ranks| ranks.iter().find(|(_, said)| partners.contains(said.as_str())));
            queries += 1.0;
            hits += f64::from(u8::from(first.is_some_and(|(rank, _)| *rank <= 10)));
            reciprocals += first.map_or(0.0, |(rank, _)| 1.0 / *rank as f64);
        }
    }
    if queries == 0.0 {
        return Err(EvaluateError::Predictions("nobody first works with another candidate in its years".to_owned()));
    }
    let mut figures = Figures::default();
    figures.push("queries", queries);
    figures.push("hit among the first 10", hits / queries);
    figures.push("mean reciprocal rank", reciprocals / queries);
    Ok(figures)
}
