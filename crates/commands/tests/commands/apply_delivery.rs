//! GitHub's deliveries as a command, without HTTP and without workers.

use alloy::primitives::keccak256;
use anyhow::{Context, Result};
use commands::{
    Actor, Programs, Tx,
    apply_delivery::{self, Failed, Ignored, Outcome, Push},
    decide_identity,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use store::{
    accounts::identities::{self, Claim},
    github::{self, NewDelivery},
    works,
};

/// A work with a hook, and what GitHub delivers by it.
struct Work {
    pool: PgPool,
    id: i64,
    hook: String,
}

impl Work {
    async fn new() -> Result<Self> {
        let pool = testkit::database().await?;
        let new = works::NewWork {
            owner: testkit::account(1),
            kind: "CODE",
            title: "Library",
            description: "",
            source: "upload",
            source_key: "library",
            source_url: None,
        };
        let mut tx = pool.begin().await?;
        let id = works::create(&mut tx, &new).await?.id;
        let hook = github::create_hook(&mut tx, id, &"5".repeat(64), 1).await?.context("there is room for a hook")?.id;
        tx.commit().await?;
        Ok(Self { pool, id, hook })
    }

    async fn deliver(&self, tx: &mut Tx, event: &str, payload: &Value) -> Result<i64> {
        let payload = payload.to_string();
        let payload_hash = keccak256(&payload);
        let guid = format!("{payload_hash:?}");
        let delivery = NewDelivery {
            hook: &self.hook,
            work: self.id,
            guid: &guid,
            event,
            action: None,
            payload: payload.as_bytes(),
            payload_hash: payload_hash.0,
        };
        github::receive(tx, &delivery).await?.context("the delivery is new")
    }

    /// Delivers, and applies what was delivered.
    async fn apply(&self, tx: &mut Tx, event: &str, payload: &Value) -> Result<Outcome> {
        let id = self.deliver(tx, event, payload).await?;
        let delivery = apply_delivery::next(tx, self.id).await?.context("a delivery waits")?;
        assert_eq!((delivery.id, delivery.work, delivery.attempts), (id, self.id, 0));
        let outcome = apply_delivery::apply(tx, &delivery, &Programs::default()).await?;
        assert_eq!(stored(tx, id).await?, (outcome.state().to_owned(), outcome.to_string()));
        assert!(apply_delivery::next(tx, self.id).await?.is_none(), "it is applied once");
        Ok(outcome)
    }
}

/// The state and the message of a delivery.
async fn stored(tx: &mut Tx, delivery: i64) -> Result<(String, String)> {
    let row = sqlx::query_as("SELECT state, message FROM github_deliveries WHERE id = $1").bind(delivery);
    Ok(row.fetch_one(&mut **tx).await?)
}

async fn contributions(tx: &mut Tx) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM contributions").fetch_one(&mut **tx).await?)
}

fn id(number: u32) -> String {
    format!("{number:040x}")
}

fn repository(name: &str, id: u64) -> Value {
    json!({"id": id, "full_name": name, "default_branch": "main", "html_url": format!("https://github.com/{name}")})
}

fn commit(number: u32, message: &str) -> Value {
    json!({
        "id": id(number), "message": message, "timestamp": "2024-03-01T13:00:00+01:00",
        "url": format!("https://github.com/octo/hello/commit/{}", id(number)),
        "author": {"name": "Octo Cat", "email": "octo@example.org"}, "modified": ["src/a.rs"]
    })
}

fn push(commits: &[Value]) -> Value {
    let after = commits.last().map_or(json!(id(0)), |commit| commit["id"].clone());
    json!({
        "ref": "refs/heads/main", "before": id(999), "after": after, "commits": commits,
        "repository": repository("octo/hello", 7)
    })
}

#[tokio::test]
async fn a_push_says_what_it_brought() -> Result<()> {
    let work = Work::new().await?;
    let mut tx = work.pool.begin().await?;
    let brought = work.apply(&mut tx, "push", &push(&[commit(1, "One"), commit(2, "Two")])).await?;
    let expected = Push { listed: 2, recorded: 2, contributions: 2, ..Push::default() };
    assert_eq!(brought.push(), Some(&expected));
    assert!(matches!(brought, Outcome::Applied(_)));
    assert_eq!(brought.to_string(), "2 of 2 commits recorded.");

    let mut mixed =
        push(&[commit(2, "Two"), commit(2, "Two"), commit(4, "Merge branch 'fix'"), commit(3, "Three"), commit(3, "")]);
    mixed["forced"] = json!(true);
    mixed["after"] = json!(id(9));
    let brought = work.apply(&mut tx, "push", &mixed).await?;
    let expected = Push {
        listed: 5,
        recorded: 1,
        contributions: 1,
        known: 1,
        repeated: 2,
        merges: 1,
        on_other_branches: 0,
        incomplete: true,
        rewritten: true,
    };
    assert_eq!(brought.push(), Some(&expected));
    assert_eq!(
        brought.to_string(),
        "1 of 5 commits recorded; 1 known before; 2 listed twice; 1 merging others; GitHub may not have listed all: import \
         the repository for the rest; history was rewritten: the same work may have come under other ids."
    );

    let mut branch = push(&[commit(5, "Five")]);
    branch["ref"] = json!("refs/heads/feature");
    let brought = work.apply(&mut tx, "push", &branch).await?;
    let expected = Push { listed: 1, on_other_branches: 1, ..Push::default() };
    assert!(matches!(&brought, Outcome::Ignored(Ignored::EmptyPush(push)) if *push == expected), "{brought:?}");
    assert_eq!(brought.to_string(), "0 of 1 commits recorded; 1 not on the default branch.");
    assert_eq!(contributions(&mut tx).await?, 3);

    // None of it is true before the caller commits.
    tx.rollback().await?;
    let mut tx = work.pool.begin().await?;
    assert_eq!(contributions(&mut tx).await?, 0);
    assert!(apply_delivery::next(&mut tx, work.id).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn what_brings_nothing_says_why() -> Result<()> {
    let work = Work::new().await?;
    let mut tx = work.pool.begin().await?;
    let request = |action: &str, repository: Value| {
        json!({
            "action": action, "number": 7, "repository": repository,
            "pull_request": {
                "html_url": "https://github.com/octo/hello/pull/7", "title": "Fix it", "user": null, "merged": true,
                "merged_by": null, "merge_commit_sha": id(7), "base": {"ref": "main"}
            }
        })
    };
    let (own, foreign) = (repository("octo/hello", 7), repository("evil/hello", 8));
    for (event, payload, expected) in [
        ("ping", json!({"zen": "Design for failure."}), Ignored::Ping),
        ("star", json!({}), Ignored::OtherEvent { event: "star".into() }),
        ("pull_request", request("closed", own.clone()), Ignored::MergedRequest { number: 7, commit: id(7) }),
        ("pull_request", request("opened", own), Ignored::Request { number: 7, action: "opened".into() }),
        (
            "pull_request",
            request("closed", foreign),
            Ignored::OtherRepository { repository: "evil/hello".into(), bound: "octo/hello".into() },
        ),
    ] {
        let outcome = work.apply(&mut tx, event, &payload).await?;
        assert!(matches!(&outcome, Outcome::Ignored(ignored) if *ignored == expected), "{outcome:?}");
        assert_eq!(outcome.push(), None);
    }
    let mut impossible = push(&[commit(1, "One")]);
    impossible["repository"] = repository("octo/hello", u64::MAX);
    let outcome = work.apply(&mut tx, "push", &impossible).await?;
    assert!(matches!(outcome, Outcome::Failed(Failed::RepositoryNumber { id: u64::MAX })), "{outcome:?}");
    let outcome = work.apply(&mut tx, "push", &json!({"ref": "refs/heads/main"})).await?;
    assert!(matches!(outcome, Outcome::Failed(Failed::Payload(_))), "{outcome:?}");
    assert_eq!(contributions(&mut tx).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_the_database_refuses_leaves_the_transaction_whole() -> Result<()> {
    let work = Work::new().await?;
    sqlx::raw_sql("ALTER TABLE contributions ADD CHECK (summary <> 'One')").execute(&work.pool).await?;
    let mut tx = work.pool.begin().await?;
    let id = work.deliver(&mut tx, "push", &push(&[commit(2, "Two"), commit(1, "One")])).await?;
    let delivery = apply_delivery::next(&mut tx, work.id).await?.context("a delivery waits")?;
    apply_delivery::apply(&mut tx, &delivery, &Programs::default()).await.expect_err("the database takes it");
    assert_eq!(contributions(&mut tx).await?, 0);
    assert_eq!(stored(&mut tx, id).await?, ("received".to_owned(), String::new()), "it waits as before");

    let outcome = apply_delivery::give_up(&mut tx, &delivery, 10).await?;
    assert!(matches!(outcome, Outcome::Failed(Failed::GivenUp { tries: 10 })), "{outcome:?}");
    let message = "It was tried 10 times and could not be recorded. Ask for it again later.";
    assert_eq!(stored(&mut tx, id).await?, ("failed".to_owned(), message.to_owned()));
    Ok(())
}

/// Who contributed to works, and how many contributions each made.
async fn contributors(tx: &mut Tx) -> Result<Vec<(String, i64)>> {
    Ok(sqlx::query_as(
        "SELECT p.key, count(*) FROM contributions c JOIN contributors p ON p.id = c.contributor_id GROUP BY p.key ORDER BY p.key",
    )
    .fetch_all(&mut **tx)
    .await?)
}

#[tokio::test]
async fn one_account_is_one_contributor_and_a_claim_to_its_login_reaches_all() -> Result<()> {
    let work = Work::new().await?;
    let mut tx = work.pool.begin().await?;
    let by = |number: u32, author: Value| {
        let mut commit = commit(number, "Work");
        commit["author"] = author;
        commit
    };
    // The first push does not know the login; later ones tell it, also with other emails of the same account.
    let first = push(&[by(1, json!({"name": "Octo", "email": "octo@example.org"}))]);
    work.apply(&mut tx, "push", &first).await?;
    let later = push(&[
        by(2, json!({"name": "Octo", "email": "octo@example.org", "username": "OctoCat"})),
        by(3, json!({"name": "Octo", "email": "7+octocat@users.noreply.github.com"})),
        by(4, json!({"name": "Octo", "email": "cat@example.org", "username": "octocat"})),
        by(5, json!({"name": "Eve", "email": "eve@example.org"})),
    ]);
    work.apply(&mut tx, "push", &later).await?;
    let cat = push(&[by(6, json!({"name": "Octo", "email": "Cat@example.org"}))]);
    work.apply(&mut tx, "push", &cat).await?;
    let expected = [("mailto:eve@example.org".to_owned(), 1), ("mailto:octo@example.org".to_owned(), 5)];
    assert_eq!(contributors(&mut tx).await?, expected);

    // An email stays with the account that had it first.
    let other = push(&[by(8, json!({"name": "Other", "email": "cat@example.org", "username": "other"}))]);
    work.apply(&mut tx, "push", &other).await?;
    assert_eq!(contributors(&mut tx).await?[0], ("github:other".to_owned(), 1));

    // A program's commit counts for whoever merged it, who is the same contributor.
    let mut merged =
        push(&[by(7, json!({"name": "renovate[bot]", "email": "29139614+renovate[bot]@users.noreply.github.com"}))]);
    merged["sender"] = json!({"login": "octocat", "type": "User"});
    work.apply(&mut tx, "push", &merged).await?;
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "SELECT p.key, t.key FROM contributions c JOIN contributors p ON p.id = c.contributor_id
         JOIN contributors t ON t.id = ANY (c.triggered_by)",
    )
    .fetch_all(&mut *tx)
    .await?;
    let program = "tool:mailto:29139614+renovate[bot]@users.noreply.github.com";
    assert_eq!(triggers, [(program.to_owned(), "mailto:octo@example.org".to_owned())]);

    // What pushes to this owner's work tell says nothing about the works of others.
    let identity = "github:octocat".parse()?;
    let claim = Claim { identity: &identity, account: testkit::account(5), statement: "mine", signature: &[1] };
    let (claim, _) = identities::claim(&mut tx, &claim).await?;
    assert!(decide_identity::decide(&mut tx, Actor(testkit::account(2)), claim, true, "").await.is_err());
    decide_identity::decide(&mut tx, Actor(testkit::account(1)), claim, true, "").await?;
    let paid: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT p.key, a.address::bytea FROM contributor_addresses a JOIN contributors p ON p.id = a.contributor_id",
    )
    .fetch_all(&mut *tx)
    .await?;
    assert_eq!(paid, [("mailto:octo@example.org".to_owned(), testkit::account(5).to_vec())]);
    Ok(())
}
