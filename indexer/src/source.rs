//! Reads the chain from several endpoints: headers and logs of a range, which are accepted only if they agree with each other,
//! and with the majority where it matters.
//!
//! `fetch` takes one range from one endpoint, and `verify` says what must agree. This module decides who is asked, and what is
//! final.

mod fetch;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use alloy::primitives::{Address, B256};
pub use chain::pool::wire::Log;
use chain::pool::{Endpoint, Failure, Pool, Read, Unavailable, Voices, wire::Header};
use service::Finality;
use tokio::sync::OnceCell;

use self::{fetch::Fetch, verify::Watched};

/// How many blocks behind the head count as final if a node does not know tags.
const DEPTH_WITHOUT_TAGS: u64 = 64;
/// Chains whose headers are known to have Ethereum's form, so that no endpoint may claim otherwise.
const STANDARD_HEADERS: [u64; 7] = [1, 10, 8453, 17_000, 31_337, 560_048, 11_155_111];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockId {
    pub number: u64,
    pub hash: B256,
}

/// A block by its header, whose hash was recomputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub number: u64,
    pub hash: B256,
    pub parent_hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
}

impl Block {
    pub fn id(&self) -> BlockId {
        BlockId { number: self.number, hash: self.hash }
    }
}

impl From<&Header> for Block {
    fn from(header: &Header) -> Self {
        Self { number: header.number, hash: header.hash, parent_hash: header.parent_hash, timestamp: header.timestamp }
    }
}

/// The state of the chain: its head, and the numbers up to which it is safe and final.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub head: Block,
    pub safe: u64,
    pub finalized: u64,
    pub proof: Proof,
}

impl Head {
    /// Returns the same head, with nothing final above a block.
    pub(crate) fn final_up_to(mut self, block: u64) -> Self {
        if block < self.finalized {
            self.finalized = block;
            self.proof = match self.proof {
                Proof::Word => Proof::Word,
                // The hash is of a higher block.
                Proof::Hash(_) | Proof::None => Proof::None,
            };
        }
        self
    }
}

/// Why `finalized` is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// There is only one endpoint, and it says so.
    Word,
    /// More than half of the endpoints give this hash.
    Hash(B256),
    /// The head is below the block that they agreed on, so nothing is said about a lower block.
    None,
}

/// Whose statement about a block's hash is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The best endpoint's.
    Best,
    /// The majority's, as in [`Source::agreed`].
    Majority,
}

/// A verified range: its ends, the blocks that matter, and every log of the watched contracts.
#[derive(Clone, Debug)]
pub struct Range {
    pub from: u64,
    /// The parent of block `from`.
    pub parent: B256,
    pub to: BlockId,
    /// Whether more than half of the endpoints, or the only one, give the last hash.
    pub agreed: bool,
    /// Both ends, blocks with logs, and every block that was not settled.
    pub blocks: BTreeMap<u64, Block>,
    /// Ordered by block and index, without duplicates.
    pub logs: Vec<Log>,
    /// The size of the answers from which it was read, in bytes.
    pub bytes: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0}. Check these endpoints, or name another one in RPC_URL")]
    Unavailable(#[from] Unavailable),
    #[error(
        "no endpoint has block {0} now: it is too new for them, or so old that it needs an endpoint with full history"
    )]
    Missing(u64),
    #[error(
        "the chain ends at block {head} now, which is not the block {head} that this mirror holds, and the mirror holds \
         final blocks up to {finalized}. While the endpoints are still reading the chain, this passes. When the chain lost \
         its data, `tributary indexer resume --rewind` follows it, or says why it cannot"
    )]
    Ended { head: u64, finalized: u64 },
    #[error(
        "no majority of the endpoints agrees on block {number}: {voices}. Remove the endpoints of RPC_URL that are wrong or \
         behind, or name another one"
    )]
    NoQuorum { number: u64, voices: String },
}

/// The verified chain. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Arc<Pool>,
    watched: Watched,
    finality: Finality,
    /// Whether this chain's headers hash as Ethereum's do.
    hashes: OnceCell<bool>,
    /// What each endpoint said last, by its name.
    voices: Mutex<HashMap<String, Voice>>,
    /// The newest finalized block that the endpoints agreed on. It has no hash if there is only one endpoint.
    agreed: Mutex<(u64, Option<B256>)>,
    /// The newest finalized number that they did not agree on.
    disputed: AtomicU64,
    doubted: AtomicBool,
    tags_missing: AtomicBool,
    receipts_missing: Mutex<Vec<String>>,
}

/// The numbers up to which blocks are settled, according to one endpoint.
#[derive(Clone, Copy)]
struct Voice {
    safe: u64,
    finalized: u64,
}

impl Source {
    /// Creates a source that reads the logs of `watched`, which must not be empty, from `pool`.
    pub fn new(pool: Arc<Pool>, watched: Vec<Address>, finality: Finality) -> Self {
        let inner = Inner {
            pool,
            watched: Watched::new(watched),
            finality,
            hashes: OnceCell::new(),
            voices: Mutex::default(),
            agreed: Mutex::default(),
            disputed: AtomicU64::new(0),
            doubted: AtomicBool::new(false),
            tags_missing: AtomicBool::new(false),
            receipts_missing: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the highest verified head, and the finality that a majority of the endpoints vouches for.
    ///
    /// # Errors
    /// When no endpoint answers.
    pub async fn head(&self) -> Result<Head, SourceError> {
        let hashes = self.hashes().await?;
        let source = self.clone();
        let ask = move |endpoint| source.clone().voice(endpoint, hashes);
        let heads = self.inner.pool.poll(Voices::Usable, Read::Head, ask, |_| false).await?;
        let (safe, finalized) = self.vouched();
        // An endpoint that does not give the blocks that it announces is believed only when there is no other.
        let best = heads.iter().max_by_key(|(endpoint, head)| (endpoint.has_voice(), head.number));
        let nobody = || Unavailable { chain_id: self.inner.pool.chain_id(), reasons: Vec::new() };
        let (_, best) = best.ok_or_else(nobody)?;
        let head = Block::from(best);
        let (agreed, hash) = self.agree(finalized).await;
        let finalized = agreed.min(head.number);
        let proof = match hash {
            _ if self.inner.pool.size() == 1 => Proof::Word,
            Some(hash) if finalized == agreed => Proof::Hash(hash),
            _ => Proof::None,
        };
        Ok(Head { head, safe: safe.clamp(finalized, head.number), finalized, proof })
    }

    /// Returns the block of this number, as the best endpoint has it.
    ///
    /// # Errors
    /// When no endpoint has the block, or none gives a verified answer.
    pub async fn block(&self, number: u64) -> Result<Block, SourceError> {
        let hashes = self.hashes().await?;
        let read = self
            .inner
            .pool
            .read(Read::Header, number..=number, async |endpoint| fetch::header(&endpoint, number, hashes).await);
        Ok(Block::from(&read.await.map_err(|error| missing(error, number))?))
    }

    /// Fetches and verifies `from..=to`, wholly from one endpoint. Every block above `settled` is fetched and linked. At or
    /// below it, only the ends and blocks with logs are. The caller must check whether block `from` follows what it has.
    /// Endpoints on whose branch it follows `expected` are preferred.
    ///
    /// # Errors
    /// When no endpoint has the range, when none gives a verified answer, or when the endpoints disagree on its last hash.
    pub async fn range(
        &self,
        expected: Option<BlockId>,
        from: u64,
        to: u64,
        settled: u64,
    ) -> Result<Range, SourceError> {
        let mut expected = expected.filter(|block| block.number + 1 == from);
        // All endpoints are asked for the last hash of what is final already.
        let settles = to <= settled && self.inner.pool.size() > 1;
        let mut rejected = Vec::new();
        for _ in 0..=self.inner.pool.size() {
            let range = match self.range_once(expected, from, to, settled).await {
                Err(error) if error.reasons.iter().any(|(_, reason)| *reason == Failure::OtherBranch) => {
                    expected = None;
                    self.range_once(None, from, to, settled).await
                }
                answer => answer,
            };
            let range = range.map_err(|error| missing(error, to))?;
            if !settles {
                return Ok(Range { agreed: self.inner.pool.size() == 1, ..range });
            }
            match self.quorum(to).await {
                Ok(hash) if hash == range.to.hash => return Ok(Range { agreed: true, ..range }),
                Ok(hash) => rejected.push(format!("{} was read, the majority says {hash}", range.to.hash)),
                Err(voices) => return Err(SourceError::NoQuorum { number: to, voices }),
            }
        }
        Err(SourceError::NoQuorum { number: to, voices: rejected.join(", ") })
    }

    /// Returns the hash of a block according to the majority.
    ///
    /// # Errors
    /// When there is no majority.
    pub async fn agreed(&self, number: u64) -> Result<B256, SourceError> {
        if self.inner.pool.size() == 1 {
            return Ok(self.block(number).await?.hash);
        }
        self.quorum(number).await.map_err(|voices| SourceError::NoQuorum { number, voices })
    }

    /// Returns the newest of these blocks, which are given oldest first, that the chain also has. Below a fork all are shared,
    /// and above it none, so this is a binary search.
    ///
    /// # Errors
    /// When the endpoint or the majority that is asked does not answer.
    pub async fn newest_shared(&self, kept: &[BlockId], word: Word) -> Result<Option<BlockId>, SourceError> {
        let (mut shared, mut differing) = (0, kept.len());
        while shared < differing {
            let middle = shared.midpoint(differing);
            let hash = match word {
                Word::Best => self.block(kept[middle].number).await?.hash,
                Word::Majority => self.agreed(kept[middle].number).await?,
            };
            if hash == kept[middle].hash {
                shared = middle + 1;
            } else {
                differing = middle;
            }
        }
        Ok(shared.checked_sub(1).map(|at| kept[at]))
    }

    /// Notes that something was missing in what seemed complete. From now on, every header, link and receipt is checked.
    /// Returns false when they were checked already.
    pub fn doubt(&self) -> bool {
        self.inner.pool.options().verify_receipts > 1 && !self.inner.doubted.swap(true, Ordering::Relaxed)
    }

    /// Returns how many blocks to ask for at once now, as far as the best endpoint's limit is known.
    pub fn span(&self) -> u64 {
        self.inner.pool.range_limit()
    }

    async fn range_once(
        &self,
        expected: Option<BlockId>,
        from: u64,
        to: u64,
        settled: u64,
    ) -> Result<Range, Unavailable> {
        let hashes = self.hashes().await?;
        let read = if from == to { Read::Block } else { Read::Range };
        let every = self.inner.pool.options().verify_receipts.max(1);
        let every = if self.inner.doubted.load(Ordering::Relaxed) { 1 } else { every };
        // If every receipt is checked, so is every header and link, and settled blocks are read like new ones.
        let settled = if every == 1 { settled.min(from.saturating_sub(1)) } else { settled };
        self.inner
            .pool
            .read(read, from..=to, async |endpoint| {
                let fetch = Fetch {
                    endpoint: &endpoint,
                    watched: &self.inner.watched,
                    receipts_missing: &self.inner.receipts_missing,
                    verify_receipts: every,
                    hashes,
                    expected: expected.map(|block| block.hash),
                    settled,
                };
                fetch.range(from, to).await
            })
            .await
    }

    /// Returns whether headers of this chain hash as Ethereum's do; this is decided at first use, by the first endpoint that
    /// shows it.
    async fn hashes(&self) -> Result<bool, Unavailable> {
        let decide = async || {
            if STANDARD_HEADERS.contains(&self.inner.pool.chain_id()) {
                return Ok(true);
            }
            let ask = |endpoint: Arc<Endpoint>| async move { fetch::latest(&endpoint).await };
            let shown = |voices: &[(Arc<Endpoint>, Header)]| voices.iter().any(|(_, header)| header.hashes);
            let headers = self.inner.pool.poll(Voices::Usable, Read::Header, ask, shown).await?;
            let hashes = shown(&headers);
            if !hashes {
                tracing::warn!(
                    chain_id = self.inner.pool.chain_id(),
                    "headers of this chain do not hash as Ethereum's: hashes and receipts are taken from the endpoints"
                );
            }
            Ok(hashes)
        };
        self.inner.hashes.get_or_try_init(decide).await.copied()
    }

    async fn voice(self, endpoint: Arc<Endpoint>, hashes: bool) -> Result<Header, Failure> {
        let tags = match self.inner.finality {
            Finality::Tags => fetch::tagged(&endpoint, hashes).await?,
            Finality::Depth(depth) => {
                let head = fetch::known(fetch::latest(&endpoint).await?, hashes)?;
                let settled = head.number.saturating_sub(depth);
                fetch::Tagged { head, safe: Some(settled), finalized: Some(settled) }
            }
        };
        endpoint.saw_head(tags.head.number);
        let by_depth = tags.head.number.saturating_sub(DEPTH_WITHOUT_TAGS);
        if tags.finalized.is_none() && !self.inner.tags_missing.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                endpoint = endpoint.name(),
                "no finalized block by tag: blocks count as final {DEPTH_WITHOUT_TAGS} below the head"
            );
        }
        let finalized = tags.finalized.unwrap_or(by_depth);
        let voice = Voice { safe: tags.safe.unwrap_or(finalized), finalized };
        lock(&self.inner.voices).insert(endpoint.name().to_owned(), voice);
        Ok(tags.head)
    }

    /// Returns the highest safe and finalized numbers that a strict majority of the endpoints vouches for.
    fn vouched(&self) -> (u64, u64) {
        let entitled = self.inner.pool.voices();
        let voices = lock(&self.inner.voices);
        let majority = |number: fn(&Voice) -> u64| {
            let mut numbers: Vec<u64> =
                entitled.iter().map(|name| voices.get(name).map(number).unwrap_or_default()).collect();
            numbers.sort_unstable_by(|a, b| b.cmp(a));
            numbers.get(entitled.len() / 2).copied().unwrap_or_default()
        };
        (majority(|voice| voice.safe), majority(|voice| voice.finalized))
    }

    /// Returns the block up to which the endpoints agree on what is final. It never falls.
    async fn agree(&self, finalized: u64) -> (u64, Option<B256>) {
        let held = || *self.inner.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held();
        if finalized <= before.0 {
            return before;
        }
        let hash = match self.inner.pool.size() {
            1 => None,
            _ => match self.quorum(finalized).await {
                Ok(hash) => Some(hash),
                Err(voices) => {
                    if self.inner.disputed.fetch_max(finalized, Ordering::Relaxed) < finalized {
                        tracing::warn!(
                            "finality stays at block {}: no majority on block {finalized}: {voices}",
                            before.0
                        );
                    }
                    return before;
                }
            },
        };
        let mut agreed = self.inner.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        if finalized > agreed.0 {
            *agreed = (finalized, hash);
        }
        *agreed
    }

    /// Returns the hash of a finalized block that a strict majority of all endpoints gives. Silent ones count too, and those
    /// that give another hash are dropped. Without a majority, the error tells what each one said.
    async fn quorum(&self, number: u64) -> Result<B256, String> {
        let hashes = self.hashes().await.map_err(|error| error.to_string())?;
        let size = self.inner.pool.size();
        let count = |voices: &[(Arc<Endpoint>, Header)], hash: B256| {
            voices.iter().filter(|(_, header)| header.hash == hash).count()
        };
        let decided = |voices: &[(Arc<Endpoint>, Header)]| {
            voices.last().is_some_and(|(_, header)| count(voices, header.hash) * 2 > size)
        };
        let ask = move |endpoint: Arc<Endpoint>| async move { fetch::header(&endpoint, number, hashes).await };
        let voices = self.inner.pool.poll(Voices::All, Read::Header, ask, decided).await;
        let voices = voices.map_err(|error| error.to_string())?;
        let majority = voices.iter().map(|(_, header)| header.hash).find(|hash| count(&voices, *hash) * 2 > size);
        let Some(hash) = majority else {
            let said = voices.iter().map(|(endpoint, header)| format!("{}: {}", endpoint.name(), header.hash));
            return Err(said.collect::<Vec<_>>().join(", "));
        };
        for (endpoint, header) in &voices {
            let against = (header.hash != hash)
                .then(|| format!("its finalized block {number} is {}, the majority's {hash}", header.hash));
            self.inner.pool.compared(endpoint, against);
        }
        Ok(hash)
    }
}

/// Names the block that is missing, if that is all that is wrong.
fn missing(error: Unavailable, number: u64) -> SourceError {
    if error.is_missing() { SourceError::Missing(number) } else { SourceError::Unavailable(error) }
}

/// Adds a name. Returns true when it is new.
fn note(names: &Mutex<Vec<String>>, name: &str) -> bool {
    let mut names = lock(names);
    let new = !names.iter().any(|known| known == name);
    if new {
        names.push(name.to_owned());
    }
    new
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
