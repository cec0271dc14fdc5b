//! The heads of the numbering of every record. The next event must continue the numbering, or a log is missing.
//!
//! In live operation, the database is asked, using an index. A backfill has no such index yet, and keeps the numbers in memory:
//! about 60 bytes per record.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use alloy::primitives::{Address, U256};
use facts::{Account, Units};
use sqlx::PgConnection;

use crate::{
    batch::Batch,
    commit::CommitError,
    decode::{Number, Total},
};

/// A record: the contract, the length of the record's name, and the name.
type Record = [u8; 41];

fn record(contract: &Address, stream: &[u8]) -> Record {
    let mut record = [0; 41];
    let length = stream.len().min(20);
    record[..20].copy_from_slice(contract.as_slice());
    record[20] = length as u8;
    record[21..21 + length].copy_from_slice(&stream[..length]);
    record
}

/// The numbering of all records, as long as there is no index for it.
#[derive(Default)]
pub struct Heads {
    numbers: HashMap<Record, u64>,
    totals: HashMap<(&'static str, Address, Address), U256>,
}

impl Heads {
    /// Reads the numbering of a backfill that was interrupted.
    ///
    /// # Errors
    /// When the database fails, or a stored value is malformed.
    pub async fn load(conn: &mut PgConnection, chain: i64) -> Result<Self, CommitError> {
        let mut heads = Self::default();
        let numbers: Vec<(Account, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT address, stream, max(seq) FROM logs WHERE chain_id = $1 AND seq IS NOT NULL GROUP BY address, stream",
        )
        .bind(chain)
        .fetch_all(&mut *conn)
        .await?;
        for (contract, stream, seq) in numbers {
            heads.numbers.insert(record(&contract.0, &stream), seq as u64);
        }
        let totals: Vec<(bool, Account, Account, Units)> = sqlx::query_as(
            "SELECT DISTINCT ON (is_claim, account, token) is_claim, account, token, total
             FROM (SELECT true AS is_claim, account, token, cumulative AS total, block_number, log_index
                   FROM claims WHERE chain_id = $1
                   UNION ALL SELECT false, account, currency, credit, block_number, log_index
                   FROM credits WHERE chain_id = $1) every
             ORDER BY is_claim, account, token, block_number DESC, log_index DESC",
        )
        .bind(chain)
        .fetch_all(conn)
        .await?;
        for (is_claim, account, token, total) in totals {
            let kind = if is_claim { "claim" } else { "credit" };
            heads.totals.insert((kind, account.0, token.0), total.0.0);
        }
        Ok(heads)
    }

    /// Checks a batch, and advances by it. After an error, these heads must not be used any more.
    ///
    /// # Errors
    /// When an event is missing, or a running total does not fit.
    pub fn advance(&mut self, batch: &Batch) -> Result<(), CommitError> {
        for (contract, Number { stream, seq }) in &batch.numbers {
            let last = self.numbers.entry(record(contract, stream)).or_default();
            if *seq != *last + 1 {
                return Err(CommitError::Gap {
                    contract: *contract,
                    stream: stream.clone(),
                    last: *last,
                    next: *seq,
                    from: batch.from,
                });
            }
            *last = *seq;
        }
        for Total { kind, account, currency, before, after } in &batch.totals {
            let entry = self.totals.entry((kind, *account, *currency));
            let held = match &entry {
                Entry::Occupied(held) => *held.get(),
                Entry::Vacant(_) => U256::ZERO,
            };
            if *before != Some(held) {
                let what = format!("a {kind} of {account} in {currency} before block {}", batch.to.number);
                return Err(CommitError::Missing(what));
            }
            entry.insert_entry(*after);
        }
        Ok(())
    }
}

/// A record's numbers in a batch, each with the first block of its range.
type Numbers = Vec<(u64, u64)>;

/// Makes the same check in the database, with one query for all records that the batches continue.
///
/// # Errors
/// When an event is missing, or the database fails.
pub async fn check(conn: &mut PgConnection, chain: i64, batches: &[Batch]) -> Result<(), CommitError> {
    let mut streams: BTreeMap<(Address, &[u8]), Numbers> = BTreeMap::new();
    for batch in batches {
        for (contract, number) in &batch.numbers {
            streams.entry((*contract, &number.stream)).or_default().push((number.seq, batch.from));
        }
    }
    if streams.is_empty() {
        return Ok(());
    }
    let (contracts, records): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
        streams.keys().map(|(contract, stream)| (contract.to_vec(), stream.to_vec())).unzip();
    let stored = sqlx::query_scalar!(
        r#"SELECT coalesce((SELECT l.seq FROM chain.logs l
                            WHERE l.chain_id = $1 AND l.address = s.address AND l.stream = s.stream AND l.seq IS NOT NULL
                            ORDER BY l.seq DESC LIMIT 1), 0) AS "seq!"
           FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS s (address, stream, place) ORDER BY s.place"#,
        chain,
        &contracts,
        &records
    )
    .fetch_all(conn)
    .await?;
    for (((contract, stream), numbers), last) in streams.into_iter().zip(stored) {
        let mut last = last as u64;
        for (next, from) in numbers {
            if next != last + 1 {
                return Err(CommitError::Gap { contract, stream: stream.to_vec(), last, next, from });
            }
            last = next;
        }
    }
    Ok(())
}
