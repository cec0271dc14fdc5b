//! The growing tree, compared with a tree that is built anew.

use std::collections::HashMap;

use domain::{
    B256, U256,
    ledger::tree::{
        Consistency, Frontier, Node, consistency, leaf, nodes, proof, proof_nodes, verify_consistency, verify_proof,
    },
    merkle::Tree,
};
use proptest::prelude::*;

use super::{leaves, ledger};

fn hash(n: u64) -> B256 {
    B256::from(U256::from(n + 1_000))
}

/// Returns every node of the tree over leaves 1 to `size`, and the root at each size.
fn grow(size: u64) -> (HashMap<Node, B256>, Vec<B256>) {
    let (mut full, mut roots) = (HashMap::new(), vec![B256::ZERO]);
    let mut frontier = Frontier::default();
    for seq in 1..=size {
        frontier.push(leaf(seq, hash(seq)), |node, hash| assert_eq!(full.insert(node, hash), None));
        assert_eq!(frontier.size(), seq);
        roots.push(frontier.root().unwrap());
    }
    (full, roots)
}

#[test]
fn every_root_and_proof_is_that_of_the_tree_built_anew() {
    const SIZE: u64 = 36;
    let (full, roots) = grow(SIZE);
    let leaves: Vec<B256> = (1..=SIZE).map(|seq| leaf(seq, hash(seq))).collect();
    for size in 1..=SIZE {
        let tree = Tree::new(leaves[..size as usize].to_vec()).unwrap();
        assert_eq!(tree.root(), roots[size as usize], "size {size}");
        for seq in 1..=size {
            let proof = proof(seq, size, |node| full.get(&node).copied()).unwrap();
            assert_eq!(Some(&proof), tree.proof(seq as usize - 1).as_ref(), "entry {seq} of {size}");
            assert!(verify_proof(tree.root(), size, seq, hash(seq), &proof));
            assert!(!verify_proof(tree.root(), size, seq, hash(seq + 1), &proof));
            assert!(size == 1 || !verify_proof(tree.root(), size, seq, hash(seq), &proof[1..]));
        }
        assert_eq!(proof_nodes(size + 1, size), None);
    }
    assert_eq!(proof_nodes(0, 5), None);
}

#[test]
fn nodes_cover_every_range_once_and_are_few() {
    for after in 0..70 {
        for through in after..140 {
            let nodes = nodes(after, through);
            let covered: Vec<u64> = nodes.iter().flat_map(|node| node.first()..=node.last()).collect();
            assert_eq!(covered, (after + 1..=through).collect::<Vec<_>>());
            assert!(nodes.len() <= 14);
        }
    }
    assert_eq!(nodes(0, 1 << 47).len(), 1);
    assert_eq!(nodes(0, (1 << 48) - 1).len(), 48);
}

#[test]
fn a_frontier_is_its_peaks() {
    let (full, roots) = grow(37);
    let peaks: Vec<B256> = nodes(0, 37).iter().map(|node| full[node]).collect();
    let frontier = Frontier::new(37, peaks.clone()).unwrap();
    assert_eq!(frontier.root(), Some(roots[37]));
    assert_eq!(Frontier::new(36, peaks), None);
    assert_eq!(Frontier::default().root(), None);
}

#[test]
fn a_missing_node_is_named() {
    let (mut full, _) = grow(9);
    let gone = Node { level: 2, index: 1 };
    full.remove(&gone);
    assert_eq!(proof(2, 9, |node| full.get(&node).copied()), Err(Some(gone)));
    assert_eq!(proof(10, 9, |node| full.get(&node).copied()), Err(None));
    assert_eq!(consistency(4, 8, |node| full.get(&node).copied()), Err(gone));
}

#[test]
fn growth_is_proved_between_any_two_sizes() {
    const SIZE: u64 = 24;
    let (full, roots) = grow(SIZE);
    let at = |size: u64| (size, roots[size as usize]);
    for from in 1..=SIZE {
        for to in from..=SIZE {
            let proof = consistency(from, to, |node| full.get(&node).copied()).unwrap();
            assert!(verify_consistency(at(from), at(to), &proof), "{from} to {to}");
            assert!(!verify_consistency((from, roots[0]), at(to), &proof));
            assert!(!verify_consistency(at(from), (to, roots[0]), &proof));
            assert!(from == to || !verify_consistency(at(to), at(from), &proof));
        }
    }
}

/// Two ledgers differ from some entry on. No proof from one is valid for the other.
#[test]
fn another_history_is_not_growth() {
    let ours = leaves(&ledger(20));
    for parts in 1..=12_usize {
        let mut theirs = ours.clone();
        theirs[parts - 1] = B256::repeat_byte(7);
        let grown = |leaves: &[B256], size: usize| {
            let (mut frontier, mut full) = (Frontier::default(), HashMap::new());
            leaves[..size].iter().for_each(|leaf| {
                frontier.push(*leaf, |node, hash| {
                    full.insert(node, hash);
                })
            });
            (frontier.root().unwrap(), full)
        };
        let (before, _) = grown(&ours, 12);
        let (after, full) = grown(&theirs, 20);
        let proof = consistency(12, 20, |node| full.get(&node).copied()).unwrap();
        assert!(!verify_consistency((12, before), (20, after), &proof), "parting at {parts}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_proof_with_any_bit_changed_does_not_hold(seq in 1_u64..=50, more in 0_u64..20, place: prop::sample::Index, bit in 0_usize..256) {
        let size = seq.max(2) + more;
        let (full, roots) = grow(size);
        let root = roots[size as usize];
        let mut proof = proof(seq, size, |node| full.get(&node).copied()).unwrap();
        let place = place.index(proof.len());
        proof[place][bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verify_proof(root, size, seq, hash(seq), &proof));

        let from = seq.min(size - 1);
        let mut growth: Consistency = consistency(from, size, |node| full.get(&node).copied()).unwrap();
        let at = |size: u64| (size, roots[size as usize]);
        let place = place % (growth.peaks.len() + growth.added.len());
        let peaks = growth.peaks.len();
        let changed = if place < peaks { &mut growth.peaks[place] } else { &mut growth.added[place - peaks] };
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verify_consistency(at(from), at(size), &growth));
        growth.added.push(B256::ZERO);
        prop_assert!(!verify_consistency(at(from), at(size), &growth));
    }
}
