//! Tests providers on top of the pool, against small nodes that answer as each test needs.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::{
    primitives::{B256, U256, address},
    providers::{DynProvider, Provider},
};
use anyhow::{Context, Result};
use axum::{Json, Router, http::StatusCode, routing::post};
use chain::{
    pool::{self, Options, Pool, State},
    rpc,
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How many calls a node received, by method.
type Seen = Arc<Mutex<BTreeMap<String, u32>>>;

/// Returns a node of chain 7 that answers every other call with this function: with a status, and `result`
/// or `error`.
async fn node(answer: impl Fn(&str) -> (StatusCode, Value) + Clone + Send + Sync + 'static) -> Result<(String, Seen)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let seen = Seen::default();
    let noted = seen.clone();
    let handler = post(move |Json(call): Json<Value>| async move {
        let method = call["method"].as_str().unwrap_or_default().to_owned();
        *noted.lock().expect("no test panics here").entry(method.clone()).or_default() += 1;
        let (status, mut body) = match method.as_str() {
            "eth_chainId" => (StatusCode::OK, json!({"result": "0x7"})),
            // The endpoints' heads are read in the background.
            "eth_blockNumber" => (StatusCode::OK, json!({"result": "0x10"})),
            method => answer(method),
        };
        if body.get("hang").is_some() {
            pending::<()>().await;
        }
        if let Some(body) = body.as_object_mut() {
            body.insert("id".into(), call["id"].clone());
        }
        (status, Json(body))
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", handler)).await });
    Ok((url, seen))
}

fn result(value: impl Into<Value>) -> (StatusCode, Value) {
    (StatusCode::OK, json!({"result": value.into()}))
}

fn error(code: i64, message: &str) -> (StatusCode, Value) {
    (StatusCode::OK, json!({"error": {"code": code, "message": message}}))
}

async fn connect(urls: &[&String]) -> Result<(Arc<Pool>, DynProvider)> {
    let pool = Arc::new(pool::connect(urls, Options::default()).await?.pop().context("no pool")?);
    Ok((pool.clone(), rpc::provider(&pool)))
}

fn times(seen: &Seen, method: &str) -> u32 {
    seen.lock().expect("no test panics here").get(method).copied().unwrap_or_default()
}

async fn balance(provider: &DynProvider) -> Result<U256> {
    Ok(provider.get_balance(address!("0x00000000000000000000000000000000000000aa")).await?)
}

#[tokio::test]
async fn what_speaks_of_the_endpoint_is_asked_of_the_next() -> Result<()> {
    let cases: [((StatusCode, Value), bool); 6] = [
        (error(429, "Too Many Requests"), true),
        (error(-32005, "daily request count exceeded, request rate limited"), true),
        ((StatusCode::UNAUTHORIZED, json!({"error": {"code": -32000, "message": "invalid API key"}})), true),
        ((StatusCode::BAD_GATEWAY, json!("no upstream")), true),
        (error(-32000, "missing trie node 12ab"), false),
        (error(-32601, "the method eth_getBalance does not exist/is not available"), false),
    ];
    for (refusal, leaves) in cases {
        let case = refusal.1.to_string();
        let (first, at_first) = node(move |_| refusal.clone()).await?;
        let (second, at_second) = node(|_| result("0x5")).await?;
        let (pool, provider) = connect(&[&first, &second]).await?;
        for _ in 0..3 {
            assert_eq!(balance(&provider).await.context(case.clone())?, U256::from(5), "{case}");
        }
        // An endpoint that was left alone is not asked again at once. One that lacks something is still
        // asked first.
        let asked = if leaves { 1 } else { 3 };
        let found = (times(&at_first, "eth_getBalance"), times(&at_second, "eth_getBalance"));
        assert_eq!(found, (asked, 3), "{case}");
        // Its head was read in the background meanwhile, which may have ended its suspension.
        assert_eq!(pool.endpoints()[0].errors > 0, leaves, "{case}");
    }
    Ok(())
}

#[tokio::test]
async fn a_nodes_error_is_an_answer_and_comes_whole() -> Result<()> {
    let reverted =
        (StatusCode::OK, json!({"error": {"code": 3, "message": "execution reverted", "data": "0x08c379a0"}}));
    let (first, _) = node(move |_| reverted.clone()).await?;
    let (second, at_second) = node(|_| result("0x5")).await?;
    let (pool, provider) = connect(&[&first, &second]).await?;
    let refused = provider.get_balance(address!("0x00000000000000000000000000000000000000aa")).await;
    let refused = refused.err().context("it reverts")?;
    let payload = refused.as_error_resp().context("an answer of the node")?;
    assert_eq!((payload.code, payload.message.as_ref()), (3, "execution reverted"));
    assert_eq!(payload.as_revert_data().context("the contract's data")?.to_string(), "0x08c379a0");
    assert_eq!((times(&at_second, "eth_getBalance"), pool.endpoints()[0].state), (0, State::Healthy));
    // When every endpoint refuses, the answer is that of the first.
    let (first, _) = node(|_| error(-32601, "method not found")).await?;
    let (second, _) = node(|_| error(-32601, "no such method is available")).await?;
    let (_, provider) = connect(&[&first, &second]).await?;
    let refused = balance(&provider).await.err().context("nobody knows it")?;
    assert!(refused.to_string().contains("method not found"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_transaction_goes_through_every_endpoint_and_one_is_enough() -> Result<()> {
    let hash = B256::repeat_byte(7);
    let taken = move |_: &str| result(hash.to_string());
    let (first, at_first) = node(|_| error(-32000, "already known")).await?;
    let (second, at_second) = node(taken).await?;
    let (_, provider) = connect(&[&first, &second]).await?;
    assert_eq!(*provider.send_raw_transaction(&[1, 2, 3]).await?.tx_hash(), hash);
    let sent = "eth_sendRawTransaction";
    assert_eq!((times(&at_first, sent), times(&at_second, sent)), (1, 1));

    let (broken, _) = node(|_| (StatusCode::BAD_GATEWAY, json!("no upstream"))).await?;
    let (_, provider) = connect(&[&broken, &second]).await?;
    assert_eq!(*provider.send_raw_transaction(&[1, 2, 3]).await?.tx_hash(), hash);

    let (_, provider) = connect(&[&broken, &first]).await?;
    let refused = provider.send_raw_transaction(&[1, 2, 3]).await.err().context("nobody takes it")?;
    assert_eq!(refused.as_error_resp().context("an answer of a node")?.message, "already known");
    Ok(())
}

#[tokio::test]
async fn every_request_ends_within_thirty_seconds() -> Result<()> {
    let hangs = |_: &str| (StatusCode::OK, json!({"hang": true}));
    let mut urls = Vec::new();
    for _ in 0..5 {
        urls.push(node(hangs).await?.0);
    }
    let (_, provider) = connect(&urls.iter().collect::<Vec<_>>()).await?;
    // The first request also reads the heads.
    let _ = tokio::time::timeout(Duration::from_millis(100), balance(&provider)).await;
    tokio::time::pause();
    let started = Instant::now();
    let error = balance(&provider).await.err().context("nobody answers")?;
    assert!(error.to_string().contains("within 30s"), "{error}");
    assert!(started.elapsed() <= Duration::from_secs(31), "{:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn keys_in_urls_do_not_print() -> Result<()> {
    let (url, _) = node(|_| result("0x5")).await?;
    let url = format!("{}/?key=hunter2", url.replace("http://", "http://user:hunter2@"));
    let (pool, provider) = connect(&[&url]).await?;
    balance(&provider).await?;
    assert!(!format!("{pool:?} {:?}", pool.endpoints()).contains("hunter2"), "{pool:?}");
    Ok(())
}
