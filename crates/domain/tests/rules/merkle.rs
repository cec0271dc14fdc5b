//! The payout tree, against a second computation of everything the contract computes.

use domain::{
    Address, Amount, B256, U256,
    merkle::{Entry, PayoutTree, TreeError, leaf, verify},
};
use proptest::prelude::*;

use crate::build::account;

fn entry(number: u64, token: u64, cumulative: u64) -> Entry {
    Entry { account: account(number), token: account(token), cumulative: Amount::from(cumulative) }
}

#[test]
fn known_answer_of_a_leaf_and_of_three() {
    let contract: Address = "0x5FbDB2315678afecb367f032d93F642f64180aa3".parse().unwrap();
    let entries = vec![entry(1, 0, 100), entry(2, 0, 200), entry(3, 0, 300)];
    assert_eq!(leaf(31_337, contract, &entries[0]).to_string(), LEAF);
    let tree = PayoutTree::new(31_337, contract, entries).unwrap();
    assert_eq!(tree.root().to_string(), ROOT);
}

/// keccak256 of keccak256 of the five words, and the root over the three leaves, computed with another implementation.
const LEAF: &str = "0x167169121aad6f5485b289291df2fb700bfc7d18835afa4e8ad760f008a7e4bb";
const ROOT: &str = "0x7ca63e1bc6ea440ca38c96f825865c5f04aac766f0266e36c5f6bf60f8176147";

#[test]
fn empty_and_doubled_trees_are_errors() {
    assert_eq!(PayoutTree::new(1, Address::ZERO, vec![]).unwrap_err(), TreeError::Empty);
    let doubled = vec![entry(1, 2, 5), entry(1, 3, 5), entry(1, 2, 6)];
    let expected = TreeError::Duplicate { account: account(1), token: account(2) };
    assert_eq!(PayoutTree::new(1, Address::ZERO, doubled).unwrap_err(), expected);
}

#[test]
fn a_single_leaf_is_the_root() {
    let only = entry(1, 0, 5);
    let tree = PayoutTree::new(1, account(9), vec![only]).unwrap();
    assert_eq!(tree.root(), leaf(1, account(9), &only));
    assert_eq!(tree.proof(only.account, only.token), Some(vec![]));
    assert_eq!(tree.proof(account(2), only.token), None);
}

#[test]
fn a_leaf_belongs_to_one_chain_contract_account_token_and_amount() {
    let leaves = [
        leaf(1, account(9), &entry(1, 0, 5)),
        leaf(2, account(9), &entry(1, 0, 5)),
        leaf(1, account(8), &entry(1, 0, 5)),
        leaf(1, account(9), &entry(2, 0, 5)),
        leaf(1, account(9), &entry(1, 1, 5)),
        leaf(1, account(9), &entry(1, 0, 6)),
    ];
    let distinct: std::collections::BTreeSet<B256> = leaves.into_iter().collect();
    assert_eq!(distinct.len(), leaves.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_entry_is_proved_and_nothing_else(count in 1_u64..40, amounts: [u64; 40]) {
        let entries: Vec<Entry> = (0..count).map(|n| entry(n / 2, n % 2, amounts[n as usize])).collect();
        let tree = PayoutTree::new(7, account(9), entries.clone()).unwrap();
        let reversed = PayoutTree::new(7, account(9), entries.iter().rev().copied().collect()).unwrap();
        prop_assert_eq!(tree.root(), reversed.root());
        for entry in entries {
            let proof = tree.proof(entry.account, entry.token).unwrap();
            let place = tree.entries().iter().position(|one| *one == entry).unwrap();
            let siblings = tree.levels().iter().enumerate().filter_map(|(level, nodes)| nodes.get((place >> level) ^ 1));
            prop_assert_eq!(&proof, &siblings.copied().collect::<Vec<_>>());
            prop_assert!(verify(tree.root(), leaf(7, account(9), &entry), &proof));
            let more = Entry { cumulative: Amount(entry.cumulative.0 + U256::ONE), ..entry };
            prop_assert!(!verify(tree.root(), leaf(7, account(9), &more), &proof));
            prop_assert!(count == 1 || !verify(tree.root(), leaf(7, account(9), &entry), &[]));
        }
    }
}
