//! Reads the chain of entries from the first one on, and names the first entry that is not as it was written.

use alloy_primitives::B256;

use super::event::{Entry, FormError, genesis};

/// What is wrong at one place of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ledger entry {seq}: {reason}")]
pub struct Fault {
    /// The number of the bad entry, or of the first missing one.
    pub seq: u64,
    /// Why it is bad.
    pub reason: Reason,
}

/// Why an entry is bad.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Numbers are missing.
    #[error("it is missing: after {after} comes {next}")]
    Gap {
        /// The number before the gap; 0 for the beginning.
        after: u64,
        /// The number that came next.
        next: u64,
    },
    /// A number occurs again, or comes too late.
    #[error("it comes after entry {after}")]
    Order {
        /// The number before it.
        after: u64,
    },
    /// It has no canonical form.
    #[error("{0}")]
    NotCanonical(FormError),
    /// The hash is not that of the entry.
    #[error("its hash says {stored}, its content says {computed}: one of them was changed")]
    Hash {
        /// The hash that is stored.
        stored: B256,
        /// The hash of the stored content.
        computed: B256,
    },
    /// It does not follow the entry before it.
    #[error("it follows an entry with hash {previous}, but the one before it has {before}: that one was replaced")]
    Link {
        /// The hash that the entry claims to follow.
        previous: B256,
        /// The hash of the entry before.
        before: B256,
    },
}

/// Checks entries one after the other, keeping only the last hash.
#[derive(Debug, Clone)]
pub struct Verifier {
    size: u64,
    hash: B256,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { size: 0, hash: genesis() }
    }
}

impl Verifier {
    /// Begins before the first entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Continues after `size` entries that were checked before, the last of which has this hash.
    pub fn after(size: u64, hash: B256) -> Self {
        Self { size, hash }
    }

    /// Checks the next entry.
    ///
    /// # Errors
    /// When the entry is not the next one, is not canonical, or does not have the right hashes. The verifier stays where
    /// it was.
    pub fn push(&mut self, entry: &Entry) -> Result<(), Fault> {
        let seq = entry.event.seq;
        let (at, reason) = match seq {
            _ if seq <= self.size => (seq, Some(Reason::Order { after: self.size })),
            _ if seq > self.size + 1 => (self.size + 1, Some(Reason::Gap { after: self.size, next: seq })),
            _ => (seq, self.wrong(entry)),
        };
        if let Some(reason) = reason {
            return Err(Fault { seq: at, reason });
        }
        self.size = seq;
        self.hash = entry.hash;
        Ok(())
    }

    fn wrong(&self, entry: &Entry) -> Option<Reason> {
        if let Err(error) = entry.event.check() {
            return Some(Reason::NotCanonical(error));
        }
        let computed = entry.event.hash(entry.previous);
        if computed != entry.hash {
            return Some(Reason::Hash { stored: entry.hash, computed });
        }
        (entry.previous != self.hash).then_some(Reason::Link { previous: entry.previous, before: self.hash })
    }

    /// Returns how many entries were checked.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the hash of the last entry, or [`genesis`] before the first.
    pub fn hash(&self) -> B256 {
        self.hash
    }
}

/// Checks a whole ledger in bounded memory.
///
/// # Errors
/// Returns the first fault. Entries that are missing at the end cannot be noticed here, so compare the size with what
/// was anchored.
pub fn verify_chain(entries: impl IntoIterator<Item = Entry>) -> Result<Verifier, Fault> {
    let mut verifier = Verifier::new();
    for entry in entries {
        verifier.push(&entry)?;
    }
    Ok(verifier)
}
