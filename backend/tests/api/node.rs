//! How often the node is asked, counted by a proxy in front of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
};
use anyhow::Result;
use axum::{Router, body::Bytes, routing::post};
use bindings::Order;
use reqwest::{Method, header};
use serde_json::json;

use crate::{
    app::{App, Work},
    offers::{BID, body, sale},
};

/// Serves the node's JSON-RPC on another port. Returns the URL, and the counter of HTTP requests.
async fn counted(node: String) -> Result<(String, Arc<AtomicUsize>)> {
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, http) = (asked.clone(), outbound::client().no_proxy().build()?);
    let forward = move |request: Bytes| {
        count.fetch_add(1, Ordering::SeqCst);
        let request = http.post(&node).header(header::CONTENT_TYPE, "application/json").body(request);
        async move {
            let answer = async { request.send().await?.bytes().await };
            ([(header::CONTENT_TYPE, "application/json")], answer.await.unwrap_or_default())
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route("/", post(forward));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, asked))
}

#[tokio::test(flavor = "multi_thread")]
async fn placing_an_order_asks_the_node_once() -> Result<()> {
    let app = App::start().await?;
    let (owner, bidder) = (testkit::signer(1), testkit::signer(2));
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    let token = app.token(bidder.address(), 100_000, 100_000).await?;
    // This is a contract account, which has to be asked whether it signed.
    let account = Address::repeat_byte(0x12);
    testkit::contract_account(&app.market.chain, account, owner.address()).await?;
    let others = app.register(owner.address(), Work::new()).await?;
    app.transfer(owner.address(), account, others).await?;
    app.market.chain.provider.anvil_impersonate_account(account).await?;
    app.market.chain.provider.anvil_set_balance(account, U256::from(10).pow(U256::from(18))).await?;
    app.approve(account).await?;
    app.mirror().await?;

    let (url, asked) = counted(app.market.chain.url()).await?;
    let provider = ProviderBuilder::new().disable_recommended_fillers().connect_http(url.parse()?).erased();
    let origin = app.serve(|state| state.provider = provider).await?;
    let send = |path: String, body| {
        let request = app.request_at(&origin, Method::POST, &path).json(&body);
        let (app, asked) = (&app, &asked);
        async move {
            let before = asked.load(Ordering::SeqCst);
            let answer = app.send(request).await?;
            anyhow::Ok((answer, asked.load(Ordering::SeqCst) - before))
        }
    };
    let place = |body| send("/v1/orders".to_owned(), body);

    let order = sale(owner.address(), asset);
    let signed = body(&order, &app.sign(&order, &owner)?.as_bytes());
    let (answer, times) = place(signed.clone()).await?;
    let hash = answer.expect(201)["hash"].as_str().unwrap_or_default().to_owned();
    assert_eq!(times, 1, "a sale");
    let (answer, times) = place(signed).await?;
    answer.expect(200);
    assert_eq!(times, 0, "the same again");

    let bid = Order { side: BID, currency: token, ..sale(bidder.address(), asset) };
    let (answer, times) = place(body(&bid, &app.sign(&bid, &bidder)?.as_bytes())).await?;
    answer.expect(201);
    assert_eq!(times, 1, "a bid");

    let by_contract = Order { assetEpoch: 1, ..sale(account, others) };
    let (answer, times) = place(body(&by_contract, &app.sign(&by_contract, &owner)?.as_bytes())).await?;
    answer.expect(201);
    assert_eq!(times, 1, "a sale by a contract account");

    let wrong = sale(owner.address(), asset);
    let (answer, times) = place(body(&wrong, &app.sign(&wrong, &bidder)?.as_bytes())).await?;
    answer.problem(422, "invalid").field("signature", "is not by").code("signature_invalid");
    assert_eq!(times, 1, "an order that somebody else signed");
    let (answer, times) = place(body(&Order { minNet: U256::MAX, ..order.clone() }, &[0; 65])).await?;
    answer.problem(422, "invalid").code("signature_invalid");
    assert_eq!(times, 1, "an order that nobody signed");
    let (answer, times) = place(body(&Order { endTime: 1, ..order }, &[0; 65])).await?;
    answer.problem(422, "invalid").code("ends_before_start");
    assert_eq!(times, 0, "an order that needs no chain to be refused");

    let (answer, times) = send(format!("/v1/orders/{hash}/screening"), json!({"buyer": bidder.address()})).await?;
    answer.expect(200);
    assert_eq!(times, 1, "a screening");
    Ok(())
}
