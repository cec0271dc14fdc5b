//! Advice over time: it is given again every day for what is on sale, and judged by the sales that came after it.

use advisors::pricing::{Memory, advise_on_listed};
use anyhow::Result;
use facts::ChainId;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    app::{App, Work},
    offers::sale,
};

/// Records a sale `days` days ago, with the price in thousandths of a coin.
async fn sold(pool: &PgPool, asset: i64, days: i32, price: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side, currency,
                                  price, fee, royalty, net, nonce)
         SELECT 31337, 100 - $2, $1, sha256(int8send($1 * 1000 + $2)), now() - make_interval(days => $2), sha256(int8send($1)), $1,
                decode(lpad('1', 40, '0'), 'hex'), decode(lpad('2', 40, '0'), 'hex'), 'SELL', decode(repeat('00', 20), 'hex'),
                p, 0, 0, p, $1
         FROM (SELECT $3 * 1000000000000000::numeric AS p) of",
    )
    .bind(asset)
    .bind(days)
    .bind(price)
    .execute(pool)
    .await?;
    Ok(())
}

async fn advised(pool: &PgPool, asset: i64, days: i32, advice: Value) -> Result<()> {
    sqlx::query(
        "WITH rules AS (INSERT INTO rule_bases (version, files) VALUES (sha256('rules'), '[]') ON CONFLICT DO NOTHING)
         INSERT INTO advice (chain_id, agent, subject, day, question, rule_base, advice, hash, created_at)
         VALUES (31337, 'pricing', 'asset:' || $1, current_date, '{}', sha256('rules'), $3, sha256(convert_to($3, 'UTF8')),
                 now() - make_interval(days => $2))",
    )
    .bind(asset)
    .bind(days)
    .bind(advice.to_string())
    .execute(pool)
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sale_judges_the_advice_before_it() -> Result<()> {
    let app = App::start().await?;
    let nothing = app.get("/v1/agents/track-record").await?.expect(200);
    assert_eq!(nothing["overall"], json!({ "sales": 0, "advised": 0, "abstained": 0, "compared": { "sales": 0 } }));
    assert_eq!(nothing["weeks"], json!([]));
    for days in ["0", "367", "-1", "many"] {
        let answer = app.get(&format!("/v1/agents/track-record?days={days}")).await?;
        assert!([400, 422].contains(&answer.status.as_u16()), "{days}: {}", answer.status);
    }

    let pool = &app.state.pool;
    let advice = |fair: &str, [low80, high80, low90, high90]: [&str; 4], abstains: Value| {
        json!({ "fair": fair, "range80": { "low": low80, "high": high80 }, "range90": { "low": low90, "high": high90 },
                "abstains": abstains })
    };
    // The price 1.6 is within both ranges of the advice of 1.5. The last sale was at 1, and the floor is 0.8.
    sold(pool, 1, 20, 1000).await?;
    advised(pool, 1, 15, advice("1.5", ["1.2", "1.8", "1", "2"], Value::Null)).await?;
    sold(pool, 1, 12, 1600).await?;
    // Advice after a sale does not count for it. The price 0.6 is within the wider range only of the advice of 1. The
    // last sale was at 0.8, and the floor is 0.88.
    sold(pool, 2, 13, 800).await?;
    advised(pool, 2, 12, advice("1", ["0.9", "1.1", "0.5", "1.2"], Value::Null)).await?;
    sold(pool, 2, 11, 600).await?;
    // Older advice is not used, and advice that should not be relied on is not judged.
    advised(pool, 3, 16, advice("3", ["2", "4", "1", "5"], Value::Null)).await?;
    advised(pool, 3, 15, advice("1", ["1", "1", "1", "1"], json!({ "doubt": "no_model", "says": "nothing known" })))
        .await?;
    sold(pool, 3, 11, 3000).await?;

    let record = app.get("/v1/agents/track-record").await?.expect(200);
    let overall = &record["overall"];
    assert_eq!([&overall["sales"], &overall["advised"], &overall["abstained"]], [&json!(5), &json!(3), &json!(1)]);
    let near = |value: &Value, expected: f64| (value.as_f64().unwrap_or(f64::NAN) - expected).abs() < 1e-9;
    let compared = &overall["compared"];
    assert_eq!(compared["sales"], 2);
    let known = [
        (&overall["error"], (0.1 / 1.6 + 0.4 / 0.6) / 2.0),
        (&overall["covered80"], 0.5),
        (&overall["covered90"], 1.0),
        (&overall["width90"], 2.2),
        (&compared["adviceError"], (0.1 / 1.6 + 0.4 / 0.6) / 2.0),
        (&compared["lastSaleError"], (0.6 / 1.6 + 0.2 / 0.6) / 2.0),
        (&compared["floorError"], (0.8 / 1.6 + 0.28 / 0.6) / 2.0),
    ];
    for (place, (value, expected)) in known.into_iter().enumerate() {
        assert!(near(value, expected), "{place}: {value} is not {expected}");
    }
    let weeks: i64 = record["weeks"].as_array().into_iter().flatten().filter_map(|week| week["sales"].as_i64()).sum();
    assert_eq!(weeks, 5);
    let lately = app.get("/v1/agents/track-record?days=12").await?.expect(200);
    assert_eq!(lately["overall"]["sales"], 2, "what was sold before is still the last sale of what was sold after");
    assert_eq!(lately["overall"]["compared"]["sales"], 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_sale_is_advised_on_every_day() -> Result<()> {
    let app = App::start().await?;
    let owner = testkit::signer(1);
    for _ in 0..3 {
        let asset = app.register(owner.address(), Work::new()).await?;
        app.approve(owner.address()).await?;
        if asset != 2 {
            app.stored_offer(&sale(owner.address(), asset), &owner).await?;
        }
    }
    app.mirror().await?;
    let (pool, mut memory) = (&app.state.pool, Memory::default());
    assert_eq!(advise_on_listed(pool, ChainId(31337), &mut memory, 0, 1).await?, [1]);
    assert_eq!(advise_on_listed(pool, ChainId(31337), &mut memory, 1, 1).await?, [3], "2 is not on sale");
    assert_eq!(advise_on_listed(pool, ChainId(31337), &mut memory, 3, 1).await?, Vec::<u64>::new());
    assert_eq!(
        advise_on_listed(pool, ChainId(31337), &mut memory, 0, 9).await?,
        Vec::<u64>::new(),
        "all of today is said"
    );
    sqlx::query("UPDATE advice SET day = day - 1 WHERE subject = 'asset:3'").execute(pool).await?;
    assert_eq!(advise_on_listed(pool, ChainId(31337), &mut memory, 0, 9).await?, [3], "another day");
    Ok(())
}
