//! A long settled chain in memory, served as quickly as a socket allows. Answers are slices of JSON that was written
//! once, so that a benchmark measures the reader and not this source.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bloom, BloomInput, Bytes},
    rpc::types::{Filter, FilterBlockOption},
};
use anyhow::Result;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::{get, post},
    serve::ListenerExt,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    CHAIN_ID, Rng,
    block::{Block, time_of},
    rpc::{self, Answer, Refusal, Request},
    traffic::{Options, Traffic},
};

/// The most logs that one answer has, as with many providers.
const MOST_LOGS: usize = 50_000;
/// The most logs of one transaction of the traffic.
const LONGEST_CALL: u64 = 16;
const ACCOUNTS: usize = 2000;

/// A chain's blocks and logs, written as JSON.
pub struct Replay {
    /// Without their logs, by number.
    blocks: Vec<Block>,
    /// The headers, with their transactions' hashes.
    headers: Vec<Bytes>,
    numbers: HashMap<B256, usize>,
    transactions: HashMap<B256, (u32, u32)>,
    /// Every log, each followed by a comma.
    logs: Bytes,
    /// Where each log ends in `logs`, after its comma.
    ends: Vec<usize>,
    /// The position of the first log of each block, and one more.
    firsts: Vec<usize>,
    keys: Vec<Key>,
    truth: Value,
    counts: Value,
    asked: Mutex<Asked>,
}

/// What was asked since the last `POST /reset`: the number of calls by method, and the bytes of all answers.
#[derive(Debug, Default, Serialize)]
struct Asked {
    calls: BTreeMap<String, u64>,
    bytes: u64,
}

/// What a filter looks at.
struct Key {
    address: Address,
    topics: [B256; 4],
    count: usize,
}

impl Replay {
    /// Makes a chain with exactly `events` events, `per_block` or a few more in each block.
    pub fn generate(events: u64, per_block: u64, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut traffic = Traffic::new(Options { accounts: ACCOUNTS, oddities: false, currencies: false });
        let mut made = Self::empty(Block::seal(None, vec![], seed), events as usize);
        let mut logs = Vec::with_capacity(events as usize * 900);
        let mut left = events;
        while left > 0 {
            let mut calls = if made.blocks.len() == 1 { traffic.deploy() } else { vec![] };
            let mut logged: u64 = calls.iter().map(|call| call.logs.len() as u64).sum();
            while logged < per_block.min(left) {
                let short = left - logged < LONGEST_CALL;
                let time = time_of(made.blocks.len() as u64);
                let call = if short { traffic.short_call(&mut rng) } else { traffic.call(&mut rng, time) };
                logged += call.logs.len() as u64;
                calls.push(call);
            }
            left = left.saturating_sub(logged);
            let block = Block::seal(made.blocks.last(), calls, seed);
            made.push(block, &mut logs);
        }
        made.logs = Bytes::from(logs);
        made.counts = json!(traffic.truth.rows);
        let sums: Value = traffic.truth.sums.iter().map(|(column, sum)| (*column, sum.to_string())).collect();
        made.truth = json!({"rows": traffic.truth.rows, "sums": sums, "assetsSha256": traffic.assets_digest()});
        made
    }

    fn empty(genesis: Block, events: usize) -> Self {
        let mut made = Self {
            blocks: vec![],
            headers: vec![],
            numbers: HashMap::new(),
            transactions: HashMap::new(),
            logs: Bytes::new(),
            ends: Vec::with_capacity(events),
            firsts: vec![0],
            keys: Vec::with_capacity(events),
            truth: Value::Null,
            counts: Value::Null,
            asked: Mutex::default(),
        };
        made.push(genesis, &mut vec![]);
        made
    }

    fn push(&mut self, mut block: Block, logs: &mut Vec<u8>) {
        for index in 0..block.logs.len() {
            block.write_log(index, logs);
            logs.push(b',');
            self.ends.push(logs.len());
            let log = &block.logs[index];
            let mut topics = [B256::ZERO; 4];
            topics[..log.topics().len()].copy_from_slice(log.topics());
            self.keys.push(Key { address: log.address, topics, count: log.topics().len() });
        }
        self.firsts.push(self.ends.len());
        let mut header = vec![];
        block.write_block(false, &mut header);
        self.headers.push(Bytes::from(header));
        let number = self.blocks.len();
        self.numbers.insert(block.hash, number);
        for (index, transaction) in block.transactions.iter().enumerate() {
            self.transactions.insert(transaction.hash, (number as u32, index as u32));
        }
        block.logs = vec![];
        self.blocks.push(block);
    }

    pub fn head(&self) -> &Block {
        // Block 0 is always there.
        &self.blocks[self.blocks.len() - 1]
    }

    /// Returns what a mirror of this chain must have: rows by table, sums of columns, and a digest of all assets.
    pub fn truth(&self) -> &Value {
        &self.truth
    }

    /// Describes what is served, so that a reader can be configured.
    pub fn description(&self, port: u16) -> Value {
        let deployment = super::traffic::deployment();
        let contracts: Value =
            deployment.contracts().into_iter().map(|(name, address)| (name, address.to_checksum(None))).collect();
        json!({
            "chainId": CHAIN_ID, "fromBlock": deployment.from_block, "head": self.head().number(),
            "headHash": self.head().hash, "events": self.keys.len(), "contracts": contracts, "counts": self.counts,
            "port": port,
        })
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> Result<()> {
        let listener = listener.tap_io(|stream| {
            // Without this, it would only be slower.
            let _ = stream.set_nodelay(true);
        });
        let routes = Router::new()
            .route("/", post(answer))
            .route("/stats", get(async |State(replay): State<Arc<Replay>>| Json(json!(*replay.asked()))))
            .route("/reset", post(async |State(replay): State<Arc<Replay>>| *replay.asked() = Asked::default()))
            .route("/truth", get(async |State(replay): State<Arc<Replay>>| Json(replay.truth.clone())))
            .layer(DefaultBodyLimit::disable())
            .with_state(self);
        Ok(axum::serve(listener, routes).await?)
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        // The counts are consistent between any two of their statements.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request.
    ///
    /// # Errors
    /// When a parameter is malformed, or the method is unknown.
    pub fn answer(&self, request: &Request) -> Answer {
        *self.asked().calls.entry(request.method.clone()).or_default() += 1;
        match request.method.as_str() {
            "eth_chainId" => rpc::quantity(CHAIN_ID),
            "net_version" => rpc::json(CHAIN_ID.to_string()),
            "web3_clientVersion" => rpc::json("replay"),
            "eth_syncing" => rpc::json(false),
            "eth_blockNumber" => rpc::quantity(self.head().number()),
            "eth_getBlockByNumber" => self.block(self.number(request.param(0)?), request),
            "eth_getBlockByHash" => {
                self.block(self.numbers.get(&request.param::<B256>(0)?).copied().unwrap_or(usize::MAX), request)
            }
            "eth_getLogs" => self.filtered(&request.param(0)?),
            "eth_getBlockReceipts" => self.receipts(request),
            "eth_getTransactionReceipt" => {
                let found = self.transactions.get(&request.param::<B256>(0)?);
                let receipt = |(number, index): &(u32, u32)| self.receipt(*number as usize, *index as usize);
                Ok(vec![found.map_or(Bytes::from_static(b"null"), receipt)])
            }
            "eth_getTransactionByHash" => {
                let mut out = vec![];
                match self.transactions.get(&request.param::<B256>(0)?) {
                    Some((number, index)) => self.blocks[*number as usize].write_transaction(*index as usize, &mut out),
                    None => out.extend_from_slice(b"null"),
                }
                Ok(vec![Bytes::from(out)])
            }
            other => Err(Refusal::of_method(other)),
        }
    }

    /// Returns the block of a tag. Everything is settled, so every tag except `earliest` is the head.
    fn number(&self, tag: BlockNumberOrTag) -> usize {
        match tag {
            BlockNumberOrTag::Number(number) => usize::try_from(number).unwrap_or(usize::MAX),
            BlockNumberOrTag::Earliest => 0,
            _ => self.blocks.len() - 1,
        }
    }

    fn block(&self, number: usize, request: &Request) -> Answer {
        let Some(header) = self.headers.get(number) else { return Ok(vec![Bytes::from_static(b"null")]) };
        if request.params.get(1) != Some(&Value::Bool(true)) {
            return Ok(vec![header.clone()]);
        }
        let mut out = vec![];
        self.blocks[number].write_block(true, &mut out);
        Ok(vec![Bytes::from(out)])
    }

    fn filtered(&self, filter: &Filter) -> Answer {
        let (from, to) = match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => {
                let number = *self.numbers.get(&hash).ok_or_else(|| Refusal::new(-32000, "unknown block"))?;
                (number, number)
            }
            FilterBlockOption::Range { from_block, to_block } => (
                self.number(from_block.unwrap_or_default()),
                self.number(to_block.unwrap_or_default()).min(self.blocks.len() - 1),
            ),
        };
        if from > to {
            return Ok(vec![Bytes::from_static(b"[]")]);
        }
        let range = self.firsts[from]..self.firsts[to + 1];
        // Neighbouring logs form one piece.
        let mut runs: Vec<std::ops::Range<usize>> = vec![];
        let mut found = 0;
        for place in range {
            let key = &self.keys[place];
            if !rpc::matches(filter, key.address, &key.topics[..key.count]) {
                continue;
            }
            found += 1;
            match runs.last_mut() {
                Some(run) if run.end == place => run.end += 1,
                _ => runs.push(place..place + 1),
            }
        }
        if found > MOST_LOGS {
            return Err(Refusal::new(-32005, format!("query returned more than {MOST_LOGS} results")));
        }
        let last = runs.len().saturating_sub(1);
        let mut pieces = vec![Bytes::from_static(b"[")];
        pieces.extend(runs.into_iter().enumerate().map(|(place, run)| self.slice(run, place < last)));
        pieces.push(Bytes::from_static(b"]"));
        Ok(pieces)
    }

    /// Returns the JSON of neighbouring logs, with or without the comma after them.
    fn slice(&self, logs: std::ops::Range<usize>, comma: bool) -> Bytes {
        if logs.is_empty() {
            return Bytes::new();
        }
        let start = logs.start.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends[logs.end - 1] - usize::from(!comma);
        self.logs.slice(start..end)
    }

    fn receipts(&self, request: &Request) -> Answer {
        let number = match request.param::<B256>(0) {
            Ok(hash) => self.numbers.get(&hash).copied().unwrap_or(usize::MAX),
            Err(_) => self.number(request.param(0)?),
        };
        let Some(block) = self.blocks.get(number) else { return Ok(vec![Bytes::from_static(b"null")]) };
        let mut pieces = vec![Bytes::from_static(b"[")];
        for index in 0..block.transactions.len() {
            if index > 0 {
                pieces.push(Bytes::from_static(b","));
            }
            pieces.push(self.receipt(number, index));
        }
        pieces.push(Bytes::from_static(b"]"));
        Ok(pieces)
    }

    fn receipt(&self, number: usize, index: usize) -> Bytes {
        let (block, first) = (&self.blocks[number], self.firsts[number]);
        let logs = &block.transactions[index].logs;
        let logs = first + logs.start..first + logs.end;
        let mut bloom = Bloom::ZERO;
        for key in &self.keys[logs.clone()] {
            bloom.accrue(BloomInput::Raw(key.address.as_slice()));
            key.topics[..key.count].iter().for_each(|topic| bloom.accrue(BloomInput::Raw(topic.as_slice())));
        }
        let mut out = vec![];
        block.write_receipt(index, &bloom, &self.slice(logs, false), &mut out);
        Bytes::from(out)
    }
}

async fn answer(State(replay): State<Arc<Replay>>, body: axum::body::Bytes) -> axum::response::Response {
    let pieces = rpc::respond(&body, |request| replay.answer(request));
    replay.asked().bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
    rpc::response(pieces)
}
