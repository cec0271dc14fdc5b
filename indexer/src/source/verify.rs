//! What must agree before an answer is accepted. These are pure functions on what one endpoint said.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bloom, keccak256, map::B256Map};
use chain::pool::{
    Failure,
    wire::{Header, Log, Receipt},
};

/// What is wrong with an answer.
#[derive(Debug)]
pub(super) enum Doubt {
    /// This answer cannot be used in any case.
    Failed(Failure),
    /// The answer is wrong for this reason, unless the chain changed between two answers. Reading the same blocks again
    /// shows which.
    Unclear(Failure),
}

impl From<Failure> for Doubt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

pub(super) fn lie(reason: impl Into<String>) -> Doubt {
    Doubt::Failed(Failure::Lie(reason.into()))
}

pub(super) fn contradiction(reason: impl Into<String>) -> Doubt {
    Doubt::Unclear(Failure::Contradiction(reason.into()))
}

/// The bits that a value sets in a bloom filter: byte and mask.
type Bits = [(u8, u8); 3];

/// The contracts whose logs are read.
#[derive(Debug)]
pub(super) struct Watched {
    pub addresses: Vec<Address>,
    bits: Vec<Bits>,
}

impl Watched {
    pub fn new(addresses: Vec<Address>) -> Self {
        let bits = addresses.iter().map(|address| bits(address.as_slice())).collect();
        Self { addresses, bits }
    }

    /// Returns whether a block's bloom filter says that one of these contracts may have logged in it.
    pub fn may_speak(&self, bloom: &Bloom) -> bool {
        self.bits.iter().any(|bits| holds(bloom, bits))
    }
}

fn bits(value: &[u8]) -> Bits {
    let hash = keccak256(value);
    [0, 2, 4].map(|at| {
        let bit = (usize::from(hash[at]) << 8 | usize::from(hash[at + 1])) & 0x7ff;
        ((255 - bit / 8) as u8, 1 << (bit % 8))
    })
}

fn holds(bloom: &Bloom, bits: &Bits) -> bool {
    bits.iter().all(|(byte, mask)| bloom[usize::from(*byte)] & mask != 0)
}

/// Checks that each header follows the one before it, if both are known.
pub(super) fn check_links(headers: &BTreeMap<u64, Header>) -> Result<(), Doubt> {
    for (previous, header) in headers.values().zip(headers.values().skip(1)) {
        if header.number == previous.number + 1 && header.parent_hash != previous.hash {
            let reason = format!("block {} does not follow block {}", header.number, previous.number);
            return Err(contradiction(reason));
        }
    }
    Ok(())
}

/// Checks that every log, ordered by block and index, belongs to one of these headers, is in its bloom filter, and comes
/// from a watched contract. `blooms` is false on chains whose headers do not have Ethereum's form.
pub(super) fn check_logs(
    watched: &Watched,
    headers: &BTreeMap<u64, Header>,
    logs: &[Log],
    blooms: bool,
) -> Result<(), Doubt> {
    let mut topic_bits: B256Map<Bits> = B256Map::default();
    let mut previous: Option<&Log> = None;
    for log in logs {
        let Some(at) = watched.addresses.iter().position(|address| *address == log.address) else {
            return Err(lie(format!(
                "a log in block {} of contract {}, which was not asked for",
                log.block, log.address
            )));
        };
        let Some(header) = headers.get(&log.block) else {
            return Err(lie(format!("a log of block {}, which was not asked for", log.block)));
        };
        if log.block_hash != header.hash {
            let reason =
                format!("a log of block {} says hash {}, the header {}", log.block, log.block_hash, header.hash);
            return Err(contradiction(reason));
        }
        let follows = previous.is_none_or(|previous| {
            previous.block < log.block || (previous.index < log.index && previous.tx_index <= log.tx_index)
        });
        if !follows {
            return Err(lie(format!("logs of block {} are out of order, or twice the same", log.block)));
        }
        let mut speaks = || {
            holds(&header.logs_bloom, &watched.bits[at])
                && log.topics.iter().all(|topic| {
                    holds(&header.logs_bloom, topic_bits.entry(*topic).or_insert_with(|| bits(topic.as_slice())))
                })
        };
        if blooms && !speaks() {
            return Err(lie(format!("a log of block {} that its bloom does not know", log.block)));
        }
        previous = Some(log);
    }
    Ok(())
}

/// Checks that the receipts have the root of the header, and contain the same logs of watched contracts as `logs`, and
/// no others.
pub(super) fn check_receipts(
    watched: &Watched,
    header: &Header,
    receipts: &[Receipt],
    logs: &[Log],
) -> Result<(), Doubt> {
    let mut index = 0;
    let mut ours = logs.iter();
    for (tx_index, receipt) in (0..).zip(receipts) {
        for log in &receipt.logs {
            if watched.addresses.contains(&log.address) {
                let truth = Log { block: header.number, block_hash: header.hash, tx_index, index, ..log.clone() };
                match ours.next() {
                    Some(log) if *log == truth => {}
                    Some(log) if (log.index, log.tx_index) == (index, tx_index) => {
                        return Err(lie(format!("log {index} of block {} differs from its receipt", header.number)));
                    }
                    _ => return Err(lie(format!("log {index} of block {} was left out", header.number))),
                }
            }
            index += 1;
        }
    }
    match ours.next() {
        Some(log) => Err(lie(format!("log {} of block {} is in no receipt", log.index, header.number))),
        None => Ok(()),
    }
}

/// Returns the hashes by number. They are equal when the same blocks were read.
pub(super) fn identity(headers: &BTreeMap<u64, Header>) -> Vec<(u64, B256)> {
    headers.iter().map(|(number, header)| (*number, header.hash)).collect()
}
