//! One endpoint: JSON-RPC over HTTP, with limits on time and size, with batches where the endpoint accepts them,
//! and with checked ids.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::sync::{OnceCell, Semaphore};

use super::{Failure, NodeError, Options, Read, health::Health};

/// Calls in one request.
const BATCH: usize = 100;
/// Requests of one batch that are under way together.
const PARALLEL: usize = 8;
/// Polls of one endpoint that are under way together, so that an endpoint that hangs does not collect more and
/// more of them.
const POLLS: usize = 4;

/// How an endpoint gives the receipts of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipts {
    /// By `eth_getBlockReceipts`.
    ByBlock,
    /// By `eth_getTransactionReceipt` for each transaction.
    ByTransaction,
    Never,
}

/// A call by name, with its parameters as an array.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Cow<'static, str>,
    pub params: Value,
}

impl Call {
    pub fn new(method: impl Into<Cow<'static, str>>, params: Value) -> Self {
        Self { method: method.into(), params }
    }
}

/// What a node answered to one call: the result as it is written in the text, including `null`, or the node's
/// error.
pub type Answer = Result<Box<RawValue>, NodeError>;

pub struct Endpoint {
    name: String,
    url: Url,
    client: reqwest::Client,
    chain_id: u64,
    /// Set once the endpoint said that it serves this chain.
    confirmed: OnceCell<()>,
    max_body: usize,
    timeout: Duration,
    hedge_after: Duration,
    batch: AtomicUsize,
    receipts: Mutex<Receipts>,
    next_id: AtomicU64,
    health: Mutex<Health>,
    pub(super) polls: Semaphore,
}

/// Writes the endpoint without its URL, which may contain keys.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Value,
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<NodeError>,
}

/// Reads a result. `null` is a result too.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

enum PostError {
    /// The node does not accept this many calls at once.
    BatchRefused(usize),
    Failed(Failure),
}

impl From<Failure> for PostError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Endpoint {
    pub(super) fn new(name: String, url: Url, client: reqwest::Client, options: &Options) -> Self {
        Self {
            name,
            url,
            client,
            chain_id: 0,
            confirmed: OnceCell::new(),
            max_body: options.max_body,
            timeout: options.timeout,
            hedge_after: options.hedge_after,
            batch: AtomicUsize::new(BATCH),
            receipts: Mutex::new(Receipts::ByBlock),
            next_id: AtomicU64::new(1),
            health: Mutex::default(),
            polls: Semaphore::new(POLLS),
        }
    }

    /// Sets the chain that this endpoint must serve. An endpoint that has not confirmed it yet is asked before
    /// its first call.
    pub(super) fn serving(mut self, chain_id: u64, confirmed: bool) -> Self {
        self.chain_id = chain_id;
        self.confirmed = if confirmed { OnceCell::new_with(Some(())) } else { OnceCell::new() };
        self
    }

    /// Returns host and port, because the rest of a URL may contain keys.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the endpoint is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.url.host_str().is_some_and(|host| matches!(host, "localhost" | "[::1]") || host.starts_with("127."))
    }

    /// Returns how many blocks this endpoint accepts in one `eth_getLogs`, as far as is known.
    pub fn range_limit(&self) -> u64 {
        self.health().limit.blocks()
    }

    /// Notes that an `eth_getLogs` over this many blocks was answered.
    pub fn range_answered(&self, blocks: u64, logs: usize, bytes: usize, time: Duration) {
        self.health().limit.answered(blocks, logs, bytes, time);
    }

    /// Notes that an `eth_getLogs` over more than one block was refused with this text, or that its answer was
    /// too large or too late.
    pub fn range_refused(&self, blocks: u64, text: &str) {
        self.health().limit.refused(blocks, text);
    }

    /// Returns how this endpoint gives receipts, as far as is known.
    pub fn receipts(&self) -> Receipts {
        *self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how the endpoint really gives receipts.
    pub fn learn_receipts(&self, way: Receipts) {
        *self.receipts.lock().unwrap_or_else(PoisonError::into_inner) = way;
    }

    /// Notes that the endpoint showed a block of this height.
    pub fn saw_head(&self, number: u64) {
        self.health().saw_head(number, Instant::now());
    }

    /// Returns whether the endpoint counts in decisions: it is not dropped, and it answered its last request.
    pub fn has_voice(&self) -> bool {
        self.health().has_voice()
    }

    pub(super) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hedge(&self, read: Read) -> Duration {
        self.health().hedge(read, self.hedge_after, self.timeout)
    }

    /// Makes these calls, in as few requests as the endpoint allows. The answers are in the order of the calls.
    ///
    /// # Errors
    /// When the transport fails, or an answer is malformed or too large. A refusal by the node is not an error
    /// but an [`Answer`].
    pub async fn batch(&self, calls: &[Call]) -> Result<Vec<Answer>, Failure> {
        self.confirmed.get_or_try_init(|| self.confirm()).await?;
        self.send(calls).await
    }

    /// Makes one call.
    ///
    /// # Errors
    /// In the same cases as [`Endpoint::batch`], and when the node refuses the call.
    pub async fn call(&self, call: Call) -> Result<Box<RawValue>, Failure> {
        let answer = self.batch(&[call]).await?.pop();
        answer.ok_or_else(|| Failure::Malformed("no answer".into()))?.map_err(Failure::Node)
    }

    async fn confirm(&self) -> Result<(), Failure> {
        match self.chain_id().await? {
            id if id == self.chain_id => Ok(()),
            id => Err(Failure::Lie(format!("it serves chain {id}, not {}", self.chain_id))),
        }
    }

    pub(super) async fn chain_id(&self) -> Result<u64, Failure> {
        let answer = self.send(&[Call::new("eth_chainId", Value::Array(Vec::new()))]).await?.pop();
        let text = answer.ok_or_else(|| Failure::Malformed("no answer".into()))?.map_err(Failure::Node)?;
        super::wire::parse_quantity(text.get())
    }

    async fn send(&self, calls: &[Call]) -> Result<Vec<Answer>, Failure> {
        loop {
            let size = self.batch.load(Ordering::Relaxed);
            let posts: Vec<_> = calls.chunks(size).map(|part| self.post(part)).collect();
            match stream::iter(posts).buffered(PARALLEL).try_collect::<Vec<_>>().await {
                Ok(posts) => return Ok(posts.into_iter().flatten().collect()),
                Err(PostError::BatchRefused(refused)) => {
                    let size = (refused / 4).max(1);
                    tracing::info!(endpoint = %self.name, "takes no batch of {refused} calls: {size} at once from now on");
                    self.batch.fetch_min(size, Ordering::Relaxed);
                }
                Err(PostError::Failed(failure)) => return Err(failure),
            }
        }
    }

    async fn post(&self, calls: &[Call]) -> Result<Vec<Answer>, PostError> {
        let first = self.next_id.fetch_add(calls.len() as u64, Ordering::Relaxed);
        let requests: Vec<Value> = calls
            .iter()
            .zip(first..)
            .map(|(call, id)| serde_json::json!({"jsonrpc": "2.0", "id": id, "method": call.method, "params": call.params}))
            .collect();
        let body = match &requests[..] {
            [one] => one.to_string(),
            all => Value::from(all).to_string(),
        };
        self.count(calls);
        let started = Instant::now();
        let answered = self.http(body).await;
        metrics::histogram!("rpc_seconds", &self.labels()).record(started.elapsed());
        let (status, body) = answered?;
        self.health().posted(started.elapsed());
        let refusable = calls.len() > 1;
        // An endpoint that asks for a key or a payment says nothing about the call, even if it answers with
        // JSON-RPC.
        let locked = [StatusCode::UNAUTHORIZED, StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN].contains(&status);
        let failed = status.is_server_error() || locked;
        if status == StatusCode::TOO_MANY_REQUESTS || (failed && !refusable) {
            return Err(Failure::Transport(format!("HTTP status {status}")).into());
        }
        let responses = match parse(&body, refusable) {
            Ok(responses) => responses,
            Err(_) if refusable && status.is_client_error() => return Err(PostError::BatchRefused(calls.len())),
            Err(_) if !status.is_success() => return Err(Failure::Transport(format!("HTTP status {status}")).into()),
            Err(failure) => return Err(failure.into()),
        };
        match &responses[..] {
            [only] if refusable && only.error.is_some() => Err(PostError::BatchRefused(calls.len())),
            _ => Ok(matched(responses, first, calls.len())?),
        }
    }

    async fn http(&self, body: String) -> Result<(StatusCode, Vec<u8>), Failure> {
        let request = self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        let mut response = request.send().await.map_err(transport)?;
        if response.content_length().is_some_and(|length| length > self.max_body as u64) {
            return Err(Failure::TooLarge(self.max_body));
        }
        let mut body = Vec::with_capacity(response.content_length().unwrap_or(1024) as usize);
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > self.max_body {
                return Err(Failure::TooLarge(self.max_body));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }

    fn count(&self, calls: &[Call]) {
        self.health().calls += calls.len() as u64;
        for same in calls.chunk_by(|a, b| a.method == b.method) {
            let [chain, endpoint] = self.labels();
            let labels = [chain, endpoint, ("method", same[0].method.to_string())];
            metrics::counter!("rpc_calls_total", &labels).increment(same.len() as u64);
        }
    }

    pub(super) fn labels(&self) -> [(&'static str, String); 2] {
        [("chain", self.chain_id.to_string()), ("endpoint", self.name.clone())]
    }
}

fn transport(error: reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::Timeout;
    }
    // The URL may contain keys, and the innermost source says most.
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Failure::Transport(cause.to_string())
}

fn parse(body: &[u8], batch: bool) -> Result<Vec<Response>, Failure> {
    let malformed = |error: serde_json::Error| Failure::Malformed(error.to_string());
    if batch && body.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(body).map_err(malformed);
    }
    serde_json::from_slice(body).map(|response| vec![response]).map_err(malformed)
}

/// Returns the answers in the order of the ids from `first` on. Each id must occur once, and no others.
fn matched(responses: Vec<Response>, first: u64, count: usize) -> Result<Vec<Answer>, Failure> {
    let wrong = || Failure::Malformed("the answers' ids are not those of the calls".into());
    let mut answers: Vec<Option<Answer>> = (0..count).map(|_| None).collect();
    for response in responses {
        let at = response.id.as_u64().and_then(|id| id.checked_sub(first)).ok_or_else(wrong)?;
        let slot = usize::try_from(at).ok().and_then(|at| answers.get_mut(at)).ok_or_else(wrong)?;
        let answer = match (response.result, response.error) {
            (_, Some(error)) => Err(error),
            (Some(result), None) => Ok(result),
            (None, None) => return Err(Failure::Malformed("neither result nor error".into())),
        };
        if slot.replace(answer).is_some() {
            return Err(wrong());
        }
    }
    answers.into_iter().map(|answer| answer.ok_or_else(wrong)).collect()
}
