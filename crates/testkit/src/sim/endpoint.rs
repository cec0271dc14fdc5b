//! Nodes of a simulated chain that behave like real ones: they are slow, refuse, lag, forget, or report a branch that is gone,
//! and some lie. All of this is drawn from a seed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, Bytes},
    rpc::types::{Filter, FilterBlockOption},
};
use anyhow::Result;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Response, StatusCode},
    routing::post,
};
use futures::stream;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    CHAIN_ID, Rng,
    block::Block,
    chain::{Branch, Change, SimChain, extend},
    rpc::{self, Answer, Refusal, Request},
};

/// For how many requests an endpoint reports a branch that is gone.
const STALE: u64 = 12;
/// For how many requests an endpoint reports its own fork, or the true chain.
const SPELL: u64 = 25;
/// How nodes and providers say that a range is too large.
const TOO_LARGE: [(i64, &str); 8] = [
    (-32005, "query returned more than 10000 results"),
    (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    (-32614, "eth_getLogs is limited to a 10,000 range"),
    (-32000, "exceed maximum block range: 5000"),
    (-32600, "Block range limit exceeded. See more details at the provider's documentation"),
    (-32008, "Response is too big: exceeded max limit of 167772160"),
    (-32000, "block range is too wide"),
    (-32011, "backend response too large"),
];

/// Something false that a node says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A log is left out.
    LogOmitted,
    /// All logs are left out.
    LogsOmitted,
    /// A byte of a log's data or of a topic is changed.
    LogAltered,
    /// A log was never emitted.
    LogInvented,
    /// A log is from a branch that is gone, with the hash of the block that took its place.
    LogOfOldBranch,
    /// A log is reported as removed.
    LogRemoved,
    /// A field of a header is changed, under the true hash.
    HeaderAltered,
    /// A header's bloom filter is empty, under the true hash.
    BloomCleared,
    /// A header names another parent, under the true hash.
    WrongParent,
    /// The header of another block.
    WrongBlock,
    /// The finalized and safe tags are at the head.
    FinalizedAhead,
    /// The finalized and safe tags are at the first block.
    FinalizedBehind,
    /// The head was never mined.
    HeadAhead,
}

impl Lie {
    pub const ALL: [Lie; 13] = [
        Lie::LogOmitted,
        Lie::LogsOmitted,
        Lie::LogAltered,
        Lie::LogInvented,
        Lie::LogOfOldBranch,
        Lie::LogRemoved,
        Lie::HeaderAltered,
        Lie::BloomCleared,
        Lie::WrongParent,
        Lie::WrongBlock,
        Lie::FinalizedAhead,
        Lie::FinalizedBehind,
        Lie::HeadAhead,
    ];
}

/// How an endpoint behaves. Rates are per 1000 requests.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One answer in ten is delayed by up to this time.
    pub latency: Duration,
    /// There is no answer for this time, and then HTTP 504.
    pub hang: Duration,
    pub hangs: u64,
    /// The rate of failures: HTTP 429 or 500, a connection that ends midway, a body that is not JSON, or a JSON-RPC error.
    pub failures: u64,
    /// How many blocks one log query may span, and how many logs it may find.
    pub range: Option<u64>,
    pub results: Option<u64>,
    /// How many blocks it is behind the head at most.
    pub lag: u64,
    /// It reports a branch that is gone for a while.
    pub stale: bool,
    /// It knows nothing below this block.
    pub pruned_below: u64,
    /// Its false answers, and how often it gives them.
    pub lies: Vec<Lie>,
    pub lying: u64,
    /// It has its own valid chain from this block on.
    pub own_fork: Option<u64>,
}

impl Plan {
    /// Returns an endpoint that answers at once and tells the truth.
    pub fn honest() -> Self {
        Self::default()
    }

    /// Returns an endpoint that tells the truth in the end, but fails as real nodes do.
    pub fn flaky(rng: &mut Rng) -> Self {
        let drawn = |rng: &mut Rng, percent, most| rng.chance(percent).then(|| 1 + rng.below(most));
        Self {
            latency: Duration::from_micros(rng.below(4000)),
            hang: Duration::from_millis(150),
            hangs: rng.below(3),
            failures: rng.below(30),
            range: drawn(rng, 40, 60),
            results: drawn(rng, 40, 120).map(|most| most + 24),
            lag: rng.below(4),
            stale: rng.chance(50),
            ..Self::default()
        }
    }

    /// Returns an endpoint that is flaky and lies now and then, but never about the hash of a block number.
    pub fn lying(rng: &mut Rng) -> Self {
        let pruned_below = if rng.chance(30) { rng.below(60) } else { 0 };
        Self { lies: Lie::ALL.to_vec(), lying: 20 + rng.below(500), pruned_below, ..Self::flaky(rng) }
    }

    /// Returns an endpoint that has a chain of its own from some block on.
    pub fn forked(rng: &mut Rng) -> Self {
        Self { own_fork: Some(1 + rng.below(120)), ..Self::flaky(rng) }
    }
}

/// A chain, and its future changes. Each happens after a number of requests, between two requests of one reader.
#[derive(Debug)]
pub struct Net {
    pub chain: SimChain,
    pub requests: u64,
    changes: Vec<(u64, Change)>,
}

impl Net {
    pub fn new(chain: SimChain) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { chain, requests: 0, changes: vec![] }))
    }

    /// Changes the chain after this many more requests.
    pub fn schedule(&mut self, after: u64, change: Change) {
        self.changes.push((self.requests + after, change));
    }

    /// Makes all changes that still wait.
    pub fn settle(&mut self) {
        for (_, change) in std::mem::take(&mut self.changes) {
            self.chain.change(change);
        }
    }

    fn tick(&mut self) {
        self.requests += 1;
        let now = self.requests;
        for (_, change) in self.changes.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.chain.change(change);
        }
    }
}

/// A node at a URL of its own. It ends when this value is dropped.
pub struct Endpoint {
    pub url: String,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Starts a node of the chain on a free port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(net: Arc<Mutex<Net>>, plan: Plan, rng: Rng) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let node = Arc::new(Node { net, plan, memory: Mutex::new(Memory::new(rng)) });
        let routes = Router::new().route("/", post(serve)).with_state(node);
        let task = tokio::spawn(async move {
            // This fails only when the listener fails, and then clients notice it.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { url, task })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Node {
    net: Arc<Mutex<Net>>,
    plan: Plan,
    memory: Mutex<Memory>,
}

/// What a node remembers between requests.
struct Memory {
    rng: Rng,
    /// The fork that it saw last, and for how many more requests it reports the branch before.
    reorganisations: u64,
    stale: u64,
    /// How many blocks it is behind at present.
    lag: usize,
    own: Option<Branch>,
    astray: bool,
    spell: u64,
}

impl Memory {
    fn new(rng: Rng) -> Self {
        Self { rng, reorganisations: 0, stale: 0, lag: 0, own: None, astray: false, spell: 0 }
    }
}

/// What goes wrong before a request is understood.
enum Trouble {
    Hang,
    Status(StatusCode),
    Cut,
    Garbage,
    Refusal(Refusal),
}

/// The chain as a node sees it at one request.
struct View {
    branch: Branch,
    replaced: Branch,
    finalized: u64,
    safe: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic in another part of the test is reported there.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(State(node): State<Arc<Node>>, body: axum::body::Bytes) -> Response<Body> {
    let (wait, trouble) = node.draw();
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let answers = || rpc::respond(&body, |request| node.answer(request));
    match trouble {
        None => rpc::response(answers()),
        Some(Trouble::Refusal(refused)) => rpc::response(rpc::respond(&body, |_| Err(refused.clone()))),
        Some(Trouble::Hang) => {
            tokio::time::sleep(node.plan.hang).await;
            status(StatusCode::GATEWAY_TIMEOUT)
        }
        Some(Trouble::Status(code)) => status(code),
        Some(Trouble::Garbage) => rpc::response(vec![Bytes::from_static(b"<html>Bad gateway</html>")]),
        Some(Trouble::Cut) => {
            let whole = answers().concat();
            let half = whole[..whole.len() / 2].to_vec();
            let cut = std::io::Error::other("cut");
            Response::new(Body::from_stream(stream::iter([Ok(half), Err(cut)])))
        }
    }
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from("no"));
    *response.status_mut() = code;
    response
}

impl Node {
    fn draw(&self) -> (Duration, Option<Trouble>) {
        let rng = &mut locked(&self.memory).rng;
        let wait = Duration::from_micros(rng.below(self.plan.latency.as_micros() as u64 + 1));
        let wait = if rng.chance(10) { wait } else { Duration::ZERO };
        if rng.below(1000) < self.plan.hangs {
            return (wait, Some(Trouble::Hang));
        }
        if rng.below(1000) >= self.plan.failures {
            return (wait, None);
        }
        let trouble = match rng.below(6) {
            0 => Trouble::Status(StatusCode::TOO_MANY_REQUESTS),
            1 => Trouble::Status(StatusCode::INTERNAL_SERVER_ERROR),
            2 => Trouble::Cut,
            3 => Trouble::Garbage,
            4 => Trouble::Refusal(Refusal::new(-32603, "internal error")),
            _ => Trouble::Refusal(Refusal::new(-32005, "daily request count exceeded, request rate limited")),
        };
        (wait, Some(trouble))
    }

    fn view(&self, memory: &mut Memory) -> View {
        let mut net = locked(&self.net);
        net.tick();
        let chain = &net.chain;
        let mut branch = chain.canonical().clone();
        if memory.reorganisations != chain.reorganisations {
            memory.reorganisations = chain.reorganisations;
            memory.stale = if self.plan.stale { memory.rng.below(STALE) } else { 0 };
        }
        memory.stale = memory.stale.saturating_sub(1);
        // While it is stale, it may report either branch, unless one has left the finalized block, because real nodes keep
        // that.
        if memory.stale > 0 && chain.replaced_is_possible() && memory.rng.chance(70) {
            branch = chain.replaced().clone();
        }
        self.go_astray(memory, &mut branch);
        if memory.rng.chance(10) {
            memory.lag = memory.rng.below(self.plan.lag + 1) as usize;
        }
        let lag = memory.lag;
        branch.truncate((branch.len() - lag.min(branch.len() - 1)).max(1));
        let head = branch.len() as u64 - 1;
        let (finalized, safe) = (chain.finalized().min(head), chain.safe().min(head));
        View { branch, replaced: chain.replaced().clone(), finalized, safe }
    }

    /// From time to time, a node with a chain of its own reports that chain, with the length of the true one.
    fn go_astray(&self, memory: &mut Memory, branch: &mut Branch) {
        let Some(from) = self.plan.own_fork else { return };
        if memory.spell == 0 {
            memory.spell = 1 + memory.rng.below(SPELL);
            memory.astray = memory.rng.chance(60);
        }
        memory.spell -= 1;
        let from = from as usize + 1;
        if !memory.astray || branch.len() <= from {
            return;
        }
        let mut own = memory.own.take().unwrap_or_else(|| branch[..from].to_vec());
        while own.len() < branch.len() {
            extend(&mut own, &mut memory.rng, &[]);
        }
        *branch = own[..branch.len()].to_vec();
        memory.own = Some(own);
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut memory = locked(&self.memory);
        let view = self.view(&mut memory);
        let lies = !self.plan.lies.is_empty() && memory.rng.below(1000) < self.plan.lying;
        let lie = lies.then(|| self.plan.lies[memory.rng.below(self.plan.lies.len() as u64) as usize]);
        let head = view.branch.len() as u64 - 1;
        match request.method.as_str() {
            "eth_chainId" => rpc::quantity(CHAIN_ID),
            "net_version" => rpc::json(CHAIN_ID.to_string()),
            "web3_clientVersion" => rpc::json("simulated"),
            "eth_syncing" => rpc::json(false),
            "eth_blockNumber" => rpc::quantity(if lie == Some(Lie::HeadAhead) { head + 1000 } else { head }),
            "eth_getBlockByNumber" => {
                let tag: BlockNumberOrTag = request.param(0)?;
                let number = match (tag, lie) {
                    (BlockNumberOrTag::Finalized | BlockNumberOrTag::Safe, Some(Lie::FinalizedAhead)) => head,
                    (BlockNumberOrTag::Finalized | BlockNumberOrTag::Safe, Some(Lie::FinalizedBehind)) => 1,
                    _ => view.number(tag),
                };
                self.block(&view, Some(number), request, lie, &mut memory.rng)
            }
            "eth_getBlockByHash" => self.block(&view, view.find(request.param(0)?), request, lie, &mut memory.rng),
            "eth_getLogs" => self.logs(&view, &request.param(0)?, lie, &mut memory.rng),
            "eth_getBlockReceipts" => {
                let number = match request.param::<B256>(0) {
                    Ok(hash) => view.find(hash),
                    Err(_) => Some(view.number(request.param(0)?)),
                };
                self.receipts(&view, number, lie, &mut memory.rng)
            }
            other => Err(Refusal::of_method(other)),
        }
    }

    fn known<'a>(&self, view: &'a View, number: Option<u64>) -> Option<&'a Block> {
        let number = number.filter(|number| *number == 0 || *number >= self.plan.pruned_below)?;
        view.branch.get(usize::try_from(number).ok()?).map(|mined| &mined.block)
    }

    fn block(&self, view: &View, number: Option<u64>, request: &Request, lie: Option<Lie>, rng: &mut Rng) -> Answer {
        let number = if lie == Some(Lie::WrongBlock) { number.map(|number| number.saturating_sub(1)) } else { number };
        let Some(block) = self.known(view, number) else { return rpc::json(Value::Null) };
        let mut out = vec![];
        block.write_block(request.params.get(1) == Some(&Value::Bool(true)), &mut out);
        if lie.is_none() {
            return Ok(vec![Bytes::from(out)]);
        }
        let mut block: Value = parsed(&out)?;
        match lie {
            Some(Lie::HeaderAltered) => {
                let field = ["timestamp", "receiptsRoot", "stateRoot", "gasUsed"][rng.below(4) as usize];
                alter(&mut block[field], rng);
            }
            Some(Lie::BloomCleared) => block["logsBloom"] = json!(format!("0x{}", "0".repeat(512))),
            Some(Lie::WrongParent) => alter(&mut block["parentHash"], rng),
            _ => {}
        }
        rpc::json(block)
    }

    fn logs(&self, view: &View, filter: &Filter, lie: Option<Lie>, rng: &mut Rng) -> Answer {
        let (from, to) = match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => {
                let number = view.find(hash).ok_or_else(|| Refusal::new(-32000, "unknown block"))?;
                (number, number)
            }
            FilterBlockOption::Range { from_block, to_block } => {
                let (from, to) = (from_block.unwrap_or_default(), to_block.unwrap_or_default());
                (view.number(from), view.number(to).min(view.branch.len() as u64 - 1))
            }
        };
        let too_large = || {
            let (code, message) = TOO_LARGE[(self.plan.latency.as_micros() % 8) as usize];
            Err(Refusal::new(code, message))
        };
        if self.plan.range.is_some_and(|most| to.saturating_sub(from) >= most) {
            return too_large();
        }
        let mut out = b"[".to_vec();
        let mut count = 0;
        for number in from..=to {
            let Some(block) = self.known(view, Some(number)) else { continue };
            for (index, log) in block.logs.iter().enumerate() {
                if rpc::matches(filter, log.address, log.topics()) {
                    if count > 0 {
                        out.push(b',');
                    }
                    block.write_log(index, &mut out);
                    count += 1;
                }
            }
        }
        out.push(b']');
        // One block is never refused.
        if to > from && self.plan.results.is_some_and(|most| count > most) {
            return too_large();
        }
        let Some(lie) = lie else { return Ok(vec![Bytes::from(out)]) };
        let mut found = match parsed(&out)? {
            Value::Array(found) => found,
            _ => vec![],
        };
        distort(&mut found, lie, rng);
        if lie == Lie::LogOfOldBranch {
            found.extend(log_of_old_branch(view, filter, from, to)?);
        }
        rpc::json(found)
    }

    fn receipts(&self, view: &View, number: Option<u64>, lie: Option<Lie>, rng: &mut Rng) -> Answer {
        let Some(block) = self.known(view, number) else { return rpc::json(Value::Null) };
        let mut receipts: Vec<Value> = vec![];
        for (index, transaction) in block.transactions.iter().enumerate() {
            let mut logs = vec![];
            for (place, log) in transaction.logs.clone().enumerate() {
                if place > 0 {
                    logs.push(b',');
                }
                block.write_log(log, &mut logs);
            }
            let bloom = block.logs[transaction.logs.clone()].iter().collect();
            let mut out = vec![];
            block.write_receipt(index, &bloom, &logs, &mut out);
            receipts.push(parsed(&out)?);
        }
        let last = receipts.last_mut().and_then(|receipt| receipt["logs"].as_array_mut());
        if let (Some(lie), Some(logs)) = (lie, last) {
            distort(logs, lie, rng);
        }
        rpc::json(receipts)
    }
}

impl View {
    fn number(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Finalized => self.finalized,
            BlockNumberOrTag::Safe => self.safe,
            _ => self.branch.len() as u64 - 1,
        }
    }

    fn find(&self, hash: B256) -> Option<u64> {
        self.branch.iter().rev().find(|mined| mined.block.hash == hash).map(|mined| mined.block.number())
    }
}

fn parsed(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::new(-32603, error.to_string()))
}

/// Changes the last digit of a hex value.
fn alter(value: &mut Value, rng: &mut Rng) {
    let Some(text) = value.as_str().filter(|text| text.len() > 2) else { return };
    let (rest, last) = text.split_at(text.len() - 1);
    let digit = u64::from_str_radix(last, 16).unwrap_or_default();
    *value = json!(format!("{rest}{:x}", (digit + 1 + rng.below(14)) % 16));
}

/// Distorts logs as the lie says.
fn distort(logs: &mut Vec<Value>, lie: Lie, rng: &mut Rng) {
    let Some(last) = (logs.len() as u64).checked_sub(1) else { return };
    let place = rng.below(last + 1) as usize;
    match lie {
        Lie::LogOmitted => {
            logs.remove(place);
        }
        Lie::LogsOmitted => logs.clear(),
        Lie::LogAltered => {
            let log = &mut logs[place];
            let data = log["data"].as_str().is_some_and(|data| data.len() > 2);
            if data && rng.chance(70) { alter(&mut log["data"], rng) } else { alter(&mut log["topics"][0], rng) }
        }
        Lie::LogInvented => {
            let mut log = logs[place].clone();
            log["logIndex"] = json!(format!("{:#x}", 500 + rng.below(100)));
            logs.insert(place + 1, log);
        }
        Lie::LogRemoved => logs[place]["removed"] = json!(true),
        _ => {}
    }
}

/// Returns the first log of a branch that is gone which differs from the reported branch, placed in the latter.
fn log_of_old_branch(view: &View, filter: &Filter, from: u64, to: u64) -> Result<Option<Value>, Refusal> {
    for number in from..=to {
        let place = number as usize;
        let (Some(old), Some(new)) = (view.replaced.get(place), view.branch.get(place)) else { continue };
        if old.block.hash == new.block.hash {
            continue;
        }
        let stray = old.block.logs.iter().position(|log| rpc::matches(filter, log.address, log.topics()));
        if let Some(index) = stray {
            let mut out = vec![];
            old.block.write_log(index, &mut out);
            let mut log = parsed(&out)?;
            log["blockHash"] = json!(new.block.hash);
            return Ok(Some(log));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the answers to everything that a reader asks about a chain that forked.
    fn answers(plan: Plan) -> Vec<Option<Value>> {
        let mut chain = SimChain::new(5, 64);
        chain.change(Change::Grow(60));
        chain.change(Change::Fork { depth: 10, length: 12 });
        let head = chain.head().number();
        let node = Node { net: Net::new(chain), plan, memory: Mutex::new(Memory::new(Rng::new(6))) };
        let tags = ["latest", "safe", "finalized"].map(|tag| ("eth_getBlockByNumber", json!([tag, false])));
        let whole = json!([{"fromBlock": "0x1", "toBlock": "latest"}]);
        let mut asked = vec![("eth_blockNumber", json!([])), ("eth_getLogs", whole)];
        asked.extend(tags);
        for number in 0..=head {
            asked.push(("eth_getBlockByNumber", json!([format!("{number:#x}"), false])));
            asked.push(("eth_getBlockReceipts", json!([format!("{number:#x}")])));
        }
        let requests = asked.into_iter().map(|(method, params)| Request {
            id: None,
            method: method.to_owned(),
            params: params.as_array().cloned().unwrap_or_default(),
        });
        requests.map(|request| node.answer(&request).ok().and_then(|pieces| parsed(&pieces.concat()).ok())).collect()
    }

    #[test]
    fn every_lie_is_told_and_no_two_are_the_same() {
        let truth = answers(Plan::honest());
        assert!(truth.iter().all(Option::is_some));
        let lying = |lie| Plan { lies: vec![lie], lying: 1000, ..Plan::honest() };
        let told: Vec<_> = Lie::ALL.into_iter().map(|lie| answers(lying(lie))).collect();
        for (place, answers) in told.iter().enumerate() {
            assert!(answers != &truth, "{:?} says nothing false", Lie::ALL[place]);
            assert!(!told[..place].contains(answers), "{:?} is another lie too", Lie::ALL[place]);
        }
    }

    #[test]
    fn a_node_with_a_chain_of_its_own_tells_linked_headers_of_it() {
        let own = answers(Plan { own_fork: Some(40), ..Plan::honest() });
        let truth = answers(Plan::honest());
        assert_ne!(own, truth);
        // Blocks up to the fork are the same. After the first five answers, there are two for each block.
        assert_eq!(own[5..5 + 2 * 41], truth[5..5 + 2 * 41]);
        let header = |value: &Value| -> alloy::rpc::types::Header {
            serde_json::from_value(value.clone()).expect("a block is a header and more")
        };
        for block in own[5..].iter().step_by(2) {
            let header = header(block.as_ref().expect("every block is told"));
            assert_eq!(header.hash, header.inner.hash_slow(), "block {}", header.number);
        }
    }

    #[test]
    fn limits_refuse_ranges_but_never_one_block() {
        let plan = Plan { range: Some(10), results: Some(1), ..Plan::honest() };
        let node = Node { net: Net::new(SimChain::new(5, 64)), plan, memory: Mutex::new(Memory::new(Rng::new(6))) };
        locked(&node.net).chain.change(Change::Grow(30));
        let logs = |from: u64, to: u64| {
            let filter = json!({"fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}")});
            node.answer(&Request { id: None, method: "eth_getLogs".into(), params: vec![filter] })
        };
        assert!(logs(1, 20).is_err() && logs(1, 5).is_err());
        assert!(logs(1, 1).is_ok_and(|pieces| pieces.concat().len() > 2));
    }
}
