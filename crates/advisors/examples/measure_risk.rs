//! Measures how long the risk agent takes from the question to the answer. It makes a market in the database of DATABASE_URL,
//! which must be migrated and empty, with a million transfers (or as many as the first argument says) among 16 384 accounts. It
//! prints lines `name value` in milliseconds: for reading and building the memory, and 99th percentiles of 300 questions.

use std::{error::Error, time::Instant};

use advisors::risk::{self, Memory, Standing};
use alloy_primitives::{Address, B256};
use chrono::Utc;
use facts::ChainId;
use sqlx::{Connection, PgConnection};
use store::market::screenings;

const CHAIN: ChainId = ChainId(1);
const QUESTIONS: u64 = 300;

async fn fill(conn: &mut PgConnection, transfers: i64) -> Result<(), sqlx::Error> {
    for statement in [
        "SELECT chain.create_generation(1, 1, true)",
        "SELECT chain.create_log(1)",
        "SELECT chain.attach_generation(1, 1), chain.index_generation(1, 1, NULL)",
        "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
         VALUES (1, 100000000, sha256('head'), 100000000, 100000000, 100000000)",
    ] {
        // The generation and its tables may exist already.
        let _ = sqlx::query(statement).execute(&mut *conn).await;
    }
    let account = "decode(lpad(to_hex(hashint4((%)::int)::bigint & 16383), 40, '0'), 'hex')";
    let registrations = format!(
        "INSERT INTO chain.registrations (chain_id, block_number, log_index, tx_hash, at, asset_id, registrant, first_owner, kind, open,
                                          content_hash, royalty_bps, cid, shares, parents)
         SELECT 1, n, 0, sha256(int8send(n)), now() - interval '1 year' + n * interval '1 second', n, {0}, {0}, 'CODE', true,
                sha256(int8send(n)), 500, 'bafy' || n, '[]', '{{}}' FROM generate_series(1, $1::bigint / 10) n",
        account.replace('%', "n")
    );
    let transfers_of = format!(
        "INSERT INTO chain.transfers (chain_id, block_number, log_index, tx_hash, at, asset_id, sender, recipient, epoch)
         SELECT 1, 1000000 + n, 0, sha256(int8send(n)), now() - interval '300 days' + n * interval '20 seconds', 1 + n % ($1 / 10),
                {}, {}, 1 + n / ($1 / 10) FROM generate_series(1, $1::bigint) n",
        account.replace('%', "n % ($1 / 10) + n / ($1 / 10) * 7"),
        account.replace('%', "n % ($1 / 10) + (n / ($1 / 10) + 1) * 7")
    );
    for (statement, count) in [(registrations, transfers), (transfers_of, transfers)] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(count).execute(&mut *conn).await?;
    }
    for statement in [
        "INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side, currency,
                                  price, fee, royalty, net, nonce)
         SELECT 1, block_number, 1, tx_hash, at, tx_hash, asset_id, sender, recipient, 'SELL', decode(repeat('00', 20), 'hex'),
                1000 + asset_id % 997, 0, 0, 1000 + asset_id % 997, block_number FROM chain.transfers",
        "SELECT set_config('search_path', 'chain_1_1, chain, public', false)",
        "SELECT chain.refresh_assets(1, (SELECT array_agg(n) FROM generate_series(1, 2000) n))",
        "INSERT INTO orders (chain_id, hash, maker, side, asset_id, asset_epoch, currency, start_price, end_price, start_time, end_time,
                             taker, nonce, maker_epoch, max_fee_bps, min_net, signature)
         SELECT 1, sha256(int8send(asset_id)), owner, 'SELL', asset_id, epoch, decode(repeat('00', 20), 'hex'), 5000, 5000,
                now() - interval '1 hour', now() + interval '1 day', decode(repeat('00', 20), 'hex'), asset_id, 0, 200, 0, '\\x'
         FROM chain.assets",
        "ANALYZE",
    ] {
        sqlx::query(statement).execute(&mut *conn).await?;
    }
    Ok(())
}

fn percentile(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let transfers = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let pool = store::connect(&std::env::var("DATABASE_URL")?, 4).await?;
    let mut conn = PgConnection::connect(&std::env::var("DATABASE_URL")?).await?;
    fill(&mut conn, transfers).await?;
    let memory = Memory::new(pool.clone(), CHAIN);
    let start = Instant::now();
    memory.fresh().await?;
    println!("risk_memory_ms {:.0}", milliseconds(start));
    let orders: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT hash::bytea, maker::bytea FROM orders LIMIT 300").fetch_all(&pool).await?;
    let (mut accounts, mut screens, mut decisions) = (Vec::new(), Vec::new(), std::collections::BTreeMap::new());
    for n in 0..QUESTIONS {
        let (hash, maker) = &orders[n as usize % orders.len()];
        let start = Instant::now();
        let known = memory.latest().await?.ok_or("no memory")?;
        risk::assess_account(&known, Address::from_slice(maker)).await?;
        accounts.push(milliseconds(start));
        let start = Instant::now();
        let known = memory.latest().await?.ok_or("no memory")?;
        let mut conn = pool.acquire().await?;
        let offer = screenings::offer(&mut conn, CHAIN, B256::from_slice(hash)).await?.ok_or("no order")?;
        let screening = risk::screen(&mut conn, &known, &offer, Standing::sound(&offer), Utc::now()).await?;
        screens.push(milliseconds(start));
        *decisions.entry(risk::decision_name(screening.says.decision)).or_insert(0) += 1;
    }
    eprintln!("{decisions:?}");
    println!("risk_account_p99_ms {:.2}", percentile(accounts));
    println!("risk_screening_p99_ms {:.2}", percentile(screens));
    Ok(())
}
