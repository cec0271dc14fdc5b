//! Blocks with real headers: roots, bloom filter and hash are those of the transactions and logs inside.

use std::{io::Write, ops::Range};

use alloy::{
    consensus::{
        EMPTY_ROOT_HASH, Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, SignableTransaction,
        TxEip1559, TxEnvelope, proofs,
    },
    primitives::{Address, B64, B256, Bloom, Bytes, Log, Signature, TxKind, U256, keccak256},
    rpc::types,
};

use super::{BLOCK_TIME, CHAIN_ID, GENESIS_TIME, traffic::Call};

const GAS: u64 = 100_000;
const FEE: u64 = 1_000_000_000;

/// A transaction as a block holds it.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub hash: B256,
    pub from: Address,
    pub to: Address,
    nonce: u64,
    signature: Signature,
    /// Its logs, among the block's.
    pub logs: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Block {
    pub header: Header,
    pub hash: B256,
    pub transactions: Vec<Transaction>,
    pub logs: Vec<Log>,
}

/// Returns when a block is made, in seconds since 1970.
pub fn time_of(number: u64) -> u64 {
    GENESIS_TIME + number * BLOCK_TIME
}

impl Block {
    /// Seals calls into the block after `parent`, or into block 0. `salt` distinguishes blocks with the same
    /// calls.
    pub fn seal(parent: Option<&Block>, calls: Vec<Call>, salt: u64) -> Self {
        let number = parent.map_or(0, |parent| parent.header.number + 1);
        let (mut transactions, mut envelopes, mut receipts) = (vec![], vec![], vec![]);
        let mut bloom = Bloom::ZERO;
        let mut logged = 0;
        for (index, call) in calls.into_iter().enumerate() {
            let (transaction, envelope) = sign(&call, (number << 16) + index as u64, logged);
            logged = transaction.logs.end;
            transactions.push(transaction);
            envelopes.push(envelope);
            let logs_bloom = call.logs.iter().collect();
            bloom |= logs_bloom;
            let receipt = Receipt {
                status: Eip658Value::Eip658(true),
                cumulative_gas_used: GAS * (index as u64 + 1),
                logs: call.logs,
            };
            receipts.push(ReceiptEnvelope::Eip1559(ReceiptWithBloom { receipt, logs_bloom }));
        }
        let header = Header {
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            state_root: keccak256(salt.to_be_bytes()),
            transactions_root: proofs::calculate_transaction_root(&envelopes),
            receipts_root: proofs::calculate_receipt_root(&receipts),
            logs_bloom: bloom,
            number,
            gas_limit: 1 << 36,
            gas_used: GAS * receipts.len() as u64,
            timestamp: time_of(number),
            extra_data: Bytes::copy_from_slice(&salt.to_be_bytes()),
            mix_hash: B256::ZERO,
            nonce: B64::ZERO,
            base_fee_per_gas: Some(FEE),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..Header::default()
        };
        let logs = receipts.into_iter().flat_map(logs_of).collect();
        Self { hash: header.hash_slow(), header, transactions, logs }
    }

    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// Returns the transaction to which a log of this block belongs.
    pub fn transaction_of(&self, log: usize) -> usize {
        self.transactions.partition_point(|transaction| transaction.logs.end <= log)
    }

    /// Writes the block as `eth_getBlockByNumber` gives it.
    pub fn write_block(&self, full: bool, out: &mut Vec<u8>) {
        let header = types::Header {
            hash: self.hash,
            inner: self.header.clone(),
            total_difficulty: None,
            size: Some(U256::from(1024)),
        };
        // A header consists of numbers and bytes, so it always has a JSON form, which is an object.
        let json = serde_json::to_vec(&header).unwrap_or_default();
        out.extend_from_slice(json.strip_suffix(b"}").unwrap_or(&json));
        out.extend_from_slice(br#","uncles":[],"withdrawals":[],"transactions":["#);
        for (index, transaction) in self.transactions.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if full {
                self.write_transaction(index, out);
            } else {
                put(out, format_args!("\"{}\"", transaction.hash));
            }
        }
        out.extend_from_slice(b"]}");
    }

    /// Writes a transaction as `eth_getTransactionByHash` gives it.
    pub fn write_transaction(&self, index: usize, out: &mut Vec<u8>) {
        let Transaction { hash, from, to, nonce, signature, .. } = &self.transactions[index];
        let parity = u8::from(signature.v());
        put(
            out,
            format_args!(
                concat!(
                    r#"{{"hash":"{}","blockHash":"{}","blockNumber":"{:#x}","transactionIndex":"{:#x}","from":"{:#x}","#,
                    r#""to":"{:#x}","nonce":"{:#x}","gas":"{:#x}","gasPrice":"{:#x}","maxFeePerGas":"{:#x}","#,
                    r#""maxPriorityFeePerGas":"0x0","value":"0x0","input":"0x","type":"0x2","accessList":[],"#,
                    r#""chainId":"{:#x}","r":"{:#x}","s":"{:#x}","v":"{:#x}","yParity":"{:#x}"}}"#
                ),
                hash,
                self.hash,
                self.number(),
                index,
                from,
                to,
                nonce,
                GAS,
                FEE,
                FEE,
                CHAIN_ID,
                signature.r(),
                signature.s(),
                parity,
                parity
            ),
        );
    }

    /// Writes a receipt as `eth_getTransactionReceipt` gives it. `logs` is the JSON of its logs, joined by
    /// commas.
    pub fn write_receipt(&self, index: usize, bloom: &Bloom, logs: &[u8], out: &mut Vec<u8>) {
        let Transaction { hash, from, to, .. } = &self.transactions[index];
        put(
            out,
            format_args!(
                concat!(
                    r#"{{"transactionHash":"{}","blockHash":"{}","blockNumber":"{:#x}","transactionIndex":"{:#x}","#,
                    r#""from":"{:#x}","to":"{:#x}","gasUsed":"{:#x}","cumulativeGasUsed":"{:#x}","#,
                    r#""effectiveGasPrice":"{:#x}","contractAddress":null,"status":"0x1","type":"0x2","#,
                    r#""logsBloom":"{}","logs":["#
                ),
                hash,
                self.hash,
                self.number(),
                index,
                from,
                to,
                GAS,
                GAS * (index as u64 + 1),
                FEE,
                bloom
            ),
        );
        out.extend_from_slice(logs);
        out.extend_from_slice(b"]}");
    }

    /// Writes a log as `eth_getLogs` gives it.
    pub fn write_log(&self, index: usize, out: &mut Vec<u8>) {
        let log = &self.logs[index];
        let within = self.transaction_of(index);
        put(out, format_args!("{{\"address\":\"{:#x}\",\"topics\":[", log.address));
        for (place, topic) in log.topics().iter().enumerate() {
            out.extend_from_slice(if place == 0 { b"\"" } else { b",\"" });
            hex(topic.as_slice(), out);
            out.push(b'"');
        }
        out.extend_from_slice(br#"],"data":""#);
        hex(&log.data.data, out);
        put(out, format_args!("\",\"blockNumber\":\"{:#x}\",\"transactionHash\":\"", self.number()));
        hex(self.transactions[within].hash.as_slice(), out);
        put(out, format_args!("\",\"transactionIndex\":\"{within:#x}\",\"blockHash\":\""));
        hex(self.hash.as_slice(), out);
        put(out, format_args!("\",\"logIndex\":\"{index:#x}\",\"removed\":false}}"));
    }
}

/// Returns a transaction with everything except a valid signature.
fn sign(call: &Call, nonce: u64, logged: usize) -> (Transaction, TxEnvelope) {
    let body = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: GAS,
        max_fee_per_gas: FEE.into(),
        to: TxKind::Call(call.to),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from_be_slice(call.from.as_slice()), U256::from(nonce + 1), nonce % 2 == 1);
    let envelope = TxEnvelope::Eip1559(body.into_signed(signature));
    let logs = logged..logged + call.logs.len();
    (Transaction { hash: *envelope.hash(), from: call.from, to: call.to, nonce, signature, logs }, envelope)
}

fn logs_of(receipt: ReceiptEnvelope) -> Vec<Log> {
    match receipt {
        ReceiptEnvelope::Eip1559(receipt) => receipt.receipt.logs,
        _ => vec![],
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}

/// Writes bytes as 0x-hex, without a string in between.
fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"0x");
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    // The space is exactly what the bytes need.
    let _ = alloy::hex::encode_to_slice(bytes, &mut out[start..]);
}
