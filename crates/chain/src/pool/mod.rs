//! The pool of one chain's RPC endpoints. Reads go to the healthiest endpoint, slow reads go to a second one as well, and liars
//! are dropped.
//!
//! The pool does not know what a right answer is. The caller verifies what an endpoint said, and returns [`Failure::Lie`] when
//! the endpoint contradicts itself.

mod endpoint;
mod failure;
mod health;
mod limit;
mod view;
pub mod wire;

use std::{
    future::Future,
    ops::RangeInclusive,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

pub use endpoint::{Answer, Call, Endpoint, Receipts};
pub use failure::{Failure, NodeError, Unavailable};
use futures::{FutureExt, StreamExt, future::join_all, stream::FuturesUnordered};
pub use health::{Read, State};
use reqwest::Url;
use tokio::{sync::mpsc, time::sleep};

/// How often [`connect`] asks an endpoint that is still starting.
const START_PAUSE: Duration = Duration::from_millis(250);
/// How long [`connect`] waits for an answer, and for the others once one has answered.
const START_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that a poll waits for others after the first good answer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Options {
    /// The longest time for a request with its whole answer.
    pub timeout: Duration,
    /// The largest answer, in bytes. A larger one is refused.
    pub max_body: usize,
    /// Of settled blocks with logs, the receipts of every n-th are checked. 1 checks all of them.
    pub verify_receipts: u64,
    /// The shortest time after which a second endpoint is asked as well. It is longer where answers take longer.
    pub hedge_after: Duration,
    /// How long [`connect`] waits for endpoints that are still starting.
    pub start: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_body: 32 << 20,
            verify_receipts: 256,
            hedge_after: Duration::from_millis(50),
            start: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RpcSetupError {
    #[error("no RPC URL is given")]
    Empty,
    #[error("{0} in RPC_URL is not valid: an http or https URL with a host is needed")]
    Url(String),
    #[error("the HTTP client could not be made: {0}")]
    Client(#[from] reqwest::Error),
    #[error("no RPC endpoint answers: {0}. Are they running, and is RPC_URL right?")]
    Unreachable(String),
}

/// Asks each endpoint for its chain id, waiting for those that are still starting, and groups them by chain, in the order of
/// first mention. When all endpoints that answered serve one chain, the others are assumed to serve it too. They are asked
/// again later, before their first use.
///
/// # Errors
/// When a URL is wrong, or no endpoint answers.
pub async fn connect(urls: &[impl AsRef<str>], options: Options) -> Result<Vec<Pool>, RpcSetupError> {
    if urls.is_empty() {
        return Err(RpcSetupError::Empty);
    }
    let client = outbound::client().timeout(options.timeout).pool_max_idle_per_host(64).build()?;
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (place, url) in urls.iter().enumerate() {
        let (name, url) = named(url.as_ref())
            .map_err(|shown| RpcSetupError::Url(shown.unwrap_or_else(|| format!("URL number {}", place + 1))))?;
        let same = endpoints.iter().filter(|known| known.name().split('#').next() == Some(&name)).count();
        let name = if same == 0 { name } else { format!("{name}#{}", same + 1) };
        endpoints.push(Endpoint::new(name, url, client.clone(), &options));
    }
    let chains = first_answers(&endpoints, options.start).await;
    let mut ids: Vec<u64> = Vec::new();
    for id in chains.iter().flatten() {
        if !ids.contains(id) {
            ids.push(*id);
        }
    }
    let mut groups: Vec<Vec<Endpoint>> = ids.iter().map(|_| Vec::new()).collect();
    let mut silent = Vec::new();
    for (endpoint, chain) in endpoints.into_iter().zip(chains) {
        let failure = match chain {
            Ok(id) => {
                let group = ids.iter().position(|known| *known == id).unwrap_or_default();
                groups[group].push(endpoint.serving(id, true));
                continue;
            }
            Err(failure) => failure,
        };
        silent.push(format!("{} ({failure})", endpoint.name()));
        if let [only] = ids[..] {
            let endpoint = endpoint.serving(only, false);
            endpoint.health().failed(&failure, Instant::now());
            groups[0].push(endpoint);
        }
    }
    if ids.is_empty() {
        return Err(RpcSetupError::Unreachable(silent.join(", ")));
    }
    for endpoint in silent {
        tracing::warn!("the RPC endpoint {endpoint} does not answer: {} endpoints do", groups.iter().flatten().count());
    }
    Ok(ids.into_iter().zip(groups).map(|(id, endpoints)| Pool::new(id, endpoints, options.clone())).collect())
}

/// Returns the host and port that name an endpoint, with its URL. A URL that is refused is shown by scheme and host alone,
/// because the rest may contain a key. A URL that cannot be parsed is not shown at all.
fn named(text: &str) -> Result<(String, Url), Option<String>> {
    let url: Url = text.parse().map_err(|_| None)?;
    let shown = || url.host_str().map(|host| format!("`{}://{host}`", url.scheme()));
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or_else(shown)?;
    Ok((format!("{host}:{}", url.port_or_known_default().unwrap_or_default()), url))
}

/// Returns the chain that each endpoint says it serves. Endpoints that do not answer are asked again: until the patience is
/// over if none answers, and for a moment if others do.
async fn first_answers(endpoints: &[Endpoint], patience: Duration) -> Vec<Result<u64, Failure>> {
    let started = tokio::time::Instant::now();
    let ask = async |endpoint: &Endpoint| {
        tokio::time::timeout(START_TIMEOUT, endpoint.chain_id()).await.unwrap_or(Err(Failure::Timeout))
    };
    let mut chains = join_all(endpoints.iter().map(ask)).await;
    loop {
        let silent = chains.iter().filter(|chain| chain.is_err()).count();
        let patience = if silent < chains.len() { patience.min(START_TIMEOUT) } else { patience };
        if silent == 0 || started.elapsed() >= patience {
            return chains;
        }
        sleep(START_PAUSE).await;
        let again = endpoints.iter().zip(chains).map(async |(endpoint, chain)| match chain {
            Ok(id) => Ok(id),
            Err(_) => ask(endpoint).await,
        });
        chains = join_all(again).await;
    }
}

/// The state of an endpoint, for people and metrics.
#[derive(Clone, Debug, serde::Serialize)]
pub struct EndpointStatus {
    /// Host and port.
    pub name: String,
    /// The score from 0 (it is never asked) to 1.
    pub score: f64,
    pub state: State,
    /// Why it is suspended or dropped.
    pub reason: Option<String>,
    /// The weighted mean time of a request, in milliseconds.
    pub latency_ms: f64,
    pub calls: u64,
    pub errors: u64,
    /// The highest block it showed.
    pub head: u64,
    /// How many blocks it accepts in one `eth_getLogs`.
    pub range_limit: u64,
}

/// The endpoints of one chain.
#[derive(Debug)]
pub struct Pool {
    chain_id: u64,
    endpoints: Vec<Arc<Endpoint>>,
    options: Options,
    /// The place of the endpoint that providers ask; see [`Pool::ask`].
    in_use: AtomicUsize,
}

/// Which endpoints [`Pool::poll`] asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voices {
    /// Endpoints that may be asked for data.
    Usable,
    /// All endpoints, including dropped ones, because a quorum counts what they say about a hash.
    All,
}

impl Pool {
    fn new(chain_id: u64, endpoints: Vec<Endpoint>, options: Options) -> Self {
        metrics::counter!("rpc_hedges_total", "chain" => chain_id.to_string()).increment(0);
        for endpoint in &endpoints {
            metrics::gauge!("rpc_endpoint_dropped", &endpoint.labels()).set(0.0);
        }
        let endpoints = endpoints.into_iter().map(Arc::new).collect();
        Self { chain_id, endpoints, options, in_use: AtomicUsize::new(0) }
    }

    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the number of endpoints, whatever their state.
    pub fn size(&self) -> usize {
        self.endpoints.len()
    }

    /// Returns whether the first endpoint is the one at this URL.
    pub fn is_first(&self, url: &str) -> bool {
        named(url).is_ok_and(|(name, _)| self.endpoints.first().is_some_and(|endpoint| endpoint.name() == name))
    }

    /// Returns whether every endpoint is on this machine.
    pub fn is_local(&self) -> bool {
        self.endpoints.iter().all(|endpoint| endpoint.is_local())
    }

    /// Returns the number of JSON-RPC calls made so far.
    pub fn calls(&self) -> u64 {
        self.endpoints.iter().map(|endpoint| endpoint.health().calls).sum()
    }

    /// Returns the state of every endpoint, in the order of the configuration.
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        let (best, now) = (self.best_head(), Instant::now());
        let status = |endpoint: &Arc<Endpoint>| {
            let health = endpoint.health();
            EndpointStatus {
                name: endpoint.name().to_owned(),
                score: health.score(best),
                state: health.state(best, now),
                reason: health.reason.as_ref().map(ToString::to_string),
                latency_ms: health.latency().as_secs_f64() * 1e3,
                calls: health.calls,
                errors: health.errors,
                head: health.head,
                range_limit: health.limit.blocks(),
            }
        };
        self.endpoints.iter().map(status).collect()
    }

    /// Returns how many blocks the endpoint that is asked first accepts in one `eth_getLogs`.
    pub fn range_limit(&self) -> u64 {
        let ranked = self.ranked(&(0..=0));
        ranked.first().or(self.endpoints.first()).map_or(1, |endpoint| endpoint.range_limit())
    }

    /// Returns the names of the endpoints that have a voice in decisions; see [`Endpoint::has_voice`].
    pub fn voices(&self) -> Vec<String> {
        self.endpoints
            .iter()
            .filter(|endpoint| endpoint.has_voice())
            .map(|endpoint| endpoint.name().to_owned())
            .collect()
    }

    /// Asks the best endpoint. When it fails, or is slower than usual, the next one is asked as well. The first attempt that
    /// succeeds wins, and the others are cancelled.
    ///
    /// # Errors
    /// When no endpoint that may be asked succeeds. The error has the reason of each.
    pub async fn read<T, F, Fut>(&self, read: Read, blocks: RangeInclusive<u64>, attempt: F) -> Result<T, Unavailable>
    where
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let mut waiting = self.ranked(&blocks).into_iter();
        let mut running = FuturesUnordered::new();
        let mut cut = Cut { pool: self, read, running: Vec::new() };
        let mut reasons: Vec<(String, Failure)> = Vec::new();
        let mut hedge = Duration::ZERO;
        loop {
            if running.is_empty() || hedge.is_zero() {
                if let Some(endpoint) = waiting.next() {
                    hedge = endpoint.hedge(read).max(Duration::from_millis(1));
                    cut.running.push((endpoint.clone(), Instant::now()));
                    running.push(attempt(endpoint.clone()).map(move |outcome| (endpoint, outcome)));
                } else if running.is_empty() {
                    return Err(self.unavailable(reasons));
                }
            }
            let outcome = tokio::select! {
                outcome = running.next() => outcome,
                () = sleep(hedge), if waiting.len() > 0 => None,
            };
            let Some((endpoint, outcome)) = outcome else {
                metrics::counter!("rpc_hedges_total", "chain" => self.chain_id.to_string()).increment(1);
                hedge = Duration::ZERO;
                continue;
            };
            let started = cut.end(&endpoint);
            self.settle(&endpoint, read, started.elapsed(), &outcome);
            match outcome {
                Ok(value) => return Ok(value),
                Err(failure) => reasons.push((endpoint.name().to_owned(), failure)),
            }
            hedge = Duration::ZERO;
        }
    }

    /// Asks several endpoints at the same time. Ends when all have answered, when `enough` accepts the answers, or when the
    /// others take longer than usual after the first good answer. Late answers still count for the endpoint's health; an
    /// endpoint that owes several answers is not asked.
    ///
    /// # Errors
    /// When no endpoint gives a good answer.
    pub async fn poll<T, F, Fut>(
        self: &Arc<Self>,
        who: Voices,
        read: Read,
        attempt: F,
        enough: impl Fn(&[(Arc<Endpoint>, T)]) -> bool,
    ) -> Result<Vec<(Arc<Endpoint>, T)>, Unavailable>
    where
        F: Fn(Arc<Endpoint>) -> Fut,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, mut answers) = mpsc::unbounded_channel();
        let mut patience = Duration::ZERO;
        for endpoint in self.askable(who) {
            match endpoint.polls.try_acquire() {
                Ok(permit) => permit.forget(),
                Err(_) => continue,
            }
            if endpoint.has_voice() {
                patience = patience.max(endpoint.hedge(read).min(LONGEST_WAIT));
            }
            let (pool, sender, asked, started) =
                (self.clone(), sender.clone(), attempt(endpoint.clone()), Instant::now());
            tokio::spawn(async move {
                let outcome = asked.await;
                endpoint.polls.add_permits(1);
                pool.settle(&endpoint, read, started.elapsed(), &outcome);
                // When the poll has ended, nobody waits for this answer.
                let _ = sender.send((endpoint, outcome));
            });
        }
        drop(sender);
        let (mut good, mut reasons) = (Vec::new(), Vec::new());
        let mut deadline = None;
        loop {
            let outcome = match deadline {
                None => answers.recv().await,
                Some(deadline) => tokio::time::timeout_at(deadline, answers.recv()).await.ok().flatten(),
            };
            match outcome {
                Some((endpoint, Ok(value))) => {
                    good.push((endpoint, value));
                    if enough(&good) {
                        return Ok(good);
                    }
                    deadline = deadline.or_else(|| Some(tokio::time::Instant::now() + patience));
                }
                Some((endpoint, Err(failure))) => reasons.push((endpoint.name().to_owned(), failure)),
                None if good.is_empty() => return Err(self.unavailable(reasons)),
                None => return Ok(good),
            }
        }
    }

    /// Notes the result of a comparison with others. An endpoint that disagrees with the majority is left alone for a while,
    /// and dropped when it goes on.
    pub fn compared(&self, endpoint: &Endpoint, against: Option<String>) {
        match against {
            Some(reason) => self.failed(endpoint, &Failure::Minority(reason)),
            None => endpoint.health().disagreements = 0,
        }
    }

    fn settle<T>(&self, endpoint: &Endpoint, read: Read, time: Duration, outcome: &Result<T, Failure>) {
        match outcome {
            Ok(_) => endpoint.health().succeeded(read, time),
            Err(failure) => self.failed(endpoint, failure),
        }
        self.show(endpoint);
    }

    fn failed(&self, endpoint: &Endpoint, failure: &Failure) {
        let [chain, name] = endpoint.labels();
        metrics::counter!("rpc_errors_total", &[chain, name, ("kind", failure.kind().to_owned())]).increment(1);
        let dropped = endpoint.health().failed(failure, Instant::now());
        if dropped {
            tracing::error!(chain_id = self.chain_id, endpoint = endpoint.name(), "RPC endpoint dropped: {failure}");
            metrics::gauge!("rpc_endpoint_dropped", &endpoint.labels()).set(1.0);
        } else {
            tracing::debug!(chain_id = self.chain_id, endpoint = endpoint.name(), "RPC endpoint failed: {failure}");
        }
        self.show(endpoint);
    }

    fn show(&self, endpoint: &Endpoint) {
        let best = self.best_head();
        let score = endpoint.health().score(best);
        metrics::gauge!("rpc_endpoint_score", &endpoint.labels()).set(score);
    }

    /// Returns the highest block that endpoints in use have shown.
    fn best_head(&self) -> u64 {
        let head = |endpoint: &Arc<Endpoint>| {
            let health = endpoint.health();
            health.has_voice().then_some(health.head)
        };
        self.endpoints.iter().filter_map(head).max().unwrap_or_default()
    }

    /// Returns the endpoints that may be asked. Suspended ones are left alone, unless there is no other.
    fn askable(&self, who: Voices) -> Vec<Arc<Endpoint>> {
        let (best, now) = (self.best_head(), Instant::now());
        let (mut asked, mut suspended) = (Vec::new(), Vec::new());
        for endpoint in &self.endpoints {
            match endpoint.health().state(best, now) {
                State::Healthy | State::Lagging => asked.push(endpoint.clone()),
                State::Suspended => suspended.push(endpoint.clone()),
                State::Dropped if who == Voices::All => asked.push(endpoint.clone()),
                State::Dropped => {}
            }
        }
        if asked.is_empty() || who == Voices::All {
            asked.extend(suspended);
        }
        asked
    }

    /// Returns the endpoints that may be asked about these blocks, best first: those that have the blocks, then by score.
    fn ranked(&self, blocks: &RangeInclusive<u64>) -> Vec<Arc<Endpoint>> {
        let best = self.best_head();
        let rank = |endpoint: &Arc<Endpoint>| {
            let health = endpoint.health();
            let holds = health.oldest <= *blocks.start() && (health.head == 0 || health.head >= *blocks.end());
            (!holds, -health.score(best))
        };
        let mut ranked: Vec<_> =
            self.askable(Voices::Usable).into_iter().map(|endpoint| (rank(&endpoint), endpoint)).collect();
        ranked.sort_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        ranked.into_iter().map(|(_, endpoint)| endpoint).collect()
    }

    /// Returns the reasons of this read, and why the other endpoints were not asked.
    fn unavailable(&self, mut reasons: Vec<(String, Failure)>) -> Unavailable {
        for endpoint in &self.endpoints {
            let reason = endpoint.health().reason.clone();
            if let Some(reason) = reason.filter(|_| !reasons.iter().any(|(name, _)| name == endpoint.name())) {
                reasons.push((endpoint.name().to_owned(), reason));
            }
        }
        Unavailable { chain_id: self.chain_id, reasons }
    }
}

/// The attempts of a read that are under way. Those that are cancelled because another one won count as slow.
struct Cut<'a> {
    pool: &'a Pool,
    read: Read,
    running: Vec<(Arc<Endpoint>, Instant)>,
}

impl Cut<'_> {
    /// Ends an attempt, and returns when it began.
    fn end(&mut self, endpoint: &Arc<Endpoint>) -> Instant {
        let at = self.running.iter().position(|(running, _)| Arc::ptr_eq(running, endpoint));
        at.map_or_else(Instant::now, |at| self.running.swap_remove(at).1)
    }
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        for (endpoint, started) in &self.running {
            let time = started.elapsed();
            if time >= endpoint.hedge(self.read) {
                endpoint.health().outrun(self.read, time);
                self.pool.show(endpoint);
            }
        }
    }
}
