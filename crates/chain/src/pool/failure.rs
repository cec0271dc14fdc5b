//! What can go wrong with an endpoint, and what follows from it.

/// Why an endpoint's answer is not used. The pool decides by the kind how long the endpoint is left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The connection, TLS or HTTP failed.
    #[error("{0}")]
    Transport(String),
    /// No complete answer within [`Options::timeout`](super::Options::timeout).
    #[error("no answer in time")]
    Timeout,
    /// The answer was cut off at [`Options::max_body`](super::Options::max_body) bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The answer is no JSON-RPC, or belongs to another question.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// The node refused.
    #[error("{0}")]
    Node(NodeError),
    /// The endpoint does not hold this block: it lags behind, or has pruned it.
    #[error("it does not hold block {0}")]
    Missing(u64),
    /// The blocks changed while they were read: ask again.
    #[error("the chain moved while it was read")]
    Moved,
    /// The endpoint follows another branch than the one asked for.
    #[error("it follows another branch")]
    OtherBranch,
    /// Most endpoints give another hash for a final block. A node that is slow to see a reorganisation does so once or twice.
    #[error("it stands against the majority: {0}")]
    Minority(String),
    /// Its answers about new blocks do not fit together, again and again: it lies, or stands for nodes that see the chain differently.
    #[error("its answers contradict each other: {0}")]
    Contradiction(String),
    /// The answer contradicts itself, or a verified hash.
    #[error("it lied: {0}")]
    Lie(String),
}

impl Failure {
    /// The value of the metrics' label `kind`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Transport(_) => "transport",
            Self::Timeout => "timeout",
            Self::TooLarge(_) => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Node(_) => "node",
            Self::Missing(_) => "missing",
            Self::Moved => "moved",
            Self::OtherBranch => "other_branch",
            Self::Minority(_) => "minority",
            Self::Contradiction(_) => "contradiction",
            Self::Lie(_) => "lie",
        }
    }
}

/// An error object of JSON-RPC.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, thiserror::Error)]
#[error("the node says: {message} (code {code})")]
pub struct NodeError {
    #[serde(default)]
    pub code: i64,
    #[serde(default)]
    pub message: String,
}

impl NodeError {
    /// Whether the node does not know the method at all.
    pub fn is_unknown_method(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        let refused = ["not found", "not supported", "unsupported", "not available", "does not exist", "not allowed"];
        self.code == -32601 || (text.contains("method") && refused.iter().any(|words| text.contains(words)))
    }

    /// Whether the node speaks of history that it does not keep.
    pub fn is_pruned(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        self.code == 4444 || ["prune", "histor", "missing trie node"].iter().any(|words| text.contains(words))
    }
}

/// No endpoint of the chain gave a usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no endpoint of chain {chain_id} gave a verified answer: {}", list(.reasons))]
pub struct Unavailable {
    pub chain_id: u64,
    /// Endpoint and reason, in the order in which they were asked; those that were not asked come last.
    pub reasons: Vec<(String, Failure)>,
}

impl Unavailable {
    /// Whether every endpoint that was asked says that it does not hold the block.
    pub fn is_missing(&self) -> bool {
        self.reasons.iter().any(|(_, reason)| matches!(reason, Failure::Missing(_)))
            && self.reasons.iter().all(|(_, reason)| matches!(reason, Failure::Missing(_)))
    }
}

fn list(reasons: &[(String, Failure)]) -> String {
    reasons.iter().map(|(name, reason)| format!("{name} ({reason})")).collect::<Vec<_>>().join(", ")
}
