//! Predicts who will work together next. It is learned from the years before, each as seen on its first day.

use std::collections::{BTreeMap, BTreeSet};

use learning::boost::{BoostError, Loss, Matrix, Model, Sample, Settings, train};

use super::{
    catalogue::Catalogue,
    features::{Pairs, names},
    snapshot::Snapshot,
};

/// How the ranking is learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The share of pairs without a collaboration from which the model learns.
    pub share: f64,
    /// The half-life of a year's weight, in years.
    pub half_life: f64,
    /// How many models are averaged. They differ in their seeds.
    pub members: u64,
    pub settings: Settings,
}

impl Default for Schedule {
    fn default() -> Self {
        let settings = Settings {
            loss: Loss::Logistic,
            trees: 250,
            learning_rate: 0.03,
            leaves: 12,
            rows_per_leaf: 40,
            l2: 10.0,
            row_share: 0.7,
            feature_share: 0.3,
            bins: 64,
            ..Settings::default()
        };
        Self { share: 0.15, half_life: 6.0, members: 2, settings }
    }
}

/// The rankings that are fused with the model's, and their weights in comparison with the model's 2: the candidate's partners
/// by recency, and a random walk from the artist.
const FUSED: [(&str, f64); 2] = [("candidate: partners, half each year", 1.0), ("walk: far, from the artist", 0.5)];
const OF_MODEL: f64 = 2.0;
/// Reciprocal rank fusion (Cormack, Clarke, Buettcher 2009): each ranking adds weight / (this + rank).
const FLATTENED: f64 = 5.0;

/// Candidates for one artist, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    pub artist: usize,
    /// All candidates that it has not worked with, with their fused scores. Among equals, the lower place comes first.
    pub candidates: Vec<(usize, f64)>,
}

/// What was learned so far.
#[derive(Clone, Debug)]
struct Learner {
    schedule: Schedule,
    table: Matrix,
    targets: Vec<f64>,
    years: Vec<i32>,
    models: Vec<Model>,
    /// Places of the features that are fused with the model, with their weights.
    fused: Vec<(usize, f64)>,
}

impl Learner {
    fn new(schedule: Schedule) -> Self {
        let names = names();
        let place = |name: &str| names.iter().position(|other| other == name);
        let fused = FUSED.iter().filter_map(|(name, weight)| Some((place(name)?, *weight))).collect();
        let table = Matrix::new(names.len());
        Self { schedule, table, targets: Vec::new(), years: Vec::new(), models: Vec::new(), fused }
    }

    /// Learns the outcomes of a year. Years must ascend.
    ///
    /// # Errors
    /// When the settings of the schedule cannot be used for training.
    fn learn(
        &mut self,
        year: i32,
        pairs: &Pairs,
        answers: &BTreeMap<usize, BTreeSet<usize>>,
    ) -> Result<(), BoostError> {
        let mut row = Vec::new();
        for (&artist, partners) in answers {
            for &candidate in unknown(pairs, artist).iter() {
                let came = partners.contains(&candidate);
                if !came && !drawn(artist, candidate, self.schedule.share) {
                    continue;
                }
                row.clear();
                pairs.visit(artist, candidate, &mut |_, _, value| row.push(value));
                self.table.push(&row)?;
                self.targets.push(f64::from(u8::from(came)));
                self.years.push(year);
            }
        }
        Ok(())
    }

    /// Fits the model for `year` to the years before it.
    ///
    /// # Errors
    /// When the settings of the schedule cannot be used for training.
    fn fit(&mut self, year: i32) -> Result<(), BoostError> {
        if !self.targets.contains(&1.0) {
            return Ok(());
        }
        let half_life = self.schedule.half_life;
        let weights: Vec<f64> =
            self.years.iter().map(|past| 0.5_f64.powf(f64::from(year - past) / half_life)).collect();
        let sample = Sample { table: &self.table, targets: &self.targets, weights: Some(&weights) };
        self.models = (0..self.schedule.members)
            .map(|seed| train(&Settings { seed, ..self.schedule.settings.clone() }, &sample, None))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Ranks the candidates with whom `artist` might work for the first time. Before anything was learned, only partners and
    /// nearness count.
    fn rank(&self, pairs: &Pairs, artist: usize) -> Ranking {
        let unknown = unknown(pairs, artist);
        let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(unknown.len()); self.fused.len() + 1];
        let mut row = Vec::new();
        for candidate in &unknown {
            row.clear();
            pairs.visit(artist, *candidate, &mut |_, _, value| row.push(value));
            let said = self.models.iter().map(|model| model.score(&row)).sum::<f64>();
            let values = self.fused.iter().map(|(place, _)| row.get(*place).copied().unwrap_or(f64::NAN));
            for (column, value) in columns.iter_mut().zip([said].into_iter().chain(values)) {
                column.push(value);
            }
        }
        let of_model = if self.models.is_empty() { 0.0 } else { OF_MODEL };
        let weights = [of_model].into_iter().chain(self.fused.iter().map(|(_, weight)| *weight));
        let mut candidates: Vec<(usize, f64)> = unknown.into_iter().map(|candidate| (candidate, 0.0)).collect();
        for (column, weight) in columns.iter().zip(weights) {
            for (place, (_, score)) in ranks(column).into_iter().zip(&mut candidates) {
                *score += weight / (FLATTENED + place as f64);
            }
        }
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ranking { artist, candidates }
    }
}

/// Returns the rank of each value, 1 for the highest; among equals, the earlier comes first, and NaN comes last.
fn ranks(values: &[f64]) -> Vec<usize> {
    let known =
        |place: &usize| values.get(*place).copied().filter(|value| !value.is_nan()).unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| known(b).total_cmp(&known(a)));
    let mut ranks = vec![0; values.len()];
    for (rank, place) in order.into_iter().enumerate() {
        if let Some(entry) = ranks.get_mut(place) {
            *entry = rank + 1;
        }
    }
    ranks
}

/// Returns the candidates with whom `artist` has no song.
fn unknown(pairs: &Pairs, artist: usize) -> Vec<usize> {
    let other = |candidate: &usize| *candidate != artist && !pairs.snapshot.worked(artist, *candidate);
    pairs.candidates().iter().copied().filter(other).collect()
}

/// Returns whether a pair is drawn: the same pairs in every run, and `share` of all of them.
fn drawn(a: usize, b: usize, share: f64) -> bool {
    let mut mixed = ((a as u64) << 32 | b as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed >> 11) as f64 / (1u64 << 53) as f64) < share
}

/// Returns, for each year that is asked about, the rankings for artists who first worked with another candidate in it.
///
/// # Errors
/// When the settings of the schedule cannot be used for training.
pub fn rankings(
    schedule: &Schedule,
    catalogue: &Catalogue,
    asked: std::ops::RangeInclusive<i32>,
    progress: &mut dyn FnMut(i32),
) -> Result<BTreeMap<i32, Vec<Ranking>>, BoostError> {
    let mut learner = Learner::new(schedule.clone());
    let mut all = BTreeMap::new();
    let Some((first, _)) = catalogue.years() else { return Ok(all) };
    // The first three years show who is a candidate.
    for year in first.saturating_add(3)..=*asked.end() {
        let pairs = Pairs::new(Snapshot::new(catalogue, year), &catalogue.artists);
        let answers = pairs.snapshot.answers(catalogue, year);
        if asked.contains(&year) {
            learner.fit(year)?;
            all.insert(year, answers.keys().map(|artist| learner.rank(&pairs, *artist)).collect());
            progress(year);
        }
        learner.learn(year, &pairs, &answers)?;
    }
    Ok(all)
}

/// Returns with whom each candidate of the year works for the first time in it, for candidates who do. Rankings are measured by
/// this.
pub fn answers(catalogue: &Catalogue, year: i32) -> BTreeMap<usize, BTreeSet<usize>> {
    Snapshot::new(catalogue, year).answers(catalogue, year)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::collaboration::songs::Song;

    /// Returns a hundred and twenty artists in two scenes. They work within their scene, and one of them works with everybody.
    fn catalogue() -> Catalogue {
        let song = |n: usize| {
            let scene = n % 2;
            let place = |k: usize| scene * 60 + (n * 7 + k * 3 + n / 40) % 60;
            let mut artists = vec![place(0), if n.is_multiple_of(3) { scene * 60 } else { place(1) }];
            artists.sort_unstable();
            artists.dedup();
            let first = NaiveDate::from_ymd_opt(2000 + (n / 100) as i32, 1 + (n % 100 / 9) as u32, 1 + (n % 28) as u32)
                .unwrap();
            Song {
                title: format!("song {}", ["rain", "gold"][scene]),
                artists,
                first,
                peak: (n % 90) as f64,
                weeks: (n % 20) as f64,
            }
        };
        let mut songs: Vec<Song> = (0..800).map(song).collect();
        songs.sort_by_key(|song| song.first);
        Catalogue { artists: (0..120).map(|n| format!("artist {n}")).collect(), songs }
    }

    fn schedule() -> Schedule {
        let mut schedule = Schedule { members: 1, share: 1.0, ..Schedule::default() };
        (schedule.settings.trees, schedule.settings.rows_per_leaf) = (10, 5);
        schedule
    }

    #[test]
    fn songs_of_the_year_and_later_change_no_ranking() {
        let whole = catalogue();
        let all = rankings(&schedule(), &whole, 2003..=2007, &mut |_| {}).unwrap();
        assert!(all.values().map(Vec::len).sum::<usize>() > 5);
        for year in [2004, 2006] {
            // In the year itself, artists of both scenes work together, and new artists come.
            let mut changed = whole.clone();
            changed.songs.retain(|song| song.first < NaiveDate::from_ymd_opt(year, 1, 1).unwrap());
            changed.artists.extend(["new".to_owned(), "newer".to_owned()]);
            // One of them is ranked with and without what changed.
            let Ranking { artist, candidates } = &all[&year][0];
            let mut others = vec![*artist, candidates[0].0];
            others.sort_unstable();
            for artists in [vec![0, 119], vec![1, 118], vec![120, 121], vec![5, 121], others] {
                let first = NaiveDate::from_ymd_opt(year, 5, 1).unwrap();
                changed.songs.push(Song { title: "other".to_owned(), artists, first, peak: 1.0, weeks: 1.0 });
            }
            let again = rankings(&schedule(), &changed, year..=year, &mut |_| {}).unwrap();
            let mut ranked = 0;
            for ranking in &again[&year] {
                if let Some(before) = all[&year].iter().find(|before| before.artist == ranking.artist) {
                    assert_eq!(before, ranking);
                    ranked += 1;
                }
            }
            assert!(ranked > 0, "nobody of {year} is in both rankings");
        }
    }

    #[test]
    fn what_is_fused_is_among_the_features_and_ranks_are_from_the_highest() {
        assert_eq!(Learner::new(schedule()).fused.len(), FUSED.len());
        assert_eq!(ranks(&[0.5, f64::NAN, 2.0, 0.5]), [2, 4, 1, 3]);
    }

    #[test]
    fn no_songs_and_songs_of_one_are_no_panic() {
        assert!(rankings(&schedule(), &Catalogue::default(), 2000..=2005, &mut |_| {}).unwrap().is_empty());
        let mut lonely = catalogue();
        lonely.songs.iter_mut().for_each(|song| song.artists.truncate(1));
        assert!(rankings(&schedule(), &lonely, 2003..=2005, &mut |_| {}).unwrap().values().all(Vec::is_empty));
    }
}
