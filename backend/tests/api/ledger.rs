//! The ledger through the API: what happened, as of any event, and receipts that can be checked without
//! us.

use anyhow::{Context, Result};
use bindings::{Anchor, AnchorEntry};
use domain::{
    B256,
    ledger::{
        Receipt,
        anchor::Latest,
        receipt::{ReceiptError, Trust, verify_receipt},
        signature::Signed,
        tree::{Consistency, leaf, verify_consistency},
    },
};
use reqwest::{Method, header};
use serde_json::{Value, json};
use store::ledger;

use crate::{
    app::{App, Person, Work},
    offers::sale,
};

impl App {
    /// Seals what was appended, and returns how many events the ledger has.
    async fn seal(&self) -> Result<u64> {
        let mut tx = self.market.pool.begin().await?;
        while ledger::seal(&mut tx, 1000).await?.events > 0 {}
        let size = ledger::head(&mut tx).await?.size;
        tx.commit().await?;
        Ok(size)
    }

    /// Anchors the ledger as it is, and mirrors the anchor.
    async fn anchor(&self) -> Result<()> {
        let size = self.seal().await?;
        let root = ledger::root_at(&mut *self.market.pool.acquire().await?, size).await?;
        let call = Anchor::anchorCall { root, size };
        self.call(testkit::account(0), self.market.deployment.anchor, call).await?;
        self.mirror().await
    }

    async fn settle(&self) -> Result<()> {
        self.market.chain.mine(3).await?;
        self.mirror().await?;
        self.mirror().await
    }

    async fn events(&self, query: &str) -> Result<Vec<(u64, String)>> {
        let page = self.get(&format!("/v1/ledger/events?{query}")).await?.expect(200);
        let items = page["items"].as_array().context("no items")?;
        let told = |item: &Value| Some((item["event"]["seq"].as_u64()?, item["event"]["kind"].as_str()?.to_owned()));
        items.iter().map(|item| told(item).context("no event")).collect()
    }
}

/// An asset whose work has two contributions, one of which was recorded after the registration, and an
/// order.
struct Story {
    owner: Person,
    asset: u64,
    work: String,
    order: String,
}

async fn tell(app: &App) -> Result<Story> {
    let owner = app.person(1).await?;
    let (work, content_hash) = app.describe(&owner, "CODE", "Library by Ada", "").await?;
    contribute(app, &owner, &work, "first", "12.5").await?;
    let asset = app.register(owner.address(), Work { content_hash, ..Work::new() }).await?;
    contribute(app, &owner, &work, "second", "0.000001").await?;
    app.approve(owner.address()).await?;
    let offer = sale(owner.address(), asset);
    let order = app.stored_offer(&offer, &owner.signer).await?;
    // Storing the same order again adds no event.
    app.offer(&offer, &owner.signer).await?.expect(200);
    Ok(Story { owner, asset, work, order })
}

async fn contribute(app: &App, owner: &Person, work: &str, reference: &str, cost: &str) -> Result<()> {
    let item = json!({"contributor": testkit::account(5), "kind": "MANUAL_LABOR", "cost": cost, "reference": reference,
                      "name": "Ada Lovelace", "summary": "by ada@example.org"});
    let body = json!({"workId": work, "items": [item]});
    app.by(owner, Method::POST, "/v1/contributions", Some(body)).await?.expect(201);
    Ok(())
}

fn expected(kinds: &[(u64, &str)]) -> Vec<(u64, String)> {
    kinds.iter().map(|(seq, kind)| (*seq, (*kind).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_listed_by_stream_and_as_of_any_event() -> Result<()> {
    let app = App::start().await?;
    let empty = app.get("/v1/ledger").await?.expect(200);
    assert_eq!((empty["size"].as_u64(), empty["root"].is_null(), empty["pending"].as_i64()), (Some(0), true, Some(0)));
    assert_eq!(app.events("").await?, []);
    let Story { owner, asset, work, order } = tell(&app).await?;
    assert_eq!(app.get("/v1/ledger").await?.expect(200)["pending"], 6);
    assert_eq!(app.seal().await?, 6);

    let all = [
        (1, "work.created"),
        (2, "work.version_added"),
        (3, "contribution.recorded"),
        (4, "contribution.recorded"),
        (5, "order.recorded"),
        (6, "advice.given"),
    ];
    assert_eq!(app.events("").await?, expected(&all));
    assert_eq!(app.events("after=1&limit=2").await?, expected(&all[1..3]));
    assert_eq!(app.events("after=1&through=2").await?, expected(&all[1..2]));
    assert_eq!(app.events("before=4&limit=2").await?, expected(&[all[2], all[1]]));
    assert_eq!(app.events("before=1").await?, []);
    assert_eq!(app.events("before=18446744073709551615&limit=1").await?, expected(&all[5..]));
    // The work's events belong to the asset, including those from before its registration.
    let stream = format!("stream=asset:31337:{asset}");
    assert_eq!(app.events(&stream).await?, expected(&all[..5]));
    assert_eq!(app.events(&format!("{stream}&through=3")).await?, expected(&all[..3]));
    assert_eq!(app.events(&format!("{stream}&before=5&limit=1")).await?, expected(&all[3..4]));
    assert_eq!(app.events(&format!("stream=work:{work}")).await?, expected(&all[..4]));
    assert_eq!(app.events(&format!("stream=order:{order}")).await?, expected(&all[5..]));
    let lower = format!("stream=account:{}", owner.address().to_string().to_lowercase());
    assert_eq!(app.events(&lower).await?, expected(&[all[0], all[4]]));
    assert_eq!(app.events("stream=asset:31337:99").await?, []);
    assert_eq!(app.events("stream=asset:x").await?, []);
    let pages = ["limit=2", "after=2&limit=2", "after=4&limit=2"];
    for (page, more) in pages.iter().zip([true, true, false]) {
        let page = app.get(&format!("/v1/ledger/events?{page}")).await?.expect(200);
        assert_eq!((page["more"].as_bool(), page["size"].as_u64()), (Some(more), Some(6)));
    }

    // The ledger, which cannot be taken back, contains nothing that a person wrote and no content hash.
    let text = String::from_utf8(app.get("/v1/ledger/events").await?.bytes.to_vec())?;
    let hash: String =
        sqlx::query_scalar("SELECT encode(content_hash, 'hex') FROM work_versions").fetch_one(&app.market.pool).await?;
    for private in ["Library", "Lovelace", "ada@", hash.as_str()] {
        assert!(!text.contains(private), "{private} stands in {text}");
    }
    assert!(text.contains(&order), "the order's hash");

    // An event never changes, and contains everything from which its hash is computed.
    let one = app.get("/v1/ledger/events/3").await?;
    let body = one.expect(200);
    assert_eq!(one.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(one.header(header::ETAG), format!("\"{}\"", body["hash"].as_str().unwrap_or_default()));
    let again = app.request(Method::GET, "/v1/ledger/events/3").header(header::IF_NONE_MATCH, one.header(header::ETAG));
    assert_eq!(app.send(again).await?.status, 304);
    let event: domain::ledger::Event = serde_json::from_value(body["event"].clone())?;
    let previous: B256 = serde_json::from_value(body["previous"].clone())?;
    assert_eq!(event.hash(previous).to_string(), body["hash"]);
    assert_eq!(body["previous"], app.get("/v1/ledger/events/2").await?.expect(200)["hash"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_named() -> Result<()> {
    let app = App::start().await?;
    tell(&app).await?;
    app.seal().await?;
    for (path, field) in [
        ("events?limit=0", "limit"),
        ("events?limit=201", "limit"),
        ("events?stream=", "stream"),
        (&format!("events?stream={}", "x".repeat(301)), "stream"),
        ("events?stream=account:0x12", "stream"),
        ("events?before=3&after=1", "before"),
        ("events?before=3&through=4", "before"),
        ("consistency?from=0&to=2", "from"),
        ("consistency?from=3&to=2", "from"),
        ("consistency?from=1&to=7", "to"),
    ] {
        app.get(&format!("/v1/ledger/{path}")).await?.problem(422, "invalid").field(field, "");
    }
    for path in ["events?after=-1", "events?after=x", "consistency?from=1", "events?through=18446744073709551616"] {
        app.get(&format!("/v1/ledger/{path}")).await?.problem(422, "invalid");
    }
    for path in
        ["events/0", "events/7", "events/x", "events/0/receipt", "events/7/receipt", "events/18446744073709551615"]
    {
        app.get(&format!("/v1/ledger/{path}")).await?.problem(404, "not_found");
    }
    app.get("/v1/assets/1/state?asOf=7").await?.problem(422, "invalid").field("asOf", "more than the 6 events");
    app.get("/v1/assets/2/state").await?.problem(404, "not_found");
    Ok(())
}

fn receipt_of(text: &[u8]) -> Result<Receipt> {
    Ok(Receipt::parse(std::str::from_utf8(text)?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_hold_by_the_contract_and_by_the_signature() -> Result<()> {
    let app = App::start().await?;
    let Story { owner, work, .. } = tell(&app).await?;
    app.seal().await?;
    let (chain_id, contract) = (app.market.deployment.chain_id, app.market.deployment.anchor);
    let engine = testkit::account(0);

    // Before there is an anchor, the signature binds the operator.
    let early = app.get("/v1/ledger/events/3/receipt").await?;
    assert_eq!(early.header(header::CONTENT_DISPOSITION), "attachment; filename=\"receipt-3.json\"");
    assert!(early.expect(200)["anchored"].is_null());
    let early = receipt_of(&early.bytes)?;
    assert_eq!(verify_receipt(&early, &Trust::Signer(engine))?.tree.size, 6);
    let head = app.get("/v1/ledger").await?.expect(200);
    assert_eq!(head["root"], early.tree.root.to_string());
    let signed: Signed = serde_json::from_value(head["signature"].clone())?;
    assert_eq!(Some(signed), early.signature);
    assert_eq!((head["unanchored"].as_u64(), head["anchor"].is_null()), (Some(6), true));

    app.anchor().await?;
    contribute(&app, &owner, &work, "third", "1").await?;
    app.anchor().await?;
    let head = app.get("/v1/ledger").await?.expect(200);
    assert_eq!((head["anchor"]["seq"].as_u64(), head["anchor"]["finalized"].as_bool()), (Some(2), Some(false)));
    assert_eq!((head["anchor"]["size"].as_u64(), head["unanchored"].as_u64()), (Some(7), Some(0)));
    // An anchor that may still leave the chain does not count for a receipt.
    assert!(app.get("/v1/ledger/events/7/receipt").await?.expect(200)["anchored"].is_null());
    app.settle().await?;
    let anchors = Anchor::new(contract, &app.market.chain.provider);
    let latest = anchors.latest().call().await?;
    let latest = Latest { seq: latest.seq, size: latest.size, head: latest.head };
    let trust = Trust::Latest { chain_id: chain_id.0, contract, latest };
    for seq in 1..=7 {
        let receipt = receipt_of(&app.get(&format!("/v1/ledger/events/{seq}/receipt")).await?.bytes)?;
        let verified = verify_receipt(&receipt, &trust)?;
        assert_eq!((verified.event.seq, verified.signer), (seq, Some(engine)));
        verify_receipt(&receipt, &Trust::Signer(engine))?;
        let anchored = receipt.anchored.as_ref().context("it is anchored")?;
        assert_eq!(anchored.block, head["anchor"]["blockNumber"]);
        let entries: Vec<AnchorEntry> = anchored.anchors.iter().map(entry).collect::<Result<_>>()?;
        let verify = |leaf| anchors.verify(entries.clone(), anchored.previous_head, leaf, receipt.proof.clone());
        assert!(verify(leaf(seq, receipt.hash)).call().await?, "event {seq}");
        assert!(!verify(leaf(seq + 1, receipt.hash)).call().await?, "event {seq} at another place");
    }
    // The early receipt says that it is older than the anchor, and its tree is the beginning of the later
    // tree.
    assert_eq!(verify_receipt(&early, &trust), Err(ReceiptError::NotYetAnchored));
    let growth = app.get("/v1/ledger/consistency?from=6&to=7").await?;
    assert_eq!(growth.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    let growth = growth.expect(200);
    let proof: Consistency = serde_json::from_value(json!({"peaks": growth["peaks"], "added": growth["added"]}))?;
    let root: B256 = serde_json::from_value(growth["to"]["root"].clone())?;
    assert!(verify_consistency((6, early.tree.root), (7, root), &proof));
    assert!(!verify_consistency((6, root), (7, root), &proof));
    assert_eq!(head["root"], root.to_string());

    // A server without the key gives receipts without a signature.
    let origin = app.serve(|state| state.signer = None).await?;
    let plain = app.send(app.request_at(&origin, Method::GET, "/v1/ledger/events/1/receipt")).await?;
    assert!(plain.expect(200)["signature"].is_null());
    verify_receipt(&receipt_of(&plain.bytes)?, &trust)?;

    // A ledger that differs from the anchored one has no receipts.
    let call = Anchor::anchorCall { root: B256::repeat_byte(1), size: 8 };
    app.call(engine, contract, call).await?;
    app.settle().await?;
    contribute(&app, &owner, &work, "fourth", "1").await?;
    app.seal().await?;
    app.get("/v1/ledger/events/1/receipt").await?.problem(500, "internal");
    Ok(())
}

fn entry(anchor: &domain::ledger::anchor::Anchor) -> Result<AnchorEntry> {
    Ok(AnchorEntry {
        seq: u32::try_from(anchor.seq)?,
        size: anchor.size.try_into()?,
        time: anchor.time.try_into()?,
        root: anchor.root,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_an_asset_is_what_its_events_add_up_to() -> Result<()> {
    let app = App::start().await?;
    let Story { asset, work, order, .. } = tell(&app).await?;
    app.seal().await?;
    let state = async |as_of: &str| {
        Ok::<_, anyhow::Error>(app.get(&format!("/v1/assets/{asset}/state{as_of}")).await?.expect(200))
    };
    let now = state("").await?;
    assert_eq!((now["asOf"].as_u64(), now["lastEvent"].as_u64(), now["events"].as_u64()), (Some(6), Some(5), Some(5)));
    // At the head, the state is what the tables say.
    let (count, cost, weight): (i64, String, String) = sqlx::query_as(
        "SELECT count(*), trim_scale(sum(cost))::text, sum(weight)::text FROM contributions WHERE work_id = $1",
    )
    .bind(work.parse::<i64>()?)
    .fetch_one(&app.market.pool)
    .await?;
    let accepted = json!({"state": "accepted", "count": count, "contributors": 1, "cost": cost, "weight": weight});
    assert_eq!((&now["contributions"][0], cost.as_str()), (&accepted, "12.500001"));
    assert_eq!((&now["works"], &now["newestOrders"]), (&json!([work]), &json!([order])));
    assert_eq!(now["kinds"]["contribution.recorded"], 2);
    let commitment: String =
        sqlx::query_scalar("SELECT '0x' || encode(sha256(content_hash), 'hex') FROM work_versions")
            .fetch_one(&app.market.pool)
            .await?;
    assert_eq!((now["versions"].as_u64(), now["newestVersion"].as_str()), (Some(1), Some(commitment.as_str())));
    // As of an earlier event, it is what they said then.
    let then = state("?asOf=3").await?;
    assert_eq!(then["contributions"][0]["cost"], "12.5");
    assert_eq!(
        (then["orders"].as_u64(), then["lastEvent"].as_u64(), then["events"].as_u64()),
        (Some(0), Some(3), Some(3))
    );
    let nothing = state("?asOf=0").await?;
    assert_eq!((nothing["events"].as_u64(), nothing["lastEvent"].is_null()), (Some(0), true));
    assert_eq!(nothing["works"], json!([]));
    Ok(())
}
