//! Tests the pool against small nodes that answer as each test needs.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Router, http::StatusCode, routing::post};
use chain::pool::{self, Call, Endpoint, Failure, Options, Pool, Read, RpcSetupError, State, Voices};
use serde_json::{Value, json};

/// Starts a node that answers bodies with this function, and returns its URL.
async fn node(answer: impl Fn(Value) -> (StatusCode, String) + Clone + Send + Sync + 'static) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let handler = post(move |body: String| async move { answer(serde_json::from_str(&body).expect("JSON")) });
    let app = Router::new().route("/", handler.clone()).route("/{*path}", handler);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// Returns a result for every call: the chain id, or the first parameter.
fn echo(chain_id: u64) -> impl Fn(Value) -> (StatusCode, String) + Clone + Send + Sync {
    move |request| {
        let respond = |call: &Value| {
            let chain = json!(format!("{chain_id:#x}"));
            let result = if call["method"] == "eth_chainId" { &chain } else { &call["params"][0] };
            json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
        };
        let answer = match &request {
            Value::Array(calls) => calls.iter().rev().map(respond).collect(),
            call => respond(call),
        };
        (StatusCode::OK, answer.to_string())
    }
}

/// Returns options that give up quickly at the start, and hedge slowly.
fn options() -> Options {
    Options {
        start: Duration::ZERO,
        timeout: Duration::from_secs(60),
        hedge_after: Duration::from_secs(30),
        ..Options::default()
    }
}

async fn pool(urls: &[String], options: Options) -> Result<Arc<Pool>> {
    Ok(Arc::new(pool::connect(urls, options).await?.pop().context("no pool")?))
}

fn numbers(count: u64) -> Vec<Call> {
    (0..count).map(|number| Call::new("echo", json!([number]))).collect()
}

async fn read_numbers(pool: &Pool, count: u64) -> Result<Vec<u64>> {
    let calls = numbers(count);
    let answers = pool.read(Read::Header, 0..=0, async |endpoint: Arc<Endpoint>| endpoint.batch(&calls).await).await?;
    answers.into_iter().map(|answer| Ok(serde_json::from_str(answer?.get())?)).collect()
}

/// Returns a port on which nobody listens.
async fn nobody() -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(format!("http://{}", listener.local_addr()?))
}

#[tokio::test]
async fn endpoints_are_grouped_by_chain_and_named_without_their_keys() -> Result<()> {
    let (ten, one) = (node(echo(10)).await?, node(echo(1)).await?);
    let urls = [format!("{ten}/v2/secret-key"), one.clone(), format!("{ten}/v2/other-key")];
    let pools = pool::connect(&urls, options()).await?;
    assert_eq!(pools.iter().map(Pool::chain_id).collect::<Vec<_>>(), [10, 1]);
    let names: Vec<String> = pools[0].endpoints().into_iter().map(|endpoint| endpoint.name).collect();
    let host = ten.trim_start_matches("http://");
    assert_eq!(names, [host.to_owned(), format!("{host}#2")]);
    assert_eq!(pools[0].calls(), 2);

    let silent = nobody().await?;
    let error = pool::connect(&[format!("{silent}/secret-key")], options()).await.err().context("nobody answers")?;
    assert!(matches!(error, RpcSetupError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains(silent.trim_start_matches("http://")), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    for wrong in ["ws://127.0.0.1:1/secret", "secret", ""] {
        let error = pool::connect(&[wrong], options()).await.err().context("no URL")?;
        assert!(matches!(error, RpcSetupError::Url(_)), "{wrong}: {error}");
    }
    assert!(matches!(pool::connect(&[""; 0], options()).await, Err(RpcSetupError::Empty)));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_was_silent_at_the_start_is_asked_for_its_chain_before_it_is_used() -> Result<()> {
    for (chain_id, state) in [(1, State::Healthy), (5, State::Dropped)] {
        let late = nobody().await?;
        let pool = pool(&[node(echo(1)).await?, late.clone()], options()).await?;
        assert_eq!(pool.endpoints()[1].state, State::Suspended);
        let listener = tokio::net::TcpListener::bind(late.trim_start_matches("http://")).await?;
        let answer = echo(chain_id);
        let handler = post(move |body: String| async move { answer(serde_json::from_str(&body).expect("JSON")) });
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", handler)).await });
        let late = late.trim_start_matches("http://").to_owned();
        // Every endpoint is asked in turn, and the first one fails.
        for _ in 0..200 {
            let attempt = async |endpoint: Arc<Endpoint>| match endpoint.name() == late {
                true => endpoint.batch(&numbers(1)).await,
                false => Err(Failure::Moved),
            };
            let _ = pool.read(Read::Header, 0..=0, attempt).await;
            if pool.endpoints()[1].state == state {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(pool.endpoints()[1].state, state, "{:?}", pool.endpoints());
    }
    Ok(())
}

#[tokio::test]
async fn batches_are_learned_and_answers_may_come_in_any_order() -> Result<()> {
    let free = pool(&[node(echo(1)).await?], options()).await?;
    assert_eq!(read_numbers(&free, 250).await?, (0..250).collect::<Vec<_>>());

    let refusals: [(StatusCode, &str); 3] = [
        (StatusCode::OK, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}"#),
        (StatusCode::PAYLOAD_TOO_LARGE, "too many"),
        (StatusCode::BAD_REQUEST, ""),
    ];
    for (limit, (status, body)) in [1, 1, 10].into_iter().zip(refusals) {
        let posts = Arc::new(AtomicUsize::new(0));
        let (counter, honest) = (posts.clone(), echo(1));
        let url = node(move |request| {
            counter.fetch_add(1, Ordering::SeqCst);
            match request.as_array() {
                Some(calls) if calls.len() > limit => (status, body.to_owned()),
                _ => honest(request),
            }
        });
        let pool = pool(&[url.await?], options()).await?;
        assert_eq!(read_numbers(&pool, 30).await?, (0..30).collect::<Vec<_>>(), "{status} {limit}");
        let before = posts.load(Ordering::SeqCst);
        read_numbers(&pool, 30).await?;
        let size = if limit == 1 { 1 } else { 7 };
        assert_eq!(posts.load(Ordering::SeqCst) - before, 30_usize.div_ceil(size), "it is not tried again");
        assert_eq!(pool.endpoints()[0].state, State::Healthy);
    }
    Ok(())
}

#[tokio::test]
async fn answers_to_other_questions_are_refused() -> Result<()> {
    let spoil: [fn(&mut Vec<Value>); 5] = [
        |answers| answers[0]["id"] = json!(99_999),
        |answers| answers[0]["id"] = json!("1"),
        |answers| answers[0] = answers[1].clone(),
        |answers| answers.truncate(2),
        |answers| answers[2] = json!({"id": answers[2]["id"]}),
    ];
    for (case, spoil) in spoil.into_iter().enumerate() {
        let honest = echo(1);
        let url = node(move |request| {
            let (status, body) = honest(request);
            match serde_json::from_str(&body).expect("JSON") {
                Value::Array(mut answers) => {
                    spoil(&mut answers);
                    (status, Value::from(answers).to_string())
                }
                _ => (status, body),
            }
        });
        let pool = pool(&[url.await?], options()).await?;
        let error = read_numbers(&pool, 3).await.err().with_context(|| format!("case {case}"))?;
        assert!(error.to_string().contains("malformed answer"), "case {case}: {error}");
        assert_eq!(pool.endpoints()[0].state, State::Suspended, "case {case}");
    }
    Ok(())
}

#[tokio::test]
async fn large_answers_are_cut_off() -> Result<()> {
    let honest = echo(1);
    let url = node(move |request| {
        let (status, body) = honest(request.clone());
        let spaces = if request["method"] == "eth_chainId" { 0 } else { 10_000 };
        (status, body + &" ".repeat(spaces))
    });
    let url = url.await?;
    let small = pool(std::slice::from_ref(&url), Options { max_body: 9_999, ..options() }).await?;
    let error = read_numbers(&small, 1).await.err().context("it fits")?;
    assert!(error.to_string().contains("larger than 9999 bytes"), "{error}");
    let large = pool(&[url], Options { max_body: 11_000, ..options() }).await?;
    assert_eq!(read_numbers(&large, 1).await?, [0]);
    Ok(())
}

#[tokio::test]
async fn a_failure_is_another_endpoints_turn_and_a_lie_is_for_ever() -> Result<()> {
    let pool = pool(&[node(echo(1)).await?, node(echo(1)).await?], options()).await?;
    let asked = AtomicUsize::new(0);
    // The endpoint that is asked first lies, and the next one tells the truth.
    let attempt = async |endpoint: Arc<Endpoint>| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Failure::Lie("the moon is green".into())),
        _ => Ok(endpoint.name().to_owned()),
    };
    let honest = pool.read(Read::Range, 0..=9, attempt).await?;
    for _ in 0..10 {
        let name =
            pool.read(Read::Range, 0..=9, async |endpoint: Arc<Endpoint>| Ok(endpoint.name().to_owned())).await?;
        assert_eq!(name, honest);
    }
    let liar = pool.endpoints().into_iter().find(|endpoint| endpoint.name != honest).context("two endpoints")?;
    assert_eq!((liar.state, liar.score, liar.errors), (State::Dropped, 0.0, 1));
    assert!(liar.reason.context("a reason")?.contains("the moon is green"));
    assert_eq!(pool.voices(), std::slice::from_ref(&honest));

    let attempt = async |_: Arc<Endpoint>| Err::<(), _>(Failure::Transport("the cable is cut".into()));
    let error = pool.read(Read::Range, 0..=9, attempt).await.err().context("it failed")?.to_string();
    assert!(error.contains("the moon is green") && error.contains("the cable is cut"), "{error}");
    let error = pool.read(Read::Range, 0..=9, attempt).await.err().context("nobody may be asked")?.to_string();
    assert!(error.contains("the moon is green") && error.contains("the cable is cut"), "{error}");
    for _ in 0..200 {
        let answer = pool.read(Read::Range, 0..=9, async |_: Arc<Endpoint>| Ok(())).await;
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = pool.endpoints().into_iter().find(|endpoint| endpoint.name == honest).context("two endpoints")?;
    assert_eq!((status.state, status.reason), (State::Healthy, None), "it came back by itself");

    // In a quorum, the liar still counts.
    let name = |endpoint: Arc<Endpoint>| async move { Ok(endpoint.name().to_owned()) };
    assert_eq!(pool.poll(Voices::All, Read::Head, name, |_| false).await?.len(), 2);
    assert_eq!(pool.poll(Voices::Usable, Read::Head, name, |_| false).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_slow_read_is_asked_of_another_and_cancelled_when_that_one_wins() -> Result<()> {
    struct Cancelled(Arc<AtomicUsize>);
    impl Drop for Cancelled {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let hedging = Options { hedge_after: Duration::ZERO, ..options() };
    let pool = pool(&[node(echo(1)).await?, node(echo(1)).await?], hedging).await?;
    let (asked, cancelled) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let attempt = async |endpoint: Arc<Endpoint>| {
        if asked.fetch_add(1, Ordering::SeqCst) == 0 {
            let _guard = Cancelled(cancelled.clone());
            pending::<()>().await;
        }
        Ok(endpoint.name().to_owned())
    };
    let winner = pool.read(Read::Header, 0..=0, attempt).await?;
    assert_eq!((asked.load(Ordering::SeqCst), cancelled.load(Ordering::SeqCst)), (2, 1));
    let status = pool.endpoints();
    let (won, lost): (Vec<_>, Vec<_>) = status.iter().partition(|endpoint| endpoint.name == winner);
    assert!(won[0].score > lost[0].score, "{status:?}");
    let next = pool.read(Read::Header, 0..=0, async |endpoint: Arc<Endpoint>| Ok(endpoint.name().to_owned())).await?;
    assert_eq!(next, winner, "the quicker one is asked first from now on");
    Ok(())
}

#[tokio::test]
async fn a_poll_ends_when_enough_is_said() -> Result<()> {
    let urls = [node(echo(1)).await?, node(echo(1)).await?, node(echo(1)).await?];
    let pool = pool(&urls, options()).await?;
    let first = pool.endpoints()[0].name.clone();
    let attempt = move |endpoint: Arc<Endpoint>| {
        let hangs = endpoint.name() == first;
        async move {
            if hangs {
                pending::<()>().await;
            }
            Ok(endpoint.name().to_owned())
        }
    };
    let two = pool.poll(Voices::Usable, Read::Head, attempt.clone(), |answers| answers.len() == 2).await?;
    assert_eq!(two.len(), 2);
    let patient = pool.poll(Voices::Usable, Read::Head, attempt, |_| false).await?;
    assert_eq!(patient.len(), 2, "the one that hangs is not waited for");
    let nobody = |_: Arc<Endpoint>| async { Err::<(), _>(Failure::Timeout) };
    assert!(pool.poll(Voices::Usable, Read::Head, nobody, |_| false).await.is_err());
    Ok(())
}
