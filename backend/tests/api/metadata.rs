//! What wallets and explorers show of the tokens: the addresses that the contracts give lead to documents that they can read.

use alloy::{
    primitives::{B256, U256},
    providers::DynProvider,
};
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use bindings::{AssetRegistry, Licences, Terms};
use serde_json::{Value, json};

use crate::app::{App, Work};

/// The base that the test markets are deployed with. Another host serves the same paths.
const BASE: &str = "https://market.example";

/// Follows an address of a contract to the document.
async fn follow(app: &App, uri: &str) -> Result<Value> {
    Ok(app.get(uri.strip_prefix(BASE).context("another base")?).await?.expect(200))
}

fn attribute(document: &Value, name: &str) -> Value {
    let attributes = document["attributes"].as_array().cloned().unwrap_or_default();
    attributes
        .into_iter()
        .find(|attribute| attribute["trait_type"] == name)
        .map_or(Value::Null, |found| found["value"].clone())
}

fn card(document: &Value) -> Result<String> {
    let image = document["image"].as_str().context("no image")?;
    let drawn = image.strip_prefix("data:image/svg+xml;base64,").context("no card")?;
    Ok(String::from_utf8(BASE64_STANDARD.decode(drawn)?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_lead_to_documents_that_wallets_read() -> Result<()> {
    let app = App::start().await?;
    let ann = app.person(1).await?;
    let (_, content_hash) = app.describe(&ann, "CODE", "Locks & <Quays>", "Opens gates.").await?;
    let work = app.register(ann.address(), Work { content_hash, royalty_bps: 750, ..Work::new() }).await?;
    let node: DynProvider = app.market.chain.provider.clone();
    let registry = AssetRegistry::new(app.market.deployment.asset_registry, &node);

    let document = follow(&app, &registry.tokenURI(U256::from(work)).call().await?).await?;
    assert_eq!(document["name"], "Locks & <Quays>");
    assert_eq!(document["description"], "Opens gates.");
    assert_eq!(document["external_url"], format!("{}/assets/{work}", app.origin));
    assert_eq!(attribute(&document, "Kind"), "CODE");
    assert_eq!(attribute(&document, "Royalty"), "7.5 %");
    assert_eq!(attribute(&document, "Parents"), 0);
    assert!(attribute(&document, "Registered").is_i64());
    assert!(card(&document)?.contains("Locks &amp; &lt;Quays&gt;"));

    // A work without a description, and one that is a picture.
    let bare = app.register(ann.address(), Work { parents: vec![work], ..Work::new() }).await?;
    let document = follow(&app, &registry.tokenURI(U256::from(bare)).call().await?).await?;
    assert_eq!(document["name"], format!("Asset {bare}"));
    assert_eq!(attribute(&document, "Parents"), 1);
    let picture = app.upload(&ann, b"GIF89a\x01\0\x01\0".to_vec()).await?;
    let (cid, hash) = (picture["cid"].as_str().context("no CID")?, picture["contentHash"].as_str().context("no hash")?);
    let shown = Work { kind: "IMAGE", cid: cid.to_owned(), content_hash: hash.parse()?, ..Work::new() };
    let picture = app.register(ann.address(), shown).await?;
    let document = follow(&app, &registry.tokenURI(U256::from(picture)).call().await?).await?;
    assert_eq!(document["image"], format!("{}/v1/content/{cid}", app.origin));

    let collection = follow(&app, &registry.contractURI().call().await?).await?;
    assert_eq!((&collection["name"], &collection["symbol"]), (&json!("Tributary"), &json!("TRIBUTARY")));
    assert_eq!(collection["external_link"], app.origin);
    for unknown in ["99", "0", "x", "-1", "99999999999999999999"] {
        app.get(&format!("/v1/metadata/{unknown}")).await?.problem(404, "not_found");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn licences_are_a_collection_of_their_own() -> Result<()> {
    let app = App::start().await?;
    let (ann, bob) = (app.person(1).await?, app.person(2).await?);
    let (_, content_hash) = app.describe(&ann, "MUSIC", "Slack water", "A tune.").await?;
    let work = app.register(ann.address(), Work { content_hash, kind: "MUSIC", ..Work::new() }).await?;
    let node: DynProvider = app.market.chain.provider.clone();
    let licences = Licences::new(app.market.deployment.licences, &node);
    let forever = Terms {
        textHash: B256::repeat_byte(1),
        cid: "bafkterms".into(),
        currency: Default::default(),
        price: 0,
        duration: 0,
        maxUses: 0,
        revenueShareBps: 0,
        flags: 1,
    };
    for (id, terms) in [(1, forever.clone()), (2, Terms { duration: 86_400, ..forever })] {
        let asset = U256::from(work);
        let terms_id = licences.offer(asset, terms.clone()).from(ann.address()).call().await?;
        app.call(ann.address(), *licences.address(), Licences::offerCall { assetId: asset, terms }).await?;
        let buy = Licences::buyCall { termsId: terms_id, assetId: asset, to: bob.address(), maxPrice: U256::ZERO };
        app.call(bob.address(), *licences.address(), buy).await?;
        app.mirror().await?;
        let document = follow(&app, &licences.tokenURI(U256::from(id)).call().await?).await?;
        assert_eq!(document["name"], format!("Licence {id}: Slack water"));
        assert_eq!(attribute(&document, "Asset"), work);
        assert_eq!(attribute(&document, "Terms"), terms_id.to_string());
        match id {
            1 => assert_eq!(attribute(&document, "Expires"), "Never"),
            _ => assert!(attribute(&document, "Expires").is_i64(), "{document}"),
        }
        assert!(card(&document)?.contains("Slack water"));
    }
    let collection = follow(&app, &licences.contractURI().call().await?).await?;
    assert_eq!(collection["symbol"], "LICENCE");
    app.get("/v1/metadata/licences/3").await?.problem(404, "not_found");
    Ok(())
}
