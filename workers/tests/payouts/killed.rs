//! A worker that is killed between any two steps of a job loses nothing and repeats nothing.

use alloy::primitives::{Address, U256};
use anyhow::Result;
use testkit::polled;
use workers::JobError;

use crate::stage::Stage;

const ADA: Address = Address::repeat_byte(0xad);

/// Kills a job after one poll, after two, and so on, until it ends. The books must balance after every kill. Returns how
/// often it was killed.
async fn kill_everywhere(stage: &Stage, job: impl AsyncFn() -> Result<(), JobError>) -> Result<u64> {
    for polls in 1.. {
        match polled(job(), polls).await {
            None => stage.check_books().await?,
            Some(ended) => {
                ended?;
                return Ok(polls - 1);
            }
        }
    }
    unreachable!()
}

#[tokio::test]
async fn jobs_that_are_killed_at_every_step_neither_lose_nor_repeat_anything() -> Result<()> {
    let stage = Stage::start().await?;
    let context = &stage.context;
    stage.two_works_with_income(ADA).await?;

    let deaths = kill_everywhere(&stage, async || workers::close(context).await).await?;
    assert!(deaths > 0, "it never died while dividing");
    assert_eq!(stage.number("SELECT count(*) FROM distributions").await?, 2);
    assert_eq!(stage.number("SELECT sum(amount)::bigint FROM distributions").await?, 2_000_002);
    assert_eq!(
        stage.number("SELECT sum(amount)::bigint FROM payouts").await?
            + stage.number("SELECT sum(amount)::bigint FROM reserves").await?,
        2_000_002
    );

    let deaths = kill_everywhere(&stage, async || workers::publish(context).await).await?;
    assert!(deaths > 0, "it never died while publishing");
    assert_eq!(stage.number("SELECT count(*) FROM payout_roots").await?, 1);
    assert_eq!(stage.number("SELECT count(*) FROM sender_transactions WHERE key LIKE 'propose:%'").await?, 1);
    stage.propose().await?;

    // Activating fails until its time has come. Then it is killed everywhere.
    stage
        .until("the time to activate", async || {
            stage.market.chain.mine(1).await?;
            let call = bindings::Payouts::new(context.deployment.payouts, &context.provider);
            Ok(call.activate().from(context.engine).call().await.is_ok())
        })
        .await?;
    let deaths = kill_everywhere(&stage, async || workers::activate(context, 1).await).await?;
    assert!(deaths > 0, "it never died while activating");
    assert_eq!(stage.number("SELECT count(*) FROM sender_transactions WHERE key LIKE 'activate:%'").await?, 1);
    stage
        .until("the activation", async || {
            stage.market.chain.mine(1).await?;
            stage.mirror().await?;
            Ok(stage.number("SELECT count(*) FROM chain.root_decisions WHERE decision = 'activated'").await? == 1)
        })
        .await?;

    let deaths = kill_everywhere(&stage, async || workers::balance(context).await).await?;
    assert!(deaths > 0, "it never died while checking the books");
    assert_eq!(stage.number("SELECT count(*) FROM book_checks WHERE faults <> '[]'").await?, 0);
    let paid = stage.paid().await?;
    let of_ada = paid.iter().find(|(account, _)| *account == ADA).map(|(_, amount)| *amount);
    assert_eq!(Some(stage.claim(ADA, Address::ZERO).await?), of_ada);
    stage.settle().await?;
    workers::close(context).await?;
    workers::publish(context).await?;
    assert_eq!(
        stage.number("SELECT count(*) FROM sender_transactions WHERE state IN ('refused', 'reverted')").await?,
        0
    );
    assert_eq!(stage.number("SELECT count(*) FROM payout_roots").await?, 1, "nothing new is to be published");
    assert_ne!(of_ada, Some(U256::ZERO));
    stage.check_books().await
}

#[tokio::test]
async fn a_root_of_an_earlier_version_gets_its_tree_whatever_is_killed() -> Result<()> {
    let stage = Stage::start().await?;
    let context = &stage.context;
    stage.two_works_with_income(ADA).await?;
    workers::close(context).await?;
    stage.publish_and_activate().await?;
    let (root, _) = stage.entries().await?;
    let proof = stage.proof(root, ADA, Address::ZERO).await?;
    for old in ["DELETE FROM payout_root_levels", "UPDATE payout_root_entries SET place = NULL"] {
        sqlx::query(old).execute(stage.pool()).await?;
    }
    // Its proofs can be read at any moment.
    assert_eq!(stage.proof(root, ADA, Address::ZERO).await?, proof);
    let mut deaths = 0;
    for polls in 1.. {
        let ended = polled(workers::publish(context), polls).await;
        assert_eq!(stage.proof(root, ADA, Address::ZERO).await?, proof);
        if let Some(ended) = ended {
            ended?;
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 0, "it never died");
    stage.check_books().await?;
    stage.claim(ADA, Address::ZERO).await?;
    assert_eq!(stage.number("SELECT count(*) FROM payout_roots").await?, 1, "nothing new is to be published");
    Ok(())
}
