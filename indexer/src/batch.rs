//! A verified and decoded range: rows ready for PostgreSQL, and what must be true before they are stored.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{B256, Bytes};
use facts::{ChainId, NewFact};

use crate::{
    decode::{Decoded, Decoder, Number, Place, Total},
    row::{Field, Row, RowSet, Table},
    source::{Block, BlockId, Log, Range},
};

/// What consumers of the outbox are told about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Every event.
    Each,
    /// Nothing, because a backfill is told once, at its end.
    None,
}

#[derive(Default)]
pub struct Batch {
    pub from: u64,
    /// The block that must be the mirror's newest when this batch is stored.
    pub parent: B256,
    pub to: BlockId,
    /// Whether more than half of the endpoints have block `to`.
    pub agreed: bool,
    /// When block `to` was mined, in seconds since 1970. `None` for stored logs.
    pub time: Option<u64>,
    pub rows: RowSet,
    pub logs: usize,
    /// Contract, record and number of every numbered event, in order.
    pub numbers: Vec<(alloy::primitives::Address, Number)>,
    pub totals: Vec<Total>,
    /// Assets whose state the batch changes.
    pub touched: BTreeSet<i64>,
    pub facts: Vec<NewFact>,
    /// The blocks that are stored.
    pub blocks: BTreeMap<u64, B256>,
    /// A block of each partition of the raw log that the batch needs.
    pub partitions: BTreeSet<u64>,
}

/// How many blocks a partition of the raw log has, as `chain.ensure_partition` makes them.
const PARTITION: u64 = 1_000_000;

impl Batch {
    /// Decodes a range. Blocks at or below `settled` are kept only if they have logs.
    pub fn decode(decoder: &Decoder, range: Range, settled: u64, facts: Facts) -> Self {
        let chain_id = decoder.deployment.chain_id;
        let mut batch = Self {
            from: range.from,
            parent: range.parent,
            to: range.to,
            agreed: range.agreed,
            time: range.blocks.get(&range.to.number).map(|block| block.timestamp),
            logs: range.logs.len(),
            partitions: range.logs.iter().map(|log| log.block / PARTITION * PARTITION).collect(),
            ..Self::default()
        };
        let with_logs: BTreeSet<u64> = range.logs.iter().map(|log| log.block).collect();
        for block in range.blocks.values() {
            if block.number > settled || block.number == range.to.number || with_logs.contains(&block.number) {
                batch.rows.push(Table::Blocks, block_row(chain_id, block));
                batch.blocks.insert(block.number, block.hash);
            }
        }
        let mut previous: Option<&Log> = None;
        for log in &range.logs {
            // A range has every block with logs, so there is always one.
            let time = range.blocks.get(&log.block).map_or(0, |block| block.timestamp);
            batch.add(decoder, previous, log, time, facts, true);
            previous = Some(log);
        }
        batch
    }

    /// Decodes logs that are stored already, into projections only.
    pub fn of_stored(decoder: &Decoder, previous: Option<&Log>, logs: &[(Log, u64)]) -> Self {
        let mut batch = Self { logs: logs.len(), ..Self::default() };
        let mut previous = previous;
        for (log, time) in logs {
            batch.add(decoder, previous, log, *time, Facts::None, false);
            previous = Some(log);
        }
        batch
    }

    fn add(&mut self, decoder: &Decoder, before: Option<&Log>, log: &Log, time: u64, facts: Facts, raw: bool) {
        let chain_id = decoder.deployment.chain_id;
        let place = Place { chain_id, block: log.block, index: log.index, tx_hash: log.tx_hash, time };
        let previous = before.filter(|before| before.tx_hash == log.tx_hash && before.index + 1 == log.index);
        let Decoded { rows, number, asset, total, fact } = decoder.decode(previous, log, &place);
        if raw {
            self.rows.push(Table::Logs, log_row(chain_id, log, number.as_ref()));
        }
        self.numbers.extend(number.map(|number| (log.address, number)));
        self.totals.extend(total);
        self.touched.extend(asset.map(|asset| asset as i64));
        if facts == Facts::Each {
            self.facts.extend(fact);
        }
        for (table, row) in rows {
            self.rows.push(table, row);
        }
    }
}

fn block_row(chain_id: ChainId, block: &Block) -> Row {
    vec![
        ("chain_id", Field::Int(chain_id.get())),
        ("number", Field::Int(block.number as i64)),
        ("hash", block.hash.into()),
        ("parent_hash", block.parent_hash.into()),
        ("timestamp", Field::Time(block.timestamp)),
    ]
}

fn log_row(chain_id: ChainId, log: &Log, number: Option<&Number>) -> Row {
    vec![
        ("chain_id", Field::Int(chain_id.get())),
        ("block_number", Field::Int(log.block as i64)),
        ("log_index", Field::Small(log.index as i32)),
        ("block_hash", log.block_hash.into()),
        ("tx_hash", log.tx_hash.into()),
        ("tx_index", Field::Small(log.tx_index as i32)),
        ("address", log.address.into()),
        ("topics", Field::Hashes(log.topics.clone())),
        ("data", Field::Bytes(log.data.clone())),
        ("seq", number.map_or(Field::Null, |number| Field::Int(number.seq as i64))),
        ("stream", Field::Bytes(number.map_or_else(Bytes::new, |number| number.stream.clone().into()))),
    ]
}
