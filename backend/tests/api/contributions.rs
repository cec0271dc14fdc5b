//! Contributions: the work's owner records all of a request or nothing, and each contribution once.

use alloy::primitives::Address;
use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, App, Person, Work};

pub fn item(contributor: Address, reference: &str) -> Value {
    json!({"contributor": contributor, "kind": "MANUAL_LABOR", "cost": "10", "reference": reference})
}

pub async fn record(app: &App, person: &Person, work: &str, items: &[Value]) -> Result<Answer> {
    let body = json!({"workId": work, "items": items});
    app.by(person, Method::POST, "/v1/contributions", Some(body)).await
}

async fn count(app: &App, filter: &str) -> Result<usize> {
    Ok(app.pages(&format!("/v1/contributions?{filter}"), 200).await?.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn contributions_are_recorded_once_each_up_to_a_thousand() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (work, content_hash) = app.describe(&owner, "CODE", "Library", "").await?;
    let ada = testkit::account(5);

    let mut thousand: Vec<Value> = (0..1000).map(|n| item(ada, &format!("hour {n}"))).collect();
    assert_eq!(record(&app, &owner, &work, &thousand).await?.expect(201)["recorded"], 1000);
    thousand.push(item(ada, "one more"));
    for items in [&thousand[..], &[]] {
        record(&app, &owner, &work, items).await?.problem(422, "invalid").field("items", "holds 1 to 1000");
    }
    assert_eq!(record(&app, &owner, &work, &thousand[999..]).await?.expect(201)["recorded"], 1, "one is known");
    assert_eq!(record(&app, &owner, &work, &thousand[999..]).await?.expect(201)["recorded"], 0, "all are known");
    // A reference is unique per contributor and work, so others may use it too.
    let (other_work, _) = app.describe(&owner, "CODE", "Program", "").await?;
    assert_eq!(record(&app, &owner, &work, &[item(testkit::account(6), "hour 0")]).await?.expect(201)["recorded"], 1);
    assert_eq!(record(&app, &owner, &other_work, &[item(ada, "hour 0")]).await?.expect(201)["recorded"], 1);
    // What is sent twice in one request is recorded once.
    let twice = [item(ada, "race"), item(testkit::account(7), "race")];
    let answers = futures::future::try_join_all((0..6).map(|_| record(&app, &owner, &other_work, &twice))).await?;
    assert_eq!(answers.iter().filter_map(|answer| answer.expect(201)["recorded"].as_i64()).sum::<i64>(), 2);
    assert_eq!(app.count("contributions").await?, 1005);

    let all = app.pages(&format!("/v1/contributions?work={work}"), 200).await?;
    assert_eq!(all.len(), 1002);
    let ids: Vec<i64> = all.iter().map(|one| one["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(0)).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "the last recorded first");
    let contributor = all[1]["contributorId"].as_str().context("no contributor")?;
    assert_eq!(count(&app, &format!("contributor={contributor}")).await?, 1003);
    assert_eq!(count(&app, &format!("contributor={contributor}&work={other_work}")).await?, 2);
    let asset = app.register(owner.address(), Work { content_hash, ..Work::new() }).await?;
    assert_eq!(count(&app, &format!("asset={asset}")).await?, 1002);
    assert_eq!(count(&app, "asset=-1").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_contribution_is_named_and_nothing_is_stored() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (work, _) = app.describe(&owner, "CODE", "Library", "").await?;
    let ada = testkit::account(5);
    let good = item(ada, "first");
    let with = |field: &str, value: Value| {
        let mut item = item(ada, "second");
        item[field] = value;
        item
    };
    let mistyped = ada.to_checksum(None).replace('D', "d");
    let cases = [
        (with("contributor", json!("ada")), "contributor is not an address"),
        (with("contributor", json!("0x1234")), "contributor is not an address"),
        (with("contributor", json!("")), "contributor is not an address"),
        (with("contributor", json!(mistyped)), "contributor has a wrong checksum (EIP-55)"),
        (with("kind", json!("WORK")), "kind is one of PROJECT_INCEPTION, MANUAL_LABOR, TOOL_EXECUTION"),
        (with("kind", json!("manual_labor")), "kind is one of"),
        (with("cost", json!("")), "cost is a decimal from 0 to 1000000000"),
        (with("cost", json!("-1")), "cost is a decimal"),
        (with("cost", json!("1e3")), "cost is a decimal"),
        (with("cost", json!("1_000")), "cost is a decimal"),
        (with("cost", json!("+1")), "cost is a decimal"),
        (with("cost", json!(".")), "cost is a decimal"),
        (with("cost", json!("NaN")), "cost is a decimal"),
        (with("cost", json!("0.0000001")), "cost is a decimal"),
        (with("cost", json!("1000000000.000001")), "cost is a decimal from 0 to 1000000000"),
        (with("cost", json!("9".repeat(400))), "cost is a decimal"),
        (with("coherence", json!("1.000001")), "coherence is a decimal from 0 to 1"),
        (with("coherence", json!("-0.1")), "coherence is a decimal from 0 to 1"),
        (with("coherence", json!("high")), "coherence is a decimal from 0 to 1"),
        (with("reference", json!("")), "reference has 1 to 200 characters"),
        (with("reference", json!("é".repeat(201))), "reference has 1 to 200 characters"),
        (with("name", json!("é".repeat(201))), "name has 1 to 200 characters"),
        (with("summary", json!("é".repeat(1001))), "summary has 0 to 1000 characters"),
        (with("evidence", json!(format!("https://{}", "é".repeat(493)))), "evidence has 1 to 500 characters"),
        (with("occurredAt", json!("+200000-01-01T00:00:00Z")), "occurredAt is a time in the past"),
        (with("occurredAt", json!("-0044-03-15T00:00:00Z")), "occurredAt is a time in the past"),
        (with("occurredAt", json!("2999-01-01T00:00:00Z")), "occurredAt is a time in the past"),
        (good.clone(), "the same contributor and reference twice"),
    ];
    for (bad, message) in cases {
        let answer = record(&app, &owner, &work, &[good.clone(), bad]).await?;
        answer.problem(422, "invalid").field("items", &format!("item 1: {message}"));
    }
    let malformed = [
        (with("occurredAt", json!("yesterday")), "items[1].occurredAt"),
        (with("cost", json!(10)), "items[1].cost"),
        (with("weight", json!("10")), "unknown field `weight`"),
        (with("summary", json!("a\0b")), "NUL"),
        (with("name", json!("\0")), "NUL"),
        (with("reference", json!("\0")), "NUL"),
    ];
    for (bad, message) in malformed {
        record(&app, &owner, &work, &[good.clone(), bad]).await?.problem(422, "invalid").says(message);
    }
    for id in ["999", "-1", "x", "9".repeat(30).as_str()] {
        let answer = record(&app, &owner, id, std::slice::from_ref(&good)).await?;
        answer.problem(404, "not_found").says(&format!("work {id}"));
    }
    app.post("/v1/contributions", &json!({"workId": work, "items": [good]})).await?.problem(401, "sign_in");
    assert_eq!(app.count("contributions").await?, 0);
    assert_eq!(app.count("contributors").await?, 0);

    // Texts at the limits are accepted, in characters of any language.
    let longest = json!({
        "contributor": ada, "name": "海".repeat(200), "kind": "ASSET_COMPOSITION", "cost": "1000000000", "coherence": "1",
        "reference": "é".repeat(200), "summary": "é".repeat(1000),
        "evidence": format!("https://{}", "é".repeat(492)),
        "occurredAt": "0001-01-01T00:00:00Z",
    });
    record(&app, &owner, &work, std::slice::from_ref(&longest)).await?.expect(201);
    let stored = app.get("/v1/contributions").await?.expect(200)["items"][0].clone();
    assert_eq!(stored["contributor"], longest["name"]);
    for field in ["kind", "cost", "coherence", "reference", "summary", "evidence", "occurredAt"] {
        assert_eq!(stored[field], longest[field], "{field}");
    }
    assert_eq!(stored["address"], ada.to_checksum(None), "an account is paid at its own address");
    assert_eq!((&stored["confidence"], &stored["evidenceKind"]), (&json!("0.4"), &json!("submitted")));
    assert_eq!((&stored["state"], &stored["revision"]), (&json!("accepted"), &json!(0)));
    assert_eq!(stored["weight"], "1500000000000000000000", "cost x (0.5 + coherence) in units of 1e-12");
    Ok(())
}
