//! The market as a whole: its state in words and figures, and its days.

use advisors::market::{Memory, advise};
use anyhow::Result;
use facts::ChainId;
use serde_json::{Value, json};

use crate::app::{App, Work};

const COIN: u64 = 1_000_000_000_000_000_000;

/// Makes two sales a day for `days` days, the last of which is yesterday, at 1 and 2 coins. On the last day the prices are ten
/// times as high. What was sold before today is settled.
async fn sell(app: &App, days: i32) -> Result<()> {
    sqlx::query(
        "INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side, currency,
                                  price, fee, royalty, net, nonce)
         SELECT 31337, 0, n, sha256(int4send(n)), date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(days => $1 - n / 2, hours => -n % 2),
                sha256(int4send(-n)), 1, decode(lpad(to_hex(n % 7), 40, '0'), 'hex'), decode(lpad(to_hex(n), 40, '1'), 'hex'), 'SELL',
                decode(repeat('00', 20), 'hex'), price, 0, 0, price, n
         FROM generate_series(0, 2 * $1 - 1) n,
              LATERAL (SELECT (1 + n % 2) * 1000000000000000000::numeric * CASE WHEN n >= 2 * $1 - 2 THEN 10 ELSE 1 END AS price) p",
    )
    .bind(days)
    .execute(&app.state.pool)
    .await?;
    sqlx::query("UPDATE chain.blocks SET timestamp = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'")
        .execute(&app.state.pool)
        .await?;
    Ok(())
}

async fn with_sales(days: i32) -> Result<App> {
    let app = App::start().await?;
    app.register(testkit::account(1), Work::new()).await?;
    sell(&app, days).await?;
    advise(&app.state.pool, ChainId(31337), &mut Memory::default()).await?;
    Ok(app)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_market_says_so() -> Result<()> {
    let app = App::start().await?;
    let nothing = json!({"says": "No day with a sale is settled yet."});
    assert_eq!(app.get("/v1/market/state").await?.expect(200), nothing);
    assert_eq!(app.get("/v1/market/days").await?.expect(200), json!({"items": []}));
    app.register(testkit::account(1), Work::new()).await?;
    advise(&app.state.pool, ChainId(31337), &mut Memory::default()).await?;
    assert_eq!(app.get("/v1/market/state").await?.expect(200), nothing);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_tells_figures_forecast_and_reasons() -> Result<()> {
    let app = with_sales(130).await?;
    let answer = app.get("/v1/market/state").await?.expect(200);
    assert_eq!(answer["says"], "14 sales in 7 days; volume is stable, demand medium; no evidence of direction.");
    let state = &answer["state"];
    assert_eq!((&state["sales7Days"], &state["sales30Days"]), (&json!(14), &json!(60)));
    // There are six days with 3 coins and one with 30.
    assert_eq!(state["volume7Days"], (COINS_OF_A_WEEK * u128::from(COIN)).to_string());
    let amount = |value: &Value| value.as_str().unwrap_or_default().parse::<u128>().unwrap_or_default();
    assert_eq!(
        (amount(&state["range80"]["low"]), amount(&state["range80"]["high"])),
        (COIN.into(), 2 * u128::from(COIN))
    );
    let week = &state["forecast"];
    let [low, price, high] = [&week["range80"]["low"], &week["price"], &week["range80"]["high"]].map(amount);
    assert!(0 < low && low <= price && price <= high, "{week}");
    assert!(week["sales"].as_f64().is_some_and(|sales| (5.0..30.0).contains(&sales)), "{week}");
    assert_eq!(state["direction"]["of"], "none");
    assert_eq!(state["mood"], json!({"sentiment": "neutral", "volume": "stable", "demand": "medium"}));
    let anomaly = &state["anomalies"][0];
    assert_eq!(anomaly["of"], "price");
    assert!(anomaly["says"].as_str().is_some_and(|says| says.contains("prices were far above")), "{anomaly}");
    let rules = state["rules"].as_array().cloned().unwrap_or_default();
    assert!(rules.iter().any(|rule| rule["place"].as_str().is_some_and(|place| place.starts_with("market.metta:"))));
    assert_eq!(state["day"], state["provenance"]["day"]);
    assert_eq!(state["provenance"].get("model"), None);
    Ok(())
}

/// The volume that `sell` makes in the last seven days, in coins.
const COINS_OF_A_WEEK: u128 = 6 * 3 + 30;

#[tokio::test(flavor = "multi_thread")]
async fn days_come_in_order_a_year_a_page() -> Result<()> {
    let app = with_sales(400).await?;
    let days = |answer: &Value| answer["items"].as_array().cloned().unwrap_or_default();
    let usual = app.get("/v1/market/days").await?.expect(200);
    assert_eq!((days(&usual).len(), usual.get("next")), (90, None));
    let last = days(&usual)[89].clone();
    assert_eq!(
        (&last["sales"], &last["volume"], &last["median"]),
        (&json!(2), &json!("30000000000000000000"), &json!("10000000000000000000"))
    );
    assert_eq!(last["anomalies"][0]["of"], "price");

    let first = app.get("/v1/market/days?from=2000-01-01").await?.expect(200);
    assert_eq!(days(&first).len(), 366);
    let next = first["next"].as_str().unwrap_or_default();
    let rest = app.get(&format!("/v1/market/days?from={next}")).await?.expect(200);
    assert_eq!((days(&rest).len(), rest.get("next")), (400 - 366, None));
    assert_eq!((&days(&rest)[0]["day"], days(&rest).last()), (&json!(next), Some(&last)));

    let one = last["day"].as_str().unwrap_or_default();
    let alone = app.get(&format!("/v1/market/days?from={one}&to={one}")).await?.expect(200);
    assert_eq!(days(&alone), std::slice::from_ref(&last));
    let past = app.get("/v1/market/days?from=1999-01-01&to=1999-12-31").await?.expect(200);
    assert_eq!(past, json!({"items": []}));
    app.get("/v1/market/days?from=2026-02-02&to=2026-02-01")
        .await?
        .problem(422, "invalid")
        .field("from", "is not after");
    app.get("/v1/market/days?from=-5000-01-01").await?.problem(422, "invalid").field("from", "years 1 to 9999");
    app.get("/v1/market/days?from=yesterday").await?.problem(422, "invalid").says("from");
    Ok(())
}
