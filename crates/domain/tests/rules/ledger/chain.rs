//! The chain of entries: what is hashed, and how faults are located.

use domain::{
    B256,
    ledger::{
        Canonical, Entry, NewEvent,
        chain::{Fault, Reason, Verifier, verify_chain},
        event::{EventError, FormError, MAX_BODY, genesis},
    },
};
use serde_json::json;

use super::{event, ledger};

/// Computed with Python's hashlib.
#[test]
fn known_answers_of_the_first_two_entries() {
    assert_eq!(genesis().to_string(), GENESIS);
    let body = Canonical::of(&json!({"b": 1, "a": "é"})).unwrap();
    let first =
        NewEvent::new("asset.described", "work:1", ["asset:1:1", "account:0xaa"], body).unwrap().numbered(1, 1_000_000);
    let text = r#"{"at":1000000,"body":{"a":"é","b":1},"kind":"asset.described","seq":1,"streams":["account:0xaa","asset:1:1"],"subject":"work:1"}"#;
    assert_eq!(first.canonical(), text);
    let first = Entry::after(genesis(), first);
    assert_eq!(first.hash.to_string(), FIRST);
    let body = Canonical::of(&json!({})).unwrap();
    let second = NewEvent::new("a", "b", [] as [&str; 0], body).unwrap().numbered(2, 2_000_000);
    assert_eq!(Entry::after(first.hash, second).hash.to_string(), SECOND);
}

const GENESIS: &str = "0xe0e9f9855db3eab13e2b26994809631f73becf8dd4f7342f7726640da2e45318";
const FIRST: &str = "0x5ba9225992fac45a64461d8e080e0dffcb126d1383ad27e142456330fa3fa682";
const SECOND: &str = "0xb7cc515935b67e140392af8a6f92c5c0e8aa6115577795803d43abeb0a9e7174";

#[test]
fn the_hashed_bytes_are_the_canonical_form_of_all_fields() {
    for n in 1..20 {
        let event = event(n);
        let value = serde_json::to_value(&event).unwrap();
        assert_eq!(event.canonical(), Canonical::of(&value).unwrap().as_str());
        assert_eq!(serde_json::from_value::<domain::ledger::Event>(value).unwrap(), event);
    }
}

#[test]
fn what_cannot_be_an_event_is_refused() {
    let body = || Canonical::of(&json!({})).unwrap();
    let key = |what, key: &str| Err(EventError::Key { what, key: key.into() });
    assert_eq!(NewEvent::new("", "s", ["a"], body()), key("kind", ""));
    assert_eq!(NewEvent::new("k", "s\n", ["a"], body()), key("subject", "s\n"));
    assert_eq!(NewEvent::new("k", "s", ["a", "\0"], body()), key("stream", "\0"));
    let long = "x".repeat(301);
    assert_eq!(NewEvent::new("k", long.as_str(), ["a"], body()), key("subject", &long));
    let many = (0..1001).map(|n| n.to_string());
    assert_eq!(NewEvent::new("k", "s", many, body()), Err(EventError::Streams { kind: "k".into(), streams: 1001 }));
    let large = Canonical::of(&json!("x".repeat(MAX_BODY - 1))).unwrap();
    assert_eq!(NewEvent::new("k", "s", ["a"], large), Err(EventError::Body { kind: "k".into(), bytes: MAX_BODY + 1 }));
    assert_eq!(NewEvent::new("k", "s", ["b", "a", "b"], body()).unwrap().streams(), ["a", "b"]);
}

/// Each tampering, the entry at which it must be found, and what must be said.
#[test]
fn the_first_bad_entry_is_named() {
    type Case = (&'static str, fn(&mut Vec<Entry>), u64, fn(&Reason) -> bool);
    let hash = |reason: &Reason| matches!(reason, Reason::Hash { .. });
    let link = |reason: &Reason| matches!(reason, Reason::Link { .. });
    let form = |reason: &Reason| matches!(reason, Reason::NotCanonical(_));
    let cases: &[Case] = &[
        ("body", |l| l[4].event.body = l[4].event.body.replace("5000", "5001"), 5, hash),
        ("kind", |l| l[4].event.kind.push('x'), 5, hash),
        ("subject", |l| l[4].event.subject.push('x'), 5, hash),
        ("stream", |l| l[4].event.streams[0].push('x'), 5, hash),
        ("stream removed", |l| drop(l[4].event.streams.pop()), 5, hash),
        ("streams in another order", |l| l[4].event.streams.swap(0, 1), 5, form),
        ("time", |l| l[4].event.at += 1, 5, hash),
        ("hash", |l| l[4].hash = B256::ZERO, 5, hash),
        ("previous", |l| l[4].previous = B256::ZERO, 5, hash),
        (
            "body and hash",
            |l| {
                l[4].event.body = "{}".into();
                l[4] = Entry::after(l[4].previous, l[4].event.clone());
            },
            6,
            link,
        ),
        ("space in the body", |l| l[4].event.body.insert(1, ' '), 5, form),
        ("fields smuggled in through the body", |l| l[4].event.body = r#"{},"kind":"x""#.into(), 5, form),
        ("swapped", |l| l.swap(3, 6), 4, |r| *r == Reason::Gap { after: 3, next: 7 }),
        (
            "contents swapped",
            |l| {
                let (a, b) = (l[3].event.clone(), l[6].event.clone());
                l[3].event = b;
                l[6].event = a;
                l[3].event.seq = 4;
                l[6].event.seq = 7;
            },
            4,
            hash,
        ),
        ("first removed", |l| drop(l.remove(0)), 1, |r| *r == Reason::Gap { after: 0, next: 2 }),
        ("middle removed", |l| drop(l.remove(4)), 5, |r| *r == Reason::Gap { after: 4, next: 6 }),
        (
            "removed and renumbered",
            |l| {
                l.remove(4);
                l[4..].iter_mut().for_each(|entry| entry.event.seq -= 1);
            },
            5,
            hash,
        ),
        (
            "doubled",
            |l| {
                let entry = l[4].clone();
                l.insert(5, entry);
            },
            5,
            |r| *r == Reason::Order { after: 5 },
        ),
        (
            "inserted",
            |l| {
                let mut event = event(5);
                event.kind = "x".into();
                let entry = Entry::after(l[3].hash, event);
                l.insert(4, entry);
            },
            5,
            |r| *r == Reason::Order { after: 5 },
        ),
        (
            "entry 0",
            |l| {
                let mut entry = l[0].clone();
                entry.event.seq = 0;
                l.insert(0, entry);
            },
            0,
            |r| *r == Reason::Order { after: 0 },
        ),
        (
            "another beginning",
            |l| {
                let event = l[0].event.clone();
                l[0] = Entry::after(B256::ZERO, event);
            },
            1,
            link,
        ),
    ];
    for (name, tamper, seq, expected) in cases {
        let mut entries = ledger(9);
        tamper(&mut entries);
        let fault = verify_chain(entries).expect_err(name);
        assert!(fault.seq == *seq && expected(&fault.reason), "{name}: {fault}");
    }
}

#[test]
fn an_untouched_ledger_is_verified_in_one_go_or_in_parts() {
    let entries = ledger(9);
    let whole = verify_chain(entries.clone()).unwrap();
    assert_eq!((whole.size(), whole.hash()), (9, entries[8].hash));
    let mut rest = Verifier::after(4, entries[3].hash);
    entries[4..].iter().try_for_each(|entry| rest.push(entry)).unwrap();
    assert_eq!(rest.hash(), whole.hash());
    let fault = rest.push(&entries[8]).unwrap_err();
    assert_eq!(fault, Fault { seq: 9, reason: Reason::Order { after: 9 } });
    let streams = FormError::Streams { first: "b".into(), second: "a".into() };
    assert_eq!(streams.to_string(), "its stream `a` must not come after `b`");
    assert_eq!(verify_chain([]).unwrap().hash(), genesis());
}
