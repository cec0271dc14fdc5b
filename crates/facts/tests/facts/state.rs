//! The state of an asset, folded from the ledger's events about it.

use domain::{
    Address,
    ledger::{Canonical, Event, NewEvent},
};
use facts::state::{Divided, Standing, State, Sum};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn event(seq: u64, kind: &str, subject: &str, body: &Value) -> Event {
    NewEvent::new(kind, subject, ["asset:1:7"], Canonical::of(body).unwrap()).unwrap().numbered(seq, 1_000 + seq)
}

fn folded(events: &[(&str, &str, Value)]) -> State {
    let mut state = State::default();
    for (seq, (kind, subject, body)) in (1..).zip(events) {
        state.push(&event(seq, kind, subject, body)).unwrap();
    }
    state
}

fn work(contributor: &str, cost: &str, weight: &str) -> Value {
    json!({"contributor": contributor, "cost": cost, "weight": weight})
}

#[test]
fn contributions_count_as_they_stand() {
    let state = folded(&[
        ("contribution.recorded", "contribution:1", work("5", "10.5", "1000")),
        ("contribution.proposed", "contribution:2", work("6", "0.25", "30")),
        ("contribution.proposed", "contribution:3", work("6", "1", "7")),
        ("contribution.proposed", "contribution:4", work("5", "2", "8")),
        ("contribution.accepted", "contribution:2", work("6", "0.25", "30")),
        ("contribution.rejected", "contribution:3", work("6", "1", "7")),
        ("contribution.corrected", "contribution:1", work("5", "10.5", "1000")),
        ("contribution.recorded", "contribution:5", work("5", "9", "900")),
        ("something.else", "x", json!({})),
    ]);
    let of = |standing| {
        let (Sum { count, cost, weight }, contributors) = state.contributions(standing);
        (count, cost.to_string(), weight.to_string(), contributors)
    };
    assert_eq!(of(Standing::Accepted), (2, "9.25".to_owned(), "930".to_owned(), 2));
    assert_eq!(of(Standing::Proposed), (1, "2".to_owned(), "8".to_owned(), 1));
    assert_eq!(of(Standing::Rejected), (1, "1".to_owned(), "7".to_owned(), 1));
    assert_eq!(of(Standing::Corrected), (1, "10.5".to_owned(), "1000".to_owned(), 1));
    assert_eq!((state.events(), state.last), (9, Some((9, 1_009))));
    assert_eq!(state.kinds["contribution.proposed"], 3);
}

#[test]
fn works_orders_and_money() {
    let token = Address::repeat_byte(7).to_checksum(None);
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    let closed = |amount: &str| json!({"token": token, "amount": amount, "distributed": amount, "reserved": "0", "brought": "1", "carried": "1"});
    let state = folded(&[
        ("work.created", "work:3", json!({"work": "3"})),
        ("work.version_added", "work:3", json!({"contentCommitment": "0xaa"})),
        ("work.version_added", "work:3", json!({"contentCommitment": "0xbb"})),
        ("order.recorded", "order:0x1", json!({"hash": "0x1"})),
        // The creator of a token can create as much of it as a number can express.
        ("distribution.closed", "distribution:1", closed(most)),
        ("distribution.closed", "distribution:2", closed(most)),
        ("reserve.released", "reserve:1", json!({"token": token, "amount": "4"})),
    ]);
    assert_eq!(state.works.iter().collect::<Vec<_>>(), ["3"]);
    assert_eq!(state.versions, ["0xaa", "0xbb"]);
    assert_eq!(state.orders, ["0x1"]);
    let Divided { count, amount, brought, released, .. } = state.divided[&Address::repeat_byte(7)];
    assert_eq!((count, brought.to_string(), released.to_string()), (2, "2".to_owned(), "4".to_owned()));
    assert_eq!(
        amount.to_string(),
        "231584178474632390847141970017375815706539969331281128078915168015826259279870",
        "the sum is exact beyond 256 bits"
    );
}

#[test]
fn what_an_event_must_say_is_named() {
    let cases = [
        ("contribution.recorded", json!({"cost": "1", "weight": "1"}), "contributor"),
        ("contribution.recorded", work("5", "-1", "1"), "cost"),
        ("contribution.recorded", work("5", "1.0000001", "1"), "cost"),
        ("contribution.recorded", work("5", "79228162514264337593543950335", "1"), "cost"),
        ("contribution.recorded", work("5", "1", "1.5"), "weight"),
        ("contribution.accepted", json!({}), "contributor"),
        ("distribution.closed", json!({"token": "0x12"}), "token"),
        ("order.recorded", json!([]), "hash"),
    ];
    for (kind, body, field) in cases {
        let error = State::default().push(&event(9, kind, "contribution:1", &body)).unwrap_err();
        assert_eq!((error.seq, error.field), (9, field), "{kind} {body}");
        assert!(error.to_string().contains(&format!("entry 9: a `{kind}` without a valid `{field}`")));
    }
    let cut_off = Event { body: "{\"hash\":".to_owned(), ..event(9, "order.recorded", "order:1", &json!({})) };
    assert_eq!(State::default().push(&cut_off).unwrap_err().field, "body");
}

proptest! {
    /// As of any event, the sums are the sums of the events so far.
    #[test]
    fn every_prefix_sums_exactly(costs in prop::collection::vec((0_u64..1_000_000_000, 0_u64..u64::MAX), 1..40)) {
        let mut state = State::default();
        let (mut cost, mut weight) = (Decimal::ZERO, 0_u128);
        for (seq, (millionths, weighs)) in (1..).zip(costs) {
            let one = Decimal::from_i128_with_scale(millionths.into(), 6);
            let body = work(&(seq % 3).to_string(), &one.to_string(), &weighs.to_string());
            state.push(&event(seq, "contribution.recorded", &format!("contribution:{seq}"), &body)).unwrap();
            cost += one;
            weight += u128::from(weighs);
            let (sum, contributors) = state.contributions(Standing::Accepted);
            prop_assert_eq!((sum.count, sum.cost, sum.weight.to::<u128>()), (seq, cost, weight));
            prop_assert_eq!(contributors, seq.min(3));
        }
    }
}
