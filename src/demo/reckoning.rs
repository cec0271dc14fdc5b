//! Adds everything up in base units, and compares it with the chain itself.

use std::time::Instant;

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use anyhow::{Context, Result};
use bindings::{Market, Payouts};
use serde::Serialize;

use super::{
    Cast, finality,
    modules::{self, Licence},
};
use crate::{
    client::{Client, amount},
    process::Process,
};

/// One sale, as the mirror has it.
pub struct Sale {
    pub asset: u64,
    pub tx_hash: B256,
    pub price: U256,
    pub fee: U256,
    pub royalty: U256,
    pub net: U256,
}

pub struct Story {
    pub sales: Vec<Sale>,
    pub licence: Licence,
    pub externals: usize,
    pub contributions: i64,
}

/// The demo's last line. Amounts are decimal strings of wei.
#[derive(Debug, Serialize)]
pub struct Report {
    pub price: String,
    pub fee: String,
    pub royalty: String,
    pub net: String,
    pub licences: String,
    pub distributed: String,
    pub reserved: String,
    pub claimed: String,
    pub assets: usize,
    /// Assets and the external works beneath them.
    pub works: usize,
    pub contributions: i64,
    pub seconds: f64,
    pub exact: bool,
    #[serde(skip)]
    pub differences: Vec<String>,
}

/// Compares amounts that must be equal, and remembers differences.
struct Ledger(Vec<String>);

impl Ledger {
    fn equal(&mut self, what: &str, left: U256, right: U256) {
        if left != right {
            self.0.push(format!("{what}: {left} against {right}"));
        }
    }
}

/// Adds up all sales, distributions and claims, and compares them with the chain.
///
/// # Errors
/// When the server, the node or the database fails.
pub async fn reckon(
    process: &Process,
    client: &Client,
    cast: &Cast,
    story: &Story,
    treasury: Address,
    start: Instant,
) -> Result<Report> {
    let mut ledger = Ledger(Vec::new());
    let (mut price, mut fee, mut royalty, mut net) = (U256::ZERO, U256::ZERO, U256::ZERO, U256::ZERO);
    for sale in &story.sales {
        let filled: Market::Filled = modules::event(process, sale.tx_hash).await?;
        ledger.equal("price of a sale, mirror against chain", sale.price, filled.price);
        ledger.equal("fee of a sale, mirror against chain", sale.fee, filled.fee);
        ledger.equal("royalty of a sale, mirror against chain", sale.royalty, filled.royalty);
        ledger.equal("net of a sale, mirror against chain", sale.net, filled.net);
        ledger.equal("price = fee + royalty + net", sale.price, sale.fee + sale.royalty + sale.net);
        price += sale.price;
        fee += sale.fee;
        royalty += sale.royalty;
        net += sale.net;
    }
    let (mut distributed, mut reserved) = (U256::ZERO, U256::ZERO);
    for sale in &story.sales {
        let list = client.get(&format!("/v1/distributions?asset={}&limit=200", sale.asset)).await?;
        for one in list["items"].as_array().context("no distributions")? {
            distributed += amount(one, "distributed")?;
            reserved += amount(one, "reserved")?;
        }
    }
    let deployment = &client.deployment;
    let payouts = Payouts::new(deployment.payouts, &process.provider);
    let declared = U256::from(payouts.tallyOf(Address::ZERO).call().await?.declared);
    let waiting = process.provider.get_balance(payouts.pot().call().await?).await?;
    let funded = waiting + declared;
    let claimed = mirrored_claims(process).await?;
    let licences = story.licence.price;
    ledger.equal("royalties and licences against what the pot received", royalty + licences, funded);
    ledger.equal("distributed + reserved = royalties + licences", distributed + reserved, royalty + licences);
    ledger.equal("the root's total against what was distributed", declared, distributed);
    let unclaimed = process.provider.get_balance(deployment.payouts).await?;
    ledger.equal("declared = claimed, as the mirror has it, + what is left to claim", declared, claimed + unclaimed);
    let received = process.provider.get_balance(treasury).await?;
    // A local chain gives every account the same balance at first, and the treasury never spends.
    let before = process.provider.get_balance(treasury).number(0).await?;
    ledger.equal("fees against what the treasury received", fee, received - before);
    finality(process).await?;
    for (what, mirror, chain) in modules::compared(process, client, &story.licence, cast.second_buyer.address()).await?
    {
        if mirror != chain {
            ledger.0.push(format!("{what}, mirror against chain: {mirror} against {chain}"));
        }
    }
    Ok(Report {
        price: price.to_string(),
        fee: fee.to_string(),
        royalty: royalty.to_string(),
        net: net.to_string(),
        licences: licences.to_string(),
        distributed: distributed.to_string(),
        reserved: reserved.to_string(),
        claimed: claimed.to_string(),
        assets: story.sales.len(),
        works: story.sales.len() + story.externals,
        contributions: story.contributions,
        seconds: (start.elapsed().as_millis() as f64) / 1000.0,
        exact: ledger.0.is_empty(),
        differences: ledger.0,
    })
}

async fn mirrored_claims(process: &Process) -> Result<U256> {
    let sum = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(amount), 0)::text AS "sum!" FROM chain.claims WHERE chain_id = $1"#,
        process.chain_id.get()
    )
    .fetch_one(&process.pool)
    .await?;
    Ok(sum.parse()?)
}
