//! `tributary books recount`, as an operator sees it.

use std::process::{Command, Output};

use anyhow::{Context, Result};
use facts::ChainId;
use sqlx::PgPool;
use store::payouts::books;

const CHAIN: ChainId = ChainId(5);

fn recount(url: &str, arguments: &[&str]) -> Result<Output> {
    let environment = [("DATABASE_URL", url), ("RPC_URL", "http://127.0.0.1:1")];
    let command = [&["books", "recount"], arguments].concat();
    let mut tributary = Command::new(env!("CARGO_BIN_EXE_tributary"));
    Ok(tributary.args(command).env_remove("TRIBUTARY_CONFIG").envs(environment).output()?)
}

/// Income of 1000 that was divided between two, and 500 that was not.
async fn fill(pool: &PgPool) -> Result<()> {
    sqlx::raw_sql(
        "SELECT chain.create_generation(5, 1, true), chain.attach_generation(5, 1);
         INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
         VALUES (5, 9, sha256('9'), 9, 9, 9);
         INSERT INTO chain.incomes (chain_id, block_number, log_index, tx_hash, at, asset_id, token, payer, amount, reason)
         SELECT 5, n, 0, sha256('t'), now(), 1, decode(repeat('00', 20), 'hex'), decode(repeat('01', 20), 'hex'), 500 * n, 'gift'
         FROM generate_series(1, 2) n;
         INSERT INTO distributions (chain_id, asset_id, token, amount, distributed, reserved, policy, through_block)
         VALUES (5, 1, decode(repeat('00', 20), 'hex'), 1000, 1000, 0, 'pass_down', 2);
         INSERT INTO distributed_incomes (chain_id, block_number, log_index, distribution_id) VALUES (5, 2, 0, 1);
         INSERT INTO payouts (chain_id, account, token, amount, distribution_id)
         SELECT 5, decode(repeat(who, 20), 'hex'), decode(repeat('00', 20), 'hex'), 500, 1 FROM unnest('{0a,0b}'::text[]) who",
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn check(pool: &PgPool) -> Result<()> {
    let check = books::check(pool, CHAIN).await?.context("the mirror has a head")?;
    let mut tx = pool.begin().await?;
    books::record(&mut tx, CHAIN, &check).await?;
    Ok(tx.commit().await?)
}

#[tokio::test]
async fn what_differs_is_named_and_ends_with_an_error_until_it_is_accepted() -> Result<()> {
    let url = testkit::database_url().await?;
    let pool = store::connect(&url, 2).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let missing = recount(&url, &[])?;
    assert!(!missing.status.success() && text(&missing.stderr).contains("there is no mirror yet"), "{missing:?}");
    fill(&pool).await?;
    check(&pool).await?;
    let sound = recount(&url, &[])?;
    let told = text(&sound.stdout);
    assert!(sound.status.success() && told.ends_with("to the last byte.\n"), "{sound:?}");
    for line in ["income        1500", "undistributed 500", "payable       1000"] {
        assert!(told.contains(line), "{told}");
    }

    sqlx::raw_sql(
        "UPDATE book_totals SET credits = credits + 7 WHERE account = 'payable'; UPDATE book_people SET paid = 1",
    )
    .execute(&pool)
    .await?;
    let damaged = recount(&url, &[])?;
    let told = text(&damaged.stdout);
    assert!(!damaged.status.success() && text(&damaged.stderr).contains("have 3 faults"), "{damaged:?}");
    for fault in [
        "payable: they say 0 debits, 1007 credits, counted were 0 debits, 1000 credits",
        "0x0a0A0a0A0a0A0A0a0a0A0A0A0A0A0a0A0a0A0A0a: they say 1 paid, 0 claimed, 0 carried, 0 brought, counted were 500 paid",
    ] {
        assert!(told.to_lowercase().contains(&fault.to_lowercase()), "{told}");
    }
    let accepted = recount(&url, &["--accept"])?;
    assert!(accepted.status.success() && text(&accepted.stdout).contains("The next check"), "{accepted:?}");
    check(&pool).await?;
    assert!(recount(&url, &["--chain", "5"])?.status.success());

    // A record that does not hold is a fault that nobody can accept.
    sqlx::raw_sql("UPDATE payouts SET amount = 501 WHERE id = 1").execute(&pool).await?;
    let broken = recount(&url, &["--accept"])?;
    assert!(!broken.status.success() && text(&broken.stdout).contains("an entry sums to zero"), "{broken:?}");
    Ok(())
}
