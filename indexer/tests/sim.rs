//! Tests the mirror against simulated chains: a settled one, whose rows were counted when it was made, and stories that follow
//! from a seed, in which the chain forks, nodes fail and lie, and the mirror is restarted and killed.
//!
//! `SIM_SEEDS` stories are told from seed `SIM_FIRST` on, or only the one of seed `SIM_SEED`. `SIM_WORKERS` stories run at a
//! time.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use indexer::{Indexer, IndexerError, Progress};
use serde_json::Value;
use service::Finality;
use sqlx::{AssertSqlSafe, PgPool};
use store::deployments;
use testkit::{
    mirrored, polled,
    sim::{
        Rng,
        chain::{Change, SimChain},
        endpoint::{Endpoint, Net, Plan},
        replay::Replay,
        traffic,
    },
};
use tokio::net::TcpListener;

/// How many blocks later a block is final, which is also the deepest fork.
const FINALITY: u64 = 64;
const EVENTS: u64 = 10_000;
/// Within this many rounds, a mirror must reach the head of a chain that stands still.
const ROUNDS: u64 = 600;

/// Returns an indexer of a simulated chain, made as the process makes it.
async fn indexer(pool: &PgPool, urls: &[String], bulk_blocks: u64) -> Result<Indexer> {
    // Nodes that hang do so for longer than the timeout. Every block's receipts are checked, because two of three nodes lie.
    let options = chain::pool::Options {
        timeout: Duration::from_millis(if urls.len() > 1 { 250 } else { 10_000 }),
        hedge_after: Duration::from_millis(10),
        verify_receipts: 1,
        ..chain::pool::Options::default()
    };
    let source = chain::pool::connect(urls, options).await?.into_iter().next().context("a chain")?;
    let pace = indexer::Options { bulk_blocks, buffer: 100_000, ..indexer::Options::default() };
    let mirror = Indexer::new(pool.clone(), Arc::new(source), traffic::deployment(), Finality::Depth(FINALITY));
    Ok(mirror.with_options(pace))
}

/// Returns the endpoints of a story. One tells the truth in the end, and two lie, one of which may have a chain of its own.
fn plans(rng: &mut Rng) -> Vec<Plan> {
    let other = if rng.chance(50) { Plan::forked(rng) } else { Plan::lying(rng) };
    let mut plans = vec![Plan::flaky(rng), Plan::lying(rng), other];
    plans.rotate_left(rng.below(3) as usize);
    plans
}

/// Returns a database that is used for one story after another.
async fn database() -> Result<PgPool> {
    let url = testkit::database_url().await?;
    // The data of a story need not survive a crash of the server. Connections made from here on are set up for this.
    let lax =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    let pool = store::connect(&url, 1).await?;
    sqlx::query(lax).execute(&pool).await?;
    pool.close().await;
    Ok(store::connect(&url, 8).await?)
}

/// Empties everything that the mirror writes, and records the deployment.
async fn clear(pool: &PgPool) -> Result<()> {
    let empty = "DO $$ DECLARE home text; BEGIN
            FOR home IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'chain\\_%' LOOP
                EXECUTE format('DROP SCHEMA %I CASCADE', home);
            END LOOP;
            FOR home IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'chain.logs'::regclass LOOP
                EXECUTE format('DROP TABLE %s', home);
            END LOOP;
            DELETE FROM chain.blocks; DELETE FROM chain.cursors; DELETE FROM chain.leaders;
            DELETE FROM chain.deployments; DELETE FROM outbox;
        END $$";
    sqlx::raw_sql(empty).execute(pool).await?;
    let mut tx = pool.begin().await?;
    deployments::record(&mut tx, &traffic::deployment()).await?;
    tx.commit().await?;
    Ok(())
}

/// Block, place in it, kind and subject of a fact, and its body.
type Told = ((i64, i32, String, String), Value);

/// Returns the outbox as a reader understands it: every fact that was not taken back. Fails when a fact is told twice, when
/// facts that left the chain are not taken back at once, one by one and word for word, or when a fact is taken back that did
/// not leave the chain.
async fn understood(pool: &PgPool) -> Result<BTreeSet<(i64, i32, String, String)>> {
    type Row = (i64, String, String, Value, Option<i64>, Option<i32>, Option<i64>);
    let told: Vec<Row> = sqlx::query_as(
        "SELECT id, topic, key, payload, block_number, log_index, retracts FROM outbox ORDER BY txid, id",
    )
    .fetch_all(pool)
    .await?;
    // The facts by id: those in the chain, and those that left it and must be taken back.
    let (mut standing, mut lost) = (BTreeMap::<i64, Told>::new(), BTreeMap::<i64, Told>::new());
    for (id, topic, key, payload, block, index, retracts) in told {
        let fact = (block.unwrap_or_default(), index.unwrap_or_default(), topic, key);
        if let Some(retracted) = retracts {
            let before = lost.remove(&retracted);
            ensure!(
                before == Some((fact, payload)),
                "row {id} takes back {retracted}, which did not leave or says {before:?}"
            );
            continue;
        }
        ensure!(lost.is_empty(), "the outbox does not take back {lost:?}");
        if let ("chain.reorganised", Some(above)) = (fact.2.as_str(), payload["above"].as_i64()) {
            let (left, stay) = standing.into_iter().partition(|(_, ((block, ..), _))| *block > above);
            (lost, standing) = (left, stay);
        } else if block.is_some() {
            ensure!(!standing.values().any(|(known, _)| *known == fact), "outbox row {id} tells {fact:?} twice");
            standing.insert(id, (fact, payload));
        }
    }
    ensure!(lost.is_empty(), "the outbox does not take back {lost:?}");
    Ok(standing.into_values().map(|(fact, _)| fact).collect())
}

fn locked(net: &Mutex<Net>) -> MutexGuard<'_, Net> {
    net.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One seed's story.
struct Story {
    rng: Rng,
    net: Arc<Mutex<Net>>,
    endpoints: Vec<Endpoint>,
    pool: PgPool,
    mirror: Indexer,
    bulk_blocks: u64,
}

impl Story {
    async fn new(seed: u64, pool: &PgPool) -> Result<Self> {
        let mut rng = Rng::new(seed);
        let net = Net::new(SimChain::new(rng.draw(), FINALITY));
        let mut endpoints = vec![];
        for plan in plans(&mut rng) {
            endpoints.push(Endpoint::start(Arc::clone(&net), plan, rng.fork()).await?);
        }
        clear(pool).await?;
        // Every third mirror begins with a backfill in bulk.
        let bulk_blocks = if rng.below(3) == 0 { 1 } else { u64::MAX };
        let mirror = indexer(pool, &urls(&endpoints), bulk_blocks).await?;
        Ok(Self { rng, net, endpoints, pool: pool.clone(), mirror, bulk_blocks })
    }

    fn change(&mut self) -> Change {
        let depth = match self.rng.below(10) {
            0 => FINALITY,
            1..4 => 1 + self.rng.below(FINALITY),
            4..7 => 1 + self.rng.below(6),
            _ => return Change::Grow(1 + self.rng.below(12)),
        };
        // The branch is usually longer than what it replaces, because nobody would follow it otherwise.
        let length = if self.rng.chance(80) { depth + 1 } else { 1 + self.rng.below(depth) };
        Change::Fork { depth, length }
    }

    async fn tell(&mut self) -> Result<()> {
        let blocks = 40 + self.rng.below(80);
        locked(&self.net).chain.change(Change::Grow(blocks));
        for _ in 0..8 + self.rng.below(8) {
            self.step().await?;
        }
        locked(&self.net).settle();
        // The longest branch wins, so a branch that is shorter than what it replaced grows on.
        locked(&self.net).chain.change(Change::Grow(FINALITY));
        Ok(())
    }

    async fn step(&mut self) -> Result<()> {
        match self.rng.below(8) {
            0..4 => {
                let change = self.change();
                locked(&self.net).chain.change(change);
            }
            4 | 5 => {
                // There is a reorganisation while the mirror reads, and perhaps another one while it reads the new branch.
                for _ in 0..=self.rng.below(2) {
                    let (after, change) = (1 + self.rng.below(60), self.change());
                    locked(&self.net).schedule(after, change);
                }
            }
            6 => self.mirror = indexer(&self.pool, &urls(&self.endpoints), self.bulk_blocks).await?,
            _ => {
                let polls = 1 + self.rng.below(120);
                polled(self.mirror.converge(), polls).await.map_or(Ok(()), failed)?;
                self.mirror = indexer(&self.pool, &urls(&self.endpoints), self.bulk_blocks).await?;
            }
        }
        for _ in 0..self.rng.below(8) {
            let round = self.mirror.converge().await;
            failed(round)?;
        }
        Ok(())
    }

    /// Lets the mirror reach the head of the chain, which stands still. Faults continue.
    async fn catch_up(&mut self) -> Result<()> {
        let (head, hash) = {
            let net = locked(&self.net);
            (net.chain.head().number(), net.chain.head().hash)
        };
        let mut last = None;
        for _ in 0..ROUNDS {
            match self.mirror.converge().await {
                Err(IndexerError::Halted(reason)) => anyhow::bail!("halted: {reason}"),
                Err(error) => {
                    last = Some(error.to_string());
                    // The only node that tells the truth may have to be left alone for a while.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(_) => {}
            }
            let at: Option<(i64, Vec<u8>)> =
                sqlx::query_as("SELECT block_number, block_hash::bytea FROM chain.cursors")
                    .fetch_optional(&self.pool)
                    .await?;
            if at.is_some_and(|(number, held)| number as u64 == head && held == hash.as_slice()) {
                return Ok(());
            }
        }
        anyhow::bail!("not at block {head} after {ROUNDS} rounds; the last failure: {last:?}")
    }

    /// Checks that the mirror holds the canonical chain, and the same as a mirror that never saw anything else.
    async fn judge(&self, fresh: &PgPool) -> Result<()> {
        let watched = traffic::deployment().watched();
        let canonical: Vec<String> = locked(&self.net)
            .chain
            .logs()
            .filter(|(_, _, log)| watched.contains(&log.address))
            .map(|(block, index, log)| {
                let (at, transaction) = (block.number(), &block.transactions[block.transaction_of(index)]);
                let topics: Vec<String> = log.topics().iter().map(alloy::hex::encode).collect();
                let data = alloy::hex::encode(&log.data.data);
                let hashes = format!("{} {}", alloy::hex::encode(block.hash), alloy::hex::encode(transaction.hash));
                format!("{at} {index} {hashes} {} {} {data}", alloy::hex::encode(log.address), topics.join(","))
            })
            .collect();
        let held: Vec<String> = sqlx::query_scalar(
            "SELECT format('%s %s %s %s %s %s %s', block_number, log_index, encode(block_hash, 'hex'),
                           encode(tx_hash, 'hex'), encode(address, 'hex'),
                           (SELECT string_agg(encode(t, 'hex'), ',' ORDER BY place)
                            FROM unnest(topics) WITH ORDINALITY AS u (t, place)), encode(data, 'hex'))
             FROM chain.logs ORDER BY block_number, log_index",
        )
        .fetch_all(&self.pool)
        .await?;
        same("logs of the mirror", &held, "logs of the chain", &canonical)?;
        clear(fresh).await?;
        let honest = [Endpoint::start(Arc::clone(&self.net), Plan::honest(), Rng::new(0)).await?];
        indexer(fresh, &urls(&honest), u64::MAX).await?.level().await?;
        same("the mirror", &mirrored(&self.pool).await?, "a fresh mirror", &mirrored(fresh).await?)?;
        let (told, mut plain) = (understood(&self.pool).await?, understood(fresh).await?);
        // A backfill in bulk only tells up to which block it went.
        let through: Option<i64> = sqlx::query_scalar(
            "SELECT max((payload ->> 'through')::bigint) FROM outbox WHERE topic = 'chain.backfilled'",
        )
        .fetch_one(&self.pool)
        .await?;
        plain.retain(|(block, ..)| through.is_none_or(|through| *block > through));
        ensure!(told == plain, "the outbox tells other facts: {:?}", told.symmetric_difference(&plain).next());
        Ok(())
    }
}

fn urls(endpoints: &[Endpoint]) -> Vec<String> {
    endpoints.iter().map(|endpoint| endpoint.url.clone()).collect()
}

/// Accepts failures of nodes, which are temporary. A halt is the mirror's own decision, and wrong here.
fn failed(round: Result<Progress, IndexerError>) -> Result<()> {
    match round {
        Err(IndexerError::Halted(reason)) => anyhow::bail!("halted: {reason}"),
        _ => Ok(()),
    }
}

fn same(name: &str, left: &[String], other: &str, right: &[String]) -> Result<()> {
    if left == right {
        return Ok(());
    }
    let (one, two): (BTreeSet<_>, BTreeSet<_>) = (left.iter().collect(), right.iter().collect());
    let (only, missing) = (one.difference(&two).next(), two.difference(&one).next());
    anyhow::bail!(
        "{name} ({} rows) and {other} ({}) differ: only {only:?}, missing {missing:?}",
        left.len(),
        right.len()
    )
}

async fn story(seed: u64, pool: &PgPool, fresh: &PgPool) -> Result<()> {
    let started = Instant::now();
    let mut story = Story::new(seed, pool).await?;
    let said = |part: &str, story: &Story| {
        let (net, seconds) = (locked(&story.net), started.elapsed().as_secs_f64());
        let (forks, requests) = (net.chain.reorganisations, net.requests);
        println!("seed {seed}: {part} at {seconds:.2} s after {forks} forks, {requests} requests");
    };
    story.tell().await?;
    said("told", &story);
    story.catch_up().await?;
    said("level", &story);
    story.judge(fresh).await?;
    said("right", &story);
    Ok(())
}

fn number(name: &str) -> Result<Option<u64>> {
    env::var(name).ok().map(|text| text.parse().with_context(|| format!("{name} is a number"))).transpose()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_nodes_and_chains_do_the_mirror_ends_as_the_canonical_chain() -> Result<()> {
    let one = number("SIM_SEED")?;
    let first = one.or(number("SIM_FIRST")?).unwrap_or(1);
    let count = if one.is_some() { 1 } else { number("SIM_SEEDS")?.unwrap_or(8) };
    let workers = number("SIM_WORKERS")?.unwrap_or(2).clamp(1, count.max(1));
    let next = Arc::new(AtomicU64::new(first));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let next = Arc::clone(&next);
        tasks.spawn(async move {
            let (pool, fresh) = (database().await?, database().await?);
            let mut failures = vec![];
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + count {
                    return anyhow::Ok(failures);
                }
                if let Err(error) = story(seed, &pool, &fresh).await {
                    eprintln!(
                        "seed {seed}: {error:#}\n  again: SIM_SEED={seed} cargo test -p indexer --test sim whatever"
                    );
                    failures.push(seed);
                }
            }
        });
    }
    let mut failures = vec![];
    while let Some(done) = tasks.join_next().await {
        failures.extend(done??);
    }
    ensure!(failures.is_empty(), "{} of {count} seeds failed: {failures:?}", failures.len());
    Ok(())
}

/// Returns what the makers of a chain counted, which is something.
fn counted(truth: &serde_json::Value) -> Result<&serde_json::Map<String, serde_json::Value>> {
    truth.as_object().filter(|counts| !counts.is_empty()).context("the makers counted nothing")
}

#[tokio::test]
async fn a_settled_chain_becomes_the_rows_that_its_makers_counted() -> Result<()> {
    let replay = Arc::new(Replay::generate(EVENTS, 50, 7));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let truth = replay.truth().clone();
    let head = replay.head().number();
    tokio::spawn(replay.serve(listener));
    let pool = database().await?;
    clear(&pool).await?;
    indexer(&pool, &[url], 1).await?.level().await?;
    let at: i64 = sqlx::query_scalar("SELECT block_number FROM chain.cursors").fetch_one(&pool).await?;
    assert_eq!(at as u64, head);
    for (table, rows) in counted(&truth["rows"])? {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM chain.{table}"));
        let held: i64 = sqlx::query_scalar(query).fetch_one(&pool).await?;
        assert_eq!(Some(held as u64), rows.as_u64(), "{table}");
    }
    for (column, sum) in counted(&truth["sums"])? {
        let (table, column) = column.split_once('.').context("a sum names its table and column")?;
        let query = AssertSqlSafe(format!("SELECT sum({column})::text FROM chain.{table}"));
        let held: String = sqlx::query_scalar(query).fetch_one(&pool).await?;
        assert_eq!(Some(held.as_str()), sum.as_str(), "{table}.{column}");
    }
    let digest: String = sqlx::query_scalar(
        r"SELECT encode(sha256(convert_to(string_agg(format('%s 0x%s %s %s', asset_id, encode(owner, 'hex'), epoch,
                 royalty_bps), E'\n' ORDER BY asset_id), 'UTF8')), 'hex') FROM chain.assets",
    )
    .fetch_one(&pool)
    .await?;
    assert_eq!(Some(digest.as_str()), truth["assetsSha256"].as_str());
    let quarantined: i64 = sqlx::query_scalar("SELECT count(*) FROM chain.quarantine").fetch_one(&pool).await?;
    assert_eq!(quarantined, 0);
    Ok(())
}
