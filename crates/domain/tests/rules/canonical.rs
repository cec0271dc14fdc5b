//! The same content has the same bytes, different content has different bytes, and the bytes are enough to divide
//! again.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Amount, U256,
    distribution::{Graph, Input, InputError, NodeIndex, Options, Policy, RULES_VERSION, Work, digest},
};
use proptest::prelude::*;

use crate::{
    build::*,
    properties::{options, shuffled, works},
};

fn input(works: Vec<Work>, start: NodeIndex, amount: u64, options: Options) -> Input {
    let brought = BTreeMap::from([(account(3), Amount::from(7_u64)), (account(2), Amount::ZERO)]);
    Input { graph: Graph::new(works).unwrap(), start, amount: Amount::from(amount), brought, options }
}

fn sample() -> Vec<Work> {
    vec![
        asset(2, 1).by(9, system(Some(system(None))), 5).by(4, system(Some(human(1))), 7).fixed(1_500, 1).cost(2, 3),
        external("pkg:cargo/ä\"\u{7}@1").shared(1_000, &[(2, 3), (3, 1)]),
        asset(1, 4).by(1, somebody("mailto:a@b.c"), 1),
        ownerless(3).owned(&[(6, 2_500), (5, 7_500)]),
    ]
}

/// What is stored today must be readable for ever: these bytes stay the same, or the version grows.
#[test]
fn the_form_is_pinned() {
    let options = Options { max_depth: Some(9), min_payout: Amount::from(12_u64), ..Options::default() };
    let input = input(sample(), NodeIndex(0), 1_000, options);
    let a = |n: u64| format!("0x{n:040x}");
    let expected = [
        format!(r#"{{"amount":"1000","brought":[["{}","7"]],"#, a(3)),
        r#""options":{"fee":200,"max_depth":9,"min_payout":"12","policy":"pass_down"},"rules":1,"start":"asset:2","#.into(),
        r#""works":[{"contributions":[{"by":{"human":{"reserved":"identity:mailto:a@b.c"},"systems":[]},"id":"1","weight":"1"}],"#.into(),
        format!(r#""cost_edges":[],"key":"asset:1","owners":[["{}",10000]],"shared":[]}},"#, a(4)),
        format!(r#"{{"contributions":[{{"by":{{"human":{{"account":"{}"}},"systems":["bot"]}},"id":"4","weight":"7"}},"#, a(1)),
        r#"{"by":{"human":null,"systems":["bot","bot"]},"id":"9","weight":"5"}],"cost_edges":[["asset:1","3"]],"#.into(),
        format!(r#""key":"asset:2","owners":[["{}",10000]],"#, a(1)),
        r#""shared":[{"share":1500,"to":[["external:pkg:cargo/ä\"\u0007@1","1"]]}]},"#.into(),
        format!(r#"{{"contributions":[],"cost_edges":[],"key":"asset:3","owners":[["{}",7500],["{}",2500]],"shared":[]}},"#, a(5), a(6)),
        r#"{"contributions":[],"cost_edges":[],"key":"external:pkg:cargo/ä\"\u0007@1","owners":[],"#.into(),
        r#""shared":[{"share":1000,"to":[["asset:1","3"],["asset:3","1"]]}]}]}"#.into(),
    ];
    assert_eq!(String::from_utf8(input.canonical()).unwrap(), expected.concat());

    let paid = Input { options: NO_FEE, ..self::input(vec![asset(1, 3)], NodeIndex(0), 10, NO_FEE) };
    let result = paid.distribute().unwrap().canonical(&paid.graph);
    let expected = format!(
        concat!(
            r#"{{"amount":"10","brought":[["{0}","7"]],"carried":[],"fee":"0","flows":[{{"amount":"10","contribution":null,"#,
            r#""divided":"10","from":"asset:1","of":"10000","rule":"owner_share","to":{{"account":"{0}"}},"weight":"10000"}}],"#,
            r#""payouts":[["{0}","17"]],"reserved":[],"rules":1,"start":"asset:1"}}"#
        ),
        a(3)
    );
    assert_eq!(String::from_utf8(result).unwrap(), expected);
    // sha256sum of nothing and of `abc`.
    assert_eq!(digest(b"").to_string(), "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(digest(b"abc").to_string(), "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/// Each single change to the input changes the bytes.
#[test]
fn other_content_has_other_bytes() {
    let base = || input(sample(), NodeIndex(0), 1_000, NO_FEE);
    let with = |change: &dyn Fn(&mut Vec<Work>)| {
        let mut works = sample();
        change(&mut works);
        input(works, NodeIndex(0), 1_000, NO_FEE)
    };
    let inputs = [
        base(),
        Input { start: NodeIndex(2), ..base() },
        Input { amount: Amount::from(1_001_u64), ..base() },
        Input { brought: BTreeMap::new(), ..base() },
        Input { options: Options::default(), ..base() },
        Input { options: Options { policy: Policy::Pooled, ..NO_FEE }, ..base() },
        Input { options: Options { max_depth: Some(0), ..NO_FEE }, ..base() },
        Input { options: Options { min_payout: Amount::from(1_u64), ..NO_FEE }, ..base() },
        with(&|works| works[0].owners[0].0 = account(2)),
        with(&|works| works[0].contributions[0].id = 10),
        with(&|works| works[0].contributions[0].weight = weight(6)),
        with(&|works| works[0].contributions[0].contributor = system(None)),
        with(&|works| works[2].contributions[0].contributor = somebody("mailto:b@b.c")),
        with(&|works| works[0].cost_edges[0] = (NodeIndex(3), weight(3))),
        with(&|works| works[1].shared[0].to[0].1 = U256::from(4)),
        with(&|works| works[1].shared[0].share = domain::BasisPoints::new(999)),
        with(&|works| works.push(asset(77, 1))),
    ];
    let count = inputs.len();
    let digests: BTreeSet<_> = inputs.iter().map(|input| digest(&input.canonical())).collect();
    assert_eq!(digests.len(), count);
}

#[test]
fn bytes_in_another_form_are_refused() {
    let bytes = String::from_utf8(input(sample(), NodeIndex(0), 5, NO_FEE).canonical()).unwrap();
    let parse = |text: &str| Input::parse(text.as_bytes());
    assert!(parse(&bytes).is_ok());
    let (rules, later) = (format!(r#""rules":{RULES_VERSION}"#), RULES_VERSION + 1);
    assert!(
        matches!(parse(&bytes.replace(&rules, &format!(r#""rules":{later}"#))), Err(InputError::Rules(n)) if n == later)
    );
    for (from, to) in [
        (r#""amount":"5""#, r#""amount": "5""#),
        (r#""fee":0,"max_depth":null"#, r#""max_depth":null,"fee":0"#),
        (r#""max_depth":null,"#, ""),
        (r#"\u0007"#, r#"\u0007\u0000"#),
        (
            r#"["0x0000000000000000000000000000000000000003","7"]"#,
            r#"["0x0000000000000000000000000000000000000003","0"]"#,
        ),
    ] {
        let changed = bytes.replacen(from, to, 1);
        assert_ne!(changed, bytes, "{from}");
        assert!(matches!(parse(&changed), Err(InputError::NotCanonical | InputError::UnknownWork(_))), "{from}");
    }
    for (from, to) in [
        (r#""amount":"5""#, r#""amount":5"#),
        (r#""amount":"5""#, r#""amount":"05""#),
        (r#""amount":"5""#, r#""amount":"5","tip":"1""#),
        (r#""start":"#, r#""begin":"#),
    ] {
        assert!(matches!(parse(&bytes.replacen(from, to, 1)), Err(InputError::Json(_))), "{from}");
    }
    assert!(matches!(
        parse(&bytes.replacen(r#""start":"asset:2""#, r#""start":"asset:8""#, 1)),
        Err(InputError::UnknownWork(_))
    ));
    assert!(matches!(
        parse(&bytes.replacen(r#""id":"1""#, r#""id":"18446744073709551616""#, 1)),
        Err(InputError::Contribution(_))
    ));
    let nobody = r#"{"human":null,"systems":[]}"#;
    let made = bytes.replacen(r#"{"human":null,"systems":["bot","bot"]}"#, nobody, 1);
    assert!(matches!(parse(&made), Err(InputError::Contribution(_))));
    assert!(matches!(parse(&bytes.replacen("10000", "9999", 1)), Err(InputError::Graph(_))));
    assert!(matches!(parse("{"), Err(InputError::Json(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn order_does_not_show_and_bytes_are_enough(
        works in works(10),
        options in options(),
        amount in 0_u64..100_000,
        min_payout in 0_u64..1_000,
        by: usize,
    ) {
        let options = Options { min_payout: Amount::from(min_payout), ..options };
        let (other, start) = shuffled(&works, by % works.len());
        let (first, second) = (input(works, NodeIndex(0), amount, options), input(other, start, amount, options));
        let bytes = first.canonical();
        prop_assert_eq!(String::from_utf8(second.canonical()).unwrap(), String::from_utf8(bytes.clone()).unwrap());
        let result = first.distribute().unwrap().canonical(&first.graph);
        prop_assert_eq!(second.distribute().unwrap().canonical(&second.graph), result.clone());
        let read = Input::parse(&bytes).unwrap();
        prop_assert_eq!(read.distribute().unwrap().canonical(&read.graph), result);
    }

    /// Keys ascend and there is nothing between tokens, so writing the document again from sorted maps gives the same
    /// bytes.
    #[test]
    fn it_is_canonical_json(works in works(6), options in options(), amount: u64) {
        let input = input(works, NodeIndex(0), amount, options);
        for bytes in [input.canonical(), input.distribute().unwrap().canonical(&input.graph)] {
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(serde_json::to_vec(&value).unwrap(), bytes);
        }
    }
}
