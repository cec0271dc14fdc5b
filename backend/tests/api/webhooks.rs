//! Webhooks: what GitHub delivers is believed when it is signed, stored once, and applied once, whatever comes between.

use std::{collections::BTreeSet, pin::pin};

use anyhow::{Context, Result};
use hmac::{Hmac, Mac};
use importer::{Commit, Person as Author, Repository, github::MAX_BODY_BYTES};
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::app::{Answer, App, Person, random_hash};

/// A work's webhook, as GitHub is told of it.
struct Hook {
    work: String,
    id: String,
    secret: String,
}

impl Hook {
    async fn make(app: &App, owner: &Person, work: &str) -> Result<Self> {
        let made = app.by(owner, Method::POST, &format!("/v1/works/{work}/webhooks"), None).await?.expect(201);
        let text = |field: &str| anyhow::Ok(made[field].as_str().context("a field is missing")?.to_owned());
        let (id, secret) = (text("id")?, text("secret")?);
        assert_eq!(made["url"], format!("{}/webhooks/github/{id}", app.origin));
        assert_eq!(secret.len(), 64);
        Ok(Self { work: work.to_owned(), id, secret })
    }

    /// The repository's work, and a webhook of it.
    async fn of(app: &App, owner: &Person) -> Result<Self> {
        let (work, _) = app.describe(owner, "CODE", "Library", "").await?;
        Self::make(app, owner, &work).await
    }

    fn work_id(&self) -> i64 {
        self.work.parse().unwrap_or_default()
    }

    fn path(&self) -> String {
        format!("/webhooks/github/{}", self.id)
    }

    fn request(&self, app: &App, event: &str, guid: &str, body: &[u8]) -> RequestBuilder {
        app.request(Method::POST, &self.path())
            .header("X-GitHub-Event", event)
            .header("X-GitHub-Delivery", guid)
            .header("X-Hub-Signature-256", sign(&self.secret, body))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_vec())
    }

    async fn send(&self, app: &App, event: &str, guid: &str, payload: &Value) -> Result<Answer> {
        app.send(self.request(app, event, guid, payload.to_string().as_bytes())).await
    }

    /// Delivers, and applies all that waits.
    async fn deliver(&self, app: &App, event: &str, guid: &str, payload: &Value) -> Result<Value> {
        let id = self.send(app, event, guid, payload).await?.expect(202)["id"].clone();
        workers::deliveries(&app.market.pool, self.work_id()).await?;
        Ok(id)
    }

    fn deliveries(&self) -> String {
        format!("/v1/works/{}/deliveries", self.work)
    }

    /// What is shown of a delivery.
    async fn shown(&self, app: &App, owner: &Person, id: &Value) -> Result<Value> {
        let path = format!("{}/{}", self.deliveries(), id.as_str().unwrap_or_default());
        Ok(app.by(owner, Method::GET, &path, None).await?.expect(200))
    }

    /// The commits of the work that are recorded, and how many contributions they are.
    async fn commits(&self, app: &App) -> Result<(BTreeSet<String>, usize)> {
        let all = app.pages(&format!("/v1/contributions?work={}", self.work), 200).await?;
        let keys = all.iter().filter_map(|one| one["reference"].as_str().map(str::to_owned)).collect();
        Ok((keys, all.len()))
    }
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key fits");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn id(number: u32) -> String {
    format!("{number:040x}")
}

fn keys(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("git:{}", id(number))).collect()
}

fn repository() -> Value {
    json!({
        "id": 35_129_377, "node_id": "R_1", "name": "hello", "full_name": "octo/hello", "private": false, "fork": false,
        "owner": {"name": "octo", "login": "octo", "id": 1, "type": "User"}, "html_url": "https://github.com/octo/hello",
        "created_at": 1_430_869_197, "pushed_at": 1_430_869_217, "default_branch": "main", "topics": [], "license": null
    })
}

fn commit(number: u32) -> Value {
    let signer = json!({"name": "Octo Cat", "email": "Octo@Example.org", "username": "octocat"});
    json!({
        "id": id(number), "tree_id": id(number + 1000), "distinct": true, "message": format!("Work {number}"),
        "timestamp": "2024-03-01T13:00:00+01:00", "url": format!("https://github.com/octo/hello/commit/{}", id(number)),
        "author": signer, "committer": signer, "added": ["src/a.rs"], "removed": [], "modified": ["tests/a.rs"]
    })
}

fn push(commits: impl IntoIterator<Item = u32>) -> Value {
    let commits: Vec<Value> = commits.into_iter().map(commit).collect();
    let after = commits.last().map_or(json!(id(999)), |commit| commit["id"].clone());
    json!({
        "ref": "refs/heads/main", "before": id(0xbefe), "after": after, "base_ref": null, "created": false, "deleted": false,
        "forced": false, "compare": "https://github.com/octo/hello/compare/a...b", "commits": commits,
        "head_commit": commits.last(), "repository": repository(), "pusher": {"name": "octocat", "email": "octo@example.org"},
        "sender": {"login": "octocat", "id": 1, "type": "User", "site_admin": false}
    })
}

fn with(mut value: Value, changes: Value) -> Value {
    for (key, change) in changes.as_object().into_iter().flatten() {
        value[key] = change.clone();
    }
    value
}

fn pull_request(action: &str, merged: bool) -> Value {
    json!({
        "action": action, "number": 7, "repository": repository(), "sender": {"login": "bob", "id": 4},
        "pull_request": {
            "html_url": "https://github.com/octo/hello/pull/7", "number": 7, "title": "Fix it", "user": {"login": "ada", "id": 3},
            "merged": merged, "merged_by": null, "merge_commit_sha": id(7), "commits": 3, "additions": 10, "deletions": 4,
            "changed_files": 2, "base": {"ref": "main", "sha": id(1)}, "head": {"ref": "fix", "sha": id(6)}
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_contributions_as_an_import_records_them() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let hook = Hook::of(&app, &owner).await?;

    let ping = json!({"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {"type": "Repository"}, "repository": repository()});
    let delivery = hook.deliver(&app, "ping", "p-1", &ping).await?;
    let shown = hook.shown(&app, &owner, &delivery).await?;
    assert_eq!((&shown["state"], &shown["event"], &shown["guid"]), (&json!("ignored"), &json!("ping"), &json!("p-1")));
    assert_eq!(shown["payload"], ping);

    let mut payload = push([1, 2]);
    payload["commits"][1]["message"] = json!("Together\n\nCo-authored-by: Bob <bob@example.org>");
    payload["commits"][1]["author"] = json!({"name": "dependabot[bot]", "email": "bot@example.org"});
    let answer = hook.send(&app, "push", "d-1", &payload).await?.expect(202);
    assert_eq!((&answer["state"], &answer["known"]), (&json!("received"), &json!(false)));
    let waiting = hook.shown(&app, &owner, &answer["id"]).await?;
    assert_eq!((&waiting["state"], &waiting["message"]), (&json!("received"), &json!("")));
    assert_eq!(app.count("contributions").await?, 0, "answered before it is applied");
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE topic = 'webhook.received' AND key = $1")
        .bind(&hook.work)
        .fetch_one(&app.market.pool)
        .await?;
    assert_eq!(told, 2);
    workers::deliveries(&app.market.pool, hook.work_id()).await?;
    let shown = hook.shown(&app, &owner, &answer["id"]).await?;
    assert_eq!((&shown["state"], &shown["message"]), (&json!("applied"), &json!("2 of 2 commits recorded.")));

    let recorded = app.pages(&format!("/v1/contributions?work={}", hook.work), 200).await?;
    let [second, first, whole] = &recorded[..] else { panic!("{recorded:?}") };
    assert_eq!((&whole["contributor"], &whole["reference"]), (&json!("Octo Cat"), &json!(format!("git:{}", id(1)))));
    assert_eq!((&whole["kind"], &whole["summary"]), (&json!("MANUAL_LABOR"), &json!("Work 1")));
    assert_eq!(whole["evidence"], format!("https://github.com/octo/hello/commit/{}", id(1)));
    // 0.10 + 0.15 x 2 files, from files alone; a test is among them: 0.7, so 0.4 x 1.2.
    assert_eq!(
        (&whole["cost"], &whole["confidence"], &whole["coherence"]),
        (&json!("0.4"), &json!("0.65"), &json!("0.7"))
    );
    assert_eq!(whole["weight"], "480000000000");
    assert_eq!((&first["contributorKind"], &first["kind"]), (&json!("SYSTEM"), &json!("TOOL_EXECUTION")));
    assert_eq!(
        (&second["contributor"], &second["cost"], &first["cost"]),
        (&json!("Bob"), &json!("0.2"), &json!("0.2"))
    );
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT key FROM contributors ORDER BY key").fetch_all(&app.market.pool).await?;
    assert_eq!(keys, ["mailto:bob@example.org", "mailto:octo@example.org", "tool:mailto:bot@example.org"]);
    let told: Vec<String> = sqlx::query_scalar(
        "SELECT e->>'kind' FROM ledger.pending p, jsonb_array_elements(p.events::jsonb) e
         WHERE e->'streams' ? $1 ORDER BY p.id",
    )
    .bind(format!("work:{}", hook.work))
    .fetch_all(&app.market.pool)
    .await?;
    assert_eq!(told, ["webhook.created", "contribution.recorded", "contribution.recorded", "contribution.recorded"]);
    let metrics = app.get("/metrics").await?;
    let text = String::from_utf8(metrics.bytes.to_vec())?;
    for line in [
        r#"webhook_deliveries_total{outcome="received"}"#,
        r#"webhook_deliveries_settled_total{state="applied"}"#,
        r#"contributions_recorded_total{source="push"}"#,
    ] {
        assert!(text.contains(line), "`{line}` is not in {text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_the_secret_is_not_taken() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let (hook, other) = (Hook::of(&app, &owner).await?, Hook::of(&app, &owner).await?);
    let body = push([1]).to_string().into_bytes();
    let good = sign(&hook.secret, &body);
    let request = |signature: &str, body: &[u8]| {
        hook.request(&app, "push", "d-1", body).header_replaced("X-Hub-Signature-256", signature)
    };
    for (signature, body) in [
        (sign("guess", &body), &body[..]),
        (sign(&other.secret, &body), &body),
        (good.clone(), &body[..body.len() - 1]),
        (good.to_uppercase(), &body),
        (good.replace("sha256=", "sha1="), &body),
        (good[..good.len() - 2].to_owned(), &body),
        (String::new(), &body),
    ] {
        app.send(request(&signature, body)?).await?.problem(401, "bad_signature");
    }
    // One byte of the body.
    let mut forged = body.clone();
    forged[body.len() / 2] ^= 1;
    app.send(request(&good, &forged)?).await?.problem(401, "bad_signature").says("does not fit the body");

    let unknown = Hook { id: "00000000-0000-4000-8000-000000000000".into(), ..Hook::of(&app, &owner).await? };
    unknown.send(&app, "push", "d-1", &push([1])).await?.problem(404, "not_found");
    for id in ["1", "x", "00000000-0000-4000-8000-00000000000g"] {
        let path = format!("/webhooks/github/{id}");
        app.post(&path, &json!({})).await?.problem(404, "not_found");
    }
    let form =
        hook.request(&app, "push", "d-1", &body).header_replaced("Content-Type", "application/x-www-form-urlencoded");
    app.send(form?).await?.problem(415, "media_type").says("application/json");
    for (name, value) in [("X-GitHub-Event", ""), ("X-GitHub-Event", "a b"), ("X-GitHub-Delivery", &"d".repeat(101))] {
        let request = hook.request(&app, "push", "d-1", &body).header_replaced(name, value)?;
        app.send(request).await?.problem(422, "invalid").field(name, "is a name of 1 to 100");
    }
    // Too large is said before anything of it is read, and a body that ends early is nothing.
    let host = app.origin.trim_start_matches("http://");
    for (length, code) in [(MAX_BODY_BYTES + 1, "too_large"), (1000, "cut_off")] {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: d\r\n\
             X-Hub-Signature-256: {good}\r\nContent-Length: {length}\r\n\r\n{{",
            hook.path()
        );
        let mut connection = TcpStream::connect(host).await?;
        connection.write_all(head.as_bytes()).await?;
        connection.shutdown().await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        assert!(answer.contains(&format!(r#""code":"{code}""#)), "{answer}");
    }
    assert_eq!(app.count("webhook_deliveries").await?, 0);
    assert_eq!(app.count("outbox WHERE topic = 'webhook.received'").await?, 0);
    // Signed by the secret and of the size that GitHub sends, it is.
    let large = with(push([1]), json!({"padding": "x".repeat(3 << 20)}));
    hook.send(&app, "push", "d-1", &large).await?.expect(202);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_may_come_again_and_in_any_order() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let hook = Hook::of(&app, &owner).await?;
    // The later push first, overlapping ones, one under the same name, one of the same body under another name.
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
    assert_eq!(app.count("webhook_deliveries").await?, 3);

    // Many at once, as GitHub may send them, and applied by several workers.
    let payloads: Vec<Value> = (0..8).map(|n| push([10 + n, 11 + n])).collect();
    let guids: Vec<String> = (0..8).map(|n| format!("m-{n}")).collect();
    let sent = guids.iter().chain(&guids).zip(payloads.iter().chain(&payloads));
    let answers =
        futures::future::try_join_all(sent.map(|(guid, payload)| hook.send(&app, "push", guid, payload))).await?;
    assert_eq!(answers.iter().filter(|answer| answer.expect(202)["known"] == false).count(), 8);
    let pool = &app.market.pool;
    futures::future::try_join_all((0..3).map(|_| workers::deliveries(pool, hook.work_id()))).await?;
    assert_eq!(hook.commits(&app).await?, (keys((1..=4).chain(10..=18)), 13));

    // The list has pages, the newest first, and is filtered.
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
            "It came from evil/hello, and this webhook is of octo/hello",
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
    // Signed, but no JSON: it is kept as it came.
    let delivery = app.send(hook.request(&app, "push", "cut", b"{\"ref\": \"refs/he")).await?.expect(202)["id"].clone();
    workers::deliveries(&app.market.pool, hook.work_id()).await?;
    let shown = hook.shown(&app, &owner, &delivery).await?;
    assert_eq!((&shown["state"], &shown["payload"]), (&json!("failed"), &json!("{\"ref\": \"refs/he")));
    let (recorded, count) = hook.commits(&app).await?;
    assert_eq!((recorded, count), (keys([1, 2, 3, 6]), 4));

    // Asked for again, once or often, it changes nothing that it brought; strangers may not ask, nor look.
    let listed = app.by(&owner, Method::GET, &hook.deliveries(), None).await?.expect(200);
    let first = listed["items"].as_array().and_then(|all| all.last()).context("no delivery")?["id"].clone();
    let path = format!("{}/{}", hook.deliveries(), first.as_str().unwrap_or_default());
    let replay = format!("{path}/replay");
    for _ in 0..2 {
        let answer = app.by(&owner, Method::POST, &replay, None).await?.expect(202);
        assert_eq!((&answer["state"], &answer["id"]), (&json!("received"), &first));
    }
    workers::deliveries(&app.market.pool, hook.work_id()).await?;
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
async fn secrets_are_shown_once_rotated_with_an_overlap_and_revoked() -> Result<()> {
    let app = App::start().await?;
    let (owner, stranger) = (app.person(1).await?, app.person(2).await?);
    let mut hook = Hook::of(&app, &owner).await?;
    let webhooks = format!("/v1/works/{}/webhooks", hook.work);
    let list = app.by(&owner, Method::GET, &webhooks, None).await?;
    let shown = list.expect(200);
    assert_eq!((&shown[0]["id"], shown.as_array().map(Vec::len)), (&json!(hook.id), Some(1)));
    assert!(!String::from_utf8_lossy(&list.bytes).contains(&hook.secret), "a secret is shown again");
    for (method, path, body) in [
        (Method::GET, webhooks.clone(), None),
        (Method::POST, webhooks.clone(), None),
        (Method::DELETE, format!("{webhooks}/{}", hook.id), None),
        (Method::POST, format!("{webhooks}/{}/rotate", hook.id), Some(json!({}))),
    ] {
        app.by(&stranger, method, &path, body).await?.problem(404, "not_found").says("of yours");
    }
    let rotate =
        async |body: Value| app.by(&owner, Method::POST, &format!("{webhooks}/{}/rotate", hook.id), Some(body)).await;
    rotate(json!({"overlapHours": 169})).await?.problem(422, "invalid").field("overlapHours", "is between 0 and 168");

    let old = hook.secret.clone();
    let rotated = rotate(json!({})).await?.expect(200);
    let newer = rotated["secret"].as_str().context("no secret")?.to_owned();
    assert!(newer != old && rotated["previousUntil"].is_string());
    let send = async |secret: &str, guid: &str, number: u32| {
        let hook = Hook { secret: secret.to_owned(), work: hook.work.clone(), id: hook.id.clone() };
        hook.send(&app, "push", guid, &push([number])).await
    };
    send(&old, "old", 1).await?.expect(202);
    send(&newer, "new", 2).await?.expect(202);
    // The overlap ends by the database's clock.
    sqlx::query("UPDATE webhooks SET previous_until = now() - interval '1 second'").execute(&app.market.pool).await?;
    send(&old, "late", 3).await?.problem(401, "bad_signature");
    // Rotated twice, and without an overlap, only the newest is taken.
    let newest =
        rotate(json!({"overlapHours": 0})).await?.expect(200)["secret"].as_str().context("no secret")?.to_owned();
    for secret in [&old, &newer] {
        send(secret, "late", 3).await?.problem(401, "bad_signature");
    }
    send(&newest, "newest", 4).await?.expect(202);
    hook.secret = newest;

    // Revoked, it is as if it had never been; what it took is applied.
    app.by(&owner, Method::DELETE, &format!("{webhooks}/{}", hook.id), None).await?.expect(204);
    hook.send(&app, "push", "gone", &push([5])).await?.problem(404, "not_found");
    app.by(&owner, Method::DELETE, &format!("{webhooks}/{}", hook.id), None).await?.problem(404, "not_found");
    let path = format!("{webhooks}/{}/rotate", hook.id);
    app.by(&owner, Method::POST, &path, Some(json!({}))).await?.problem(404, "not_found");
    assert_eq!(app.by(&owner, Method::GET, &webhooks, None).await?.expect(200), json!([]));
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM webhooks WHERE secret IS NOT NULL OR previous_secret IS NOT NULL")
            .fetch_one(&app.market.pool)
            .await?;
    assert_eq!(kept, 0);
    workers::deliveries(&app.market.pool, hook.work_id()).await?;
    assert_eq!(hook.commits(&app).await?, (keys([1, 2, 4]), 3));

    for _ in 0..10 {
        Hook::make(&app, &owner, &hook.work).await?;
    }
    app.by(&owner, Method::POST, &webhooks, None).await?.problem(409, "too_many_webhooks");
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
        let finished = testkit::stop_after(polls, pin!(workers::deliveries(pool, hook.work_id()))).await;
        // Whatever is settled is recorded, whatever is recorded is settled, and the ledger knows as much.
        let (settled, recorded, told): (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM webhook_deliveries WHERE state = 'applied'), (SELECT count(*) FROM contributions),
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
    // The database refuses this commit, for a reason nobody foresaw.
    sqlx::raw_sql("ALTER TABLE contributions ADD CHECK (summary <> 'Work 1')").execute(&app.market.pool).await?;
    let stuck = hook.send(&app, "push", "a", &push([1])).await?.expect(202)["id"].clone();
    let behind = hook.send(&app, "push", "b", &push([2])).await?.expect(202)["id"].clone();
    for attempt in 1..10 {
        let tried = workers::deliveries(&app.market.pool, hook.work_id()).await;
        tried.expect_err("it can be recorded");
        let shown = hook.shown(&app, &owner, &stuck).await?;
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("received"), &json!(attempt)));
        assert_eq!(hook.shown(&app, &owner, &behind).await?["state"], "received", "they are applied in order");
    }
    other.deliver(&app, "push", "a", &push([2, 3])).await?;
    assert_eq!(other.commits(&app).await?, (keys([2, 3]), 2), "another work is not held up");
    workers::deliveries(&app.market.pool, hook.work_id()).await?;
    let shown = hook.shown(&app, &owner, &stuck).await?;
    assert_eq!(shown["state"], "failed");
    assert!(shown["message"].as_str().unwrap_or_default().starts_with("It was tried 10 times"), "{shown}");
    assert_eq!(hook.commits(&app).await?, (keys([2]), 1));
    // What stood in the way is gone: the owner asks for it again.
    let constraint = "ALTER TABLE contributions DROP CONSTRAINT contributions_summary_check1";
    sqlx::raw_sql(constraint).execute(&app.market.pool).await?;
    let replay = format!("{}/{}/replay", hook.deliveries(), stuck.as_str().unwrap_or_default());
    app.by(&owner, Method::POST, &replay, None).await?.expect(202);
    workers::deliveries(&app.market.pool, hook.work_id()).await?;
    assert_eq!(hook.commits(&app).await?, (keys([1, 2]), 2));
    Ok(())
}

/// A history of commits by one person, as an import reads it.
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
        let imported = store::imports::store(&mut tx, owner.address(), repository, "bafymanifest").await?;
        tx.commit().await?;
        anyhow::Ok(imported)
    };
    let imported = import(&history(1..=2, "octo@example.org")).await?;
    let hook = Hook::make(&app, &owner, &imported.work_id.to_string()).await?;
    hook.deliver(&app, "push", "a", &push(2..=4)).await?;
    assert_eq!(hook.commits(&app).await?, (keys(1..=4), 4));
    // The mailmap has given the author another address since: what is recorded stays with whom it was recorded for.
    let grown = import(&history(1..=6, "octo@new.example.org")).await?;
    assert_eq!((grown.work_id, grown.new_contributions, grown.contributions), (imported.work_id, 2, 6));
    assert_eq!(hook.commits(&app).await?, (keys(1..=6), 6));
    let by: Vec<(String, i64)> = sqlx::query_as(
        "SELECT p.key, count(*) FROM contributions c JOIN contributors p ON p.id = c.contributor_id GROUP BY p.key ORDER BY p.key",
    )
    .fetch_all(&app.market.pool)
    .await?;
    let by: Vec<(&str, i64)> = by.iter().map(|(key, count)| (key.as_str(), *count)).collect();
    assert_eq!(by, [("mailto:octo@example.org", 4), ("mailto:octo@new.example.org", 2)]);

    // An import and a push at the same time: one waits for the other.
    for round in 0..5 {
        let numbers = 100 + 10 * round..110 + 10 * round;
        let repository = history(numbers.clone(), "octo@new.example.org");
        let payload = push(numbers.clone());
        hook.send(&app, "push", &format!("r-{round}"), &payload).await?.expect(202);
        let pool = &app.market.pool;
        let applied = async { anyhow::Ok(workers::deliveries(pool, hook.work_id()).await?) };
        tokio::try_join!(import(&repository), applied)?;
        assert_eq!(hook.commits(&app).await?, (keys((1..=6).chain(100..numbers.end)), 6 + 10 * (round as usize + 1)));
    }
    Ok(())
}

/// A request with one header in place of the one it has.
trait HeaderReplaced {
    fn header_replaced(self, name: &str, value: &str) -> Result<RequestBuilder>;
}

impl HeaderReplaced for RequestBuilder {
    fn header_replaced(self, name: &str, value: &str) -> Result<RequestBuilder> {
        let (client, request) = self.build_split();
        let mut request = request?;
        request.headers_mut().insert(header::HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
        Ok(RequestBuilder::from_parts(client, request))
    }
}
