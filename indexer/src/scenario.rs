//! The contracts' own scenario, `contracts/test/differential/scenario.txt`: hundreds of calls by ten actors, with the
//! logs that Solidity emitted and the final state that its views gave. The mirror gets only the logs, and must arrive at
//! the same final state.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result};
use facts::ChainId;
use sqlx::PgPool;
use store::deployments::{self, Deployment};

use crate::{
    batch::{Batch, Facts},
    commit,
    decode::Decoder,
    leader::Leader,
    source::{Block, BlockId, Head, Log, Proof, Range},
};

const SCENARIO: &str = include_str!("../../contracts/test/differential/scenario.txt");
const CHAIN: ChainId = ChainId(31337);
/// Blocks to a batch: a small odd number, so that batches end anywhere.
const BATCH: u64 = 37;

struct Scenario {
    deployment: Deployment,
    /// The time and the logs of each block.
    blocks: BTreeMap<u64, (u64, Vec<Log>)>,
    state: BTreeSet<String>,
}

fn parse() -> Result<Scenario> {
    let mut addresses = serde_json::Map::new();
    let (mut blocks, mut state) = (BTreeMap::<u64, (u64, Vec<Log>)>::new(), BTreeSet::new());
    for line in SCENARIO.lines() {
        let (kind, rest) = line.split_once(' ').context("a line without a kind")?;
        let words: Vec<&str> = rest.split(' ').collect();
        match (kind, words.as_slice()) {
            ("contract", [name, address]) => {
                addresses.insert((*name).to_owned(), (*address).into());
            }
            ("log", [number, time, address, topics, data]) => {
                let topics: Bytes = topics.parse()?;
                let topics = topics.chunks(32).map(B256::from_slice).collect();
                let (number, time) = (number.parse()?, time.parse()?);
                let block = blocks.entry(number).or_insert_with(|| (time, vec![]));
                block.1.push(Log {
                    address: address.parse()?,
                    topics,
                    data: data.parse()?,
                    block: number,
                    block_hash: hash(number),
                    tx_hash: hash(number),
                    tx_index: 0,
                    index: block.1.len() as u32,
                });
            }
            ("state", _) => {
                state.insert(rest.to_lowercase());
            }
            _ => anyhow::bail!("not a line of a scenario: {line}"),
        }
    }
    let address = |name: &str| -> Result<_> { Ok(addresses[name].as_str().context("an address")?.parse()?) };
    let deployment = Deployment {
        chain_id: CHAIN,
        from_block: 1,
        access_manager: Default::default(),
        payouts: address("Payouts")?,
        asset_registry: address("AssetRegistry")?,
        market: address("Market")?,
        licences: address("Licences")?,
        staking: address("Staking")?,
        disputes: address("Disputes")?,
        council: address("CouncilArbiter")?,
        anchor: address("Anchor")?,
    };
    Ok(Scenario { deployment, blocks, state })
}

fn hash(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

fn block(number: u64, timestamp: u64) -> Block {
    Block { number, hash: hash(number), parent_hash: hash(number.wrapping_sub(1)), timestamp }
}

/// Commits all blocks, in batches.
async fn mirror(pool: &PgPool, scenario: &Scenario) -> Result<()> {
    let deployment = &scenario.deployment;
    let mut tx = pool.begin().await?;
    deployments::record(&mut tx, deployment).await?;
    tx.commit().await?;
    let report = std::sync::Arc::new(|| serde_json::Value::Null);
    let mut leader = Leader::elect(pool, CHAIN, report).await?.context("nobody else leads")?;
    commit::begin(&mut leader, CHAIN, &block(0, 0), false).await?;
    let decoder = Decoder::new(*deployment);
    let last = *scenario.blocks.keys().next_back().context("a scenario without logs")?;
    let (mut cursor, _) = commit::load(&mut leader.conn, CHAIN).await?.context("it was begun")?;
    while cursor.block.number < last {
        let (from, to) = (cursor.block.number + 1, (cursor.block.number + BATCH).min(last));
        let blocks = scenario.blocks.range(from..=to).map(|(number, (time, _))| (*number, block(*number, *time)));
        let logs = scenario.blocks.range(from..=to).flat_map(|(_, (_, logs))| logs.clone());
        let range = Range {
            from,
            parent: hash(from - 1),
            to: BlockId { number: to, hash: hash(to) },
            agreed: true,
            blocks: blocks.collect(),
            logs: logs.collect(),
            bytes: 0,
        };
        let batch = Batch::decode(&decoder, range, 0, Facts::Each);
        let head = Head { head: block(last, 0), safe: 0, finalized: 0, proof: Proof::Word };
        cursor = commit::commit(&mut leader, CHAIN, &cursor, cursor.block, &[batch], &head).await?;
    }
    Ok(())
}

/// Returns the state as the mirror has it, in the scenario's words.
async fn told(pool: &PgPool) -> Result<BTreeSet<String>> {
    let lines: Vec<String> = sqlx::query_scalar(include_str!("scenario.sql")).fetch_all(pool).await?;
    Ok(lines.into_iter().map(|line| line.to_lowercase()).collect())
}

#[tokio::test]
async fn logs_of_the_contracts_rebuild_their_state() -> Result<()> {
    let scenario = parse()?;
    let pool = testkit::database().await?;
    mirror(&pool, &scenario).await?;
    let told = told(&pool).await?;
    let of_mirror: Vec<&String> = told.difference(&scenario.state).collect();
    let of_contracts: Vec<&String> = scenario.state.difference(&told).collect();
    assert!(
        of_mirror.is_empty() && of_contracts.is_empty(),
        "the mirror alone has {of_mirror:#?}, the contracts alone have {of_contracts:#?}"
    );
    assert!(scenario.state.len() > 100, "the scenario says little: {} lines", scenario.state.len());
    Ok(())
}

/// A mirror that invents what it misses would pass the comparison above. So when any one log is missing, the mirror must
/// refuse the rest or arrive at another state.
#[tokio::test]
async fn without_a_log_the_state_is_another_or_refused() -> Result<()> {
    let mut scenario = parse()?;
    let (number, (_, logs)) = scenario.blocks.iter_mut().nth(200).context("a block in the midst")?;
    let number = *number;
    logs.clear();
    let pool = testkit::database().await?;
    let refused = mirror(&pool, &scenario).await.is_err();
    assert!(refused || told(&pool).await? != scenario.state, "block {number} was not missed");
    Ok(())
}
