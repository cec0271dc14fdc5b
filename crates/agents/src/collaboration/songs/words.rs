//! The words of titles and names, which say what artists sing about and distinguish country from hip-hop.

use std::collections::BTreeMap;

use super::{
    catalogue::{Catalogue, Song},
    snapshot::Snapshot,
};

/// The weight of a partner's words in comparison with one's own.
const OF_PARTNERS: f64 = 0.5;

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 1).map(str::to_lowercase)
}

/// Gives every artist its words, weighted by how rare they are (TF-IDF), together with some of its partners' words,
/// normalised to length 1.
pub(super) fn describe(snapshot: &mut Snapshot, catalogue: &Catalogue, songs: &[Song]) {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |word: String| {
        let next = numbers.len();
        *numbers.entry(word).or_insert(next)
    };
    let mut own: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); catalogue.artists.len()];
    for song in songs {
        let title: Vec<usize> = words(&song.title).map(&mut number).collect();
        for artist in &song.artists {
            if let Some(bag) = own.get_mut(*artist) {
                title.iter().for_each(|word| *bag.entry(*word).or_default() += 1.0);
            }
        }
    }
    for (bag, name) in own.iter_mut().zip(&catalogue.artists).filter(|(bag, _)| !bag.is_empty()) {
        words(name).map(&mut number).for_each(|word| *bag.entry(word).or_default() += 1.0);
    }
    let artists = own.iter().filter(|bag| !bag.is_empty()).count() as f64;
    let mut holders: BTreeMap<usize, f64> = BTreeMap::new();
    own.iter().flat_map(BTreeMap::keys).for_each(|word| *holders.entry(*word).or_default() += 1.0);
    for bag in &mut own {
        for (word, weight) in bag.iter_mut() {
            *weight = (1.0 + weight.ln()) * (artists / holders.get(word).copied().unwrap_or(1.0)).ln();
        }
        normalise(bag);
    }
    for (place, artist) in snapshot.artists.iter_mut().enumerate() {
        let mut bag = own.get(place).cloned().unwrap_or_default();
        let partners = snapshot.ties.get(place).into_iter().flatten();
        let total: f64 = snapshot.ties.get(place).into_iter().flatten().map(|(_, tie)| tie.count).sum();
        for (partner, tie) in partners {
            for (word, weight) in own.get(*partner).into_iter().flatten() {
                *bag.entry(*word).or_default() += OF_PARTNERS * weight * tie.count / total;
            }
        }
        normalise(&mut bag);
        artist.words = bag;
    }
}

fn normalise(bag: &mut BTreeMap<usize, f64>) {
    let length = bag.values().map(|weight| weight * weight).sum::<f64>().sqrt();
    if length > 0.0 {
        bag.values_mut().for_each(|weight| *weight /= length);
    }
}

/// Returns the cosine of two bags of words of length 1.
pub(super) fn likeness(a: &BTreeMap<usize, f64>, b: &BTreeMap<usize, f64>) -> f64 {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short.iter().filter_map(|(word, weight)| Some(weight * long.get(word)?)).sum()
}
