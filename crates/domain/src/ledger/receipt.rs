//! Receipts: one event, and everything needed to check offline, years later, that it stands in the ledger.
//!
//! A receipt is a JSON file. Its content is checked in this order, and each step trusts only the one before:
//!
//! 1. the event and the previous entry's hash give the entry's hash (SHA-256);
//! 2. the entry's leaf and the proof give the tree's root (keccak256);
//! 3. where the root is anchored, that anchor, those after it, and the head before them give the contract's head;
//! 4. a signature must be the signer's, over the tree's size and root;
//! 5. the root, the anchor, the head or the signer must be the one that the reader knows from elsewhere: from the chain, or
//!    from somebody they trust.
//!
//! Transaction and block only say where to look. No proof covers them, but the `digest` reveals damage to them.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    anchor::{Anchor, Head, Latest},
    canonical::{Canonical, CanonicalError},
    event::{Entry, Event, FormError},
    signature::{Signed, TreeHead},
    tree,
};

/// The version of the file's format.
pub const VERSION: u64 = 1;
/// What is hashed before a receipt's text to get its digest.
pub const DIGEST_TAG: &str = "tributary receipt, version 1\n";

/// How deeply an event's body is nested in a receipt.
const BODY_LEVEL: usize = 2;

/// A receipt, as it is written in a file.
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
    /// The proof from the entry's leaf to the tree's root, from the leaf up.
    pub proof: Vec<B256>,
    /// The tree that the proof is for.
    pub tree: TreeHead,
    /// Where its root stands on chain. `None` as long as no anchor covers the event.
    pub anchored: Option<Anchored>,
    /// The SHA-256 of [`DIGEST_TAG`] and the canonical form of all of the above.
    pub digest: B256,
    /// Who vouches for the tree.
    pub signature: Option<Signed>,
}

/// Where a root stands on chain, and what was anchored since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Anchored {
    /// The transaction that anchored the root.
    pub transaction: B256,
    /// Its block.
    pub block: u64,
    /// The contract's head before the first of the anchors.
    pub previous_head: Head,
    /// The anchor of the tree's root, and all after it up to `head`.
    pub anchors: Vec<Anchor>,
    /// The contract's head after the last of them.
    pub head: Head,
}

/// What the reader knows from elsewhere, and compares the receipt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A root of the ledger.
    Root(B256),
    /// The account that signs the ledger's tree heads.
    Signer(Address),
    /// The answer of `latest()` of the contract on this chain.
    Latest {
        /// The chain.
        chain_id: u64,
        /// The contract that was asked.
        contract: Address,
        /// Its answer.
        latest: Latest,
    },
    /// An anchor that the contract on this chain emitted in an event.
    Anchor {
        /// The chain.
        chain_id: u64,
        /// The contract whose event it is.
        contract: Address,
        /// The anchor.
        anchor: Anchor,
    },
}

/// What a receipt was found to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The event.
    pub event: Event,
    /// The tree in which it stands.
    pub tree: TreeHead,
    /// The anchor of that tree, if it has one. The event was in the ledger at that time.
    pub anchor: Option<Anchor>,
    /// Who signed, if anyone did.
    pub signer: Option<Address>,
}

/// What is wrong with a receipt, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The text is not a receipt.
    #[error("this is no receipt: {0}")]
    Format(String),
    /// It has a form in which receipts are never written.
    #[error("the receipt was changed: {0}")]
    Form(CanonicalError),
    /// It says something twice, or with needless escapes, so that readers could understand it differently.
    #[error("the receipt was changed: it has {bytes} bytes besides spaces, and says what takes {needed}")]
    Ambiguous {
        /// The text's length without the space between tokens.
        bytes: usize,
        /// The length of the canonical text.
        needed: usize,
    },
    /// A later format.
    #[error("the receipt has version {0}; this program reads version {VERSION}")]
    Version(u64),
    /// The event has no canonical form.
    #[error("event: {0}")]
    Event(FormError),
    /// The event or the hash was changed.
    #[error("hash: it is {stored}, but the event and the previous hash give {computed}")]
    Hash {
        /// What the receipt says.
        stored: B256,
        /// What its content says.
        computed: B256,
    },
    /// It has no anchor.
    #[error("anchored.anchors: there is none")]
    NoAnchor,
    /// The tree ends before the entry.
    #[error("tree.size: it has {size} entries, and the event is number {seq}")]
    NotCovered {
        /// The event's number.
        seq: u64,
        /// The tree's size.
        size: u64,
    },
    /// The proof leads elsewhere.
    #[error("proof: it does not lead from entry {seq} to the root {root} over {size} entries")]
    Proof {
        /// The event's number.
        seq: u64,
        /// The tree's root.
        root: B256,
        /// The tree's size.
        size: u64,
    },
    /// The first anchor is of another tree.
    #[error("anchored.anchors[0]: it is of root {root} over {size} entries, which is not the tree's")]
    AnchorTree {
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
    /// The root is not the given one.
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
    #[error("signature: it is not one by {signer} over the tree")]
    Signature {
        /// Who should have signed.
        signer: Address,
    },
    /// No anchor covers the event yet, or none did when the receipt was made.
    #[error("the receipt is older than the anchor of its event: take a new one, or hold it against a root or a signer")]
    NotYetAnchored,
    /// The contract's event tells another anchor.
    #[error("anchored.anchors[0]: the contract told of anchor {theirs}, but of other contents")]
    OtherAnchor {
        /// The number of the contract's.
        theirs: u64,
    },
    /// The reader trusts a signer, but nobody signed.
    #[error("signature: there is none")]
    Unsigned,
    /// Somebody else signed.
    #[error("signature: it is by {signer}, not by {expected} as given")]
    OtherSigner {
        /// Who signed.
        signer: Address,
        /// The one given.
        expected: Address,
    },
}

impl Receipt {
    /// Creates a receipt for an entry of a tree. If there are anchors, the first one is the anchor of this tree.
    ///
    /// # Errors
    /// When the receipt would not pass its own checks.
    pub fn new(
        entry: Entry,
        proof: Vec<B256>,
        tree: TreeHead,
        anchored: Option<Anchored>,
    ) -> Result<Self, ReceiptError> {
        let Entry { event, previous, hash } = entry;
        let (digest, signature) = (B256::ZERO, None);
        let mut receipt = Self { version: VERSION, event, previous, hash, proof, tree, anchored, digest, signature };
        receipt.digest = receipt.digest()?;
        receipt.check()?;
        Ok(receipt)
    }

    /// Reads a file's text. Space between tokens and the order of keys may differ from [`Receipt::text`], but nothing else.
    ///
    /// # Errors
    /// When the text is not a receipt, or says something in another way than receipts do.
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
        // Of two equal keys, some JSON readers take the last and others the first.
        let (bytes, needed) = (length_without_space(text), canonical.as_str().len());
        if bytes != needed {
            return Err(ReceiptError::Ambiguous { bytes, needed });
        }
        Ok(receipt)
    }

    /// Returns the file's text: canonical JSON.
    ///
    /// # Errors
    /// When the event's body is not canonical JSON, or a number is too large for JSON.
    pub fn text(&self) -> Result<Canonical, ReceiptError> {
        self.event.check().map_err(ReceiptError::Event)?;
        let value = serde_json::to_value(self).map_err(|error| ReceiptError::Format(error.to_string()))?;
        Canonical::around(&value, BODY_LEVEL).map_err(ReceiptError::Form)
    }

    /// Returns the digest, which reveals damage: the SHA-256 of [`DIGEST_TAG`] and the canonical text without `digest` and
    /// `signature`.
    ///
    /// # Errors
    /// In the same cases as [`Receipt::text`].
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

    /// Returns the entry that the receipt is for.
    pub fn entry(&self) -> Entry {
        Entry { event: self.event.clone(), previous: self.previous, hash: self.hash }
    }

    /// Checks everything that the receipt says about itself.
    fn check(&self) -> Result<Verified, ReceiptError> {
        self.event.check().map_err(ReceiptError::Event)?;
        let computed = self.event.hash(self.previous);
        if computed != self.hash {
            return Err(ReceiptError::Hash { stored: self.hash, computed });
        }
        let (seq, TreeHead { size, root, .. }) = (self.event.seq, self.tree);
        if seq == 0 || seq > size {
            return Err(ReceiptError::NotCovered { seq, size });
        }
        if !tree::verify_proof(root, size, seq, self.hash, &self.proof) {
            return Err(ReceiptError::Proof { seq, root, size });
        }
        let anchor = self.anchored.as_ref().map(|anchored| anchored.check(&self.tree)).transpose()?;
        let computed = self.digest()?;
        if computed != self.digest {
            return Err(ReceiptError::Digest { stored: self.digest, computed });
        }
        if let Some(Signed { signer, .. }) = self.signature.as_ref().filter(|signed| !signed.holds(&self.tree)) {
            return Err(ReceiptError::Signature { signer: *signer });
        }
        let signer = self.signature.as_ref().map(|signed| signed.signer);
        Ok(Verified { event: self.event.clone(), tree: self.tree, anchor, signer })
    }

    /// Returns what the receipt says about the chain, if it was anchored there and if that is the chain that was asked.
    fn on_chain(&self, chain_id: u64, contract: Address) -> Result<&Anchored, ReceiptError> {
        if (chain_id, contract) != (self.tree.chain_id, self.tree.contract) {
            return Err(ReceiptError::OtherContract { chain_id: self.tree.chain_id, contract: self.tree.contract });
        }
        self.anchored.as_ref().ok_or(ReceiptError::NotYetAnchored)
    }
}

/// Returns how many bytes a JSON text has without the space between its tokens.
fn length_without_space(text: &str) -> usize {
    let (mut in_string, mut escaped) = (false, false);
    let counts = |byte: &u8| -> bool {
        let space = !in_string && byte.is_ascii_whitespace();
        in_string ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        !space
    };
    text.bytes().filter(counts).count()
}

impl Anchored {
    /// Returns the first anchor, which must be the anchor of this tree.
    fn check(&self, tree: &TreeHead) -> Result<Anchor, ReceiptError> {
        let first = *self.anchors.first().ok_or(ReceiptError::NoAnchor)?;
        if (first.size, first.root) != (tree.size, tree.root) {
            return Err(ReceiptError::AnchorTree { root: first.root, size: first.size });
        }
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
        Ok(first)
    }
}

/// Checks a receipt, and that it leads to what the reader knows from elsewhere. This works offline; a caller that wants the
/// contract's answer must ask for it before.
///
/// With [`Trust::Root`] and [`Trust::Signer`], only the root or the signer is trusted, and the anchors only say where the
/// root can be found on chain. If there is a signature, it must be valid. The caller decides whose signature it should be.
///
/// # Errors
/// Returns the first thing that is wrong.
pub fn verify_receipt(receipt: &Receipt, trust: &Trust) -> Result<Verified, ReceiptError> {
    let verified = receipt.check()?;
    match *trust {
        Trust::Root(expected) if verified.tree.root != expected => {
            return Err(ReceiptError::OtherRoot { root: verified.tree.root, expected });
        }
        Trust::Root(_) => {}
        Trust::Signer(expected) => match verified.signer {
            None => return Err(ReceiptError::Unsigned),
            Some(signer) if signer != expected => return Err(ReceiptError::OtherSigner { signer, expected }),
            Some(_) => {}
        },
        Trust::Anchor { chain_id, contract, anchor } => {
            if receipt.on_chain(chain_id, contract)?.anchors.first() != Some(&anchor) {
                return Err(ReceiptError::OtherAnchor { theirs: anchor.seq });
            }
        }
        Trust::Latest { chain_id, contract, latest } => {
            let anchored = receipt.on_chain(chain_id, contract)?;
            let last = anchored.anchors.last().ok_or(ReceiptError::NoAnchor)?;
            if last.seq < latest.seq {
                return Err(ReceiptError::Outdated { ours: last.seq, theirs: latest.seq });
            }
            if (last.seq, last.size, anchored.head) != (latest.seq, latest.size, latest.head) {
                return Err(ReceiptError::NotAnchored { ours: anchored.head, theirs: latest.head });
            }
        }
    }
    Ok(verified)
}
