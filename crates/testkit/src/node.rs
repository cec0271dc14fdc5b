//! The process of a local chain.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

/// An anvil on a free port. It ends when this value is dropped.
pub struct Node {
    process: Child,
    address: String,
}

impl Node {
    /// Starts a chain that mines each transaction at once, and counts a block as final after two epochs of this many
    /// blocks.
    ///
    /// # Errors
    /// When `ANVIL` is not set, or anvil does not start.
    pub fn start(epoch: u32) -> Result<Self> {
        let binary = env::var("ANVIL").context("ANVIL is not set: run the tests by ./dev test")?;
        let process = Command::new(binary)
            .args(["--port", "0", "--hardfork", "cancun"])
            .args(["--chain-id", &chain::local::CHAIN_ID.to_string()])
            .args(["--slots-in-an-epoch", &epoch.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("anvil did not start")?;
        let mut node = Self { process, address: String::new() };
        let output = node.process.stdout.take().context("anvil's output is piped")?;
        for line in BufReader::new(output).lines() {
            if let Some(address) = line?.strip_prefix("Listening on ") {
                address.clone_into(&mut node.address);
                return Ok(node);
            }
        }
        anyhow::bail!("anvil ended before it listened")
    }

    /// Returns the URL of its JSON-RPC, for the scheme of HTTP or WebSocket.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both calls fail only when the process has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
