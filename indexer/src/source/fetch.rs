//! Fetches one range of blocks from one endpoint, in few round trips.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Mutex,
    time::Instant,
};

use alloy::primitives::B256;
use chain::pool::{
    Answer, Call, Endpoint, Failure, NodeError, Receipts,
    wire::{self, Header, Log, Receipt, ReceiptsRoot},
};
use serde_json::json;

use super::{
    Block, Range, note,
    verify::{self, Doubt, Watched},
};

/// How often a range is read again when the chain changes meanwhile.
const ATTEMPTS: usize = 5;
/// How many blocks' receipts are asked for together. They are large.
const RECEIPTS: usize = 8;
/// JSON-RPC's code for parameters that a method does not accept. Here it is a block's hash.
const INVALID_PARAMS: i64 = -32602;

/// Returns the header of this number.
///
/// # Errors
/// When the endpoint does not have it, or its hash is wrong.
pub(super) async fn header(endpoint: &Endpoint, number: u64, hashes: bool) -> Result<Header, Failure> {
    let text = endpoint.call(header_call(number)).await?;
    numbered(number, wire::parse_header(&text)?, hashes)
}

/// Returns the head according to the endpoint. Its hash is not checked.
pub(super) async fn latest(endpoint: &Endpoint) -> Result<Header, Failure> {
    let text = endpoint.call(tag_call("latest")).await?;
    wire::parse_header(&text)?.ok_or(Failure::Missing(0))
}

/// Returns the header if its hash is right, or need not be checked.
pub(super) fn known(header: Header, hashes: bool) -> Result<Header, Failure> {
    if hashes && !header.hashes {
        return Err(Failure::Lie(format!("the header of block {} does not hash to {}", header.number, header.hash)));
    }
    Ok(header)
}

/// The end of the chain according to one endpoint. A number is missing if the endpoint does not know the tag.
pub(super) struct Tagged {
    pub head: Header,
    pub safe: Option<u64>,
    pub finalized: Option<u64>,
}

pub(super) async fn tagged(endpoint: &Endpoint, hashes: bool) -> Result<Tagged, Failure> {
    let calls = ["latest", "safe", "finalized"].map(tag_call);
    let mut answers = endpoint.batch(&calls).await?.into_iter();
    let mut next = || answers.next().unwrap_or_else(|| Err(NodeError::default()));
    let head = wire::parse_header(&next().map_err(Failure::Node)?)?.ok_or(Failure::Missing(0))?;
    let mut number = || -> Result<Option<u64>, Failure> {
        let Ok(text) = next() else { return Ok(None) };
        let header = wire::parse_header(&text)?.map(|header| known(header, hashes)).transpose()?;
        Ok(header.map(|header| header.number))
    };
    let (safe, finalized) = (number()?, number()?);
    Ok(Tagged { head: known(head, hashes)?, safe, finalized })
}

/// How a range is read from one endpoint.
pub(super) struct Fetch<'a> {
    pub endpoint: &'a Endpoint,
    pub watched: &'a Watched,
    /// Endpoints for which it was already logged that their receipts cannot be checked.
    pub receipts_missing: &'a Mutex<Vec<String>>,
    /// Of settled blocks with logs, the receipts of one in this many are checked.
    pub verify_receipts: u64,
    /// Whether headers must hash.
    pub hashes: bool,
    /// The parent that the first block should have.
    pub expected: Option<B256>,
    pub settled: u64,
}

/// What the endpoint said about a part of the range, before it is checked.
struct Told {
    from: u64,
    to: u64,
    headers: BTreeMap<u64, Header>,
    logs: Vec<Log>,
    bytes: usize,
}

impl Fetch<'_> {
    /// Reads `from..=to` in parts as large as the endpoint allows.
    ///
    /// # Errors
    /// When the endpoint fails, does not have the range, follows another branch than expected, or contradicts itself.
    pub async fn range(&self, from: u64, to: u64) -> Result<Range, Failure> {
        if from > to {
            return Err(Failure::Missing(from));
        }
        let mut whole: Option<Range> = None;
        let mut next = from;
        loop {
            let end = to.min(next.saturating_add(self.endpoint.range_limit() - 1));
            let Some(part) = self.part(next, end).await? else { continue };
            let joined = match whole.take() {
                Some(whole) => self.join(whole, part)?,
                None if self.expected.is_some_and(|parent| parent != part.parent) => return Err(Failure::OtherBranch),
                None => part,
            };
            if end == to {
                return Ok(joined);
            }
            whole = Some(joined);
            next = end + 1;
        }
    }

    fn join(&self, mut whole: Range, mut part: Range) -> Result<Range, Failure> {
        if part.parent != whole.to.hash {
            return Err(if whole.to.number <= self.settled {
                Failure::Lie(format!("block {} does not follow block {}", part.from, whole.to.number))
            } else {
                Failure::Moved
            });
        }
        whole.to = part.to;
        whole.bytes += part.bytes;
        whole.blocks.append(&mut part.blocks);
        whole.logs.append(&mut part.logs);
        Ok(whole)
    }

    /// Reads one part. `None` when the endpoint does not accept this many blocks. What is unclear is read again until the
    /// same blocks give the same answer twice, because the chain may have changed between the answers.
    async fn part(&self, from: u64, to: u64) -> Result<Option<Range>, Failure> {
        let mut before = None;
        for _ in 0..ATTEMPTS {
            let Some(mut told) = self.ask(from, to).await? else { return Ok(None) };
            let failure = match self.verify(&mut told).await {
                Ok(()) => return told.believed().map(Some),
                Err(Doubt::Failed(failure)) => return Err(failure),
                Err(Doubt::Unclear(failure)) => failure,
            };
            let blocks = verify::identity(&told.headers);
            if before.as_ref() == Some(&blocks) {
                return Err(match failure {
                    // Settled blocks do not change, whichever node answers.
                    Failure::Contradiction(reason) if to <= self.settled => Failure::Lie(reason),
                    failure => failure,
                });
            }
            before = Some(blocks);
        }
        Err(Failure::Moved)
    }

    /// Asks for the logs and for the headers that are certainly needed at once, then for the headers of other blocks with
    /// logs.
    async fn ask(&self, from: u64, to: u64) -> Result<Option<Told>, Failure> {
        let mut numbers: Vec<u64> = (from.max(self.settled.saturating_add(1))..=to).chain([from, to]).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut calls = vec![self.logs_call(json!({"fromBlock": hex(from), "toBlock": hex(to)}))];
        calls.extend(numbers.iter().map(|number| header_call(*number)));
        let (blocks, started) = (to - from + 1, Instant::now());
        let mut answers = match self.endpoint.batch(&calls).await {
            Ok(answers) => answers.into_iter(),
            Err(failure @ (Failure::TooLarge(_) | Failure::Timeout)) if blocks > 1 => {
                self.endpoint.range_refused(blocks, "");
                return if failure == Failure::Timeout { Err(failure) } else { Ok(None) };
            }
            Err(failure) => return Err(failure),
        };
        let text = match answers.next() {
            Some(Ok(text)) => text,
            // Many nodes refuse a range beyond their head.
            Some(Err(_)) if answers.next_back().is_some_and(|last| is_null(&last)) => return Err(Failure::Missing(to)),
            Some(Err(error)) if error.is_pruned() => return Err(Failure::Missing(from)),
            Some(Err(error)) if blocks > 1 => {
                self.endpoint.range_refused(blocks, &error.message);
                return Ok(None);
            }
            Some(Err(error)) => return Err(Failure::Node(error)),
            None => return Err(Failure::Malformed("no answer".into())),
        };
        let mut bytes = text.get().len();
        let time = started.elapsed();
        let logs = wire::parse_logs(&text)?;
        drop(text);
        self.endpoint.range_answered(blocks, logs.len(), bytes, time);
        let mut headers = BTreeMap::new();
        bytes += self.read_headers(&numbers, answers, &mut headers)?;
        let mut others: Vec<u64> = logs.iter().map(|log| log.block).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|number| (from..=to).contains(number) && !headers.contains_key(number));
        if !others.is_empty() {
            let calls: Vec<Call> = others.iter().map(|number| header_call(*number)).collect();
            bytes += self.read_headers(&others, self.endpoint.batch(&calls).await?.into_iter(), &mut headers)?;
        }
        Ok(Some(Told { from, to, headers, logs, bytes }))
    }

    fn read_headers(
        &self,
        numbers: &[u64],
        answers: impl Iterator<Item = Answer>,
        headers: &mut BTreeMap<u64, Header>,
    ) -> Result<usize, Failure> {
        let mut bytes = 0;
        for (number, answer) in numbers.iter().zip(answers) {
            let text = answer.map_err(Failure::Node)?;
            bytes += text.get().len();
            headers.insert(*number, numbered(*number, wire::parse_header(&text)?, self.hashes)?);
        }
        Ok(bytes)
    }

    async fn verify(&self, told: &mut Told) -> Result<(), Doubt> {
        verify::check_links(&told.headers)?;
        let silent = told.silent(self.watched);
        if !silent.is_empty() {
            let found = self.ask_again(told, &silent).await?;
            told.logs.extend(found);
        }
        told.logs.sort_by_key(|log| (log.block, log.index));
        verify::check_logs(self.watched, &told.headers, &told.logs, self.hashes)?;
        if self.hashes {
            let blocks = self.receipts_wanted(told, &silent);
            self.check_receipts(told, &blocks).await?;
        }
        Ok(())
    }

    /// Asks by hash for the logs of blocks whose bloom filter mentions a watched contract but which came without logs.
    async fn ask_again(&self, told: &mut Told, silent: &[u64]) -> Result<Vec<Log>, Doubt> {
        let headers: Vec<&Header> = silent.iter().filter_map(|number| told.headers.get(number)).collect();
        let calls: Vec<Call> =
            headers.iter().map(|header| self.logs_call(json!({ "blockHash": header.hash }))).collect();
        let mut found = Vec::new();
        for (header, answer) in headers.iter().zip(self.endpoint.batch(&calls).await?) {
            // A block that left the chain meanwhile is refused. Then the second reading shows another one.
            let text = answer.map_err(|error| Doubt::Unclear(Failure::Node(error)))?;
            let logs = wire::parse_logs(&text)?;
            if logs.iter().any(|log| log.block_hash != header.hash || log.block != header.number) {
                return Err(verify::lie(format!("asked for block {}, it gave logs of another", header.hash)));
            }
            found.extend(logs);
        }
        Ok(found)
    }

    /// Returns every unsettled block that has or may have logs and, of settled blocks with logs, a sample and the last one.
    fn receipts_wanted(&self, told: &Told, silent: &[u64]) -> Vec<u64> {
        let sampled = |header: &Header| {
            let tail = header.hash.last_chunk().copied().map_or(0, u64::from_be_bytes);
            tail.is_multiple_of(self.verify_receipts)
        };
        let last = told.logs.last().map(|log| log.block);
        let mut wanted: Vec<u64> = told.logs.iter().map(|log| log.block).collect();
        wanted.dedup();
        wanted.retain(|number| {
            *number > self.settled || Some(*number) == last || told.headers.get(number).is_some_and(sampled)
        });
        wanted.extend(silent);
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    async fn check_receipts(&self, told: &Told, blocks: &[u64]) -> Result<(), Doubt> {
        let headers: Vec<&Header> = blocks.iter().filter_map(|number| told.headers.get(number)).collect();
        for headers in headers.chunks(RECEIPTS) {
            let Some(receipts) = self.receipts(headers).await? else { return Ok(()) };
            for (header, receipts) in headers.iter().zip(receipts) {
                if receipts.iter().any(|receipt| receipt.block_hash != header.hash) {
                    return Err(verify::contradiction(format!("receipts of block {} are of another", header.number)));
                }
                match wire::check_receipts_root(header, &receipts) {
                    ReceiptsRoot::Equal => {
                        verify::check_receipts(self.watched, header, &receipts, told.logs_of(header.number))?;
                    }
                    ReceiptsRoot::Different => {
                        return Err(verify::lie(format!("the receipts of block {} have another root", header.number)));
                    }
                    ReceiptsRoot::Unknown => self.skip("its blocks hold receipts of an unknown type"),
                }
            }
        }
        Ok(())
    }

    /// Returns the receipts of these blocks, ordered by transaction. `None` when the endpoint cannot give them.
    async fn receipts(&self, headers: &[&Header]) -> Result<Option<Vec<Vec<Receipt>>>, Doubt> {
        if self.endpoint.receipts() == Receipts::ByBlock {
            let calls: Vec<Call> =
                headers.iter().map(|header| Call::new("eth_getBlockReceipts", json!([header.hash]))).collect();
            let mut all = Vec::with_capacity(headers.len());
            for (header, answer) in headers.iter().zip(self.endpoint.batch(&calls).await?) {
                let text = match answer {
                    Ok(text) => text,
                    Err(error) if error.is_unknown_method() || error.code == INVALID_PARAMS => {
                        self.endpoint.learn_receipts(Receipts::ByTransaction);
                        break;
                    }
                    Err(error) => return Err(Doubt::Unclear(Failure::Node(error))),
                };
                let Some(mut receipts) = wire::parse_receipts(&text)? else {
                    return Err(Doubt::Unclear(Failure::Missing(header.number)));
                };
                receipts.sort_by_key(|receipt| receipt.transaction_index);
                all.push(receipts);
            }
            if all.len() == headers.len() {
                return Ok(Some(all));
            }
        }
        let mut all = Vec::with_capacity(headers.len());
        for header in headers {
            if self.endpoint.receipts() == Receipts::Never {
                return self.without_receipts();
            }
            match self.receipts_by_transaction(header).await? {
                Some(receipts) => all.push(receipts),
                None => self.endpoint.learn_receipts(Receipts::Never),
            }
        }
        if all.len() < headers.len() {
            return self.without_receipts();
        }
        Ok(Some(all))
    }

    async fn receipts_by_transaction(&self, header: &Header) -> Result<Option<Vec<Receipt>>, Doubt> {
        let gone = || Doubt::Unclear(Failure::Missing(header.number));
        let call = Call::new("eth_getBlockByHash", json!([header.hash, false]));
        let hashes = wire::parse_transaction_hashes(&self.endpoint.call(call).await?)?.ok_or_else(gone)?;
        let calls: Vec<Call> =
            hashes.iter().map(|hash| Call::new("eth_getTransactionReceipt", json!([hash]))).collect();
        let mut receipts = Vec::with_capacity(calls.len());
        for answer in self.endpoint.batch(&calls).await? {
            match answer {
                Ok(text) => receipts.push(wire::parse_receipt(&text)?.ok_or_else(gone)?),
                Err(error) if error.is_unknown_method() => return Ok(None),
                Err(error) => return Err(Failure::Node(error).into()),
            }
        }
        Ok(Some(receipts))
    }

    /// Handles an endpoint that does not give receipts. If every receipt must be checked, it cannot be used, but it may
    /// have refused for another reason.
    fn without_receipts(&self) -> Result<Option<Vec<Vec<Receipt>>>, Doubt> {
        if self.verify_receipts == 1 {
            self.endpoint.learn_receipts(Receipts::ByBlock);
            let message = "it gives no receipts, and every receipt is to be checked".to_owned();
            return Err(Doubt::Unclear(Failure::Node(NodeError::new(0, message))));
        }
        self.skip("it gives no receipts");
        Ok(None)
    }

    fn skip(&self, why: &str) {
        if note(self.receipts_missing, self.endpoint.name()) {
            tracing::warn!(endpoint = self.endpoint.name(), "logs are not checked against receipts: {why}");
        }
    }

    fn logs_call(&self, mut filter: serde_json::Value) -> Call {
        filter["address"] = json!(self.watched.addresses);
        Call::new("eth_getLogs", json!([filter]))
    }
}

impl Told {
    /// Returns the blocks whose bloom filter mentions a watched contract, but from which no log came.
    fn silent(&self, watched: &Watched) -> Vec<u64> {
        let spoken: HashSet<u64> = self.logs.iter().map(|log| log.block).collect();
        let silent = |header: &&Header| watched.may_speak(&header.logs_bloom) && !spoken.contains(&header.number);
        self.headers.values().filter(silent).map(|header| header.number).collect()
    }

    /// Returns the logs of one block, once they are ordered.
    fn logs_of(&self, number: u64) -> &[Log] {
        let start = self.logs.partition_point(|log| log.block < number);
        let end = self.logs.partition_point(|log| log.block <= number);
        &self.logs[start..end]
    }

    fn believed(self) -> Result<Range, Failure> {
        let blocks: BTreeMap<u64, Block> = self.headers.values().map(|header| (header.number, header.into())).collect();
        let (Some(first), Some(last)) = (blocks.get(&self.from), blocks.get(&self.to)) else {
            return Err(Failure::Missing(self.to));
        };
        let (parent, to) = (first.parent_hash, last.id());
        Ok(Range { from: self.from, parent, to, agreed: false, blocks, logs: self.logs, bytes: self.bytes })
    }
}

fn numbered(number: u64, header: Option<Header>, hashes: bool) -> Result<Header, Failure> {
    let header = known(header.ok_or(Failure::Missing(number))?, hashes)?;
    if header.number != number {
        return Err(Failure::Lie(format!("asked for block {number}, it gave block {}", header.number)));
    }
    Ok(header)
}

fn is_null(answer: &Answer) -> bool {
    answer.as_ref().is_ok_and(|text| text.get() == "null")
}

fn header_call(number: u64) -> Call {
    Call::new("eth_getBlockByNumber", json!([hex(number), false]))
}

fn tag_call(tag: &str) -> Call {
    Call::new("eth_getBlockByNumber", json!([tag, false]))
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}
