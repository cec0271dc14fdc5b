//! Tests the sender against a real chain: every intent happens once, whatever happens to the process or the
//! chain.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::collections::BTreeMap;

use alloy::{
    consensus::SignableTransaction,
    primitives::{Address, B256, Bytes, Signature, U256},
    providers::{Provider, ext::AnvilApi},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use anyhow::Result;
use async_trait::async_trait;
use bindings::AssetRegistry;
use chain::{AccountSigner, signer::SigningError};
use facts::ChainId;
use sender::{Intent, Sender, SenderError, enqueue};
use service::Shutdown;
use sqlx::PgPool;
use testkit::{Chain, Market, account, signer};

fn pay(key: &str, wei: u64) -> Intent {
    Intent { account: account(1), key: key.into(), to: Some(account(8)), value: U256::from(wei), data: Bytes::new() }
}

fn sender(pool: &PgPool, chain: &Chain) -> Sender {
    Sender::new(pool.clone(), chain.provider.clone(), chain.chain_id, vec![signer(1)])
}

/// Returns what the recipient got by all that was sent. The node answers that it took a transaction before it has mined it, so
/// this waits until it has none left to mine.
async fn received(chain: &Chain) -> Result<U256> {
    let waiting = || chain.provider.raw_request::<_, BTreeMap<String, U256>>("txpool_status".into(), ());
    while waiting().await?.get("pending") != Some(&U256::ZERO) {
        tokio::task::yield_now().await;
    }
    let now = chain.provider.get_balance(account(8)).await?;
    Ok(now - chain.provider.get_balance(account(8)).number(0).await?)
}

async fn steps(sender: &Sender, count: usize) -> Result<()> {
    for _ in 0..count {
        sender.step().await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_key_is_sent_once() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    let mut conn = pool.acquire().await?;
    for _ in 0..3 {
        enqueue(&mut conn, chain.chain_id, &pay("a", 5)).await?;
    }
    let other = enqueue(&mut conn, chain.chain_id, &pay("a", 6)).await;
    assert!(matches!(other, Err(SenderError::KeyTaken { .. })), "{other:?}");
    drop(conn);
    steps(&sender(&pool, &chain), 3).await?;
    assert_eq!(received(&chain).await?, U256::from(5));
    Ok(())
}

#[tokio::test]
async fn the_same_intent_stored_by_two_at_once_is_one() -> Result<()> {
    let pool = testkit::database().await?;
    let mut first = pool.begin().await?;
    assert!(enqueue(&mut first, ChainId(1), &pay("a", 5)).await?);
    let second = tokio::spawn({
        let pool = pool.clone();
        async move { enqueue(&mut *pool.acquire().await?, ChainId(1), &pay("a", 5)).await }
    });
    let waits =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&pool).await? {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    first.commit().await?;
    assert!(!second.await??, "it is known by then");
    Ok(())
}

#[tokio::test]
async fn an_intent_of_a_transaction_that_is_rolled_back_is_never_sent() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    let mut tx = pool.begin().await?;
    enqueue(&mut tx, chain.chain_id, &pay("a", 5)).await?;
    tx.rollback().await?;
    steps(&sender(&pool, &chain), 2).await?;
    assert_eq!(received(&chain).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn two_senders_lease_each_nonce_once() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    let mut conn = pool.acquire().await?;
    for n in 0..40_u64 {
        enqueue(&mut conn, chain.chain_id, &pay(&format!("n{n}"), 1 << n)).await?;
    }
    drop(conn);
    let (first, second) = (sender(&pool, &chain), sender(&pool, &chain));
    let (one, two) = tokio::join!(steps(&first, 3), steps(&second, 3));
    one?;
    two?;
    // Each payment is a distinct power of two, so the sum shows every one of them.
    assert_eq!(received(&chain).await?, U256::from((1_u64 << 40) - 1));
    let nonces: Vec<i64> =
        sqlx::query_scalar("SELECT nonce FROM sender_transactions ORDER BY nonce").fetch_all(&pool).await?;
    assert_eq!(nonces, (0..40).collect::<Vec<i64>>());
    Ok(())
}

#[tokio::test]
async fn bytes_that_got_lost_are_sent_again() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    chain.provider.anvil_set_auto_mine(false).await?;
    let mut conn = pool.acquire().await?;
    enqueue(&mut conn, chain.chain_id, &pay("lost", 9)).await?;
    sender(&pool, &chain).step().await?;
    // The node forgets what it had not mined, and the process that sent it is gone.
    chain.provider.anvil_drop_all_transactions().await?;
    sqlx::query("UPDATE sender_transactions SET updated_at = now() - interval '1 minute'").execute(&pool).await?;
    sender(&pool, &chain).step().await?;
    chain.mine(1).await?;
    sender(&pool, &chain).step().await?;
    assert_eq!(received(&chain).await?, U256::from(9));
    let (state, nonce): (String, i64) =
        sqlx::query_as("SELECT state, nonce FROM sender_transactions").fetch_one(&pool).await?;
    assert_eq!((state.as_str(), nonce), ("mined", 0));
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_waits_too_long_pays_more_and_is_mined_once() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    chain.provider.anvil_set_auto_mine(false).await?;
    let mut conn = pool.acquire().await?;
    enqueue(&mut conn, chain.chain_id, &pay("slow", 9)).await?;
    sender(&pool, &chain).step().await?;
    sqlx::query("UPDATE sender_attempts SET created_at = now() - interval '1 hour'").execute(&pool).await?;
    sender(&pool, &chain).step().await?;
    let fees: Vec<String> =
        sqlx::query_scalar("SELECT max_fee::text FROM sender_attempts ORDER BY attempt").fetch_all(&pool).await?;
    assert_eq!(fees.len(), 2);
    let (first, second): (U256, U256) = (fees[0].parse()?, fees[1].parse()?);
    assert!(second >= first + first / U256::from(10), "{first} then {second}");
    chain.mine(1).await?;
    sender(&pool, &chain).step().await?;
    assert_eq!(received(&chain).await?, U256::from(9));
    Ok(())
}

#[tokio::test]
async fn a_reorganisation_does_not_lose_or_repeat_a_payment() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    let snapshot = chain.provider.anvil_snapshot().await?;
    let mut conn = pool.acquire().await?;
    enqueue(&mut conn, chain.chain_id, &pay("r", 9)).await?;
    let sender = sender(&pool, &chain);
    steps(&sender, 2).await?;
    assert_eq!(received(&chain).await?, U256::from(9));
    chain.provider.anvil_revert(snapshot).await?;
    chain.mine(1).await?;
    assert_eq!(received(&chain).await?, U256::ZERO);
    steps(&sender, 2).await?;
    chain.mine(3).await?;
    steps(&sender, 2).await?;
    assert_eq!(received(&chain).await?, U256::from(9));
    let state: String = sqlx::query_scalar("SELECT state FROM sender_transactions").fetch_one(&pool).await?;
    assert_eq!(state, "final");
    Ok(())
}

#[tokio::test]
async fn what_the_chain_refuses_is_told_in_the_contracts_words_and_takes_no_nonce() -> Result<()> {
    let market = Market::start().await?;
    let call = AssetRegistry::lowerRoyaltyCall { assetId: U256::from(77), royaltyBps: 1 }.abi_encode();
    let error =
        market.call(2, market.deployment.asset_registry, U256::ZERO, call).await.expect_err("asset 77 is not there");
    assert!(error.to_string().contains("AssetUnknown"), "{error}");
    let nonce = market.chain.provider.get_transaction_count(account(2)).await?;
    assert_eq!(nonce, 0);
    // The account can send more.
    let intent = Intent {
        account: account(2),
        key: "next".into(),
        to: Some(account(8)),
        value: U256::from(1),
        data: Bytes::new(),
    };
    market.sender.send(&intent, &Shutdown::new()).await?;
    Ok(())
}

/// Signs by asking another signer, as with a service that keeps keys.
#[derive(Debug)]
struct Elsewhere(PrivateKeySigner);

#[async_trait]
impl AccountSigner for Elsewhere {
    fn account(&self) -> Address {
        self.0.account()
    }

    async fn sign_transaction(
        &self,
        transaction: &mut dyn SignableTransaction<Signature>,
    ) -> Result<Signature, SigningError> {
        tokio::task::yield_now().await;
        AccountSigner::sign_transaction(&self.0, transaction).await
    }

    async fn sign_hash(&self, _: &B256) -> Result<Signature, SigningError> {
        Err(SigningError::other("this service signs transactions only"))
    }
}

#[tokio::test]
async fn an_account_may_sign_elsewhere() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    let mut conn = pool.acquire().await?;
    enqueue(&mut conn, chain.chain_id, &pay("a", 5)).await?;
    let sender = Sender::new(pool.clone(), chain.provider.clone(), chain.chain_id, vec![Elsewhere(signer(1))]);
    steps(&sender, 2).await?;
    assert_eq!(received(&chain).await?, U256::from(5));
    Ok(())
}

#[tokio::test]
async fn a_chain_that_is_shorter_after_a_reorganisation_and_mines_only_on_demand_goes_on() -> Result<()> {
    let (chain, pool) = (Chain::start().await?, testkit::database().await?);
    let snapshot = chain.provider.anvil_snapshot().await?;
    let mut conn = pool.acquire().await?;
    enqueue(&mut conn, chain.chain_id, &pay("r", 9)).await?;
    let sender = sender(&pool, &chain);
    steps(&sender, 2).await?;
    chain.provider.anvil_revert(snapshot).await?;
    assert_eq!(received(&chain).await?, U256::ZERO);
    // The recipient refuses the next payment for good. The sender believes this once the lost payment is
    // back.
    chain.provider.anvil_set_code(account(7), Bytes::from_static(&[0x60, 0, 0x60, 0, 0xfd])).await?;
    let refused = Intent { to: Some(account(7)), ..pay("refused", 1) };
    enqueue(&mut conn, chain.chain_id, &refused).await?;
    let error = sender.step().await.expect_err("the chain is shorter than it was");
    assert!(matches!(error, SenderError::Behind { head: 0, needed: 1 }), "{error}");
    assert_eq!(received(&chain).await?, U256::from(9));
    sender.step().await?;
    let states: Vec<String> =
        sqlx::query_scalar("SELECT state FROM sender_transactions ORDER BY id").fetch_all(&pool).await?;
    assert_eq!(states, ["mined", "refused"]);
    Ok(())
}
