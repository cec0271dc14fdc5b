//! Receipts: what they prove, and that nothing in them can be changed without being noticed.

use std::{collections::HashMap, sync::LazyLock};

use domain::{
    Address, B256,
    ledger::{
        Canonical, Entry, NewEvent,
        anchor::{Anchor, Head, Latest},
        canonical::MAX_DEPTH,
        event::genesis,
        receipt::{Anchored, Receipt, ReceiptError, Trust, verify_receipt},
        signature::{Signed, TreeHead},
        tree::{Frontier, leaf, proof},
    },
};
use proptest::prelude::*;
use serde_json::json;

use super::{leaves, ledger};

const CHAIN: u64 = 31_337;
const CONTRACT: Address = Address::repeat_byte(0xc0);
/// The second account of a local chain, and what it signs (by a node's `eth_signTypedData_v4`).
const SIGNER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const SIGNATURE: &str = "0xee52ec4e9f1ec7923ada0c56d1aab827190af324c97e5a4714e21d4e1de6c53927221d9a993d7824d475a504b7f6baed5d29b9001817c49a24006d89d2a92ced1c";

/// Returns the receipt of entry 7 under the second anchor, in a ledger of 30 entries that was anchored at 10, 20 and 30.
fn receipt() -> (Receipt, Latest) {
    let entries = ledger(30);
    let leaves = leaves(&entries);
    let (mut frontier, mut nodes, mut anchors) = (Frontier::default(), HashMap::new(), Vec::new());
    for (place, leaf) in leaves.iter().enumerate() {
        frontier.push(*leaf, |node, hash| {
            nodes.insert(node, hash);
        });
        if place % 10 == 9 {
            let seq = place as u64 / 10 + 1;
            let root = frontier.root().unwrap();
            anchors.push(Anchor { seq, root, size: place as u64 + 1, time: 1_700_000_000 + seq });
        }
    }
    let previous_head = anchors[0].head(Head::ZERO);
    let head = anchors[1..].iter().fold(previous_head, |head, anchor| anchor.head(head));
    let anchored = Anchored {
        transaction: B256::repeat_byte(0x77),
        block: 77,
        previous_head,
        anchors: anchors[1..].to_vec(),
        head,
    };
    let proof = proof(7, 20, |node| nodes.get(&node).copied()).unwrap();
    let tree = TreeHead { chain_id: CHAIN, contract: CONTRACT, size: 20, root: anchors[1].root };
    let receipt = Receipt::new(entries[6].clone(), proof, tree, Some(anchored)).unwrap();
    (receipt, Latest { seq: 3, size: 30, head })
}

/// Returns the same event's receipt before anything was anchored.
fn unanchored() -> Receipt {
    let (receipt, _) = receipt();
    Receipt::new(receipt.entry(), receipt.proof, receipt.tree, None).unwrap()
}

/// Returns where the receipt says its root is anchored.
fn anchored(receipt: &mut Receipt) -> &mut Anchored {
    receipt.anchored.as_mut().unwrap()
}

fn signed() -> (Receipt, Latest) {
    let (mut receipt, latest) = receipt();
    receipt.signature = Some(Signed { signer: SIGNER.parse().unwrap(), signature: SIGNATURE.parse().unwrap() });
    (receipt, latest)
}

/// The text of a signed receipt, and the head it holds against.
static SIGNED: LazyLock<(String, Latest)> = LazyLock::new(|| {
    let (receipt, latest) = signed();
    (receipt.text().unwrap().into_string(), latest)
});

fn on_chain(latest: Latest) -> Trust {
    Trust::Latest { chain_id: CHAIN, contract: CONTRACT, latest }
}

fn told(anchor: Anchor) -> Trust {
    Trust::Anchor { chain_id: CHAIN, contract: CONTRACT, anchor }
}

fn read(text: &str, trust: &Trust) -> Result<Option<Address>, ReceiptError> {
    verify_receipt(&Receipt::parse(text)?, trust).map(|verified| verified.signer)
}

/// abi.encode and keccak256 by cast.
#[test]
fn known_answer_of_a_head() {
    let anchor = Anchor { seq: 1, root: B256::repeat_byte(0x11), size: 10, time: 1_700_000_001 };
    assert_eq!(anchor.head(Head::ZERO).to_string(), "0xb7c383bfb03943a00559d6b5ecfd0f31d485e512898d");
    assert_eq!(anchor.head(Head::repeat_byte(0x22)).to_string(), "0x0e816dd9eda4102be7ece9427c72ff73068db0fbe32e");
}

#[test]
fn a_receipt_holds_against_a_root_and_against_a_head() {
    let (receipt, latest) = receipt();
    let verified = verify_receipt(&receipt, &on_chain(latest)).unwrap();
    let anchor = verified.anchor.unwrap();
    assert_eq!((verified.event, verified.tree.size, verified.signer), (super::event(7), 20, None));
    assert_eq!((anchor.seq, anchor.size, anchor.root), (2, 20, receipt.tree.root));
    verify_receipt(&receipt, &Trust::Root(receipt.tree.root)).unwrap();
    verify_receipt(&receipt, &told(anchor)).unwrap();
    assert_eq!(leaf(7, receipt.hash), leaves(&ledger(7))[6]);
    let text = receipt.text().unwrap();
    assert_eq!(Receipt::parse(text.as_str()).unwrap(), receipt);
    let pretty = serde_json::to_string_pretty(&receipt).unwrap();
    assert_eq!(Receipt::parse(&pretty).unwrap(), receipt, "space is no content");

    let (signed, _) = signed();
    let signer = SIGNER.parse().unwrap();
    let text = signed.text().unwrap();
    assert_eq!(read(text.as_str(), &on_chain(latest)), Ok(Some(signer)));
    assert_eq!(read(text.as_str(), &Trust::Signer(signer)), Ok(Some(signer)));
}

#[test]
fn a_receipt_without_an_anchor_holds_by_its_root_or_its_signer_and_says_so() {
    let mut receipt = unanchored();
    let (_, latest) = signed();
    assert!(receipt.text().unwrap().as_str().contains(r#""anchored":null"#));
    let verified = verify_receipt(&receipt, &Trust::Root(receipt.tree.root)).unwrap();
    assert_eq!((verified.anchor, verified.signer), (None, None));
    let signer: Address = SIGNER.parse().unwrap();
    assert_eq!(verify_receipt(&receipt, &Trust::Signer(signer)), Err(ReceiptError::Unsigned));
    for trust in [on_chain(latest), told(Anchor { seq: 2, root: receipt.tree.root, size: 20, time: 1 })] {
        assert_eq!(verify_receipt(&receipt, &trust), Err(ReceiptError::NotYetAnchored));
    }
    receipt.signature = signed().0.signature;
    assert_eq!(verify_receipt(&receipt, &Trust::Signer(signer)).unwrap().signer, Some(signer));
    let expected = Address::ZERO;
    let other = ReceiptError::OtherSigner { signer, expected };
    assert_eq!(verify_receipt(&receipt, &Trust::Signer(expected)), Err(other));
    // A signature is over one size and root, so it does not fit another tree.
    receipt.tree.size = 19;
    assert!(!receipt.signature.unwrap().holds(&receipt.tree));
}

/// A body may be as deep as canonical JSON allows, and is nested more deeply in its receipt.
#[test]
fn the_deepest_body_has_a_receipt() {
    let deep = (0..MAX_DEPTH).fold(json!(1), |value, _| json!([value]));
    let body = Canonical::of(&deep).unwrap();
    let event = NewEvent::new("k", "s", ["a"], body).unwrap().numbered(1, 1);
    let entry = Entry::after(genesis(), event);
    let anchor = Anchor { seq: 1, root: leaf(1, entry.hash), size: 1, time: 1 };
    let head = anchor.head(Head::ZERO);
    let anchored =
        Anchored { transaction: B256::ZERO, block: 1, previous_head: Head::ZERO, anchors: vec![anchor], head };
    let tree = TreeHead { chain_id: CHAIN, contract: CONTRACT, size: 1, root: anchor.root };
    let receipt = Receipt::new(entry, vec![], tree, Some(anchored)).unwrap();
    let read = Receipt::parse(receipt.text().unwrap().as_str()).unwrap();
    assert!(verify_receipt(&read, &Trust::Root(anchor.root)).is_ok());
}

#[test]
fn what_the_reader_knows_decides() {
    let (receipt, latest) = receipt();
    let root = receipt.tree.root;
    let refused = |trust: Trust| verify_receipt(&receipt, &trust).unwrap_err();
    let expected = B256::repeat_byte(1);
    assert_eq!(refused(Trust::Root(expected)), ReceiptError::OtherRoot { root, expected });
    let other = ReceiptError::OtherContract { chain_id: CHAIN, contract: CONTRACT };
    assert_eq!(refused(Trust::Latest { chain_id: 1, contract: CONTRACT, latest }), other);
    assert_eq!(refused(Trust::Latest { chain_id: CHAIN, contract: Address::ZERO, latest }), other);
    let newer = Latest { seq: 4, size: 31, head: Head::repeat_byte(1) };
    assert_eq!(refused(on_chain(newer)), ReceiptError::Outdated { ours: 3, theirs: 4 });
    let (ours, theirs) = (latest.head, Head::repeat_byte(1));
    for claims in [Latest { head: theirs, ..latest }, Latest { seq: 2, head: theirs, ..latest }] {
        assert_eq!(refused(on_chain(claims)), ReceiptError::NotAnchored { ours, theirs });
    }
    let anchor = receipt.anchored.as_ref().unwrap().anchors[0];
    for other in [Anchor { time: anchor.time + 1, ..anchor }, Anchor { seq: 3, ..anchor }] {
        assert_eq!(refused(told(other)), ReceiptError::OtherAnchor { theirs: other.seq });
    }
    let claims = Latest { size: 31, ..latest };
    assert_eq!(refused(on_chain(claims)), ReceiptError::NotAnchored { ours, theirs: ours });
}

/// Each change, made by somebody who also computes the digest again, and the expected error.
#[test]
fn every_part_is_checked_and_named() {
    type Case = (&'static str, fn(&mut Receipt), &'static str);
    let cases: &[Case] = &[
        ("version", |r| r.version = 2, "version 2"),
        ("event", |r| r.event.subject.push('x'), "hash:"),
        ("time", |r| r.event.at += 1, "hash:"),
        ("body", |r| r.event.body = r#"{"amount":"1"}"#.into(), "hash:"),
        ("streams", |r| r.event.streams.reverse(), "event: its stream"),
        ("number", |r| r.event.seq = 8, "hash:"),
        ("previous", |r| r.previous = B256::ZERO, "hash:"),
        ("hash", |r| r.hash = B256::ZERO, "hash:"),
        (
            "event and hash",
            |r| {
                r.event.kind.push('x');
                r.hash = r.event.hash(r.previous);
            },
            "proof:",
        ),
        (
            "number and hash",
            |r| {
                r.event.seq = 8;
                r.hash = r.event.hash(r.previous);
            },
            "proof:",
        ),
        (
            "beyond",
            |r| {
                r.event.seq = 21;
                r.hash = r.event.hash(r.previous);
            },
            "tree.size: it has 20 entries, and the event is number 21",
        ),
        ("proof", |r| r.proof[1] = B256::ZERO, "proof:"),
        ("shorter proof", |r| r.proof.truncate(1), "proof:"),
        ("longer proof", |r| r.proof.push(B256::ZERO), "proof:"),
        ("root", |r| r.tree.root = B256::ZERO, "proof:"),
        ("size", |r| r.tree.size = 19, "anchored.anchors[0]: it is of root"),
        ("size, of a tree with the same proofs", |r| r.tree.size = 18, "anchored.anchors[0]: it is of root"),
        ("root of the anchor", |r| anchored(r).anchors[0].root = B256::ZERO, "anchored.anchors[0]: it is of root"),
        ("size of the anchor", |r| anchored(r).anchors[0].size = 19, "anchored.anchors[0]: it is of root"),
        ("time of the anchor", |r| anchored(r).anchors[0].time -= 1, "anchored.head:"),
        ("number of the anchor", |r| anchored(r).anchors[0].seq = 1, "anchored.anchors[1]: anchor 3"),
        ("later root", |r| anchored(r).anchors[1].root = B256::ZERO, "anchored.head:"),
        ("later number", |r| anchored(r).anchors[1].seq = 4, "anchored.anchors[1]: anchor 4"),
        ("later size", |r| anchored(r).anchors[1].size = 20, "anchored.anchors[1]: anchor 3"),
        ("later time", |r| anchored(r).anchors[1].time = 1, "anchored.anchors[1]: anchor 3"),
        ("no later anchor", |r| anchored(r).anchors.truncate(1), "anchored.head:"),
        ("no anchor", |r| anchored(r).anchors.clear(), "anchored.anchors: there is none"),
        ("not anchored", |r| r.anchored = None, "older than the anchor"),
        ("head before", |r| anchored(r).previous_head = Head::ZERO, "anchored.head:"),
        ("head", |r| anchored(r).head = Head::ZERO, "anchored.head:"),
        ("chain", |r| r.tree.chain_id = 1, "signature:"),
        ("contract", |r| r.tree.contract = Address::ZERO, "signature:"),
        ("signature", |r| r.signature.as_mut().unwrap().signature = vec![1; 65].into(), "signature:"),
        ("signer", |r| r.signature.as_mut().unwrap().signer = Address::ZERO, "signature:"),
    ];
    for (name, change, expected) in cases {
        let (mut receipt, latest) = signed();
        change(&mut receipt);
        if let Ok(digest) = receipt.digest() {
            receipt.digest = digest;
        }
        let text = serde_json::to_string(&receipt).unwrap();
        let error = read(&text, &on_chain(latest)).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    // The fields that only say where to look are not bound by proof or signature. A reader who asks there finds that they are
    // wrong. The digest reveals damage.
    let misleading: [fn(&mut Receipt); 2] = [|r| anchored(r).transaction = B256::ZERO, |r| anchored(r).block = 1];
    for change in misleading {
        let (mut receipt, latest) = signed();
        change(&mut receipt);
        let error = read(receipt.text().unwrap().as_str(), &on_chain(latest)).unwrap_err();
        assert!(matches!(error, ReceiptError::Digest { .. }), "{error}");
    }
    // Without a signature, the reader has to compare chain and contract with those that they ask.
    for change in [|r: &mut Receipt| r.tree.chain_id = 1, |r: &mut Receipt| r.tree.contract = Address::ZERO] {
        let (mut receipt, latest) = receipt();
        change(&mut receipt);
        receipt.digest = receipt.digest().unwrap();
        let error = read(receipt.text().unwrap().as_str(), &on_chain(latest)).unwrap_err();
        assert!(matches!(error, ReceiptError::OtherContract { .. }), "{error}");
    }
}

#[test]
fn what_is_no_receipt_is_refused() {
    for (text, expected) in
        [("", "no receipt"), ("{}", "no receipt"), (r#"{"version":1.5}"#, "was changed"), ("[1", "no receipt")]
    {
        let error = Receipt::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let (receipt, _) = receipt();
    let text = receipt.text().unwrap().into_string();
    let upper = text.replacen("\"hash\":\"0x", "\"hash\":\"0X", 1);
    assert!(Receipt::parse(&upper).is_err());
    let more = text.replacen('{', r#"{"more":1,"#, 1);
    assert!(Receipt::parse(&more).is_err());
    // Texts that two readers could understand differently.
    for ambiguous in [
        text.replacen('{', r#"{"version":1,"#, 1),
        text.replacen(r#""event":{"#, r#""event":{"kind":"contribution.rejected","#, 1),
        text.replacen("contribution.accepted", r"contribution\u002eaccepted", 1),
    ] {
        let error = Receipt::parse(&ambiguous).unwrap_err();
        assert!(matches!(error, ReceiptError::Ambiguous { .. }), "{error}");
    }
}

/// The changes that mean least to a reader of JSON and hex.
#[test]
fn no_letter_can_change_its_case_and_no_byte_become_a_space() {
    let (text, latest) = &*SIGNED;
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place].is_ascii_alphabetic() { bytes[place] ^ 0x20 } else { b' ' };
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(changed == *text || read(&changed, &on_chain(*latest)).is_err(), "byte {place}: {changed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_flipped_byte_is_found(place: prop::sample::Index, flip in 1_u8..=255) {
        let (text, latest) = &*SIGNED;
        let mut bytes = text.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(read(&text, &on_chain(*latest)).is_err());
        }
    }
}
