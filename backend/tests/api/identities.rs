//! Emails and logins are linked to accounts by a signature and a proof, only for works whose owner or records prove the link.

use std::slice;

use alloy::{
    primitives::{Address, Bytes},
    signers::{SignerSync, local::PrivateKeySigner},
};
use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Answer, App, Person, SignInMessage, cookie},
    contributions::{item, record},
};

const ADA: &str = "mailto:ada@example.org";

/// Returns a claim with a nonce of the server, signed by a key for its own account or another's.
async fn signed(app: &App, signer: &PrivateKeySigner, account: Address, identity: &str) -> Result<Value> {
    let nonce = app.get("/v1/auth/nonce").await?.expect(200)["nonce"].as_str().context("no nonce")?.to_owned();
    let statement = format!(
        "{} asks you to link an identity to your account.\nContributions under this identity will be paid to the account.\n\n\
         Identity: {identity}\nAccount: {}\nChain ID: {}\nNonce: {nonce}",
        app.origin.trim_start_matches("http://"),
        account.to_checksum(None),
        app.market.deployment.chain_id
    );
    let signature = Bytes::copy_from_slice(&signer.sign_message_sync(statement.as_bytes())?.as_bytes());
    Ok(json!({"identity": identity, "nonce": nonce, "signature": signature}))
}

pub async fn claim(app: &App, person: &Person, identity: &str) -> Result<Answer> {
    let body = signed(app, &person.signer, person.address(), identity).await?;
    app.by(person, Method::POST, "/v1/identities", Some(body)).await
}

pub async fn decide(app: &App, person: &Person, claim: &Value, decision: &str) -> Result<Answer> {
    let path = format!("/v1/identities/{}/decision", claim["id"].as_str().unwrap_or_default());
    app.by(person, Method::POST, &path, Some(json!({"decision": decision, "reason": "I know her"}))).await
}

async fn list(app: &App, person: &Person, query: &str) -> Result<Vec<Value>> {
    let page = app.by(person, Method::GET, &format!("/v1/identities{query}"), None).await?.expect(200);
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

/// Returns a work of the person to which `contributor` contributed.
async fn work_of(app: &App, person: &Person, contributor: &str) -> Result<String> {
    let (work, _) = app.describe(person, "CODE", "Library", "").await?;
    let mut one = item(person.address(), "one");
    one["contributor"] = json!(contributor);
    record(app, person, &work, &[one]).await?.expect(201);
    Ok(work)
}

/// Returns where a work's contributors are paid.
async fn addresses(app: &App, work: &str) -> Result<Vec<Option<String>>> {
    let all = app.pages(&format!("/v1/contributions?work={work}"), 50).await?;
    Ok(all.iter().map(|one| one["address"].as_str().map(str::to_owned)).collect())
}

async fn told(app: &App, kind: &str) -> Result<i64> {
    let pattern = format!("%\"identity.{kind}\"%");
    let count = sqlx::query_scalar("SELECT count(*) FROM ledger.pending WHERE events LIKE $1");
    Ok(count.bind(pattern).fetch_one(&app.market.pool).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_confirms_for_their_own_works() -> Result<()> {
    let app = App::start().await?;
    let (owner, other, ada) = (app.person(1).await?, app.person(2).await?, app.person(5).await?);
    let (first, foreign) = (work_of(&app, &owner, "mailto:Ada@Example.org").await?, work_of(&app, &other, ADA).await?);
    assert_eq!(addresses(&app, &first).await?, [None]);

    let claimed = claim(&app, &ada, ADA).await?.expect(201);
    assert_eq!((&claimed["identity"], &claimed["state"]), (&json!(ADA), &json!("open")));
    let again = claim(&app, &ada, ADA).await?.expect(200);
    assert_eq!(again, claimed, "the first statement stays");
    assert_eq!(list(&app, &ada, "").await?, slice::from_ref(&claimed));
    for owner in [&owner, &other] {
        assert!(list(&app, owner, "").await?.is_empty());
        assert_eq!(list(&app, owner, "?waiting=true").await?, slice::from_ref(&claimed));
    }
    assert_eq!(addresses(&app, &first).await?, [None], "a claim is no proof");

    // Neither strangers nor the claimant can decide.
    let stranger = app.person(3).await?;
    for person in [&stranger, &ada] {
        decide(&app, person, &claimed, "confirm").await?.problem(404, "not_found");
    }
    assert!(list(&app, &stranger, "?waiting=true").await?.is_empty());
    app.get("/v1/identities").await?.problem(401, "sign_in");
    decide(&app, &owner, &claimed, "perhaps").await?.problem(422, "invalid");
    decide(&app, &owner, &json!({"id": "999"}), "confirm").await?.problem(404, "not_found");

    let confirmed = decide(&app, &owner, &claimed, "confirm").await?.expect(200);
    assert_eq!((&confirmed["state"], &confirmed["decisions"][0]["source"]), (&json!("proven"), &json!("owner")));
    decide(&app, &owner, &claimed, "confirm").await?.expect(200);
    let paid = ada.address().to_checksum(None);
    assert_eq!(addresses(&app, &first).await?, [Some(paid.clone())]);
    assert_eq!(addresses(&app, &foreign).await?, [None], "the other owner has not said so");
    assert_eq!(app.count("contributor_addresses").await?, 1);
    assert!(list(&app, &owner, "?waiting=true").await?.is_empty());

    // The confirmation holds for later works too, and for a SYSTEM that she sets to work.
    let second = work_of(&app, &owner, ADA).await?;
    assert_eq!(addresses(&app, &second).await?, [Some(paid)]);
    let (third, _) = app.describe(&owner, "CODE", "Tools", "").await?;
    let mut by_tool = item(owner.address(), "one");
    (by_tool["contributor"], by_tool["triggeredBy"]) = (json!("tool:writer"), json!([ADA]));
    record(&app, &owner, &third, &[by_tool]).await?.expect(201);
    let linked: i64 = sqlx::query_scalar("SELECT count(*) FROM contributor_addresses WHERE work_id = $1")
        .bind(third.parse::<i64>()?)
        .fetch_one(&app.market.pool)
        .await?;
    assert_eq!(linked, 1);
    let known: Vec<String> =
        sqlx::query_scalar("SELECT key FROM outbox WHERE topic = 'work.payees_changed' ORDER BY id")
            .fetch_all(&app.market.pool)
            .await?;
    assert_eq!(known, [first, second, third].map(|work| format!("work:{work}")));

    // A refusal is shown, and may be taken back.
    let refused = decide(&app, &other, &claimed, "refuse").await?.expect(200);
    assert_eq!((&refused["state"], &refused["decisions"][0]["reason"]), (&json!("refused"), &json!("I know her")));
    assert_eq!(refused["decisions"].as_array().map(Vec::len), Some(1), "owners see their own decisions");
    assert_eq!(list(&app, &ada, "").await?[0]["decisions"].as_array().map(Vec::len), Some(2));
    assert_eq!(addresses(&app, &foreign).await?, [None]);
    decide(&app, &other, &claimed, "confirm").await?.expect(200);
    assert!(addresses(&app, &foreign).await?[0].is_some());
    assert_eq!([told(&app, "claimed").await?, told(&app, "linked").await?, told(&app, "refused").await?], [1, 4, 1]);
    // A confirmation may be taken back too. What is earned from then on waits again.
    assert_eq!(decide(&app, &other, &claimed, "refuse").await?.expect(200)["state"], "refused");
    assert_eq!(addresses(&app, &foreign).await?, [None]);
    assert_eq!(app.count("contributor_addresses").await?, 3, "the other owner's word is not touched");
    assert_eq!([told(&app, "refused").await?, told(&app, "unlinked").await?], [2, 1]);
    let names: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.pending WHERE events LIKE '%example.org%'")
        .fetch_one(&app.market.pool)
        .await?;
    assert_eq!(names, 0, "the ledger names nobody");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_need_the_accounts_own_signature_over_a_fresh_nonce() -> Result<()> {
    let app = App::start().await?;
    let (ada, eve) = (app.person(5).await?, app.person(6).await?);
    let good = signed(&app, &ada.signer, ada.address(), ADA).await?;
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let send = |person, body| app.by(person, Method::POST, "/v1/identities", Some(body));
    for wrong in ["", "ada@example.org", "mailto:ada", "name:ada", "tool:x", "github:-", "account:0x12"] {
        let answer = send(&ada, with("identity", json!(wrong))).await?;
        answer.problem(422, "invalid").field("identity", "is not `mailto:`");
    }
    for (person, body) in [
        (&eve, good.clone()),
        (&ada, with("identity", json!("mailto:eve@example.org"))),
        (&ada, with("nonce", json!("0123456789abcdef"))),
        (&ada, with("signature", json!("0x"))),
        (&ada, with("signature", json!("0x1234"))),
    ] {
        send(person, body).await?.problem(422, "invalid").field("signature", "over this statement");
    }
    send(&ada, with("signature", json!("x"))).await?.problem(422, "invalid").field("signature", "is not hex");
    app.post("/v1/identities", &good).await?.problem(401, "sign_in");
    assert_eq!(app.count("identity_claims").await?, 0);
    send(&ada, good.clone()).await?.expect(201);
    send(&ada, good).await?.problem(401, "sign_in_refused").says("used before");

    // A contract account claims as its contract accepts it.
    let account = Address::repeat_byte(0x12);
    testkit::contract_account(&app.market.chain, account, ada.address()).await?;
    let message = SignInMessage::new(&app, account).await?.text();
    let signature = ada.signer.sign_message_sync(message.as_bytes())?.as_bytes();
    let session = Person { signer: ada.signer.clone(), cookie: cookie(&app.verify(&message, &signature).await?) };
    let by_contract = signed(&app, &ada.signer, account, "github:Ada").await?;
    send(&session, by_contract).await?.problem(422, "invalid").says("Identity: github:ada");
    let by_contract = signed(&app, &ada.signer, account, "github:ada").await?;
    assert_eq!(send(&session, by_contract).await?.expect(201)["account"], account.to_checksum(None));
    let by_another = signed(&app, &eve.signer, account, "github:eve").await?;
    send(&session, by_another).await?.problem(422, "invalid").field("signature", "over this statement");

    // Two accounts may claim the same name, and the owner decides between them. The number of an account's open claims is
    // limited.
    claim(&app, &eve, ADA).await?.expect(201);
    for number in 1..50 {
        claim(&app, &eve, &format!("github:eve-{number}")).await?.expect(201);
    }
    claim(&app, &eve, "github:one-more").await?.problem(409, "too_many_claims").says("50 claims");
    assert_eq!(app.count("identity_claims").await?, 52);
    assert_eq!(list(&app, &eve, "?limit=200").await?.len(), 50);
    Ok(())
}
