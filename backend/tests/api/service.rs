//! What the service says about itself, and what it says when something behind it is not available.

use std::{sync::Arc, time::Duration};

use alloy::providers::{Provider, ProviderBuilder};
use anyhow::{Context, Result};
use reqwest::{Method, header};
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;

use crate::{
    app::{App, SignInMessage, Work},
    offers::{body, sale},
};

/// Returns a port on which nobody listens.
async fn closed_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_it_serves_and_how_it_fares() -> Result<()> {
    let app = App::start().await?;
    app.register(testkit::account(1), Work::new()).await?;
    let live = app.get("/health/live").await?;
    live.expect(200);
    assert_eq!(live.bytes, "ok");
    let ready = json!({"ready": true, "database": true, "node": true, "mirror": true});
    assert_eq!(app.get("/health/ready").await?.expect(200), ready);

    let market = app.get("/v1/market").await?.expect(200);
    let deployment = app.market.deployment;
    assert_eq!((&market["chainId"], &market["caip2"]), (&json!(31337), &json!("eip155:31337")));
    assert_eq!(market["market"], deployment.market.to_checksum(None));
    assert_eq!(market["assetRegistry"], deployment.asset_registry.to_checksum(None));
    let head = app.market.chain.provider.get_block_number().await?;
    assert_eq!((&market["mirror"]["blockNumber"], &market["mirror"]["headNumber"]), (&json!(head), &json!(head)));

    // Requests are counted by route, and not by made-up paths.
    app.get("/v1/assets/1").await?.expect(200);
    app.get("/v1/assets/2").await?.expect(404);
    for method in ["BREW", "BREW1", "BREW2"] {
        app.send(app.request(Method::from_bytes(method.as_bytes())?, "/v1/assets")).await?.problem(405, "method");
    }
    let metrics = app.get("/metrics").await?;
    metrics.expect(200);
    let text = String::from_utf8(metrics.bytes.to_vec())?;
    for line in [r#"route="/v1/assets/{id}",method="GET",status="404""#, r#"method="other",status="405""#] {
        assert!(text.contains(line), "`{line}` is not in {text}");
    }
    assert!(!text.contains("BREW") && !text.contains("/v1/assets/1"), "{text}");

    // A mirror that halted because the chain contradicted it is not ready, and says why.
    sqlx::query("UPDATE chain.cursors SET halted = 'the chain left block 3'").execute(&app.market.pool).await?;
    assert_eq!(app.get("/health/ready").await?.expect(503)["mirror"], false);
    assert_eq!(app.get("/v1/market").await?.expect(200)["mirror"]["halted"], "the chain left block 3");
    sqlx::query("DELETE FROM chain.cursors").execute(&app.market.pool).await?;
    assert_eq!(app.get("/health/ready").await?.expect(503)["mirror"], false);
    app.get("/v1/market").await?.problem(503, "unavailable").says("has not read its first block yet");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_path_answers() -> Result<()> {
    let app = App::start().await?;
    let document = app.get("/openapi.json").await?.expect(200);
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{}", document["openapi"]);
    assert_eq!(document, serde_json::to_value(backend::openapi())?);
    let docs = app.get("/docs/").await?;
    docs.expect(200);
    assert!(docs.header(header::CONTENT_TYPE).starts_with("text/html"));

    let schemes = document["components"]["securitySchemes"].as_object().context("no security schemes")?;
    let paths = document["paths"].as_object().context("no paths")?;
    assert!(paths.len() > 20, "{}", paths.len());
    for (path, methods) in paths {
        let parts: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
        let concrete = parts.join("/");
        for (method, operation) in methods.as_object().context("no methods")? {
            let documented = operation["responses"].as_object().context("no responses")?;
            assert!(operation["description"].is_string() || operation["summary"].is_string(), "{method} {path}");
            let request = app.request(method.to_uppercase().parse()?, &concrete);
            let answer = app.send(request).await?;
            let status = answer.status.as_u16();
            // Operations that need a session say so, and others do not.
            let needs_session = answer.json()["code"] == "sign_in";
            let documented_schemes: Vec<&String> = operation["security"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_object)
                .flat_map(|one| one.keys())
                .collect();
            assert_eq!(!documented_schemes.is_empty(), needs_session, "{method} {path}");
            assert!(documented_schemes.iter().all(|name| schemes.contains_key(*name)), "{method} {path}");
            assert_eq!(
                (status == 401, documented.contains_key("401") && needs_session),
                (needs_session, needs_session),
                "{method} {path}"
            );
            // A request without a body or a session may be answered with 401, 415 or 422, and with 404 when something
            // does not exist, but with no other error.
            assert!(matches!(status, 200 | 401 | 404 | 415 | 422), "{method} {path} answers {status}");
            if status == 404 {
                assert!(path.contains('{') && documented.contains_key("404"), "{method} {path} answers 404");
                assert!(!answer.problem(404, "not_found").0["detail"].to_string().contains("such path"));
            }
            if status == 200 && method == "get" && path.starts_with("/v1/") {
                assert!(documented.contains_key("200"), "{method} {path}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document() -> Result<()> {
    let app = App::start().await?;
    let pages = tempfile::tempdir()?;
    std::fs::write(pages.path().join("index.html"), "<!doctype html><title>Tributary</title>")?;
    let folder = pages.path().to_owned();
    let with_pages = app.serve(|state| Arc::make_mut(&mut state.settings).http.frontend_dir = Some(folder)).await?;
    for origin in [&app.origin, &with_pages] {
        let at = |method: Method, path: &str| app.send(app.request_at(origin, method, path));
        for path in ["/v1/nothing", "/v1/assets/1/nothing", "/v1/assets/", "/v1//assets"] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                at(method, path).await?.problem(404, "not_found").says("such path");
            }
        }
        let wrong_method = at(Method::PUT, "/v1/orders").await?;
        wrong_method.problem(405, "method").says("`Allow`");
        assert_eq!(wrong_method.header(header::ALLOW), "GET,HEAD,POST");
        at(Method::DELETE, "/v1/uploads").await?.problem(405, "method");
        at(Method::GET, "/v1/assets/%ff").await?.problem(422, "invalid");
        let answer = at(Method::GET, "/v1/assets/0").await?;
        answer.problem(404, "not_found");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY");
        assert!(answer.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'self'"));
    }
    // Two answers never share a trace id.
    let (one, two) = (app.get("/v1/x").await?.json(), app.get("/v1/x").await?.json());
    assert_ne!(one["traceId"], two["traceId"]);
    // Paths of the web pages show the web pages.
    app.get("/asset/1").await?.problem(404, "not_found");
    let page = app.send(app.request_at(&with_pages, Method::GET, "/asset/1")).await?;
    page.expect(200);
    assert!(String::from_utf8_lossy(&page.bytes).contains("<title>Tributary</title>"));
    // The server itself refuses requests with far too many headers, and keeps running.
    let mut request = app.request(Method::GET, "/v1/assets");
    for number in 0..200 {
        request = request.header(format!("x-{number}"), "x");
    }
    app.send(request).await?.expect(431);
    app.get("/v1/assets").await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_it_says_so_and_to_try_again() -> Result<()> {
    let app = App::start().await?;
    let person = app.person(1).await?;
    let closed = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none")?;
    closed.close().await;
    let address = format!("postgres://nobody@127.0.0.1:{}/none", closed_port().await?);
    let unreachable = PgPoolOptions::new().acquire_timeout(Duration::from_millis(200)).connect_lazy(&address)?;
    for pool in [closed, unreachable] {
        let origin = app.serve(|state| state.pool = pool).await?;
        let order = body(&sale(person.address(), 1), &[0; 65]);
        let requests = [
            (Method::GET, "/v1/assets", Value::Null),
            (Method::GET, "/v1/assets/1", Value::Null),
            (Method::GET, "/v1/orders", Value::Null),
            (Method::GET, "/v1/market", Value::Null),
            (Method::GET, "/v1/auth/nonce", Value::Null),
            (Method::GET, "/v1/auth/session", Value::Null),
            (Method::POST, "/v1/works", json!({})),
            (Method::POST, "/v1/uploads", json!({})),
            (Method::POST, "/v1/orders", order),
        ];
        for (method, path, body) in requests {
            let request = app.request_at(&origin, method, path).header(header::COOKIE, &person.cookie).json(&body);
            let answer = app.send(request).await?;
            answer.problem(503, "unavailable").says("The database does not answer").says("try again");
            assert_eq!(answer.header(header::RETRY_AFTER), "2", "{path}");
        }
        let ready = app.send(app.request_at(&origin, Method::GET, "/health/ready")).await?.expect(503);
        assert_eq!(ready, json!({"ready": false, "database": false, "node": true, "mirror": false}));
        app.send(app.request_at(&origin, Method::GET, "/health/live")).await?.expect(200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_node_it_stores_no_order_and_still_reads() -> Result<()> {
    let app = App::start().await?;
    let owner = testkit::signer(1);
    let asset = app.register(owner.address(), Work::new()).await?;
    app.approve(owner.address()).await?;
    let url = format!("http://127.0.0.1:{}", closed_port().await?).parse()?;
    let provider = ProviderBuilder::new().disable_recommended_fillers().connect_http(url).erased();
    let origin = app.serve(|state| state.provider = provider).await?;

    let order = sale(owner.address(), asset);
    let signature = app.sign(&order, &owner)?.as_bytes();
    // One signature is by the account's own key, and the other could only be judged by the chain.
    for signature in [signature, [0; 65]] {
        let request = app.request_at(&origin, Method::POST, "/v1/orders").json(&body(&order, &signature));
        let answer = app.send(request).await?;
        answer.problem(503, "unavailable").says("The chain's node does not answer. Nothing was changed; try again.");
        assert_eq!(answer.header(header::RETRY_AFTER), "2");
    }
    assert_eq!(app.count("orders").await?, 0);

    // Reading, and signing in with a key, do not need a node. A contract account does, and keeps its nonce.
    let get = |path: &str| app.send(app.request_at(&origin, Method::GET, path));
    assert_eq!(get("/v1/assets").await?.expect(200)["items"][0]["id"], asset.to_string());
    let ready = get("/health/ready").await?.expect(503);
    assert_eq!(ready, json!({"ready": false, "database": true, "node": false, "mirror": true}));
    let mut message = SignInMessage::new(&app, owner.address()).await?;
    message.domain = origin.trim_start_matches("http://").to_owned();
    let sign_in = |signature: Vec<u8>| {
        let body = json!({"message": message.text(), "signature": format!("0x{}", hex::encode(signature))});
        app.send(app.request_at(&origin, Method::POST, "/v1/auth/verify").json(&body))
    };
    sign_in(vec![0; 65]).await?.problem(503, "unavailable");
    let signature = alloy::signers::SignerSync::sign_message_sync(&owner, message.text().as_bytes())?;
    sign_in(signature.as_bytes().into()).await?.expect(200);
    Ok(())
}
