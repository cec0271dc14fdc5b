//! What the detectors of fraud are given: final facts only, each with its own price.

use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, Result};
use facts::ChainId;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use store::market::trade::{self, Transferred};

const CHAIN: ChainId = ChainId(5);

fn account(n: u8) -> Address {
    Address::repeat_byte(n)
}

/// A mirror that is final up to block 10. Asset 1 is sold by 1 to 2 for 500, and in one transaction back for 510 and again for 520;
/// asset 2 goes from 3 to 4 as a gift, and from 4 to 5 for 70 of a token; what happens in block 12 is not final.
async fn database() -> Result<PgPool> {
    let pool = testkit::database().await?;
    for statement in [
        "SELECT chain.create_generation(5, 1, true), chain.attach_generation(5, 1)",
        "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
         VALUES (5, 13, sha256('13'), 10, 10, 13)",
        "INSERT INTO chain.blocks (chain_id, number, hash, parent_hash, timestamp)
         SELECT 5, n, sha256(int4send(n)), sha256(int4send(n - 1)), now() - make_interval(secs => (13 - n) * 10)
         FROM generate_series(11, 13) n",
        "INSERT INTO chain.transfers (chain_id, block_number, log_index, tx_hash, at, asset_id, sender, recipient, epoch)
         SELECT 5, block, log, sha256(int4send(block)), to_timestamp(block), asset, decode(repeat(sender, 20), 'hex'),
                decode(repeat(recipient, 20), 'hex'), block * 10 + log
         FROM (VALUES (4, 0, 1, '00', '01'), (5, 1, 1, '01', '02'), (6, 1, 1, '02', '01'), (6, 4, 1, '01', '02'), (6, 7, 1, '02', '01'),
                      (7, 0, 2, '03', '04'), (8, 0, 2, '04', '05'), (12, 0, 2, '05', '06')) t (block, log, asset, sender, recipient)",
        "INSERT INTO chain.fills (chain_id, block_number, log_index, tx_hash, at, order_hash, asset_id, maker, taker, side, currency,
                                  price, fee, royalty, net, nonce)
         SELECT 5, block, log, sha256(int4send(block)), to_timestamp(block), sha256(int4send(log)), asset,
                decode(repeat(maker, 20), 'hex'), decode(repeat(taker, 20), 'hex'), side, decode(repeat(currency, 20), 'hex'), price, 0,
                0, price, block * 10 + log
         FROM (VALUES (5, 2, 1, '01', '02', 'SELL', '00', 500), (6, 2, 1, '01', '02', 'BID', '00', 510),
                      (6, 5, 1, '01', '02', 'SELL', '00', 515), (6, 8, 1, '02', '01', 'SELL', '00', 520),
                      (8, 1, 2, '04', '05', 'SELL', '0a', 70)) f (block, log, asset, maker, taker, side, currency, price)",
        "INSERT INTO chain.claims (chain_id, block_number, log_index, tx_hash, at, account, token, recipient, amount, cumulative)
         SELECT 5, block, 9, sha256(int4send(block)), to_timestamp(block), decode(repeat('01', 20), 'hex'),
                decode(repeat(token, 20), 'hex'), decode(repeat(recipient, 20), 'hex'), 30, 30
         FROM (VALUES (7, '00', '01'), (8, '00', '02'), (9, '0a', '02'), (12, '00', '02')) c (block, token, recipient)",
        "INSERT INTO chain.registrations (chain_id, block_number, log_index, tx_hash, at, asset_id, registrant, first_owner, kind, open,
                                          content_hash, royalty_bps, cid, shares, parents)
         SELECT 5, n * 2, 5, sha256(int4send(n)), to_timestamp(n * 2), n, decode(repeat('0' || n, 20), 'hex'),
                decode(repeat('0' || n, 20), 'hex'), 'CODE', true, sha256(int4send(n)), 0, 'bafy' || n, '[]', '{}'
         FROM generate_series(1, 2) n",
        "INSERT INTO chain.cid_updates (chain_id, block_number, log_index, tx_hash, at, asset_id, cid)
         VALUES (5, 9, 5, sha256('9'), to_timestamp(9), 2, 'bafy1')",
    ] {
        sqlx::query(statement).execute(&pool).await?;
    }
    Ok(pool)
}

#[tokio::test]
async fn transfers_have_the_price_of_their_own_sale() -> Result<()> {
    let pool = database().await?;
    let mut conn = pool.acquire().await?;
    let settled = trade::settled(&mut conn, CHAIN).await?.context("nothing is settled")?;
    assert_eq!((settled.block, settled.at.timestamp()), (9, 9), "the newest record, not the newest block");
    assert_eq!(trade::settled(&mut conn, ChainId(6)).await?, None);

    let mut found = Vec::new();
    trade::transfers(&mut conn, CHAIN, settled.block, |one: Transferred| {
        found.push((one.at.timestamp(), one.asset, one.from, one.to, one.price.map(|price| price.to::<u64>())));
    })
    .await?;
    let expected = [
        (5, 1, 1, 2, Some(500)),
        (6, 1, 2, 1, Some(510)),
        (6, 1, 1, 2, Some(515)),
        (6, 1, 2, 1, Some(520)),
        (7, 2, 3, 4, None),
        (8, 2, 4, 5, None),
    ];
    assert_eq!(found, expected.map(|(at, asset, from, to, price)| (at, asset, account(from), account(to), price)));

    let mut paid = Vec::new();
    trade::payments(&mut conn, CHAIN, settled.block, |one| {
        paid.push((one.at.timestamp(), one.from, one.to, one.amount));
    })
    .await?;
    assert_eq!(paid, [(8, account(1), account(2), U256::from(30))], "in the chain's coin, to another, and final");

    let mut published = Vec::new();
    trade::publications(&mut conn, CHAIN, settled.block, |one| {
        published.push((one.at.timestamp(), one.asset, one.registrant, one.content));
    })
    .await?;
    let hash = |bytes: &[u8]| B256::from_slice(&Sha256::digest(bytes));
    let expected = [
        (2, 1, 1, hash(&[0, 0, 0, 1])),
        (2, 1, 1, hash(b"bafy1")),
        (4, 2, 2, hash(&[0, 0, 0, 2])),
        (4, 2, 2, hash(b"bafy2")),
        (9, 2, 2, hash(b"bafy1")),
    ];
    assert_eq!(published, expected.map(|(at, asset, registrant, content)| (at, asset, account(registrant), content)));
    Ok(())
}

#[tokio::test]
async fn a_block_is_waited_for_by_its_age() -> Result<()> {
    let pool = database().await?;
    let mut conn = pool.acquire().await?;
    assert_eq!(trade::settles_in(&mut conn, CHAIN, 10).await?, None, "it is final");
    // Block 11 is the oldest that is not, 20 s before block 13.
    let seconds = |wait: Option<std::time::Duration>| wait.map(|wait| wait.as_secs_f64().round());
    let wait = seconds(trade::settles_in(&mut conn, CHAIN, 13).await?);
    assert_eq!(wait, Some(20.0));
    // However long ago it was made, when the mirror has only now come to it.
    sqlx::query("UPDATE chain.blocks SET timestamp = timestamp - interval '60 days'").execute(&mut *conn).await?;
    assert_eq!(seconds(trade::settles_in(&mut conn, CHAIN, 13).await?), Some(20.0));
    // The chain has stood still for an hour: an eighth of that.
    sqlx::query("UPDATE chain.cursors SET updated_at = now() - interval '1 hour'").execute(&mut *conn).await?;
    let wait = seconds(trade::settles_in(&mut conn, CHAIN, 13).await?);
    assert!(wait.is_some_and(|wait| (450.0..=465.0).contains(&wait)), "{wait:?}");
    Ok(())
}
