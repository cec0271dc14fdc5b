//! The coherence of works: it is measured when a repository is imported, and shown with the source of each part.

use alloy::primitives::{Address, B256};
use anyhow::{Context, Result};
use importer::{
    Commit, Person, Repository,
    coherence::{Lines, Survey, signature::signature_of},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::app::{App, Work, random_hash};

/// Imports and measures a work with this text as its only file, by two people with equal parts.
async fn import(app: &App, owner: Address, name: &str, content_hash: B256, text: &str) -> Result<i64> {
    let person = |name: &str| Person {
        identity: format!("name:{name}"),
        name: name.to_owned(),
        system: false,
        address: None,
        address_source: None,
        also: Vec::new(),
    };
    let commit = |author: usize| Commit {
        id: format!("{author:040x}"),
        authors: vec![author],
        cost: Decimal::ONE,
        ..Commit::default()
    };
    let repository = Repository {
        name: name.into(),
        key: format!("git:{name}"),
        head: "a".repeat(40),
        content_hash,
        commits: vec![commit(0), commit(1)],
        people: vec![person("ada"), person("bob")],
        ..Repository::default()
    };
    let survey = Survey {
        commit: repository.head.clone(),
        files: 1,
        lines: Lines { code: 80, tests: 20, comments: 10 },
        readme_words: Some(500),
        signature: signature_of([text]),
        ..Survey::default()
    };
    let mut tx = app.market.pool.begin().await?;
    let imported = commands::import_repository::import(&mut tx, owner, &repository, "bafymanifest").await?;
    commands::measure_work::measure(&mut tx, imported.work_id, content_hash, &survey).await?;
    tx.commit().await?;
    Ok(imported.work_id)
}

fn input(coherence: &Value, name: &str) -> Result<Value> {
    let inputs = coherence["inputs"].as_array().context("no inputs")?;
    Ok(inputs.iter().find(|input| input["input"] == name).context("no such input")?.clone())
}

fn decimal(value: &Value) -> Result<Decimal> {
    Ok(value.as_str().context("no text")?.parse()?)
}

async fn measurements(app: &App) -> Result<(i64, i64)> {
    Ok(sqlx::query_as(
        "SELECT (SELECT count(*) FROM work_measurements),
                (SELECT count(*) FROM ledger.pending p, jsonb_array_elements(p.events::jsonb) e WHERE e->>'kind' = 'work.measured')",
    )
    .fetch_one(&app.market.pool)
    .await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_of_coherence_says_where_it_comes_from() -> Result<()> {
    let app = App::start().await?;
    let [owner, copier] = [testkit::account(1), testkit::account(2)];
    let text = "all rivers run into the sea and yet the sea is not full";
    let content_hash = random_hash();
    let work = import(&app, owner, "rivers", content_hash, text).await?;
    let asset = app.register(owner, Work { content_hash, ..Work::new() }).await?;
    let of_work = async |work: i64| anyhow::Ok(app.get(&format!("/v1/works/{work}/coherence")).await?.expect(200));
    let of_asset = async |asset: u64| anyhow::Ok(app.get(&format!("/v1/assets/{asset}/coherence")).await?.expect(200));

    let coherence = of_work(work).await?;
    assert_eq!(of_asset(asset).await?, coherence);
    assert_eq!((&coherence["workId"], &coherence["commit"]), (&json!(work.to_string()), &json!("a".repeat(40))));
    assert_eq!(coherence["contentHash"], content_hash.to_string());
    let inputs = coherence["inputs"].as_array().context("no inputs")?;
    assert_eq!(inputs.len(), 7);
    let (mut total, mut confidence, mut weights) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for input in inputs {
        let weight = decimal(&input["weight"])?;
        let measured = input["measured"] == true;
        assert_eq!(measured, input["value"].is_string(), "{input}");
        assert_eq!(measured, input["kind"] != "unmeasured", "{input}");
        assert!(!input["how"].as_str().unwrap_or_default().is_empty(), "{input}");
        weights += weight;
        confidence += if measured { weight } else { Decimal::ZERO };
        total += weight * if measured { decimal(&input["value"])? } else { Decimal::new(5, 1) };
    }
    assert_eq!(weights, Decimal::ONE);
    assert_eq!((decimal(&coherence["total"])?, decimal(&coherence["confidence"])?), (total, confidence));
    assert_eq!(input(&coherence, "novelty")?["value"], "1");
    // Nothing is made from it, and two people share its cost, which gives (0 + 0.5) / 2.
    assert_eq!(input(&coherence, "network")?["value"], "0.25");
    assert_eq!(input(&coherence, "value_add")?["measured"], false);

    // A copy has no novelty, and the explanation names the original. Neither the copy nor a later version takes
    // novelty from the original.
    let copy = import(&app, copier, "streams", random_hash(), text).await?;
    let novelty = input(&of_work(copy).await?, "novelty")?;
    assert_eq!(novelty["value"], "0");
    assert!(novelty["how"].as_str().unwrap_or_default().contains("rivers is most alike"), "{novelty}");
    let later = random_hash();
    import(&app, owner, "rivers", later, &text.replace("full", "filled")).await?;
    let newest = of_work(work).await?;
    assert_eq!(newest["contentHash"], later.to_string());
    assert_eq!(input(&newest, "novelty")?["value"], "1");
    assert_eq!(of_asset(asset).await?, coherence, "the asset is of its own version");
    // A work that existed before and becomes a copy counts as a copy all the same.
    let turned = import(&app, copier, "ponds", random_hash(), "still waters run deep they say of people").await?;
    let other =
        import(&app, owner, "wells", random_hash(), "the deeper the well the colder the water it gives").await?;
    import(&app, copier, "ponds", random_hash(), "the deeper the well the colder the water it gives").await?;
    assert_eq!(input(&of_work(turned).await?, "novelty")?["value"], "0");
    assert_eq!(input(&of_work(other).await?, "novelty")?["value"], "1");

    // When it is measured again without changes, nothing is recorded. A new work that is made from it is a change;
    // its own next version is not.
    let before = measurements(&app).await?;
    assert_eq!(before, (6, 6));
    import(&app, owner, "rivers", content_hash, text).await?;
    assert_eq!(measurements(&app).await?, before);
    let made = app.register(copier, Work { parents: vec![asset], ..Work::new() }).await?;
    app.register(copier, Work { parents: vec![asset, made], ..Work::new() }).await?;
    app.register(owner, Work { content_hash: later, parents: vec![asset], ..Work::new() }).await?;
    import(&app, owner, "rivers", content_hash, text).await?;
    assert_eq!(measurements(&app).await?, (7, 7));
    let network = input(&of_asset(asset).await?, "network")?;
    // This is (2 of 10 + 0.5) / 2.
    assert_eq!(network["value"], "0.35", "{network}");

    // Works that were not imported are not measured, and neither are works that do not exist.
    let bare = app.register(owner, Work::new()).await?;
    app.get(&format!("/v1/assets/{bare}/coherence"))
        .await?
        .problem(404, "not_found")
        .says("when their repository is imported");
    for path in
        ["/v1/assets/999/coherence", "/v1/assets/x/coherence", "/v1/works/999/coherence", "/v1/works/x/coherence"]
    {
        app.get(path).await?.problem(404, "not_found");
    }
    Ok(())
}
