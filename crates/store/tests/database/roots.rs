//! What a root commits to when there are more currencies than the contract takes at once, and the proofs that are stored with it.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256, address, b256};
use anyhow::{Context, Result};
use domain::{
    Amount,
    merkle::{Entry, PayoutTree, leaf, verify},
};
use facts::ChainId;
use sqlx::{PgConnection, PgPool};
use store::{
    StoreError,
    payouts::roots::{self, Cumulative, Stored},
};

use crate::read::Reads;

const CHAIN: ChainId = ChainId(5);
const CONTRACT: Address = address!("5FbDB2315678afecb367f032d93F642f64180aa3");
const ACCOUNT: Address = Address::repeat_byte(7);

/// A database with a chain that has nothing yet.
async fn database() -> Result<PgPool> {
    let pool = testkit::database().await?;
    // As a mirror does when it begins.
    sqlx::query("SELECT chain.create_generation($1, 1, true), chain.attach_generation($1, 1), chain.index_generation($1, 1, NULL)")
        .bind(CHAIN.get())
        .execute(&pool)
        .await?;
    Ok(pool)
}

fn token(n: u8) -> Address {
    Address::repeat_byte(n)
}

async fn pay(pool: &PgPool, token: Address, amount: i64) -> Result<()> {
    pay_of(pool, 1, token, amount).await
}

/// Pays from the income of an asset.
async fn pay_of(pool: &PgPool, asset: i64, token: Address, amount: i64) -> Result<()> {
    sqlx::query(
        "WITH d AS (INSERT INTO distributions (chain_id, asset_id, token, amount, distributed, reserved, policy, through_block)
                    VALUES ($1, $5, $2, $3, $3, 0, 'pass_down', 1) RETURNING id)
         INSERT INTO payouts (chain_id, account, token, amount, distribution_id) SELECT $1, $4, $2, $3, id FROM d",
    )
    .bind(CHAIN.get())
    .bind(token.as_slice())
    .bind(amount)
    .bind(ACCOUNT.as_slice())
    .bind(asset)
    .execute(pool)
    .await?;
    Ok(())
}

/// Records what the next root commits to, as if the chain had activated it.
async fn activate(pool: &PgPool, number: i64) -> Result<Cumulative> {
    let mut tx = pool.begin().await?;
    let next = roots::cumulative(&mut tx, CHAIN, &BTreeSet::new()).await?;
    let tree = PayoutTree::new(CHAIN.0, CONTRACT, next.entries.clone())?;
    let root = tree.root();
    roots::record(&mut tx, CHAIN, &tree, "bafylist", &next).await?;
    decide(&mut tx, root, number).await?;
    tx.commit().await?;
    Ok(next)
}

/// Mirrors that the chain took a root as its n-th, and activated it.
async fn decide(tx: &mut PgConnection, root: B256, number: i64) -> Result<()> {
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
    Ok(())
}

fn of(cumulative: &Cumulative, token: Address) -> Option<U256> {
    cumulative.entries.iter().find(|entry| entry.token == token).map(|entry| entry.cumulative.0)
}

/// Anyone may give an asset income in a token of their own, so their number must not stop a root.
#[tokio::test]
async fn many_currencies_are_published_some_at_a_time_the_oldest_first() -> Result<()> {
    let pool = database().await?;
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
    // What changed: two known currencies, and the nine that waited.
    assert_eq!(tokens(&second), [3, 31, 32, 33, 34, 35, 36, 37, 38, 39, 255].map(token));
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
    assert_eq!(roots::cumulative(&mut conn, CHAIN, &BTreeSet::new()).await?.totals, [], "nothing is left");
    drop(conn);
    pay(&pool, token(1), 1).await?;
    assert!(!current().await?, "somebody was paid");
    Ok(())
}

/// Returns what the next root commits to, without these currencies.
async fn next(pool: &PgPool, left_out: &[Address]) -> Result<Cumulative> {
    let mut conn = pool.acquire().await?;
    Ok(roots::cumulative(&mut conn, CHAIN, &left_out.iter().copied().collect()).await?)
}

fn tokens(cumulative: &Cumulative) -> Vec<Address> {
    cumulative.totals.iter().map(|(token, _)| *token).collect()
}

/// Mirrors that the contract did not move all that the n-th root names.
async fn pass_over(pool: &PgPool, number: i64, token: Address, amount: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO chain.totals_passed_over (chain_id, block_number, log_index, tx_hash, at, number, token, amount)
         VALUES ($1, $2, 1, $3, now(), $2, $4, $5)",
    )
    .bind(CHAIN.get())
    .bind(number)
    .bind(B256::ZERO.as_slice())
    .bind(token.as_slice())
    .bind(amount)
    .execute(pool)
    .await?;
    Ok(())
}

/// Whoever pays a unit in each of many currencies every day keeps nobody out for longer than a turn.
#[tokio::test]
async fn currencies_have_their_turns_however_often_others_are_paid() -> Result<()> {
    let pool = database().await?;
    for n in 0..32 {
        pay_of(&pool, 1, token(n), 1).await?;
    }
    activate(&pool, 1).await?;
    for n in 0..32 {
        pay_of(&pool, 1, token(n), 1).await?;
    }
    // One comes later, of another asset: it is among the first, because one asset's currencies do not fill a root before.
    pay_of(&pool, 2, token(200), 7).await?;
    let second = activate(&pool, 2).await?;
    assert!(tokens(&second).contains(&token(200)));
    assert_eq!(second.totals.len(), 32);
    let waits: Vec<u8> = (0..32).filter(|n| !tokens(&second).contains(&token(*n))).collect();
    assert_eq!(waits, [31], "the youngest of the asset with many waits");

    // It waits longest now, however much comes in for all others.
    for round in 0..3 {
        for n in 0..31 {
            pay_of(&pool, 1, token(n), 1).await?;
        }
        if round == 0 {
            let third = activate(&pool, 3).await?;
            assert!(tokens(&third).contains(&token(31)));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_currency_that_fails_is_tried_again_and_keeps_nobody_out() -> Result<()> {
    let pool = database().await?;
    pay(&pool, token(1), 10).await?;
    pay(&pool, token(2), 10).await?;
    activate(&pool, 1).await?;
    pass_over(&pool, 1, token(1), 4).await?;
    // A root only to try it once more would be the same again and again.
    let nothing = next(&pool, &[]).await?;
    assert_eq!((nothing.changed, nothing.totals.len()), (false, 0));

    // It rides along with a root that something else needs, after everything that works.
    pay(&pool, token(2), 1).await?;
    let second = activate(&pool, 2).await?;
    assert_eq!(second.totals, [(token(1), U256::from(10)), (token(2), U256::from(11))]);
    pass_over(&pool, 2, token(1), 4).await?;
    for n in 50..82 {
        pay(&pool, token(n), 1).await?;
    }
    pay(&pool, token(1), 5).await?;
    let third = activate(&pool, 3).await?;
    assert_eq!((third.totals.len(), tokens(&third).contains(&token(1))), (32, false));
    assert_eq!(of(&third, token(1)), Some(U256::from(10)), "until its turn it stays as it was");
    let fourth = activate(&pool, 4).await?;
    assert_eq!(fourth.totals, [(token(1), U256::from(15))]);
    assert!(!next(&pool, &[]).await?.changed, "it was moved whole");
    Ok(())
}

#[tokio::test]
async fn what_is_left_out_or_cannot_be_counted_holds_up_nothing_else() -> Result<()> {
    let pool = database().await?;
    pay(&pool, token(1), 10).await?;
    pay(&pool, token(2), 10).await?;
    activate(&pool, 1).await?;
    for n in 1..=3 {
        pay(&pool, token(n), 5).await?;
    }
    let left = next(&pool, &[token(1), token(3)]).await?;
    assert_eq!(left.totals, [(token(2), U256::from(15))]);
    assert_eq!((of(&left, token(1)), of(&left, token(3))), (Some(U256::from(10)), None), "what was promised stays");
    assert!(!next(&pool, &[token(1), token(2), token(3)]).await?.changed);

    // More than 128 bits, of a token that anyone made.
    sqlx::query("UPDATE payouts SET amount = 2::numeric ^ 200 WHERE token = $1")
        .bind(token(3).as_slice())
        .execute(&pool)
        .await?;
    assert_eq!(tokens(&next(&pool, &[]).await?), [token(1), token(2)]);
    Ok(())
}

/// What a token that keeps a part of its transfers was paid in needs no moving: it is where claims are paid from.
#[tokio::test]
async fn forwarded_income_is_promised_and_not_moved() -> Result<()> {
    let pool = database().await?;
    sqlx::query(
        "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number) VALUES ($1, 9, $2, 5, 5, 9)",
    )
    .bind(CHAIN.get())
    .bind(B256::ZERO.as_slice())
    .execute(&pool)
    .await?;
    for (block, amount, forwarded) in [(1, 60, true), (2, 30, true), (3, 10, false), (8, 500, true)] {
        sqlx::query(
            "INSERT INTO chain.incomes (chain_id, block_number, log_index, tx_hash, at, asset_id, token, payer, amount, reason, forwarded)
             VALUES ($1, $2, 0, $3, now(), 1, $4, $5, $6, 'test', $7)",
        )
        .bind(CHAIN.get())
        .bind(block)
        .bind(B256::ZERO.as_slice())
        .bind(token(1).as_slice())
        .bind(ACCOUNT.as_slice())
        .bind(amount)
        .bind(forwarded)
        .execute(&pool)
        .await?;
    }
    pay(&pool, token(1), 60).await?;
    let first = activate(&pool, 1).await?;
    assert_eq!((first.changed, first.totals.len(), of(&first, token(1))), (true, 0, Some(U256::from(60))));
    pay(&pool, token(1), 40).await?;
    let second = activate(&pool, 2).await?;
    // What is not final yet does not count.
    assert_eq!((second.totals, second.entries.len()), (vec![(token(1), U256::from(10))], 1));
    Ok(())
}

/// Returns a tree over so many entries. Every third account has entries in two tokens.
fn tree(count: u64) -> Result<PayoutTree> {
    let account = |n: u64| Address::left_padding_from(&(n - n % 3 / 2).to_be_bytes());
    let entry = |n| Entry { account: account(n), token: token((n % 3) as u8), cumulative: Amount::from(n * n + 1) };
    Ok(PayoutTree::new(CHAIN.0, CONTRACT, (0..count).map(entry).collect())?)
}

async fn record(tx: &mut PgConnection, tree: &PayoutTree) -> Result<Stored> {
    let cumulative =
        Cumulative { entries: tree.entries().to_vec(), totals: Vec::new(), through_payout: 0, changed: true };
    let id = roots::record(tx, CHAIN, tree, "bafylist", &cumulative).await?;
    Ok(Stored { id, root: tree.root() })
}

async fn proofs(tx: &mut PgConnection, root: Stored, entry: &Entry) -> Result<Vec<B256>, StoreError> {
    let mut proofs = roots::proofs(tx, CHAIN, CONTRACT, root, entry.account, &[entry.token]).await?;
    assert!(proofs.len() <= 1, "other tokens were not asked for");
    Ok(proofs.remove(&entry.token).unwrap_or_default())
}

/// Makes a root what versions before migration 30 recorded.
async fn make_old(tx: &mut PgConnection, root: Stored) -> Result<()> {
    sqlx::query("DELETE FROM payout_root_levels WHERE root_id = $1").bind(root.id).execute(&mut *tx).await?;
    sqlx::query("UPDATE payout_root_entries SET place = NULL WHERE root_id = $1").bind(root.id).execute(tx).await?;
    Ok(())
}

#[tokio::test]
async fn stored_proofs_are_those_of_the_whole_tree() -> Result<()> {
    let pool = database().await?;
    let mut tx = pool.begin().await?;
    // One, two, odd ones, and one less and more than powers of two.
    for count in (1..=9).chain([15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257]) {
        let tree = tree(count)?;
        let root = record(&mut tx, &tree).await?;
        for entry in tree.entries() {
            let proof = proofs(&mut tx, root, entry).await?;
            assert_eq!(Some(&proof), tree.proof(entry.account, entry.token).as_ref(), "{entry:?} of {count}");
            assert!(verify(root.root, leaf(CHAIN.0, CONTRACT, entry), &proof), "{entry:?} of {count}");
        }
        // Those without an entry have no proof, and neither are there proofs for another root's number.
        let nobody = roots::proofs(&mut tx, CHAIN, CONTRACT, root, Address::repeat_byte(0xff), &[token(0)]).await?;
        assert_eq!(nobody.len(), 0);
    }
    Ok(())
}

/// The leaf of the first of three entries, as another implementation computed it; see the tests of `domain::merkle`.
const LEAF: B256 = b256!("167169121aad6f5485b289291df2fb700bfc7d18835afa4e8ad760f008a7e4bb");
const ROOT: B256 = b256!("7ca63e1bc6ea440ca38c96f825865c5f04aac766f0266e36c5f6bf60f8176147");

#[tokio::test]
async fn known_answers_of_a_root_of_three() -> Result<()> {
    let pool = database().await?;
    let mut tx = pool.begin().await?;
    let chain = ChainId(31_337);
    let account = |n: u64| Address::left_padding_from(&n.to_be_bytes());
    let entry = |n: u64| Entry { account: account(n), token: Address::ZERO, cumulative: Amount::from(100 * n) };
    let tree = PayoutTree::new(chain.0, CONTRACT, (1..=3).map(entry).collect())?;
    let cumulative =
        Cumulative { entries: tree.entries().to_vec(), totals: Vec::new(), through_payout: 0, changed: true };
    let id = roots::record(&mut tx, chain, &tree, "bafylist", &cumulative).await?;
    let root = Stored { id, root: ROOT };
    let mut proof = async |n| -> Result<Vec<B256>> {
        let mut proofs = roots::proofs(&mut tx, chain, CONTRACT, root, account(n), &[Address::ZERO]).await?;
        proofs.remove(&Address::ZERO).context("there is an entry")
    };
    let (first, second, third) = (proof(1).await?, proof(2).await?, proof(3).await?);
    assert_eq!((first.len(), second.len(), third.len()), (2, 2, 1));
    assert_eq!((second[0], first[1]), (LEAF, second[1]));
    // The third leaf has no sibling, so it moves up as it is.
    assert_eq!(first[1], leaf(chain.0, CONTRACT, &entry(3)));
    Ok(())
}

#[tokio::test]
async fn roots_of_earlier_versions_are_read_and_completed() -> Result<()> {
    let pool = database().await?;
    let mut tx = pool.begin().await?;
    let trees = [tree(1)?, tree(20)?, tree(33)?, tree(50)?];
    let mut stored = Vec::new();
    for (tree, number) in trees.iter().zip(1..) {
        let root = record(&mut tx, tree).await?;
        make_old(&mut tx, root).await?;
        if number < 4 {
            decide(&mut tx, root.root, number).await?;
        }
        stored.push(root);
    }
    // The active one and the newest are what matters.
    assert_eq!(roots::active(&mut tx, CHAIN).await?, Some(stored[2]));
    assert_eq!(roots::without_tree(&mut tx, CHAIN).await?, [stored[2], stored[3]]);
    for (tree, root) in trees.iter().zip(&stored) {
        for is_completed in [false, true, true] {
            if is_completed {
                assert!(roots::add_tree(&mut tx, CHAIN, CONTRACT, *root).await?);
            }
            for entry in tree.entries() {
                assert_eq!(Some(proofs(&mut tx, *root, entry).await?), tree.proof(entry.account, entry.token));
            }
        }
    }
    assert_eq!(roots::without_tree(&mut tx, CHAIN).await?, []);

    // What does not lead to the root is never handed out, and does not become its tree.
    let (root, entry) = (stored[2], trees[2].entries()[5]);
    let change = "UPDATE payout_root_entries SET cumulative = cumulative + 1 WHERE root_id = $1 AND account = $2";
    sqlx::query(change).bind(root.id).bind(entry.account.as_slice()).execute(&mut *tx).await?;
    let error = proofs(&mut tx, root, &entry).await.expect_err("the amount is another");
    assert!(error.to_string().contains("changed by other hands"), "{error}");
    make_old(&mut tx, root).await?;
    proofs(&mut tx, root, &entry).await.expect_err("the amount is another");
    assert!(!roots::add_tree(&mut tx, CHAIN, CONTRACT, root).await?);
    assert_eq!(roots::without_tree(&mut tx, CHAIN).await?, [root]);
    Ok(())
}

/// Returns how many rows of entries and of trees the read of a proof takes, pieces of long values included.
async fn rows_of_a_proof(pool: &PgPool, root: Stored, entry: &Entry) -> Result<[i64; 2]> {
    let mut tx = pool.begin().await?;
    let mut rows = [0; 2];
    for (place, table) in ["payout_root_entries", "payout_root_levels"].into_iter().enumerate() {
        let before = Reads::of(&mut tx, table).await?;
        proofs(&mut tx, root, entry).await?;
        let read = Reads::of(&mut tx, table).await? - before;
        assert_eq!(read.scans, 0, "{table} is read from end to end");
        rows[place] = read.rows;
    }
    Ok(rows)
}

#[tokio::test]
async fn a_proof_reads_one_entry_and_one_hash_of_each_level() -> Result<()> {
    let pool = database().await?;
    // What else there is: many roots of one entry.
    for other in [
        "INSERT INTO payout_roots (chain_id, root, data_cid, totals, through_payout)
         SELECT 5, sha256(int4send(n)), '', '[]', 0 FROM generate_series(1, 3000) n",
        "INSERT INTO payout_root_levels SELECT id, 0, root FROM payout_roots",
    ] {
        sqlx::query(other).execute(&pool).await?;
    }
    for (count, levels) in [(1_000, 11), (2_000, 12), (4_000, 13)] {
        let tree = tree(count)?;
        let mut tx = pool.begin().await?;
        let root = record(&mut tx, &tree).await?;
        tx.commit().await?;
        sqlx::query("ANALYZE payout_root_entries, payout_root_levels").execute(&pool).await?;
        for entry in tree.entries().iter().step_by(count as usize / 7) {
            let [entries, hashes] = rows_of_a_proof(&pool, root, entry).await?;
            assert!(entries <= 2, "{entries} entries of {count}");
            // The row of a level, and at most the two pieces of it between which the hash lies.
            assert!((levels..=3 * levels).contains(&hashes), "{hashes} rows for {levels} levels");
        }
    }
    Ok(())
}

#[tokio::test]
async fn totals_are_the_sums_of_payouts_whoever_writes_them() -> Result<()> {
    let pool = database().await?;
    for (n, amount) in [(1, 5), (2, 7), (1, 11), (1, 1)] {
        pay(&pool, token(n), amount).await?;
    }
    // Several of one account in one statement, as when reserves are released.
    sqlx::query(
        "INSERT INTO payouts (chain_id, account, token, amount, distribution_id)
         SELECT chain_id, decode(repeat('08', 20), 'hex'), token, amount * 10, id FROM distributions",
    )
    .execute(&pool)
    .await?;
    let totals: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT encode(account, 'hex'), encode(token, 'hex'), amount::bigint FROM payout_totals ORDER BY 1, 2",
    )
    .fetch_all(&pool)
    .await?;
    let hex = |n: u8| hex::encode([n; 20]);
    assert_eq!(totals, [(7, 1, 17), (7, 2, 7), (8, 1, 170), (8, 2, 70)].map(|(a, t, sum)| (hex(a), hex(t), sum)));
    Ok(())
}
