//! A real chain behind proxies that alter its answers. The honest endpoint's data is returned, the liar is named, and a
//! liar alone gives an error.

mod proxy;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{primitives::B256, providers::Provider};
use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use chain::pool::{self, Options, Pool, State};
use serde_json::{Value, json};
use service::Finality;
use testkit::Chain;

use self::proxy::{
    EMPTY, FULL, Fault, LAST, LOGS, SINGLE, SPEAKERS, STRANGER, alter, block, chain, forge, is, logs, number, proxy,
};
use super::{BlockId, Range, Source, SourceError};

/// Returns a pool in which nothing is hedged, so that who is asked first does not depend on the machine.
async fn pool(urls: &[String]) -> Result<Arc<Pool>> {
    with(urls, options(1)).await
}

/// Returns a pool that checks a sample of settled blocks.
async fn sampling(urls: &[String]) -> Result<Arc<Pool>> {
    with(urls, options(2)).await
}

fn options(verify_receipts: u64) -> Options {
    Options {
        timeout: Duration::from_secs(60),
        hedge_after: Duration::from_secs(30),
        verify_receipts,
        ..Options::default()
    }
}

async fn with(urls: &[String], options: Options) -> Result<Arc<Pool>> {
    Ok(Arc::new(pool::connect(urls, options).await?.pop().context("no pool")?))
}

fn source(pool: &Arc<Pool>) -> Source {
    Source::new(pool.clone(), SPEAKERS.to_vec(), Finality::Tags)
}

/// Returns a node that tells the truth, but fails at first.
async fn stumbling(chain: &Chain) -> Result<String> {
    proxy(&chain.provider, Fault::Stumble(Arc::new(AtomicBool::new(true)))).await
}

/// Returns the whole range, once an endpoint that failed is back.
async fn at_last(source: &Source) -> Result<Range> {
    for _ in 0..200 {
        match all(source, 0).await {
            Ok(range) => return Ok(range),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Ok(all(source, 0).await?)
}

async fn all(source: &Source, settled: u64) -> Result<Range, SourceError> {
    source.range(None, 1, LAST, settled).await
}

fn told(range: &Range) -> (BlockId, B256, Vec<super::Log>, Vec<super::Block>) {
    (range.to, range.parent, range.logs.clone(), range.blocks.values().copied().collect())
}

fn lies() -> Vec<(&'static str, Fault, &'static str)> {
    let in_block = |log: &Value, number: u64| self::number(&log["blockNumber"]) == number;
    vec![
        (
            "one log of several left out",
            alter(move |call, response| {
                if let Some(logs) = logs(call, response)
                    && let Some(at) = logs.iter().position(|log| in_block(log, FULL))
                {
                    logs.remove(at);
                }
            }),
            "was left out",
        ),
        (
            "the last log of a block left out",
            alter(move |call, response| {
                if let Some(logs) = logs(call, response)
                    && let Some(at) = logs.iter().rposition(|log| in_block(log, FULL))
                {
                    logs.remove(at);
                }
            }),
            "was left out",
        ),
        (
            "all logs of a block left out",
            alter(move |call, response| {
                if let Some(logs) = logs(call, response) {
                    logs.retain(|log| !in_block(log, SINGLE + 1));
                }
            }),
            "was left out",
        ),
        (
            "other data",
            alter(|call, response| {
                if let Some(log) = logs(call, response).and_then(|logs| logs.first_mut()) {
                    log["data"] = json!(B256::repeat_byte(7));
                }
            }),
            "differs from its receipt",
        ),
        (
            "another transaction",
            alter(|call, response| {
                if let Some(log) = logs(call, response).and_then(|logs| logs.first_mut()) {
                    log["transactionHash"] = json!(B256::repeat_byte(7));
                }
            }),
            "differs from its receipt",
        ),
        (
            "another topic",
            alter(|call, response| {
                if let Some(log) = logs(call, response).and_then(|logs| logs.first_mut()) {
                    log["topics"][1] = json!(B256::repeat_byte(7));
                }
            }),
            "its bloom does not know",
        ),
        (
            "another block's hash",
            alter(|call, response| {
                if let Some(log) = logs(call, response).and_then(|logs| logs.first_mut()) {
                    log["blockHash"] = json!(B256::repeat_byte(7));
                }
            }),
            "says hash",
        ),
        (
            "a stranger's log",
            alter(|call, response| {
                if let Some(log) = logs(call, response).and_then(|logs| logs.first_mut()) {
                    log["address"] = json!(STRANGER);
                }
            }),
            "not asked for",
        ),
        (
            "a log twice",
            alter(|call, response| {
                if let Some(logs) = logs(call, response) {
                    logs.extend(logs.first().cloned());
                }
            }),
            "twice the same",
        ),
        (
            "a removed log",
            alter(|call, response| {
                if let Some(log) = logs(call, response).and_then(|logs| logs.first_mut()) {
                    log["removed"] = json!(true);
                }
            }),
            "marked as removed",
        ),
        (
            "a changed header",
            alter(|_, response| {
                if let Some(block) = block(response, EMPTY) {
                    block["stateRoot"] = json!(B256::repeat_byte(7));
                }
            }),
            "does not hash",
        ),
        (
            "a cleared bloom",
            alter(|_, response| {
                if let Some(block) = block(response, FULL) {
                    block["logsBloom"] = json!(format!("0x{}", "0".repeat(512)));
                }
            }),
            "does not hash",
        ),
        (
            "a forged header",
            alter(|_, response| {
                if let Some(block) = block(response, EMPTY) {
                    forge(block);
                }
            }),
            "does not follow",
        ),
        (
            "another block",
            alter(|_, response| {
                if let Some(block) = block(response, EMPTY) {
                    block["number"] = json!("0x63");
                    forge(block);
                }
            }),
            "it gave block 99",
        ),
        (
            "receipts without a log",
            alter(|call, response| {
                if is(call, "eth_getBlockReceipts") {
                    response["result"][0]["logs"] = json!([]);
                }
            }),
            "another root",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn liars_are_dropped_and_never_believed() -> Result<()> {
    let chain = chain().await?;
    let truth = told(&all(&source(&pool(&[chain.url()]).await?), 0).await?);
    assert_eq!(truth.2.len(), LOGS, "logs in the blocks 1 to 12");
    assert_eq!(truth.3.len(), LAST as usize, "every block that is not settled");
    for (lie, fault, reason) in lies() {
        let liar = proxy(&chain.provider, fault).await?;
        let both = pool(&[liar.clone(), stumbling(&chain).await?]).await?;
        let range = at_last(&source(&both)).await.with_context(|| lie)?;
        assert_eq!(told(&range), truth, "{lie}");
        let status = both.endpoints();
        let said = status[0].reason.clone().unwrap_or_default();
        assert!(said.contains(reason), "{lie}: {said}");
        assert_eq!(status[1].state, State::Healthy, "{lie}");
        // Two nodes behind one address may contradict each other about new blocks, so that is not a proof of lying.
        if !said.contains("contradict each other") {
            assert_eq!(status[0].state, State::Dropped, "{lie}");
            let calls = status[0].calls;
            all(&source(&both), 0).await?;
            assert_eq!(both.endpoints()[0].calls, calls, "{lie}: a dropped endpoint is not asked again");
        }

        let error = all(&source(&pool(&[liar]).await?), 0).await.err().with_context(|| format!("{lie}: believed"))?;
        assert!(error.to_string().contains(reason), "{lie}: {error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_fail_are_suspended_and_others_answer() -> Result<()> {
    let chain = chain().await?;
    let truth = told(&all(&source(&pool(&[chain.url()]).await?), 0).await?);
    let wrong_id = alter(|call, response| {
        if !is(call, "eth_chainId") {
            response["id"] = json!(number(&json!("0xffff")));
        }
    });
    let refuses = |method| {
        alter(move |call, response| {
            if is(call, method) {
                *response = json!({"id": call["id"], "error": {"code": -32000, "message": "overloaded"}});
            }
        })
    };
    let cases = [
        ("garbage", Fault::Body(StatusCode::OK, "<html>busy</html>"), "malformed"),
        ("an error page", Fault::Body(StatusCode::BAD_GATEWAY, "bad gateway"), "502"),
        ("too many requests", Fault::Body(StatusCode::TOO_MANY_REQUESTS, "{}"), "429"),
        ("no JSON-RPC", Fault::Body(StatusCode::OK, "{}"), "malformed"),
        ("another id", wrong_id, "ids"),
        ("an endless body", Fault::Padding(1 << 20), "larger than"),
        ("no logs", refuses("eth_getLogs"), "overloaded"),
        ("no headers", refuses("eth_getBlockByNumber"), "overloaded"),
        ("no receipts", refuses("eth_getBlockReceipts"), "overloaded"),
    ];
    for (what, fault, reason) in cases {
        let bad = proxy(&chain.provider, fault).await?;
        let options = Options {
            timeout: Duration::from_secs(60),
            hedge_after: Duration::from_secs(30),
            max_body: 512 << 10,
            ..Options::default()
        };
        let both = with(&[bad.clone(), stumbling(&chain).await?], options.clone()).await?;
        assert_eq!(told(&at_last(&source(&both)).await.context(what)?), truth, "{what}");
        let status = both.endpoints();
        assert_ne!(status[0].state, State::Dropped, "{what}");
        let said = status[0].reason.clone().unwrap_or_default();
        assert!(said.contains(reason), "{what}: {said}");
        let error = all(&source(&with(&[bad], options).await?), 0).await.err().context(what)?;
        assert!(error.to_string().contains(reason), "{what}: {error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_is_overtaken() -> Result<()> {
    let chain = chain().await?;
    let truth = told(&all(&source(&pool(&[chain.url()]).await?), 0).await?);
    let hanging = proxy(&chain.provider, Fault::Hang).await?;
    let both = with(&[hanging.clone(), chain.url()], Options::default()).await?;
    assert_eq!(told(&all(&source(&both), 0).await?), truth);
    assert_eq!(source(&both).head().await?.head.number, LAST);
    let alone = with(&[hanging], Options { timeout: Duration::from_millis(300), ..Options::default() }).await?;
    let error = all(&source(&alone), 0).await.err().context("nobody answered")?;
    assert!(error.to_string().contains("no answer in time"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lagging_and_pruned_endpoints_are_used_for_what_they_have() -> Result<()> {
    let chain = chain().await?;
    chain.mine(20).await?;
    let (end, seen) = (LAST + 20, LAST + 2);
    // The lagging node's own head is an older block of the same chain.
    let old: Value = chain.provider.raw_request("eth_getBlockByNumber".into(), (format!("{seen:#x}"), false)).await?;
    let lagging = alter(move |call, response| {
        if is(call, "eth_getBlockByNumber") && call["params"][0] == "latest" {
            response["result"] = old.clone();
        } else if is(call, "eth_getBlockByNumber") && number(&response["result"]["number"]) > seen {
            response["result"] = Value::Null;
        }
    });
    let pruned = alter(|call, response| {
        let asked = number(&call["params"][0]);
        if is(call, "eth_getBlockByNumber") && (1..=10).contains(&asked) {
            response["result"] = Value::Null;
        }
    });
    let urls = [proxy(&chain.provider, lagging).await?, proxy(&chain.provider, pruned).await?, chain.url()];
    let three = pool(&urls).await?;
    let source = source(&three);
    assert_eq!(source.head().await?.head.number, end, "the highest head wins");
    assert_eq!(three.endpoints()[0].state, State::Lagging);
    assert_eq!(all(&source, 0).await?.logs.len(), LOGS);
    assert_eq!(source.range(None, LAST, end, 0).await?.to.number, end);
    let states: Vec<State> = three.endpoints().iter().map(|endpoint| endpoint.state).collect();
    assert_eq!(states, [State::Lagging, State::Healthy, State::Healthy], "neither is dropped");

    let alone = self::source(&pool(&urls[..1]).await?);
    assert_eq!(all(&alone, 0).await?.logs.len(), LOGS, "what it has is good");
    assert!(matches!(alone.range(None, LAST, end, 0).await, Err(SourceError::Missing(_))));
    assert!(matches!(alone.block(end).await, Err(SourceError::Missing(_))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn range_limits_are_learned_from_any_error_and_parts_are_joined() -> Result<()> {
    let chain = chain().await?;
    let truth = told(&all(&source(&pool(&[chain.url()]).await?), 0).await?);
    for (text, blocks, learned) in [("block range is limited to 5", 5, 5..=5), ("computer says no", 7, 1..=LAST - 1)] {
        let fault = alter(move |call, response| {
            let filter = &call["params"][0];
            if is(call, "eth_getLogs") && number(&filter["toBlock"]) + 1 > number(&filter["fromBlock"]) + blocks {
                response["result"] = Value::Null;
                response["error"] = json!({"code": -32005, "message": text});
            }
        });
        let limited = pool(&[proxy(&chain.provider, fault).await?]).await?;
        let source = source(&limited);
        assert_eq!(told(&all(&source, 0).await?), truth, "{text}");
        assert!(learned.contains(&source.span()), "{text}: {}", source.span());
        let sparse = all(&source, LAST).await?;
        assert_eq!((told(&sparse).0, &sparse.logs), (truth.0, &truth.2), "{text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_range_needs_only_its_ends_and_the_blocks_with_logs() -> Result<()> {
    let chain = chain().await?;
    let one = sampling(&[chain.url()]).await?;
    let whole = all(&source(&one), 0).await?;
    let before = one.calls();
    let range = all(&source(&one), LAST).await?;
    assert_eq!((range.to, range.parent, &range.logs), (whole.to, whole.parent, &whole.logs));
    assert!(range.blocks.contains_key(&1) && range.blocks.contains_key(&LAST) && !range.blocks.contains_key(&EMPTY));
    assert!(one.calls() - before < 2 * LAST, "{} calls", one.calls() - before);
    let parent = source(&one).block(0).await?;
    assert_eq!(range.parent, parent.hash);
    let id = parent.id();
    assert_eq!(source(&one).range(Some(id), 1, LAST, 0).await?.to, whole.to);
    let other = BlockId { hash: B256::repeat_byte(1), ..id };
    assert_eq!(source(&one).range(Some(other), 1, LAST, 0).await?.to, whole.to, "a preference, no condition");
    // If everything is checked, settled blocks are read like new ones.
    assert_eq!(all(&source(&pool(&[chain.url()]).await?), LAST).await?.blocks.len() as u64, LAST);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_taken_as_the_endpoint_gives_them() -> Result<()> {
    let chain = chain().await?;
    let truth = told(&all(&source(&pool(&[chain.url()]).await?), 0).await?);
    let without = |methods: &'static [&'static str], forged: bool| {
        alter(move |call, response| {
            if methods.iter().any(|method| is(call, method)) {
                *response = json!({"id": call["id"], "error": {"code": -32601, "message": "Method not found"}});
            } else if forged && let Some(log) = logs(call, response).and_then(|logs| logs.first_mut()) {
                log["data"] = json!("0x");
            }
        })
    };
    let single = without(&["eth_getBlockReceipts"], false);
    let one = pool(&[proxy(&chain.provider, single).await?]).await?;
    assert_eq!(told(&all(&source(&one), 0).await?), truth);
    let liar = without(&["eth_getBlockReceipts"], true);
    let error =
        all(&source(&pool(&[proxy(&chain.provider, liar).await?]).await?), 0).await.err().context("believed")?;
    assert!(error.to_string().contains("differs from its receipt"), "{error}");
    let none = without(&["eth_getBlockReceipts", "eth_getTransactionReceipt"], false);
    let url = proxy(&chain.provider, none).await?;
    let one = sampling(std::slice::from_ref(&url)).await?;
    assert_eq!(told(&all(&source(&one), 0).await?), truth, "without receipts the other checks remain");
    let error = all(&source(&pool(&[url]).await?), 0).await.err().context("believed without receipts")?;
    assert!(error.to_string().contains("gives no receipts"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_come_late_are_asked_for_by_hash() -> Result<()> {
    let chain = chain().await?;
    let truth = told(&all(&source(&pool(&[chain.url()]).await?), 0).await?);
    let late = alter(|call, response| {
        if let Some(logs) = logs(call, response)
            && call["params"][0].get("blockHash").is_none()
        {
            logs.clear();
        }
    });
    let one = pool(&[proxy(&chain.provider, late).await?]).await?;
    assert_eq!(told(&all(&source(&one), 0).await?), truth);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_moves_while_it_is_read_is_no_lie() -> Result<()> {
    let chain = chain().await?;
    let truth = told(&all(&source(&pool(&[chain.url()]).await?), 0).await?);
    // The first answers come from a branch that is gone when the range is read again.
    let reads = Arc::new(AtomicUsize::new(0));
    let moving = alter(move |call, response| {
        if is(call, "eth_getLogs") {
            reads.fetch_add(1, Ordering::SeqCst);
        }
        if reads.load(Ordering::SeqCst) == 1
            && let Some(block) = block(response, LAST - 1)
        {
            forge(block);
        }
    });
    let one = pool(&[proxy(&chain.provider, moving).await?]).await?;
    assert_eq!(told(&all(&source(&one), 0).await?), truth);
    assert_eq!(one.endpoints()[0].state, State::Healthy);
    Ok(())
}

/// Returns two chains that have nothing in common except their id and their length.
async fn fork() -> Result<(Chain, Chain)> {
    let (chain, other) = (chain().await?, Chain::start_with_epoch(64).await?);
    other.mine(LAST).await?;
    Ok((chain, other))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_majority_says_what_is_final_and_drops_the_rest() -> Result<()> {
    let (chain, other) = fork().await?;
    let honest = proxy(&chain.provider, alter(|_, _| ())).await?;
    let three = pool(&[other.url(), chain.url(), honest]).await?;
    let source = Source::new(three.clone(), SPEAKERS.to_vec(), Finality::Depth(2));
    let head = source.head().await?;
    assert_eq!((head.finalized, head.safe), (LAST - 2, LAST - 2));
    assert_ne!(three.endpoints()[0].state, State::Dropped, "a slow node gets time to follow");
    // An endpoint that answers after the majority is not counted, so it may take several attempts.
    for mined in 1..=100 {
        chain.mine(1).await?;
        other.mine(1).await?;
        assert_eq!(source.head().await?.finalized, LAST - 2 + mined);
        if three.endpoints()[0].state == State::Dropped {
            break;
        }
    }
    let status = &three.endpoints()[0];
    assert_eq!(status.state, State::Dropped);
    assert!(status.reason.clone().unwrap_or_default().contains("the majority's"), "{status:?}");
    assert_eq!(all(&source, LAST).await?.logs.len(), LOGS);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_nothing_becomes_final() -> Result<()> {
    let (chain, other) = fork().await?;
    let two = pool(&[other.url(), chain.url()]).await?;
    let source = Source::new(two.clone(), SPEAKERS.to_vec(), Finality::Depth(2));
    let head = source.head().await?;
    assert_eq!((head.head.number, head.finalized), (LAST, 0));
    assert!(matches!(all(&source, LAST).await, Err(SourceError::NoQuorum { number: LAST, .. })));
    assert!(two.endpoints().iter().all(|endpoint| endpoint.state == State::Healthy), "nobody is accused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_alone_cannot_finalize() -> Result<()> {
    let chain = chain().await?;
    let hasty = alter(|call, response| {
        if call["params"][0] == "finalized" || call["params"][0] == "safe" {
            response["result"] = Value::Null;
        }
    });
    chain.mine(100).await?;
    let hasty = proxy(&chain.provider, hasty).await?;
    let end = LAST + 100;
    let alone = source(&pool(std::slice::from_ref(&hasty)).await?).head().await?;
    assert_eq!((alone.finalized, alone.safe), (end - 64, end - 64), "without tags, by depth");
    let careful = source(&pool(&[chain.url()]).await?).head().await?;
    assert_eq!(careful.finalized, 0, "two epochs of 64 blocks have not passed");
    let both = source(&pool(&[hasty, chain.url()]).await?).head().await?;
    assert_eq!((both.head.number, both.finalized), (end, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_whose_headers_hash_otherwise_are_read_without_that_check() -> Result<()> {
    let chain = chain().await?;
    let foreign = alter(|call, response| {
        if is(call, "eth_chainId") {
            response["result"] = json!("0x144");
        }
        if let Some(block) = response["result"].as_object_mut().filter(|block| block.contains_key("mixHash")) {
            block.remove("mixHash");
        }
    });
    let foreign = proxy(&chain.provider, foreign).await?;
    let range = all(&source(&pool(&[foreign]).await?), 0).await?;
    assert_eq!(range.logs.len(), LOGS);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_receipts_of_a_real_chain_are_recomputed() -> Result<()> {
    let chain = chain().await?;
    let one = pool(&[chain.url()]).await?;
    let source = source(&one);
    for number in 0..=LAST {
        let block = source.block(number).await?;
        let said = chain.provider.get_block_by_number(number.into()).await?.context("the block")?;
        assert_eq!((block.hash, block.timestamp), (said.header.hash, said.header.timestamp));
        ensure!(said.header.inner.hash_slow() == block.hash, "block {number} hashes");
    }
    let live = source.range(Some(source.block(FULL - 1).await?.id()), FULL, FULL, 0).await?;
    let places: Vec<(u32, u32)> = live.logs.iter().map(|log| (log.tx_index, log.index)).collect();
    assert_eq!(places, [(0, 0), (2, 2), (3, 3)], "the stranger's log is in between");
    assert_eq!(live.logs[1].address, SPEAKERS[1]);
    Ok(())
}
