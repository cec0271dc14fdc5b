//! Trade in the sample catalogue from the chain's beginning until now, if a local chain begins in the past, so that there are
//! prices to learn from and days to look back on.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::{
    primitives::U256,
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::BlockNumberOrTag,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result};
use facts::ChainId;
use futures::future::try_join_all;
use sqlx::PgPool;

use crate::client::{Asset, Client, milliether};

/// Works like one of the catalogue, made from it.
struct Series {
    titles: [&'static str; 3],
    about: &'static str,
    kind: &'static str,
    /// The index of their author among the local accounts.
    author: usize,
    /// Index in the catalogue.
    parent: usize,
    /// Their first price, in thousandths of an ether.
    price: u64,
}

const SERIES: [Series; 7] = [
    Series {
        titles: ["gauge-reader", "tide-tables", "river-plot"],
        about: "A small program for the gauges' files.",
        kind: "CODE",
        author: 1,
        parent: 0,
        price: 4600,
    },
    Series {
        titles: ["River gauges, summer 2025", "River gauges, autumn 2025", "River gauges, winter 2025"],
        about: "The same three stations, a season later.",
        kind: "DATASET",
        author: 1,
        parent: 0,
        price: 280,
    },
    Series {
        titles: ["Delta at dawn", "Delta at noon", "Delta in fog"],
        about: "The lower delta again, in other light.",
        kind: "IMAGE",
        author: 3,
        parent: 1,
        price: 390,
    },
    Series {
        titles: ["Confluence, as a reel", "Confluence, as a waltz", "Confluence, for pipes"],
        about: "The tune, arranged.",
        kind: "MUSIC",
        author: 4,
        parent: 2,
        price: 760,
    },
    Series {
        titles: ["Frost forecaster", "Drought forecaster", "Ice forecaster"],
        about: "From the same gauges, for another trouble.",
        kind: "MODEL",
        author: 2,
        parent: 3,
        price: 1450,
    },
    Series {
        titles: ["Tide table, pocket size", "Tide table for the boat", "Tide table in large print"],
        about: "Three stations, printed once more.",
        kind: "DESIGN",
        author: 3,
        parent: 4,
        price: 240,
    },
    Series {
        titles: ["Reading the rain", "Reading the ice", "Reading the mud"],
        about: "An essay on what water leaves behind.",
        kind: "TEXT",
        author: 6,
        parent: 5,
        price: 180,
    },
];
/// The accounts that trade. Every work goes from account to account in a circle, so that none comes back soon, which would look
/// like wash trading. The first account is the market's own.
const TRADERS: std::ops::Range<usize> = 1..10;
/// How many sales each day of a week has. All are of different works.
const DAILY: [u64; 7] = [4, 5, 3, 6, 5, 7, 5];
/// How many days have sales. They are stretched over the available time.
const DAYS: u64 = 60;
/// How many works are for sale in the end.
const LISTED: u64 = 5;
/// A chain that began less than this many seconds ago has no past to fill.
const SHORTEST: u64 = 14 * 86_400;

/// Trades from the chain's present until now, unless that was done already.
///
/// # Errors
/// When a transaction fails, or when the node or the database fails.
pub async fn trade(
    client: &Client,
    (pool, provider): (&PgPool, &DynProvider),
    people: &[PrivateKeySigner],
    catalogue: &[u64],
) -> Result<()> {
    let sold = sold(pool, client.deployment.chain_id).await?;
    if sold == 0 && until_now(newest(provider).await?)? < SHORTEST {
        return Ok(());
    }
    eprintln!("Trading in it until today: {DAYS} days of sales");
    let works = register(client, people, catalogue).await?;
    for trader in TRADERS {
        client.approve(&format!("sample:approve:{trader}"), &people[trader]).await?;
    }
    let mut next = 0;
    for day in 0..DAYS {
        let sales = next..next + DAILY[day as usize % DAILY.len()];
        next = sales.end;
        if sales.end <= sold {
            continue;
        }
        pass(provider, DAYS - day).await?;
        let sell = async |sale: u64| {
            let (work, round) = works.nth_sale(sale);
            let offer = client.offer(&people[work.owner(round)], work.id, round, work.price(sale)).await?;
            client.fill(&format!("sample:sale:{sale}"), &people[work.owner(round + 1)], &offer).await
        };
        try_join_all(sales.map(sell)).await?;
        if (day + 1) % 20 == 0 {
            eprintln!("  {} days", day + 1);
        }
    }
    pass(provider, 1).await?;
    let (work, round) = works.nth_sale(next - 1);
    let owner = people[work.owner(round + 1)].address().to_checksum(None);
    let path = format!("/v1/assets/{}", work.id);
    client.wait_for("the last sale", &path, |asset| (asset["owner"] == *owner).then_some(())).await?;
    for sale in next..next + LISTED {
        let (work, round) = works.nth_sale(sale);
        let key = format!("sample:again:{sale}");
        client.list(&key, &people[work.owner(round)], work.id, round, work.price(sale)).await?;
    }
    Ok(())
}

/// Sales that were made.
async fn sold(pool: &PgPool, chain_id: ChainId) -> Result<u64> {
    let sold = sqlx::query_scalar!(
        r#"SELECT count(*) AS "sold!" FROM sender_transactions
           WHERE chain_id = $1 AND key LIKE 'sample:sale:%' AND state IN ('mined', 'final')"#,
        chain_id.get()
    );
    Ok(sold.fetch_one(pool).await? as u64)
}

struct Work {
    id: u64,
    /// The author's place among the traders.
    author: u64,
    /// The price, in thousandths of an ether.
    price: u64,
}

struct Works(Vec<Work>);

impl Works {
    /// Returns which work a sale is of, and how often it was sold before. Each work is sold once per round.
    fn nth_sale(&self, sale: u64) -> (&Work, u64) {
        let count = self.0.len() as u64;
        (&self.0[(sale * 5 % count) as usize], sale / count)
    }
}

impl Work {
    /// Returns the owner after `sales` sales, as an index of the local accounts.
    fn owner(&self, sales: u64) -> usize {
        TRADERS.start + (self.author + sales) as usize % TRADERS.len()
    }

    /// Returns the price of a sale, in wei. Prices rise by a sixth over all sales, and scatter by up to 8 % around that.
    fn price(&self, sale: u64) -> U256 {
        let scatter = scattered(sale) % 161;
        milliether(self.price * (920 + scatter) * (1800 + sale) / (1_000 * 1_800))
    }
}

async fn register(client: &Client, people: &[PrivateKeySigner], catalogue: &[u64]) -> Result<Works> {
    let mut works = Vec::new();
    for series in &SERIES {
        let author = &people[series.author];
        let session = client.sign_in(author).await?;
        for title in series.titles {
            let content = client.upload(&session, format!("{title}\n\n{}\n", series.about).into_bytes()).await?;
            client.describe(&session, series.kind, title, series.about, &content).await?;
            let asset = Asset {
                kind: series.kind,
                content,
                royalty_bps: 500,
                shares: vec![(author.address(), 10_000)],
                parents: vec![catalogue[series.parent]],
                open: true,
                consents: vec![],
            };
            let id = client.register(&format!("sample:series:{title}"), author, &asset).await?;
            works.push(Work { id, author: (series.author - TRADERS.start) as u64, price: series.price });
        }
    }
    Ok(Works(works))
}

/// Returns a number that looks random and is the same each time (the finalizer of SplitMix64).
fn scattered(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Lets a part of the time until now pass before the next block.
async fn pass(provider: &DynProvider, part: u64) -> Result<()> {
    let newest = newest(provider).await?;
    let step = until_now(newest)? / part;
    // The last minute is left out, because blocks are mined in it anyway.
    if step > 60 {
        provider.anvil_set_next_block_timestamp(newest + step).await?;
    }
    Ok(())
}

fn until_now(second: u64) -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().saturating_sub(second))
}

/// Returns when the newest block was made.
async fn newest(provider: &DynProvider) -> Result<u64> {
    let newest = provider.get_block_by_number(BlockNumberOrTag::Latest).await?.context("a chain without blocks")?;
    Ok(newest.header.timestamp)
}
