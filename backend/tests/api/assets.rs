//! Registered works: found, listed page by page, and explained by their lineage, history and contributors.

use advisors::pricing::{self, Memory};
use alloy::{
    primitives::{TxKind, U256},
    sol_types::SolCall,
};
use anyhow::Result;
use bindings::{AssetRegistry, Order, Payouts};
use facts::ChainId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{App, Person, Work},
    offers::sale,
};

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

/// Describes and registers a work, and returns the asset's id.
async fn publish(
    app: &App,
    owner: &Person,
    kind: &'static str,
    title: &str,
    about: &str,
    parents: &[u64],
) -> Result<u64> {
    let (_, content_hash) = app.describe(owner, kind, title, about).await?;
    app.register(owner.address(), Work { content_hash, kind, parents: parents.into(), ..Work::new() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn works_are_found_by_what_they_are_and_say() -> Result<()> {
    let app = App::start().await?;
    let (ann, bob) = (app.person(1).await?, app.person(2).await?);
    publish(&app, &ann, "DESIGN", "100% wool", "A pattern", &[]).await?;
    publish(&app, &ann, "CODE", "snake_case", r"with a back\slash", &[]).await?;
    publish(&app, &ann, "TEXT", r#"O'Hara's "Ode""#, "Four lines; DROP TABLE works", &[]).await?;
    publish(&app, &bob, "MUSIC", "Über das Meer 海", "Lieder", &[]).await?;
    publish(&app, &bob, "CODE", "1000 snakes", "", &[1, 2]).await?;
    // This work has no description, because it was registered by contract alone.
    let bare = Work { kind: "CODE", parents: vec![1], ..Work::new() };
    let bare_hash = bare.content_hash;
    app.register(bob.address(), bare).await?;
    app.approve(ann.address()).await?;
    app.stored_offer(&sale(ann.address(), 1), &ann.signer).await?;
    // A sale to one buyer alone is not a listing.
    app.stored_offer(&Order { taker: bob.address(), ..sale(ann.address(), 2) }, &ann.signer).await?;

    let owner = |person: &Person| format!("owner={}", person.address());
    let long = "é".repeat(200);
    let cases: Vec<(String, &[u64])> = vec![
        ("".into(), &[6, 5, 4, 3, 2, 1]),
        ("kind=CODE".into(), &[6, 5, 2]),
        ("kind=PHYSICAL".into(), &[]),
        (owner(&ann), &[3, 2, 1]),
        (owner(&bob).to_lowercase(), &[6, 5, 4]),
        (format!("{}&kind=CODE", owner(&bob)), &[6, 5]),
        ("parent=1".into(), &[6, 5]),
        ("parent=2".into(), &[5]),
        ("parent=6".into(), &[]),
        ("parent=-1".into(), &[]),
        ("listed=true".into(), &[1]),
        ("listed=false".into(), &[6, 5, 4, 3, 2]),
        (format!("contentHash={bare_hash}"), &[6]),
        (format!("contentHash={}", hex::encode(bare_hash)), &[6]),
        (format!("contentHash={}", hex::encode([0; 32])), &[]),
        ("q=snake".into(), &[5, 2]),
        ("q=SNAKE".into(), &[5, 2]),
        ("q=snake&kind=MUSIC".into(), &[]),
        ("q=%20wool%20".into(), &[1]),
        ("q=%20".into(), &[6, 5, 4, 3, 2, 1]),
        ("q=100%25".into(), &[1]),
        ("q=%25".into(), &[1]),
        ("q=_".into(), &[2]),
        ("q=e_c".into(), &[2]),
        ("q=%5C".into(), &[2]),
        ("q='".into(), &[3]),
        ("q=%22Ode%22".into(), &[3]),
        ("q=';%20DROP%20TABLE%20works".into(), &[]),
        ("q=lieder".into(), &[4]),
        ("q=%E6%B5%B7".into(), &[4]),
        ("q=%C3%9Cber".into(), &[4]),
        (format!("q={long}"), &[]),
    ];
    for (query, expected) in cases {
        for limit in [2, 200] {
            let found = app.pages(&format!("/v1/assets?{query}"), limit).await?;
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(texts(&found, "id"), expected, "{query}");
        }
    }

    let all = app.pages("/v1/assets", 50).await?;
    assert_eq!(all[0]["title"], "Asset 6");
    assert_eq!(all[3]["title"], r#"O'Hara's "Ode""#);
    assert_eq!((&all[1]["parents"], &all[5]["derived"]), (&json!(2), &json!(2)));
    assert_eq!(all[5]["listing"]["price"], "10000");
    assert!(all[4].get("listing").is_none(), "{}", all[4]);
    for (query, field, message) in [
        ("kind=FILM", "kind", "is not a kind of asset"),
        ("kind=code", "kind", "is not a kind of asset"),
        ("owner=ann", "owner", "is not an address"),
        ("contentHash=0x12", "contentHash", "is not 32 bytes"),
        ("limit=0", "limit", "is between 1 and 200"),
        ("limit=201", "limit", "is between 1 and 200"),
        ("cursor=7", "cursor", "is not one that this server gave"),
        ("cursor=zz", "cursor", "is not one that this server gave"),
        (&format!("q={long}a"), "q", "has at most 200 characters"),
    ] {
        app.get(&format!("/v1/assets?{query}")).await?.problem(422, "invalid").field(field, message);
    }
    for query in ["listed=maybe", "parent=one", "parent=9223372036854775808", "limit=-1", "limit=4294967296"] {
        app.get(&format!("/v1/assets?{query}")).await?.problem(422, "invalid").says(&query[..5]);
    }
    app.get("/v1/assets?q=%00").await?.problem(422, "invalid").says("NUL");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cheapest_open_sale_to_anyone_is_the_listing() -> Result<()> {
    let app = App::start().await?;
    let owner = testkit::signer(1);
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    let token = app.token(owner.address(), 0, 0).await?;
    let price = |price: u64| Order {
        startPrice: U256::from(price),
        endPrice: U256::from(price),
        ..sale(owner.address(), asset)
    };
    let listing = || async {
        let asset = app.get("/v1/assets?listed=true").await?.expect(200)["items"][0].clone();
        Ok::<_, anyhow::Error>(asset["listing"].clone())
    };
    assert_eq!(listing().await?, Value::Null);
    // Orders in another currency, with a higher price, for one buyer, or for later are not shown once
    // there is a better one.
    let in_token = app.stored_offer(&Order { currency: token, ..price(5) }, &owner).await?;
    assert_eq!(listing().await?["orderHash"], in_token);
    app.stored_offer(&Order { taker: testkit::account(2), ..price(1) }, &owner).await?;
    let later = crate::offers::now() + 600;
    app.stored_offer(&Order { startTime: later, ..price(2) }, &owner).await?;
    assert_eq!(listing().await?["orderHash"], in_token);
    let dear = app.stored_offer(&price(100), &owner).await?;
    assert_eq!(listing().await?["orderHash"], dear);
    let cheap_order = price(99);
    let cheap = app.stored_offer(&cheap_order, &owner).await?;
    assert_eq!(listing().await?["orderHash"], cheap);
    assert_eq!(listing().await?["price"], "99");
    let cancel = bindings::Market::cancelCall { nonces: vec![cheap_order.nonce] };
    app.call(owner.address(), app.market.deployment.market, cancel).await?;
    app.mirror().await?;
    assert_eq!(listing().await?["orderHash"], dear);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_tells_where_it_comes_from_and_what_came_of_it() -> Result<()> {
    let app = App::start().await?;
    let (ann, bob) = (app.person(1).await?, app.person(2).await?);
    // 1 and 2 are the roots, and 3 joins them. 4 and 5 come from 3, 5 also from 1, and 6 from 5. 7 stands
    // alone.
    for (title, parents) in [
        ("Root", &[][..]),
        ("Seed", &[]),
        ("Trunk", &[1, 2]),
        ("Branch", &[3]),
        ("Bough", &[1, 3]),
        ("Leaf", &[5]),
        ("Stone", &[]),
    ] {
        publish(&app, &ann, "CODE", title, "", parents).await?;
    }
    let lineage = |id: u64| {
        let app = &app;
        async move { Ok::<_, anyhow::Error>(app.get(&format!("/v1/assets/{id}/lineage")).await?.expect(200)) }
    };
    let nodes = |lineage: &Value| -> Vec<(String, i64)> {
        let nodes = lineage["nodes"].as_array().cloned().unwrap_or_default();
        nodes
            .iter()
            .map(|node| (node["title"].as_str().unwrap_or_default().to_owned(), node["depth"].as_i64().unwrap_or(99)))
            .collect()
    };
    let named = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
        pairs.iter().map(|(name, depth)| (name.to_string(), *depth)).collect()
    };
    let trunk = lineage(3).await?;
    assert_eq!(
        nodes(&trunk),
        named(&[("Trunk", 0), ("Root", -1), ("Seed", -1), ("Branch", 1), ("Bough", 1), ("Leaf", 2)])
    );
    let edges: Vec<(&str, &str)> = trunk["edges"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|edge| Some((edge["from"].as_str()?, edge["to"].as_str()?)))
        .collect();
    assert_eq!(edges, [("3", "1"), ("3", "2"), ("4", "3"), ("5", "1"), ("5", "3"), ("6", "5")]);
    assert_eq!(trunk["complete"], true);
    // Only ancestors and descendants are shown, and not siblings. The longest path counts.
    assert_eq!(
        nodes(&lineage(6).await?),
        named(&[("Leaf", 0), ("Bough", -1), ("Trunk", -2), ("Root", -3), ("Seed", -3)])
    );
    assert_eq!(nodes(&lineage(7).await?), named(&[("Stone", 0)]));

    let detail = app.get("/v1/assets/5").await?.expect(200);
    assert_eq!(detail["parents"], json!(["1", "3"]));
    assert_eq!(detail["shares"], json!([{"account": ann.address().to_checksum(None), "bps": 10_000}]));
    assert_eq!((&detail["title"], &detail["owner"]), (&json!("Bough"), &json!(ann.address().to_checksum(None))));
    assert_eq!(detail["caip19"], format!("eip155:31337/erc721:{}/5", app.market.deployment.asset_registry));
    // What another account says about the same content is not shown.
    let (_, content_hash) = app.describe(&bob, "CODE", "Stolen", "").await?;
    let asset = app.register(ann.address(), Work { content_hash, ..Work::new() }).await?;
    assert_eq!(app.get(&format!("/v1/assets/{asset}")).await?.expect(200)["title"], format!("Asset {asset}"));

    for id in ["0", "-1", "99", "one", "1.5", "0x1", "9223372036854775808", "%00", "%20"] {
        for part in ["", "/lineage", "/history", "/contributors"] {
            app.get(&format!("/v1/assets/{id}{part}")).await?.problem(404, "not_found").says("There is no asset");
        }
    }
    Ok(())
}

/// The changes by a new registration are seen at once, whether or not memory has them yet.
#[tokio::test(flavor = "multi_thread")]
async fn lineage_is_the_same_from_memory() -> Result<()> {
    let app = App::start().await?;
    let ann = app.person(1).await?;
    for (title, parents) in [("Root", &[][..]), ("Trunk", &[1]), ("Leaf", &[1, 2]), ("Stone", &[])] {
        publish(&app, &ann, "CODE", title, "", parents).await?;
    }
    let all = async |count: u64| -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for id in 1..=count {
            all.push(app.get(&format!("/v1/assets/{id}/lineage")).await?.expect(200));
        }
        Ok(all)
    };
    let asked = all(4).await?;
    let held = app.state.lineage.fresh().await?;
    assert_eq!((held.value.graph.works(), held.value.graph.edges()), (4, 3));
    assert_eq!(all(4).await?, asked);

    publish(&app, &ann, "CODE", "Twig", "", &[3]).await?;
    assert_eq!(held.value.graph.works(), 4);
    let with_twig = all(5).await?;
    let depths = |lineage: &Value| -> Vec<(String, i64)> {
        let nodes = lineage["nodes"].as_array().into_iter().flatten();
        nodes.filter_map(|node| Some((node["title"].as_str()?.to_owned(), node["depth"].as_i64()?))).collect()
    };
    let named =
        |pairs: &[(&str, i64)]| pairs.iter().map(|(name, depth)| (name.to_string(), *depth)).collect::<Vec<_>>();
    assert_eq!(depths(&with_twig[0]), named(&[("Root", 0), ("Trunk", 1), ("Leaf", 2), ("Twig", 3)]));
    assert_eq!(depths(&with_twig[4]), named(&[("Twig", 0), ("Leaf", -1), ("Trunk", -2), ("Root", -3)]));
    assert_eq!(app.state.lineage.fresh().await?.value.graph.works(), 5);
    assert_eq!(all(5).await?, with_twig);
    app.get("/v1/assets/6/lineage").await?.problem(404, "not_found").says("There is no asset");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_everything_newest_first() -> Result<()> {
    let app = App::start().await?;
    let (owner, buyer, heir) = (testkit::signer(1), testkit::account(2), testkit::account(3));
    let registry = app.market.deployment.asset_registry;
    let asset = app.register(owner.address(), Work::new()).await?;
    app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    let id = U256::from(asset);
    app.call(owner.address(), registry, AssetRegistry::lowerRoyaltyCall { assetId: id, royaltyBps: 400 }).await?;
    let cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
    app.call(owner.address(), registry, AssetRegistry::updateCidCall { assetId: id, cid: cid.into() }).await?;
    let order = sale(owner.address(), asset);
    app.stored_offer(&order, &owner).await?;
    app.fill(&order, &app.sign(&order, &owner)?.as_bytes(), buyer).await?;
    app.transfer(buyer, heir, asset).await?;
    let fund = Payouts::fundCall {
        assetId: id,
        token: alloy::primitives::Address::ZERO,
        amount: U256::from(77),
        reason: Default::default(),
    };
    app.transact(heir, TxKind::Call(app.market.deployment.payouts), U256::from(77), fund.abi_encode()).await?;
    app.mirror().await?;

    let path = format!("/v1/assets/{asset}/history");
    let all = app.pages(&path, 200).await?;
    // The sale is one transaction with the transfer and the sale itself, which includes the royalty.
    let expected = ["income", "transferred", "sold", "transferred", "cid_updated", "royalty_lowered", "registered"];
    assert_eq!(texts(&all, "event"), expected);
    for limit in [1, 3] {
        assert_eq!(app.pages(&path, limit).await?, all);
    }
    let places: Vec<(i64, i64)> =
        all.iter().filter_map(|entry| Some((entry["blockNumber"].as_i64()?, entry["logIndex"].as_i64()?))).collect();
    assert!(places.windows(2).all(|pair| pair[0] > pair[1]), "{places:?}");
    let shown = |account: alloy::primitives::Address| account.to_checksum(None);
    let details = |place: usize| &all[place]["details"];
    assert_eq!((&details(0)["amount"], &details(0)["payer"]), (&json!("77"), &json!(shown(heir))));
    assert_eq!((&details(1)["from"], &details(1)["to"]), (&json!(shown(buyer)), &json!(shown(heir))));
    assert_eq!((&details(2)["seller"], &details(2)["buyer"]), (&json!(shown(owner.address())), &json!(shown(buyer))));
    let split = ["price", "fee", "royalty", "net"].map(|part| details(2)[part].as_str().unwrap_or_default());
    assert_eq!(split, ["10000", "200", "400", "9400"]);
    assert_eq!(details(4)["cid"], cid);
    assert_eq!(details(5)["royaltyBps"], 400);
    assert_eq!(details(6)["royaltyBps"], 500);
    assert_eq!((&all[0]["finality"], &all[6]["finality"]), (&json!("latest"), &json!("finalized")));

    let detail = app.get(&format!("/v1/assets/{asset}")).await?.expect(200);
    assert_eq!((&detail["owner"], &detail["epoch"]), (&json!(heir.to_checksum(None)), &json!(2)));
    assert_eq!((&detail["cid"], &detail["royaltyBps"]), (&json!(cid), &json!(400)));
    assert_eq!(detail["income"][0]["received"], "477");
    app.get(&format!("{path}?limit=0")).await?.problem(422, "invalid").field("limit", "is between 1 and 200");
    app.get(&format!("{path}?cursor=x")).await?.problem(422, "invalid").field("cursor", "is not one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn contributors_have_their_parts_and_no_more() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (work, content_hash) = app.describe(&owner, "CODE", "Library", "").await?;
    let asset = app.register(owner.address(), Work { content_hash, ..Work::new() }).await?;
    let path = format!("/v1/assets/{asset}/contributors");
    assert!(app.pages(&path, 50).await?.is_empty());

    // A million cannot be divided into three equal parts. Two more people contributed twice, one of them
    // at no cost.
    let mut items = Vec::new();
    for (account, cost, coherence) in
        [(2, "1", "0.5"), (3, "1", "0.5"), (4, "1", "0.5"), (5, "0.5", "0.5"), (5, "0.25", "1"), (6, "0", "1")]
    {
        items.push(json!({
            "contributor": testkit::account(account), "kind": "MANUAL_LABOR", "cost": cost, "coherence": coherence,
            "reference": items.len().to_string(), "name": format!("Person {account}"),
        }));
    }
    let body = json!({"workId": work, "items": items});
    app.by(&owner, Method::POST, "/v1/contributions", Some(body)).await?.expect(201);

    let all = app.pages(&path, 50).await?;
    let shares: Vec<i64> = all.iter().filter_map(|one| one["sharePpm"].as_i64()).collect();
    assert_eq!(shares, [258_064, 258_064, 258_064, 225_806, 0]);
    assert!(shares.iter().sum::<i64>() <= 1_000_000);
    let mut names = texts(&all, "name");
    names[..3].sort_unstable();
    assert_eq!(names, ["Person 2", "Person 3", "Person 4", "Person 5", "Person 6"]);
    assert_eq!(texts(&all, "cost"), ["1", "1", "1", "0.75", "0"]);
    assert_eq!(all[3]["contributions"], 2);
    assert_eq!(all[4]["address"], testkit::account(6).to_checksum(None));
    for limit in [1, 2, 5] {
        assert_eq!(app.pages(&path, limit).await?, all);
    }
    Ok(())
}

/// There is advice once the agent looked at a work, with amounts in wei and everything from which it was
/// made.
#[tokio::test(flavor = "multi_thread")]
async fn advice_tells_a_price_its_ranges_and_its_reasons() -> Result<()> {
    let app = App::start().await?;
    let ann = app.person(1).await?;
    publish(&app, &ann, "MUSIC", "Song", "", &[]).await?;
    assert_eq!(app.get("/v1/assets/1/advice").await?.expect(200), json!({}));
    app.get("/v1/assets/2/advice").await?.problem(404, "not_found");

    let id = pricing::advise_on(&app.state.pool, ChainId(31337), &mut Memory::default(), 1).await?;
    let price = app.get("/v1/assets/1/advice").await?.expect(200)["price"].take();
    // The rules give 0.8 x 0.9 coins, with ranges of a factor of 3 and 5.
    assert_eq!(price["fair"], "720000000000000000");
    assert_eq!(price["range80"], json!({ "low": "240000000000000000", "high": "2160000000000000000" }));
    assert_eq!(price["range90"], json!({ "low": "144000000000000000", "high": "3600000000000000000" }));
    assert!(price["abstains"].as_str().unwrap_or_default().contains("too few sales"), "{price}");
    assert!(price["rules"].as_array().into_iter().flatten().any(|rule| rule["call"] == "(base Digital)"), "{price}");
    assert_eq!(price["provenance"]["id"], id.unwrap_or_default().to_string());
    assert_eq!(price["provenance"].get("model"), None);
    Ok(())
}
