//! One view of the chain, for providers: their calls go to one endpoint for as long as it works well, so that a later read is
//! never of an older block. When the endpoint fails, the next one is used, and stays in use.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Answer, Call, Endpoint, Failure, Pool, Read, State, Unavailable, Voices, wire::parse_quantity};

/// How often a process without a mirror checks, while it makes calls, whether the endpoint in use has fallen behind.
const LOOK_AT_HEADS: Duration = Duration::from_secs(10);

/// Whether an answer is used, or another endpoint is asked.
enum Outcome {
    Answered(Vec<Answer>),
    /// The endpoint cannot answer these calls, but works well otherwise.
    Cannot(Vec<Answer>, Failure),
    /// The endpoint refused for now, and is left alone for a while.
    Refused(Vec<Answer>, Failure),
    Failed(Failure),
}

impl Pool {
    /// Makes these calls at the endpoint in use, in one request if the endpoint accepts that many. When it fails, the next
    /// best endpoint is asked. A node's error counts as an answer, unless it is about the endpoint itself: see
    /// [`NodeError::is_of_endpoint`](super::NodeError::is_of_endpoint).
    ///
    /// # Errors
    /// When no endpoint answers. The error has the reason of each.
    pub async fn ask(self: &Arc<Self>, calls: &[Call]) -> Result<Vec<Answer>, Unavailable> {
        self.look_at_heads();
        let (mut reasons, mut refused, mut stays) = (Vec::new(), None, false);
        for (place, endpoint) in self.in_order() {
            match self.attempt(&endpoint, calls).await {
                Outcome::Answered(answers) => {
                    if !stays {
                        self.now_in_use(place);
                    }
                    return Ok(answers);
                }
                Outcome::Cannot(answers, failure) => {
                    stays |= place == self.in_use.load(Ordering::Relaxed);
                    refused.get_or_insert(answers);
                    reasons.push((endpoint.name().to_owned(), failure));
                }
                Outcome::Refused(answers, failure) => {
                    refused.get_or_insert(answers);
                    reasons.push((endpoint.name().to_owned(), failure));
                }
                Outcome::Failed(failure) => reasons.push((endpoint.name().to_owned(), failure)),
            }
        }
        refused.ok_or_else(|| self.unavailable(reasons))
    }

    /// Sends a signed transaction through every endpoint that is well. The first one that accepts it decides, in the order of
    /// preference. When none accepts it, the first node's error is the answer. It is harmless to repeat this, because a
    /// transaction has one nonce and happens once.
    ///
    /// # Errors
    /// When no endpoint answers. The error has the reason of each.
    pub async fn broadcast(self: &Arc<Self>, call: Call) -> Result<Answer, Unavailable> {
        let now = Instant::now();
        let best = self.best_head();
        let all = self.in_order();
        let well = |endpoint: &Endpoint| endpoint.health().state(best, now) != State::Suspended;
        let some = all.iter().any(|(_, endpoint)| well(endpoint));
        let asked = all.into_iter().map(|(_, endpoint)| endpoint).filter(|endpoint| !some || well(endpoint));
        let sending: Vec<_> = asked
            .map(|endpoint| {
                let (pool, call, name) = (self.clone(), call.clone(), endpoint.name().to_owned());
                (name, tokio::spawn(async move { pool.attempt(&endpoint, &[call]).await }))
            })
            .collect();
        let (mut reasons, mut refused) = (Vec::new(), None);
        for (name, sent) in sending {
            match sent.await {
                Ok(Outcome::Answered(answers)) => match answers.into_iter().next() {
                    Some(Ok(hash)) => return Ok(Ok(hash)),
                    Some(Err(error)) => drop(refused.get_or_insert(error)),
                    None => reasons.push((name, Failure::Malformed("no answer".into()))),
                },
                Ok(Outcome::Cannot(_, failure) | Outcome::Refused(_, failure) | Outcome::Failed(failure)) => {
                    reasons.push((name, failure));
                }
                Err(error) => reasons.push((name, Failure::Transport(error.to_string()))),
            }
        }
        refused.map(Err).ok_or_else(|| self.unavailable(reasons))
    }

    async fn attempt(&self, endpoint: &Endpoint, calls: &[Call]) -> Outcome {
        let started = Instant::now();
        let answers = match endpoint.batch(calls).await {
            Ok(answers) => answers,
            Err(failure) => {
                self.failed(endpoint, &failure);
                return Outcome::Failed(failure);
            }
        };
        let error = answers.iter().filter_map(|answer| answer.as_ref().err()).find(|error| error.is_of_endpoint());
        match error.cloned() {
            Some(error) if error.is_rate_limit() => {
                let failure = Failure::Node(error);
                self.failed(endpoint, &failure);
                Outcome::Refused(answers, failure)
            }
            Some(error) => Outcome::Cannot(answers, Failure::Node(error)),
            None => {
                endpoint.health().succeeded(Read::Call, started.elapsed());
                self.show(endpoint);
                Outcome::Answered(answers)
            }
        }
    }

    /// Returns the endpoints with their places, in the order in which they are asked: those that work well come before those
    /// that lag and those that are left alone. Within these groups, the one in use comes first, then the order is by score.
    /// Dropped ones are not asked.
    fn in_order(&self) -> Vec<(usize, Arc<Endpoint>)> {
        let (best, now, in_use) = (self.best_head(), Instant::now(), self.in_use.load(Ordering::Relaxed));
        let mut ordered: Vec<_> = Vec::with_capacity(self.endpoints.len());
        for (place, endpoint) in self.endpoints.iter().enumerate() {
            let health = endpoint.health();
            let class = match health.state(best, now) {
                State::Healthy => 0,
                State::Lagging => 1,
                State::Suspended => 2,
                State::Dropped => continue,
            };
            ordered.push(((class, place != in_use), health.score(best), (place, endpoint.clone())));
        }
        ordered.sort_by(|(a, a_score, _), (b, b_score, _)| a.cmp(b).then(b_score.total_cmp(a_score)));
        ordered.into_iter().map(|(_, _, endpoint)| endpoint).collect()
    }

    fn now_in_use(&self, place: usize) {
        let before = self.in_use.swap(place, Ordering::Relaxed);
        if before != place {
            let (name, left) = (self.endpoints[place].name(), self.endpoints[before].name());
            tracing::warn!(chain_id = self.chain_id, "calls go to the RPC endpoint {name} from now on, not to {left}");
        }
    }

    /// Notes the head of every endpoint, in the background, unless somebody did so lately. A mirror in the same process does
    /// so.
    fn look_at_heads(self: &Arc<Self>) {
        let looked = self.endpoints.iter().filter_map(|endpoint| endpoint.health().head_at).max();
        if self.endpoints.len() < 2 || looked.is_some_and(|at| at.elapsed() < LOOK_AT_HEADS) {
            return;
        }
        // Nobody else looks until the answers come.
        self.endpoints[0].health().head_at = Some(Instant::now());
        let pool = self.clone();
        tokio::spawn(async move {
            let ask = |endpoint: Arc<Endpoint>| async move {
                parse_quantity(endpoint.call(Call::new("eth_blockNumber", json!([]))).await?.get())
            };
            // A failure already counts for the endpoint's health.
            if let Ok(heads) = pool.poll(Voices::Usable, Read::Head, ask, |_| false).await {
                for (endpoint, number) in heads {
                    endpoint.saw_head(number);
                }
            }
        });
    }
}
