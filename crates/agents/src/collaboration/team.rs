//! The score of a team, and how it might share.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Address, Amount, BasisPoints, U256, split::largest_remainder};
use metta::Atom;
use serde::{Deserialize, Serialize};

use crate::rules::{Applied, RuleBase, RuleError};

/// A member of a team, and the cost of their part, in base units or any other unit that is the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub account: Address,
    pub cost: Amount,
}

/// Why shares cannot be proposed.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error("a split needs 1 to 10000 members, not {0}")]
    Members(usize),
    #[error("account {0} stands in the team twice")]
    Twice(Address),
    #[error("the costs do not sum within 256 bits")]
    Costs,
    #[error(transparent)]
    Rules(#[from] RuleError),
}

/// Proposes shares that sum to exactly 10 000, in the order of the members: everybody gets the least share of the rules, or
/// an equal part if there are too many members for that. The rest is divided by cost, rounded by largest remainder (units
/// left over go to those who lost most by rounding, among equals to the first). Without any costs, all get the same.
///
/// # Errors
/// When the team is empty, has somebody twice or more than 10 000 members, when costs exceed 256 bits, or when the rules lack
/// the least share.
pub fn split(rules: &RuleBase, members: &[Member]) -> Result<Vec<BasisPoints>, SplitError> {
    let count = u16::try_from(members.len()).ok().filter(|count| (1..=10_000).contains(count));
    let count = count.ok_or(SplitError::Members(members.len()))?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = members.iter().find(|member| !seen.insert(member.account)) {
        return Err(SplitError::Twice(twice.account));
    }
    let wanted = rules.number(&[Atom::symbol("least-share-points")])?.clamp(0.0, 10_000.0) as u16;
    let least = wanted.min(10_000 / count);
    let costs: Vec<U256> = members.iter().map(|member| member.cost.0).collect();
    let weights = if costs.iter().all(U256::is_zero) { vec![U256::ONE; members.len()] } else { costs };
    let rest = largest_remainder(U256::from(10_000 - least * count), &weights).map_err(|_| SplitError::Costs)?;
    // Each part is at most the rest, so it fits, and together with the least share it is at most the whole.
    rest.into_iter()
        .map(|part| BasisPoints::try_from(part.to::<u64>() + u64::from(least)).map_err(|_| SplitError::Costs))
        .collect()
}

/// Returns how varied the skills of a team are: the chance that two mentions of a skill, drawn with replacement from all
/// members' lists, are of different skills (Gini-Simpson). It is 0 without skills or with only one, and near 1 for many.
pub fn diversity<'a>(skills: impl IntoIterator<Item = &'a BTreeSet<String>>) -> f64 {
    let mut mentions: BTreeMap<&str, f64> = BTreeMap::new();
    skills.into_iter().flatten().for_each(|skill| *mentions.entry(skill).or_default() += 1.0);
    let total: f64 = mentions.values().sum();
    if total == 0.0 { 0.0 } else { 1.0 - mentions.values().map(|count| (count / total).powi(2)).sum::<f64>() }
}

/// Returns 1 minus the Gini coefficient of shares: 1 when all are equal, near 0 when one of many has everything. 1 for an
/// empty team.
pub fn balance(shares: &[BasisPoints]) -> f64 {
    let mut sorted: Vec<f64> = shares.iter().map(|share| f64::from(share.get())).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (count, total) = (sorted.len() as f64, sorted.iter().sum::<f64>());
    if total == 0.0 {
        return 1.0;
    }
    let ranked: f64 = sorted.iter().enumerate().map(|(place, share)| (place as f64 + 1.0) * share).sum();
    1.0 - (2.0 * ranked / (count * total) - (count + 1.0) / count)
}

/// Returns .3 diversity + .4 balance + .3 mean reputation / 100, by the rules.
///
/// # Errors
/// When the rule base lacks a rule.
pub fn team_score(
    rules: &RuleBase,
    diversity: f64,
    balance: f64,
    reputation: f64,
    applied: &mut Vec<Applied>,
) -> Result<f64, RuleError> {
    let numbers = [diversity, balance, reputation].map(Atom::float);
    rules.explained(&[&[Atom::symbol("team-score")], &numbers[..]].concat(), applied)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(shares: &[u16]) -> Vec<BasisPoints> {
        shares.iter().map(|share| BasisPoints::new(*share)).collect()
    }

    fn team(costs: &[u64]) -> Vec<Member> {
        let member = |(place, cost): (usize, &u64)| Member {
            account: Address::left_padding_from(&(place as u32).to_be_bytes()),
            cost: Amount::from(*cost),
        };
        costs.iter().enumerate().map(member).collect()
    }

    #[test]
    fn known_answers() {
        let rules = RuleBase::collaboration().unwrap();
        for (costs, expected) in [
            (vec![7], vec![10_000]),
            (vec![0, 0, 0], vec![3_334, 3_333, 3_333]),
            (vec![1, 0], vec![9_900, 100]),
            (vec![3, 1], vec![7_450, 2_550]),
            (vec![1, 1, 1], vec![3_334, 3_333, 3_333]),
        ] {
            assert_eq!(split(&rules, &team(&costs)).unwrap(), points(&expected), "{costs:?}");
        }
        for (shares, expected) in [
            (vec![], 1.0),
            (vec![10_000], 1.0),
            (vec![5_000, 5_000], 1.0),
            (vec![10_000, 0], 0.5),
            (vec![7_500, 2_500], 0.75),
            (vec![10_000, 0, 0, 0], 0.25),
        ] {
            assert!((balance(&points(&shares)) - expected).abs() < 1e-12, "{shares:?}");
        }
        let skills = |list: &[&str]| list.iter().map(|skill| (*skill).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(diversity([&skills(&["rust"])]), 0.0);
        assert_eq!(diversity([&skills(&["rust"]), &skills(&["music"])]), 0.5);
        assert_eq!(diversity([&skills(&["a", "b"]), &skills(&["c", "d"])]), 0.75);
        let mut applied = Vec::new();
        let score = team_score(&rules, 0.5, 0.75, 80.0, &mut applied).unwrap();
        assert!((score - (0.15 + 0.3 + 0.24)).abs() < 1e-12);
        assert!(applied.iter().any(|rule| rule.place.starts_with("collaboration.metta:")));
    }

    #[test]
    fn what_cannot_be_split_is_an_error() {
        let rules = RuleBase::collaboration().unwrap();
        let twice = [team(&[1])[0], team(&[2])[0]];
        assert!(matches!(split(&rules, &[]), Err(SplitError::Members(0))));
        assert!(matches!(split(&rules, &team(&[1; 10_001])), Err(SplitError::Members(10_001))));
        assert!(matches!(split(&rules, &twice), Err(SplitError::Twice(_))));
        let mut rich = team(&[1, 1]);
        rich.iter_mut().for_each(|member| member.cost = Amount(U256::MAX));
        assert!(matches!(split(&rules, &rich), Err(SplitError::Costs)));
        assert_eq!(split(&rules, &team(&[1; 10_000])).unwrap(), points(&[1; 10_000]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn shares_sum_to_the_whole_and_follow_costs(costs in prop::collection::vec(any::<u64>(), 1..300)) {
            let rules = RuleBase::collaboration().unwrap();
            let shares = split(&rules, &team(&costs)).unwrap();
            prop_assert_eq!(shares.iter().map(|share| u32::from(share.get())).sum::<u32>(), 10_000);
            for ((a, share_a), (b, share_b)) in costs.iter().zip(&shares).zip(costs.iter().zip(&shares).skip(1)) {
                prop_assert!(a < b || share_a >= share_b || share_b.get() - share_a.get() <= 1, "{} {}", a, b);
            }
            prop_assert!((0.0..=1.0).contains(&balance(&shares)));
        }
    }
}
