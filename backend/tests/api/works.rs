//! Works as their owners describe them.

use anyhow::{Context, Result};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::app::{App, Person, Work, random_hash};

#[tokio::test(flavor = "multi_thread")]
async fn a_work_is_described_by_whoever_uploaded_it_and_once() -> Result<()> {
    let app = App::start().await?;
    let (author, other) = (app.person(1).await?, app.person(2).await?);
    let upload = app.upload(&author, "a poem").await?;
    let hash = upload["contentHash"].clone();
    let work = |person, title: &str| {
        let body = json!({"kind": "TEXT", "title": title, "description": " Four lines. ", "contentHash": hash});
        app.by(person, Method::POST, "/v1/works", Some(body))
    };

    let anonymous = app.post("/v1/works", &json!({})).await?;
    anonymous.problem(401, "sign_in").says("Sign in first");
    let not_theirs = work(&other, "Mine").await?;
    not_theirs.problem(422, "invalid").field("contentHash", "POST /v1/uploads first");

    let made = work(&author, " Ode ").await?.expect(201);
    assert_eq!((&made["title"], &made["description"]), (&json!("Ode"), &json!("Four lines.")));
    assert_eq!((&made["contentHash"], &made["cid"]), (&hash, &upload["cid"]));
    work(&author, "Another title").await?.problem(409, "duplicate_work").says("recorded this work before");
    assert_eq!(app.count("works").await?, 1);

    // The same content described by another account is another work, until somebody registers it.
    app.upload(&other, "a poem").await?;
    work(&other, "Ode").await?.expect(201);
    let third = app.person(3).await?;
    app.upload(&third, "a poem").await?;
    let content_hash = hash.as_str().context("no hash")?.parse()?;
    let asset = app.register(other.address(), Work { content_hash, kind: "TEXT", ..Work::new() }).await?;
    for person in [&third, &author] {
        let answer = work(person, "Ode").await?;
        let problem = answer.problem(409, "duplicate_content");
        problem.says(&format!("as asset {asset}"));
        assert_eq!(problem.0["assetId"], asset.to_string());
    }
    assert_eq!(app.count("works").await?, 2);

    // It became the asset of the account that registered it, and of nobody else.
    let of_other = list(&app, &other, "").await?;
    assert_eq!(of_other["items"][0]["assetId"], asset.to_string());
    assert!(list(&app, &author, "").await?["items"][0].get("assetId").is_none());
    assert_eq!(app.get(&format!("/v1/assets/{asset}")).await?.expect(200)["workId"], of_other["items"][0]["id"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_work_is_named_and_nothing_is_stored() -> Result<()> {
    let app = App::start().await?;
    let author = app.person(1).await?;
    let hash = app.upload(&author, "a picture").await?["contentHash"].clone();
    let good = json!({"kind": "IMAGE", "title": "Sea", "description": "", "contentHash": hash});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let cases = [
        (with("kind", json!("FILM")), "kind", "`FILM` is not a kind of asset"),
        (with("kind", json!("image")), "kind", "`image` is not a kind of asset"),
        (with("title", json!("")), "title", "has 1 to 200 characters"),
        (with("title", json!(" \n\t")), "title", "has 1 to 200 characters"),
        (with("title", json!("é".repeat(201))), "title", "has 1 to 200 characters"),
        (with("description", json!("é".repeat(5001))), "description", "has at most 5000 characters"),
        (with("contentHash", json!("0x12")), "contentHash", "is not 32 bytes"),
        (with("contentHash", json!("")), "contentHash", "is not 32 bytes"),
        (with("contentHash", json!(random_hash())), "contentHash", "is not of an upload of yours"),
    ];
    for (body, field, message) in cases {
        let answer = app.by(&author, Method::POST, "/v1/works", Some(body)).await?;
        answer.problem(422, "invalid").field(field, message);
    }
    let malformed = [
        (with("title", json!(7)), "title"),
        (with("title", Value::Null), "title"),
        (with("price", json!("1")), "unknown field `price`"),
        (json!({"kind": "IMAGE", "title": "Sea"}), "missing field `contentHash`"),
        (with("title", json!("a\0b")), "NUL"),
        (with("description", json!("\0")), "NUL"),
    ];
    for (body, message) in malformed {
        let answer = app.by(&author, Method::POST, "/v1/works", Some(body)).await?;
        answer.problem(422, "invalid").says(message);
    }
    let send = |body: String, kind: &str| {
        let request = app.request(Method::POST, "/v1/works").header(header::COOKIE, &author.cookie);
        app.send(request.header(header::CONTENT_TYPE, kind).body(body))
    };
    send("{".into(), "application/json").await?.problem(422, "invalid").says("EOF");
    send(good.to_string(), "text/plain").await?.problem(415, "media_type");
    let large = with("description", json!("x".repeat(1 << 20))).to_string();
    send(large, "application/json").await?.problem(413, "too_large").says("1 MiB");
    assert_eq!(app.count("works").await?, 0);
    assert_eq!(app.count("work_versions").await?, 0);

    // Texts at the limits are accepted, in characters of any language.
    let longest =
        json!({"kind": "IMAGE", "title": "é".repeat(200), "description": "海".repeat(5000), "contentHash": hash});
    let made = app.by(&author, Method::POST, "/v1/works", Some(longest.clone())).await?.expect(201);
    assert_eq!((&made["title"], &made["description"]), (&longest["title"], &longest["description"]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn own_works_come_page_by_page() -> Result<()> {
    let app = App::start().await?;
    let (author, other) = (app.person(1).await?, app.person(2).await?);
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(app.describe(&author, "CODE", &format!("Work {number}"), "").await?.0);
    }
    ids.reverse();
    app.describe(&other, "CODE", "Not mine", "").await?;
    app.get("/v1/works").await?.problem(401, "sign_in");

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(&app, &author, &format!("?limit=2{cursor}")).await?;
        seen.extend(
            page["items"].as_array().into_iter().flatten().filter_map(|work| Some(work["id"].as_str()?.to_owned())),
        );
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids);
    Ok(())
}

async fn list(app: &App, person: &Person, query: &str) -> Result<Value> {
    Ok(app.by(person, Method::GET, &format!("/v1/works{query}"), None).await?.expect(200))
}
