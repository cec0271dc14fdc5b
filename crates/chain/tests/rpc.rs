//! Nodes that do not answer.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use anyhow::Result;
use chain::rpc::{RpcSetupError, connect};
use tokio::net::TcpListener;

/// The paused clock advances by itself when there is nothing else to do.
#[tokio::test(start_paused = true)]
async fn a_node_that_takes_requests_and_never_answers_is_given_up() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", silent.local_addr()?);
    let refused = connect(&url).await;
    assert!(matches!(refused, Err(RpcSetupError::Unreachable { .. })), "{refused:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_there_and_an_address_that_is_none_are_named() -> Result<()> {
    let gone = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let told = connect(&format!("http://{gone}")).await.map(|_| ()).unwrap_err().to_string();
    assert!(told.contains(&gone.to_string()) && told.contains("RPC_URL"), "{told}");
    let told = connect("no-url?key=hunter2").await.map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("URL number 1 in RPC_URL is not valid") && !told.contains("hunter2"), "{told}");
    let told = connect("ftp://user:hunter2@node.example/hunter2").await.map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("`ftp://node.example` in RPC_URL is not valid") && !told.contains("hunter2"), "{told}");
    Ok(())
}
