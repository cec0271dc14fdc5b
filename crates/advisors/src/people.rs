//! From what was recorded to the people that partners are chosen from: skills, standing, and who worked with whom.

use std::collections::{BTreeMap, BTreeSet};

use agents::collaboration::{Person, Together};
use alloy_primitives::Address;
use domain::AssetId;
use store::people::{Part, Record, Work};

/// Of a work's contributors so many count as having worked together, those who worked on it last: ties grow with the square, and in a
/// crowd few know each other.
const TOGETHER: usize = 100;

/// People in the order of their accounts, from all parts with their works.
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

/// What whoever works on a work knows: its kind, and the ecosystems of its packages.
pub(crate) fn skills_of(work: &Work) -> impl Iterator<Item = String> {
    std::iter::once(spelled(&work.kind)).chain(work.ecosystems.iter().map(|name| spelled(name)))
}

/// `MANUAL_LABOR` as `manual-labor`.
fn spelled(kind: &str) -> String {
    kind.to_lowercase().replace('_', "-")
}

#[derive(Default)]
struct Evidence {
    skills: BTreeSet<String>,
    /// Contributions that owners of other works accepted, and the sum of their coherence.
    accepted: f64,
    coherence: f64,
    record: Record,
}

impl Evidence {
    /// The standing, 0 to 100, from 50, where everybody starts; none without any evidence.
    ///
    /// Others' acceptance adds up to 30, in proportion to quality (the coherence weight of the cost rule, 0.5 + coherence over its most,
    /// 1.5), half of it at 10 contributions; works that earned add up to 20, half of it at 3; and proposals that were rejected
    /// take up to 30, by their share. Each part has its bound, so that no number of small contributions buys what earning does.
    fn standing(&self) -> Option<f64> {
        let (rejected, paid) = (self.record.rejected as f64, self.record.paid_by as f64);
        if self.accepted + rejected + paid == 0.0 {
            return None;
        }
        let part = |count: f64, rest: f64| if count > 0.0 { count / (count + rest) } else { 0.0 };
        let coherence = self.coherence / self.accepted.max(1.0);
        let work = 30.0 * part(self.accepted, 10.0) * (0.5 + coherence) / 1.5;
        let standing = 50.0 + work + 20.0 * part(paid, 3.0) - 30.0 * part(rejected, self.accepted);
        // In hundredths: a number of few digits is the same after it was written and read.
        Some((standing.clamp(0.0, 100.0) * 100.0).round() / 100.0)
    }
}

/// Who worked together, from parts by work, latest first: when the second of the two came, and when they were both at it last.
pub(crate) fn together(parts: &[Part]) -> Vec<Together> {
    let mut found = Vec::new();
    for team in parts.chunk_by(|a, b| a.work == b.work) {
        let team = &team[..team.len().min(TOGETHER)];
        for (place, one) in team.iter().enumerate() {
            for other in &team[place + 1..] {
                let came = one.first.max(other.first);
                let last = came.max(one.last.min(other.last));
                let tie = |time| Together { a: one.account, b: other.account, work: AssetId(one.work as u64), time };
                found.push(tie(came));
                if last > came {
                    found.push(tie(last));
                }
            }
        }
    }
    found
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
    fn ties_last_from_the_second_ones_coming_to_the_last_day_of_both() {
        let times =
            |a, b| together(&[part(1, 1, 1, a), part(1, 2, 1, b)]).iter().map(|tie| tie.time).collect::<Vec<_>>();
        assert_eq!(times((0, 10), (5, 20)), [5, 10]);
        assert_eq!(times((0, 3), (5, 20)), [5], "never at it at once");
        assert_eq!(times((0, 10), (0, 10)), [0, 10]);
        let crowd: Vec<Part> = (0..150).map(|place| part(1, place, 1, (0, 0))).collect();
        assert_eq!(together(&crowd).len(), TOGETHER * (TOGETHER - 1) / 2);
        assert!(together(&[part(1, 1, 1, (0, 1)), part(2, 2, 1, (0, 1))]).is_empty(), "of different works");
    }
}
