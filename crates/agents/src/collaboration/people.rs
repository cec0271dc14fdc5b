//! People's skills, and who worked with whom.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Address, AssetId};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Someone who may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    pub account: Address,
    /// The skills, in any spelling that the market uses consistently.
    pub skills: BTreeSet<String>,
    /// The reputation from 0 to 100. If it is unknown, everybody's starting value is used.
    pub reputation: Option<f64>,
}

/// Two people contributed to the same work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    pub a: Address,
    pub b: Address,
    pub work: AssetId,
    /// The time of the later contribution, in seconds since 1970.
    pub time: i64,
}

/// The first and the last time that two people worked together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tie {
    pub first: i64,
    pub last: i64,
}

/// People with their ties, ready to be asked.
#[derive(Clone, Debug)]
pub struct People {
    people: BTreeMap<Address, Person>,
    ties: BTreeMap<Address, BTreeMap<Address, Tie>>,
    digest: String,
}

impl People {
    /// Prepares people and ties. If there are several entries for one account, the last one counts.
    /// Nobody works with themselves.
    pub fn new(people: &[Person], together: &[Together]) -> Self {
        let mut ties: BTreeMap<Address, BTreeMap<Address, Tie>> = BTreeMap::new();
        for one in together.iter().filter(|one| one.a != one.b) {
            for (from, to) in [(one.a, one.b), (one.b, one.a)] {
                let tie = ties.entry(from).or_default().entry(to).or_insert(Tie { first: one.time, last: one.time });
                (tie.first, tie.last) = (tie.first.min(one.time), tie.last.max(one.time));
            }
        }
        let people: BTreeMap<Address, Person> = people.iter().map(|person| (person.account, person.clone())).collect();
        let digest = digest(&people, together);
        Self { people, ties, digest }
    }

    pub fn person(&self, account: Address) -> Option<&Person> {
        self.people.get(&account)
    }

    /// Iterates over everyone, ascending by account.
    pub fn everyone(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    pub(super) fn tie(&self, a: Address, b: Address) -> Option<Tie> {
        self.ties.get(&a)?.get(&b).copied()
    }

    pub(super) fn ties(&self, account: Address) -> impl Iterator<Item = (Address, Tie)> {
        self.ties.get(&account).into_iter().flatten().map(|(other, tie)| (*other, *tie))
    }

    /// Returns with how many others an account worked.
    pub fn partners(&self, account: Address) -> usize {
        self.ties.get(&account).map_or(0, BTreeMap::len)
    }

    /// Returns the SHA-256 over people and ties, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest(people: &BTreeMap<Address, Person>, together: &[Together]) -> String {
    let mut digest = Digest::default();
    for person in people.values() {
        digest.fixed(person.account);
        digest.fixed(person.reputation.unwrap_or(f64::NAN).to_be_bytes());
        digest.count(person.skills.len());
        person.skills.iter().for_each(|skill| digest.part(skill));
    }
    digest.fixed(b"together");
    for one in together {
        digest.fixed(one.a);
        digest.fixed(one.b);
        digest.fixed(one.work.0.to_be_bytes());
        digest.fixed(one.time.to_be_bytes());
    }
    digest.hex()
}
