//! Roots come one after the other. Each has everybody's totals, is accepted by the contract, and can be claimed
//! against.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use anyhow::Result;
use bindings::{AccessManager, Payouts};
use sender::deploy::ENGINE;
use testkit::account;

use crate::stage::{Stage, content};

const COIN: Address = Address::ZERO;
const FIRST: Address = Address::repeat_byte(0x51);
const SECOND: Address = Address::repeat_byte(0x52);

async fn income(stage: &Stage, asset: u64, amount: u64) -> Result<()> {
    stage.fund(asset, amount).await?;
    stage.settle().await?;
    workers::close(&stage.context).await?;
    Ok(())
}

async fn roots(stage: &Stage) -> Result<i64> {
    stage.number("SELECT count(*) FROM payout_roots").await
}

async fn proposals(stage: &Stage) -> Result<i64> {
    stage.number("SELECT count(*) FROM sender_transactions WHERE key LIKE 'propose:%'").await
}

async fn balance(stage: &Stage, who: Address) -> Result<U256> {
    Ok(stage.market.chain.provider.get_balance(who).await?)
}

async fn declared(stage: &Stage) -> Result<U256> {
    let payouts = Payouts::new(stage.context.deployment.payouts, &stage.market.chain.provider);
    Ok(U256::from(payouts.tallyOf(COIN).call().await?.declared))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roots_follow_each_other_and_claims_add_up() -> Result<()> {
    let stage = Stage::start().await?;
    let payouts = stage.context.deployment.payouts;
    let asset = stage.register(1, content("work"), &[], &[(FIRST, 7000), (SECOND, 3000)]).await?;

    // Without payouts, there is nothing to publish.
    workers::publish(&stage.context).await?;
    assert_eq!(roots(&stage).await?, 0);
    income(&stage, asset, 1000).await?;
    let publish = || workers::publish(&stage.context);
    tokio::try_join!(publish(), publish(), publish())?;
    assert_eq!((roots(&stage).await?, proposals(&stage).await?), (1, 1));
    let (_, entries) = stage.entries().await?;
    let entries: Vec<_> = entries.iter().map(|entry| (entry.account, entry.token, entry.cumulative.0)).collect();
    assert_eq!(entries, [(FIRST, COIN, U256::from(700)), (SECOND, COIN, U256::from(300))]);
    stage.propose().await?;

    // Income that comes meanwhile waits until the root is decided. A stranger may activate the root.
    income(&stage, asset, 500).await?;
    publish().await?;
    assert_eq!(roots(&stage).await?, 1);
    let early = stage.claim(FIRST, COIN).await;
    assert!(early.is_err(), "a claim against a root that is not active");
    let strangers = async || Ok(stage.call(7, payouts, U256::ZERO, Payouts::activateCall {}).await.is_ok());
    stage.until("the delay", strangers).await?;
    stage.settle().await?;
    assert_eq!(stage.claim(FIRST, COIN).await?, U256::from(700));
    assert_eq!(balance(&stage, FIRST).await?, U256::from(700));
    assert!(stage.claim(FIRST, COIN).await.is_err(), "claimed twice");

    // The guardian vetoes. The same totals are not proposed again, but other totals are.
    stage.propose().await?;
    assert_eq!((roots(&stage).await?, declared(&stage).await?), (2, U256::from(1000)));
    stage.call(8, payouts, U256::ZERO, Payouts::vetoCall {}).await?;
    stage.settle().await?;
    for _ in 0..2 {
        publish().await?;
        assert_eq!((roots(&stage).await?, proposals(&stage).await?), (2, 2));
    }
    income(&stage, asset, 100).await?;
    stage.publish_and_activate().await?;
    assert_eq!((roots(&stage).await?, declared(&stage).await?), (3, U256::from(1600)));

    // Whether it claims in parts or at once, each account ends with its share of all income.
    stage.claim(FIRST, COIN).await?;
    stage.claim(SECOND, COIN).await?;
    assert_eq!((balance(&stage, FIRST).await?, balance(&stage, SECOND).await?), (U256::from(1120), U256::from(480)));
    assert_eq!(balance(&stage, payouts).await?, U256::ZERO);

    // If nothing is new, there is no new root.
    publish().await?;
    assert_eq!((roots(&stage).await?, proposals(&stage).await?), (3, 3));
    stage.check_books().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_chain_refused_for_a_while_is_sent_again() -> Result<()> {
    let stage = Stage::start().await?;
    let (manager, payouts) = (stage.context.deployment.access_manager, stage.context.deployment.payouts);
    let asset = stage.register(1, content("work"), &[], &[(FIRST, 10_000)]).await?;
    let revoke = AccessManager::revokeRoleCall { roleId: ENGINE, account: account(0) };
    stage.call(0, manager, U256::ZERO, revoke).await?;
    income(&stage, asset, 1000).await?;
    for tries in 1..=2 {
        workers::publish(&stage.context).await?;
        let refused = "SELECT count(*) FROM sender_transactions WHERE key LIKE 'propose:%' AND state = 'refused'";
        stage.until("the refusal", async || Ok(stage.number(refused).await? == tries)).await?;
    }
    let grant = AccessManager::grantRoleCall { roleId: ENGINE, account: account(0), executionDelay: 0 };
    stage.call(0, manager, U256::ZERO, grant).await?;
    // If more has come by then, the root over all of it is proposed in place of the one that was refused.
    income(&stage, asset, 50).await?;
    stage.propose().await?;
    assert_eq!((roots(&stage).await?, proposals(&stage).await?), (2, 3));

    // An activation that failed is also sent again, under a key of its own.
    sqlx::query(
        "INSERT INTO sender_transactions (chain_id, account, key, recipient, data, state, error)
         VALUES ($1, $2, 'activate:1', $3, '', 'refused', 'the node had a bad day')",
    )
    .bind(stage.context.deployment.chain_id.get())
    .bind(account(0).as_slice())
    .bind(payouts.as_slice())
    .execute(stage.pool())
    .await?;
    stage.activate().await?;
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT key FROM sender_transactions WHERE key LIKE 'activate:%' ORDER BY id")
            .fetch_all(stage.pool())
            .await?;
    assert_eq!(keys, ["activate:1", "activate:1:2"]);
    assert_eq!(stage.claim(FIRST, COIN).await?, U256::from(1050));
    stage.check_books().await
}
