//! The similarity of two works, computed from a small signature of each.
//!
//! A work is treated as a set. Its elements are every run of [`SHINGLE`] consecutive words in one of its texts (words are
//! letters, digits and underscores, so layout and punctuation do not matter), and the SHA-256 of every file. The similarity
//! of two works is the Jaccard index of their sets: the size of the intersection divided by the size of the union.
//!
//! A signature keeps the [`SIZE`] lowest hashes of the set (MinHash with one permutation and many minima, a bottom-k
//! sketch: Broder 1997). Among the lowest hashes of two sets together, the share that lies in both estimates the index
//! without bias, and with a standard error of at most `sqrt(0.25 / SIZE)` = 0.031. Sets of at most [`SIZE`] elements are
//! compared exactly. Similar works share hashes, so a catalogue can be searched by them.
//!
//! Renaming everything defeats this, and so does hiding a copy in a much larger work.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ratio;

/// How many consecutive words make one element.
pub const SHINGLE: usize = 5;
/// Hashes in a full signature.
pub const SIZE: usize = 256;

/// The lowest hashes of a work's set, ascending. There are fewer than [`SIZE`] only when the set has no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct Signature(Vec<u32>);

/// A list is not a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a signature has 1 to {SIZE} numbers, each greater than the one before")]
pub struct NoSignature;

impl TryFrom<Vec<u32>> for Signature {
    type Error = NoSignature;

    fn try_from(hashes: Vec<u32>) -> Result<Self, NoSignature> {
        let ascending = hashes.windows(2).all(|pair| pair[0] < pair[1]);
        if ascending && (1..=SIZE).contains(&hashes.len()) { Ok(Self(hashes)) } else { Err(NoSignature) }
    }
}

impl From<Signature> for Vec<u32> {
    fn from(signature: Signature) -> Self {
        signature.0
    }
}

impl Signature {
    /// Returns the hashes.
    pub fn hashes(&self) -> &[u32] {
        &self.0
    }
}

/// Returns the estimated Jaccard index of two works, in [0, 1], to 4 decimals. It is symmetric, and 1 for equal works.
pub fn similarity(a: &Signature, b: &Signature) -> Decimal {
    let (mut i, mut j, mut shared, mut together) = (0, 0, 0, 0);
    while together < SIZE as u64 && (i < a.0.len() || j < b.0.len()) {
        let (left, right) = (a.0.get(i), b.0.get(j));
        let step_left = right.is_none() || left.is_some_and(|left| Some(left) <= right);
        let step_right = left.is_none() || right.is_some_and(|right| Some(right) <= left);
        i += usize::from(step_left);
        j += usize::from(step_right);
        shared += u64::from(step_left && step_right);
        together += 1;
    }
    ratio(shared, together)
}

/// Collects a work's set.
#[derive(Debug, Default)]
pub struct Sketch {
    lowest: BTreeSet<u32>,
}

impl Sketch {
    /// Adds a file's text.
    pub fn add_text(&mut self, text: &[u8]) {
        let mut words = [0_u64; SHINGLE];
        let mut count = 0;
        for word in text.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii())) {
            if word.is_empty() {
                continue;
            }
            words[count % SHINGLE] = fnv(word);
            count += 1;
            if count >= SHINGLE {
                let (newer, older) = words.split_at(count % SHINGLE);
                self.add(join(older.iter().chain(newer)));
            }
        }
        // A text of only a few words is one element.
        if (1..SHINGLE).contains(&count) {
            self.add(join(words[..count].iter()));
        }
    }

    /// Adds a file by the SHA-256 of its content.
    pub fn add_content(&mut self, sha256: &[u8; 32]) {
        let [a, b, c, d, e, f, g, h, ..] = *sha256;
        self.add(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    }

    /// Returns the signature. `None` for a work without content.
    pub fn finish(self) -> Option<Signature> {
        Signature::try_from(Vec::from_iter(self.lowest)).ok()
    }

    fn add(&mut self, element: u64) {
        let hash = (mix(element) >> 32) as u32;
        if self.lowest.len() < SIZE {
            self.lowest.insert(hash);
        } else if self.lowest.last().is_some_and(|last| hash < *last) && self.lowest.insert(hash) {
            self.lowest.pop_last();
        }
    }
}

/// Returns the signature of texts alone.
pub fn signature_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Signature> {
    let mut sketch = Sketch::default();
    for text in texts {
        sketch.add_text(text.as_bytes());
        sketch.add_content(&Sha256::digest(text.as_bytes()).into());
    }
    sketch.finish()
}

/// Hashes by FNV-1a with 64 bits.
fn fnv(word: &[u8]) -> u64 {
    word.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Returns the hash of words in their order.
fn join<'a>(words: impl Iterator<Item = &'a u64>) -> u64 {
    words.fold(0, |hash: u64, word| hash.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix(*word))
}

/// Mixes the bits of a value with the finalizer of SplitMix64: every bit of the input affects every bit of the result.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;

    /// Returns the signature of texts with one shingle per number: runs of 5 words that do not overlap.
    fn texts(elements: std::ops::Range<u32>) -> Option<Signature> {
        let mut sketch = Sketch::default();
        for element in elements {
            sketch.add_text(format!("a b c d {element}").as_bytes());
        }
        sketch.finish()
    }

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn small_works_are_compared_exactly() {
        for (a, b, expected) in
            [(0..100, 0..100, "1"), (0..100, 100..200, "0"), (0..80, 40..120, "0.3333"), (0..1, 0..2, "0.5")]
        {
            let (a, b) = (texts(a).unwrap(), texts(b).unwrap());
            assert_eq!((similarity(&a, &b), similarity(&b, &a)), (dec(expected), dec(expected)));
        }
    }

    #[test]
    fn large_works_are_compared_within_the_error() {
        // The tolerance is four standard errors: 4 x 0.031.
        for (shared, expected) in [(0, 0.0), (2_000, 0.1111), (10_000, 1.0), (6_667, 0.5)] {
            let (a, b) = (texts(0..10_000).unwrap(), texts(10_000 - shared..20_000 - shared).unwrap());
            let found: f64 = similarity(&a, &b).to_string().parse().unwrap();
            assert!((found - expected).abs() < 0.125, "{shared} shared: {found}, not {expected}");
            assert_eq!(a.hashes().len(), SIZE);
        }
        let (small, large) = (texts(0..100).unwrap(), texts(0..10_000).unwrap());
        assert!(similarity(&small, &large) < dec("0.05"), "a small part of a work is not like it");
    }

    #[test]
    fn layout_does_not_matter_and_words_do() {
        let text = "fn main() { let x = read(path)?; print(x) }";
        let of = |text: &str| {
            let mut sketch = Sketch::default();
            sketch.add_text(text.as_bytes());
            sketch.finish().unwrap()
        };
        assert_eq!(of(text), of("fn main()\n{\n    let x = read( path )?;\n\n    print(x)\n}\n"));
        // 8 words make 4 runs, and the word in the middle is part of all of them.
        assert_eq!(similarity(&of(text), &of(&text.replace("read", "load"))), Decimal::ZERO);
        // A word at the end is part of only one.
        assert_eq!(similarity(&of(text), &of(&text.replace("print(x)", "print(y)"))), dec("0.6"));
    }

    #[test]
    fn files_without_text_are_known_by_their_hash() {
        let of = |seeds: std::ops::Range<u8>| {
            let mut sketch = Sketch::default();
            seeds.for_each(|seed| sketch.add_content(&Sha256::digest([seed]).into()));
            sketch.finish()
        };
        assert_eq!(similarity(&of(0..4).unwrap(), &of(2..6).unwrap()), dec("0.3333"));
        assert_eq!(of(0..0), None);
    }

    #[test]
    fn only_ascending_lists_are_signatures() {
        for list in ["[]", "[2,1]", "[1,1]"] {
            assert!(serde_json::from_str::<Signature>(list).is_err(), "{list}");
        }
        let one_too_many = serde_json::to_string(&Vec::from_iter(0..=SIZE as u32)).unwrap();
        assert!(serde_json::from_str::<Signature>(&one_too_many).is_err());
        let signature = texts(0..1000).unwrap();
        let json = serde_json::to_string(&signature).unwrap();
        assert_eq!(serde_json::from_str::<Signature>(&json).unwrap(), signature);
    }

    #[test]
    fn the_hash_never_changes() {
        let signature = signature_of(["the hash of a word is kept for years"]).unwrap();
        assert_eq!(signature.hashes(), KNOWN);
    }

    /// These hashes were computed by another program from the definition.
    const KNOWN: [u32; 6] = [241_835_769, 557_585_575, 941_809_906, 1_409_534_674, 1_901_783_845, 2_900_441_147];

    proptest! {
        #[test]
        fn similarity_is_that_of_sets(a in collection::btree_set(0_u32..60, 1..60), b in collection::btree_set(0_u32..60, 1..60)) {
            let of = |set: &BTreeSet<u32>| {
                let mut sketch = Sketch::default();
                set.iter().for_each(|word| sketch.add_text(word.to_string().as_bytes()));
                sketch.finish().unwrap()
            };
            let shared = a.intersection(&b).count() as u64;
            prop_assert_eq!(similarity(&of(&a), &of(&b)), ratio(shared, a.union(&b).count() as u64));
        }

        #[test]
        fn order_of_files_does_not_matter(mut texts in collection::vec("[a-c ]{0,30}", 1..20)) {
            let before = signature_of(texts.iter().map(String::as_str));
            texts.reverse();
            prop_assert_eq!(signature_of(texts.iter().map(String::as_str)), before);
        }
    }
}
