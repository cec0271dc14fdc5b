//! The sample catalogue: a few works with lineage, orders and a sale. It is loaded once into an empty local market, by
//! the same steps that a user takes.

mod history;

use alloy::signers::local::PrivateKeySigner;
use anyhow::{Context, Result};
use chain::Signers;
use sender::Sender;
use store::deployments::Deployment;

use crate::{
    client::{Asset, Client, Stored, milliether},
    import, local,
    process::Process,
};

struct Sample {
    title: &'static str,
    about: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    /// The index of the owner among the local accounts.
    owner: usize,
    /// A co-owner with 40 %.
    co_owner: Option<usize>,
    royalty_bps: u16,
    /// Indices in the catalogue.
    parents: &'static [usize],
    /// The price, in thousandths of an ether.
    price: Option<u64>,
}

const CATALOGUE: [Sample; 6] = [
    Sample {
        title: "River gauges, spring 2025",
        about: "Levels and flow at three stations of the Alder, by hand and by radar.",
        kind: "DATASET",
        bytes: include_bytes!("river-gauges.csv"),
        owner: 1,
        co_owner: None,
        royalty_bps: 500,
        parents: &[],
        price: Some(300),
    },
    Sample {
        title: "Delta at dusk",
        about: "A drawing of the lower delta, evening light.",
        kind: "IMAGE",
        bytes: include_bytes!("delta-at-dusk.svg"),
        owner: 3,
        co_owner: None,
        royalty_bps: 750,
        parents: &[],
        price: Some(400),
    },
    Sample {
        title: "Confluence",
        about: "A jig in D, for two fiddles.",
        kind: "MUSIC",
        bytes: include_bytes!("confluence.abc"),
        owner: 4,
        co_owner: Some(5),
        royalty_bps: 1000,
        parents: &[],
        price: Some(800),
    },
    Sample {
        title: "Flood forecaster",
        about: "Tomorrow's level at the confluence, from two gauges and the rain.",
        kind: "MODEL",
        bytes: include_bytes!("flood-forecaster.json"),
        owner: 2,
        co_owner: None,
        royalty_bps: 1000,
        parents: &[0],
        price: Some(1500),
    },
    Sample {
        title: "Tide table poster",
        about: "Three stations on one sheet, for the kitchen wall.",
        kind: "DESIGN",
        bytes: include_bytes!("tide-table.svg"),
        owner: 3,
        co_owner: None,
        royalty_bps: 500,
        parents: &[0, 1],
        price: Some(250),
    },
    Sample {
        title: "Reading the river",
        about: "An essay on gauges, stones and a barn door.",
        kind: "TEXT",
        bytes: include_bytes!("reading-the-river.md"),
        owner: 6,
        co_owner: None,
        royalty_bps: 800,
        parents: &[0, 2],
        price: None,
    },
];
/// The index of the work that is sold, so that there is a payout to look at.
const SOLD: usize = 3;
const BUYER: usize = 7;
const LAST_STEP: &str = "sample:buy";

/// Loads the catalogue, and trades in it if the chain has a past, unless that was done before.
///
/// # Errors
/// When a step fails, or when the node or the database fails.
pub async fn load(process: &Process, deployment: &Deployment) -> Result<()> {
    let loaded = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sender_transactions WHERE chain_id = $1 AND key = $2 AND state IN ('mined', 'final')) AS "loaded!""#,
        process.chain_id.get(),
        LAST_STEP
    )
    .fetch_one(&process.pool)
    .await?;
    if loaded {
        return Ok(());
    }
    eprintln!("Loading the sample catalogue");
    let sender = Sender::new(process.pool.clone(), process.provider.clone(), process.chain_id, Signers::none());
    let client = Client::new(*deployment, sender, process.settings.origin(), process.shutdown.clone())?;
    let people = local::signers()?;
    load_this_repository(process, &client, &people[1]).await?;
    let mut ids = Vec::new();
    let mut sold = None;
    for (place, sample) in CATALOGUE.iter().enumerate() {
        let owner = &people[sample.owner];
        let session = client.sign_in(owner).await?;
        let content = client.upload(&session, sample.bytes.to_vec()).await?;
        client.describe(&session, sample.kind, sample.title, sample.about, &content).await?;
        let shares = match sample.co_owner {
            Some(other) => vec![(owner.address(), 6000), (people[other].address(), 4000)],
            None => vec![(owner.address(), 10_000)],
        };
        let parents = sample.parents.iter().map(|parent| ids[*parent]).collect();
        let asset = Asset {
            kind: sample.kind,
            content,
            royalty_bps: sample.royalty_bps,
            shares,
            parents,
            open: true,
            consents: vec![],
        };
        let id = client.register(&format!("sample:{place}:register"), owner, &asset).await?;
        ids.push(id);
        if let Some(price) = sample.price {
            let listed = client.list(&format!("sample:{place}"), owner, id, 0, milliether(price)).await?;
            if place == SOLD {
                sold = Some(listed);
            }
        }
    }
    history::trade(&client, (&process.pool, &process.provider), &people, &ids).await?;
    let sold = sold.context("the sold sample has a price")?;
    client.buy(LAST_STEP, &people[BUYER], &sold).await?;
    Ok(())
}

/// Imports the repository in which this runs, if it runs in one.
async fn load_this_repository(process: &Process, client: &Client, owner: &PrivateKeySigner) -> Result<()> {
    let here = std::env::current_dir()?;
    if !here.join(".git").exists() {
        return Ok(());
    }
    let source = match import::read(here, import::options(&process.settings)?).await {
        Ok(source) => source,
        // A fresh or shallow clone has nothing to import, so the catalogue is loaded without it.
        Err(error) => {
            eprintln!("  note: this repository is not in the sample catalogue: {error:#}");
            return Ok(());
        }
    };
    import::store(&process.pool, &process.vault, owner.address(), &source).await?;
    let repository = &source.repository;
    let manifest = process.vault.put_bytes(repository.manifest.clone().into()).await?;
    let asset = Asset {
        kind: "CODE",
        content: Stored { content_hash: repository.content_hash, cid: manifest.cid.to_string() },
        royalty_bps: 1000,
        shares: vec![(owner.address(), 10_000)],
        parents: vec![],
        open: true,
        consents: vec![],
    };
    let id = client.register("sample:repository:register", owner, &asset).await?;
    client.list("sample:repository", owner, id, 0, milliether(5000)).await?;
    Ok(())
}
