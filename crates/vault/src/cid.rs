//! Content identifiers: the hash of some bytes, together with the kind of bytes.
//!
//! Only the forms that this product stores are understood: SHA-256 of raw bytes or of dag-pb nodes. Version 1 is written
//! in base32 and is what the marketplace uses; version 0, `Qm...`, can be read and written for files that others
//! imported.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::base::{base32, base58, from_base32, from_base58};

/// Multihash code and length of SHA-256.
const SHA256: [u8; 2] = [0x12, 0x20];

/// What kind of bytes a CID names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Bytes as they are.
    Raw,
    /// A node of a Merkle DAG: see [`crate::unixfs`].
    DagPb,
}

impl Codec {
    /// Returns the multicodec number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Raw => 0x55,
            Self::DagPb => 0x70,
        }
    }

    /// Returns the multicodec name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::DagPb => "dag-pb",
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Raw, Self::DagPb].into_iter().find(|codec| codec.code() == code)
    }
}

/// How a CID is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `Qm...`: base58, always a dag-pb node.
    V0,
    /// `b...`: base32, any codec.
    V1,
}

/// The name of a block, and of the file whose root it is. 34 or 36 bytes; as text in JSON and in storage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid {
    version: Version,
    codec: Codec,
    digest: [u8; 32],
}

/// The reason why a text or bytes are not a CID that is understood here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a CID of raw or dag-pb content by SHA-256, in lower-case base32 or as `Qm...`")]
pub struct ParseCidError {
    text: String,
}

impl Cid {
    /// Creates the version 1 name of content with this SHA-256.
    pub const fn v1(codec: Codec, digest: [u8; 32]) -> Self {
        Self { version: Version::V1, codec, digest }
    }

    /// Creates the version 0 name of a dag-pb node with this SHA-256.
    pub const fn v0(digest: [u8; 32]) -> Self {
        Self { version: Version::V0, codec: Codec::DagPb, digest }
    }

    /// Creates the version 1 name of these bytes.
    pub fn of(codec: Codec, bytes: &[u8]) -> Self {
        Self::v1(codec, Sha256::digest(bytes).into())
    }

    /// Returns the kind of bytes that it names.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Returns how it is written.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the SHA-256 of the bytes that it names.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns whether it names these bytes.
    pub fn names(&self, bytes: &[u8]) -> bool {
        self.digest == <[u8; 32]>::from(Sha256::digest(bytes))
    }

    /// Returns whether both name the same content, however they are written.
    pub fn same_content(&self, other: &Self) -> bool {
        (self.codec, self.digest) == (other.codec, other.digest)
    }

    /// Returns the binary form, as it is used in links.
    pub fn to_bytes(&self) -> Vec<u8> {
        let prefix: &[u8] = match self.version {
            Version::V0 => &[],
            Version::V1 => &[1, self.codec.code()],
        };
        [prefix, &SHA256, &self.digest].concat()
    }

    /// Reads the binary form. `None` unless the bytes are exactly that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, codec, multihash) = match bytes {
            [0x12, ..] => (Version::V0, Codec::DagPb, bytes),
            [1, code, multihash @ ..] => (Version::V1, Codec::from_code(*code)?, multihash),
            _ => return None,
        };
        let digest = multihash.strip_prefix(&SHA256)?.try_into().ok()?;
        Some(Self { version, codec, digest })
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Version::V0 => f.write_str(&base58(&self.to_bytes())),
            Version::V1 => write!(f, "b{}", base32(&self.to_bytes())),
        }
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cid({self})")
    }
}

impl FromStr for Cid {
    type Err = ParseCidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // These are the lengths of 34 and 36 bytes as text. Anything longer is not worth decoding.
        let (version, bytes) = match text.as_bytes() {
            [b'Q', b'm', ..] if text.len() == 46 => (Version::V0, from_base58(text)),
            [b'b', ..] if text.len() == 59 => (Version::V1, from_base32(&text[1..])),
            _ => (Version::V1, None),
        };
        bytes
            .and_then(|bytes| Self::from_bytes(&bytes))
            .filter(|cid| cid.version == version)
            .ok_or_else(|| ParseCidError { text: text.chars().take(100).collect() })
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HELLO: &str = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"; // raw "hello"

    #[test]
    fn a_known_name() {
        let cid = Cid::of(Codec::Raw, b"hello");
        assert_eq!(cid.to_string().len(), 59);
        assert!(cid.names(b"hello") && !cid.names(b"hellp"));
        assert_eq!(cid.to_string().parse(), Ok(cid));
        assert_eq!(HELLO, Cid::of(Codec::Raw, b"hello").to_string());
    }

    #[test]
    fn other_spellings_are_refused() {
        for wrong in [
            String::new(),
            "b".into(),
            "Qm".into(),
            HELLO.to_uppercase(),
            format!("{HELLO}a"),
            format!(" {HELLO}"),
            HELLO.replace('b', "z"),
            HELLO[..58].into(),
            format!("{}r", &HELLO[..58]),            // padding bits that are not zero
            HELLO.replacen("bafkrei", "bafyrei", 1), // another codec: dag-cbor
            HELLO.replacen("bafkrei", "bafkrai", 1), // another length
            "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQ0".into(), // not in the alphabet
            "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQHH".into(), // too long
            "é".repeat(30),
        ] {
            assert!(wrong.parse::<Cid>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_name_the_same_content() {
        let new = Cid::of(Codec::DagPb, b"node");
        let old = Cid::v0(*new.digest());
        assert!(old != new && old.same_content(&new));
        assert!(!old.same_content(&Cid::of(Codec::Raw, b"node")));
        assert!(old.to_string().starts_with("Qm") && new.to_string().starts_with("bafybei"));
    }

    proptest! {
        #[test]
        fn there_and_back(digest: [u8; 32], codec in prop_oneof![Just(Codec::Raw), Just(Codec::DagPb)]) {
            for cid in [Cid::v1(codec, digest), Cid::v0(digest)] {
                prop_assert_eq!(cid.to_string().parse(), Ok(cid));
                prop_assert_eq!(Cid::from_bytes(&cid.to_bytes()), Some(cid));
            }
        }
    }
}
