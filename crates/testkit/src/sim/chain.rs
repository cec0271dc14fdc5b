//! A chain that grows and forks. What is canonical at the end is the expected result of a mirror.

use std::sync::Arc;

use alloy::primitives::Log;

use super::{
    Rng,
    block::{Block, time_of},
    traffic::{Options, Traffic},
};

/// The actors of a small market. They are few, so that they meet again and again.
const ACTORS: Options = Options { accounts: 12, oddities: true, currencies: true };
/// How many of 100 blocks are empty.
const EMPTY: u64 = 25;
const MOST_CALLS: u64 = 4;

/// A block, and the state of the contracts after it.
#[derive(Debug)]
pub struct Mined {
    pub block: Block,
    after: Traffic,
    seed: u64,
}

/// Blocks from number 0 on, each the parent of the next.
pub type Branch = Vec<Arc<Mined>>;

/// What happens to a chain.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The chain grows by this many blocks.
    Grow(u64),
    /// The last `depth` blocks are replaced by `length` others. Finalized ones stay.
    Fork { depth: u64, length: u64 },
    /// The same, but finalized blocks are replaced too.
    ForkPastFinality { depth: u64, length: u64 },
}

/// A chain, as all honest nodes will report it in the end.
#[derive(Debug)]
pub struct SimChain {
    rng: Rng,
    canonical: Branch,
    /// The branch before the last fork, which some nodes report for a while longer.
    replaced: Branch,
    finality: u64,
    finalized: u64,
    safe: u64,
    pub reorganisations: u64,
}

impl SimChain {
    /// Creates a chain whose block 0 is empty and whose block 1 holds the deployment. Blocks are final `finality`
    /// blocks behind the head.
    pub fn new(seed: u64, finality: u64) -> Self {
        let mut rng = Rng::new(seed);
        let traffic = Traffic::new(ACTORS);
        let genesis = Mined { block: Block::seal(None, vec![], 0), after: traffic, seed: 0 };
        let mut canonical = vec![Arc::new(genesis)];
        extend(&mut canonical, &mut rng, &[]);
        Self { rng, replaced: canonical.clone(), canonical, finality, finalized: 0, safe: 0, reorganisations: 0 }
    }

    pub fn change(&mut self, change: Change) {
        match change {
            Change::Grow(blocks) => self.grow(blocks),
            Change::Fork { depth, length } => self.fork(depth.min(self.head().number() - self.finalized), length),
            Change::ForkPastFinality { depth, length } => {
                let depth = depth.min(self.head().number() - 1);
                self.finalized = self.finalized.min(self.head().number() - depth);
                self.safe = self.safe.min(self.finalized);
                self.fork(depth, length);
            }
        }
    }

    fn grow(&mut self, blocks: u64) {
        for _ in 0..blocks {
            extend(&mut self.canonical, &mut self.rng, &[]);
        }
        self.mark();
    }

    fn fork(&mut self, depth: u64, length: u64) {
        if depth == 0 {
            return self.grow(length);
        }
        let kept = self.canonical.len() - depth as usize;
        self.replaced = self.canonical.clone();
        let gone = self.canonical.split_off(kept);
        for _ in 0..length.max(1) {
            extend(&mut self.canonical, &mut self.rng, &gone);
        }
        self.reorganisations += 1;
        self.mark();
    }

    /// Moves the marks of finality, which never go back, even when the head does.
    fn mark(&mut self) {
        let head = self.head().number();
        self.finalized = self.finalized.max(head.saturating_sub(self.finality));
        self.safe = self.safe.max(head.saturating_sub(self.finality / 2)).max(self.finalized).min(head);
    }

    pub fn head(&self) -> &Block {
        // Block 0 is always there.
        &self.canonical[self.canonical.len() - 1].block
    }

    pub fn finalized(&self) -> u64 {
        self.finalized
    }

    pub fn safe(&self) -> u64 {
        self.safe
    }

    pub fn canonical(&self) -> &Branch {
        &self.canonical
    }

    pub fn replaced(&self) -> &Branch {
        &self.replaced
    }

    /// Returns whether the branch before the last fork has the finalized block too.
    pub fn replaced_is_possible(&self) -> bool {
        let finalized = |branch: &Branch| branch.get(self.finalized as usize).map(|mined| mined.block.hash);
        finalized(&self.replaced) == finalized(&self.canonical)
    }

    /// Returns every canonical log with its block and its place there.
    pub fn logs(&self) -> impl Iterator<Item = (&Block, usize, &Log)> {
        self.canonical
            .iter()
            .flat_map(|mined| mined.block.logs.iter().enumerate().map(|(index, log)| (&mined.block, index, log)))
    }
}

/// Mines one block on a branch. When a block was replaced, its transactions are often mined again.
pub(super) fn extend(branch: &mut Branch, rng: &mut Rng, gone: &[Arc<Mined>]) {
    let parent = Arc::clone(&branch[branch.len() - 1]);
    let number = parent.block.number() + 1;
    let drawn = rng.draw();
    let first = gone.first().map_or(number, |mined| mined.block.number());
    let before = gone.get(number.saturating_sub(first) as usize);
    let seed = before.filter(|_| rng.chance(40)).map_or(drawn, |mined| mined.seed);
    let mut actions = Rng::new(seed);
    let mut after = parent.after.clone();
    let mut calls = if number == 1 { after.deploy() } else { vec![] };
    if !actions.chance(EMPTY) {
        for _ in 0..=actions.below(MOST_CALLS) {
            calls.push(after.call(&mut actions, time_of(number)));
        }
    }
    let block = Block::seal(Some(&parent.block), calls, drawn);
    branch.push(Arc::new(Mined { block, after, seed }));
}

#[cfg(test)]
mod tests {
    use alloy::consensus::{Eip658Value, Receipt, ReceiptWithBloom};

    use super::*;

    fn linked(branch: &Branch) -> bool {
        branch.windows(2).all(|pair| {
            pair[1].block.header.parent_hash == pair[0].block.hash
                && pair[1].block.hash == pair[1].block.header.hash_slow()
        })
    }

    #[test]
    fn a_seed_makes_one_chain_and_forks_replace_its_end_alone() {
        let run = |seed| {
            let mut chain = SimChain::new(seed, 64);
            chain.change(Change::Grow(100));
            let before = chain.canonical().clone();
            chain.change(Change::Fork { depth: 30, length: 31 });
            (before, chain)
        };
        let ((before, chain), (_, again), (_, other)) = (run(1), run(1), run(2));
        assert_eq!((chain.head().hash, chain.head().number()), (again.head().hash, 102));
        assert_ne!(chain.head().hash, other.head().hash);
        assert!(linked(chain.canonical()) && linked(&before));
        let shared = chain.canonical().iter().zip(&before).take_while(|(new, old)| new.block.hash == old.block.hash);
        assert_eq!(shared.count(), 72);
        assert_eq!((chain.finalized(), chain.safe()), (38, 70));
    }

    #[test]
    fn forks_stop_at_finality_unless_told() {
        let mut chain = SimChain::new(3, 10);
        chain.change(Change::Grow(40));
        let settled = chain.canonical()[31].block.hash;
        chain.change(Change::Fork { depth: 30, length: 1 });
        assert_eq!((chain.head().number(), chain.finalized()), (32, 31));
        assert_eq!(chain.canonical()[31].block.hash, settled);
        assert!(chain.replaced_is_possible());
        chain.change(Change::Grow(10));
        assert!(!chain.replaced_is_possible(), "block 32 is final, and another there");
        chain.change(Change::ForkPastFinality { depth: 20, length: 25 });
        assert_ne!(chain.canonical()[31].block.hash, settled);
        assert!(linked(chain.canonical()));
    }

    #[test]
    fn headers_tell_the_truth_about_their_logs() {
        let mut chain = SimChain::new(4, 64);
        chain.change(Change::Grow(60));
        assert!(chain.logs().count() > 100);
        for mined in chain.canonical() {
            let block = &mined.block;
            let receipts: Vec<_> = block
                .transactions
                .iter()
                .enumerate()
                .map(|(index, transaction)| {
                    let logs = block.logs[transaction.logs.clone()].to_vec();
                    let logs_bloom = logs.iter().collect();
                    let cumulative_gas_used = 100_000 * (index as u64 + 1);
                    let receipt = Receipt { status: Eip658Value::Eip658(true), cumulative_gas_used, logs };
                    alloy::consensus::ReceiptEnvelope::Eip1559(ReceiptWithBloom { receipt, logs_bloom })
                })
                .collect();
            assert_eq!(alloy::consensus::proofs::calculate_receipt_root(&receipts), block.header.receipts_root);
            assert_eq!(block.logs.iter().collect::<alloy::primitives::Bloom>(), block.header.logs_bloom);
        }
    }
}
