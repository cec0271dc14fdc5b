//! The ledger: what is hashed, the chain, the tree and its proofs, anchors and receipts.

mod canonical;
mod chain;
mod receipt;
mod tree;

use domain::{
    B256,
    ledger::{Canonical, Entry, Event, NewEvent, event::genesis, tree as ledger_tree},
};
use serde_json::json;

/// Returns an event that uses every field.
fn event(n: u64) -> Event {
    let body =
        Canonical::of(&json!({"amount": format!("{n}000"), "note": "é\n\"", "n": n, "list": [n, null, true]})).unwrap();
    let streams = [format!("asset:31337:{}", n % 3), format!("contributor:{}", n % 2)];
    NewEvent::new("contribution.accepted", format!("contribution:{n}"), streams, body)
        .unwrap()
        .numbered(n, 1_700_000_000_000_000 + n)
}

/// Returns a ledger of `size` entries.
fn ledger(size: u64) -> Vec<Entry> {
    let mut before = genesis();
    let next = |seq| {
        let entry = Entry::after(before, event(seq));
        before = entry.hash;
        entry
    };
    (1..=size).map(next).collect()
}

/// Returns the leaves of a ledger.
fn leaves(entries: &[Entry]) -> Vec<B256> {
    entries.iter().map(|entry| ledger_tree::leaf(entry.event.seq, entry.hash)).collect()
}
