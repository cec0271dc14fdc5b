//! Which deliveries are accepted, and what is kept of them.

use anyhow::{Context, Result};
use importer::github::MAX_BODY_BYTES;
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Hook, id, keys, push, repository, sign, with};
use crate::app::App;

const FORM: &str = "application/x-www-form-urlencoded";

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

    // A program wrote the second commit together with Bob, whose it is, and the third alone, for its committer.
    let mut payload = push([1, 2, 3]);
    payload["commits"][1]["message"] = json!("Together\n\nCo-authored-by: Bob <bob@example.org>");
    for by_program in [1, 2] {
        payload["commits"][by_program]["author"] = json!({"name": "dependabot[bot]", "email": "bot@example.org"});
    }
    let answer = hook.send(&app, "push", "d-1", &payload).await?.expect(202);
    assert_eq!((&answer["state"], &answer["known"]), (&json!("received"), &json!(false)));
    let waiting = hook.shown(&app, &owner, &answer["id"]).await?;
    assert_eq!((&waiting["state"], &waiting["message"]), (&json!("received"), &json!("")));
    assert_eq!(app.count("contributions").await?, 0, "answered before it is applied");
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE topic = 'github.delivered' AND key = $1")
        .bind(format!("work:{}", hook.work))
        .fetch_one(&app.market.pool)
        .await?;
    assert_eq!(told, 2);
    workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await?;
    let shown = hook.shown(&app, &owner, &answer["id"]).await?;
    assert_eq!((&shown["state"], &shown["message"]), (&json!("applied"), &json!("3 of 3 commits recorded.")));

    let recorded = app.pages(&format!("/v1/contributions?work={}", hook.work), 200).await?;
    let [program, bobs, whole] = &recorded[..] else { panic!("{recorded:?}") };
    assert_eq!((&whole["contributor"], &whole["reference"]), (&json!("Octo Cat"), &json!(format!("git:{}", id(1)))));
    assert_eq!((&whole["kind"], &whole["summary"]), (&json!("MANUAL_LABOR"), &json!("Work 1")));
    assert_eq!(whole["evidence"], format!("https://github.com/octo/hello/commit/{}", id(1)));
    // The cost is 0.10 + 0.15 x 2 files, from files alone. One of them is a test, so the coherence
    // is 0.7 and the weight 0.4 x 1.2.
    assert_eq!(
        (&whole["cost"], &whole["confidence"], &whole["coherence"]),
        (&json!("0.4"), &json!("0.65"), &json!("0.7"))
    );
    assert_eq!(whole["weight"], "480000000000");
    assert_eq!((&program["contributorKind"], &program["kind"]), (&json!("SYSTEM"), &json!("TOOL_EXECUTION")));
    assert_eq!(program["triggeredBy"][0]["contributor"], "Octo Cat");
    assert_eq!((&bobs["contributor"], &bobs["cost"], &program["cost"]), (&json!("Bob"), &json!("0.4"), &json!("0.4")));
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT key FROM contributors ORDER BY key").fetch_all(&app.market.pool).await?;
    assert_eq!(keys, ["github:octocat", "mailto:bob@example.org", "tool:mailto:bot@example.org"]);
    let told: Vec<String> = sqlx::query_scalar(
        "SELECT e->>'kind' FROM ledger.pending p, jsonb_array_elements(p.events::jsonb) e
         WHERE e->'streams' ? $1 ORDER BY p.id",
    )
    .bind(format!("work:{}", hook.work))
    .fetch_all(&app.market.pool)
    .await?;
    let recorded = ["contribution.recorded"; 3];
    assert_eq!(told, [&["work.created", "work.version_added", "github_hook.created"][..], &recorded].concat());
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
    // One byte of the body is changed.
    let mut forged = body.clone();
    forged[body.len() / 2] ^= 1;
    app.send(request(&good, &forged)?).await?.problem(401, "bad_signature").says("does not fit the body");

    let unknown = Hook { id: "00000000-0000-4000-8000-000000000000".into(), ..Hook::of(&app, &owner).await? };
    unknown.send(&app, "push", "d-1", &push([1])).await?.problem(404, "not_found");
    for id in ["1", "x", "00000000-0000-4000-8000-00000000000g"] {
        let path = format!("/v1/github-hooks/{id}");
        app.post(&path, &json!({})).await?.problem(404, "not_found");
    }
    for media_type in ["text/plain", "", "multipart/form-data; boundary=x", "application/json-patch"] {
        let other = hook.request(&app, "push", "d-1", &body).header_replaced("Content-Type", media_type)?;
        app.send(other).await?.problem(415, "media_type").says("application/x-www-form-urlencoded");
    }
    // JSON that says it is a form has no field `payload`.
    let form = hook.request(&app, "push", "d-1", &body).header_replaced("Content-Type", FORM)?;
    app.send(form).await?.problem(422, "invalid").field("payload", "is missing");
    for (name, value) in [("X-GitHub-Event", ""), ("X-GitHub-Event", "a b"), ("X-GitHub-Delivery", &"d".repeat(101))] {
        let request = hook.request(&app, "push", "d-1", &body).header_replaced(name, value)?;
        app.send(request).await?.problem(422, "invalid").field(name, "is a name of 1 to 100");
    }
    // A body that is too large is refused before any of it is read, and a body that ends early is
    // dropped.
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
    assert_eq!(app.count("github_deliveries").await?, 0);
    assert_eq!(app.count("outbox WHERE topic = 'github.delivered'").await?, 0);
    // A body that is signed with the secret and has a size that GitHub sends is accepted.
    let large = with(push([1]), json!({"padding": "x".repeat(3 << 20)}));
    hook.send(&app, "push", "d-1", &large).await?.expect(202);
    Ok(())
}

/// A form is what GitHub sends unless somebody chooses otherwise. Media types are compared without regard to case.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_may_be_a_form() -> Result<()> {
    let app = App::start().await?;
    let owner = app.person(1).await?;
    let hook = Hook::of(&app, &owner).await?;
    // Signs that forms write in another way, and a letter beyond ASCII.
    let payload = with(push([1]), json!({"note": "a+b & c=d 100% é"})).to_string();
    let body: String = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
    let forms = [("d-1", FORM), ("d-2", "Application/X-WWW-Form-URLencoded; charset=UTF-8")];
    for (guid, media_type) in forms {
        let request = hook.request(&app, "push", guid, body.as_bytes()).header_replaced("Content-Type", media_type)?;
        let receipt = app.send(request).await?.expect(202);
        assert_eq!(receipt["known"], guid == "d-2", "the same payload came before");
        assert_eq!(hook.shown(&app, &owner, &receipt["id"]).await?["payload"]["note"], "a+b & c=d 100% é");
    }
    // The same payload as JSON is known too.
    let json =
        hook.request(&app, "push", "d-3", payload.as_bytes()).header_replaced("Content-Type", "APPLICATION/JSON")?;
    assert_eq!(app.send(json).await?.expect(202)["known"], true);
    workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await?;
    assert_eq!(hook.commits(&app).await?.0, keys([1]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_shown_once_rotated_with_an_overlap_and_revoked() -> Result<()> {
    let app = App::start().await?;
    let (owner, stranger) = (app.person(1).await?, app.person(2).await?);
    let mut hook = Hook::of(&app, &owner).await?;
    let hooks = format!("/v1/works/{}/github-hooks", hook.work);
    let list = app.by(&owner, Method::GET, &hooks, None).await?;
    let shown = list.expect(200);
    assert_eq!((&shown[0]["id"], shown.as_array().map(Vec::len)), (&json!(hook.id), Some(1)));
    assert!(!String::from_utf8_lossy(&list.bytes).contains(&hook.secret), "a secret is shown again");
    for (method, path, body) in [
        (Method::GET, hooks.clone(), None),
        (Method::POST, hooks.clone(), None),
        (Method::DELETE, format!("{hooks}/{}", hook.id), None),
        (Method::POST, format!("{hooks}/{}/rotate", hook.id), Some(json!({}))),
    ] {
        app.by(&stranger, method, &path, body).await?.problem(404, "not_found").says("of yours");
    }
    let rotate =
        async |body: Value| app.by(&owner, Method::POST, &format!("{hooks}/{}/rotate", hook.id), Some(body)).await;
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
    sqlx::query("UPDATE github_hooks SET previous_until = now() - interval '1 second'")
        .execute(&app.market.pool)
        .await?;
    send(&old, "late", 3).await?.problem(401, "bad_signature");
    // After two rotations, or without an overlap, only the newest secret is accepted.
    let newest =
        rotate(json!({"overlapHours": 0})).await?.expect(200)["secret"].as_str().context("no secret")?.to_owned();
    for secret in [&old, &newer] {
        send(secret, "late", 3).await?.problem(401, "bad_signature");
    }
    send(&newest, "newest", 4).await?.expect(202);
    hook.secret = newest;

    // A revoked hook answers as if it had never existed. What it accepted before is applied.
    app.by(&owner, Method::DELETE, &format!("{hooks}/{}", hook.id), None).await?.expect(204);
    hook.send(&app, "push", "gone", &push([5])).await?.problem(404, "not_found");
    app.by(&owner, Method::DELETE, &format!("{hooks}/{}", hook.id), None).await?.problem(404, "not_found");
    let path = format!("{hooks}/{}/rotate", hook.id);
    app.by(&owner, Method::POST, &path, Some(json!({}))).await?.problem(404, "not_found");
    assert_eq!(app.by(&owner, Method::GET, &hooks, None).await?.expect(200), json!([]));
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM github_hooks WHERE secret IS NOT NULL OR previous_secret IS NOT NULL")
            .fetch_one(&app.market.pool)
            .await?;
    assert_eq!(kept, 0);
    workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), hook.work_id()).await?;
    assert_eq!(hook.commits(&app).await?, (keys([1, 2, 4]), 3));

    for _ in 0..10 {
        Hook::make(&app, &owner, &hook.work).await?;
    }
    app.by(&owner, Method::POST, &hooks, None).await?.problem(409, "too_many_hooks");
    Ok(())
}

/// Replaces one header of a request.
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
