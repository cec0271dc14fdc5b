//! Blocks in a Kubo node, over its RPC. This is the store for many machines.
//!
//! Only block commands are used. The node never imports a file, so the CIDs are ours whatever its settings are. It is told
//! each block's codec, and its answer is compared with the name that we computed. Every call is a POST with a time limit
//! that is also given to the node, because a node that is asked for a block that nobody has would search the network for
//! ever.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use reqwest::{
    Client, Response, StatusCode,
    multipart::{Form, Part},
};
use serde::Deserialize;

use super::{BlockStore, MAX_BLOCK, StoreError, check};
use crate::cid::Cid;

/// How much longer the client waits than the node, so that the node is the one that gives up and says so.
const GRACE: Duration = Duration::from_secs(2);

/// Blocks in a Kubo node.
#[derive(Clone)]
pub struct KuboStore {
    client: Client,
    /// Ends in `/api/v0`.
    api: String,
    limit: Duration,
}

/// Writes the store without its URL, which may contain a password.
impl fmt::Debug for KuboStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KuboStore").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// The answer to `block/put` and `block/stat`.
#[derive(Deserialize)]
struct BlockStat {
    #[serde(rename = "Key")]
    key: String,
}

/// The answer of a command that failed.
#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "Message")]
    message: String,
}

impl KuboStore {
    /// Creates a store in the node whose RPC is at `url`, such as `http://127.0.0.1:5001`. No command may take longer than
    /// `limit`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made. The node is not asked anything yet.
    pub fn new(url: &str, limit: Duration) -> Result<Self, StoreError> {
        let client = outbound::client()
            .timeout(limit + GRACE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| StoreError::Unreachable { command: "start", source })?;
        Ok(Self { client, api: format!("{}/api/v0", url.trim_end_matches('/')), limit })
    }

    async fn put_block(&self, cid: Cid, bytes: Bytes) -> Result<(), StoreError> {
        check(cid, &bytes)?;
        let codec = cid.codec().name();
        // Nodes before Kubo 0.12 and js-ipfs call the codec `format`. They ignore the newer name, and choose a codec
        // themselves.
        let spellings = [
            format!("cid-codec={codec}&mhtype=sha2-256&mhlen=32"),
            format!("format={codec}&version=1&mhtype=sha2-256"),
        ];
        let mut answer = String::new();
        for spelling in spellings {
            answer = self.put_as(&spelling, bytes.clone()).await?;
            if answer.parse::<Cid>().is_ok_and(|stored| stored.same_content(&cid)) {
                return Ok(());
            }
        }
        Err(StoreError::OtherName { cid, answer })
    }

    /// Puts a block, and returns the name that the node gave it.
    async fn put_as(&self, spelling: &str, bytes: Bytes) -> Result<String, StoreError> {
        const COMMAND: &str = "block/put";
        let length = bytes.len() as u64;
        let part = Part::stream_with_length(bytes, length).file_name("block");
        let part = part.mime_str("application/octet-stream").map_err(|source| self.failed(COMMAND, source))?;
        let arguments = format!("{spelling}&pin=false&allow-big-block=false&cid-base=base32");
        let response = self.call(COMMAND, &arguments, Some(Form::new().part("data", part))).await?;
        let stat: BlockStat = response.json().await.map_err(|source| self.failed(COMMAND, source))?;
        Ok(stat.key)
    }

    async fn get_block(&self, cid: Cid) -> Result<Option<Bytes>, StoreError> {
        const COMMAND: &str = "block/get";
        let mut response = match self.call(COMMAND, &format!("arg={cid}"), None).await {
            Err(error) if is_absent(&error) => return Ok(None),
            response => response?,
        };
        let mut bytes = BytesMut::new();
        while let Some(part) = response.chunk().await.map_err(|source| self.failed(COMMAND, source))? {
            bytes.extend_from_slice(&part);
            if bytes.len() > MAX_BLOCK {
                return Err(StoreError::TooLarge { cid });
            }
        }
        if cid.names(&bytes) {
            Ok(Some(bytes.freeze()))
        } else {
            Err(StoreError::Corrupt { cid, place: "the IPFS node".to_owned() })
        }
    }

    async fn has_block(&self, cid: Cid) -> Result<bool, StoreError> {
        match self.call("block/stat", &format!("arg={cid}&offline=true&cid-base=base32"), None).await {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn pin(&self, root: Cid) -> Result<(), StoreError> {
        self.call("pin/add", &format!("arg={root}&recursive=true"), None).await.map(|_| ())
    }

    /// Runs a command. The arguments need no escaping: they are CIDs, names and numbers.
    async fn call(&self, command: &'static str, arguments: &str, body: Option<Form>) -> Result<Response, StoreError> {
        let url = format!("{}/{command}?{arguments}&timeout={}ms", self.api, self.limit.as_millis());
        let request = self.client.post(url);
        let request = body.into_iter().fold(request, |request, form| request.multipart(form));
        let response = request.send().await.map_err(|source| self.failed(command, source))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        // Errors of commands are JSON, and errors of the server are text.
        let text = response.text().await.map_err(|source| self.failed(command, source))?;
        let message = serde_json::from_str::<Failure>(&text).map_or(text, |failure| failure.message);
        let message = message.trim().chars().take(500).collect();
        Err(StoreError::Refused { command, status: status.as_u16(), message })
    }

    fn failed(&self, command: &'static str, source: reqwest::Error) -> StoreError {
        if source.is_timeout() {
            StoreError::Timeout { command, limit: self.limit }
        } else {
            StoreError::Unreachable { command, source: source.without_url() }
        }
    }
}

/// Returns whether the node says that it does not have the block, or did not find it in time. There is no status for this,
/// only texts, which differ between versions.
fn is_absent(error: &StoreError) -> bool {
    let StoreError::Refused { status: 500, message, .. } = error else { return false };
    ["not found", "could not find", "context deadline exceeded"].iter().any(|words| message.contains(words))
}

impl BlockStore for KuboStore {
    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.put_block(cid, bytes))
    }

    /// Returns the block. The node may fetch it from others, within the time limit.
    fn get(&self, cid: Cid) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        Box::pin(self.get_block(cid))
    }

    /// Asks only for the node's own blocks.
    fn has(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.has_block(cid))
    }

    /// Pins the file, because unpinned blocks are removed when the node collects garbage.
    fn keep(&self, root: Cid) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.pin(root))
    }
}
