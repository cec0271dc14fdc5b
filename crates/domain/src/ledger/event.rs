//! What happened, as the ledger tells it, and the hash that ties it to everything that happened before.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::canonical::{Canonical, CanonicalError, write_string};

/// The text whose SHA-256 stands before the first entry.
pub const GENESIS: &str = "tributary ledger, version 1: genesis";
/// What is hashed before every entry. No other hash of this project begins with it.
pub const ENTRY_TAG: &str = "tributary ledger, version 1: entry\n";
/// The longest kind, subject or stream key, in bytes.
pub const MAX_KEY: usize = 300;
/// The longest body, in bytes. Anything larger belongs in the vault, and its content hash in the body.
pub const MAX_BODY: usize = 65_536;
/// The most streams that an event may belong to.
pub const MAX_STREAMS: usize = 1_000;

/// The reason why something cannot become an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A kind, subject or stream key is empty, too long, or holds control characters.
    #[error("the {what} `{key}` must have 1 to {MAX_KEY} bytes and no control characters")]
    Key {
        /// The kind of key.
        what: &'static str,
        /// The key.
        key: String,
    },
    /// The body is too long.
    #[error("the body of `{kind}` has {bytes} bytes, more than {MAX_BODY}: store it in the vault and name its hash")]
    Body {
        /// The event's kind.
        kind: String,
        /// Its body's length.
        bytes: usize,
    },
    /// It belongs to too many streams.
    #[error("`{kind}` names {streams} streams, more than {MAX_STREAMS}")]
    Streams {
        /// The event's kind.
        kind: String,
        /// The number of streams.
        streams: usize,
    },
}

/// Something that happened and is not in the ledger yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    kind: String,
    subject: String,
    streams: Vec<String>,
    body: Canonical,
}

impl NewEvent {
    /// Creates an event from what happened (`contribution.accepted`), to what (`contribution:17`), the streams it
    /// belongs to (`asset:31337:7`, `contributor:5`, `distribution:9`), and the details. The order of the streams does
    /// not matter.
    ///
    /// # Errors
    /// When a key is empty, too long or not printable, when there are too many streams, or when the body is too long.
    pub fn new(
        kind: impl Into<String>,
        subject: impl Into<String>,
        streams: impl IntoIterator<Item = impl Into<String>>,
        body: Canonical,
    ) -> Result<Self, EventError> {
        let (kind, subject) = (kind.into(), subject.into());
        let mut streams: Vec<String> = streams.into_iter().map(Into::into).collect();
        streams.sort_unstable();
        streams.dedup();
        check("kind", &kind)?;
        check("subject", &subject)?;
        streams.iter().try_for_each(|stream| check("stream", stream))?;
        if streams.len() > MAX_STREAMS {
            return Err(EventError::Streams { kind, streams: streams.len() });
        }
        if body.as_str().len() > MAX_BODY {
            return Err(EventError::Body { kind, bytes: body.as_str().len() });
        }
        Ok(Self { kind, subject, streams, body })
    }

    /// Returns what happened.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns what it happened to.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the streams it belongs to, ascending, each once.
    pub fn streams(&self) -> &[String] {
        &self.streams
    }

    /// Returns the details.
    pub fn body(&self) -> &Canonical {
        &self.body
    }

    /// Gives the event its number and its time, in microseconds since 1970.
    pub fn numbered(self, seq: u64, at: u64) -> Event {
        let Self { kind, subject, streams, body } = self;
        Event { seq, at, kind, subject, streams, body: body.into_string() }
    }
}

fn check(what: &'static str, key: &str) -> Result<(), EventError> {
    if key.is_empty() || key.len() > MAX_KEY || key.chars().any(char::is_control) {
        return Err(EventError::Key { what, key: key.to_owned() });
    }
    Ok(())
}

/// An event with its place in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its number: from 1, without gaps.
    pub seq: u64,
    /// When it was stored, in microseconds since 1970.
    pub at: u64,
    /// What happened.
    pub kind: String,
    /// What it happened to.
    pub subject: String,
    /// The streams it belongs to, ascending, each once.
    pub streams: Vec<String>,
    /// The details, as canonical JSON.
    #[serde(with = "body")]
    pub body: String,
}

impl Event {
    /// Returns the bytes that are hashed: an object of the six fields in canonical form, UTF-8.
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(self.body.len() + 300);
        text.push_str(&format!("{{\"at\":{},\"body\":{},\"kind\":", self.at, self.body));
        write_string(&mut text, &self.kind);
        text.push_str(&format!(",\"seq\":{},\"streams\":[", self.seq));
        for (place, stream) in self.streams.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            write_string(&mut text, stream);
        }
        text.push_str("],\"subject\":");
        write_string(&mut text, &self.subject);
        text.push('}');
        text
    }

    /// Checks that the event has only one canonical form: its body is canonical JSON, and its streams ascend.
    ///
    /// # Errors
    /// When the body is not canonical JSON, or the streams do not ascend.
    pub fn check(&self) -> Result<(), FormError> {
        if let Some(pair) = self.streams.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(FormError::Streams { first: pair[0].clone(), second: pair[1].clone() });
        }
        Canonical::parse(self.body.as_str()).map(drop).map_err(FormError::Body)
    }

    /// Returns the hash of the entry that this event makes after `previous`: SHA-256 of [`ENTRY_TAG`], the previous
    /// entry's hash (32 bytes) and the canonical bytes, one after the other. Tag and hash have fixed lengths, so no two
    /// inputs run together into the same bytes.
    pub fn hash(&self, previous: B256) -> B256 {
        let mut hasher = Sha256::new();
        hasher.update(ENTRY_TAG);
        hasher.update(previous);
        hasher.update(self.canonical());
        B256::new(hasher.finalize().into())
    }
}

/// Returns the hash before the first entry: SHA-256 of [`GENESIS`].
pub fn genesis() -> B256 {
    B256::new(Sha256::digest(GENESIS).into())
}

/// The reason why an event has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The body is not canonical JSON.
    #[error("its body is {0}")]
    Body(CanonicalError),
    /// The streams do not ascend.
    #[error("its stream `{second}` must not come after `{first}`")]
    Streams {
        /// The one before.
        first: String,
        /// The one that should come earlier.
        second: String,
    },
}

/// An event in the chain: the entry before it, and its own hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// The hash of the entry before; [`genesis`] before the first.
    pub previous: B256,
    /// The hash of this entry.
    pub hash: B256,
}

impl Entry {
    /// Creates the entry that `event` makes after `previous`.
    pub fn after(previous: B256, event: Event) -> Self {
        let hash = event.hash(previous);
        Self { event, previous, hash }
    }
}

/// Writes a body as JSON and not as text, where events travel as JSON.
mod body {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
    use serde_json::Value;

    use super::Canonical;

    /// Writes the body as the JSON that it contains.
    ///
    /// # Errors
    /// When the body is not JSON, or the serializer fails.
    pub fn serialize<S: Serializer>(body: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<Value>(body).map_err(ser::Error::custom)?.serialize(serializer)
    }

    /// Reads JSON into its canonical text.
    ///
    /// # Errors
    /// When the deserializer fails, or the value has no canonical form.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Canonical::of(&value).map(Canonical::into_string).map_err(de::Error::custom)
    }
}
