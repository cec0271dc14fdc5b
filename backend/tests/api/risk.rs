//! Risks: orders that are blocked and hidden, shown with a warning, or allowed, and why.

use advisors::{pricing, risk::Memory};
use alloy::primitives::U256;
use anyhow::{Context, Result};
use bindings::{AssetRegistry, Order};
use facts::ChainId;
use reqwest::header;
use serde_json::{Value, json};
use store::advice::{self, watch};

use crate::{
    app::{Answer, App, Work},
    offers::{BID, sale},
};

const CHAIN: ChainId = ChainId(31337);

impl App {
    /// Makes everything so far final, mirrors it, and lets the risk agent learn it.
    async fn learn(&self) -> Result<()> {
        self.market.chain.mine(3).await?;
        self.mirror().await?;
        self.mirror().await?;
        let settled = store::market::trade::settled(&mut *self.market.pool.acquire().await?, CHAIN).await?;
        let block = settled.context("nothing is settled")?.block;
        while self.state.risk.fresh().await?.block() != block {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn screen(&self, order: &str, buyer: &str) -> Result<Answer> {
        self.post(&format!("/v1/orders/{order}/screening"), &json!({ "buyer": buyer })).await
    }

    async fn listed(&self, query: &str) -> Result<Vec<String>> {
        let orders = self.pages(&format!("/v1/orders?{query}"), 50).await?;
        Ok(orders.iter().map(|order| order["hash"].as_str().unwrap_or_default().to_owned()).collect())
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wash_traded_work_is_blocked_and_hidden_and_a_clean_one_is_not() -> Result<()> {
    let app = App::start().await?;
    let parties = [testkit::signer(1), testkit::signer(2)];
    let washed = app.register(parties[0].address(), Work::new()).await?;
    for party in &parties {
        app.approve(party.address()).await?;
    }
    for epoch in 0..4 {
        let (seller, buyer) = (&parties[epoch as usize % 2], &parties[(epoch as usize + 1) % 2]);
        let order = Order { assetEpoch: epoch, ..sale(seller.address(), washed) };
        app.fill(&order, &app.sign(&order, seller)?.as_bytes(), buyer.address()).await?;
    }
    let honest = testkit::signer(3);
    let clean = app.register(honest.address(), Work::new()).await?;
    app.approve(honest.address()).await?;
    app.learn().await?;

    let order = Order { assetEpoch: 4, ..sale(parties[0].address(), washed) };
    let blocked = app.offer(&order, &parties[0]).await?.expect(201);
    assert_eq!((text(&blocked, "/risk/decision"), text(&blocked, "/risk/level")), ("block", "high"), "{blocked}");
    assert!(blocked["risk"]["why"][0].as_str().unwrap_or_default().contains("fraud is likely"), "{blocked}");
    assert!(blocked["risk"]["reasons"].to_string().contains("round trip"), "{blocked}");
    assert_eq!(blocked["risk"]["escrowBps"], 5000);
    let allowed = app.offer(&sale(honest.address(), clean), &honest).await?.expect(201);
    assert_eq!((text(&allowed, "/risk/decision"), text(&allowed, "/risk/level")), ("allow", "low"), "{allowed}");
    assert_eq!((&allowed["risk"]["why"], &allowed["risk"]["vetoes"]), (&json!([]), &json!([])));

    let (blocked, allowed) = (text(&blocked, "/hash"), text(&allowed, "/hash"));
    assert_eq!(app.listed("").await?, [allowed]);
    assert_eq!(app.listed("blocked=false&state=open").await?, [allowed]);
    assert_eq!(app.listed("blocked=true").await?, [allowed, blocked]);
    let listed = app.pages("/v1/assets?listed=true", 50).await?;
    assert_eq!(listed.iter().map(|asset| text(asset, "/id")).collect::<Vec<_>>(), [clean.to_string()]);
    // Somebody who knows its hash sees it, and the reason.
    let one = app.get(&format!("/v1/orders/{blocked}")).await?.expect(200);
    let id: i64 = text(&one, "/risk/provenance/id").parse()?;
    let recorded = advice::find(&mut *app.market.pool.acquire().await?, id).await?.context("no record")?;
    assert_eq!(recorded.advice.subject, format!("order:{blocked}"));
    assert_eq!(text(&one, "/risk/provenance/hash"), recorded.hash.to_string());
    assert_eq!(advisors::replay(&app.market.pool, &recorded).await?, recorded.advice.answer);

    let wash = app.get(&format!("/v1/accounts/{}/risk", parties[1].address())).await?.expect(200);
    assert_eq!(wash["level"], "high", "{wash}");
    let stranger = app.get(&format!("/v1/accounts/{}/risk", testkit::account(9))).await?.expect(200);
    assert_eq!(stranger["level"], "low", "{stranger}");
    app.get("/v1/accounts/0x12/risk").await?.problem(422, "invalid").field("address", "is not an address");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_was_published_before_is_a_veto() -> Result<()> {
    let app = App::start().await?;
    let (author, copier) = (testkit::signer(1), testkit::signer(2));
    let original = Work::new();
    let cid = original.cid.clone();
    let original = app.register(author.address(), original).await?;
    // The registry accepts each content hash only once, but the bytes behind the CID can still be
    // the same.
    let copy = app.register(copier.address(), Work { cid, ..Work::new() }).await?;
    for signer in [&author, &copier] {
        app.approve(signer.address()).await?;
    }
    app.learn().await?;
    let order = app.offer(&sale(copier.address(), copy), &copier).await?.expect(201);
    assert_eq!(text(&order, "/risk/decision"), "block", "{order}");
    let veto = format!("the content of asset {copy} was registered before, as asset {original}, by somebody else");
    assert_eq!(order["risk"]["vetoes"], json!([veto]));
    let order = app.offer(&sale(author.address(), original), &author).await?.expect(201);
    assert_eq!(text(&order, "/risk/decision"), "allow", "{order}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_far_above_the_range_is_warned_of() -> Result<()> {
    let app = App::start().await?;
    let owner = testkit::signer(1);
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    app.learn().await?;
    // This is what the pricing agent would say if it had learned that such works sell for 1 000 to
    // 4 000 wei.
    let id = pricing::advise_on(&app.market.pool, CHAIN, &mut pricing::Memory::default(), asset).await?;
    let mut tx = app.market.pool.begin().await?;
    let mut priced = advice::find(&mut tx, id.context("no price")?).await?.context("no advice")?.advice;
    let mut says: Value = serde_json::from_str(&priced.answer)?;
    says["abstains"] = Value::Null;
    says["range90"] = json!({"low": "0.000000000000001", "high": "0.000000000000004"});
    priced.answer = says.to_string();
    advice::record(&mut tx, &priced).await?;
    tx.commit().await?;

    let order = app.offer(&sale(owner.address(), asset), &owner).await?.expect(201);
    assert_eq!(text(&order, "/risk/decision"), "warn", "{order}");
    assert_eq!(order["risk"]["why"], json!(["the price 10000 is above the range to 4000"]));
    assert!(order["risk"]["reasons"].to_string().contains("far above the range"), "{order}");
    assert_eq!(app.listed("").await?, [text(&order, "/hash")], "it is shown");
    let fair = Order { startPrice: U256::from(2000), endPrice: U256::from(2000), ..sale(owner.address(), asset) };
    assert_eq!(text(&app.offer(&fair, &owner).await?.expect(201), "/risk/decision"), "allow");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_is_told_how_things_stand_now() -> Result<()> {
    let app = App::start().await?;
    let (owner, buyer) = (testkit::signer(1), testkit::account(2).to_string());
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    app.learn().await?;
    let hash = app.stored_offer(&sale(owner.address(), asset), &owner).await?;
    let recorded = app.count("advice").await?;

    let free = app.screen(&hash, &buyer).await?.expect(200);
    assert_eq!((text(&free, "/decision"), &free["escrowBps"]), ("allow", &json!(0)), "{free}");
    assert!(free["probability"].as_f64().is_some_and(|p| p < 0.1) && free["provenance"]["id"].is_null(), "{free}");
    let own = app.screen(&hash, &owner.address().to_string()).await?.expect(200);
    assert_eq!((text(&own, "/decision"), &own["vetoes"]), ("block", &json!(["its maker is the buyer"])));
    let registry = app.market.deployment.asset_registry;
    let revoke = AssetRegistry::setApprovalForAllCall { operator: app.market.deployment.market, approved: false };
    app.call(owner.address(), registry, revoke).await?;
    let revoked = app.screen(&hash, &buyer).await?.expect(200);
    assert_eq!(revoked["vetoes"], json!(["its maker withdrew the market's approval"]));
    app.transfer(owner.address(), testkit::account(3), asset).await?;
    app.mirror().await?;
    let moved = app.screen(&hash, &buyer).await?.expect(200);
    let gone = ["its maker does not own the asset", "the asset changed hands since it was signed"];
    assert_eq!(moved["vetoes"], json!(gone));
    assert_eq!(app.count("advice").await?, recorded, "who only asks leaves no trace");

    app.screen(&hash, "me").await?.problem(422, "invalid").field("buyer", "is not an address");
    app.screen(&format!("0x{}", "0".repeat(64)), &buyer).await?.problem(404, "not_found");
    let token = app.token(owner.address(), 100, 100).await?;
    let price = U256::from(50);
    let bid = Order {
        side: BID,
        currency: token,
        startPrice: price,
        endPrice: price,
        assetEpoch: 1,
        ..sale(owner.address(), asset)
    };
    let bid = app.offer(&bid, &owner).await?.expect(201);
    assert!(bid["risk"].is_null(), "{bid}");
    app.screen(text(&bid, "/hash"), &buyer).await?.problem(422, "invalid").says("is a bid");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_taken_while_the_market_is_still_being_read() -> Result<()> {
    let app = App::start().await?;
    let owner = testkit::signer(1);
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    // A server is kept from reading.
    let mut tx = app.market.pool.begin().await?;
    sqlx::query("LOCK TABLE chain.deployments IN ACCESS EXCLUSIVE MODE").execute(&mut *tx).await?;
    let origin = app.serve(|state| state.risk = Memory::new(app.market.pool.clone(), CHAIN)).await?;
    let order = sale(owner.address(), asset);
    let body = crate::offers::body(&order, &app.sign(&order, &owner)?.as_bytes());
    let post = |path: &str, body: &Value| app.request_at(&origin, reqwest::Method::POST, path).json(body);
    let stored = app.send(post("/v1/orders", &body)).await?.expect(201);
    assert!(stored["risk"].is_null(), "{stored}");
    let hash = text(&stored, "/hash");
    let path = format!("/v1/orders/{hash}/screening");
    let buyer = json!({"buyer": testkit::account(2)});
    let answer = app.send(post(&path, &buyer)).await?;
    answer.problem(503, "unavailable").says("still being read");
    assert_eq!(answer.header(header::RETRY_AFTER), "2");
    assert_eq!(app.listed("").await?, [hash]);
    tx.rollback().await?;
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE topic = 'order.recorded' AND key = $1")
        .bind(format!("order:{hash}"))
        .fetch_one(&app.market.pool)
        .await?;
    assert_eq!(told, 1, "a worker screens it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watch_list_is_public() -> Result<()> {
    let app = App::start().await?;
    assert!(app.pages("/v1/watch-list", 50).await?.is_empty());
    let enter = async |subject: &str, watcher: &str, score: f64| -> Result<()> {
        let mut tx = app.market.pool.begin().await?;
        watch::watch(&mut tx, CHAIN, (subject, watcher), score, "copied a song").await?;
        tx.commit().await?;
        Ok(())
    };
    let account = format!("account:{}", testkit::account(2));
    for (subject, watcher, score) in [
        ("asset:1", "operator", 0.5),
        ("asset:2", "operator", 1.0),
        (&account, "risk agent", 0.9),
        ("asset:1", "operator", 0.0),
    ] {
        enter(subject, watcher, score).await?;
    }
    let listed = app.pages("/v1/watch-list", 1).await?;
    let entries: Vec<_> =
        listed.iter().map(|entry| (text(entry, "/subject"), text(entry, "/by"), &entry["score"])).collect();
    assert_eq!(entries, [(account.as_str(), "risk agent", &json!(0.9)), ("asset:2", "operator", &json!(1.0))]);
    assert_eq!(listed[0]["why"], "copied a song");
    assert!(enter("asset:0", "operator", 1.0).await.is_err(), "no asset has that number");
    app.get("/v1/watch-list?limit=0").await?.problem(422, "invalid").field("limit", "is between 1 and 200");
    Ok(())
}
