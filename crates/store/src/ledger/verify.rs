//! Reads the whole ledger again and compares everything that is stored with what it must be.

use std::collections::{BTreeMap, BTreeSet};

use ::facts::Hash;
use alloy_primitives::B256;
use domain::ledger::{
    Entry, chain,
    chain::Verifier,
    tree::{self, Frontier, Node},
};
use sqlx::PgConnection;

use super::{Head, Row, head, proof, seal::STORED_LEVEL, signed, unsigned};
use crate::StoreError;

/// The number of events that are read at a time. With bodies of the greatest length they take 64 MB.
const CHUNK: i64 = 1_000;

/// A ledger that is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Where it ends.
    pub head: Head,
    /// The root over all of it; `None` when it is empty.
    pub root: Option<B256>,
}

/// What is wrong, and where. Of several faults, it is the one with the lowest number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The chain of events is broken.
    #[error(transparent)]
    Chain(#[from] chain::Fault),
    /// The index of streams lacks an event.
    #[error("ledger entry {seq}: it belongs to stream `{stream}`, but is not listed there")]
    NotInStream { seq: u64, stream: String },
    /// The index of streams lists an event that does not belong there.
    #[error("ledger entry {seq}: it is listed in stream `{stream}`, but does not belong there")]
    NotOfStream { seq: u64, stream: String },
    /// A stored node is missing.
    #[error("ledger entries {first} to {last}: their node of level {level} is missing")]
    NoNode { level: u8, first: u64, last: u64 },
    /// A stored node is not the hash of its entries, or stands where none belongs.
    #[error("ledger entries up to {last}: their node of level {level} is {stored}, which is not their hash")]
    Node { level: u8, last: u64, stored: B256 },
    /// There are fewer entries than there were.
    #[error("ledger entry {seq}: it is missing: {size} entries were sealed")]
    Missing { seq: u64, size: u64 },
    /// There are more entries than were sealed.
    #[error("ledger entry {seq}: it was added by other hands: {size} entries were sealed")]
    Added { seq: u64, size: u64 },
    /// The head does not name the last entry.
    #[error("ledger head: it says that entry {size} has hash {stored}; it has {computed}")]
    Head { size: u64, stored: B256, computed: B256 },
    /// The anchored ledger has more entries.
    #[error("ledger entry {}: it is missing: {anchored} entries were anchored, {size} are there", size + 1)]
    Shorter { size: u64, anchored: u64 },
    /// The anchored ledger is a different one.
    #[error(
        "ledger entries {first} to {size}: one of them is not what was anchored: the root is {computed}, anchored was {anchored}"
    )]
    Anchor { first: u64, size: u64, anchored: B256, computed: B256 },
}

impl Fault {
    /// Returns the number of the entry that the fault is about.
    fn seq(&self) -> u64 {
        match self {
            Self::Chain(fault) => fault.seq,
            Self::NotInStream { seq, .. } | Self::NotOfStream { seq, .. } => *seq,
            Self::Missing { seq, .. } | Self::Added { seq, .. } => *seq,
            Self::NoNode { last, .. } | Self::Node { last, .. } => *last,
            Self::Head { size, .. } | Self::Anchor { size, .. } => *size,
            Self::Shorter { size, .. } => size + 1,
        }
    }
}

/// Reads the ledger from the first event to the last sealed when it began, in bounded memory, and compares hashes, streams,
/// nodes and head with what they must be, and the root at each of the `anchored` sizes with the one that was anchored.
/// `progress` is told how many events of how many were read.
///
/// Whoever can write to every table can make a ledger that holds together: only what was anchored shows that it is another.
///
/// # Errors
/// When the database fails. A fault of the ledger is not an error but the inner result.
pub async fn verify(
    tx: &mut PgConnection,
    anchored: &[(u64, B256)],
    progress: impl FnMut(u64, u64),
) -> Result<Result<Verified, Fault>, StoreError> {
    let head = head(tx).await?;
    // Before the first number there is, so that numbers that must not be are seen as well.
    read_on(tx, Reader::new(anchored), i64::MIN, head, progress).await
}

/// Verifies as [`verify`] does, but begins after the first `size` events, which are not read again. Their root must be the
/// one that was anchored over them. Entries that pass extend what was anchored.
///
/// # Errors
/// When the database fails. A fault of the ledger is not an error but the inner result.
pub async fn verify_since(
    tx: &mut PgConnection,
    size: u64,
    anchored: B256,
) -> Result<Result<Verified, Fault>, StoreError> {
    let head = head(tx).await?;
    if size > head.size {
        return Ok(Err(Fault::Shorter { size: head.size, anchored: size }));
    }
    let Some(last) = super::entry(tx, size).await? else {
        return Ok(Err(Fault::Missing { seq: size, size: head.size }));
    };
    let frontier = proof::frontier(tx, size).await?;
    if let Some(computed) = frontier.root().filter(|root| *root != anchored) {
        return Ok(Err(Fault::Anchor { first: 1, size, anchored, computed }));
    }
    let chain = Verifier::after(size, last.hash);
    let reader = Reader { chain, frontier, anchored: BTreeMap::new(), agreed: size };
    read_on(tx, reader, signed(size), head, |_, _| ()).await
}

async fn read_on(
    tx: &mut PgConnection,
    mut reader: Reader,
    mut after: i64,
    head: Head,
    mut progress: impl FnMut(u64, u64),
) -> Result<Result<Verified, Fault>, StoreError> {
    loop {
        let rows = chunk(tx, after, head.size).await?;
        let Some(last) = rows.last().map(|row| row.seq) else { break };
        let entries = rows.into_iter().map(Row::entry).collect::<Vec<_>>();
        if let Some(fault) = reader.read(tx, &entries).await? {
            return Ok(Err(fault));
        }
        after = last;
        progress(reader.chain.size(), head.size);
    }
    if let Some(fault) = reader.end(tx, head).await? {
        return Ok(Err(fault));
    }
    Ok(Ok(Verified { head, root: reader.frontier.root() }))
}

async fn chunk(tx: &mut PgConnection, after: i64, through: u64) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT seq, at, kind, subject, streams, body, previous AS "previous: Hash", hash AS "hash: Hash"
           FROM ledger.events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3"#,
        after,
        signed(through),
        CHUNK
    );
    Ok(rows.fetch_all(tx).await?)
}

/// What is known of the entries read so far.
struct Reader {
    chain: Verifier,
    frontier: Frontier,
    /// What is still to come, by size.
    anchored: BTreeMap<u64, B256>,
    /// The last size at which the root was as anchored.
    agreed: u64,
}

impl Reader {
    fn new(anchored: &[(u64, B256)]) -> Self {
        let anchored = anchored.iter().copied().collect();
        Self { chain: Verifier::new(), frontier: Frontier::default(), anchored, agreed: 0 }
    }

    /// Reads on, and returns the fault with the lowest number among these entries, if there is one.
    async fn read(&mut self, tx: &mut PgConnection, entries: &[Entry]) -> Result<Option<Fault>, StoreError> {
        let before = self.chain.size();
        let mut nodes = BTreeMap::new();
        let mut faults = Vec::new();
        for entry in entries {
            if let Err(fault) = self.chain.push(entry) {
                faults.push(fault.into());
                break;
            }
            self.frontier.push(tree::leaf(entry.event.seq, entry.hash), |node, hash| {
                if node.level >= STORED_LEVEL {
                    nodes.insert((node.last(), node.level), hash);
                }
            });
            if let Some(fault) = self.anchor() {
                faults.push(fault);
                break;
            }
        }
        let through = self.chain.size();
        let good = &entries[..(through - before) as usize];
        faults.extend(streams(tx, good, before, through).await?);
        faults.extend(stored_nodes(tx, nodes, before, through).await?);
        Ok(faults.into_iter().min_by_key(Fault::seq))
    }

    fn anchor(&mut self) -> Option<Fault> {
        let size = self.frontier.size();
        let anchored = self.anchored.remove(&size)?;
        let computed = self.frontier.root().filter(|root| *root != anchored);
        let first = std::mem::replace(&mut self.agreed, size) + 1;
        computed.map(|computed| Fault::Anchor { first, size, anchored, computed })
    }

    /// Returns the faults that only the end shows.
    async fn end(&self, tx: &mut PgConnection, head: Head) -> Result<Option<Fault>, StoreError> {
        let size = self.chain.size();
        if size < head.size {
            return Ok(Some(Fault::Missing { seq: size + 1, size: head.size }));
        }
        if self.chain.hash() != head.hash {
            return Ok(Some(Fault::Head { size, stored: head.hash, computed: self.chain.hash() }));
        }
        if let Some((&anchored, _)) = self.anchored.last_key_value() {
            return Ok(Some(Fault::Shorter { size, anchored }));
        }
        outside(tx).await
    }
}

/// Compares the index of streams with what the entries `after + 1` to `through` say themselves.
async fn streams(
    tx: &mut PgConnection,
    entries: &[Entry],
    after: u64,
    through: u64,
) -> Result<Option<Fault>, StoreError> {
    let rows = sqlx::query!(
        "SELECT seq, stream FROM ledger.streams WHERE seq > $1 AND seq <= $2",
        signed(after),
        signed(through)
    );
    let rows = rows.fetch_all(tx).await?;
    let listed: BTreeSet<(u64, &str)> = rows.iter().map(|row| (unsigned(row.seq), row.stream.as_str())).collect();
    let events = entries.iter().map(|entry| &entry.event);
    let said: BTreeSet<(u64, &str)> =
        events.flat_map(|event| event.streams.iter().map(|stream| (event.seq, stream.as_str()))).collect();
    let fault = listed.symmetric_difference(&said).next().map(|&(seq, stream)| {
        let stream = stream.to_owned();
        if said.contains(&(seq, stream.as_str())) {
            Fault::NotInStream { seq, stream }
        } else {
            Fault::NotOfStream { seq, stream }
        }
    });
    Ok(fault)
}

/// Compares the stored nodes that end at the entries `after + 1` to `through` with those computed.
async fn stored_nodes(
    tx: &mut PgConnection,
    computed: BTreeMap<(u64, u8), B256>,
    after: u64,
    through: u64,
) -> Result<Option<Fault>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT last, level, hash AS "hash: Hash" FROM ledger.nodes WHERE last > $1 AND last <= $2"#,
        signed(after),
        signed(through)
    );
    let rows = rows.fetch_all(tx).await?.into_iter();
    let stored = rows.map(|row| Ok(((unsigned(row.last), row.level as u8), row.hash.0)));
    let stored = stored.collect::<Result<BTreeMap<(u64, u8), B256>, StoreError>>()?;
    let missing = computed.keys().find(|key| !stored.contains_key(key)).map(|&(last, level)| {
        let node = Node { level, index: (last >> level) - 1 };
        Fault::NoNode { level, first: node.first(), last }
    });
    let wrong = stored.into_iter().find(|(key, hash)| computed.get(key) != Some(hash));
    let wrong = wrong.map(|((last, level), stored)| Fault::Node { level, last, stored });
    Ok(missing.into_iter().chain(wrong).min_by_key(Fault::seq))
}

/// Finds rows behind the head or before the first entry. One statement sees head and rows as one commit left them.
async fn outside(tx: &mut PgConnection) -> Result<Option<Fault>, StoreError> {
    let added = sqlx::query!(
        r#"SELECT seq, (SELECT size FROM ledger.head) AS "size!" FROM ledger.events
           WHERE seq > (SELECT size FROM ledger.head) ORDER BY seq LIMIT 1"#
    );
    if let Some(row) = added.fetch_optional(&mut *tx).await? {
        return Ok(Some(Fault::Added { seq: unsigned(row.seq), size: unsigned(row.size) }));
    }
    let listed = sqlx::query!(
        "SELECT seq, stream FROM ledger.streams WHERE seq > (SELECT size FROM ledger.head) OR seq < 1
         ORDER BY seq LIMIT 1"
    );
    if let Some(row) = listed.fetch_optional(&mut *tx).await? {
        return Ok(Some(Fault::NotOfStream { seq: unsigned(row.seq), stream: row.stream }));
    }
    let node = sqlx::query!(
        r#"SELECT last, level, hash AS "hash: Hash" FROM ledger.nodes
           WHERE last > (SELECT size FROM ledger.head) OR last < 1 ORDER BY last LIMIT 1"#
    );
    let Some(row) = node.fetch_optional(tx).await? else { return Ok(None) };
    Ok(Some(Fault::Node { level: row.level as u8, last: unsigned(row.last), stored: row.hash.0 }))
}
