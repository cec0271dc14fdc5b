//! What was rated so far: a signed, weighted, timed graph of accounts that grows by one rating at a time.

use std::collections::{BTreeMap, HashMap};

use super::{Rating, factors::Factors, fairness};

/// How many of an account's latest votes are looked at one by one. Counts and sums include all.
pub(super) const REMEMBERED: usize = 1_000;
/// Fairness and goodness of all accounts are computed anew after this many ratings. In between, only those of accounts in a
/// rating are updated.
const SWEEP_EVERY: usize = 100;
/// How many of the latest ratings of the whole market are kept.
const LATEST: usize = 200;

/// A rating, as kept with either of its sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vote {
    /// The other side's place.
    pub other: usize,
    /// The rating, from -1 to 1.
    pub value: f64,
    /// Seconds since 1970.
    pub time: i64,
}

/// Votes of one account in one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Votes {
    pub all: Vec<Vote>,
    pub sum: f64,
    pub squares: f64,
    pub negatives: usize,
}

impl Votes {
    fn push(&mut self, vote: Vote) {
        self.all.push(vote);
        self.sum += vote.value;
        self.squares += vote.value * vote.value;
        self.negatives += usize::from(vote.value < 0.0);
    }

    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Returns the mean vote. `None` if there are no votes.
    pub fn mean(&self) -> Option<f64> {
        (!self.all.is_empty()).then(|| self.sum / self.all.len() as f64)
    }

    /// Returns the latest votes, oldest first.
    pub fn latest(&self, count: usize) -> &[Vote] {
        self.all.get(self.all.len().saturating_sub(count)..).unwrap_or(&[])
    }

    /// Returns the latest votes after `since`, newest first.
    pub fn after(&self, since: i64) -> impl Iterator<Item = &Vote> {
        self.latest(REMEMBERED).iter().rev().take_while(move |vote| vote.time > since)
    }
}

/// An account as the ratings show it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// When it was first seen, on either side.
    pub first_seen: i64,
    pub given: Votes,
    pub received: Votes,
    /// How far its ratings agree with the goodness of the rated accounts, from 0 to 1.
    pub fairness: f64,
    /// What fair raters say about it, from -1 to 1.
    pub goodness: f64,
}

/// Everything rated so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub(super) accounts: Vec<Account>,
    places: BTreeMap<u64, usize>,
    pairs: HashMap<(usize, usize), (f64, i64)>,
    pub(super) factors: Factors,
    pub(super) latest: Vec<Vote>,
    ratings: usize,
}

impl History {
    /// Returns how many ratings the history has.
    pub fn len(&self) -> usize {
        self.ratings
    }

    /// Returns whether nothing was rated yet.
    pub fn is_empty(&self) -> bool {
        self.ratings == 0
    }

    /// Adds a rating. Ratings must come in the order of time.
    pub fn push(&mut self, rating: &Rating) {
        let (source, target) = (self.enter(rating.source, rating.time), self.enter(rating.target, rating.time));
        let value = rating.value / 10.0;
        let vote = |other| Vote { other, value, time: rating.time };
        if let Some(account) = self.accounts.get_mut(source) {
            account.given.push(vote(target));
        }
        if let Some(account) = self.accounts.get_mut(target) {
            account.received.push(vote(source));
        }
        self.factors.learn(source, target, value < 0.0);
        self.pairs.insert((source, target), (value, rating.time));
        if self.latest.len() >= LATEST {
            self.latest.remove(0);
        }
        self.latest.push(vote(target));
        self.ratings += 1;
        if self.ratings.is_multiple_of(SWEEP_EVERY) {
            fairness::sweep(&mut self.accounts);
        } else {
            fairness::touch(&mut self.accounts, source, target);
        }
    }

    fn enter(&mut self, number: u64, time: i64) -> usize {
        let next = self.accounts.len();
        let place = *self.places.entry(number).or_insert(next);
        if place == next {
            let (given, received) = (Votes::default(), Votes::default());
            self.accounts.push(Account { first_seen: time, given, received, fairness: 1.0, goodness: 0.0 });
        }
        place
    }

    /// Returns the log-odds of a negative rating according to the factor model.
    pub fn opinion(&self, source: u64, target: u64) -> f64 {
        self.factors.opinion(self.place(source), self.place(target)).total
    }

    pub(super) fn place(&self, number: u64) -> Option<usize> {
        self.places.get(&number).copied()
    }

    pub(super) fn account(&self, place: Option<usize>) -> Option<&Account> {
        self.accounts.get(place?)
    }

    /// Returns how `source` last rated `target`, and when.
    pub(super) fn between(&self, source: Option<usize>, target: Option<usize>) -> Option<(f64, i64)> {
        self.pairs.get(&(source?, target?)).copied()
    }

    /// Returns the highest account number seen.
    pub(super) fn newest_number(&self) -> Option<u64> {
        self.places.last_key_value().map(|(number, _)| *number)
    }

    /// Returns the accounts that were opened shortly before or after account `number`, without that account.
    pub(super) fn opened_near(&self, number: u64, distance: u64) -> impl Iterator<Item = (usize, &Account)> {
        self.places
            .range(number.saturating_sub(distance)..=number.saturating_add(distance))
            .filter(move |(other, _)| **other != number)
            .filter_map(|(_, place)| Some((*place, self.accounts.get(*place)?)))
    }
}
