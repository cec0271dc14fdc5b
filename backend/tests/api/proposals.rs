//! Proposals, decisions and corrections: who may make them, how many, all or nothing, and once.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Answer, App, Person, Work},
    contributions::{item, record},
};

async fn decide(app: &App, person: &Person, ids: &[String], decision: &str) -> Result<Answer> {
    let body = json!({"ids": ids, "decision": decision, "reason": "because"});
    app.by(person, Method::POST, "/v1/contributions/decisions", Some(body)).await
}

async fn correct(app: &App, person: &Person, id: &str, change: Value) -> Result<Answer> {
    app.by(person, Method::POST, &format!("/v1/contributions/{id}/corrections"), Some(change)).await
}

/// Returns the contributions with a state, the first recorded first.
async fn in_state(app: &App, work: &str, state: &str) -> Result<Vec<Value>> {
    let mut all = app.pages(&format!("/v1/contributions?work={work}&state={state}"), 200).await?;
    all.reverse();
    Ok(all)
}

fn ids(contributions: &[Value]) -> Vec<String> {
    contributions.iter().filter_map(|one| Some(one["id"].as_str()?.to_owned())).collect()
}

/// Returns the ledger's events of contributions, in order: what happened, and to which.
async fn told(app: &App) -> Result<Vec<(String, String)>> {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT events FROM ledger.pending ORDER BY id").fetch_all(&app.market.pool).await?;
    let mut told = Vec::new();
    for row in rows {
        let events: Vec<Value> = serde_json::from_str(&row)?;
        told.extend(events.iter().filter_map(|event| {
            let kind = event["kind"].as_str()?.strip_prefix("contribution.")?;
            Some((kind.to_owned(), event["subject"].as_str()?.strip_prefix("contribution:")?.to_owned()))
        }));
    }
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_proposes_and_the_owner_decides() -> Result<()> {
    let app = App::start().await?;
    let (owner, ada, bob) = (app.person(1).await?, app.person(2).await?, app.person(3).await?);
    let (work, content_hash) = app.describe(&owner, "CODE", "Library", "").await?;
    let asset = app.register(owner.address(), Work { content_hash, ..Work::new() }).await?;

    let items = [item(ada.address(), "one"), item(ada.address(), "two"), item(ada.address(), "three")];
    let proposed = record(&app, &ada, &work, &items).await?.expect(201);
    assert_eq!(proposed, json!({"recorded": 3, "state": "proposed"}));
    assert_eq!(record(&app, &ada, &work, &items).await?.expect(201)["recorded"], 0, "proposed before");
    assert_eq!(record(&app, &bob, &work, &items[..1]).await?.expect(201)["recorded"], 1, "Bob's keys are his own");
    let open = in_state(&app, &work, "proposed").await?;
    let [one, two, three, bobs] = &ids(&open)[..] else { panic!("{open:?}") };
    assert_eq!(open[0]["recordedBy"], ada.address().to_checksum(None));
    let counted = async || -> Result<(usize, usize, Value)> {
        let list = app.get(&format!("/v1/assets?owner={}", owner.address())).await?.expect(200);
        let contributors = app.pages(&format!("/v1/assets/{asset}/contributors"), 50).await?.len();
        Ok((in_state(&app, &work, "accepted").await?.len(), contributors, list["items"][0]["contributors"].clone()))
    };
    assert_eq!(counted().await?, (0, 0, json!(0)), "a proposal counts for nothing");

    // Only the owner decides, and about all of them or none.
    let some = |of: &[&String]| of.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    for stranger in [&ada, &bob] {
        for decision in ["accept", "reject"] {
            decide(&app, stranger, &some(&[one]), decision).await?.problem(404, "not_found").says("work of yours");
        }
    }
    app.post("/v1/contributions/decisions", &json!({"ids": [one], "decision": "accept"}))
        .await?
        .problem(401, "sign_in");
    let mixed = decide(&app, &owner, &[one.clone(), "999999".into()], "accept").await?;
    mixed.problem(404, "not_found").says("contribution 999999 to a work of yours");
    decide(&app, &owner, &["one".into()], "accept").await?.problem(422, "invalid").field("ids", "holds ids");
    decide(&app, &owner, &vec![one.clone(); 1001], "accept").await?.problem(422, "invalid").field("ids", "1 to 1000");
    decide(&app, &owner, &[], "accept").await?.problem(422, "invalid").field("ids", "1 to 1000");
    decide(&app, &owner, &some(&[one]), "perhaps").await?.problem(422, "invalid").says("perhaps");
    let long = json!({"ids": [one], "decision": "reject", "reason": "x".repeat(501)});
    let long = app.by(&owner, Method::POST, "/v1/contributions/decisions", Some(long)).await?;
    long.problem(422, "invalid").field("reason", "at most 500");
    assert_eq!(in_state(&app, &work, "proposed").await?, open, "nothing was decided");

    assert_eq!(decide(&app, &owner, &some(&[one, two, one]), "accept").await?.expect(200)["decided"], 2);
    assert_eq!(decide(&app, &owner, &some(&[one, two]), "accept").await?.expect(200)["decided"], 0, "repeated");
    assert_eq!(decide(&app, &owner, &some(&[three, bobs]), "reject").await?.expect(200)["decided"], 2);
    assert_eq!(decide(&app, &owner, &some(&[three]), "reject").await?.expect(200)["decided"], 0, "repeated");
    for (of, decision, state) in [(one, "reject", "accepted"), (three, "accept", "rejected")] {
        let turned = decide(&app, &owner, &some(&[of]), decision).await?;
        turned.problem(409, "decided").says(&format!("{of} is {state} already"));
    }
    assert_eq!(counted().await?, (2, 1, json!(1)));
    let rejected = in_state(&app, &work, "rejected").await?;
    assert_eq!(
        (&rejected[0]["reason"], &rejected[0]["decidedBy"]),
        (&json!("because"), &json!(owner.address().to_checksum(None)))
    );

    // A rejected proposal stays rejected however often it comes. The owner may record it all the
    // same.
    assert_eq!(record(&app, &ada, &work, &items).await?.expect(201)["recorded"], 0);
    assert_eq!(in_state(&app, &work, "rejected").await?, rejected);
    let own = record(&app, &owner, &work, &items[2..]).await?.expect(201);
    assert_eq!(own, json!({"recorded": 1, "state": "accepted"}));
    let own = ids(&in_state(&app, &work, "accepted").await?)[2].clone();
    let events = told(&app).await?;
    let events: Vec<(&str, &str)> = events.iter().map(|(kind, id)| (kind.as_str(), id.as_str())).collect();
    let proposed = [one, two, three, bobs].map(|id| ("proposed", id.as_str()));
    let decided = [("accepted", one), ("accepted", two), ("rejected", three), ("rejected", bobs), ("recorded", &own)];
    assert_eq!(events, [proposed.as_slice(), &decided.map(|(kind, id)| (kind, id.as_str()))].concat());
    app.get("/v1/contributions?state=open").await?.problem(422, "invalid").field("state", "is proposed, accepted");

    // When both decisions come at the same time, one of them holds for all contributions.
    let race: Vec<Value> = (0..20).map(|n| item(bob.address(), &format!("race {n}"))).collect();
    record(&app, &bob, &work, &race).await?.expect(201);
    let open = ids(&in_state(&app, &work, "proposed").await?);
    let (accepted, rejected) =
        futures::try_join!(decide(&app, &owner, &open, "accept"), decide(&app, &owner, &open, "reject"))?;
    let mut statuses = [accepted.status.as_u16(), rejected.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let (state, count) = if accepted.status.is_success() { ("accepted", 3 + 20) } else { ("rejected", 2 + 20) };
    assert_eq!(in_state(&app, &work, state).await?.len(), count);

    // Rows must not be changed.
    let changed = sqlx::query("UPDATE contributions SET cost = 1").execute(&app.market.pool).await;
    assert!(changed.is_err_and(|error| error.to_string().contains("are facts")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_say_who_may_propose_and_proposals_have_a_limit() -> Result<()> {
    let app = App::start().await?;
    let (owner, ada) = (app.person(1).await?, app.person(2).await?);
    let (work, _) = app.describe(&owner, "CODE", "Library", "").await?;
    let path = format!("/v1/works/{work}/policy");
    let policy = |proposals: &str| json!({"proposals": proposals, "preaccepted": true});
    assert_eq!(app.get(&path).await?.expect(200), policy("anyone"));
    app.get("/v1/works/999/policy").await?.problem(404, "not_found");
    let set = |person, body| app.by(person, Method::PUT, &path, Some(body));
    set(&ada, policy("nobody")).await?.problem(404, "not_found").says("of yours");
    set(&owner, policy("friends")).await?.problem(422, "invalid").field("proposals", "is one of");
    app.send(app.request(Method::PUT, &path).json(&policy("nobody"))).await?.problem(401, "sign_in");

    let one = [item(testkit::account(5), "one")];
    for _ in 0..2 {
        assert_eq!(set(&owner, policy("nobody")).await?.expect(200), policy("nobody"));
    }
    record(&app, &ada, &work, &one).await?.problem(403, "proposals_closed").says("of nobody");
    set(&owner, policy("contributors")).await?.expect(200);
    record(&app, &ada, &work, &one).await?.problem(403, "proposals_closed").says("of contributors");
    record(&app, &owner, &work, &[item(ada.address(), "hers")]).await?.expect(201);
    assert_eq!(record(&app, &ada, &work, &one).await?.expect(201)["state"], "proposed");
    let policies: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.pending WHERE events LIKE '%work.policy%'")
        .fetch_one(&app.market.pool)
        .await?;
    assert_eq!(policies, 2, "only changes are told");

    // Commits are recorded by imports and pushes, so nobody may record something in their place.
    let commit = [item(ada.address(), "two"), item(ada.address(), "git:0123")];
    record(&app, &ada, &work, &commit).await?.problem(422, "invalid").field("items", "item 1: references that begin");

    let many: Vec<Value> = (0..999).map(|n| item(ada.address(), &format!("hour {n}"))).collect();
    let more = [item(ada.address(), "one more"), item(ada.address(), "and another")];
    assert_eq!(record(&app, &ada, &work, &many).await?.expect(201)["recorded"], 999);
    record(&app, &ada, &work, &more[..1]).await?.problem(409, "too_many_proposals").says("above 1000");
    let open = ids(&in_state(&app, &work, "proposed").await?);
    assert_eq!(decide(&app, &owner, &open, "reject").await?.expect(200)["decided"], 1000);
    assert_eq!(record(&app, &ada, &work, &more).await?.expect(201)["recorded"], 2, "there is room again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_takes_the_place_of_what_it_corrects() -> Result<()> {
    let app = App::start().await?;
    let (owner, ada, bob) = (app.person(1).await?, app.person(2).await?, app.person(3).await?);
    let (work, _) = app.describe(&owner, "CODE", "Library", "").await?;
    let mut first = item(ada.address(), "one");
    first["name"] = json!("Ada");
    record(&app, &owner, &work, &[first.clone()]).await?.expect(201);
    let id = ids(&in_state(&app, &work, "accepted").await?)[0].clone();

    // The owner corrects the owner's own contribution.
    let change =
        json!({"labour": {"hours": "3", "rate": "5"}, "coherence": "1", "name": "Ada L.", "summary": "More of it"});
    let corrected = correct(&app, &owner, &id, change.clone()).await?.expect(201);
    assert_eq!((&corrected["revision"], &corrected["state"]), (&json!(1), &json!("accepted")));
    let now = in_state(&app, &work, "accepted").await?;
    assert_eq!(now.len(), 1);
    for (field, value) in [
        ("id", &corrected["id"]),
        ("corrects", &json!(id)),
        ("cost", &json!("15")),
        ("weight", &json!("22500000000000")),
    ] {
        assert_eq!(&now[0][field], value, "{field}");
    }
    assert_eq!((&now[0]["contributor"], &now[0]["reference"]), (&json!("Ada L."), &json!("one")));
    assert_eq!((&now[0]["kind"], &now[0]["summary"]), (&json!("MANUAL_LABOR"), &json!("More of it")));
    let before = in_state(&app, &work, "corrected").await?;
    assert_eq!(
        (&before[0]["id"], &before[0]["cost"], &before[0]["contributor"]),
        (&json!(id), &json!("10"), &json!("Ada"))
    );
    correct(&app, &owner, &id, change.clone()).await?.problem(409, "corrected");
    assert_eq!(record(&app, &owner, &work, &[first]).await?.expect(201)["recorded"], 0, "it came again, and is known");
    assert_eq!(in_state(&app, &work, "accepted").await?, now);

    // Corrections by anyone else wait, one at a time.
    let id = ids(&now)[0].clone();
    let hers = correct(&app, &ada, &id, json!({"cost": "20"})).await?.expect(201);
    assert_eq!((&hers["revision"], &hers["state"]), (&json!(2), &json!("proposed")));
    correct(&app, &ada, &id, json!({"cost": "21"})).await?.problem(409, "correction_waits");
    let another = json!({"contributor": "tool:formatter", "triggeredBy": [ada.address()], "cost": "2"});
    let his = correct(&app, &bob, &id, another).await?.expect(201);
    assert_eq!(his["revision"], 3);
    assert_eq!(in_state(&app, &work, "accepted").await?, now, "nothing has changed yet");
    let proposed = ids(&in_state(&app, &work, "proposed").await?);
    decide(&app, &owner, &proposed, "accept").await?.problem(409, "corrected");
    assert_eq!(ids(&in_state(&app, &work, "proposed").await?), proposed, "both or none");
    assert_eq!(decide(&app, &owner, &proposed[1..], "accept").await?.expect(200)["decided"], 1);
    decide(&app, &owner, &proposed[..1], "accept").await?.problem(409, "corrected");
    assert_eq!(decide(&app, &owner, &proposed[1..], "accept").await?.expect(200)["decided"], 0, "repeated");
    assert_eq!(decide(&app, &owner, &proposed[..1], "reject").await?.expect(200)["decided"], 1);
    let now = in_state(&app, &work, "accepted").await?;
    assert_eq!(ids(&now), proposed[1..]);
    assert_eq!((&now[0]["contributor"], &now[0]["contributorKind"]), (&json!("formatter"), &json!("SYSTEM")));
    assert_eq!(now[0]["triggeredBy"][0]["contributor"], "Ada", "the name she first had");
    correct(&app, &ada, &proposed[0], json!({"cost": "1"})).await?.problem(409, "corrected").says("does not count");

    for (change, message) in [
        (json!({}), "changes nothing"),
        (json!({"cost": "x"}), "cost is a decimal"),
        (json!({"reference": "two"}), "unknown field `reference`"),
        (json!({"contributorKind": "HUMAN"}), "contributorKind is SYSTEM for a contributor `tool:<name>`"),
    ] {
        correct(&app, &owner, &proposed[1], change).await?.problem(422, "invalid").says(message);
    }
    correct(&app, &owner, "999", json!({"cost": "1"})).await?.problem(404, "not_found");
    app.post("/v1/contributions/1/corrections", &json!({"cost": "1"})).await?.problem(401, "sign_in");
    let events = told(&app).await?;
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected = ["recorded", "corrected", "recorded", "proposed", "proposed", "corrected", "accepted", "rejected"];
    assert_eq!(kinds, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_say_who_set_them_to_work() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (work, _) = app.describe(&owner, "CODE", "Library", "").await?;
    let (ada, bob) = (testkit::account(5), testkit::account(6));
    let by_tool = |reference: &str, change: Value| {
        let mut item = item(ada, reference);
        (item["contributor"], item["kind"]) = (json!("tool:writer"), json!("TOOL_EXECUTION"));
        for (field, value) in change.as_object().into_iter().flatten() {
            item[field] = value.clone();
        }
        item
    };
    let items = [
        by_tool("one", json!({"contributorKind": "SYSTEM", "triggeredBy": [ada]})),
        by_tool("two", json!({"triggeredBy": ["tool:planner", "mailto:Bob@example.org"]})),
        by_tool("three", json!({})),
    ];
    assert_eq!(record(&app, &owner, &work, &items).await?.expect(201)["recorded"], 3);
    let mut stored = app.pages(&format!("/v1/contributions?work={work}"), 50).await?;
    stored.reverse();
    let names = |one: &Value| -> Vec<String> {
        let triggers = one["triggeredBy"].as_array().cloned().unwrap_or_default();
        triggers.iter().filter_map(|trigger| Some(trigger["contributor"].as_str()?.to_owned())).collect()
    };
    assert_eq!(names(&stored[0]), [ada.to_checksum(None)]);
    assert_eq!(names(&stored[1]), ["planner", "bob"], "an email is not shown");
    assert!(names(&stored[2]).is_empty());
    assert_eq!(stored[0]["contributorId"], stored[2]["contributorId"]);

    let eleven: Vec<String> = (0..10).map(|n| format!("tool:t{n}")).chain([bob.to_string()]).collect();
    for (change, message) in [
        (json!({"contributor": ada, "triggeredBy": [bob]}), "triggeredBy is for a SYSTEM"),
        (json!({"contributorKind": "HUMAN"}), "contributorKind is SYSTEM for"),
        (json!({"contributor": ada, "contributorKind": "SYSTEM"}), "contributorKind is SYSTEM for"),
        (json!({"contributorKind": "ROBOT"}), "contributorKind is HUMAN or SYSTEM"),
        (json!({"contributor": "tool:"}), "contributor is not"),
        (json!({"contributor": "github:a/b"}), "contributor is not"),
        (json!({"triggeredBy": ["tool:planner"]}), "and a person at the end"),
        (json!({"triggeredBy": [bob, ada]}), "and a person at the end"),
        (json!({"triggeredBy": ["tool:writer", ada]}), "in a circle"),
        (json!({"triggeredBy": ["tool:a", "tool:a", ada]}), "in a circle"),
        (json!({"triggeredBy": eleven}), "at most 10"),
        (json!({"triggeredBy": ["bob"]}), "triggeredBy is not an address"),
    ] {
        let answer = record(&app, &owner, &work, &[by_tool("wrong", change)]).await?;
        answer.problem(422, "invalid").field("items", message);
    }
    let one = app.get("/v1/contributions?limit=1").await?.expect(200)["items"][0]["id"].clone();
    let one = one.as_str().context("no id")?;
    let now_by_hand = json!({"contributor": ada, "kind": "MANUAL_LABOR"});
    correct(&app, &owner, one, now_by_hand).await?.expect(201);
    Ok(())
}
