//! Reading the chain: headers and logs of a range, believed only after they agree with each other.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, BloomInput},
    providers::{DynProvider, Provider},
    rpc::types::{BlockNumberOrTag, Filter, Header, Log},
    transports::{RpcError, TransportErrorKind},
};
use futures::{StreamExt, TryStreamExt, stream};
use service::Finality;

/// Headers asked for at the same time.
const PARALLEL_HEADERS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockId {
    pub number: u64,
    pub hash: B256,
}

/// Where the chain stands: the head, and how far it is settled.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub head: BlockId,
    pub safe: u64,
    pub finalized: u64,
}

/// A verified range: its last block, the headers that matter, and every log of the watched contracts.
#[derive(Debug)]
pub struct Range {
    pub from: u64,
    pub to: BlockId,
    pub headers: BTreeMap<u64, Header>,
    pub logs: Vec<Log>,
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("the node did not answer: {0}")]
    Rpc(#[from] RpcError<TransportErrorKind>),
    #[error("the node has no block {0} yet")]
    Missing(u64),
    #[error("the node's answers do not agree: {0}")]
    Inconsistent(String),
}

impl SourceError {
    /// Whether a smaller range may succeed: nodes limit answers by size, and say so in many words.
    pub fn may_be_too_large(&self) -> bool {
        matches!(self, Self::Rpc(RpcError::ErrorResp(_) | RpcError::DeserError { .. } | RpcError::Transport(_)))
    }
}

#[derive(Clone)]
pub struct Source {
    provider: DynProvider,
    watched: Vec<Address>,
    finality: Finality,
}

impl Source {
    pub fn new(provider: DynProvider, watched: Vec<Address>, finality: Finality) -> Self {
        Self { provider, watched, finality }
    }

    pub async fn head(&self) -> Result<Head, SourceError> {
        let head = self.tagged(BlockNumberOrTag::Latest).await?.ok_or(SourceError::Missing(0))?;
        let (safe, finalized) = match self.finality {
            Finality::Depth(depth) => (head.number.saturating_sub(depth), head.number.saturating_sub(depth)),
            Finality::Tags => {
                let finalized = self.tagged(BlockNumberOrTag::Finalized).await?.map_or(0, |block| block.number);
                let safe = self.tagged(BlockNumberOrTag::Safe).await?.map_or(0, |block| block.number);
                (safe.max(finalized), finalized)
            }
        };
        Ok(Head { head, safe: safe.min(head.number), finalized: finalized.min(head.number) })
    }

    async fn tagged(&self, tag: BlockNumberOrTag) -> Result<Option<BlockId>, SourceError> {
        let block = self.provider.get_block_by_number(tag).await?;
        Ok(block.map(|block| BlockId { number: block.header.number, hash: block.header.hash }))
    }

    pub async fn header(&self, number: u64) -> Result<Header, SourceError> {
        let block = self.provider.get_block_by_number(number.into()).await?.ok_or(SourceError::Missing(number))?;
        if block.header.number != number {
            return Err(SourceError::Inconsistent(format!("asked for block {number}, got {}", block.header.number)));
        }
        Ok(block.header)
    }

    /// Fetches `from..=to` on top of `parent`. Above `settled` every header is fetched, so that the range is one chain;
    /// below it only the ends and the blocks that hold logs.
    pub async fn range(&self, parent: BlockId, to: u64, settled: u64) -> Result<Range, SourceError> {
        let from = parent.number + 1;
        let filter = Filter::new().address(self.watched.clone()).from_block(from).to_block(to);
        let logs = self.provider.get_logs(&filter).await?;
        let mut wanted: Vec<u64> = logs.iter().filter_map(|log| log.block_number).collect();
        wanted.extend([from, to]);
        wanted.extend((from.max(settled + 1))..=to);
        wanted.sort_unstable();
        wanted.dedup();
        let headers: BTreeMap<u64, Header> = stream::iter(wanted)
            .map(|number| async move { self.header(number).await.map(|header| (number, header)) })
            .buffered(PARALLEL_HEADERS)
            .try_collect()
            .await?;
        self.check_links(parent, &headers)?;
        let logs = self.check_logs(&headers, from, to, logs).await?;
        let hash = headers.get(&to).map(|header| header.hash).ok_or(SourceError::Missing(to))?;
        Ok(Range { from, to: BlockId { number: to, hash }, headers, logs })
    }

    fn check_links(&self, parent: BlockId, headers: &BTreeMap<u64, Header>) -> Result<(), SourceError> {
        let mut previous = parent;
        for (number, header) in headers {
            if *number == previous.number + 1 && header.parent_hash != previous.hash {
                return Err(SourceError::Inconsistent(format!(
                    "block {number} does not follow block {} as it was known",
                    previous.number
                )));
            }
            previous = BlockId { number: *number, hash: header.hash };
        }
        Ok(())
    }

    /// Every log lies in a block of these headers, in order, from a watched contract; and a block whose bloom speaks of
    /// a watched contract but came without logs is asked for by its hash.
    async fn check_logs(
        &self,
        headers: &BTreeMap<u64, Header>,
        from: u64,
        to: u64,
        mut logs: Vec<Log>,
    ) -> Result<Vec<Log>, SourceError> {
        let silent = headers.values().filter(|header| {
            let speaks = self
                .watched
                .iter()
                .any(|address| header.logs_bloom.contains_input(BloomInput::Raw(address.as_slice())));
            speaks && !logs.iter().any(|log| log.block_number == Some(header.number))
        });
        let mut found = Vec::new();
        for header in silent {
            let filter = Filter::new().address(self.watched.clone()).at_block_hash(header.hash);
            found.extend(self.provider.get_logs(&filter).await?);
        }
        logs.extend(found);
        for log in &logs {
            let number = log.block_number.unwrap_or_default();
            let known = headers.get(&number).is_some_and(|header| Some(header.hash) == log.block_hash);
            if !known || number < from || number > to || log.removed || !self.watched.contains(&log.address()) {
                return Err(SourceError::Inconsistent(format!(
                    "a log of block {number} belongs to another chain or filter"
                )));
            }
        }
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        logs.dedup_by_key(|log| (log.block_number, log.log_index));
        Ok(logs)
    }
}
