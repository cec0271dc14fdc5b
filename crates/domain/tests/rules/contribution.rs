//! Contributions: what a request may say, and what becomes of what was recorded.

use domain::{
    contribution::{
        self, Cost, Fault, MAX_TOKENS, Outcome, Proposals, State, Verdict, check_contributor_kind, check_kind,
        check_time, contributor, evidence, triggers,
    },
    cost::{Basis, Evidence},
    identity::Identity,
    money::{ParseAddressError, parse_address},
};
use proptest::prelude::*;
use rust_decimal::Decimal;

const ADA: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

#[test]
fn a_verdict_decides_once() {
    for (state, accept, reject) in [
        (State::Proposed, Outcome::Decided, Outcome::Decided),
        (State::Accepted, Outcome::Unchanged, Outcome::Otherwise),
        (State::Corrected, Outcome::Unchanged, Outcome::Otherwise),
        (State::Rejected, Outcome::Otherwise, Outcome::Unchanged),
    ] {
        assert_eq!((state.decide(Verdict::Accept), state.decide(Verdict::Reject)), (accept, reject), "{state}");
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    // Deciding again in the state that a verdict led to changes nothing.
    for verdict in [Verdict::Accept, Verdict::Reject] {
        assert_eq!(verdict.state().decide(verdict), Outcome::Unchanged);
    }
    assert!("open".parse::<State>().is_err());
    assert_eq!("contributors".parse(), Ok(Proposals::Contributors));
    assert!("friends".parse::<Proposals>().is_err());
}

#[test]
fn costs_are_given_in_four_ways() {
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    assert_eq!(Cost::declared("1.5"), Ok(Cost::Declared(decimal("1.5"))));
    assert_eq!(Cost::labour("2", "30"), Ok(Cost::Labour { hours: decimal("2"), rate: decimal("30") }));
    for text in ["", "-1", "+1", "1e3", "1_000", ".", "NaN", "0.0000001", "1000000000.000001"] {
        assert_eq!(Cost::declared(text), Err(Fault::NotDecimal { field: "cost", most: 1_000_000_000 }), "{text:?}");
    }
    for (given, code, field) in [
        (Cost::labour("1000001", "1"), "not_a_decimal", "hours"),
        (Cost::labour("1", "x"), "not_a_decimal", "rate"),
        (Cost::tool("m", MAX_TOKENS + 1, 0), "too_many_tokens", "inputTokens"),
        (Cost::tool("m", 0, MAX_TOKENS + 1), "too_many_tokens", "outputTokens"),
        (Cost::tool("", 0, 0), "wrong_length", "tool"),
        (Cost::compute(&"é".repeat(101), "1"), "wrong_length", "compute"),
    ] {
        let fault = given.unwrap_err();
        assert_eq!((fault.code(), fault.field()), (code, field));
    }
    assert_eq!(Cost::tool("m", 1, 1).unwrap().profile(), Some(("tool", "m")));
    assert_eq!(Cost::declared("1").unwrap().profile(), None);
    let basis = Basis::Labour { hours: decimal("1000000"), rate: decimal("1001") };
    assert_eq!(contribution::cost_of(&basis), Err(Fault::CostTooHigh { cost: decimal("1001000000") }));
}

#[test]
fn people_are_named_by_address_or_identity() {
    assert_eq!(parse_address(&ADA.to_lowercase()), parse_address(ADA));
    assert_eq!(
        parse_address(&ADA.to_uppercase().replacen('X', "x", 1)),
        parse_address(ADA),
        "one case has no checksum"
    );
    assert_eq!(parse_address(&ADA.replace("aA", "AA")), Err(ParseAddressError::Checksum));
    assert_eq!(parse_address("0x1234"), Err(ParseAddressError::NotAddress));
    assert_eq!(contributor("contributor", ADA).unwrap(), Identity::Account(parse_address(ADA).unwrap()));
    assert_eq!(contributor("contributor", "tool:m").unwrap(), Identity::Tool("m".into()));
    for (text, code) in
        [("ada", "not_an_address"), ("github:a/b", "not_an_identity"), ("account:0x12", "not_an_address")]
    {
        assert_eq!(contributor("contributor", text).unwrap_err().code(), code, "{text}");
    }
    for (kind, system, sound) in [
        (None, true, Ok(())),
        (Some("SYSTEM"), true, Ok(())),
        (Some("HUMAN"), false, Ok(())),
        (Some("HUMAN"), true, Err(Fault::OtherContributorKind)),
        (Some("SYSTEM"), false, Err(Fault::OtherContributorKind)),
        (Some("ROBOT"), true, Err(Fault::UnknownContributorKind)),
    ] {
        assert_eq!(check_contributor_kind(kind, system), sound, "{kind:?}");
    }
}

#[test]
fn a_chain_of_tools_ends_in_a_person() {
    let names = |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
    let check = |system, texts: &[&str]| triggers("tool:writer", system, &names(texts));
    assert_eq!(check(true, &["tool:planner", ADA]).unwrap(), ["tool:planner".to_owned(), format!("account:{ADA}")]);
    assert_eq!(check(false, &[]), Ok(vec![]));
    assert_eq!(check(false, &[ADA]), Err(Fault::TriggersOfPerson));
    assert_eq!(check(true, &["tool:planner"]), Err(Fault::TriggersWithoutPerson));
    assert_eq!(check(true, &[ADA, ADA]), Err(Fault::TriggersWithoutPerson));
    assert_eq!(check(true, &["tool:writer", ADA]), Err(Fault::TriggersInCircle { at: "tool:writer".into() }));
    assert_eq!(check(true, &[ADA; 11]), Err(Fault::TooManyTriggers));
}

#[test]
fn evidence_is_told_from_its_text() {
    let hash = format!("0x{}", "ab".repeat(32));
    for (text, kind, is_cid, expected) in [
        (hash.as_str(), None, false, Ok(Evidence::Transaction)),
        (hash.as_str(), Some("transaction"), false, Ok(Evidence::Transaction)),
        (hash.as_str(), Some("invoice"), false, Err(Fault::EvidenceOfTransaction)),
        ("bafy", None, true, Ok(Evidence::Submitted)),
        ("bafy", Some("invoice"), true, Ok(Evidence::Invoice)),
        ("bafy", Some("receipt"), true, Ok(Evidence::Receipt)),
        ("bafy", Some("declared"), true, Err(Fault::EvidenceOfContent)),
        ("bafy", None, false, Err(Fault::UnknownEvidence)),
        ("https://example.org/a", None, false, Ok(Evidence::Submitted)),
        ("https://example.org/a", Some("invoice"), false, Err(Fault::EvidenceMayChange)),
        ("https://", None, false, Err(Fault::UnknownEvidence)),
        ("https:///a", None, false, Err(Fault::UnknownEvidence)),
        ("https://exa mple.org", None, false, Err(Fault::UnknownEvidence)),
        ("", None, false, Err(Fault::Length { field: "evidence", least: 1, most: 500 })),
    ] {
        assert_eq!(evidence(text, kind, is_cid), expected, "{text} {kind:?}");
    }
}

#[test]
fn other_fields_have_their_limits() {
    assert_eq!(check_kind("MANUAL_LABOR"), Ok(()));
    assert_eq!(check_kind("manual_labor"), Err(Fault::UnknownKind));
    let now = 1_800_000_000;
    for (at, sound) in [(now, true), (now + 86_400, true), (now + 86_401, false), (-62_135_596_800, true)] {
        assert_eq!(check_time(at, now).is_ok(), sound, "{at}");
    }
    assert_eq!(check_time(-62_135_596_801, now), Err(Fault::TimeNotPast));
    assert_eq!(contribution::check_reason(&"é".repeat(500)), Ok(()));
    assert_eq!(contribution::check_reason(&"é".repeat(501)), Err(Fault::ReasonTooLong));
    for (count, sound) in [(0, false), (1, true), (1000, true), (1001, false)] {
        assert_eq!(contribution::check_count("items", "contributions", count).is_ok(), sound);
    }
    let fault = Fault::UnknownKind.of_item(3);
    assert_eq!((fault.code(), fault.field()), ("unknown_kind", "items"));
    assert!(fault.to_string().starts_with("item 3: kind is one of PROJECT_INCEPTION"), "{fault}");
}

proptest! {
    /// A text that is accepted as a decimal gives the number that was written, within its limit.
    #[test]
    fn a_decimal_is_taken_as_it_is_written(whole in 0_u64..2_000_000_000, places in 0_u64..10_000_000, zeros in 0_usize..3) {
        let text = format!("{whole}.{places}{}", "0".repeat(zeros));
        let value: Decimal = text.parse().unwrap();
        let sound = value.scale() <= 6 && value <= Decimal::from(contribution::MAX_COST);
        prop_assert_eq!(Cost::declared(&text).ok(), sound.then_some(Cost::Declared(value)));
    }
}
