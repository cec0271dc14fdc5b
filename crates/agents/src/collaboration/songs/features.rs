//! Features of an artist and a candidate at the beginning of a year. Values that are not known are NaN.

use std::collections::BTreeMap;

use super::{
    snapshot::{Artist, Snapshot, Tie},
    walk::{DIMENSIONS, Ties, cosine},
    words::likeness,
};

/// Receives features: group, name, value.
type Put<'a> = &'a mut dyn FnMut(&'static str, &'static str, f64);

/// A snapshot, with values that are computed once for all pairs of its candidates.
pub(super) struct Pairs {
    pub snapshot: Snapshot,
    profiles: Vec<Vec<(&'static str, f64)>>,
    near: Vec<Vec<f64>>,
    far: Vec<Vec<f64>>,
    embedding: Vec<[f64; DIMENSIONS]>,
    alike: Vec<f64>,
    places: BTreeMap<usize, usize>,
}

impl Pairs {
    pub fn new(snapshot: Snapshot, names: &[String]) -> Self {
        let ties = Ties::new(&snapshot, 0.1);
        let candidates = &snapshot.candidates;
        let empty = String::new();
        let profiles = candidates
            .iter()
            .map(|&artist| {
                let mut profile = Vec::new();
                let known = (snapshot.artists.get(artist), snapshot.ties.get(artist));
                if let (Some(known), Some(ties)) = known {
                    let name = names.get(artist).unwrap_or(&empty);
                    profile_of(known, ties, name, &mut |name, value| profile.push((name, value)));
                }
                profile
            })
            .collect();
        let walks = |damping| candidates.iter().map(|&artist| ties.walk(artist, damping)).collect();
        let bag = |place: &usize| snapshot.artists.get(*place).map(|artist| &artist.words);
        let alike = candidates
            .iter()
            .flat_map(|a| candidates.iter().map(move |b| (a, b)))
            .map(|(a, b)| bag(a).zip(bag(b)).map_or(0.0, |(a, b)| likeness(a, b)))
            .collect();
        let places = candidates.iter().enumerate().map(|(place, artist)| (*artist, place)).collect();
        Self { profiles, near: walks(0.5), far: walks(0.85), embedding: ties.embedding(), alike, places, snapshot }
    }

    /// Returns the candidates, as places in the catalogue.
    pub fn candidates(&self) -> &[usize] {
        &self.snapshot.candidates
    }

    fn place(&self, artist: usize) -> Option<usize> {
        self.places.get(&artist).copied()
    }

    /// Returns how similar the words of two candidates are.
    fn words(&self, a: usize, b: usize) -> Option<f64> {
        self.alike.get(self.place(a)? * self.places.len() + self.place(b)?).copied()
    }

    fn embedded(&self, a: usize, b: usize) -> f64 {
        self.embedding.get(a).zip(self.embedding.get(b)).map_or(f64::NAN, |(a, b)| cosine(a, b))
    }

    fn profile(&self, artist: usize) -> &[(&'static str, f64)] {
        self.place(artist).and_then(|place| self.profiles.get(place)).map_or(&[], Vec::as_slice)
    }

    fn arrives(walks: &[Vec<f64>], from: Option<usize>, to: usize) -> f64 {
        from.and_then(|from| walks.get(from)?.get(to)).copied().unwrap_or(0.0)
    }

    /// Gives the features of `a`, who looks for partners, and `b`, a possible one. Both are candidates.
    pub fn visit(&self, a: usize, b: usize, put: Put) {
        for (name, value) in self.profile(a) {
            put("artist", name, *value);
        }
        for (name, value) in self.profile(b) {
            put("candidate", name, *value);
        }
        for ((name, of_a), (_, of_b)) in self.profile(a).iter().zip(self.profile(b)) {
            put("difference", name, (of_a - of_b).abs());
        }
        let (at_a, at_b) = (self.place(a), self.place(b));
        put("walk", "near, from the artist", Self::arrives(&self.near, at_a, b));
        put("walk", "far, from the artist", Self::arrives(&self.far, at_a, b));
        put("walk", "near, from the candidate", Self::arrives(&self.near, at_b, a));
        put("walk", "far, from the candidate", Self::arrives(&self.far, at_b, a));
        put("likeness", "of ties", self.embedded(a, b));
        put("likeness", "of words", self.words(a, b).unwrap_or(f64::NAN));
        self.common(a, b, put);
        self.resemblance("the candidate's partners", a, b, put);
        self.resemblance("the artist's partners", b, a, put);
        self.together(a, b, put);
    }

    /// Partners of both.
    fn common(&self, a: usize, b: usize, put: Put) {
        let none = BTreeMap::new();
        let (of_a, of_b) = (self.snapshot.ties.get(a).unwrap_or(&none), self.snapshot.ties.get(b).unwrap_or(&none));
        let (mut count, mut adamic, mut resource, mut recent, mut strongest) = (0.0, 0.0, 0.0, 0.0, 0.0_f64);
        for (shared, tie) in of_a {
            let Some(other) = of_b.get(shared) else { continue };
            let ties = self.snapshot.ties.get(*shared).unwrap_or(&none);
            let degree = ties.len() as f64;
            count += 1.0;
            adamic += 1.0 / degree.max(2.0).ln();
            resource += 1.0 / degree;
            recent += (tie.recent * other.recent).sqrt() / (1.0 + degree).ln();
            strongest = strongest.max(tie.recent.min(other.recent));
        }
        let union = of_a.len() as f64 + of_b.len() as f64 - count;
        put("common partners", "count", count);
        put("common partners", "Adamic-Adar", adamic);
        put("common partners", "resource allocation", resource);
        put("common partners", "by recency", recent);
        put("common partners", "strongest", strongest);
        put("common partners", "Jaccard", if union > 0.0 { count / union } else { 0.0 });
    }

    /// Gives the similarity of `a` and the partners of `b`.
    fn resemblance(&self, group: &'static str, a: usize, b: usize, put: Put) {
        let (mut weights, mut words, mut ties, mut best) = (0.0, 0.0, 0.0, 0.0_f64);
        for (partner, tie) in self.snapshot.ties.get(b).into_iter().flatten().filter(|(partner, _)| **partner != a) {
            let Some(of_words) = self.words(a, *partner) else { continue };
            let of_ties = self.embedded(a, *partner);
            weights += tie.recent;
            words += tie.recent * of_words;
            ties += if of_ties.is_nan() { 0.0 } else { tie.recent * of_ties };
            best = best.max(of_words);
        }
        put(group, "likeness of words, sum", words);
        put(group, "likeness of words, mean", if weights > 0.0 { words / weights } else { f64::NAN });
        put(group, "likeness of words, best", best);
        put(group, "likeness of ties, sum", ties);
        put(group, "likeness of ties, mean", if weights > 0.0 { ties / weights } else { f64::NAN });
    }

    /// Gives the songs of both that entered on the same day.
    fn together(&self, a: usize, b: usize, put: Put) {
        let days = |place: usize| -> BTreeMap<i32, f64> {
            let songs = self.snapshot.artists.get(place).map_or(&[][..], |artist| &artist.songs);
            songs.iter().take_while(|song| song.age <= 3.0).map(|song| (song.day, song.age)).collect()
        };
        let of_b = days(b);
        let shared: f64 =
            days(a).iter().filter(|(day, _)| of_b.contains_key(day)).map(|(_, age)| 0.5_f64.powf(*age)).sum();
        put("pair", "days on which both entered", shared);
    }
}

/// Returns the names of the features, in words.
pub(super) fn names() -> Vec<String> {
    let mut snapshot = Snapshot { artists: vec![Artist::default()], ties: vec![BTreeMap::new()], candidates: vec![0] };
    snapshot.candidates = vec![0];
    let mut names = Vec::new();
    Pairs::new(snapshot, &[]).visit(0, 0, &mut |group, name, _| names.push(format!("{group}: {name}")));
    names
}

fn decayed(ages: impl Iterator<Item = f64>, half: f64) -> f64 {
    ages.map(|age| 0.5_f64.powf(age / half)).sum()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    if count > 0.0 { sum / count } else { f64::NAN }
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.reduce(f64::min).unwrap_or(f64::NAN)
}

/// Gives the features of an artist alone.
fn profile_of(artist: &Artist, ties: &BTreeMap<usize, Tie>, name: &str, put: &mut dyn FnMut(&'static str, f64)) {
    let songs = || artist.songs.iter();
    let recent = || artist.songs.iter().take_while(|song| song.age <= 3.0);
    let joint = || artist.songs.iter().filter(|song| song.artists > 1);
    put("songs, half each 6 months", decayed(songs().map(|song| song.age), 0.5));
    put("songs, half each year", decayed(songs().map(|song| song.age), 1.0));
    put("songs, half each 3 years", decayed(songs().map(|song| song.age), 3.0));
    put("joint songs, half each 6 months", decayed(joint().map(|song| song.age), 0.5));
    put("joint songs, half each year", decayed(joint().map(|song| song.age), 1.0));
    put("joint songs, half each 3 years", decayed(joint().map(|song| song.age), 3.0));
    put("share of joint songs", mean(recent().map(|song| f64::from(u8::from(song.artists > 1)))));
    put("artists a song", mean(recent().map(|song| song.artists as f64)));
    put("partners", ties.len() as f64);
    put("partners, half each year", decayed(ties.values().map(|tie| tie.last), 1.0));
    put("new partners, half each 6 months", decayed(ties.values().map(|tie| tie.first), 0.5));
    put("new partners, half each year", decayed(ties.values().map(|tie| tie.first), 1.0));
    put("new partners, half each 3 years", decayed(ties.values().map(|tie| tie.first), 3.0));
    put("partners a joint song", ties.len() as f64 / joint().count().max(1) as f64);
    put("years since the last song", least(songs().map(|song| song.age)));
    put("years since the last joint song", least(joint().map(|song| song.age)));
    put("years since the last new partner", least(ties.values().map(|tie| tie.first)));
    put("years since the first song", songs().map(|song| song.age).reduce(f64::max).unwrap_or(f64::NAN));
    put("best place", least(songs().map(|song| song.peak)));
    put("best place in 3 years", least(recent().map(|song| song.peak)));
    put("mean place in 3 years", mean(recent().map(|song| song.peak)));
    put("mean weeks in 3 years", mean(recent().map(|song| song.weeks)));
    put("share of songs of up to 2 weeks", mean(recent().map(|song| f64::from(u8::from(song.weeks <= 2.0)))));
    let mut days: BTreeMap<i32, f64> = BTreeMap::new();
    recent().for_each(|song| *days.entry(song.day).or_default() += 1.0);
    put("most songs on one day", days.values().copied().fold(0.0, f64::max));
    let lower = name.to_lowercase();
    let words = lower.split_whitespace().count();
    let band =
        lower.split_whitespace().any(|word| ["the", "&", "and", "of", "band", "brothers", "cast"].contains(&word));
    put("words of the name", words as f64);
    put("sounds like a band", f64::from(u8::from(band)));
}
