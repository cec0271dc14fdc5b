//! Facts with their context, before and after they are stored.

use crate::{ChainId, Fact, Hash, Stream, Subject, TraceContext};

/// Where in a chain a fact was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The block's number.
    pub block: u64,
    /// The log's place in the block.
    pub log: u32,
    /// The transaction's hash.
    pub transaction: Hash,
    /// When the block was mined, in seconds since 1970.
    pub time: u64,
}

/// A fact to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFact {
    /// The chain it belongs to, if it belongs to one.
    pub chain: Option<ChainId>,
    /// Where the chain says so, where the chain does.
    pub place: Option<Place>,
    /// What it is about.
    pub subject: Subject,
    /// Where it is listed.
    pub streams: Vec<Stream>,
    /// What happened.
    pub fact: Fact,
}

impl NewFact {
    /// Creates a fact that belongs to no chain.
    pub fn new(subject: Subject, streams: impl IntoIterator<Item = Stream>, fact: Fact) -> Self {
        Self { chain: None, place: None, subject, streams: streams.into_iter().collect(), fact }
    }

    /// Creates a fact that belongs to a chain, but does not come from a log.
    pub fn of_chain(chain: ChainId, subject: Subject, streams: impl IntoIterator<Item = Stream>, fact: Fact) -> Self {
        Self { chain: Some(chain), ..Self::new(subject, streams, fact) }
    }

    /// Creates a fact about a chain as a whole.
    pub fn about_chain(chain: ChainId, fact: Fact) -> Self {
        Self::of_chain(chain, Subject::Chain { chain }, [Stream::Chain { chain }], fact)
    }
}

/// A fact that was stored in the outbox, as its readers are given it.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Its number in the outbox. Facts are read in the order in which their transactions were committed, which may differ from
    /// the order of numbers.
    pub id: i64,
    /// The version of its kind in which it was stored.
    pub version: u16,
    /// The chain it belongs to, if it belongs to one.
    pub chain: Option<ChainId>,
    /// The block whose log says so, where the chain does.
    pub block: Option<u64>,
    /// What it is about.
    pub subject: Subject,
    /// Where it is listed.
    pub streams: Vec<Stream>,
    /// The fact that this one takes back, word for word: its block left the chain.
    pub retracts: Option<i64>,
    /// What caused it.
    pub trace: Option<TraceContext>,
    /// What happened.
    pub fact: Fact,
}

impl Envelope {
    /// Returns whether the fact takes back an earlier one.
    pub fn is_retracted(&self) -> bool {
        self.retracts.is_some()
    }
}
