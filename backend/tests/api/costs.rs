//! Costs by the rules, from prices that are kept as data, and their evidence.

use anyhow::{Context, Result};
use domain::cost::Basis;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{App, Person},
    contributions::{item, record},
};

const CID: &str = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";

/// Returns an item that gives its cost in another way.
fn costing(reference: &str, given: Value) -> Value {
    let mut item = item(testkit::account(5), reference);
    item["cost"] = Value::Null;
    for (field, value) in given.as_object().into_iter().flatten() {
        item[field] = value.clone();
    }
    item
}

async fn newest(app: &App) -> Result<Value> {
    Ok(app.get("/v1/contributions?limit=1").await?.expect(200)["items"][0].clone())
}

async fn start() -> Result<(App, Person, String)> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (work, _) = app.describe(&owner, "CODE", "Library", "").await?;
    Ok((app, owner, work))
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_follow_from_rules_and_can_be_computed_again() -> Result<()> {
    let (app, owner, work) = start().await?;
    let tokens = |tool: &str| json!({"tool": tool, "inputTokens": 1000, "outputTokens": 500});
    let cases = [
        (json!({"labour": {"hours": "7.5", "rate": "80"}}), "600", None),
        (json!({"tool": tokens("claude-sonnet-4")}), "0.0105", Some("tool:claude-sonnet-4@1")),
        (json!({"compute": {"device": "power-140w", "hours": "2"}}), "0.042", Some("compute:power-140w@1")),
        (json!({"compute": {"device": "hardware-7199", "hours": "2"}}), "1.4398", Some("compute:hardware-7199@1")),
        (json!({"compute": {"device": "workstation", "hours": "2"}}), "1.4818", Some("compute:workstation@1")),
        // The prices of that time count.
        (json!({"tool": tokens("gpt-4o"), "occurredAt": "2024-10-01T23:59:59Z"}), "0.0125", Some("tool:gpt-4o@1")),
        (json!({"tool": tokens("gpt-4o"), "occurredAt": "2024-10-02T00:00:00Z"}), "0.0075", Some("tool:gpt-4o@2")),
        (
            json!({"tool": {"tool": "gpt-4o-mini", "inputTokens": 3, "outputTokens": 0}}),
            "0",
            Some("tool:gpt-4o-mini@1"),
        ),
        (
            json!({"tool": {"tool": "gpt-4o-mini", "inputTokens": 10, "outputTokens": 0}}),
            "0.000002",
            Some("tool:gpt-4o-mini@1"),
        ),
    ];
    for (place, (given, cost, profile)) in cases.into_iter().enumerate() {
        let item = costing(&format!("case {place}"), given.clone());
        assert_eq!(record(&app, &owner, &work, &[item]).await?.expect(201)["recorded"], 1, "{given}");
        let stored = newest(&app).await?;
        assert_eq!(stored["cost"], cost, "{given}");
        assert_eq!(stored["basis"]["profile"].as_str(), profile, "{stored}");
        let basis: Basis = serde_json::from_value(stored["basis"].clone())?;
        assert_eq!(basis.cost()?.to_string(), cost, "computed again from {basis:?}");
    }
    // The ledger also has the rule, the inputs and the prices.
    let told: Vec<String> =
        sqlx::query_scalar("SELECT events FROM ledger.pending ORDER BY id").fetch_all(&app.market.pool).await?;
    let told: Vec<Value> = told.iter().map(|events| serde_json::from_str(events)).collect::<Result<_, _>>()?;
    let body = told.iter().map(|events| &events[0]["body"]).find(|body| body["basis"]["profile"] == "tool:gpt-4o@2");
    let body = body.context("no event")?;
    assert_eq!((&body["basis"]["inputRate"], &body["cost"]), (&json!("0.0000025"), &json!("0.0075")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_listed_and_never_change() -> Result<()> {
    let app = App::start().await?;
    let all = app.pages("/v1/price-profiles", 2).await?;
    assert!(all.len() >= 9);
    let known = all.iter().find(|one| one["id"] == "compute:workstation@1").context("no workstation")?;
    assert_eq!(
        [&known["kilowatts"], &known["pricePerKwh"], &known["hardwarePrice"], &known["lifetimeHours"]],
        [&json!("0.14"), &json!("0.15"), &json!("7199"), &json!("10000")]
    );
    assert!(known.get("inputRate").is_none());
    let versions = app.pages("/v1/price-profiles?kind=tool&name=gpt-4o", 50).await?;
    assert_eq!(versions.iter().map(|one| &one["version"]).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((&versions[0]["inputRate"], &versions[0]["outputRate"]), (&json!("0.0000025"), &json!("0.00001")));
    assert!(app.pages("/v1/price-profiles?kind=compute&name=gpt-4o", 50).await?.is_empty());
    for change in ["UPDATE price_profiles SET input_rate = 0 WHERE name = 'gpt-4o'", "DELETE FROM price_profiles"] {
        let refused = sqlx::query(change).execute(&app.market.pool).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("are facts")), "{change}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cost_rests_on_decides_its_confidence() -> Result<()> {
    let (app, owner, work) = start().await?;
    let hash = format!("0x{}", "ab".repeat(32));
    let cases = [
        (json!({"cost": "1"}), "declared", "0.25"),
        (json!({"labour": {"hours": "1", "rate": "1"}}), "declared", "0.25"),
        (json!({"cost": "1", "evidence": "https://example.org/notes"}), "submitted", "0.4"),
        (json!({"cost": "1", "evidence": CID}), "submitted", "0.4"),
        (json!({"cost": "1", "evidence": CID, "evidenceKind": "invoice"}), "invoice", "1"),
        (json!({"cost": "1", "evidence": CID, "evidenceKind": "receipt"}), "receipt", "1"),
        (json!({"cost": "1", "evidence": hash}), "transaction", "1"),
        (json!({"cost": "1", "evidence": hash, "evidenceKind": "transaction"}), "transaction", "1"),
    ];
    for (place, (given, kind, confidence)) in cases.into_iter().enumerate() {
        let item = costing(&format!("case {place}"), given.clone());
        record(&app, &owner, &work, &[item]).await?.expect(201);
        let stored = newest(&app).await?;
        assert_eq!((&stored["evidenceKind"], &stored["confidence"]), (&json!(kind), &json!(confidence)), "{given}");
    }

    let tool = |name: &str| json!({"tool": name, "inputTokens": 1, "outputTokens": 1});
    let wrong = [
        (json!({}), "one of cost, labour, tool and compute says"),
        (json!({"cost": "1", "labour": {"hours": "1", "rate": "1"}}), "only one of cost, labour, tool and compute"),
        (json!({"tool": tool("gpt-4o"), "compute": {"device": "workstation", "hours": "1"}}), "only one of"),
        (json!({"labour": {"hours": "-1", "rate": "1"}}), "hours is a decimal from 0"),
        (json!({"labour": {"hours": "1", "rate": "1e3"}}), "rate is a decimal from 0"),
        (json!({"labour": {"hours": "1000000", "rate": "1000000000"}}), "more than 1000000000"),
        (json!({"tool": tool(&"x".repeat(101))}), "tool has 1 to 100 characters"),
        (json!({"tool": tool("abacus")}), "no price profile tool:abacus"),
        (json!({"tool": tool("workstation")}), "no price profile tool:workstation"),
        (json!({"tool": tool("gpt-4o"), "occurredAt": "2024-05-12T00:00:00Z"}), "for that time"),
        (
            json!({"tool": {"tool": "gpt-4o", "inputTokens": 1_000_000_000_001_u64, "outputTokens": 0}}),
            "at most 1000000000000",
        ),
        (json!({"compute": {"device": "gpt-4o", "hours": "1"}}), "no price profile compute:gpt-4o"),
        (json!({"compute": {"device": "workstation", "hours": "x"}}), "hours is a decimal"),
        (json!({"cost": "1", "evidence": ""}), "evidence has 1 to 500"),
        (json!({"cost": "1", "evidence": "by phone"}), "evidence is a CID"),
        (json!({"cost": "1", "evidence": "http://example.org"}), "evidence is a CID"),
        (json!({"cost": "1", "evidence": "https://exa mple.org"}), "evidence is a CID"),
        (json!({"cost": "1", "evidence": "https://"}), "evidence is a CID"),
        (json!({"cost": "1", "evidence": format!("{CID}x")}), "evidence is a CID"),
        (json!({"cost": "1", "evidence": "0xab"}), "evidence is a CID"),
        (json!({"cost": "1", "evidenceKind": "invoice"}), "evidenceKind goes with evidence"),
        (json!({"cost": "1", "evidence": CID, "evidenceKind": "files_and_lines"}), "evidenceKind of a CID is"),
        (json!({"cost": "1", "evidence": hash, "evidenceKind": "invoice"}), "evidenceKind of a transaction"),
        (json!({"cost": "1", "evidence": "https://example.org", "evidenceKind": "invoice"}), "upload the document"),
    ];
    let before = app.count("contributions").await?;
    for (given, message) in wrong {
        let answer = record(&app, &owner, &work, &[costing("wrong", given)]).await?;
        answer.problem(422, "invalid").field("items", message);
    }
    assert_eq!(app.count("contributions").await?, before);
    app.by(&owner, Method::GET, "/v1/price-profiles?limit=0", None).await?.problem(422, "invalid");
    Ok(())
}
