//! Sends and reads over several endpoints of a real chain, some of which are dead, die midway, hang, or lag behind.

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::client::BatchRequest,
};
use anyhow::{Context, Result, ensure};
use chain::{
    pool::{self, Options, Pool, State},
    rpc,
};
use sender::{Intent, Sender, enqueue};
use service::Shutdown;
use sqlx::PgPool;
use testkit::{Chain, account, signer};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// A connection to a chain that can be cut.
struct Way {
    url: String,
    carrying: AbortHandle,
}

impl Way {
    /// Creates a port that passes everything on to the chain.
    async fn to(chain: &Chain) -> Result<Self> {
        let to = chain.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let carrying = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut incoming, _)) = listener.accept().await {
                let to = to.clone();
                open.spawn(async move {
                    let mut outgoing = TcpStream::connect(to).await?;
                    copy_bidirectional(&mut incoming, &mut outgoing).await
                });
            }
        });
        Ok(Self { url, carrying: carrying.abort_handle() })
    }

    /// Ends every connection, and accepts no more.
    fn cut(&self) {
        self.carrying.abort();
    }
}

/// Returns a port on which nobody listens.
async fn dead() -> Result<String> {
    Ok(format!("http://{}", TcpListener::bind("127.0.0.1:0").await?.local_addr()?))
}

async fn connect(urls: &[&str]) -> Result<(Arc<Pool>, DynProvider)> {
    let options = Options { timeout: Duration::from_secs(2), ..Options::default() };
    let pool = Arc::new(pool::connect(urls, options).await?.pop().context("no pool")?);
    Ok((pool.clone(), rpc::provider(&pool)))
}

fn pay(key: &str, wei: u64) -> Intent {
    Intent { account: account(1), key: key.into(), to: Some(account(8)), value: U256::from(wei), data: Bytes::new() }
}

/// Returns a sender at work.
fn working(pool: &PgPool, provider: &DynProvider, chain: &Chain, shutdown: &Shutdown) -> Sender {
    let sender = Sender::new(pool.clone(), provider.clone(), chain.chain_id, vec![signer(1)]);
    tokio::spawn(sender.clone().run(shutdown.clone()));
    sender
}

async fn received(chain: &Chain, account: Address) -> Result<U256> {
    let now = chain.provider.get_balance(account).await?;
    Ok(now - chain.provider.get_balance(account).number(0).await?)
}

fn calls(pool: &Pool) -> Vec<u64> {
    pool.endpoints().iter().map(|endpoint| endpoint.calls).collect()
}

#[tokio::test]
async fn a_first_url_that_is_dead_from_the_beginning_stops_nothing() -> Result<()> {
    let (chain, db, shutdown) = (Chain::start().await?, testkit::database().await?, Shutdown::new());
    let (_, provider) = connect(&[&dead().await?, &chain.url()]).await?;
    assert_eq!(provider.get_chain_id().await?, chain.chain_id.0);
    let (sender, intent) = (working(&db, &provider, &chain, &shutdown), pay("a", 5));
    tokio::time::timeout(Duration::from_secs(20), sender.send(&intent, &shutdown)).await??;
    assert_eq!(received(&chain, account(8)).await?, U256::from(5));
    shutdown.begin();
    Ok(())
}

#[tokio::test]
async fn a_first_url_that_dies_midway_stops_nothing_and_repeats_nothing() -> Result<()> {
    let (chain, db, shutdown) = (Chain::start().await?, testkit::database().await?, Shutdown::new());
    let way = Way::to(&chain).await?;
    let (pool, provider) = connect(&[&way.url, &chain.url()]).await?;
    let sender = working(&db, &provider, &chain, &shutdown);
    let mut conn = db.acquire().await?;
    for n in 0..20_u64 {
        enqueue(&mut conn, chain.chain_id, &pay(&format!("n{n}"), 1 << n)).await?;
        if n == 10 {
            tokio::time::timeout(Duration::from_secs(20), sender.wait("n3", &shutdown)).await??;
            way.cut();
        }
    }
    for n in 0..20_u64 {
        tokio::time::timeout(Duration::from_secs(20), sender.wait(&format!("n{n}"), &shutdown)).await??;
    }
    // Each payment is a distinct power of two, so the sum shows every one of them.
    assert_eq!(received(&chain, account(8)).await?, U256::from((1_u64 << 20) - 1));
    assert_eq!(provider.get_transaction_count(account(1)).await?, 20);
    assert!(pool.endpoints()[0].errors > 0, "{:?}", pool.endpoints());
    shutdown.begin();
    Ok(())
}

#[tokio::test]
async fn a_url_that_hangs_is_left_even_when_the_caller_does_not_wait_for_it() -> Result<()> {
    let chain = Chain::start().await?;
    let way = Way::to(&chain).await?;
    let (pool, provider) = connect(&[&way.url, &chain.url()]).await?;
    assert_eq!(provider.get_block_number().await?, 0);
    // From now on, the first URL accepts connections and never answers.
    way.cut();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let address = way.url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind(&address).await?;
    let hanging = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    // The caller gives up long before the endpoint's timeout.
    let given_up = tokio::time::timeout(Duration::from_millis(100), provider.get_block_number()).await;
    ensure!(given_up.is_err() || given_up.is_ok_and(|answer| answer.is_ok()));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let before = calls(&pool);
    assert_eq!(provider.get_block_number().await?, 0);
    assert_eq!(calls(&pool)[0], before[0], "it is not asked again: {:?}", pool.endpoints());
    hanging.abort();
    Ok(())
}

#[tokio::test]
async fn one_endpoint_is_asked_while_it_is_well_and_several_calls_are_one_request() -> Result<()> {
    let chain = Chain::start().await?;
    let ways = [Way::to(&chain).await?, Way::to(&chain).await?];
    let (pool, provider) = connect(&[&ways[0].url, &ways[1].url]).await?;
    // The endpoints' heads are read once, in the background.
    provider.get_block_number().await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = calls(&pool);
    for _ in 0..50 {
        provider.get_block_number().await?;
    }
    assert_eq!(calls(&pool), [before[0] + 50, before[1]]);
    let client = provider.client();
    let mut batch = BatchRequest::new(client);
    let id = batch.add_call::<_, String>("eth_chainId", &())?;
    let refused = batch.add_call::<_, String>("eth_noSuchMethod", &())?;
    batch.send().await?;
    assert_eq!(id.await?, "0x7a69");
    let error = refused.await.err().context("there is no such method")?;
    assert!(error.as_error_resp().is_some_and(|error| error.code == -32601), "{error}");
    // When no endpoint knows it, that is the node's answer and not a failure.
    assert!(pool.endpoints().iter().all(|endpoint| endpoint.state == State::Healthy));
    ways[0].cut();
    assert_eq!(provider.get_block_number().await?, 0);
    // The endpoint that took over stays in use.
    let before = calls(&pool);
    for _ in 0..10 {
        provider.get_block_number().await?;
    }
    assert_eq!(calls(&pool), [before[0], before[1] + 10]);
    Ok(())
}

#[tokio::test]
async fn what_an_endpoint_that_lags_refuses_is_decided_later() -> Result<()> {
    let (chain, db) = (Chain::start().await?, testkit::database().await?);
    let behind = Chain::start().await?;
    let mut conn = db.acquire().await?;
    enqueue(&mut conn, chain.chain_id, &pay("first", 5)).await?;
    let sender = |at: &Chain| Sender::new(db.clone(), at.provider.clone(), chain.chain_id, vec![signer(1)]);
    for _ in 0..2 {
        sender(&chain).step().await?;
    }
    let state = async |key: &str| {
        let query = sqlx::query_scalar::<_, String>("SELECT state FROM sender_transactions WHERE key = $1").bind(key);
        query.fetch_one(&db).await
    };
    assert_eq!(state("first").await?, "mined");
    // A node without that block may refuse what is right by now. Here the recipient reverts.
    behind.provider.anvil_set_code(account(8), Bytes::from_static(&[0x60, 0, 0x60, 0, 0xfd])).await?;
    enqueue(&mut conn, chain.chain_id, &pay("second", 6)).await?;
    let error = sender(&behind).step().await.err().context("the node is behind")?;
    assert!(error.to_string().contains("the node is at block 0"), "{error}");
    assert_eq!(state("second").await?, "queued");
    for _ in 0..2 {
        sender(&chain).step().await?;
    }
    assert_eq!(state("second").await?, "mined");
    assert_eq!(received(&chain, account(8)).await?, U256::from(11));
    Ok(())
}
