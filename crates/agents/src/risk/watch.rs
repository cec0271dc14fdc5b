//! Watch lists: who is watched, how high the risk is, and why.

use std::collections::BTreeMap;

use domain::{Address, AssetId};
use serde::{Deserialize, Serialize};

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    Account(Address),
    Work(AssetId),
}

/// Why something is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The score, from 0 (nothing) to 1 (certain).
    pub score: f64,
    pub why: String,
    /// Since when it is watched, in seconds since 1970.
    pub since: i64,
}

/// Everything that is watched, each with its worst entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchList(BTreeMap<Watched, Entry>);

/// A score is outside 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is no score: it must lie between 0 and 1")]
pub struct ScoreError(pub f64);

impl WatchList {
    /// Adds an entry. Of several entries for one thing, the one with the highest score stays, and
    /// among equals the earlier one.
    ///
    /// # Errors
    /// When the score is outside 0 to 1.
    pub fn watch(&mut self, what: Watched, entry: Entry) -> Result<(), ScoreError> {
        if !(0.0..=1.0).contains(&entry.score) {
            return Err(ScoreError(entry.score));
        }
        let stays =
            |known: &Entry| known.score > entry.score || known.score == entry.score && known.since <= entry.since;
        if !self.0.get(&what).is_some_and(stays) {
            self.0.insert(what, entry);
        }
        Ok(())
    }

    pub fn get(&self, what: Watched) -> Option<&Entry> {
        self.0.get(&what)
    }

    /// Returns all entries, highest score first.
    pub fn entries(&self) -> Vec<(Watched, &Entry)> {
        let mut all: Vec<_> = self.0.iter().map(|(what, entry)| (*what, entry)).collect();
        all.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_entry_stays() {
        let account = |n: u8| Watched::Account(Address::with_last_byte(n));
        let entry = |score, since| Entry { score, why: "reported".to_owned(), since };
        let mut list = WatchList::default();
        for (what, score, since) in [(1, 0.5, 10), (1, 0.9, 20), (1, 0.9, 30), (1, 0.1, 40), (2, 0.7, 5)] {
            list.watch(account(what), entry(score, since)).unwrap();
        }
        assert_eq!(list.entries(), [(account(1), &entry(0.9, 20)), (account(2), &entry(0.7, 5))]);
        assert_eq!(list.watch(account(3), entry(1.5, 0)), Err(ScoreError(1.5)));
        assert!(list.watch(account(3), entry(f64::NAN, 0)).is_err());
        assert_eq!(list.get(account(3)), None);
    }
}
