//! Measures checks of the books in the empty database that DATABASE_URL names, after a history of divisions and after that history
//! was doubled twice, beside counting everything from the beginning. For `bench/books.sh`.
//!
//! books DIVISIONS
//!
//! Prints a figure a line: metric, value, unit, better, peer, the peer's value, separated by tabs.

use std::{env, time::Instant};

use anyhow::{Context, Result, ensure};
use facts::ChainId;
use sqlx::PgPool;
use store::payouts::books;

const CHAIN: ChainId = ChainId(1);
/// How many checks are made of each history, and how many divisions come before each.
const CHECKS: i64 = 15;
const NEW: i64 = 10;

/// What a check costs.
#[derive(Clone, Copy)]
struct Cost {
    milliseconds: f64,
    /// Rows that were read from tables and indexes.
    rows: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let url = env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
    let divisions: i64 = env::args().nth(1).context("usage: books DIVISIONS")?.parse()?;
    // One connection, so that its statistics are those of the check.
    let pool = store::connect(&url, 1).await?;
    store::migrate(&pool).await?;
    begin(&pool).await?;
    let (mut next, mut costs) = (1, Vec::new());
    for history in [divisions, divisions * 2, divisions * 4] {
        fill(&pool, next, history - next + 1).await?;
        next = history + 1;
        sqlx::raw_sql("VACUUM ANALYZE").execute(&pool).await?;
        check(&pool).await?;
        let mut checks = Vec::new();
        for _ in 0..CHECKS {
            fill(&pool, next, NEW).await?;
            next += NEW;
            checks.push(cost(&pool, check(&pool)).await?);
        }
        let whole = cost(&pool, recount(&pool)).await?;
        let usual =
            Cost { milliseconds: median(&checks, |cost| cost.milliseconds), rows: median(&checks, |cost| cost.rows) };
        eprintln!(
            "{history} divisions: a check of {NEW} more takes {:.1} ms and reads {:.0} rows; counting all takes {:.0} ms and reads {:.0}",
            usual.milliseconds, usual.rows, whole.milliseconds, whole.rows
        );
        costs.push((usual, whole));
    }
    let (Some(first), Some(last)) = (costs.first(), costs.last()) else { return Ok(()) };
    figure("books_check_ms", last.0.milliseconds, "ms", "counted from the start", last.1.milliseconds);
    figure("books_check_rows", last.0.rows, "rows", "counted from the start", last.1.rows);
    figure(
        "books_rows_of_4_histories",
        last.0.rows / first.0.rows,
        "x",
        "counted from the start",
        last.1.rows / first.1.rows,
    );
    figure(
        "books_time_of_4_histories",
        last.0.milliseconds / first.0.milliseconds,
        "x",
        "counted from the start",
        last.1.milliseconds / first.1.milliseconds,
    );
    Ok(())
}

fn figure(metric: &str, value: f64, unit: &str, peer: &str, other: f64) {
    println!("{metric}\t{value:.3}\t{unit}\tlower\t{peer}\t{other:.3}");
}

fn median(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = costs.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A check as the workers make it, without the question to the chain.
async fn check(pool: &PgPool) -> Result<()> {
    let reading = books::read(pool, CHAIN).await?.context("the mirror has a head")?;
    ensure!(reading.books.faults.is_empty(), "{:?}", reading.books.faults);
    let mut tx = pool.begin().await?;
    books::record(&mut tx, CHAIN, &reading).await?;
    Ok(tx.commit().await?)
}

async fn recount(pool: &PgPool) -> Result<()> {
    let recount = books::recount(pool, CHAIN).await?.context("the mirror has a head")?;
    let faults = recount.reading.books.faults;
    ensure!(faults.is_empty(), "{faults:?}");
    Ok(())
}

async fn cost(pool: &PgPool, work: impl Future<Output = Result<()>>) -> Result<Cost> {
    let before = rows_read(pool).await?;
    let begin = Instant::now();
    work.await?;
    let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
    Ok(Cost { milliseconds, rows: rows_read(pool).await? - before })
}

/// Returns how many rows this connection read so far.
async fn rows_read(pool: &PgPool) -> Result<f64> {
    sqlx::raw_sql("SELECT pg_stat_force_next_flush()").execute(pool).await?;
    let query = "SELECT ((SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
                         + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::float8";
    Ok(sqlx::query_scalar(query).fetch_one(pool).await?)
}

/// A mirror that holds nothing yet, and a work for reserves to name.
async fn begin(pool: &PgPool) -> Result<()> {
    sqlx::raw_sql(
        "SELECT chain.create_generation(1, 1, true), chain.attach_generation(1, 1), chain.index_generation(1, 1, NULL);
         INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
         VALUES (1, 0, sha256('0'), 0, 0, 0);
         INSERT INTO sender_accounts (chain_id, account, next_nonce) VALUES (1, decode(repeat('ee', 20), 'hex'), 0);
         INSERT INTO works (owner, kind, title, source, source_key)
         VALUES (decode(repeat('01', 20), 'hex'), 'CODE', 'work', 'upload', 'work')",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// So many more divisions. Each has a block of its own with two incomes, two sales with a fee and three claims, pays twenty people, of
/// whom half were paid before, keeps five reserves, one of which is released, and carries for two; the engine sends a transaction.
async fn fill(pool: &PgPool, first: i64, count: i64) -> Result<()> {
    let mut tx = pool.begin().await?;
    for statement in [
        "INSERT INTO chain.incomes (chain_id, block_number, log_index, tx_hash, at, asset_id, token, payer, amount, reason)
         SELECT 1, k, n, sha256('t'), now(), 1 + k % 1000, decode(repeat('00', 20), 'hex'), decode(repeat('02', 20), 'hex'), 1500, 'sale'
         FROM generate_series($1, $1 + $2 - 1) k, generate_series(1, 2) n",
        "INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side, currency, price,
                                  fee, royalty, net, nonce)
         SELECT 1, k, 10 + n, sha256('t'), now(), sha256(int8send(k * 2 + n)), 1 + k % 1000, decode(repeat('03', 20), 'hex'),
                decode(repeat('04', 20), 'hex'), 'SELL', decode(repeat('00', 20), 'hex'), 30000, 600, 1500, 27900, k * 2 + n
         FROM generate_series($1, $1 + $2 - 1) k, generate_series(1, 2) n",
        "INSERT INTO chain.claims (chain_id, block_number, log_index, tx_hash, at, account, token, recipient, amount, cumulative)
         SELECT 1, k, 20 + n, sha256('t'), now(), a.account, decode(repeat('00', 20), 'hex'), a.account, 100, 100
         FROM generate_series($1, $1 + $2 - 1) k, generate_series(1, 3) n,
              LATERAL (SELECT decode(lpad(to_hex(k * 10 + n), 40, '0'), 'hex') AS account) a",
        "WITH d AS (
             INSERT INTO distributions (chain_id, asset_id, token, amount, distributed, reserved, carried, policy, through_block)
             SELECT 1, 1 + k % 1000, decode(repeat('00', 20), 'hex'), 3000, 2000, 900, 100, 'pass_down', k
             FROM generate_series($1, $1 + $2 - 1) k ORDER BY k RETURNING id, token, through_block AS k),
         x AS (INSERT INTO distributed_incomes (chain_id, block_number, log_index, distribution_id)
               SELECT 1, k, n, id FROM d, generate_series(1, 2) n),
         p AS (INSERT INTO payouts (chain_id, account, token, amount, distribution_id)
               SELECT 1, decode(lpad(to_hex(k * 10 + n), 40, '0'), 'hex'), token, 100, id FROM d, generate_series(0, 19) n),
         r AS (INSERT INTO reserves (distribution_id, chain_id, token, beneficiary, work_id, amount)
               SELECT id, 1, token, 'mailto:' || n, 1, 180 FROM d, generate_series(1, 5) n)
         INSERT INTO distribution_carries (distribution_id, chain_id, token, account, brought, carried)
         SELECT id, 1, token, decode(lpad(to_hex(k * 10 + n), 40, '0'), 'hex'), 0, 50 FROM d, generate_series(1, 2) n",
        "INSERT INTO payouts (chain_id, account, token, amount, distribution_id, reserve_id)
         SELECT 1, decode(lpad(to_hex(d.through_block * 10), 40, '0'), 'hex'), r.token, r.amount, d.id, r.id
         FROM (SELECT * FROM distributions WHERE through_block BETWEEN $1 AND $1 + $2 - 1 ORDER BY id) d
         JOIN reserves r ON r.distribution_id = d.id AND r.beneficiary = 'mailto:1'",
        "INSERT INTO sender_transactions (chain_id, account, key, data, state, nonce, block_number, gas_used, gas_price)
         SELECT 1, decode(repeat('ee', 20), 'hex'), 'anchor:' || k, '', 'final', k - 1, k, 70000, 1000000000
         FROM generate_series($1, $1 + $2 - 1) k",
        "UPDATE sender_accounts SET next_nonce = $1 + $2 - 1",
        "UPDATE chain.cursors SET block_number = $1 + $2 - 1, finalized_number = $1 + $2 - 1, safe_number = $1 + $2 - 1,
                                  head_number = $1 + $2 - 1",
    ] {
        sqlx::query(statement).bind(first).bind(count).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}
