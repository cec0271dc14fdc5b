//! Derivations add up.

use domain::{
    Amount,
    derivation::{Derivation, explain},
    distribution::{Distribution, Graph, NodeIndex, Recipient, WorkKey, distribute},
};
use proptest::prelude::*;

use crate::{
    build::*,
    properties::{options, works},
};

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    Amount::checked_sum(amounts).unwrap()
}

/// Checks everything that the module promises.
fn adds_up(paid: &Distribution, why: &Derivation) {
    for (at, step) in why.steps.iter().enumerate() {
        match step.under {
            None => assert_eq!((at, step.income, step.incoming.len()), (0, paid.amount, 0)),
            Some(under) => {
                assert!(under < at);
                assert_eq!(step.depth, why.steps[under].depth + 1);
                assert_eq!(step.income, sum(step.incoming.iter().map(|incoming| incoming.part.amount)));
                assert!(step.incoming.iter().any(|incoming| incoming.from == why.steps[under].work));
            }
        }
        assert_eq!(step.own, sum(step.paid.iter().map(|part| part.amount)));
        let beneath = why.steps.iter().filter(|other| other.under == Some(at)).map(|other| other.subtotal);
        assert_eq!(step.subtotal, sum(beneath.chain([step.own])));
        assert!(!step.subtotal.is_zero());
    }
    assert_eq!(why.total, why.steps.first().map_or(Amount::ZERO, |root| root.subtotal));
}

#[test]
fn a_diamond_is_explained_once() {
    let works = vec![
        asset(1, 1).fixed(6_000, 1).fixed(4_000, 2),
        asset(2, 2).fixed(5_000, 3),
        asset(3, 3).fixed(5_000, 3),
        asset(4, 4).by(8, human(5), 3).by(9, human(6), 1),
    ];
    let graph = Graph::new(works).unwrap();
    let paid = distribute(&graph, NodeIndex(0), Amount::from(1_000_u64), &NO_FEE).unwrap();
    let why = explain(&graph, &paid, &Recipient::Account(account(5)));
    adds_up(&paid, &why);
    let path: Vec<String> = why.steps.iter().map(|step| step.work.to_string()).collect();
    assert_eq!(path, ["asset:1", "asset:2", "asset:4"], "beneath the work that gave most");
    assert_eq!(
        why.to_text(),
        "\
375 for 0x0000000000000000000000000000000000000005
  375 for them through asset:1, whose income was 1000
    375 for them through asset:2, whose income was 600
      from asset:1: 600 by fixed_share, 6000 of 10000 of 1000
      375 for them through asset:4, whose income was 500
        from asset:2: 300 by fixed_share, 5000 of 10000 of 600
        from asset:3: 200 by fixed_share, 5000 of 10000 of 400
        paid: 375 by contribution, 3 of 4 of 500, for contribution 8
"
    );
}

#[test]
fn who_got_nothing_has_nothing_to_explain() {
    let graph = Graph::new(vec![asset(1, 1)]).unwrap();
    let paid = distribute(&graph, NodeIndex(0), Amount::from(10_u64), &NO_FEE).unwrap();
    let why = explain(&graph, &paid, &Recipient::Account(account(2)));
    assert_eq!((why.total, why.steps.len()), (Amount::ZERO, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_recipient_has_a_derivation_that_adds_up(works in works(10), options in options(), amount in 0_u64..1_000_000) {
        let graph = Graph::new(works).unwrap();
        let paid = distribute(&graph, NodeIndex(0), Amount::from(amount), &options).unwrap();
        let accounts = paid.payouts.iter().map(|(account, amount)| (Recipient::Account(*account), *amount));
        let reserves = paid.reserved.iter().map(|(name, amount)| (Recipient::Reserved(name.clone()), *amount));
        for (recipient, amount) in accounts.chain(reserves) {
            let why = explain(&graph, &paid, &recipient);
            prop_assert_eq!(why.total, amount);
            adds_up(&paid, &why);
            prop_assert!(why.steps.iter().all(|step| graph.find(&step.work).is_some()));
        }
    }
}

#[test]
fn keys_and_rules_are_text() {
    let key: WorkKey = "external:pkg:cargo/a@1".parse().unwrap();
    assert_eq!(key, WorkKey::External("pkg:cargo/a@1".into()));
}
