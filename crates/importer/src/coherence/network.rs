//! Network: how many works use this one, and how evenly its contributors share its cost. The formula is that of
//! [`domain::coherence::network`], and both numbers come from this market's own records.

use domain::coherence::{Weight, hhi, hint_for_commit, network};
use rust_decimal::Decimal;

use super::{Input, Source, Surroundings, plural, rounded};
use crate::Repository;

pub(super) fn source(surroundings: &Surroundings<'_>) -> Source {
    let weights = surroundings.contributors;
    let Some(downstream) = surroundings.downstream else {
        return Source::unmeasured(Input::Network, "How many works use this one is not known.");
    };
    let (Some(value), Some(hhi)) = (network(downstream, weights), hhi(weights)) else {
        return Source::unmeasured(Input::Network, "No contribution with a cost is recorded.");
    };
    let contributors = weights.iter().filter(|weight| **weight != Weight::ZERO).count() as u64;
    let how = format!(
        "Used by {} (ten or more count as 1); {} with a part in its weighted cost, a diversity of {}.",
        plural(downstream, "work"),
        plural(contributors, "contributor"),
        rounded(Decimal::ONE - hhi)
    );
    Source::recorded(Input::Network, rounded(value), how)
}

/// Returns the weighted cost of everyone who wrote a repository's commits, in the order of [`Repository::people`]: this is
/// what is known about contributors before any of them is recorded. A commit's cost is shared equally by its authors.
pub fn contributor_weights(repository: &Repository) -> Vec<Weight> {
    let mut weights = vec![Weight::ZERO; repository.people.len()];
    for commit in &repository.commits {
        let multiplier = hint_for_commit(commit.touches_tests) + Decimal::new(5, 1);
        let part = commit.cost / Decimal::from(commit.authors.len().max(1));
        // The cost of a commit lies between 0.05 and 10, so it is never refused, and the sum of five million of them fits.
        let weight = Weight::new(part, multiplier).unwrap_or_default();
        for author in &commit.authors {
            weights[*author].0 += weight.0;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commit, Person};

    fn equal(count: usize) -> Vec<Weight> {
        vec![Weight::of_cost(Decimal::ONE).unwrap(); count]
    }

    #[test]
    fn use_and_diversity() {
        for (downstream, contributors, value) in [
            (Some(0), 1, Some("0")),
            (Some(5), 4, Some("0.625")),
            (Some(1000), 2, Some("0.75")),
            (Some(0), 3, Some("0.3333")),
            (Some(3), 0, None),
            (None, 3, None),
        ] {
            let contributors = equal(contributors);
            let source = source(&Surroundings { downstream, contributors: &contributors, earlier: None });
            assert_eq!(source.value, value.map(|value| value.parse().unwrap()), "{}", source.how);
        }
    }

    #[test]
    fn weights_of_a_repository_s_people() {
        let person = |name: &str| Person {
            identity: format!("name:{name}"),
            name: name.to_owned(),
            system: false,
            address: None,
            address_source: None,
            also: Vec::new(),
        };
        let commit = |authors: &[usize], cost: i64, touches_tests| Commit {
            authors: authors.to_vec(),
            cost: Decimal::new(cost, 2),
            touches_tests,
            ..Commit::default()
        };
        let repository = Repository {
            people: vec![person("a"), person("b"), person("c")],
            commits: vec![commit(&[0], 100, false), commit(&[0, 1], 100, true)],
            ..Repository::default()
        };
        let weight = |cost: &str| Weight::of_cost(cost.parse().unwrap()).unwrap();
        assert_eq!(contributor_weights(&repository), [weight("1.6"), weight("0.6"), Weight::ZERO]);
    }
}
