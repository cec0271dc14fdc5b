//! What songs say about artists and their collaborations, as of the first day of a year.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};

use super::catalogue::{Catalogue, Song};

const YEAR_DAYS: f64 = 365.25;

/// What two artists made together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tie {
    /// Songs.
    pub count: f64,
    /// The number of songs, each of which counts half as much every year.
    pub recent: f64,
    /// Years since the last one.
    pub last: f64,
    /// Years since the first one.
    pub first: f64,
}

/// An artist, according to all songs before the year.
#[derive(Clone, Debug, Default)]
pub(super) struct Artist {
    /// Years since each song, newest first, with the number of its artists, its best place and its weeks.
    pub songs: Vec<Work>,
    /// Words of titles and of the name, with weights.
    pub words: BTreeMap<usize, f64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub age: f64,
    pub artists: usize,
    pub peak: f64,
    pub weeks: f64,
    /// The day number in the calendar, which shows which songs entered together.
    pub day: i32,
}

/// Everything known on the first day of a year.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub artists: Vec<Artist>,
    /// Partners of each artist, ascending.
    pub ties: Vec<BTreeMap<usize, Tie>>,
    /// The artists with a song in the three years before, ascending.
    pub candidates: Vec<usize>,
}

impl Snapshot {
    pub fn new(catalogue: &Catalogue, year: i32) -> Self {
        let count = catalogue.artists.len();
        let mut snapshot = Self {
            artists: vec![Artist::default(); count],
            ties: vec![BTreeMap::new(); count],
            candidates: Vec::new(),
        };
        let Some(now) = NaiveDate::from_ymd_opt(year, 1, 1) else { return snapshot };
        let songs = catalogue.before(year);
        for song in songs.iter().rev() {
            snapshot.enter(song, (now - song.first).num_days() as f64 / YEAR_DAYS);
        }
        let active: BTreeSet<usize> =
            songs.iter().filter(|song| song.first.year() >= year - 3).flat_map(|song| song.artists.clone()).collect();
        snapshot.candidates = active.into_iter().collect();
        super::words::describe(&mut snapshot, catalogue, songs);
        snapshot
    }

    fn enter(&mut self, song: &Song, age: f64) {
        let work = Work {
            age,
            artists: song.artists.len(),
            peak: song.peak,
            weeks: song.weeks,
            day: song.first.num_days_from_ce(),
        };
        for &artist in &song.artists {
            if let Some(artist) = self.artists.get_mut(artist) {
                artist.songs.push(work);
            }
            for &partner in song.artists.iter().filter(|partner| **partner != artist) {
                let Some(ties) = self.ties.get_mut(artist) else { continue };
                let tie = ties.entry(partner).or_insert(Tie { last: age, ..Tie::default() });
                tie.count += 1.0;
                tie.recent += 0.5_f64.powf(age);
                tie.first = age;
            }
        }
    }

    /// Returns whether two artists have a song together.
    pub fn worked(&self, a: usize, b: usize) -> bool {
        self.ties.get(a).is_some_and(|ties| ties.contains_key(&b))
    }

    /// Returns with whom each candidate works for the first time in the year, for candidates who do.
    pub fn answers(&self, catalogue: &Catalogue, year: i32) -> BTreeMap<usize, BTreeSet<usize>> {
        let mut answers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let candidate = |artist: &usize| self.candidates.binary_search(artist).is_ok();
        for song in catalogue.of(year) {
            for &a in song.artists.iter().filter(|a| candidate(a)) {
                for &b in song.artists.iter().filter(|b| **b != a && candidate(b) && !self.worked(a, **b)) {
                    answers.entry(a).or_default().insert(b);
                }
            }
        }
        answers
    }
}
