//! The chain that is read, and the proxies in front of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use alloy::{
    consensus,
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::TransactionRequest,
    transports::RpcError,
};
use anyhow::Result;
use axum::{Router, extract::State as Shared, http::StatusCode, response::IntoResponse, routing::post};
use serde_json::{Value, json};
use testkit::{Chain, account};

/// Two contracts that are watched, and one that is not.
pub const SPEAKERS: [Address; 2] = [Address::repeat_byte(0x51), Address::repeat_byte(0x52)];
pub const STRANGER: Address = Address::repeat_byte(0x53);
/// A block with three logs of watched contracts and one of the stranger.
pub const FULL: u64 = 6;
/// A block with one log.
pub const SINGLE: u64 = 3;
/// A block without transactions.
pub const EMPTY: u64 = 9;
pub const LAST: u64 = 12;
/// The number of logs of the watched contracts in all blocks.
pub const LOGS: usize = 9 + 3;

/// Starts a node with contracts that log their caller and 32 bytes of input, and with twelve blocks of which every
/// third is empty.
///
/// # Errors
/// When the node does not start, or refuses a request.
pub async fn chain() -> Result<Chain> {
    let chain = Chain::start_with_epoch(64).await?;
    let mut code = vec![0x60, 0x00, 0x35, 0x60, 0x00, 0x52, 0x33, 0x7f]; // memory[0] = calldata[0]; caller, topic
    code.extend([0xab; 32]);
    code.extend([0x60, 0x20, 0x60, 0x00, 0xa2, 0x00]); // log2(0, 32, topic, caller)
    for address in [SPEAKERS[0], SPEAKERS[1], STRANGER] {
        chain.provider.anvil_set_code(address, code.clone().into()).await?;
    }
    chain.provider.anvil_set_auto_mine(false).await?;
    for number in 1..=LAST {
        let speakers: &[Address] = match number {
            FULL => &[SPEAKERS[0], STRANGER, SPEAKERS[1], SPEAKERS[0]],
            _ if number % 3 == 0 && number != SINGLE => &[],
            _ => &[SPEAKERS[0]],
        };
        for (nonce, speaker) in speakers.iter().enumerate() {
            speak(&chain.provider, *speaker, number * 100 + nonce as u64, number).await?;
        }
        chain.mine(1).await?;
    }
    chain.provider.anvil_set_auto_mine(true).await?;
    Ok(chain)
}

/// Sends a transaction whose type depends on `kind`, so that receipts of all types occur.
async fn speak(provider: &DynProvider, to: Address, word: u64, kind: u64) -> Result<()> {
    let mut request = TransactionRequest::default().from(account((word % 10) as u32)).to(to).gas_limit(100_000);
    request.input = Bytes::from(U256::from(word).to_be_bytes::<32>()).into();
    match kind % 3 {
        0 => request.gas_price = Some(10_000_000_000),
        1 => request.max_fee_per_gas = Some(10_000_000_000),
        _ => {
            request.gas_price = Some(10_000_000_000);
            request.access_list = Some(alloy::rpc::types::AccessList::default());
        }
    }
    let _: B256 = provider.raw_request("eth_sendTransaction".into(), (request,)).await?;
    Ok(())
}

pub type Alter = Arc<dyn Fn(&Value, &mut Value) + Send + Sync>;

/// What a proxy does instead of passing on an answer.
#[derive(Clone)]
pub enum Fault {
    /// Alters the response (its `result` or `error`) to a call.
    Answer(Alter),
    /// Sends this body.
    Body(StatusCode, &'static str),
    /// Sends this many bytes of spaces after the answer.
    Padding(usize),
    /// It never answers, except to `eth_chainId`.
    Hang,
    /// Fails once, so that another endpoint is asked, whichever is asked first.
    Stumble(Arc<AtomicBool>),
}

/// Returns a fault that alters each response by the function given.
pub fn alter(change: impl Fn(&Value, &mut Value) + Send + Sync + 'static) -> Fault {
    Fault::Answer(Arc::new(change))
}

/// Starts a proxy in front of a node, and returns its URL.
///
/// # Errors
/// When no port can be bound.
pub async fn proxy(provider: &DynProvider, fault: Fault) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new().route("/", post(answer)).with_state((provider.clone(), fault));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn answer(Shared((provider, fault)): Shared<(DynProvider, Fault)>, body: String) -> impl IntoResponse {
    let request: Value = serde_json::from_str(&body).expect("clients send JSON");
    let first = body.contains("eth_chainId");
    let calls = request.as_array().cloned().unwrap_or_else(|| vec![request.clone()]);
    let mut responses = Vec::new();
    for call in &calls {
        let method = call["method"].as_str().expect("a call has a method").to_owned();
        let mut response = json!({"jsonrpc": "2.0", "id": call["id"]});
        match provider.raw_request::<Value, Value>(method.into(), call["params"].clone()).await {
            Ok(result) => response["result"] = result,
            Err(RpcError::ErrorResp(error)) => response["error"] = json!(error),
            Err(error) => response["error"] = json!({"code": -1, "message": error.to_string()}),
        }
        if let Fault::Answer(change) = &fault {
            change(call, &mut response);
        }
        responses.push(response);
    }
    let text = if request.is_array() { Value::from(responses).to_string() } else { responses[0].to_string() };
    match fault {
        Fault::Body(status, text) if !first => (status, text.to_owned()),
        Fault::Padding(bytes) if !first => (StatusCode::OK, text + &" ".repeat(bytes)),
        Fault::Hang if !first => std::future::pending().await,
        Fault::Stumble(fails) if !first && fails.swap(false, Ordering::SeqCst) => {
            (StatusCode::BAD_GATEWAY, String::new())
        }
        _ => (StatusCode::OK, text),
    }
}

/// Tells whether a call is to this method.
pub fn is(call: &Value, method: &str) -> bool {
    call["method"] == method
}

/// Returns the number that a hexadecimal value holds, or 0 when it holds none.
pub fn number(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_default();
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or_default()
}

/// Returns the logs of an answer to `eth_getLogs`.
pub fn logs<'a>(call: &Value, response: &'a mut Value) -> Option<&'a mut Vec<Value>> {
    if is(call, "eth_getLogs") { response["result"].as_array_mut() } else { None }
}

/// Returns the block of an answer, if it has this number.
pub fn block(response: &mut Value, wanted: u64) -> Option<&mut Value> {
    let block = &mut response["result"];
    (block.get("stateRoot").is_some() && number(&block["number"]) == wanted).then_some(block)
}

/// Turns the block's header into another valid one.
pub fn forge(block: &mut Value) {
    block["extraData"] = json!("0x66");
    let header: consensus::Header = serde_json::from_value(block.clone()).expect("the block is a header");
    block["hash"] = json!(header.hash_slow());
}
