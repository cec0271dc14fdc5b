//! Writes down what the engine computes, for the contracts. `contracts/test/differential/` replays it in Solidity, where
//! every claim must be paid, every total kept and every price divided in the same way. RENEW=true writes the file anew.

use std::{collections::BTreeMap, env, fs};

use domain::{
    Address, Amount, U256,
    distribution::{Graph, NodeIndex, Work, distribute},
    merkle::{Entry, PayoutTree, Tree, leaf_of},
    split,
};
use serde_json::{Value, json};

use crate::build::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/test/differential/engine.json");
const CHAIN: u64 = 31337;
/// The addresses of the contract and the tokens in Solidity, because a proof is valid for one chain and contract only.
const PAYOUTS: Address = Address::repeat_byte(0xA1);
const TOKENS: [Address; 3] = [Address::ZERO, Address::repeat_byte(0xB1), Address::repeat_byte(0xB2)];
const ROUNDS: usize = 4;
const WORKS: u64 = 12;

/// Numbers that are the same each time (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Returns twelve works with contributions by accounts 10001 to 10020, each made from others after it.
fn graph(numbers: &mut Numbers) -> Graph {
    let works: Vec<Work> = (0..WORKS)
        .map(|id| {
            let mut work = asset(id + 1, numbers.below(20) + 10_001);
            for at in 0..numbers.below(5) {
                work = work.by(id * 10 + at, human(numbers.below(20) + 10_001), numbers.below(1000) + 1);
            }
            if id + 1 < WORKS {
                work = work.fixed(numbers.below(3000) as u16, (id + 1 + numbers.below(WORKS - id - 1)) as u32);
            }
            work
        })
        .collect();
    Graph::new(works).unwrap()
}

fn rounds(numbers: &mut Numbers) -> Vec<Value> {
    let graph = graph(numbers);
    let mut cumulative: BTreeMap<(Address, Address), U256> = BTreeMap::new();
    (0..ROUNDS)
        .map(|_| {
            for token in TOKENS {
                let start = NodeIndex(numbers.below(WORKS) as u32);
                let amount = Amount(U256::from(numbers.next()) * U256::from(numbers.below(1 << 20) + 1));
                let distribution = distribute(&graph, start, amount, &NO_FEE).unwrap();
                for (account, amount) in distribution.payouts {
                    *cumulative.entry((account, token)).or_default() += amount.0;
                }
            }
            let entries = cumulative
                .iter()
                .map(|((account, token), amount)| Entry {
                    account: *account,
                    token: *token,
                    cumulative: Amount(*amount),
                })
                .collect();
            let tree = PayoutTree::new(CHAIN, PAYOUTS, entries).unwrap();
            let total = |token: &Address| -> U256 {
                cumulative.iter().filter(|((_, of), _)| of == token).map(|(_, amount)| *amount).sum()
            };
            let claims: Vec<Value> = tree
                .entries()
                .iter()
                .map(|entry| {
                    json!({
                        "account": entry.account, "token": entry.token, "cumulative": entry.cumulative.0.to_string(),
                        "proof": tree.proof(entry.account, entry.token),
                    })
                })
                .collect();
            json!({
                "root": tree.root(), "count": claims.len(), "claims": claims,
                "totals": TOKENS.iter().map(|token| total(token).to_string()).collect::<Vec<_>>(),
            })
        })
        .collect()
}

/// Returns prices from one base unit to the largest, at rates up to the caps.
fn sales(numbers: &mut Numbers) -> Vec<Value> {
    let random =
        (0..40).map(|_| (U256::from(numbers.next()) << numbers.below(64), 1 + numbers.below(500), numbers.below(5001)));
    let random: Vec<_> = random.collect();
    let edges =
        [(1, 500, 5000), (9_999, 1, 1), (10_000, 1, 1), (u64::MAX, 0, 0)].map(|(p, f, r)| (U256::from(p), f, r));
    let largest = (U256::from(u128::MAX), 500, 5000);
    (random.into_iter().chain(edges).chain([largest]))
        .map(|(price, fee_bps, royalty_bps)| {
            let sale = split::sale(price, fee_bps as u16, royalty_bps as u16).unwrap();
            json!({
                "price": price.to_string(), "feeBps": fee_bps, "royaltyBps": royalty_bps,
                "fee": sale.fee.to_string(), "royalty": sale.royalty.to_string(), "net": sale.net.to_string(),
            })
        })
        .collect()
}

/// Returns trees of 1 to 9 leaves, for anchors.
fn trees(numbers: &mut Numbers) -> Vec<Value> {
    (1..10)
        .map(|count| {
            let leaves: Vec<_> = (0..count).map(|_| leaf_of(&[U256::from(numbers.next()).into()])).collect();
            let tree = Tree::new(leaves.clone()).unwrap();
            let proofs: Vec<_> = (0..count).map(|place| tree.proof(place)).collect();
            json!({"root": tree.root(), "leaves": leaves, "proofs": proofs})
        })
        .collect()
}

#[test]
fn what_the_contracts_replay_is_what_the_engine_computes() {
    let mut numbers = Numbers(2026);
    let (rounds, sales, trees) = (rounds(&mut numbers), sales(&mut numbers), trees(&mut numbers));
    let computed = json!({
        "payouts": PAYOUTS, "tokens": TOKENS, "roundCount": rounds.len(), "rounds": rounds, "saleCount": sales.len(),
        "sales": sales, "treeCount": trees.len(), "trees": trees,
    });
    let text = serde_json::to_string_pretty(&computed).unwrap() + "\n";
    if env::var("RENEW").is_ok() {
        fs::write(FILE, &text).unwrap();
    }
    let checked_in = fs::read_to_string(FILE).unwrap_or_default();
    assert!(checked_in == text, "{FILE} is not what the engine computes: RENEW=true cargo test -p domain differential");
}
