//! Derives from the records the people from whom partners are chosen: their skills, standing, and who worked with whom.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use agents::collaboration::{Person, Together};
use alloy_primitives::Address;
use domain::AssetId;
use store::works::people::{Part, Record, Work};

/// How many people can be named. Those who contributed last are taken.
const PEOPLE: usize = 10_000;
/// How many of a work's contributors count as having worked together. Those who worked on it last are taken, because ties grow
/// with the square, and in a crowd few know each other.
const TEAM: usize = 20;
/// Beyond this many pairs, works that nobody worked on lately add no more.
const TIES: usize = 250_000;

/// Returns the people in the order of their accounts, from all parts and their works.
pub(crate) fn people(parts: &[Part], works: &BTreeMap<i64, Work>, records: &BTreeMap<Address, Record>) -> Vec<Person> {
    let mut found: BTreeMap<Address, Evidence> = BTreeMap::new();
    for part in parts {
        let evidence = found.entry(part.account).or_insert_with(|| Evidence {
            record: records.get(&part.account).copied().unwrap_or_default(),
            ..Evidence::default()
        });
        evidence.skills.extend(part.kinds.iter().map(|kind| spelled(kind)));
        let Some(work) = works.get(&part.work) else { continue };
        evidence.skills.extend(skills_of(work));
        // What people accept from themselves says nothing.
        if work.owner != part.account {
            evidence.accepted += part.contributions as f64;
            evidence.coherence += part.coherence * part.contributions as f64;
        }
    }
    found
        .into_iter()
        .map(|(account, evidence)| Person { account, reputation: evidence.standing(), skills: evidence.skills })
        .collect()
}

/// Returns the skills of everybody who works on a work: its kind, and the ecosystems of its packages.
pub(crate) fn skills_of(work: &Work) -> impl Iterator<Item = String> {
    std::iter::once(spelled(&work.kind)).chain(work.ecosystems.iter().map(|name| spelled(name)))
}

/// Returns `MANUAL_LABOR` as `manual-labor`.
fn spelled(kind: &str) -> String {
    kind.to_lowercase().replace('_', "-")
}

#[derive(Default)]
struct Evidence {
    skills: BTreeSet<String>,
    /// How many contributions owners of other works accepted, and the sum of their coherence.
    accepted: f64,
    coherence: f64,
    record: Record,
}

impl Evidence {
    /// Returns the standing from 0 to 100. Everybody starts at 50. `None` without any evidence.
    ///
    /// Acceptance by others adds up to 30, in proportion to quality (0.5 + coherence, divided by its maximum of 1.5), and half
    /// of that at 10 contributions. Works that earned add up to 20, and half of that at 3 works. Rejected proposals take away
    /// up to 30, by their share. Each part has a bound, so that no number of small contributions has the same effect as
    /// earning.
    fn standing(&self) -> Option<f64> {
        let (rejected, paid) = (self.record.rejected as f64, self.record.paid_by as f64);
        if self.accepted + rejected + paid == 0.0 {
            return None;
        }
        let part = |count: f64, rest: f64| if count > 0.0 { count / (count + rest) } else { 0.0 };
        let coherence = self.coherence / self.accepted.max(1.0);
        let work = 30.0 * part(self.accepted, 10.0) * (0.5 + coherence) / 1.5;
        let standing = 50.0 + work + 20.0 * part(paid, 3.0) - 30.0 * part(rejected, self.accepted);
        // The standing is rounded to hundredths, because a number with few digits is the same after it was written and read.
        Some((standing.clamp(0.0, 100.0) * 100.0).round() / 100.0)
    }
}

/// Returns the people who contributed last, at most [`PEOPLE`]. Among equals, the lower account is taken.
pub(crate) fn latest(parts: &[Part]) -> BTreeSet<Address> {
    let mut last: BTreeMap<Address, i64> = BTreeMap::new();
    for part in parts {
        last.entry(part.account).and_modify(|last| *last = part.last.max(*last)).or_insert(part.last);
    }
    let mut order: Vec<(Reverse<i64>, Address)> = last.into_iter().map(|(who, last)| (Reverse(last), who)).collect();
    order.sort_unstable();
    order.truncate(PEOPLE);
    order.into_iter().map(|(_, account)| account).collect()
}

/// Returns who worked together, from parts by work, latest first. Each pair has its first and its last time over all works. At
/// one work, these are when the second of the two joined, and when both last worked on it.
pub(crate) fn together(parts: &[Part]) -> Vec<Together> {
    let mut teams: Vec<&[Part]> = parts.chunk_by(|a, b| a.work == b.work).collect();
    teams.sort_by_key(|team| team.first().map(|part| (Reverse(part.last), part.work)));
    let mut ties: BTreeMap<(Address, Address), [(i64, i64); 2]> = BTreeMap::new();
    for team in teams {
        let team = team.get(..TEAM).unwrap_or(team);
        for (place, one) in team.iter().enumerate() {
            for other in team.iter().skip(place + 1) {
                let came = one.first.max(other.first);
                let last = came.max(one.last.min(other.last));
                let pair = (one.account.min(other.account), one.account.max(other.account));
                let [first, latest] = ties.entry(pair).or_insert([(came, one.work), (last, one.work)]);
                (*first, *latest) = ((*first).min((came, one.work)), (*latest).max((last, one.work)));
            }
        }
        if ties.len() >= TIES {
            break;
        }
    }
    let tie = |(a, b), (time, work): (i64, i64)| Together { a, b, work: AssetId(work as u64), time };
    ties.into_iter()
        .flat_map(|(pair, [first, latest])| [Some(tie(pair, first)), (latest.0 > first.0).then(|| tie(pair, latest))])
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(work: i64, account: u8, contributions: i64, (first, last): (i64, i64)) -> Part {
        Part {
            work,
            account: Address::repeat_byte(account),
            name: String::new(),
            kinds: vec!["MANUAL_LABOR".into()],
            contributions,
            cost: 0,
            coherence: 0.5,
            first,
            last,
        }
    }

    fn work(owner: u8, kind: &str, ecosystems: &[&str]) -> Work {
        let ecosystems = ecosystems.iter().map(|name| (*name).into()).collect();
        Work { owner: Address::repeat_byte(owner), kind: kind.into(), ecosystems }
    }

    #[test]
    fn standing_grows_with_what_others_accepted_and_paid() {
        for (accepted, coherence, rejected, paid_by, expected) in [
            (0.0, 0.0, 0, 0, None),
            (1.0, 0.5, 0, 0, Some(51.82)),
            (10.0, 10.0, 0, 0, Some(65.0)),
            (10.0, 0.0, 0, 0, Some(55.0)),
            (0.0, 0.0, 0, 3, Some(60.0)),
            (0.0, 0.0, 5, 0, Some(20.0)),
            (10.0, 10.0, 10, 0, Some(50.0)),
            (1e9, 1e9, 0, 1_000_000_000, Some(100.0)),
        ] {
            let evidence =
                Evidence { accepted, coherence, record: Record { rejected, paid_by }, skills: BTreeSet::new() };
            assert_eq!(evidence.standing(), expected, "{accepted} accepted, {rejected} rejected, paid by {paid_by}");
        }
    }

    #[test]
    fn people_know_what_they_worked_on_and_stand_by_others_word() {
        let works = BTreeMap::from([(1, work(1, "CODE", &["cargo", "npm"])), (2, work(3, "MUSIC", &[]))]);
        let parts = [part(1, 1, 100, (0, 9)), part(1, 2, 1, (0, 9)), part(2, 2, 1, (0, 9))];
        let found = people(&parts, &works, &BTreeMap::new());
        let skills = |of: usize| found[of].skills.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(skills(0), ["cargo", "code", "manual-labor", "npm"]);
        assert_eq!(skills(1), ["cargo", "code", "manual-labor", "music", "npm"]);
        assert_eq!(found[0].reputation, None, "their own work");
        assert_eq!(found[1].reputation, Some(53.33));
    }

    #[test]
    fn whoever_contributed_last_can_be_named() {
        let mut many: Vec<Part> = Vec::new();
        for n in 0..PEOPLE as i64 + 2 {
            many.push(Part { account: Address::left_padding_from(&n.to_be_bytes()), ..part(n, 0, 1, (0, n)) });
        }
        let found = latest(&many);
        assert_eq!(found.len(), PEOPLE);
        assert!(!found.contains(&many[1].account) && found.contains(&many[2].account));
    }

    #[test]
    fn ties_last_from_the_second_ones_coming_to_the_last_day_of_both() {
        let times =
            |a, b| together(&[part(1, 1, 1, a), part(1, 2, 1, b)]).iter().map(|tie| tie.time).collect::<Vec<_>>();
        assert_eq!(times((0, 10), (5, 20)), [5, 10]);
        assert_eq!(times((0, 3), (5, 20)), [5], "never at it at once");
        assert_eq!(times((0, 10), (0, 10)), [0, 10]);
        let twice = [part(1, 2, 1, (3, 4)), part(1, 1, 1, (0, 4)), part(2, 1, 1, (7, 9)), part(2, 2, 1, (8, 9))];
        let ties: Vec<(u64, i64)> = together(&twice).iter().map(|tie| (tie.work.0, tie.time)).collect();
        assert_eq!(ties, [(1, 3), (2, 9)], "of both works the first time and the last");
        let crowd: Vec<Part> = (0..150).map(|place| part(1, place, 1, (0, 0))).collect();
        assert_eq!(together(&crowd).len(), TEAM * (TEAM - 1) / 2);
        assert!(together(&[part(1, 1, 1, (0, 1)), part(2, 2, 1, (0, 1))]).is_empty(), "of different works");
    }
}
