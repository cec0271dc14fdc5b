//! `tributary demo PATH`: the main job on a real repository, on a local chain of its own.
//!
//! import -> register -> list -> sell -> mirror -> distribute -> publish -> activate -> claim, for the repository and for
//! a second work derived from it under a licence, so that value flows down two levels. There is also stake on the first
//! work, a dispute over the second that is settled, and an anchor of what was distributed. Each step has a key under
//! which it happens once, so the process may be killed at any time and started again, and ends in the same amounts.

mod modules;
mod reckoning;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, U256},
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, bail};
use chain::Signers;
use domain::money::{COIN, format_units};
use sender::Sender;
use serde_json::json;
use service::{Settings, Shutdown};

use crate::{
    client::{Asset, Client, Stored, amount, milliether},
    import,
    local::{self, Keeper},
    process::{Part, Process},
};

/// The royalty of both works.
const ROYALTY_BPS: u16 = 1000;

/// The accounts of the local chain that play the parts. The first account is the engine and deployer.
struct Cast {
    creator: PrivateKeySigner,
    buyer: PrivateKeySigner,
    deriver: PrivateKeySigner,
    second_buyer: PrivateKeySigner,
    authors: [PrivateKeySigner; 2],
    editor: PrivateKeySigner,
}

/// Runs the demo on the repository at `path`, and prints the report as its last line.
///
/// # Errors
/// When the chain is not a local one, when a step fails, or when the shutdown begins.
pub async fn run(mut settings: Settings, shutdown: Shutdown, path: &Path) -> Result<()> {
    let start = Instant::now();
    // The demo runs a backend of its own.
    settings.http.listen = ([127, 0, 0, 1], free_port()?).into();
    settings.http.public_url = None;
    settings.market.payout_delay = 1;
    settings.ledger.anchor_interval = Some(1);
    let signers = local::signers()?;
    settings.market.treasury = Some(signers[9].address());
    settings.engine.key = None;
    let mut process = Process::start_migrated(settings, shutdown.clone()).await?;
    if !local::is_local(process.chain_id) {
        bail!(
            "the demo spends from public test keys: it runs on a local chain (31337) only, this is {}",
            process.chain_id
        );
    }
    let deployment = process.deployed(&Signers::from(signers.clone())).await?;
    step(&format!("Contracts: registry {}, market {}", deployment.asset_registry, deployment.market));
    process.spawn(deployment, signers.clone().into(), &[Part::Indexer, Part::Backend, Part::Sender]).await?;
    tokio::spawn(Keeper::new(process.provider.clone(), None).run(shutdown.clone()));
    let sender = Sender::new(process.pool.clone(), process.provider.clone(), process.chain_id, Signers::none());
    let client = Client::new(deployment, sender, process.settings.origin(), shutdown.clone())?;
    let [_engine, creator, buyer, deriver, second_buyer, first, second, editor, _, treasury] =
        <[PrivateKeySigner; 10]>::try_from(signers.clone())
            .map_err(|_| anyhow::anyhow!("a local chain has ten accounts"))?;
    let cast = Cast { creator, buyer, deriver, second_buyer, authors: [first, second], editor };
    let report = async {
        let story = trade(&process, &client, &cast, path).await?;
        // Distributions are closed over all income at once, so that they are the same whenever the demo was killed.
        process.spawn(deployment, signers.into(), &[Part::Workers]).await?;
        pay(&process, &client, &cast, &story.sales).await?;
        reckoning::reckon(&process, &client, &cast, &story, treasury.address(), start).await
    }
    .await;
    shutdown.begin();
    process.wait().await?;
    let report = report?;
    println!("{}", serde_json::to_string(&report)?);
    if !report.exact {
        bail!("the amounts do not add up: {}", report.differences.join("; "));
    }
    Ok(())
}

fn step(text: &str) {
    println!("{text}");
}

/// An amount of the chain's own coin, for people.
fn coins(amount: U256) -> String {
    COIN.format(amount.into())
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Makes everything that earns income, and waits until all of it is final.
async fn trade(process: &Process, client: &Client, cast: &Cast, path: &Path) -> Result<reckoning::Story> {
    let mut source = import::read(path.to_owned(), import::options(&process.settings)?).await?;
    // The first two people of the history get local accounts, as a mapping file would give them.
    let humans = source.repository.people.iter_mut().filter(|person| !person.system);
    for (person, account) in humans.zip(&cast.authors) {
        person.address = Some(account.address());
        person.address_source = Some(importer::AddressSource::Mapping);
    }
    let stored = import::store(&process.pool, &process.vault, cast.creator.address(), &source).await?;
    let (repository, imported) = (&source.repository, &stored.imported);
    step(&format!(
        "Imported {}: {} contributions of {} people, {} dependencies",
        repository.name,
        imported.contributions,
        repository.people.len(),
        imported.externals
    ));
    let manifest = process.vault.put_bytes(repository.manifest.clone().into()).await?;
    let content = Stored { content_hash: repository.content_hash, cid: manifest.cid.to_string() };
    let first = sell(
        client,
        "demo:1",
        &cast.creator,
        &cast.buyer,
        2,
        Asset {
            kind: "CODE",
            content,
            royalty_bps: ROYALTY_BPS,
            shares: vec![(cast.creator.address(), 10_000)],
            parents: vec![],
            open: false,
            consents: vec![],
        },
    )
    .await?;
    modules::stake(process, client, &cast.second_buyer, &cast.buyer, first.asset).await?;
    let licence = modules::license(process, client, &cast.buyer, &cast.deriver, first.asset).await?;
    let (content, shares) = derive(client, cast, &repository.name).await?;
    let second = sell(
        client,
        "demo:2",
        &cast.deriver,
        &cast.second_buyer,
        1,
        Asset {
            kind: "TEXT",
            content,
            royalty_bps: ROYALTY_BPS,
            shares,
            parents: vec![first.asset],
            open: false,
            consents: vec![modules::consent(&licence)],
        },
    )
    .await?;
    modules::dispute(process, client, &cast.authors[1], &cast.second_buyer, second.asset).await?;
    finality(process).await?;
    Ok(reckoning::Story {
        sales: vec![first, second],
        licence,
        externals: imported.externals,
        contributions: imported.contributions + 2,
    })
}

/// Creates a second work that is made from the first one: a guide to it, by two people.
async fn derive(client: &Client, cast: &Cast, name: &str) -> Result<(Stored, Vec<(Address, u16)>)> {
    let session = client.sign_in(&cast.deriver).await?;
    let text = format!("# A field guide to {name}\n\nHow to read it, where to start, and what to leave for later.\n");
    let content = client.upload(&session, text.into_bytes()).await?;
    let work = client
        .describe(&session, "TEXT", &format!("A field guide to {name}"), "Made from the work itself.", &content)
        .await?;
    let contribution = |who: &PrivateKeySigner, cost: &str, reference: &str| {
        json!({"contributor": who.address(), "kind": "MANUAL_LABOR", "cost": cost, "reference": reference,
               "occurredAt": "2026-01-01T00:00:00Z"})
    };
    let body = json!({"workId": work, "items": [contribution(&cast.deriver, "6", "writing"), contribution(&cast.editor, "3", "editing")]});
    client.post("/v1/contributions", Some(&session), body).await?;
    step(&format!("Derived a second work, \"A field guide to {name}\", with two contributions"));
    Ok((content, vec![(cast.deriver.address(), 7000), (cast.editor.address(), 3000)]))
}

/// Registers, lists and sells one work.
async fn sell(
    client: &Client,
    key: &str,
    owner: &PrivateKeySigner,
    buyer: &PrivateKeySigner,
    ethers: u64,
    asset: Asset<'_>,
) -> Result<reckoning::Sale> {
    let id = client.register(&format!("{key}:register"), owner, &asset).await?;
    step(&format!("Registered asset {id} ({}), content {}", asset.kind, asset.content.cid));
    let price = milliether(ethers * 1000);
    let listed = client.list(key, owner, id, 0, price).await?;
    step(&format!("Listed asset {id} for {} by a signed order", coins(price)));
    let settled = client.buy(&format!("{key}:buy"), buyer, &listed).await?;
    let history = client.get(&format!("/v1/assets/{id}/history")).await?;
    let sold = history["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|entry| entry["event"] == "sold")
        .context("the mirror has no sale")?;
    let told = |field| amount(&sold["details"], field);
    let sale = reckoning::Sale {
        asset: id,
        tx_hash: settled.tx_hash,
        price: told("price")?,
        fee: told("fee")?,
        royalty: told("royalty")?,
        net: told("net")?,
    };
    let number = |amount: U256| format_units(amount.into(), COIN.decimals);
    step(&format!(
        "Sold asset {id}: {} = fee {} + royalty {} + net {}",
        coins(sale.price),
        number(sale.fee),
        number(sale.royalty),
        number(sale.net)
    ));
    Ok(sale)
}

/// Waits until everything that was sent is final and mirrored.
async fn finality(process: &Process) -> Result<()> {
    loop {
        let reached = sqlx::query_scalar!(
            r#"SELECT finalized_number >= (SELECT max(block_number) FROM sender_transactions s WHERE s.chain_id = c.chain_id)
                 AS "reached!" FROM chain.cursors c WHERE chain_id = $1"#,
            process.chain_id.get()
        )
        .fetch_optional(&process.pool)
        .await?;
        if reached == Some(true) {
            return Ok(());
        }
        if !process.shutdown.sleep(Duration::from_millis(100)).await {
            bail!("stopped while waiting for finality");
        }
    }
}

/// Waits for the distributions, their anchor and the root over them, then claims from that.
async fn pay(process: &Process, client: &Client, cast: &Cast, sales: &[reckoning::Sale]) -> Result<()> {
    for sale in sales {
        let path = format!("/v1/distributions?asset={}", sale.asset);
        let id = client
            .wait_for("the distribution", &path, |found| found["items"][0]["id"].as_str().map(str::to_owned))
            .await?;
        let detail = client.get(&format!("/v1/distributions/{id}")).await?;
        let (distributed, reserved) = (amount(&detail, "distributed")?, amount(&detail, "reserved")?);
        step(&format!(
            "Distributed the pot of asset {}: {} to {} accounts, {} reserved for {} others",
            sale.asset,
            coins(distributed),
            detail["payoutCount"],
            coins(reserved),
            detail["reserveCount"]
        ));
        modules::anchored(process, client, &id).await?;
    }
    let payees = [&cast.authors[0], &cast.authors[1], &cast.deriver, &cast.editor, &cast.creator];
    for payee in payees {
        let path = format!("/v1/accounts/{}/earnings", payee.address());
        client
            .wait_for("an active payout root", &path, |earnings| {
                earnings.as_array()?.iter().all(|one| one["pending"] == "0").then_some(())
            })
            .await?;
    }
    step("Published the payout root and activated it");
    let mut claims = 0;
    for payee in payees {
        client.claim("demo:claim", payee).await?;
        let earnings = client.get(&format!("/v1/accounts/{}/earnings", payee.address())).await?;
        let claimed = earnings.get(0).map_or(Ok(U256::ZERO), |own| amount(own, "claimed"))?;
        if !claimed.is_zero() {
            claims += 1;
            step(&format!("Claimed {} by {}", coins(claimed), payee.address()));
        }
    }
    if claims < 2 {
        bail!("only {claims} accounts had something to claim; the demo is about at least two");
    }
    Ok(())
}
