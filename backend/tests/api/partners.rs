//! Partners for works and accounts, as the API gives them.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{App, Person},
    contributions::{item, record},
};

/// Records accounts' contributions to a work, by the work's owner.
async fn contribute(app: &App, owner: &Person, work: &str, who: &[(u32, &str)]) -> Result<()> {
    for (account, cost) in who {
        let mut part = item(testkit::account(*account), &format!("part of {account}"));
        part["cost"] = json!(cost);
        record(app, owner, work, &[part]).await?.expect(201);
    }
    Ok(())
}

fn accounts(partners: &Value) -> Vec<String> {
    let partners = partners["partners"].as_array().into_iter().flatten();
    partners.map(|partner| partner["account"].as_str().unwrap_or_default().to_owned()).collect()
}

fn address(account: u32) -> String {
    testkit::account(account).to_checksum(None)
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_of_a_work_come_with_reasons_and_a_whole_split() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (code, _) = app.describe(&owner, "CODE", "Library", "").await?;
    let (song, _) = app.describe(&owner, "MUSIC", "Song", "").await?;
    app.get(&format!("/v1/works/{code}/partners")).await?.problem(404, "not_found").says("contributions that count");
    contribute(&app, &owner, &code, &[(1, "100"), (2, "300.5"), (3, "10")]).await?;
    contribute(&app, &owner, &song, &[(4, "10"), (3, "10")]).await?;

    // Everyone except the team is considered, but only people whose work others accepted match. One of the song's people
    // is in the team.
    let answer = app.get(&format!("/v1/works/{code}/partners?wanted=Music,%20nothing,&cost=50.25")).await?.expect(200);
    let team =
        |field: &str| answer["team"].as_array().into_iter().flatten().map(|one| one[field].clone()).collect::<Vec<_>>();
    assert_eq!(team("account"), [address(2), address(1), address(3)]);
    assert_eq!(team("cost"), ["300.5", "100", "10"]);
    assert_eq!((&answer["wanted"], &answer["cost"]), (&json!(["music", "nothing"]), &json!("50.25")));
    assert_eq!((&answer["considered"], &answer["matched"]), (&json!(1), &json!(1)));
    assert_eq!(accounts(&answer), [address(4)]);
    let partner = &answer["partners"][0];
    let split: Vec<u64> = partner["split"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    assert_eq!((split.len(), split.iter().sum::<u64>()), (4, 10_000));
    assert!(split[0] > split[1] && split[1] > split[3] && split[3] > split[2], "by cost: {split:?}");
    let reasons = partner["reasons"].as_array().cloned().unwrap_or_default();
    assert!(
        reasons[0]["says"].as_str().is_some_and(|says| says.contains("brings music; reputation 52")),
        "{reasons:?}"
    );
    assert!(reasons.iter().any(|reason| reason["says"] == "worked with the team before"), "{reasons:?}");
    let adds: f64 = reasons.iter().filter_map(|reason| reason["adds"].as_f64()).sum();
    assert!(partner["score"].as_f64().is_some_and(|score| (score - adds).abs() < 1e-9), "{partner}");
    assert!(partner["rules"][0]["place"].as_str().is_some_and(|place| place.starts_with("collaboration.metta:")));
    assert_eq!(answer.get("recorded"), None);

    // By default, the wanted skills are those that works of the same kind have and the team lacks, and the cost is the
    // median of the team.
    let usual = app.get(&format!("/v1/works/{code}/partners")).await?.expect(200);
    assert_eq!((&usual["wanted"], &usual["cost"]), (&json!([]), &json!("100")));
    let none = app.get(&format!("/v1/works/{code}/partners?wanted=piano")).await?.expect(200);
    assert_eq!((accounts(&none).len(), &none["matched"]), (0, &json!(0)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_of_an_account_share_equally_unless_costs_say_otherwise() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (code, _) = app.describe(&owner, "CODE", "Library", "").await?;
    contribute(&app, &owner, &code, &[(1, "100"), (2, "300"), (3, "10")]).await?;
    let path = format!("/v1/accounts/{}/partners", address(9));
    let answer = app.get(&path).await?.expect(200);
    // What the owner accepts from the owner counts for nothing.
    let mut expected = [address(2), address(3)];
    expected.sort();
    let mut found = accounts(&answer);
    found.sort();
    assert_eq!((found, &answer["considered"]), (expected.to_vec(), &json!(3)));
    assert_eq!(answer["partners"][0]["split"], json!([5000, 5000]));
    let one = app.get(&format!("{path}?count=1&wanted=code")).await?.expect(200);
    assert_eq!(accounts(&one).len(), 1);

    // A rejected proposal costs the proposer standing.
    let two = app.person(2).await?;
    for n in 0..3 {
        record(&app, &two, &code, &[item(two.address(), &format!("spam {n}"))]).await?.expect(201);
    }
    let proposals = app.by(&owner, Method::GET, &format!("/v1/contributions?work={code}&state=proposed"), None).await?;
    let ids: Vec<Value> =
        proposals.expect(200)["items"].as_array().into_iter().flatten().map(|one| one["id"].clone()).collect();
    let verdict = json!({"ids": ids, "decision": "reject", "reason": "spam"});
    app.by(&owner, Method::POST, "/v1/contributions/decisions", Some(verdict)).await?.expect(200);
    app.state.partners.refresh().await?;
    assert_eq!(accounts(&app.get(&path).await?.expect(200)), [address(3)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_partners_have_limits() -> Result<()> {
    let app = App::start().await?;
    let path = format!("/v1/accounts/{}/partners", address(9));
    assert_eq!(app.get(&path).await?.expect(200)["partners"], json!([]), "nobody is there");
    let many: Vec<String> = (0..21).map(|n| format!("skill{n}")).collect();
    for (query, field) in [
        ("count=0".to_owned(), "count"),
        ("count=101".into(), "count"),
        ("cost=-1".into(), "cost"),
        ("cost=1e3".into(), "cost"),
        ("cost=0.0000001".into(), "cost"),
        (format!("wanted={}", many.join(",")), "wanted"),
        (format!("wanted={}", "x".repeat(61)), "wanted"),
    ] {
        app.get(&format!("{path}?{query}")).await?.problem(422, "invalid").field(field, "");
    }
    app.get("/v1/accounts/0x12/partners").await?.problem(422, "invalid").field("address", "20 bytes");
    app.get("/v1/works/none/partners").await?.problem(404, "not_found");
    Ok(())
}
