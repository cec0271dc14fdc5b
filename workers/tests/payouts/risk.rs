//! Risks of works, accounts and orders: they are found, watched, recorded once, and computed again to
//! the last byte.

use advisors::{
    replay,
    risk::{self, Grounds, Memory, Standing},
};
use agents::risk::{Advice, Decision};
use alloy::primitives::{Address, B256, U256};
use anyhow::{Context as _, Result};
use chrono::Utc;
use facts::{ChainId, Fact, NewFact, OrderRecorded, Stream, Subject};
use store::{
    advice::{self, Recorded, watch},
    market::screenings::{self, Offer},
};
use testkit::account;

use crate::stage::{Running, Stage, content, whole};

const CHAIN: ChainId = ChainId(31337);

/// Lets accounts 1 and 2 sell an asset to each other at one price, six times in six days.
async fn wash(stage: &Stage, asset: u64) -> Result<()> {
    let parties = [account(1), account(2)];
    for n in 0..6_i32 {
        let (from, to) = (parties[n as usize % 2], parties[(n as usize + 1) % 2]);
        sqlx::query(
            "WITH moved AS (
                 INSERT INTO chain.transfers (chain_id, block_number, log_index, tx_hash, at, asset_id, sender, recipient, epoch)
                 VALUES (31337, 0, $1, sha256(int4send($1)), now() - make_interval(days => 7 - $1), $2, $3, $4, $1 + 1))
             INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side,
                                      currency, price, fee, royalty, net, nonce)
             VALUES (31337, 0, $1, sha256(int4send($1)), now() - make_interval(days => 7 - $1), sha256(int4send(-$1)), $2, $3, $4,
                     'SELL', decode(repeat('00', 20), 'hex'), 500, 0, 0, 500, $1)",
        )
        .bind(n)
        .bind(asset as i64)
        .bind(from.as_slice())
        .bind(to.as_slice())
        .execute(stage.pool())
        .await?;
    }
    Ok(())
}

async fn known(stage: &Stage) -> Result<Grounds> {
    Ok(Memory::new(stage.pool().clone(), CHAIN).fresh().await?)
}

async fn assess_and_record(stage: &Stage, grounds: &Grounds, who: Address) -> Result<(Advice, Option<i64>)> {
    let answered = risk::assess_account(grounds, who).await?;
    let mut tx = stage.pool().begin().await?;
    let id = risk::record(&mut tx, &answered).await?;
    tx.commit().await?;
    Ok((answered.says, id))
}

async fn recorded(stage: &Stage, id: i64) -> Result<Recorded> {
    advice::find(&mut *stage.pool().acquire().await?, id).await?.context("no such advice")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_is_recorded_once_and_gives_the_same_bytes_again() -> Result<()> {
    let stage = Stage::start().await?;
    let asset = stage.register(1, content("song"), &[], &whole(1)).await?;
    stage.settle().await?;
    let (before, id) = assess_and_record(&stage, &known(&stage).await?, account(1)).await?;
    assert_eq!(before.level, "low", "{before:?}");
    let calm = recorded(&stage, id.context("no record")?).await?;

    wash(&stage, asset).await?;
    let memory = known(&stage).await?;
    let (after, id) = assess_and_record(&stage, &memory, account(1)).await?;
    assert_eq!(after.level, "high", "{after:?}");
    assert!(after.reasons[0].says.contains("round trips"), "{after:?}");
    let found = recorded(&stage, id.context("no record")?).await?;
    assert_eq!(assess_and_record(&stage, &memory, account(1)).await?.1, None, "nothing changed");

    // A trade by others changes the records, and so the hash of the inputs, but nothing else.
    stage.register(5, content("other"), &[], &whole(5)).await?;
    stage.settle().await?;
    let (again, id) = assess_and_record(&stage, &known(&stage).await?, account(1)).await?;
    assert!(again.inputs != after.inputs && again.probability == after.probability);
    assert_eq!(id, None, "the same again of the same");
    assert_eq!(replay(stage.pool(), &found).await?, found.advice.answer);
    assert_ne!(replay(stage.pool(), &calm).await?, calm.advice.answer, "its past was changed under it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_list_counts_as_it_was_when_somebody_asked() -> Result<()> {
    let stage = Stage::start().await?;
    stage.register(3, content("song"), &[], &whole(3)).await?;
    stage.settle().await?;
    let memory = Memory::new(stage.pool().clone(), CHAIN);
    let plain = risk::assess_account(&memory.fresh().await?, account(3)).await?.says;
    let subject = risk::account_subject(account(3));
    let enter = async |watcher: &str, score: f64| -> Result<Option<i64>> {
        let mut tx = stage.pool().begin().await?;
        let id = watch::watch(&mut tx, CHAIN, (&subject, watcher), score, "reported by three buyers").await?;
        tx.commit().await?;
        Ok(id)
    };
    assert_eq!(enter("operator", 0.0).await?, None, "there is nothing to end");
    assert!(enter("operator", 1.0).await?.is_some());
    assert_eq!(enter("operator", 1.0).await?, None, "it is watched");
    assert!(enter(watch::AGENT, 0.9).await?.is_some());
    assert!(enter("operator", 1.1).await.is_err() && enter("operator", f64::NAN).await.is_err());

    let (watched, id) = assess_and_record(&stage, &memory.fresh().await?, account(3)).await?;
    let reason = &watched.reasons[0];
    assert!(reason.says.contains("is watched: reported by three buyers") && reason.log_odds == 3.0, "{watched:?}");
    assert_eq!(watched.reasons.len(), plain.reasons.len() + 1, "the agent's own entry weighs nothing");
    let then = recorded(&stage, id.context("no record")?).await?;

    assert!(enter("operator", 0.0).await?.is_some());
    let (ended, id) = assess_and_record(&stage, &memory.fresh().await?, account(3)).await?;
    assert!(id.is_some() && ended.probability == plain.probability, "{ended:?}");
    assert_eq!(replay(stage.pool(), &then).await?, then.advice.answer);
    assert_eq!(stage.number("SELECT count(*) FROM watch_list").await?, 1, "the agent's own stays");
    let changed = sqlx::query("DELETE FROM watch_entries").execute(stage.pool()).await;
    assert!(changed.unwrap_err().to_string().contains("are facts"));
    Ok(())
}

/// Returns an open order of an asset's owner, as the backend stores it.
async fn offer(stage: &Stage, maker: u32, asset: u64) -> Result<Offer> {
    let hash = content(&format!("order of {asset}"));
    sqlx::query(
        "INSERT INTO orders (chain_id, hash, maker, side, asset_id, asset_epoch, currency, start_price, end_price, start_time, end_time,
                             taker, nonce, maker_epoch, max_fee_bps, min_net, signature)
         VALUES (31337, $1, $2, 'SELL', $3, 0, decode(repeat('00', 20), 'hex'), 500, 500, now() - interval '1 hour',
                 now() + interval '1 day', decode(repeat('00', 20), 'hex'), 1, 0, 200, 0, '\\x')",
    )
    .bind(hash.as_slice())
    .bind(account(maker).as_slice())
    .bind(asset as i64)
    .execute(stage.pool())
    .await?;
    let mut conn = stage.pool().acquire().await?;
    screenings::offer(&mut conn, CHAIN, hash).await?.context("the order is not there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screening_is_recorded_when_it_says_something_new() -> Result<()> {
    let stage = Stage::start().await?;
    let asset = stage.register(1, content("song"), &[], &whole(1)).await?;
    stage.settle().await?;
    let offer = offer(&stage, 1, asset).await?;
    assert_eq!((offer.maker, offer.price, offer.state.as_str()), (account(1), U256::from(500), "open"));
    let screen = async |grounds: &Grounds, seconds: i64| -> Result<(Decision, Option<i64>)> {
        let now = Utc::now() + chrono::TimeDelta::seconds(seconds);
        let mut tx = stage.pool().begin().await?;
        let screening = risk::screen(&mut tx, grounds, &offer, Standing::sound(&offer), now).await?;
        let id = risk::record(&mut tx, &screening).await?;
        tx.commit().await?;
        Ok((screening.says.decision, id))
    };
    let memory = known(&stage).await?;
    let (decision, id) = screen(&memory, 0).await?;
    assert!(decision == Decision::Allow && id.is_some());
    assert_eq!(screen(&memory, 60).await?, (Decision::Allow, None), "only the time is another");

    wash(&stage, asset).await?;
    let (decision, id) = screen(&known(&stage).await?, 0).await?;
    assert_eq!(decision, Decision::Block);
    let blocked = recorded(&stage, id.context("no record")?).await?;
    assert_eq!(replay(stage.pool(), &blocked).await?, blocked.advice.answer);
    assert_eq!(stage.number("SELECT count(*) FROM orders WHERE order_is_blocked(chain_id, hash)").await?, 1);
    assert_eq!(stage.number("SELECT count(*) FROM order_screenings").await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workers_assess_watch_and_screen_by_themselves() -> Result<()> {
    let stage = Stage::start().await?;
    let running = Running::start(&stage).await?;
    let asset = stage.register(1, content("song"), &[], &whole(1)).await?;
    let level = async |subject: &str| -> Result<Option<String>> {
        let newest = advice::newest(&mut *stage.pool().acquire().await?, CHAIN, subject).await?;
        let risk = newest.into_iter().find(|one| one.advice.agent == "risk");
        risk.map(|one| Ok(serde_json::from_str::<Advice>(&one.advice.answer)?.level)).transpose()
    };
    let (work, washer) = (risk::asset_subject(asset), risk::account_subject(account(1)));
    stage
        .until("the first advice", async || Ok(level(&work).await?.is_some() && level(&washer).await?.is_some()))
        .await?;
    assert_eq!((level(&work).await?.as_deref(), level(&washer).await?.as_deref()), (Some("low"), Some("low")));
    let order = offer(&stage, 1, asset).await?;
    let mut tx = stage.pool().begin().await?;
    store::facts::tell_one(&mut tx, order_recorded(order.hash, asset)).await?;
    tx.commit().await?;
    let decided = async |decision: &str| -> Result<bool> {
        let newest: Option<String> =
            sqlx::query_scalar("SELECT decision FROM order_screenings ORDER BY advice_id DESC LIMIT 1")
                .fetch_optional(stage.pool())
                .await?;
        Ok(newest.as_deref() == Some(decision))
    };
    stage.until("the screening", async || decided("allow").await).await?;

    // The trades are reported with the next transfer of another work of the account.
    wash(&stage, asset).await?;
    let other = stage.register(1, content("other"), &[], &whole(1)).await?;
    let subject = risk::asset_subject(other);
    stage.until("the second advice", async || Ok(level(&subject).await?.is_some())).await?;
    stage.until("the finding", async || Ok(level(&washer).await?.as_deref() == Some("high"))).await?;
    stage.until("the order's end", async || decided("block").await).await?;
    let mut conn = stage.pool().acquire().await?;
    let watched = watch::list(&mut conn, CHAIN, i64::MAX, 10).await?;
    let found: Vec<_> = watched.iter().map(|entry| (entry.subject.as_str(), entry.watcher.as_str())).collect();
    assert_eq!(found, [(washer.as_str(), watch::AGENT)]);
    assert!(watched[0].score > 0.5 && watched[0].why.contains("round trips"), "{watched:?}");
    drop(conn);
    running.stop().await
}

/// Returns the fact that is told when an order is stored. The workers look up the rest.
fn order_recorded(hash: B256, asset: u64) -> NewFact {
    let nobody = Address::ZERO.into();
    let body = OrderRecorded {
        hash: hash.into(),
        maker: nobody,
        side: "SELL".into(),
        asset: asset.into(),
        asset_epoch: 0,
        currency: nobody,
        start_price: U256::ONE.into(),
        end_price: U256::ONE.into(),
        start_time: 0,
        end_time: 1,
        taker: nobody,
        nonce: U256::ZERO.into(),
        maker_epoch: 0,
        max_fee_bps: 200,
        min_net: U256::ZERO.into(),
    };
    let subject = Subject::Order { order: hash.into() };
    NewFact::of_chain(CHAIN, subject, [Stream::asset(CHAIN, asset)], Fact::OrderRecorded(body))
}
