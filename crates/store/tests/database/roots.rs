//! What a root commits to when there are more currencies than the contract takes at once.

use alloy_primitives::{Address, B256, U256};
use anyhow::Result;
use facts::ChainId;
use sqlx::PgPool;
use store::payouts::roots::{self, Cumulative};

const CHAIN: ChainId = ChainId(5);
const ACCOUNT: Address = Address::repeat_byte(7);

fn token(n: u8) -> Address {
    Address::repeat_byte(n)
}

async fn pay(pool: &PgPool, token: Address, amount: i64) -> Result<()> {
    sqlx::query(
        "WITH d AS (INSERT INTO distributions (chain_id, asset_id, token, amount, distributed, reserved, policy, through_block)
                    VALUES ($1, 1, $2, $3, $3, 0, 'pass_down', 1) RETURNING id)
         INSERT INTO payouts (chain_id, account, token, amount, distribution_id) SELECT $1, $4, $2, $3, id FROM d",
    )
    .bind(CHAIN.get())
    .bind(token.as_slice())
    .bind(amount)
    .bind(ACCOUNT.as_slice())
    .execute(pool)
    .await?;
    Ok(())
}

/// Records what the next root commits to, as if the chain had activated it.
async fn activate(pool: &PgPool, number: i64) -> Result<Cumulative> {
    let mut tx = pool.begin().await?;
    let next = roots::cumulative(&mut tx, CHAIN).await?;
    let root = B256::with_last_byte(number as u8);
    roots::record(&mut tx, CHAIN, root, "bafylist", &next).await?;
    for (table, columns, values) in [
        ("root_proposals", "root, data_cid, anchor_seq, totals, activatable_at", "$3, '', 0, '[]', now()"),
        ("root_decisions", "root, decision", "$3, 'activated'"),
    ] {
        let insert = format!(
            "INSERT INTO chain.{table} (chain_id, block_number, log_index, tx_hash, at, number, {columns})
             VALUES ($1, $2, 0, $3, now(), $2, {values})"
        );
        let insert = sqlx::query(sqlx::AssertSqlSafe(insert));
        insert.bind(CHAIN.get()).bind(number).bind(root.as_slice()).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(next)
}

fn of(cumulative: &Cumulative, token: Address) -> Option<U256> {
    cumulative.entries.iter().find(|entry| entry.token == token).map(|entry| entry.cumulative.0)
}

/// Anyone may give an asset income in a token of their own, so their number must not stop a root.
#[tokio::test]
async fn many_currencies_are_published_some_at_a_time_the_oldest_first() -> Result<()> {
    let pool = testkit::database().await?;
    // As a mirror does when it begins.
    sqlx::query("SELECT chain.create_generation($1, 1, true), chain.attach_generation($1, 1)")
        .bind(CHAIN.get())
        .execute(&pool)
        .await?;
    // The first paid has the highest address, so that order by address would be seen.
    pay(&pool, token(255), 10).await?;
    for n in 0..40 {
        pay(&pool, token(n), 1 + i64::from(n)).await?;
    }
    let current = async || roots::is_current(&mut *pool.acquire().await?, CHAIN).await;
    assert!(!current().await?, "there is no root");
    let first = activate(&pool, 1).await?;
    assert!(!current().await?, "nine currencies wait for the next root");
    assert_eq!(first.totals.len(), 32);
    assert!(first.totals.is_sorted_by(|a, b| a.0 < b.0), "the contract wants them ascending");
    assert_eq!(first.totals.last(), Some(&(token(255), U256::from(10))));
    assert_eq!((of(&first, token(30)), of(&first, token(31))), (Some(U256::from(31)), None));

    pay(&pool, token(255), 5).await?;
    pay(&pool, token(3), 1).await?;
    let second = activate(&pool, 2).await?;
    let tokens: Vec<Address> = second.totals.iter().map(|(token, _)| *token).collect();
    // What changed: two known currencies, and the nine that waited.
    assert_eq!(tokens, [3, 31, 32, 33, 34, 35, 36, 37, 38, 39, 255].map(token));
    assert_eq!(second.entries.len(), 41);
    assert_eq!((of(&second, token(255)), of(&second, token(0))), (Some(U256::from(15)), Some(U256::from(1))));

    // A currency that has to wait stays as the active root has it.
    for n in 0..40 {
        pay(&pool, token(n), 100).await?;
    }
    let third = activate(&pool, 3).await?;
    assert_eq!((third.totals.len(), third.entries.len()), (32, 41));
    assert_eq!((of(&third, token(31)), of(&third, token(32))), (Some(U256::from(132)), Some(U256::from(33))));
    assert_eq!(activate(&pool, 4).await?.totals.len(), 8);
    assert!(current().await?);
    let mut conn = pool.acquire().await?;
    assert_eq!(roots::cumulative(&mut conn, CHAIN).await?.totals, [], "nothing is left");
    drop(conn);
    pay(&pool, token(1), 1).await?;
    assert!(!current().await?, "somebody was paid");
    Ok(())
}
