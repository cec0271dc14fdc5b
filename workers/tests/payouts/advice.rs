//! Advice on prices: it is recorded with everything that went into it, told to the ledger, and computed again to the last byte.

use advisors::{pricing::Memory, replay};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use anyhow::{Context as _, Result};
use bindings::{Licences, Terms};
use facts::ChainId;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{advice, ledger};

use crate::stage::{Running, Stage, content, whole};

const CHAIN: ChainId = ChainId(31337);

/// Sells three works a day for 60 days, at about 2 coins when the work's number is even and about 1 coin otherwise.
pub async fn sell(stage: &Stage) -> Result<()> {
    sqlx::query(
        "INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side, currency,
                                  price, fee, royalty, net, nonce)
         SELECT 31337, 0, n, sha256(int4send(n)), date_trunc('day', now()) - make_interval(days => 60 - n / 6, hours => -n % 6),
                sha256(int4send(-n)), 1 + n % 2, decode(lpad(to_hex(n % 7), 40, '0'), 'hex'),
                decode(lpad(to_hex(100 + n % 11), 40, '0'), 'hex'), 'SELL', decode(repeat('00', 20), 'hex'),
                price, 0, 0, price, n
         FROM generate_series(0, 359) n,
              LATERAL (SELECT (1 + n % 2) * 1000000000000000000 + n % 5 * 10000000000000000 AS price) p",
    )
    .execute(stage.pool())
    .await?;
    Ok(())
}

async fn advise_on(stage: &Stage, memory: &mut Memory, asset: u64) -> Result<Option<i64>> {
    Ok(advisors::pricing::advise_on(stage.pool(), CHAIN, memory, asset).await?)
}

async fn recorded(stage: &Stage, id: i64) -> Result<advice::Recorded> {
    advice::find(&mut *stage.pool().acquire().await?, id).await?.context("no such advice")
}

/// Returns the fair price of advice, in coins.
fn fair(advice: &advice::Recorded) -> Result<f64> {
    let advice: Value = serde_json::from_str(&advice.advice.answer)?;
    Ok(advice["fair"].as_str().context("no price")?.parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_price_what_has_no_history_and_say_so_once() -> Result<()> {
    let stage = Stage::start().await?;
    let asset = stage.register(1, content("song"), &[], &whole(1)).await?;
    stage.settle().await?;
    let mut memory = Memory::default();
    assert_eq!(advise_on(&stage, &mut memory, 99).await?, None, "there is no such asset");
    let id = advise_on(&stage, &mut memory, asset).await?.context("no advice")?;
    assert_eq!(advise_on(&stage, &mut memory, asset).await?, None, "nothing changed");
    assert_eq!(advise_on(&stage, &mut Memory::default(), asset).await?, None, "nor does it after a start");

    let one = recorded(&stage, id).await?;
    // For Digital, Global, a reputation of 50 and a neutral market, the price is 0.8 x 1 x 0.9.
    assert_eq!((fair(&one)?, one.advice.model), (0.72, None));
    assert_eq!(one.hash, B256::from_slice(&Sha256::digest(&one.advice.answer)));
    assert_eq!(replay(stage.pool(), &one).await?, one.advice.answer);

    while workers::seal(stage.pool()).await? > 0 {}
    let mut conn = stage.pool().acquire().await?;
    let told = ledger::history(&mut conn, &format!("asset:{CHAIN}:{asset}"), 0, u64::MAX, 100).await?;
    let told = told.iter().find(|entry| entry.event.kind == "advice.given").context("the ledger was not told")?;
    let body: Value = serde_json::from_str(told.event.body.as_str())?;
    assert_eq!(body["hash"], hex::encode(one.hash));
    assert_eq!(body["rules"], hex::encode(one.advice.rule_base));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_learned_is_kept_and_gives_the_same_bytes_again() -> Result<()> {
    let stage = Stage::start().await?;
    for name in ["odd", "even", "new"] {
        stage.register(1, content(name), &[], &whole(1)).await?;
    }
    stage.settle().await?;
    sell(&stage).await?;
    let mut memory = Memory::default();
    let mut advice = Vec::new();
    for asset in [1, 2] {
        let id = advise_on(&stage, &mut memory, asset).await?.context("no advice")?;
        advice.push(recorded(&stage, id).await?);
    }
    let (odd, even) = (fair(&advice[0])?, fair(&advice[1])?);
    assert!((0.9..1.2).contains(&odd) && (1.8..2.3).contains(&even), "{odd} and {even} for 1 and 2");
    assert!(advice[0].advice.model.is_some());
    // A process that begins without a memory loads what was kept, and gives the same advice.
    for (asset, one) in [1, 2].into_iter().zip(&advice) {
        assert_eq!(advise_on(&stage, &mut Memory::default(), asset).await?, None);
        assert_eq!(replay(stage.pool(), one).await?, one.advice.answer);
    }
    assert_eq!(stage.number("SELECT count(*) FROM agent_models").await?, 1);

    sqlx::query(
        "UPDATE chain.fills SET price = price + 1000000000000000, net = net + 1000000000000000 WHERE log_index = 7",
    )
    .execute(stage.pool())
    .await?;
    assert_ne!(replay(stage.pool(), &advice[0]).await?, advice[0].advice.answer, "another history gives other advice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_licences_allow_is_part_of_the_price() -> Result<()> {
    let stage = Stage::start().await?;
    let licences = stage.market.deployment.licences;
    let asset = stage.register(1, content("song"), &[], &whole(1)).await?;
    // The licence is commercial and exclusive, with a share of derived works' income.
    let terms = Terms {
        textHash: content("terms"),
        cid: "bafyterms".into(),
        currency: Address::ZERO,
        price: 1000,
        duration: 0,
        revenueShareBps: 2000,
        maxUses: 0,
        flags: 1 | 4,
    };
    let (terms_id, asset_id) = (keccak256(terms.abi_encode()), U256::from(asset));
    stage.call(1, licences, U256::ZERO, Licences::offerCall { assetId: asset_id, terms }).await?;
    stage.settle().await?;
    let mut memory = Memory::default();
    let id = advise_on(&stage, &mut memory, asset).await?.context("no advice")?;
    // 0.8 x 0.9, times 1.6, 1.5 and 1.8.
    assert_eq!(fair(&recorded(&stage, id).await?)?, 3.1104);

    stage.call(1, licences, U256::ZERO, Licences::withdrawOfferCall { assetId: asset_id, termsId: terms_id }).await?;
    stage.settle().await?;
    let id = advise_on(&stage, &mut memory, asset).await?.context("no advice")?;
    assert_eq!(fair(&recorded(&stage, id).await?)?, 0.72);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_is_advised_on_by_itself() -> Result<()> {
    let stage = Stage::start().await?;
    let running = Running::start(&stage).await?;
    let asset = stage.register(1, content("song"), &[], &whole(1)).await?;
    stage
        .until("the advice", async || {
            let mut conn = stage.pool().acquire().await?;
            Ok(!advice::newest(&mut conn, CHAIN, &format!("asset:{asset}")).await?.is_empty())
        })
        .await?;
    running.stop().await
}
