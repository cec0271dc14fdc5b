//! Measures what reads of earnings and searches for text cost while history doubles, and doubles again, beside the way in which they
//! were done before: the whole tree of a root built for each read, and every work looked at for each search.

mod shared;

use std::{collections::BTreeSet, time::Duration};

use alloy::primitives::{Address, U256};
use anyhow::{Result, ensure};
use clap::Parser;
use domain::{
    Amount,
    merkle::{Entry, PayoutTree},
};
use facts::ChainId;
use serde_json::Value;
use shared::{Api, figure, median, milliseconds, timed};
use sqlx::{PgConnection, PgPool, Row};
use store::{
    payouts::roots,
    works::catalogue::{self, Wanted},
};
use testkit::sim::Rng;

const CHAIN: ChainId = ChainId(31337);
/// How many entries of a root share a distribution.
const SHARED: u64 = 100;
/// How often the old way is measured: it takes too long for more.
const OLD_QUESTIONS: usize = 7;
const OWNER: [u8; 20] = [1; 20];

/// Fills the empty database of DATABASE_URL, and prints a figure a line: metric, value, unit, better, peer, the peer's value, separated
/// by tabs. Fails when a read costs more than twice as much with four times the history.
#[derive(Parser)]
struct Arguments {
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// How many entries the first root has.
    #[arg(long, default_value_t = 25_000)]
    entries: u64,
    /// How many works there are first.
    #[arg(long, default_value_t = 50_000)]
    works: u64,
    /// How many times each question is asked.
    #[arg(long, default_value_t = 200)]
    questions: usize,
}

/// What a read cost with each length of the history: as it is, and in the old way.
struct Costs {
    metric: &'static str,
    peer: &'static str,
    times: Vec<(Duration, Duration)>,
}

impl Costs {
    fn new(metric: &'static str, peer: &'static str) -> Self {
        Self { metric, peer, times: Vec::new() }
    }

    fn add(&mut self, of: u64, time: Duration, old: Duration) {
        figure(&format!("{}_{of}", self.metric), time, self.peer, old);
        self.times.push((time, old));
    }

    /// Prints how many times as much the read costs with the longest history as with the shortest.
    fn growth(&self) -> f64 {
        let [(first, old_first), .., (last, old_last)] = self.times.as_slice() else { return 0.0 };
        let grown = |first: &Duration, last: &Duration| milliseconds(*last) / milliseconds(*first);
        let (grown, old) = (grown(first, last), grown(old_first, old_last));
        println!("{}_growth\t{grown:.4}\tx\tlower\t{}\t{old:.4}", self.metric, self.peer);
        grown
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let pool = store::connect(&arguments.database_url, 4).await?;
    store::migrate(&pool).await?;
    sqlx::query("SELECT chain.create_generation($1, 1, true), chain.attach_generation($1, 1), chain.index_generation($1, 1, NULL)")
        .bind(CHAIN.get())
        .execute(&pool)
        .await?;
    let mirror =
        "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
                  VALUES ($1, 1, sha256(''), 1, 1, 1)";
    sqlx::query(mirror).bind(CHAIN.get()).execute(&pool).await?;
    let api = Api::serve(&pool, CHAIN).await?;
    let mut costs = measure_earnings(&api, &arguments).await?;
    costs.extend(measure_text(&api, &arguments).await?);
    api.stop().await?;
    let grown: Vec<&str> = costs.iter().filter(|costs| costs.growth() > 2.0).map(|costs| costs.metric).collect();
    ensure!(grown.is_empty(), "with four times the history these cost more than twice as much: {grown:?}");
    Ok(())
}

fn account(n: u64) -> Address {
    Address::left_padding_from(&n.to_be_bytes())
}

/// Of accounts that were paid once, and of one that was paid by every distribution.
async fn measure_earnings(api: &Api, arguments: &Arguments) -> Result<Vec<Costs>> {
    let pool = &api.state.pool;
    let mut all = vec![Costs::new("earnings_ms", "whole tree"), Costs::new("earnings_often_paid_ms", "whole tree")];
    let (mut rng, mut paid) = (Rng::new(3), 0);
    for (number, entries) in (1..).zip([1, 2, 4].map(|times| times * arguments.entries)) {
        pay(pool, paid + 1, entries).await?;
        paid = entries;
        publish(pool, number).await?;
        let seldom: Vec<u64> = (0..arguments.questions).map(|_| 1 + rng.below(entries)).collect();
        let often = vec![0; arguments.questions];
        for (costs, asked) in all.iter_mut().zip([seldom, often]) {
            let mut times = Vec::new();
            for n in &asked {
                let (time, body) = api.ask(&format!("/v1/accounts/{}/earnings", account(*n))).await?;
                let earnings: Value = serde_json::from_slice(&body)?;
                ensure!(earnings[0]["claim"]["proof"].is_array(), "account {n} has no proof: {earnings}");
                times.push(time);
            }
            let mut old = Vec::new();
            for n in asked.iter().take(OLD_QUESTIONS) {
                old.push(timed(earnings_by_whole_tree(pool, account(*n))).await?.0);
            }
            costs.add(entries, median(times), median(old));
        }
    }
    Ok(all)
}

/// Pays the accounts with these numbers once, so many of them and account 0 by each distribution.
async fn pay(pool: &PgPool, from: u64, to: u64) -> Result<()> {
    sqlx::query(
        "WITH d AS (
             INSERT INTO distributions (chain_id, asset_id, token, amount, distributed, reserved, policy, through_block)
             SELECT $1, n, decode(repeat('00', 20), 'hex'), $4 + 1, $4 + 1, 0, 'pass_down', 1
             FROM generate_series($2::bigint, $3::bigint, $4::bigint) n RETURNING id, asset_id)
         INSERT INTO payouts (chain_id, account, token, amount, distribution_id)
         SELECT $1, decode(lpad(to_hex(n), 40, '0'), 'hex'), decode(repeat('00', 20), 'hex'), 1, d.id
         FROM d, LATERAL (SELECT 0 AS n UNION ALL SELECT generate_series(d.asset_id, least(d.asset_id + $4 - 1, $3))) n",
    )
    .bind(CHAIN.get())
    .bind(from as i64)
    .bind(to as i64)
    .bind(SHARED as i64)
    .execute(pool)
    .await?;
    Ok(())
}

/// Records a root over all payouts, as if the chain had activated it as its n-th.
async fn publish(pool: &PgPool, number: i64) -> Result<()> {
    let mut tx = pool.begin().await?;
    let next = roots::cumulative(&mut tx, CHAIN, &BTreeSet::new()).await?;
    let tree = PayoutTree::new(CHAIN.0, Address::ZERO, next.entries.clone())?;
    roots::record(&mut tx, CHAIN, &tree, "bafylist", &next).await?;
    sqlx::query(
        "WITH p AS (
             INSERT INTO chain.root_proposals (chain_id, block_number, log_index, tx_hash, at, number, root, data_cid, anchor_seq, totals,
                                               activatable_at)
             VALUES ($1, $2, 0, $3, now(), $2, $3, '', 0, '[]', now()))
         INSERT INTO chain.root_decisions (chain_id, block_number, log_index, tx_hash, at, number, root, decision)
         VALUES ($1, $2, 0, $3, now(), $2, $3, 'activated')",
    )
    .bind(CHAIN.get())
    .bind(number)
    .bind(tree.root().as_slice())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    sqlx::query("ANALYZE").execute(pool).await?;
    Ok(())
}

/// As it was done before migration 30.
async fn earnings_by_whole_tree(pool: &PgPool, account: Address) -> Result<()> {
    let mut tx = pool.begin().await?;
    let root: i64 = sqlx::query_scalar(
        "SELECT id FROM payout_root_states WHERE chain_id = $1 AND state = 'activated' ORDER BY number DESC LIMIT 1",
    )
    .bind(CHAIN.get())
    .fetch_one(&mut *tx)
    .await?;
    let rows = sqlx::query(
        "SELECT p.token::bytea AS token, e.cumulative::text AS cumulative
         FROM (SELECT token, sum(amount) AS earned FROM payouts WHERE chain_id = $1 AND account = $2 GROUP BY token) p
         CROSS JOIN LATERAL (SELECT coalesce(max(cumulative), 0) AS claimed FROM chain.claims
                             WHERE chain_id = $1 AND account = $2 AND token = p.token) c
         CROSS JOIN LATERAL (SELECT coalesce(max(cumulative), 0) AS cumulative FROM payout_root_entries
                             WHERE root_id = $3 AND account = $2 AND token = p.token) e
         ORDER BY p.token",
    )
    .bind(CHAIN.get())
    .bind(account.as_slice())
    .bind(root)
    .fetch_all(&mut *tx)
    .await?;
    let entries: Vec<Entry> = roots::entries(&mut tx, root).await?;
    let tree = PayoutTree::new(CHAIN.0, Address::ZERO, entries)?;
    for row in rows {
        let token = Address::from_slice(row.try_get::<&[u8], _>("token")?);
        ensure!(tree.proof(account, token).is_some(), "there is no proof");
        let cumulative = Amount(row.try_get::<String, _>("cumulative")?.parse::<U256>()?);
        ensure!(tree.entries().contains(&Entry { account, token, cumulative }), "there is no such entry");
    }
    Ok(())
}

/// Of a word that half of all works have, of one that three of them have, and of one that none has.
async fn measure_text(api: &Api, arguments: &Arguments) -> Result<Vec<Costs>> {
    let words = [("common", "text_common_ms", 50), ("zymurgy", "text_rare_ms", 3), ("quixotry", "text_absent_ms", 0)];
    let mut all: Vec<Costs> = words.iter().map(|(_, metric, _)| Costs::new(metric, "every work")).collect();
    let mut conn = api.state.pool.acquire().await?;
    let mut there = 0;
    for works in [1, 2, 4].map(|times| times * arguments.works) {
        register(&mut conn, there + 1, works).await?;
        there = works;
        for (costs, (word, _, expected)) in all.iter_mut().zip(words) {
            let (mut times, mut old) = (Vec::new(), Vec::new());
            for _ in 0..arguments.questions {
                let page = catalogue::Page { chain_id: CHAIN, below: i64::MAX, limit: 50 };
                let wanted = Wanted { text: Some(word.to_owned()), ..Wanted::default() };
                let (time, found) = timed(async { Ok(catalogue::find(&mut conn, page, &wanted).await?) }).await?;
                ensure!(found.assets.len() == expected, "{word}: {found:?}");
                times.push(time);
            }
            // The index answers by bitmaps alone. Without them it is as if there were none.
            sqlx::query("SET enable_bitmapscan = off").execute(&mut *conn).await?;
            for _ in 0..OLD_QUESTIONS {
                let (time, found) = timed(text_of_every_work(&mut conn, word)).await?;
                ensure!(found.min(50) == expected, "{word} was found {found} times");
                old.push(time);
            }
            sqlx::query("RESET enable_bitmapscan").execute(&mut *conn).await?;
            costs.add(works, median(times), median(old));
        }
    }
    Ok(all)
}

/// Registers works with these numbers, and describes them.
async fn register(conn: &mut PgConnection, from: u64, to: u64) -> Result<()> {
    sqlx::query(
        "INSERT INTO chain.assets (chain_id, asset_id, kind, open, content_hash, cid, royalty_bps, registrant, first_owner, owner,
                                   epoch, shares, parents, registered_at, block_number, tx_hash, log_index)
         SELECT $1, n, 'CODE', true, sha256(int8send(n)), '', 0, $4, $4, $4, 0, '[]', '{}', now(), 1, sha256(int8send(n)), 0
         FROM generate_series($2::bigint, $3::bigint) n",
    )
    .bind(CHAIN.get())
    .bind(from as i64)
    .bind(to as i64)
    .bind(OWNER.as_slice())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "WITH w AS (
             INSERT INTO works (owner, kind, title, description, source, source_key)
             SELECT $3, 'CODE', 'Work ' || n,
                    concat_ws(' ', 'A description of work', md5(n::text), CASE WHEN n % 2 = 0 THEN 'with a common word' END,
                              CASE WHEN n IN (70, 700, 7000) THEN 'and zymurgy' END),
                    'upload', n
             FROM generate_series($1::bigint, $2::bigint) n RETURNING id, source_key)
         INSERT INTO work_versions (work_id, content_hash, cid) SELECT id, sha256(int8send(source_key::bigint)), '' FROM w",
    )
    .bind(from as i64)
    .bind(to as i64)
    .bind(OWNER.as_slice())
    .execute(&mut *conn)
    .await?;
    sqlx::query("ANALYZE").execute(conn).await?;
    Ok(())
}

/// As it was done before migration 31: which assets a page has.
async fn text_of_every_work(conn: &mut PgConnection, word: &str) -> Result<usize> {
    let rows = sqlx::query(
        "SELECT a.asset_id
         FROM chain.assets a
         LEFT JOIN LATERAL (
             SELECT * FROM asset_works x WHERE x.chain_id = a.chain_id AND x.asset_id = a.asset_id LIMIT 1) aw ON true
         LEFT JOIN works w ON w.id = aw.work_id
         WHERE a.chain_id = $1 AND (w.title ILIKE $2 OR w.description ILIKE $2)
           AND a.content_hash IN (
               SELECT v.content_hash FROM works x JOIN work_versions v ON v.work_id = x.id
               WHERE x.title ILIKE $2 OR x.description ILIKE $2)
         ORDER BY a.asset_id DESC LIMIT 51",
    )
    .bind(CHAIN.get())
    .bind(format!("%{word}%"))
    .fetch_all(conn)
    .await?;
    Ok(rows.len())
}
