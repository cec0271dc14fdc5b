//! What follows from deliveries, in whatever order and however often they come, and whichever process is killed
//! meanwhile.

use anyhow::{Context, Result};
use importer::{Commit, Person as Author, Repository};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Hook, commit, id, keys, pull_request, push, repository, with};
use crate::app::{App, random_hash};

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_may_come_again_and_in_any_order() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let hook = Hook::of(&app, &owner).await?;
    // The later push comes first, then overlapping pushes, one under the same name, and one with the same body
    // under another name.
    let first = hook.deliver(&app, "push", "c", &push([3, 4])).await?;
    hook.deliver(&app, "push", "a", &push([1, 2])).await?;
    hook.deliver(&app, "push", "b", &push([2, 3])).await?;
    for guid in ["c", "d"] {
        let again = hook.send(&app, "push", guid, &push([3, 4])).await?.expect(202);
        assert_eq!(again, json!({"id": first, "state": "applied", "known": true}));
    }
    let renamed = hook.send(&app, "push", "c", &push([9])).await?.expect(202);
    assert_eq!(renamed["known"], true, "a name is taken once");
    assert_eq!(hook.commits(&app).await?, (keys(1..=4), 4));
    assert_eq!(app.count("github_deliveries").await?, 3);

    // Many deliveries come at once, as GitHub may send them, and several workers apply them.
    let payloads: Vec<Value> = (0..8).map(|n| push([10 + n, 11 + n])).collect();
    let guids: Vec<String> = (0..8).map(|n| format!("m-{n}")).collect();
    let sent = guids.iter().chain(&guids).zip(payloads.iter().chain(&payloads));
    let answers =
        futures::future::try_join_all(sent.map(|(guid, payload)| hook.send(&app, "push", guid, payload))).await?;
    assert_eq!(answers.iter().filter(|answer| answer.expect(202)["known"] == false).count(), 8);
    let pool = &app.market.pool;
    let programs = commands::Programs::default();
    futures::future::try_join_all((0..3).map(|_| workers::apply_deliveries(pool, &programs, hook.work_id()))).await?;
    assert_eq!(hook.commits(&app).await?, (keys((1..=4).chain(10..=18)), 13));

    // The list has pages, newest first, and can be filtered.
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("{}?limit=3&state=applied{cursor}", hook.deliveries());
        let page = app.by(&owner, Method::GET, &path, None).await?.expect(200);
        seen.extend(
            page["items"].as_array().into_iter().flatten().filter_map(|one| one["id"].as_str()?.parse::<i64>().ok()),
        );
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 11);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
    let failed = app.by(&owner, Method::GET, &format!("{}?state=failed", hook.deliveries()), None).await?.expect(200);
    assert_eq!(failed["items"], json!([]));
    let answer = app.by(&owner, Method::GET, &format!("{}?state=lost", hook.deliveries()), None).await?;
    answer.problem(422, "invalid").field("state", "is one of received");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delivery_says_what_became_of_it_and_may_be_asked_for_again() -> Result<()> {
    let app = App::start().await?;
    let (owner, stranger) = (app.person(1).await?, app.person(2).await?);
    let hook = Hook::of(&app, &owner).await?;
    let merge = json!({"id": id(2), "message": "Merge pull request #7 from octo/fix\n\nFix"});
    let foreign = with(repository(), json!({"id": 1, "full_name": "evil/hello"}));
    for (n, (event, payload, state, message)) in [
        ("push", push([1]), "applied", "1 of 1 commits recorded."),
        (
            "push",
            with(push([1, 2, 3]), json!({"forced": true})),
            "applied",
            "2 of 3 commits recorded; 1 known before; history was rewritten",
        ),
        (
            "push",
            with(push([4]), json!({"commits": [with(commit(4), merge)]})),
            "ignored",
            "0 of 1 commits recorded; 1 merging others",
        ),
        ("push", with(push([5]), json!({"ref": "refs/heads/feature"})), "ignored", "1 not on the default branch"),
        (
            "push",
            with(push([6]), json!({"after": id(99)})),
            "applied",
            "GitHub may not have listed all: import the repository",
        ),
        (
            "push",
            with(push([7]), json!({"repository": foreign})),
            "ignored",
            "It came from evil/hello, and this hook is of octo/hello",
        ),
        ("push", json!({"ref": "refs/heads/main"}), "failed", "is not what GitHub documents"),
        ("push", with(push([8]), json!({"after": "main"})), "failed", "40 or 64 lower-case hex digits"),
        ("pull_request", pull_request("closed", true), "ignored", "its commits come as a push, and count there"),
        (
            "pull_request",
            pull_request("opened", false),
            "ignored",
            "Pull request 7 (opened) brought nothing to the default branch.",
        ),
        ("pull_request", with(pull_request("closed", true), json!({"repository": foreign})), "ignored", "evil/hello"),
        (
            "star",
            json!({"action": "created", "repository": repository()}),
            "ignored",
            "`star` says nothing of contributions",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let delivery = hook.deliver(&app, event, &format!("d-{n}"), &payload).await?;
        let shown = hook.shown(&app, &owner, &delivery).await?;
        assert_eq!(shown["state"], state, "{shown}");
        assert!(
            shown["message"].as_str().unwrap_or_default().contains(message),
            "`{message}` is not in {}",
            shown["message"]
        );
        assert_eq!(shown.get("action"), payload.get("action"), "{shown}");
    }
    // A signed body that is not JSON is kept as it came.
    let delivery = app.send(hook.request(&app, "push", "cut", b"{\"ref\": \"refs/he")).await?.expect(202)["id"].clone();
    workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await?;
    let shown = hook.shown(&app, &owner, &delivery).await?;
    assert_eq!((&shown["state"], &shown["payload"]), (&json!("failed"), &json!("{\"ref\": \"refs/he")));
    let (recorded, count) = hook.commits(&app).await?;
    assert_eq!((recorded, count), (keys([1, 2, 3, 6]), 4));

    // When a delivery is asked for again, once or often, nothing that it brought changes. Strangers may neither ask
    // nor look.
    let listed = app.by(&owner, Method::GET, &hook.deliveries(), None).await?.expect(200);
    let first = listed["items"].as_array().and_then(|all| all.last()).context("no delivery")?["id"].clone();
    let path = format!("{}/{}", hook.deliveries(), first.as_str().unwrap_or_default());
    let replay = format!("{path}/replay");
    for _ in 0..2 {
        let answer = app.by(&owner, Method::POST, &replay, None).await?.expect(202);
        assert_eq!((&answer["state"], &answer["id"]), (&json!("received"), &first));
    }
    workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await?;
    assert_eq!(hook.shown(&app, &owner, &first).await?["message"], "0 of 1 commits recorded; 1 known before.");
    assert_eq!(hook.commits(&app).await?.1, 4);
    for (method, path) in [(Method::GET, &path), (Method::POST, &replay), (Method::GET, &hook.deliveries())] {
        app.by(&stranger, method.clone(), path, None).await?.problem(404, "not_found").says("of yours");
        app.send(app.request(method, path)).await?.problem(401, "sign_in");
    }
    for wrong in ["999999", "x"] {
        let path = format!("{}/{wrong}", hook.deliveries());
        app.by(&owner, Method::GET, &path, None).await?.problem(404, "not_found");
        app.by(&owner, Method::POST, &format!("{path}/replay"), None).await?.problem(404, "not_found");
    }
    // Another work of the same owner does not show it.
    let other = Hook::of(&app, &owner).await?;
    let path = format!("{}/{}", other.deliveries(), first.as_str().unwrap_or_default());
    app.by(&owner, Method::GET, &path, None).await?.problem(404, "not_found");
    app.by(&owner, Method::POST, &format!("{path}/replay"), None).await?.problem(404, "not_found");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_anywhere_records_everything_once() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let hook = Hook::of(&app, &owner).await?;
    hook.send(&app, "push", "a", &push(1..=3)).await?.expect(202);
    hook.send(&app, "push", "b", &push(3..=5)).await?.expect(202);
    let pool = &app.market.pool;
    let mut killed = 0;
    for polls in 1.. {
        let finished =
            testkit::polled(workers::apply_deliveries(pool, &commands::Programs::default(), hook.work_id()), polls)
                .await;
        // Everything that is settled is recorded, everything that is recorded is settled, and the ledger has the
        // same.
        let (settled, recorded, told): (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM github_deliveries WHERE state = 'applied'), (SELECT count(*) FROM contributions),
                    (SELECT count(*) FROM ledger.pending p, jsonb_array_elements(p.events::jsonb) e
                     WHERE e->>'kind' = 'contribution.recorded')",
        )
        .fetch_one(pool)
        .await?;
        assert!([(0, 0), (1, 3), (2, 5)].contains(&(settled, recorded)), "{settled} settled, {recorded} recorded");
        assert_eq!(told, recorded);
        if let Some(finished) = finished {
            finished?;
            break;
        }
        killed += 1;
    }
    assert!(killed > 0, "it was killed nowhere");
    assert_eq!(hook.commits(&app).await?, (keys(1..=5), 5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_recorded_holds_up_its_work_for_a_while_only() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (hook, other) = (Hook::of(&app, &owner).await?, Hook::of(&app, &owner).await?);
    // The database refuses this commit for an unforeseen reason.
    sqlx::raw_sql("ALTER TABLE contributions ADD CHECK (summary <> 'Work 1')").execute(&app.market.pool).await?;
    let stuck = hook.send(&app, "push", "a", &push([1])).await?.expect(202)["id"].clone();
    let behind = hook.send(&app, "push", "b", &push([2])).await?.expect(202)["id"].clone();
    for attempt in 1..10 {
        let tried = workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await;
        tried.expect_err("it can be recorded");
        let shown = hook.shown(&app, &owner, &stuck).await?;
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("received"), &json!(attempt)));
        assert_eq!(hook.shown(&app, &owner, &behind).await?["state"], "received", "they are applied in order");
    }
    other.deliver(&app, "push", "a", &push([2, 3])).await?;
    assert_eq!(other.commits(&app).await?, (keys([2, 3]), 2), "another work is not held up");
    workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await?;
    let shown = hook.shown(&app, &owner, &stuck).await?;
    assert_eq!(shown["state"], "failed");
    assert!(shown["message"].as_str().unwrap_or_default().starts_with("It was tried 10 times"), "{shown}");
    assert_eq!(hook.commits(&app).await?, (keys([2]), 1));
    // The obstacle is gone, and the owner asks for the delivery again.
    let constraint = "ALTER TABLE contributions DROP CONSTRAINT contributions_summary_check1";
    sqlx::raw_sql(constraint).execute(&app.market.pool).await?;
    let replay = format!("{}/{}/replay", hook.deliveries(), stuck.as_str().unwrap_or_default());
    app.by(&owner, Method::POST, &replay, None).await?.expect(202);
    workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await?;
    assert_eq!(hook.commits(&app).await?, (keys([1, 2]), 2));
    Ok(())
}

/// Returns a history of commits by one person, as an import reads it.
fn history(numbers: impl IntoIterator<Item = u32>, email: &str) -> Repository {
    let commits = numbers.into_iter().map(|number| Commit {
        id: id(number),
        time: 1_700_000_000,
        authors: vec![0],
        cost: "0.50".parse().expect("a number"),
        subject: format!("Work {number}"),
        ..Commit::default()
    });
    let person = Author {
        identity: format!("mailto:{email}"),
        name: "Octo".into(),
        system: false,
        address: None,
        address_source: None,
        also: Vec::new(),
    };
    Repository {
        name: "hello".into(),
        key: "git:hello".into(),
        head: id(1),
        content_hash: random_hash(),
        commits: commits.collect(),
        people: vec![person],
        ..Repository::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_counts_once_by_push_and_by_import() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let import = async |repository: &Repository| {
        let mut tx = app.market.pool.begin().await?;
        let imported =
            commands::import_repository::import(&mut tx, owner.address(), repository, "bafymanifest").await?;
        tx.commit().await?;
        anyhow::Ok(imported)
    };
    let imported = import(&history(1..=2, "octo@example.org")).await?;
    let hook = Hook::make(&app, &owner, &imported.work_id.to_string()).await?;
    hook.deliver(&app, "push", "a", &push(2..=4)).await?;
    assert_eq!(hook.commits(&app).await?, (keys(1..=4), 4));
    // The mailmap has given the author another address since. What was recorded stays with the person for whom it
    // was recorded.
    let grown = import(&history(1..=6, "octo@new.example.org")).await?;
    assert_eq!((grown.work_id, grown.new_contributions, grown.contributions), (imported.work_id, 2, 6));
    assert_eq!((imported.attributed_otherwise, grown.attributed_otherwise), (0, 4));
    assert_eq!(hook.commits(&app).await?, (keys(1..=6), 6));
    let by: Vec<(String, i64)> = sqlx::query_as(
        "SELECT p.key, count(*) FROM contributions c JOIN contributors p ON p.id = c.contributor_id GROUP BY p.key ORDER BY p.key",
    )
    .fetch_all(&app.market.pool)
    .await?;
    let by: Vec<(&str, i64)> = by.iter().map(|(key, count)| (key.as_str(), *count)).collect();
    assert_eq!(by, [("mailto:octo@example.org", 4), ("mailto:octo@new.example.org", 2)]);

    // An import and a push come at the same time, and one waits for the other.
    for round in 0..5 {
        let numbers = 100 + 10 * round..110 + 10 * round;
        let repository = history(numbers.clone(), "octo@new.example.org");
        let payload = push(numbers.clone());
        hook.send(&app, "push", &format!("r-{round}"), &payload).await?.expect(202);
        let pool = &app.market.pool;
        let applied = async {
            anyhow::Ok(workers::apply_deliveries(pool, &commands::Programs::default(), hook.work_id()).await?)
        };
        tokio::try_join!(import(&repository), applied)?;
        assert_eq!(hook.commits(&app).await?, (keys((1..=6).chain(100..numbers.end)), 6 + 10 * (round as usize + 1)));
    }
    Ok(())
}
