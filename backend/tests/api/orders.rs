//! Orders: they are stored when they could be filled, followed afterwards, and otherwise refused with the field
//! that is wrong.

use std::time::Duration;

use alloy::{
    primitives::{Address, Signature, U256, uint},
    providers::ext::AnvilApi,
};
use anyhow::{Context, Result};
use bindings::{Market, Order};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    app::{App, Work},
    offers::{BID, body, now, sale},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_stored_once_and_listed() -> Result<()> {
    let app = App::start().await?;
    let (owner, bidder) = (testkit::signer(1), testkit::signer(2));
    let asset = app.register(owner.address(), Work::new()).await?;
    let other = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    let token = app.token(bidder.address(), 100, 100).await?;

    let order = Order { endPrice: U256::from(5000), minNet: U256::from(4650), ..sale(owner.address(), asset) };
    let stored = app.offer(&order, &owner).await?.expect(201);
    let hash = bindings::order_hash(&order, 31337, app.market.deployment.market).to_string();
    let sent = body(&order, &app.sign(&order, &owner)?.as_bytes());
    assert_eq!(stored["hash"], hash);
    assert_eq!(stored["order"], sent["order"]);
    assert_eq!(stored["signature"], sent["signature"]);
    assert_eq!(stored["state"], "open");
    // Storing the same order again changes nothing, even at the same time or with the short form of the
    // signature.
    let again = futures::future::try_join_all((0..4).map(|_| app.offer(&order, &owner))).await?;
    for answer in again {
        assert_eq!(answer.expect(200)["hash"], hash);
    }
    let short = body(&order, &app.sign(&order, &owner)?.as_erc2098());
    app.post("/v1/orders", &short).await?.expect(200);
    assert_eq!(app.count("orders").await?, 1);
    // The facts about it name the trace of the request that stored it.
    let traces: Vec<Option<String>> = sqlx::query_scalar("SELECT trace FROM outbox WHERE topic = 'order.recorded'")
        .fetch_all(&app.market.pool)
        .await?;
    assert!(matches!(&traces[..], [Some(trace)] if trace.parse::<facts::TraceContext>().is_ok()), "{traces:?}");
    assert_eq!(app.get(&format!("/v1/orders/{hash}")).await?.expect(200)["order"], sent["order"]);
    let short = sale(owner.address(), other);
    let short = body(&short, &app.sign(&short, &owner)?.as_erc2098());
    app.post("/v1/orders", &short).await?.expect(201);

    let bid = |nonce: u64| Order {
        side: BID,
        currency: token,
        startPrice: U256::from(50),
        endPrice: U256::from(100),
        nonce: U256::from(nonce),
        ..sale(bidder.address(), asset)
    };
    for nonce in 0..3 {
        app.stored_offer(&bid(nonce), &bidder).await?;
    }
    app.stored_offer(&Order { startTime: now() + 60, ..sale(owner.address(), other) }, &owner).await?;

    let hashes = |items: &[Value]| -> Vec<String> { items.iter().map(|item| item["hash"].to_string()).collect() };
    let all = app.pages("/v1/orders", 200).await?;
    assert_eq!(all.len(), 6);
    assert_eq!(hashes(&app.pages("/v1/orders", 1).await?), hashes(&all));
    assert_eq!(hashes(&app.pages("/v1/orders", 4).await?), hashes(&all));
    assert_eq!(all[5]["hash"], hash, "newest first");
    let lower_case = format!("{:#x}", owner.address());
    for (filter, count) in [
        ("asset=1", 4),
        ("asset=2", 2),
        ("asset=-1", 0),
        ("asset=9223372036854775807", 0),
        (&format!("maker={}", owner.address()), 3),
        (&format!("maker={lower_case}"), 3),
        (&format!("maker={lower_case}&asset=2"), 2),
        ("side=BID", 3),
        ("side=SELL", 3),
        ("state=open", 5),
        ("state=scheduled", 1),
        ("state=filled", 0),
        ("state=open&side=SELL&asset=2", 1),
    ] {
        assert_eq!(app.pages(&format!("/v1/orders?{filter}"), 2).await?.len(), count, "{filter}");
    }
    let mistyped = owner.address().to_checksum(None).replace('C', "c");
    for (filter, field, message) in [
        ("side=sell", "side", "is one of SELL, BID"),
        ("side=%00", "side", "is one of SELL, BID"),
        ("state=Open", "state", "is one of scheduled, open, filled"),
        ("state=", "state", "is one of scheduled, open, filled"),
        ("maker=me", "maker", "is not an address"),
        (&format!("maker={mistyped}"), "maker", "has a wrong checksum"),
        ("limit=0", "limit", "is between 1 and 200"),
        ("limit=201", "limit", "is between 1 and 200"),
        ("cursor=next", "cursor", "is not one that this server gave"),
        ("cursor=00", "cursor", "is not one that this server gave"),
    ] {
        app.get(&format!("/v1/orders?{filter}")).await?.problem(422, "invalid").field(field, message);
    }
    for filter in ["asset=one", "asset=9223372036854775808", "limit=-1", "limit=1.5"] {
        app.get(&format!("/v1/orders?{filter}")).await?.problem(422, "invalid").says(&filter[..5]);
    }
    for unknown in ["0x1234", "%00", &hash.replace("0x", "0x00")[..66]] {
        app.get(&format!("/v1/orders/{unknown}")).await?.problem(404, "not_found").says("There is no order");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_followed_to_its_end() -> Result<()> {
    let app = App::start().await?;
    let (owner, buyer) = (testkit::signer(1), testkit::signer(2));
    let market = app.market.deployment.market;
    let mut assets = Vec::new();
    for _ in 0..4 {
        assets.push(app.register(owner.address(), Work::new()).await?);
    }
    app.approve(owner.address()).await?;
    let offer = |order: Order| {
        let (app, owner) = (&app, &owner);
        async move { app.stored_offer(&order, owner).await }
    };

    // This order is somebody else's, and only time will end it.
    let other = testkit::signer(3);
    let others_asset = app.register(other.address(), Work::new()).await?;
    app.approve(other.address()).await?;
    let brief = Order { endTime: now() + 3, ..sale(other.address(), others_asset) };
    let expiring = app.stored_offer(&brief, &other).await?;
    assert_eq!(app.state_of(&expiring).await?, "open");

    let scheduled = offer(Order { startTime: now() + 600, ..sale(owner.address(), assets[3]) }).await?;
    assert_eq!(app.state_of(&scheduled).await?, "scheduled");

    // When an order is filled, other orders for the same asset or with the same nonce end with it.
    let sold = sale(owner.address(), assets[0]);
    let filled = offer(sold.clone()).await?;
    let sibling = offer(sale(owner.address(), assets[0])).await?;
    let same_nonce = offer(Order { nonce: sold.nonce, ..sale(owner.address(), assets[1]) }).await?;
    let bystander = offer(sale(owner.address(), assets[1])).await?;
    let signature = app.sign(&sold, &owner)?.as_bytes();
    assert_eq!(app.refusal(&sold, &signature, buyer.address()).await?, None);
    app.fill(&sold, &signature, buyer.address()).await?;
    assert_eq!(app.state_of(&filled).await?, "filled");
    assert_eq!(app.state_of(&sibling).await?, "stale");
    assert_eq!(app.state_of(&same_nonce).await?, "cancelled");
    assert_eq!(app.state_of(&bystander).await?, "open");
    assert_eq!(app.offer(&sold, &owner).await?.expect(200)["state"], "filled", "posting it again does not revive it");
    let reused = Order { nonce: sold.nonce, ..sale(owner.address(), assets[2]) };
    app.offer(&reused, &owner).await?.problem(422, "invalid").field("order.nonce", "was used or cancelled");

    // The order is cancelled by its nonce.
    let order = sale(owner.address(), assets[2]);
    let cancelled = offer(order.clone()).await?;
    app.call(owner.address(), market, Market::cancelCall { nonces: vec![order.nonce] }).await?;
    assert_eq!(app.state_of(&cancelled).await?, "cancelled");
    // Somebody else's cancellation of the same nonce does not affect his order.
    let order = sale(owner.address(), assets[2]);
    let kept = offer(order.clone()).await?;
    app.call(buyer.address(), market, Market::cancelCall { nonces: vec![order.nonce] }).await?;
    assert_eq!(app.state_of(&kept).await?, "open");

    // An order is stale for good once the asset moves, even when the asset comes back.
    app.transfer(owner.address(), buyer.address(), assets[2]).await?;
    assert_eq!(app.state_of(&kept).await?, "stale");
    app.transfer(buyer.address(), owner.address(), assets[2]).await?;
    assert_eq!(app.state_of(&kept).await?, "stale");

    // The order is cancelled with all others. A new one has the new epoch.
    app.call(owner.address(), market, Market::cancelAllCall {}).await?;
    for hash in [&bystander, &scheduled] {
        assert_eq!(app.state_of(hash).await?, "cancelled");
    }
    let renewed = Order { makerEpoch: 1, assetEpoch: 2, ..sale(owner.address(), assets[2]) };
    let renewed = offer(renewed).await?;
    assert_eq!(app.state_of(&renewed).await?, "open");

    // The order expires by time alone.
    while now() < brief.endTime {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(app.state_of(&expiring).await?, "expired");
    let open: Vec<Value> = app.pages("/v1/orders?state=open", 50).await?;
    assert_eq!(open.iter().map(|order| &order["hash"]).collect::<Vec<_>>(), [&renewed]);
    Ok(())
}

/// A fault: what is changed, the field and code that are named, and the contract's own error if it has one.
type Fault = (&'static str, fn(&mut Order), &'static str, &'static str, Option<&'static str>);

/// Asserts that each fault is refused with its field, and by the contract too, and that nothing is stored.
async fn refuse(app: &App, good: &Order, signer: u32, taker: Address, faults: &[Fault]) -> Result<()> {
    let signer = testkit::signer(signer);
    let before = app.count("orders").await?;
    for (name, change, field, message, error) in faults {
        let mut order = Order { nonce: U256::from(rand::random::<u64>()), ..good.clone() };
        change(&mut order);
        eprintln!("{name}");
        let problem = app.offer(&order, &signer).await?.problem(422, "invalid");
        problem.field(field, message);
        assert_eq!(
            problem.0["detail"],
            format!("{field} {}", problem.0["errors"][0]["message"].as_str().unwrap_or(""))
        );
        if let Some(error) = error {
            let refusal = app.refusal(&order, &app.sign(&order, &signer)?.as_bytes(), taker).await?;
            assert!(refusal.as_ref().is_some_and(|refusal| refusal.starts_with(error)), "{name}: {refusal:?}");
        }
    }
    assert_eq!(app.count("orders").await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_the_market_would_refuse_is_refused() -> Result<()> {
    let app = App::start().await?;
    let (owner, stranger) = (testkit::account(1), testkit::account(2));
    let asset = app.register(owner, Work::new()).await?;
    app.register(stranger, Work::new()).await?;
    app.approve(owner).await?;
    app.call(owner, app.market.deployment.market, Market::cancelCall { nonces: vec![U256::from(7)] }).await?;
    let good = sale(owner, asset);
    let faults: [Fault; 22] = [
        (
            "another's asset",
            |o| o.assetId = U256::from(2),
            "order.maker",
            "does not own asset 2",
            Some("SellerNotOwner"),
        ),
        ("asset epoch", |o| o.assetEpoch = 1, "order.assetEpoch", "is 1, the asset is at 0", Some("AssetEpochPassed")),
        ("maker epoch", |o| o.makerEpoch = 1, "order.makerEpoch", "is 1, the maker is at 0", Some("MakerEpochPassed")),
        ("fee", |o| o.maxFeeBps = 199, "order.maxFeeBps", "is 199, the market's fee is 200", Some("FeeAboveMax")),
        (
            "net",
            |o| o.minNet = U256::from(9301),
            "order.minNet",
            "leaves 9300 after fee and royalty",
            Some("NetBelowMin"),
        ),
        (
            "net in the end",
            |o| (o.endPrice, o.minNet) = (U256::from(1000), U256::from(931)),
            "order.minNet",
            "the lowest price leaves 930",
            None,
        ),
        ("all of it", |o| o.minNet = U256::MAX, "order.minNet", "leaves 9300", Some("NetBelowMin")),
        ("ended", |o| o.endTime = o.startTime + 10, "order.endTime", "has passed: it is", Some("OrderEnded")),
        (
            "ends first",
            |o| o.startTime = o.endTime + 1,
            "order.endTime",
            "is not after startTime",
            Some("OrderNotStarted"),
        ),
        ("no time", |o| o.endTime = o.startTime, "order.endTime", "is not after startTime", Some("OrderEnded")),
        ("for years", |o| o.endTime += 366 * 86_400, "order.endTime", "more than 366 days", None),
        (
            "for nothing",
            |o| (o.startPrice, o.endPrice) = (U256::ZERO, U256::ZERO),
            "order.startPrice",
            "above zero",
            None,
        ),
        ("in the end for nothing", |o| o.endPrice = U256::ZERO, "order.startPrice", "as is endPrice", None),
        ("rising", |o| o.endPrice += U256::from(1), "order.endPrice", "a sale's price is fixed or falls", None),
        ("for more than there is", |o| o.startPrice = U256::MAX, "order.startPrice", "is not below 2^128", None),
        (
            "unknown asset",
            |o| o.assetId = U256::from(3),
            "order.assetId",
            "3 is not registered",
            Some("SellerNotOwner"),
        ),
        ("asset zero", |o| o.assetId = U256::ZERO, "order.assetId", "0 is not registered", Some("SellerNotOwner")),
        ("asset beyond all", |o| o.assetId = U256::MAX, "order.assetId", "is not registered", Some("SellerNotOwner")),
        ("cancelled", |o| o.nonce = U256::from(7), "order.nonce", "7 was used or cancelled", Some("NonceUsed")),
        (
            "a currency without code",
            |o| o.currency = Address::repeat_byte(9),
            "order.currency",
            "is not a contract on this chain",
            Some(""),
        ),
        ("far start", |o| o.startTime = 253_402_300_800, "order.startTime", "is too large", Some("OrderNotStarted")),
        ("far end", |o| o.endTime = u64::MAX, "order.endTime", "is too large", None),
    ];
    refuse(&app, &good, 1, testkit::account(3), &faults).await?;

    let unapproved: [Fault; 1] =
        [("not approved", |_| {}, "order.maker", "call setApprovalForAll(", Some("ERC721InsufficientApproval"))];
    refuse(&app, &sale(stranger, 2), 2, testkit::account(3), &unapproved).await?;

    // When there are several faults, all of them are named.
    let order = Order { assetEpoch: 5, makerEpoch: 6, maxFeeBps: 0, minNet: U256::MAX, nonce: U256::from(7), ..good };
    let problem = app.offer(&order, &testkit::signer(1)).await?.problem(422, "invalid");
    let fields: Vec<&str> =
        problem.0["errors"].as_array().into_iter().flatten().filter_map(|error| error["field"].as_str()).collect();
    assert_eq!(fields, ["order.assetEpoch", "order.makerEpoch", "order.nonce", "order.maxFeeBps", "order.minNet"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_that_the_market_would_refuse_is_refused() -> Result<()> {
    let app = App::start().await?;
    let (owner, bidder) = (testkit::account(1), testkit::account(2));
    let asset = app.register(owner, Work::new()).await?;
    let own = app.register(bidder, Work::new()).await?;
    app.approve(owner).await?;
    let token = app.token(bidder, 1000, 900).await?;
    let good = Order {
        side: BID,
        currency: token,
        startPrice: U256::from(900),
        endPrice: U256::from(900),
        ..sale(bidder, asset)
    };
    let signature = app.sign(&good, &testkit::signer(2))?.as_bytes();
    assert_eq!(app.refusal(&good, &signature, owner).await?, None);
    app.stored_offer(&good, &testkit::signer(2)).await?;
    app.stored_offer(&Order { startPrice: U256::from(1), ..good.clone() }, &testkit::signer(2)).await?;

    let fill_error = |error| Some(error);
    let faults: [Fault; 9] = [
        (
            "native coin",
            |o| o.currency = Address::ZERO,
            "order.currency",
            "a bid needs a token",
            fill_error("BidNeedsToken"),
        ),
        (
            "allowance",
            |o| (o.startPrice, o.endPrice) = (U256::from(901), U256::from(901)),
            "order.maker",
            "lets the market take 900: approve(",
            fill_error("PaymentFailed"),
        ),
        ("allowance in the end", |o| o.endPrice = U256::from(901), "order.maker", "lets the market take 900", None),
        (
            "no contract",
            |o| o.currency = Address::repeat_byte(9),
            "order.currency",
            "is not a contract",
            fill_error(""),
        ),
        ("net", |o| o.minNet = U256::from(838), "order.minNet", "leaves 837", fill_error("NetBelowMin")),
        ("epoch", |o| o.assetEpoch = 3, "order.assetEpoch", "is 3, the asset is at 0", fill_error("AssetEpochPassed")),
        (
            "for nothing",
            |o| (o.startPrice, o.endPrice) = (U256::ZERO, U256::ZERO),
            "order.startPrice",
            "above zero",
            None,
        ),
        ("for a moment nothing", |o| o.startPrice = U256::ZERO, "order.startPrice", "above zero", None),
        (
            "one's own",
            |o| o.assetId = U256::from(2),
            "order.maker",
            "owns asset 2 already",
            fill_error("SellerNotOwner"),
        ),
    ];
    assert_eq!(own, 2);
    refuse(&app, &good, 2, owner, &faults).await?;

    // The currency is a contract, but not a token.
    let registry = Order { currency: app.market.deployment.asset_registry, ..good.clone() };
    let answer = app.offer(&registry, &testkit::signer(2)).await?;
    answer.problem(422, "invalid").field("order.currency", "does not answer as an ERC-20");
    // The bidder lacks the tokens. The missing allowance is reported as well.
    let poor = Order { currency: app.token(owner, 5000, 5000).await?, ..good };
    let problem = app.offer(&poor, &testkit::signer(2)).await?.problem(422, "invalid");
    problem.says("holds 0 of the currency, the bid goes up to 900").says("lets the market take 0");
    let poor_signature = app.sign(&poor, &testkit::signer(2))?.as_bytes();
    let refusal = app.refusal(&poor, &poor_signature, owner).await?.context("it would be filled")?;
    assert!(refusal.starts_with("PaymentFailed"), "{refusal}");
    assert_eq!(app.count("orders").await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_counts_only_where_the_contract_takes_it() -> Result<()> {
    let app = App::start().await?;
    let (owner, stranger) = (testkit::signer(1), testkit::signer(2));
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    let order = sale(owner.address(), asset);
    let right = app.sign(&order, &owner)?;
    let hash = |chain, market| bindings::order_hash(&order, chain, market);
    let over = |hash| alloy::signers::SignerSync::sign_hash_sync(&owner, &hash);
    let market = app.market.deployment.market;
    let bytes = right.as_bytes();
    // The other point of the curve with the same x gives the same signature in the form that everybody refuses.
    let order_of_curve = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let high = Signature::new(right.r(), order_of_curve - right.s(), !right.v());
    let mut other_v = bytes;
    other_v[64] -= 27;
    let wrong: [(&str, Vec<u8>); 10] = [
        ("by another key", app.sign(&order, &stranger)?.as_bytes().into()),
        ("over another order", app.sign(&sale(owner.address(), asset), &owner)?.as_bytes().into()),
        ("for another chain", over(hash(1, market))?.as_bytes().into()),
        ("for another market", over(hash(31337, stranger.address()))?.as_bytes().into()),
        ("in the high form", high.as_bytes().into()),
        ("ending in 0 or 1", other_v.into()),
        ("cut", bytes[..63].into()),
        ("with more behind", [&bytes[..], &[0]].concat()),
        ("empty", vec![]),
        ("zeros", vec![0; 65]),
    ];
    for (name, signature) in wrong {
        eprintln!("{name}");
        let answer = app.post("/v1/orders", &body(&order, &signature)).await?;
        answer.problem(422, "invalid").field("signature", &format!("is not by {}", owner.address()));
        let refusal = app.refusal(&order, &signature, stranger.address()).await?;
        assert!(refusal.as_ref().is_some_and(|refusal| refusal.starts_with("SignatureInvalid")), "{name}: {refusal:?}");
    }
    let too_long = format!("0x{}", "00".repeat(4097));
    for bad in ["", "0x1", "signed", &too_long] {
        let mut request = body(&order, &[]);
        request["signature"] = json!(bad);
        let message = if bad.is_empty() { "is not by" } else { "is not hex of at most 4096 bytes" };
        app.post("/v1/orders", &request).await?.problem(422, "invalid").field("signature", message);
    }
    assert_eq!(app.count("orders").await?, 0);

    // A contract account's order, which its own rule accepts (ERC-1271), is stored and can be filled.
    let account = Address::repeat_byte(0x12);
    testkit::contract_account(&app.market.chain, account, owner.address()).await?;
    app.transfer(owner.address(), account, asset).await?;
    app.market.chain.provider.anvil_impersonate_account(account).await?;
    app.market.chain.provider.anvil_set_balance(account, U256::from(10).pow(U256::from(18))).await?;
    app.approve(account).await?;
    app.mirror().await?;
    let order = Order { assetEpoch: 1, ..sale(account, asset) };
    app.offer(&order, &stranger).await?.problem(422, "invalid").field("signature", "is not by");
    let stored = app.stored_offer(&order, &owner).await?;
    app.fill(&order, &app.sign(&order, &owner)?.as_bytes(), stranger.address()).await?;
    assert_eq!(app.state_of(&stored).await?, "filled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_order_is_named_field_by_field() -> Result<()> {
    let app = App::start().await?;
    let owner = testkit::signer(1);
    let good = sale(owner.address(), 1);
    let signature = app.sign(&good, &owner)?.as_bytes();
    let with = |field: &str, value: Value| {
        let mut request = body(&good, &signature);
        request["order"][field] = value;
        request
    };
    let more_than_256_bits = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    let numbers = ["", "-1", "+1", "1.5", "1e18", "0x10", " 1", "1 ", "١", "1\0", &"9".repeat(79)];
    for field in ["assetId", "startPrice", "endPrice", "nonce", "minNet"] {
        for number in numbers {
            let answer = app.post("/v1/orders", &with(field, json!(number))).await?;
            answer.problem(422, "invalid").field(&format!("order.{field}"), "is not a whole number in decimal digits");
        }
        let answer = app.post("/v1/orders", &with(field, json!(more_than_256_bits))).await?;
        answer.problem(422, "invalid").field(&format!("order.{field}"), "is larger than 256 bits");
    }
    let mistyped = good.maker.to_checksum(None).replace('C', "c");
    for field in ["maker", "currency", "taker"] {
        for (address, message) in [
            ("", "is not an address"),
            ("0x0", "is not an address"),
            ("tributary.eth", "is not an address"),
            (&mistyped, "has a wrong checksum (EIP-55)"),
        ] {
            let answer = app.post("/v1/orders", &with(field, json!(address))).await?;
            answer.problem(422, "invalid").field(&format!("order.{field}"), message);
        }
    }
    for side in ["sell", "", "0", "SELL "] {
        let answer = app.post("/v1/orders", &with("side", json!(side))).await?;
        answer.problem(422, "invalid").field("order.side", "is SELL or BID");
    }
    for field in ["assetEpoch", "makerEpoch", "startTime", "endTime"] {
        let answer = app.post("/v1/orders", &with(field, json!(u64::MAX))).await?;
        answer.problem(422, "invalid").field(&format!("order.{field}"), "is too large");
    }
    for (field, value) in [
        ("assetId", json!(1)),
        ("startPrice", json!(1.5)),
        ("startTime", json!("2030-01-01T00:00:00Z")),
        ("startTime", json!(-1)),
        ("endTime", json!(1e300)),
        ("makerEpoch", Value::Null),
        ("maxFeeBps", json!(70_000)),
        ("maxFeeBps", json!(-1)),
    ] {
        let answer = app.post("/v1/orders", &with(field, value)).await?;
        answer.problem(422, "invalid").says(&format!("order.{field}"));
    }
    app.post("/v1/orders", &with("salt", json!(1))).await?.problem(422, "invalid").says("unknown field `salt`");
    let mut request = body(&good, &signature);
    request["chainId"] = json!(1);
    app.post("/v1/orders", &request).await?.problem(422, "invalid").says("unknown field `chainId`");
    app.post("/v1/orders", &json!({"order": {}})).await?.problem(422, "invalid").says("missing field");
    let mut request = body(&good, &signature);
    (request["order"]["maker"], request["order"]["nonce"], request["order"]["side"]) =
        (json!("me"), json!("-"), json!(""));
    let problem = app.post("/v1/orders", &request).await?.problem(422, "invalid");
    assert_eq!(problem.0["errors"].as_array().map(Vec::len), Some(3), "{problem:?}");

    let post = |kind: &'static str, text: Vec<u8>| {
        app.send(app.request(Method::POST, "/v1/orders").header(header::CONTENT_TYPE, kind).body(text))
    };
    let text = body(&good, &signature).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        post(kind, text.clone().into()).await?.problem(415, "media_type").says("Content-Type: application/json");
    }
    // The body is only a little above the limit. With a much larger one, the client may still be sending when the
    // answer comes.
    let large = text.replacen("0x", &format!("{}0x", " ".repeat(1 << 20)), 1);
    post("application/json", large.into()).await?.problem(413, "too_large").says("1 MiB");
    for broken in [&b""[..], b"{", b"null", b"\xff\xfe", &vec![b'['; 5000]] {
        post("application/json", broken.into()).await?.problem(422, "invalid");
    }
    assert_eq!(app.count("orders").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_is_the_contracts_to_the_last_unit() -> Result<()> {
    let app = App::start().await?;
    let (owner, bidder) = (testkit::signer(1), testkit::signer(2));
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    let market = Market::new(app.market.deployment.market, &app.market.chain.provider);
    let (start, long) = (1_700_000_000_u64, 31_622_399_u64);
    let great = U256::from(1) << 127;
    let small = |number: u64| U256::from(number);
    // Side, first and last price, seconds for which the order runs, and seconds that have passed.
    let cases = [
        (0, small(100), small(91), 10, vec![0, 1, 2, 3, 4, 5, 9, 10]),
        (1, small(100), small(91), 10, vec![0, 1, 5, 9, 10]),
        (1, small(91), small(100), 10, vec![0, 1, 5, 9, 10]),
        (0, small(7), small(7), 10, vec![0, 5, 10]),
        (0, small(2), small(1), long, vec![1, long / 2, long - 1]),
        (1, small(1), small(2), long, vec![1, long / 2, long - 1]),
        (0, great, small(1), long, vec![0, 1, 12_345_678, long - 1, long]),
        (1, great - small(1), great / small(3), long, vec![1, 12_345_677, long - 1]),
        (1, small(1), great, long, vec![1, 12_345_677, long - 1]),
        // Rounded to a few places, the quotient would be a whole number here.
        (0, small(10_000_000_000_000_000_000), small(9_999_999_999_999_999_999), long, vec![1, long - 1]),
    ];
    for (side, first, last, length, moments) in cases {
        let order = Order {
            side,
            startPrice: first,
            endPrice: last,
            startTime: start,
            endTime: start + length,
            ..sale(owner.address(), asset)
        };
        for moment in moments {
            let time = alloy::rpc::types::BlockOverrides::default().with_time(start + moment);
            let quoted = market.quote(order.clone(), order.assetId).call().with_block_overrides(time).await?.price;
            let price: String = sqlx::query_scalar(
                "SELECT order_price($1, $2::numeric, $3::numeric, to_timestamp($4), to_timestamp($5), to_timestamp($6))::text",
            )
            .bind(bindings::side_name(side))
            .bind(first.to_string())
            .bind(last.to_string())
            .bind(start as f64)
            .bind((start + length) as f64)
            .bind((start + moment) as f64 + 0.9)
            .fetch_one(&app.market.pool)
            .await?;
            assert_eq!(price, quoted.to_string(), "side {side}, {first} to {last}, {moment} of {length} s");
        }
    }

    // Checks what the API says about stored orders whose price hardly moves meanwhile.
    let token = app.token(bidder.address(), 2000, 2000).await?;
    let slow = |side, maker, first, last| Order {
        side,
        currency: if side == 0 { Address::ZERO } else { token },
        startPrice: U256::from(first),
        endPrice: U256::from(last),
        startTime: now() - 100 * 86_400,
        endTime: now() + 200 * 86_400,
        ..sale(maker, asset)
    };
    for (order, signer) in [
        (slow(0, owner.address(), 1000, 899), &owner),
        (slow(1, bidder.address(), 1000, 899), &bidder),
        (slow(1, bidder.address(), 899, 1000), &bidder),
    ] {
        let stored = app.stored_offer(&order, signer).await?;
        app.market.chain.mine(1).await?;
        let quoted = market.quote(order.clone(), order.assetId).call().await?.price.to_string();
        let listed = app.get(&format!("/v1/orders/{stored}")).await?.expect(200);
        assert_eq!(listed["price"], quoted);
        if order.side == 0 {
            let asset = app.get("/v1/assets").await?.expect(200)["items"][0].clone();
            assert_eq!(asset["listing"]["price"], quoted);
        }
    }
    Ok(())
}
