//! Receipts: one event, and all it takes to check years later and offline that it stands in the ledger.
//!
//! A receipt is a JSON file. What it says is checked in this order, and each step trusts nothing but the one before:
//!
//! 1. the event and the previous entry's hash give the entry's hash (SHA-256);
//! 2. the entry's leaf and the proof give the anchor's root (keccak256);
//! 3. the anchor, those after it, and the head before them give the contract's head;
//! 4. the root, or the head, is the one the reader has from elsewhere: from the chain, or from someone they trust.
//!
//! The chain's id, contract and transaction only say where to look; no proof covers them. The `digest` finds damage to
//! them, and a signature over it says who vouches for them.

use alloy_primitives::{Address, B256, Bytes, Signature};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    anchor::{Anchor, Head, Latest},
    canonical::{Canonical, CanonicalError},
    event::{Entry, Event, FormError},
    tree,
};

/// The version of the file's format.
pub const VERSION: u64 = 1;
/// What is hashed before a receipt's text to get its digest.
pub const DIGEST_TAG: &str = "tributary receipt, version 1\n";

/// How deep an event's body lies in a receipt.
const BODY_LEVEL: usize = 2;

/// A receipt, as it lies in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Receipt {
    /// [`VERSION`].
    pub version: u64,
    /// What happened.
    pub event: Event,
    /// The hash of the entry before.
    pub previous: B256,
    /// The hash of this entry.
    pub hash: B256,
    /// From the entry's leaf to the anchor's root, from the leaf up.
    pub proof: Vec<B256>,
    /// Where the root stands on chain.
    pub anchored: Anchored,
    /// SHA-256 of [`DIGEST_TAG`] and the canonical form of all of the above.
    pub digest: B256,
    /// Who vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signed>,
}

/// Where a root stands on chain, and what was anchored since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Anchored {
    /// The chain.
    pub chain_id: u64,
    /// The Anchor contract.
    pub contract: Address,
    /// The transaction that anchored the root.
    pub transaction: B256,
    /// The contract's head before the first of the anchors.
    pub previous_head: Head,
    /// The anchor whose root covers the entry, and all after it up to `head`.
    pub anchors: Vec<Anchor>,
    /// The contract's head after the last of them.
    pub head: Head,
}

/// A signature over a receipt's digest, as wallets sign messages (EIP-191, the digest's 32 bytes as the message).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Who signed.
    pub signer: Address,
    /// r, s and v: 65 bytes.
    pub signature: Bytes,
}

/// What the reader knows from elsewhere, and holds the receipt against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A root of the ledger.
    Root(B256),
    /// What `latest()` of the contract on this chain says.
    Latest {
        /// The chain.
        chain_id: u64,
        /// The contract that was asked.
        contract: Address,
        /// Its answer.
        latest: Latest,
    },
}

/// What a receipt was found to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The event.
    pub event: Event,
    /// The anchor that covers it: it was in the ledger at that time.
    pub anchor: Anchor,
    /// Who signed, if anyone did.
    pub signer: Option<Address>,
}

/// What is wrong with a receipt, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a receipt.
    #[error("this is no receipt: {0}")]
    Format(String),
    /// It has a form in which it was never written.
    #[error("the receipt was changed: {0}")]
    Form(CanonicalError),
    /// A later format.
    #[error("the receipt has version {0}; this program reads version {VERSION}")]
    Version(u64),
    /// The event has no canonical form.
    #[error("event: {0}")]
    Event(FormError),
    /// The event was changed, or the hash.
    #[error("hash: it is {stored}, but the event and the previous hash give {computed}")]
    Hash {
        /// What the receipt says.
        stored: B256,
        /// What its content says.
        computed: B256,
    },
    /// No anchor.
    #[error("anchored.anchors: there is none")]
    NoAnchor,
    /// The anchor is older than the entry.
    #[error("anchored.anchors[0]: it covers {size} entries, and the event is number {seq}")]
    NotCovered {
        /// The event's number.
        seq: u64,
        /// The anchor's size.
        size: u64,
    },
    /// The proof leads elsewhere.
    #[error("proof: it does not lead from entry {seq} to the root {root} over {size} entries")]
    Proof {
        /// The event's number.
        seq: u64,
        /// The anchor's root.
        root: B256,
        /// The anchor's size.
        size: u64,
    },
    /// The anchors are not consecutive, or do not grow.
    #[error("anchored.anchors[{place}]: anchor {seq} cannot follow the one before")]
    AnchorOrder {
        /// Its place in the list.
        place: usize,
        /// Its number.
        seq: u64,
    },
    /// The anchors do not give the head.
    #[error(
        "anchored.head: it is {stored}, but the anchors give {computed}: one of them, or the head before, was changed"
    )]
    Head {
        /// What the receipt says.
        stored: Head,
        /// What its anchors say.
        computed: Head,
    },
    /// The root is not the one given.
    #[error("the root is {root}, not {expected} as given")]
    OtherRoot {
        /// The receipt's.
        root: B256,
        /// The one given.
        expected: B256,
    },
    /// Another chain or contract was asked.
    #[error("the receipt names contract {contract} on chain {chain_id}; another was asked")]
    OtherContract {
        /// The receipt's chain.
        chain_id: u64,
        /// The receipt's contract.
        contract: Address,
    },
    /// Something was anchored since.
    #[error(
        "the receipt ends at anchor {ours}, the contract is at {theirs}: add the anchors between them, or take a new receipt"
    )]
    Outdated {
        /// The receipt's last anchor.
        ours: u64,
        /// The contract's.
        theirs: u64,
    },
    /// The contract never had these anchors.
    #[error("the contract's head is {theirs}, the receipt's is {ours}: what the receipt shows was not anchored there")]
    NotAnchored {
        /// The receipt's head.
        ours: Head,
        /// The contract's.
        theirs: Head,
    },
    /// The receipt was changed somewhere.
    #[error("digest: it is {stored}, but the receipt's text gives {computed}: something in it was changed")]
    Digest {
        /// What the receipt says.
        stored: B256,
        /// What its text says.
        computed: B256,
    },
    /// The signature is not that of the one it names.
    #[error("signature: it is not one by {signer} over the digest")]
    Signature {
        /// Who should have signed.
        signer: Address,
    },
}

impl Receipt {
    /// A receipt for an entry under the first of the anchors.
    ///
    /// # Errors
    /// When it would not hold.
    pub fn new(entry: Entry, proof: Vec<B256>, anchored: Anchored) -> Result<Self, ReceiptError> {
        let Entry { event, previous, hash } = entry;
        let mut receipt =
            Self { version: VERSION, event, previous, hash, proof, anchored, digest: B256::ZERO, signature: None };
        receipt.digest = receipt.digest()?;
        receipt.check()?;
        Ok(receipt)
    }

    /// Reads a file's text. Space between tokens may differ from [`Receipt::text`], nothing else.
    ///
    /// # Errors
    /// When it is no receipt, or says something in another way than receipts do.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        let format = |error: serde_json::Error| ReceiptError::Format(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(format)?;
        let written = Canonical::around(&value, BODY_LEVEL).map_err(ReceiptError::Form)?;
        let receipt: Self = serde_json::from_value(value).map_err(format)?;
        if receipt.version != VERSION {
            return Err(ReceiptError::Version(receipt.version));
        }
        let canonical = receipt.text()?;
        if canonical != written {
            let same = canonical.as_str().bytes().zip(written.as_str().bytes()).take_while(|(a, b)| a == b).count();
            return Err(ReceiptError::Form(CanonicalError::Form { byte: same }));
        }
        Ok(receipt)
    }

    /// The file's text: canonical JSON.
    ///
    /// # Errors
    /// When the event's body is not canonical JSON, or a number is too large for JSON.
    pub fn text(&self) -> Result<Canonical, ReceiptError> {
        self.event.check().map_err(ReceiptError::Event)?;
        let value = serde_json::to_value(self).map_err(|error| ReceiptError::Format(error.to_string()))?;
        Canonical::around(&value, BODY_LEVEL).map_err(ReceiptError::Form)
    }

    /// What is signed: SHA-256 of [`DIGEST_TAG`] and the canonical text without `digest` and `signature`.
    ///
    /// # Errors
    /// As [`Receipt::text`].
    pub fn digest(&self) -> Result<B256, ReceiptError> {
        self.event.check().map_err(ReceiptError::Event)?;
        let mut value = serde_json::to_value(self).map_err(|error| ReceiptError::Format(error.to_string()))?;
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|key, _| key != "digest" && key != "signature");
        }
        let text = Canonical::around(&value, BODY_LEVEL).map_err(ReceiptError::Form)?;
        let mut hasher = Sha256::new();
        hasher.update(DIGEST_TAG);
        hasher.update(text.as_str());
        Ok(B256::new(hasher.finalize().into()))
    }

    /// The entry it is for.
    pub fn entry(&self) -> Entry {
        Entry { event: self.event.clone(), previous: self.previous, hash: self.hash }
    }

    /// Checks everything it says of itself.
    fn check(&self) -> Result<Verified, ReceiptError> {
        self.event.check().map_err(ReceiptError::Event)?;
        let computed = self.event.hash(self.previous);
        if computed != self.hash {
            return Err(ReceiptError::Hash { stored: self.hash, computed });
        }
        let anchor = *self.anchored.anchors.first().ok_or(ReceiptError::NoAnchor)?;
        let seq = self.event.seq;
        if seq == 0 || seq > anchor.size {
            return Err(ReceiptError::NotCovered { seq, size: anchor.size });
        }
        if !tree::verify_proof(anchor.root, anchor.size, seq, self.hash, &self.proof) {
            return Err(ReceiptError::Proof { seq, root: anchor.root, size: anchor.size });
        }
        self.anchored.check()?;
        let computed = self.digest()?;
        if computed != self.digest {
            return Err(ReceiptError::Digest { stored: self.digest, computed });
        }
        let signer = self.signature.as_ref().map(|signed| signed.check(self.digest)).transpose()?;
        Ok(Verified { event: self.event.clone(), anchor, signer })
    }
}

impl Anchored {
    fn check(&self) -> Result<(), ReceiptError> {
        let follows = |pair: &[Anchor]| {
            pair[1].seq.checked_sub(1) == Some(pair[0].seq)
                && pair[1].size > pair[0].size
                && pair[1].time >= pair[0].time
        };
        if let Some(place) = self.anchors.windows(2).position(|pair| !follows(pair)) {
            return Err(ReceiptError::AnchorOrder { place: place + 1, seq: self.anchors[place + 1].seq });
        }
        let computed = self.anchors.iter().fold(self.previous_head, |head, anchor| anchor.head(head));
        if computed != self.head {
            return Err(ReceiptError::Head { stored: self.head, computed });
        }
        Ok(())
    }
}

impl Signed {
    fn check(&self, digest: B256) -> Result<Address, ReceiptError> {
        let recovered = Signature::try_from(self.signature.as_ref())
            .ok()
            // One signature has one text: v is 27 or 28.
            .filter(|signature| signature.as_bytes()[..] == self.signature[..])
            .and_then(|signature| signature.recover_address_from_msg(digest).ok());
        if recovered != Some(self.signer) {
            return Err(ReceiptError::Signature { signer: self.signer });
        }
        Ok(self.signer)
    }
}

/// Checks a receipt, and that what it leads to is what the reader knows from elsewhere. Offline: whoever asks a contract
/// does it before.
///
/// With [`Trust::Root`] the root is what is believed, and the anchors only say where it may be found on chain. A
/// signature must be valid where there is one; whose it should be is for the caller to say.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_receipt(receipt: &Receipt, trust: &Trust) -> Result<Verified, ReceiptError> {
    let verified = receipt.check()?;
    let anchored = &receipt.anchored;
    match *trust {
        Trust::Root(expected) if verified.anchor.root != expected => {
            Err(ReceiptError::OtherRoot { root: verified.anchor.root, expected })
        }
        Trust::Root(_) => Ok(verified),
        Trust::Latest { chain_id, contract, .. } if (chain_id, contract) != (anchored.chain_id, anchored.contract) => {
            Err(ReceiptError::OtherContract { chain_id: anchored.chain_id, contract: anchored.contract })
        }
        Trust::Latest { latest, .. } => {
            let last = anchored.anchors.last().ok_or(ReceiptError::NoAnchor)?;
            if last.seq < latest.seq {
                return Err(ReceiptError::Outdated { ours: last.seq, theirs: latest.seq });
            }
            if (last.seq, last.size, anchored.head) != (latest.seq, latest.size, latest.head) {
                return Err(ReceiptError::NotAnchored { ours: anchored.head, theirs: latest.head });
            }
            Ok(verified)
        }
    }
}
