//! The market's days: they are recorded once, are the same whenever this is done, and the market agent gives advice on them.

use advisors::{
    market::{Advice, Memory, SUBJECT, advise},
    replay,
};
use alloy::primitives::U256;
use anyhow::{Context as _, Result};
use chrono::{Days, NaiveDate, NaiveTime, Utc};
use facts::ChainId;
use store::{
    advice,
    market::days::{self, MarketDay},
};

use crate::{
    advice::sell,
    stage::{Running, Stage, content, whole},
};

const CHAIN: ChainId = ChainId(31337);
const COIN: u64 = 1_000_000_000_000_000_000;

/// Sets up two works with 60 days of sales.
async fn sold_before() -> Result<Stage> {
    let stage = Stage::start().await?;
    for name in ["odd", "even"] {
        stage.register(1, content(name), &[], &whole(1)).await?;
    }
    stage.settle().await?;
    sell(&stage).await?;
    Ok(stage)
}

/// Returns the day that `sell` calls the present day. Days are counted back from it.
async fn today(stage: &Stage) -> Result<NaiveDate> {
    let newest: chrono::DateTime<Utc> =
        sqlx::query_scalar("SELECT max(at) FROM chain.fills").fetch_one(stage.pool()).await?;
    Ok(newest.date_naive() + Days::new(1))
}

/// Makes sure that no block after the beginning of this day is final.
async fn settle_before(stage: &Stage, day: NaiveDate) -> Result<()> {
    sqlx::query("UPDATE chain.blocks SET timestamp = $1")
        .bind(day.and_time(NaiveTime::MIN).and_utc())
        .execute(stage.pool())
        .await?;
    Ok(())
}

async fn days(stage: &Stage) -> Result<Vec<MarketDay>> {
    let mut conn = stage.pool().acquire().await?;
    Ok(days::between(
        &mut conn,
        CHAIN,
        Utc::now().date_naive() - Days::new(1000),
        Utc::now().date_naive() + Days::new(1000),
        1000,
    )
    .await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_without_sales_has_days_and_no_advice() -> Result<()> {
    let stage = Stage::start().await?;
    let mut memory = Memory::default();
    assert_eq!(advise(stage.pool(), CHAIN, &mut memory).await?, None, "nothing happened");
    stage.register(1, content("song"), &[], &whole(1)).await?;
    stage.settle().await?;
    settle_before(&stage, Utc::now().date_naive() + Days::new(3)).await?;
    assert_eq!(advise(stage.pool(), CHAIN, &mut memory).await?, None, "nothing was sold");
    let days = days(&stage).await?;
    let [first, rest @ ..] = days.as_slice() else { anyhow::bail!("no day was recorded") };
    assert_eq!((first.registrations, first.sales, first.volume, first.median), (1, 0, U256::ZERO, None));
    assert!(rest.len() >= 2 && rest.iter().all(|day| (day.registrations, day.sales, day.listed) == (0, 0, 0)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_settled_day_is_recorded_once_with_exact_amounts() -> Result<()> {
    let stage = sold_before().await?;
    let today = today(&stage).await?;
    settle_before(&stage, today).await?;
    let mut memory = Memory::default();
    let id = advise(stage.pool(), CHAIN, &mut memory).await?.context("no advice")?;
    let recorded = days(&stage).await?;
    assert_eq!(recorded.len(), 60);
    for (back, day) in (1..=60).rev().zip(&recorded) {
        assert_eq!(day.told.day, today - Days::new(back));
        // The six sales of a day, as `sell` makes them.
        let first = 6 * (60 - back);
        let price = |n: u64| U256::from((1 + n % 2) * COIN + n % 5 * (COIN / 100));
        let mut prices: Vec<U256> = (first..first + 6).map(price).collect();
        prices.sort();
        assert_eq!((day.sales, day.buyers, day.sellers), (6, 6, 6));
        assert_eq!(day.volume, prices.iter().sum::<U256>());
        assert_eq!((day.low, day.median, day.high), (Some(prices[0]), Some(prices[2]), Some(prices[5])));
        let mut week: Vec<U256> = (first.saturating_sub(36)..first + 6).map(price).collect();
        week.sort();
        assert_eq!(day.floor, Some(week[week.len().div_ceil(10) - 1]));
    }
    assert_eq!(advise(stage.pool(), CHAIN, &mut memory).await?, None, "the day has not moved");
    assert_eq!(advise(stage.pool(), CHAIN, &mut Memory::default()).await?, None, "nor has it after a start");
    assert_eq!(days(&stage).await?, recorded);

    let mut conn = stage.pool().acquire().await?;
    let one = advice::find(&mut conn, id).await?.context("no such advice")?;
    assert_eq!((one.advice.subject.as_str(), one.advice.day), (SUBJECT, today));
    let said: Advice = serde_json::from_str(&one.advice.answer)?;
    assert_eq!((said.state.sales_7_days, said.state.sales_30_days), (42, 180));
    let week = said.week.context("no forecast after eight weeks")?;
    assert!(week.low <= week.price && week.price <= week.high, "{week:?}");
    assert!((1.0..=2.1).contains(&week.price) && (20.0..=60.0).contains(&week.sales), "{week:?}");
    assert_eq!(replay(stage.pool(), &one).await?, one.advice.answer);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_at_a_time_says_what_all_at_once_say() -> Result<()> {
    let stage = sold_before().await?;
    let today = today(&stage).await?;
    let mut memory = Memory::default();
    for back in [40, 39, 12, 3, 0] {
        settle_before(&stage, today - Days::new(back)).await?;
        let id = advise(stage.pool(), CHAIN, &mut memory).await?.context("no advice")?;
        let mut conn = stage.pool().acquire().await?;
        let one = advice::find(&mut conn, id).await?.context("no such advice")?;
        assert_eq!(replay(stage.pool(), &one).await?, one.advice.answer, "{back} days ago");
    }
    let step_by_step = days(&stage).await?;
    sqlx::query("DELETE FROM market_days").execute(stage.pool()).await?;
    assert_eq!(advise(stage.pool(), CHAIN, &mut Memory::default()).await?, None, "it was said before");
    assert_eq!(days(&stage).await?, step_by_step);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_are_listed_while_an_order_could_be_filled() -> Result<()> {
    let stage = sold_before().await?;
    let today = today(&stage).await?;
    settle_before(&stage, today).await?;
    // Each order has: side, work, the only account that may buy, maker, nonce, and how many days ago it began and ended. The
    // first two overlap. The third ends by its sale, 4 days ago, and the fourth by a transfer, 2 days ago.
    sqlx::query(
        "INSERT INTO orders (chain_id, hash, maker, side, asset_id, asset_epoch, currency, start_price, end_price, start_time, end_time,
                             taker, nonce, maker_epoch, max_fee_bps, min_net, signature, created_at)
         SELECT 31337, sha256(int4send(nonce)), decode(lpad(maker, 40, '0'), 'hex'), side, asset, 0, decode(repeat('00', 20), 'hex'), 1, 1,
                opened, $1 - make_interval(days => ends) + interval '1 hour', decode(lpad(taker, 40, '0'), 'hex'), nonce, 0, 500, 0, '', opened
         FROM (VALUES ('SELL', 1, '0', 'a', 1000, 10, 5), ('SELL', 1, '0', 'b', 1001, 7, 3), ('SELL', 2, '0', '0', 336, 6, -9),
                      ('SELL', 3, '0', 'c', 1003, 3, -9), ('SELL', 4, 'd', 'a', 1004, 9, 1), ('BID', 5, '0', 'a', 1005, 9, 1))
              AS o (side, asset, taker, maker, nonce, begins, ends),
              LATERAL (SELECT $1 - make_interval(days => begins) + interval '1 hour' AS opened) t",
    )
    .bind(today.and_time(NaiveTime::MIN).and_utc())
    .execute(stage.pool())
    .await?;
    sqlx::query(
        "INSERT INTO chain.transfers (chain_id, block_number, log_index, tx_hash, at, asset_id, sender, recipient, epoch)
         SELECT 31337, 0, 9999, sha256(''), $1 - interval '47 hours', 3, decode(repeat('00', 20), 'hex'), decode(repeat('0d', 20), 'hex'), 1",
    )
    .bind(today.and_time(NaiveTime::MIN).and_utc())
    .execute(stage.pool())
    .await?;
    advise(stage.pool(), CHAIN, &mut Memory::default()).await?;
    let listed: Vec<i64> = days(&stage).await?.iter().rev().take(12).map(|day| day.listed).collect();
    // Yesterday comes first.
    assert_eq!(listed, [0, 0, 1, 1, 2, 2, 1, 1, 1, 1, 0, 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_look_at_the_market_by_themselves() -> Result<()> {
    let stage = sold_before().await?;
    let running = Running::start(&stage).await?;
    stage.until("the market's days", async || Ok(days(&stage).await?.len() >= 60)).await?;
    stage
        .until("the advice", async || {
            let mut conn = stage.pool().acquire().await?;
            Ok(!advice::newest(&mut conn, CHAIN, SUBJECT).await?.is_empty())
        })
        .await?;
    running.stop().await
}
