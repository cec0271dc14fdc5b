//! A node's answers as values: headers, logs and receipts, and what can be recomputed from them.

use std::fmt;

use alloy::{
    consensus::{
        self, Eip658Value, Receipt as ConsensusReceipt, RlpEncodableReceipt, proofs::ordered_trie_root_encoded,
    },
    primitives::{Address, B256, Bloom, Bytes, Log as LogEntry},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::value::RawValue;

use super::Failure;

/// The newest type of receipts whose encoding is known to be the standard one.
const LAST_STANDARD_TYPE: u8 = 4;

/// A log in a mined block.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "WireLog")]
pub struct Log {
    pub address: Address,
    pub topics: Vec<B256>,
    pub data: Bytes,
    pub block: u64,
    pub block_hash: B256,
    pub tx_hash: B256,
    pub tx_index: u32,
    /// Place in the block.
    pub index: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    #[serde(deserialize_with = "quantity")]
    block_number: u64,
    block_hash: B256,
    transaction_hash: B256,
    #[serde(deserialize_with = "quantity")]
    transaction_index: u32,
    #[serde(deserialize_with = "quantity")]
    log_index: u32,
    #[serde(default)]
    removed: bool,
}

impl From<WireLog> for Log {
    fn from(log: WireLog) -> Self {
        Self {
            address: log.address,
            topics: log.topics,
            data: log.data,
            block: log.block_number,
            block_hash: log.block_hash,
            tx_hash: log.transaction_hash,
            tx_index: log.transaction_index,
            index: log.log_index,
        }
    }
}

/// A block's header, as far as it is used.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    #[serde(deserialize_with = "quantity")]
    pub number: u64,
    /// The hash that the node gives; see `hashes`.
    pub hash: B256,
    pub parent_hash: B256,
    #[serde(deserialize_with = "quantity")]
    pub timestamp: u64,
    pub logs_bloom: Bloom,
    pub receipts_root: B256,
    /// Whether the Keccak hash of the header's RLP is `hash`. If so, every other field is as on the chain.
    #[serde(skip)]
    pub hashes: bool,
}

/// A transaction's receipt.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    #[serde(default, rename = "type", deserialize_with = "quantity")]
    kind: u8,
    #[serde(default, deserialize_with = "optional_quantity")]
    status: Option<u64>,
    #[serde(default)]
    root: Option<B256>,
    #[serde(deserialize_with = "quantity")]
    cumulative_gas_used: u64,
    logs_bloom: Bloom,
    pub block_hash: B256,
    #[serde(deserialize_with = "quantity")]
    pub transaction_index: u32,
    pub logs: Vec<Log>,
}

/// Whether receipts belong to a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptsRoot {
    Equal,
    Different,
    /// The roots differ, but some receipts have a type that this code cannot encode.
    Unknown,
}

/// Reads the logs in a node's answer.
///
/// # Errors
/// [`Failure::Malformed`] when the text is not a list of mined logs, [`Failure::Lie`] when one of them left the
/// chain.
pub fn parse_logs(text: &RawValue) -> Result<Vec<Log>, Failure> {
    let logs: Vec<WireLog> = parse(text.get())?;
    match logs.iter().find(|log| log.removed) {
        Some(log) => Err(Failure::Lie(format!("a log of block {} is marked as removed", log.block_number))),
        None => Ok(logs.into_iter().map(Log::from).collect()),
    }
}

/// Reads the header of a block. `None` for `null`.
///
/// # Errors
/// [`Failure::Malformed`] when the text is neither a block nor `null`.
pub fn parse_header(text: &RawValue) -> Result<Option<Header>, Failure> {
    let header: Option<Header> = parse(text.get())?;
    Ok(header.map(|header| Header {
        hashes: serde_json::from_str::<consensus::Header>(text.get())
            .is_ok_and(|whole| whole.number == header.number && whole.hash_slow() == header.hash),
        ..header
    }))
}

/// Reads the receipts of a block. `None` for `null`.
///
/// # Errors
/// [`Failure::Malformed`] when the text is neither a list of receipts nor `null`.
pub fn parse_receipts(text: &RawValue) -> Result<Option<Vec<Receipt>>, Failure> {
    parse(text.get())
}

/// Reads one receipt. `None` for `null`.
///
/// # Errors
/// [`Failure::Malformed`] when the text is neither a receipt nor `null`.
pub fn parse_receipt(text: &RawValue) -> Result<Option<Receipt>, Failure> {
    parse(text.get())
}

/// Reads the hashes of a block's transactions. `None` for `null`.
///
/// # Errors
/// [`Failure::Malformed`] when the text is neither a block with hashes nor `null`.
pub fn parse_transaction_hashes(text: &RawValue) -> Result<Option<Vec<B256>>, Failure> {
    #[derive(Deserialize)]
    struct Block {
        transactions: Vec<B256>,
    }
    let block: Option<Block> = parse(text.get())?;
    Ok(block.map(|block| block.transactions))
}

pub(super) fn parse_quantity(text: &str) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Quantity(#[serde(deserialize_with = "quantity")] u64);
    parse::<Quantity>(text).map(|quantity| quantity.0)
}

/// Compares the root of these receipts, in the order of their transactions, with a header's.
pub fn check_receipts_root(header: &Header, receipts: &[Receipt]) -> ReceiptsRoot {
    let encoded: Vec<Vec<u8>> = receipts.iter().map(Receipt::encoded).collect();
    if ordered_trie_root_encoded(&encoded) == header.receipts_root {
        ReceiptsRoot::Equal
    } else if receipts.iter().any(|receipt| receipt.kind > LAST_STANDARD_TYPE) {
        ReceiptsRoot::Unknown
    } else {
        ReceiptsRoot::Different
    }
}

impl Receipt {
    /// Encodes the receipt: its type, then the RLP of status or state, gas, bloom and logs (EIP-2718).
    fn encoded(&self) -> Vec<u8> {
        let status = match (self.status, self.root) {
            (None, Some(root)) => Eip658Value::PostState(root),
            (status, _) => Eip658Value::Eip658(status == Some(1)),
        };
        let logs =
            self.logs.iter().map(|log| LogEntry::new_unchecked(log.address, log.topics.clone(), log.data.clone()));
        let receipt =
            ConsensusReceipt { status, cumulative_gas_used: self.cumulative_gas_used, logs: logs.collect::<Vec<_>>() };
        let mut bytes = Vec::with_capacity(512);
        if self.kind > 0 {
            bytes.push(self.kind);
        }
        receipt.rlp_encode_with_bloom(&self.logs_bloom, &mut bytes);
        bytes
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Malformed(error.to_string()))
}

/// Reads a number that is written as `0x` and hexadecimal digits.
fn quantity<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    struct Hex;
    impl Visitor<'_> for Hex {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a hexadecimal number of at most 64 bits")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'));
            digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(|| E::custom("no such number"))
        }
    }
    let number = deserializer.deserialize_str(Hex)?;
    T::try_from(number).map_err(|_| D::Error::custom("a number is too large"))
}

fn optional_quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Quantity(#[serde(deserialize_with = "quantity")] u64);
    Ok(Option::<Quantity>::deserialize(deserializer)?.map(|quantity| quantity.0))
}
