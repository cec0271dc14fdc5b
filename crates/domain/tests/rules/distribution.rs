//! Known answers of the rules, and each rule by itself.

use domain::{
    Amount, AssetId, BasisPoints, U256,
    coherence::Weight,
    distribution::{DistributionError, Graph, GraphError, NodeIndex, Options, Policy, Rule, Work, WorkKey},
};

use crate::build::*;

fn asset_key(id: u64) -> WorkKey {
    WorkKey::Asset(AssetId(id))
}

#[test]
fn known_answer_two_contributions_of_different_coherence() {
    let weigh = |coherence: &str| {
        let multiplier =
            "0.5".parse::<rust_decimal::Decimal>().unwrap() + coherence.parse::<rust_decimal::Decimal>().unwrap();
        Weight::new("100".parse().unwrap(), multiplier).unwrap()
    };
    let mut work = asset(1, 9).by(1, human(1), 0).by(2, human(2), 0);
    work.contributions[0].weight = weigh("0.9");
    work.contributions[1].weight = weigh("0.5");
    let paid = run(vec![work], 100_000, &NO_FEE).unwrap();
    assert_eq!(payouts(&paid), [(1, 58_333), (2, 41_667)]);
}

#[test]
fn known_answer_an_odd_amount_over_two_equals() {
    let paid = run(vec![asset(1, 9).by(1, human(2), 5).by(2, human(1), 5)], 3_333, &NO_FEE).unwrap();
    assert_eq!(
        payouts(&paid),
        [(1, 1_666), (2, 1_667)],
        "the lower contribution, not the lower account, gets the unit"
    );
}

#[test]
fn known_answer_nobody_to_pay() {
    let error = run(vec![ownerless(1)], 100, &NO_FEE).unwrap_err();
    assert_eq!(error, DistributionError::NoOwner { work: asset_key(1), amount: Amount::from(100_u64) });
    assert!(run(vec![ownerless(1)], 0, &NO_FEE).unwrap().flows.is_empty(), "nothing to pay, nobody missed");
    assert!(run(vec![ownerless(1).by(1, human(1), 1)], 100, &NO_FEE).is_ok(), "a contribution is enough");
    assert!(run(vec![ownerless(1).by(1, human(1), 0)], 100, &NO_FEE).is_err(), "but not one without weight");
}

#[test]
fn known_answer_pooled() {
    let works = vec![
        asset(1, 9).by(1, human(1), 140).by(2, system(Some(human(1))), 14).cost(1, 1),
        asset(2, 9).by(3, human(2), 52).cost(2, 1),
        asset(3, 9).by(4, human(3), 12),
    ];
    let pooled = Options { policy: Policy::Pooled, ..NO_FEE };
    let paid = run(works.clone(), 1_000_000, &pooled).unwrap();
    assert_eq!(payouts(&paid), [(1, 706_422), (2, 238_532), (3, 55_046)]);

    let within_one_edge = Options { max_depth: Some(1), ..pooled };
    assert_eq!(payouts(&run(works, 206, &within_one_edge).unwrap()), [(1, 154), (2, 52)], "a pool ends at the limit");
}

#[test]
fn a_pool_counts_each_work_once_and_keeps_fixed_shares() {
    let works = vec![
        asset(1, 9).by(1, human(1), 50).cost(1, 7).cost(2, 7),
        asset(2, 9).by(2, human(2), 30).cost(3, 7),
        asset(3, 9).cost(3, 7),
        asset(4, 9).by(3, human(3), 20).fixed(1_000, 4),
        asset(5, 8),
    ];
    let paid = run(works, 1_000, &Options { policy: Policy::Pooled, ..NO_FEE }).unwrap();
    assert_eq!(payouts(&paid), [(1, 500), (2, 300), (3, 180), (8, 20)]);
}

#[test]
fn a_branch_that_ends_at_the_limit_does_not_end_the_pool() {
    let leaf = |n: u64| asset(n, 9).by(n, human(n), 10);
    let works = vec![
        leaf(1).cost(1, 1).cost(2, 1),
        leaf(2).cost(3, 1),
        leaf(3).cost(4, 1),
        leaf(4).cost(5, 1),
        leaf(5).cost(5, 1),
        leaf(6),
    ];
    let paid = run(works, 50, &Options { policy: Policy::Pooled, max_depth: Some(2), ..NO_FEE }).unwrap();
    assert_eq!(payouts(&paid), [(1, 10), (2, 10), (3, 10), (4, 10), (5, 10)]);
}

#[test]
fn the_fee_is_taken_once() {
    let works = vec![asset(1, 1).fixed(5_000, 1), asset(2, 2)];
    let paid = run(works, 1_000, &Options::default()).unwrap();
    assert_eq!((paid.fee, payouts(&paid)), (Amount::from(20_u64), vec![(1, 490), (2, 490)]));
    let all = run(vec![asset(1, 1)], 1_000, &Options { fee: BasisPoints::FULL, ..NO_FEE }).unwrap();
    assert_eq!((all.fee, all.payouts.len()), (Amount::from(1_000_u64), 0));
}

#[test]
fn fixed_shares_come_first_and_the_rest_is_divided_by_weight() {
    let works = vec![
        asset(1, 9).by(1, human(1), 300).by(2, human(2), 100).cost(2, 100).fixed(1_500, 1),
        asset(2, 3),
        asset(3, 4),
    ];
    let paid = run(works, 10_000, &NO_FEE).unwrap();
    assert_eq!(payouts(&paid), [(1, 5_100), (2, 1_700), (3, 1_500), (4, 1_700)]);
    let rules: Vec<Rule> = paid.flows.iter().map(|flow| flow.rule).collect();
    let expected =
        [Rule::FixedShare, Rule::Contribution, Rule::Contribution, Rule::CostEdge, Rule::OwnerShare, Rule::OwnerShare];
    assert_eq!(rules, expected);
    assert_eq!((paid.flows[0].weight, paid.flows[0].of), (U256::from(1_500), U256::from(10_000)));
    assert_eq!((paid.flows[1].weight, paid.flows[1].of), (U256::from(300), U256::from(500)));
    assert_eq!(paid.flows[1].divided, Amount::from(8_500_u64));
}

#[test]
fn all_income_may_be_given_away() {
    let works = vec![ownerless(1).fixed(4_000, 1).fixed(6_000, 2), asset(2, 2), asset(3, 3)];
    assert_eq!(payouts(&run(works, 10, &NO_FEE).unwrap()), [(2, 4), (3, 6)]);
}

#[test]
fn a_share_of_several_parents_is_split_by_use() {
    let works = vec![asset(1, 1).shared(1_500, &[(1, 2), (2, 1)]), asset(2, 2), asset(3, 3)];
    let paid = run(works, 1_000, &NO_FEE).unwrap();
    assert_eq!(payouts(&paid), [(1, 850), (2, 100), (3, 50)]);
    assert_eq!((paid.flows[0].rule, paid.flows[0].divided), (Rule::SharedByUse, Amount::from(150_u64)));
}

#[test]
fn systems_pass_on_to_whoever_triggered_them() {
    let work = asset(1, 0)
        .owned(&[(7, 2_500), (8, 7_500)])
        .by(1, system(Some(system(Some(human(1))))), 50)
        .by(2, system(Some(system(None))), 40)
        .by(3, system(Some(somebody("mailto:a@b.c"))), 10);
    let paid = run(vec![work], 1_000, &NO_FEE).unwrap();
    assert_eq!(payouts(&paid), [(1, 500), (7, 100), (8, 300)]);
    assert_eq!(reserved(&paid), [("identity:mailto:a@b.c".to_owned(), 100)]);
    let rules: Vec<(Rule, Option<u64>)> = paid.flows.iter().map(|flow| (flow.rule, flow.contribution)).collect();
    let expected = [
        (Rule::SystemToHuman, Some(1)),
        (Rule::SystemToOwners, Some(2)),
        (Rule::SystemToOwners, Some(2)),
        (Rule::SystemToHuman, Some(3)),
    ];
    assert_eq!(rules, expected);
}

#[test]
fn external_works_pass_on_their_share_and_keep_the_rest_in_reserve() {
    let works = vec![
        asset(1, 1).shared(1_500, &[(1, 1), (2, 1)]),
        external("pkg:cargo/a@1").shared(1_500, &[(2, 3), (3, 1)]),
        external("pkg:cargo/b@1"),
        asset(4, 4),
    ];
    let paid = run(works, 100_000, &NO_FEE).unwrap();
    // Work a gets 7500 and passes on 1125 of it: 844 (843.75) to b, 281 to the asset.
    assert_eq!(payouts(&paid), [(1, 85_000), (4, 281)]);
    let expected = [("external:pkg:cargo/a@1".to_owned(), 6_375), ("external:pkg:cargo/b@1".to_owned(), 8_344)];
    assert_eq!(reserved(&paid), expected);
}

#[test]
fn a_claimed_external_work_pays_those_who_claimed_it() {
    let works = vec![asset(1, 1).fixed(1_500, 1), external("pkg:cargo/a@1").owned(&[(5, 10_000)])];
    assert_eq!(payouts(&run(works, 100, &NO_FEE).unwrap()), [(1, 85), (5, 15)]);
}

#[test]
fn income_passes_on_without_decay_and_meets_in_a_diamond() {
    let works = vec![
        asset(1, 1).fixed(5_000, 1).fixed(5_000, 2),
        asset(2, 2).fixed(5_000, 3),
        asset(3, 3).fixed(5_000, 3),
        asset(4, 4).by(1, human(5), 1),
    ];
    let paid = run(works, 400, &NO_FEE).unwrap();
    assert_eq!(payouts(&paid), [(2, 100), (3, 100), (5, 200)]);
    assert_eq!(paid.flows.last().map(|flow| flow.amount), Some(Amount::from(200_u64)), "divided once, as one sum");
}

#[test]
fn beyond_the_depth_limit_owners_are_paid() {
    let works = vec![
        asset(1, 1).fixed(5_000, 1).fixed(1_000, 2),
        asset(2, 2).fixed(5_000, 2),
        asset(3, 3).by(1, human(7), 1).fixed(5_000, 3),
        external("pkg:cargo/a@1").fixed(5_000, 4),
        asset(5, 5),
    ];
    let limit = |max_depth| run(works.clone(), 1_000, &Options { max_depth, ..NO_FEE }).unwrap();
    assert_eq!(payouts(&limit(Some(0))), [(1, 400), (2, 500), (3, 100)]);
    // Work 3 divides the 100 from its direct edge by the rules, and pays the 250 from the longer path to its
    // owner.
    let one = limit(Some(1));
    assert_eq!(payouts(&one), [(1, 400), (2, 250), (3, 250), (7, 50)]);
    assert_eq!(reserved(&one), [("external:pkg:cargo/a@1".to_owned(), 50)]);
    assert_eq!(payouts(&limit(Some(9))), payouts(&limit(None)));
}

#[test]
fn a_cycle_is_an_error_that_names_its_path() {
    let works = |start: Work| vec![start, asset(5, 1).fixed(100, 2), asset(3, 1).cost(3, 1), asset(4, 1).fixed(100, 1)];
    let error = run(works(asset(1, 1).fixed(100, 2)), 100, &NO_FEE).unwrap_err();
    assert_eq!(error, DistributionError::Cycle([3, 4, 5, 3].map(asset_key).to_vec()));
    assert_eq!(error.to_string(), "works are made from each other: asset:3 -> asset:4 -> asset:5 -> asset:3");
    assert!(run(works(asset(1, 1)), 100, &NO_FEE).is_ok(), "a cycle that income cannot reach does no harm");

    let own = run(vec![asset(1, 1).fixed(100, 0)], 100, &NO_FEE).unwrap_err();
    assert_eq!(own, DistributionError::Cycle([1, 1].map(asset_key).to_vec()));
    let with_start = run(vec![asset(1, 1).fixed(100, 1), asset(2, 1).cost(0, 1)], 100, &NO_FEE).unwrap_err();
    assert_eq!(with_start, DistributionError::Cycle([1, 2, 1].map(asset_key).to_vec()));
}

#[test]
fn an_unknown_start_is_an_error() {
    let graph = Graph::new(vec![asset(1, 1)]).unwrap();
    let error = domain::distribution::distribute(&graph, NodeIndex(1), Amount::ZERO, &NO_FEE).unwrap_err();
    assert_eq!(error, DistributionError::UnknownStart(NodeIndex(1)));
}

#[test]
fn a_graph_tells_whom_it_can_pay() {
    let works = vec![
        asset(1, 4).by(1, human(3), 0).by(2, system(Some(system(Some(human(1))))), 1).by(3, system(None), 1),
        external("pkg:a").by(1, somebody("mailto:a@b.c"), 1).owned(&[(2, 10_000)]),
    ];
    let accounts: Vec<_> = Graph::new(works).unwrap().accounts().into_iter().collect();
    assert_eq!(accounts, [1, 2, 3, 4].map(account));
}

#[test]
fn works_that_make_no_graph() {
    let key = || asset_key(1);
    let cases = [
        (vec![asset(1, 1), asset(1, 2)], GraphError::DuplicateWork(key())),
        (vec![asset(1, 1).cost(1, 1)], GraphError::UnknownParent { work: key(), to: NodeIndex(1), works: 1 }),
        (vec![asset(1, 1).owned(&[(1, 9_999)])], GraphError::OwnerShares { work: key(), points: 9_999 }),
        (
            vec![asset(1, 1).fixed(9_000, 1).fixed(1_001, 1), asset(2, 1)],
            GraphError::FixedShares { work: key(), points: 10_001 },
        ),
        (vec![asset(1, 1).shared(100, &[])], GraphError::NoUse { work: key() }),
        (vec![asset(1, 1).shared(100, &[(1, 0), (2, 0)]), asset(2, 1), asset(3, 1)], GraphError::NoUse { work: key() }),
        (
            vec![asset(1, 1).by(4, human(1), 1).by(4, human(2), 1)],
            GraphError::DuplicateContribution { work: key(), id: 4 },
        ),
    ];
    for (works, expected) in cases {
        assert_eq!(Graph::new(works).unwrap_err(), expected);
    }
    let mut heavy = asset(1, 1).by(1, human(1), 1).by(2, human(1), 1);
    heavy.contributions[0].weight = Weight(U256::MAX);
    assert_eq!(Graph::new(vec![heavy]).unwrap_err(), GraphError::WeightOverflow { work: key() });
}

#[test]
fn the_largest_amount_is_divided() {
    let graph = Graph::new(vec![asset(1, 1).fixed(3_333, 1), asset(2, 2)]).unwrap();
    let paid = domain::distribution::distribute(&graph, NodeIndex(0), Amount(U256::MAX), &Options::default()).unwrap();
    let all = Amount::checked_sum(paid.payouts.values().copied().chain([paid.fee]));
    assert_eq!(all, Some(Amount(U256::MAX)));
}
