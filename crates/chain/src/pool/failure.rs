//! What can go wrong with an endpoint, and what follows from it.

/// The reason why an endpoint's answer is not used. It decides for how long the pool leaves the endpoint alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The connection, TLS or HTTP failed.
    #[error("{0}")]
    Transport(String),
    /// There was no complete answer within [`Options::timeout`](super::Options::timeout).
    #[error("no answer in time")]
    Timeout,
    /// The answer was cut off at [`Options::max_body`](super::Options::max_body) bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The answer is not JSON-RPC, or belongs to another question.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// The node refused.
    #[error("{0}")]
    Node(NodeError),
    /// The endpoint does not hold this block: it lags behind, or has pruned it.
    #[error("it does not hold block {0}")]
    Missing(u64),
    /// The blocks changed while they were read, so they must be read again.
    #[error("the chain moved while it was read")]
    Moved,
    /// The endpoint follows another branch than the one asked for.
    #[error("it follows another branch")]
    OtherBranch,
    /// Most endpoints give another hash for a final block. This happens once or twice to a node that is slow to see a
    /// reorganisation.
    #[error("it stands against the majority: {0}")]
    Minority(String),
    /// Its answers about new blocks contradict each other again and again. Either it lies, or nodes behind it see the chain
    /// differently.
    #[error("its answers contradict each other: {0}")]
    Contradiction(String),
    /// The answer contradicts itself, or a verified hash.
    #[error("it lied: {0}")]
    Lie(String),
}

impl Failure {
    /// Returns the value of the metrics' label `kind`.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, thiserror::Error)]
#[error("the node says: {message} (code {code})")]
pub struct NodeError {
    #[serde(default)]
    pub code: i64,
    #[serde(default)]
    pub message: String,
    /// Data about the error, such as what a contract reverted with.
    #[serde(default)]
    pub data: Option<serde_json::Value>,
}

impl NodeError {
    /// Creates an error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// Returns whether the error is about the endpoint and not about the call, so that another endpoint may answer the same
    /// call. Such an endpoint limits requests, does not know the method, or does not have the block or the state.
    pub fn is_of_endpoint(&self) -> bool {
        self.is_rate_limit()
            || (!self.is_revert() && (self.is_unknown_method() || self.is_pruned() || self.is_unknown_block()))
    }

    /// Returns whether the node accepts no more requests for now.
    pub fn is_rate_limit(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        let limits = ["rate limit", "too many requests", "request limit", "request count", "compute units", "quota"];
        // Code -32005 is also used for a query that finds too much.
        let by_code = self.code == 429 || (self.code == -32005 && !text.contains("results"));
        by_code || (!self.is_revert() && limits.iter().any(|words| text.contains(words)))
    }

    /// Returns whether the call was executed, and failed.
    fn is_revert(&self) -> bool {
        self.code == 3 || self.data.is_some() || self.message.starts_with("execution reverted")
    }

    /// Returns whether the node does not have the block yet, or does not have it any more.
    fn is_unknown_block(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        ["header not found", "unknown block", "block not found"].iter().any(|words| text.contains(words))
    }

    /// Returns whether the node does not know the method at all.
    pub fn is_unknown_method(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        let refused = ["not found", "not supported", "unsupported", "not available", "does not exist", "not allowed"];
        self.code == -32601 || (text.contains("method") && refused.iter().any(|words| text.contains(words)))
    }

    /// Returns whether the node says that it does not keep this history.
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
    /// Endpoints and reasons, in the order in which the endpoints were asked. Those that were not asked come last.
    pub reasons: Vec<(String, Failure)>,
}

impl Unavailable {
    /// Returns whether every endpoint that was asked says that it does not have the block.
    pub fn is_missing(&self) -> bool {
        self.reasons.iter().any(|(_, reason)| matches!(reason, Failure::Missing(_)))
            && self.reasons.iter().all(|(_, reason)| matches!(reason, Failure::Missing(_)))
    }
}

fn list(reasons: &[(String, Failure)]) -> String {
    reasons.iter().map(|(name, reason)| format!("{name} ({reason})")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_endpoint_are_told_from_answers() {
        let of_endpoint = [
            (-32005, "daily request count exceeded, request rate limited"),
            (429, "Too Many Requests"),
            (-32097, "Your app has exceeded its compute units per second capacity"),
            (-32601, "the method debug_traceCall does not exist/is not available"),
            (-32000, "missing trie node 12ab (path ) state 0x12 is not available"),
            (4444, "pruned history unavailable"),
            (-32000, "header not found"),
        ];
        for (code, message) in of_endpoint {
            assert!(NodeError::new(code, message).is_of_endpoint(), "{code} {message}");
        }
        let answers = [
            (3, "execution reverted: too many requests"),
            (-32000, "execution reverted: history is not available"),
            (-32000, "nonce too low"),
            (-32000, "already known"),
            (-32000, "insufficient funds for gas * price + value"),
            (-32602, "invalid argument 0: hex string without 0x prefix"),
            (-32005, "query returned more than 10000 results"),
        ];
        for (code, message) in answers {
            assert!(!NodeError::new(code, message).is_of_endpoint(), "{code} {message}");
        }
        let reverted = NodeError { data: Some("0x08c379a0".into()), ..NodeError::new(-32000, "header not found") };
        assert!(!reverted.is_of_endpoint());
    }
}
