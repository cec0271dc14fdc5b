//! Tests the mirror against a real chain: it holds what the canonical chain says, whatever happened meanwhile.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use alloy::{
    primitives::{Address, B256, U256},
    providers::{Provider, ext::AnvilApi},
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::{AssetRegistry, Payouts};
use indexer::{Indexer, IndexerError, Progress, ResumeError, Rewind, SourceError};
use service::Finality;
use sqlx::PgPool;
use store::payouts::books;
use testkit::{Chain, Market, account, mirrored};

async fn indexer(market: &Market, db: &PgPool, finality: Finality) -> Result<Indexer> {
    Ok(Indexer::new(db.clone(), market.chain.pool().await?, market.deployment, finality))
}

async fn level(indexer: &mut Indexer) -> Result<()> {
    Ok(indexer.level().await?)
}

/// Returns a database whose mirror reads the chain from the beginning, to compare with.
async fn fresh(market: &Market) -> Result<Vec<String>> {
    let pool = market.another_database().await?;
    level(&mut indexer(market, &pool, Finality::Depth(64)).await?).await?;
    mirrored(&pool).await
}

async fn transfer(market: &Market, from: u32, to: u32, asset: u64) -> Result<()> {
    let call = AssetRegistry::transferFromCall { from: account(from), to: account(to), tokenId: U256::from(asset) };
    market.call(from, market.deployment.asset_registry, U256::ZERO, call.abi_encode()).await?;
    Ok(())
}

async fn fund(market: &Market, from: u32, asset: U256, wei: u64) -> Result<()> {
    let amount = U256::from(wei);
    let call =
        Payouts::fundCall { assetId: asset, token: Address::ZERO, amount, reason: B256::right_padding_from(b"gift") };
    market.call(from, market.deployment.payouts, amount, call.abi_encode()).await?;
    Ok(())
}

#[tokio::test]
async fn holds_what_the_contracts_hold() -> Result<()> {
    let market = Market::start().await?;
    market.register(1, 11, &[]).await?;
    market.register(2, 12, &[1]).await?;
    transfer(&market, 1, 3, 1).await?;
    transfer(&market, 3, 4, 1).await?;
    fund(&market, 5, U256::from(2), 1000).await?;
    let lower = AssetRegistry::lowerRoyaltyCall { assetId: U256::from(2), royaltyBps: 100 }.abi_encode();
    market.call(2, market.deployment.asset_registry, U256::ZERO, lower).await?;
    // Money for an asset id that no registry can have must not stop the mirror.
    fund(&market, 5, U256::MAX, 7).await?;
    level(&mut indexer(&market, &market.pool, Finality::Tags).await?).await?;
    fund(&market, 5, U256::from(1), 8).await?;
    level(&mut indexer(&market, &market.pool, Finality::Tags).await?).await?;

    let registry = AssetRegistry::new(market.deployment.asset_registry, &market.chain.provider);
    let rows: Vec<(i64, Vec<u8>, i64, i32)> =
        sqlx::query_as("SELECT asset_id, owner::bytea, epoch, royalty_bps FROM chain.assets ORDER BY asset_id")
            .fetch_all(&market.pool)
            .await?;
    assert_eq!(rows.len(), 2);
    for (id, owner, epoch, royalty) in rows {
        let details = registry.detailsOf(U256::from(id)).call().await?;
        assert_eq!(details.owner.as_slice(), owner, "owner of {id}");
        assert_eq!(details.epoch as i64, epoch, "epoch of {id}");
        assert_eq!(i32::from(details.royaltyBps), royalty, "royalty of {id}");
    }
    let quarantined: Vec<String> =
        sqlx::query_scalar("SELECT reason FROM chain.quarantine").fetch_all(&market.pool).await?;
    assert_eq!(quarantined.len(), 1, "{quarantined:?}");
    assert!(quarantined[0].contains("beyond the range"), "{quarantined:?}");
    // All events of each contract are here, according to their own numbers.
    let payouts = Payouts::new(market.deployment.payouts, &market.chain.provider);
    let numbers: (i64, i64) =
        sqlx::query_as("SELECT count(seq), max(seq) FROM chain.logs WHERE address = $1 AND stream = ''")
            .bind(market.deployment.payouts.as_slice())
            .fetch_one(&market.pool)
            .await?;
    let seq = payouts.eventSeq().call().await? as i64;
    assert_eq!(numbers, (seq, seq));
    Ok(())
}

/// Makes a branch of `depth` blocks, or one more by the sender, that will be lost. It gives money, changes owners, and
/// registers works.
async fn branch(market: &Market, depth: u64) -> Result<()> {
    let end = market.chain.provider.get_block_number().await? + depth;
    fund(market, 5, U256::from(1), 100 + depth).await?;
    if depth > 1 {
        let registry = AssetRegistry::new(market.deployment.asset_registry, &market.chain.provider);
        let owner = registry.ownerOf(U256::from(1)).call().await?;
        let (from, to) = if owner == account(1) { (1, 3) } else { (3, 1) };
        transfer(market, from, to, 1).await?;
    }
    while market.chain.provider.get_block_number().await? < end {
        let number = market.chain.provider.get_block_number().await?;
        market.register(3, 1000 * depth + number, &[2]).await?;
        market.chain.mine(6.min(end.saturating_sub(number + 1))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn reorganisations_end_as_a_fresh_mirror_of_the_canonical_chain() -> Result<()> {
    const WINDOW: u64 = 100;
    let market = Market::on(Chain::with_market(64).await?, testkit::market_database().await?).await?;
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(WINDOW)).await?;
    market.register(1, 1, &[]).await?;
    market.register(2, 2, &[1]).await?;
    for depth in [1_u64, 6, 64, WINDOW + 10] {
        level(&mut mirror).await?;
        let snapshot = market.chain.provider.anvil_snapshot().await?;
        let before = market.chain.provider.get_block_number().await?;
        branch(&market, depth).await?;
        level(&mut mirror).await?;
        let lost = market.chain.provider.get_block_number().await?;
        assert!(lost >= before + depth);
        ensure!(market.chain.provider.anvil_revert(snapshot).await?, "the chain did not go back");
        // A head that went backwards is not a reorganisation, so nothing changes yet.
        let held = mirrored(&market.pool).await?;
        let backwards = mirror.level().await;
        // The mirror waits for a chain that is shorter than what was final.
        let waits = matches!(backwards, Err(IndexerError::Source(SourceError::Ended { .. })));
        assert!(backwards.is_ok() || waits && depth > WINDOW, "depth {depth}: {backwards:?}");
        // This is skipped if the sender has already sent its lost transactions again.
        if market.chain.provider.get_block_number().await? <= before {
            assert_eq!(mirrored(&market.pool).await?, held, "depth {depth}: the mirror changed without a new block");
        }
        // The other branch has the same contents in other blocks, and new ones. The sender sends its lost transactions again.
        market.register(4, 2000 * depth, &[1, 2]).await?;
        market.chain.mine(depth + 4).await?;
        if depth > WINDOW {
            // What was final is gone, so a person must confirm that this is right.
            let halted = mirror.level().await.expect_err("the mirror must halt");
            assert!(matches!(halted, IndexerError::Halted(_)), "{halted}");
            assert_eq!(mirrored(&market.pool).await?, held, "a halted mirror keeps what it has");
            let pool = market.chain.pool().await?;
            let finality = Finality::Depth(WINDOW);
            let rewound = indexer::resume(&market.pool, pool, &market.deployment, finality, Rewind::ToShared).await?;
            // A lost transaction that was sent again within the same second makes the same block, so not all `depth` blocks
            // are gone.
            assert!(rewound > WINDOW, "{rewound} blocks");
            // The leader's epoch is outdated now.
            let _ = mirror.converge().await;
        }
        // What the sender sends during a comparison is compared in the next round.
        loop {
            let head = market.chain.provider.get_block_number().await?;
            assert!(head > lost, "the chain grew");
            level(&mut mirror).await?;
            let (held, canonical) = (mirrored(&market.pool).await?, fresh(&market).await?);
            if market.chain.provider.get_block_number().await? == head {
                assert_eq!(held, canonical, "depth {depth}");
                break;
            }
        }
    }
    let counted: i64 = sqlx::query_scalar("SELECT reorganisations FROM chain.cursors").fetch_one(&market.pool).await?;
    assert!(counted >= 4, "{counted} reorganisations");
    let retractions: i64 =
        sqlx::query_scalar("SELECT count(*) FROM outbox WHERE retracts IS NOT NULL").fetch_one(&market.pool).await?;
    assert!(retractions > 0, "the outbox tells of what was taken back");
    Ok(())
}

#[tokio::test]
async fn a_chain_that_leaves_a_finalized_block_halts_the_mirror_and_changes_nothing() -> Result<()> {
    let market = Market::start().await?;
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(1)).await?;
    let snapshot = market.chain.provider.anvil_snapshot().await?;
    market.register(1, 1, &[]).await?;
    market.chain.mine(5).await?;
    level(&mut mirror).await?;
    let held = mirrored(&market.pool).await?;
    ensure!(market.chain.provider.anvil_revert(snapshot).await?, "the chain did not go back");
    market.chain.provider.anvil_set_next_block_timestamp(4_000_000_000).await?;
    market.chain.mine(20).await?;
    for _ in 0..2 {
        let error = mirror.converge().await.expect_err("the mirror must halt");
        assert!(matches!(error, IndexerError::Halted(_)), "{error}");
    }
    assert_eq!(mirrored(&market.pool).await?, held);
    let halted: Option<String> = sqlx::query_scalar("SELECT halted FROM chain.cursors").fetch_one(&market.pool).await?;
    assert!(halted.is_some_and(|reason| reason.contains("finalized")));
    Ok(())
}

/// A local chain that is killed may come back without its last blocks, whatever its node had said of them.
#[tokio::test]
async fn blocks_that_were_never_on_disk_may_be_lost_and_the_mirror_goes_on() -> Result<()> {
    let market = Market::start().await?;
    let node = &market.chain.provider;
    let durable = tokio::sync::watch::Sender::new(node.get_block_number().await?);
    let mut mirror = indexer(&market, &market.pool, Finality::Tags).await?.with_durable(Some(durable.subscribe()));
    let snapshot = node.anvil_snapshot().await?;
    market.register(1, 1, &[]).await?;
    market.chain.mine(5).await?;
    level(&mut mirror).await?;
    let finalized = async || -> Result<i64> {
        Ok(sqlx::query_scalar("SELECT finalized_number FROM chain.cursors").fetch_one(&market.pool).await?)
    };
    assert_eq!(finalized().await?, *durable.borrow() as i64, "the node says that more is final");
    ensure!(node.anvil_revert(snapshot).await?, "the chain did not go back");
    node.anvil_set_next_block_timestamp(4_000_000_000).await?;
    market.chain.mine(1).await?;
    level(&mut mirror).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);
    // What is on disk is final when the node says so.
    market.chain.mine(9).await?;
    let head = node.get_block_number().await?;
    durable.send_replace(head);
    level(&mut mirror).await?;
    assert_eq!(finalized().await?, head as i64 - 2);
    Ok(())
}

#[tokio::test]
async fn two_mirrors_at_once_commit_each_block_once() -> Result<()> {
    let market = Market::start().await?;
    for content in 1..=12 {
        market.register(1 + (content % 3) as u32, content, &[]).await?;
    }
    let mut first = indexer(&market, &market.pool, Finality::Depth(64)).await?;
    let mut second = indexer(&market, &market.pool, Finality::Depth(64)).await?;
    level(&mut first).await?;
    assert_eq!(second.converge().await?, Progress::Standby, "one leads, the other stands by");
    market.register(1, 100, &[]).await?;
    // The leader ends, and its lock ends with its session. The standby continues where it stopped.
    drop(first);
    level(&mut second).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);
    let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM chain.cursors").fetch_one(&market.pool).await?;
    assert_eq!(epoch, 2);
    Ok(())
}

#[tokio::test]
async fn a_leader_that_sleeps_through_its_replacement_commits_nothing() -> Result<()> {
    let market = Market::start().await?;
    let mut first = indexer(&market, &market.pool, Finality::Depth(64)).await?;
    market.register(1, 1, &[]).await?;
    level(&mut first).await?;
    // The leader is silent for longer than a standby waits, so its session is ended, and another process leads.
    sqlx::query("UPDATE chain.leaders SET epoch = epoch + 1, beat_at = now() - interval '1 minute'")
        .execute(&market.pool)
        .await?;
    let mut second = indexer(&market, &market.pool, Finality::Depth(64)).await?;
    market.register(1, 2, &[]).await?;
    assert_eq!(second.converge().await?, Progress::Standby, "this round ends the silent leader's session");
    level(&mut second).await?;
    let held = mirrored(&market.pool).await?;
    market.register(1, 3, &[]).await?;
    let gone = first.converge().await.expect_err("the old leader's session is gone");
    assert!(matches!(gone, IndexerError::Store(_)), "{gone}");
    assert_eq!(mirrored(&market.pool).await?, held);
    assert_eq!(first.converge().await?, Progress::Standby);
    level(&mut second).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);
    Ok(())
}

#[tokio::test]
async fn rebuilt_projections_are_the_same_bytes_and_take_the_place_of_the_old() -> Result<()> {
    let market = Market::start().await?;
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(2)).await?;
    market.register(1, 1, &[]).await?;
    market.register(2, 2, &[1]).await?;
    transfer(&market, 1, 3, 1).await?;
    fund(&market, 5, U256::from(2), 1000).await?;
    fund(&market, 5, U256::MAX, 7).await?;
    level(&mut mirror).await?;
    let held = mirrored(&market.pool).await?;
    let rebuilt = indexer::rebuild(&market.pool, market.deployment, false, |_, _| ()).await?;
    assert!(rebuilt.differing.is_empty(), "{rebuilt:?}");
    assert_eq!((rebuilt.generation, mirrored(&market.pool).await?), (2, held.clone()));
    // The mirror continues in the new generation.
    transfer(&market, 3, 4, 1).await?;
    level(&mut mirror).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);

    // Rows that others changed are found, and replaced only on request.
    sqlx::query("UPDATE chain.incomes SET amount = amount + 1").execute(&market.pool).await?;
    sqlx::query("DELETE FROM chain.quarantine").execute(&market.pool).await?;
    let refused = indexer::rebuild(&market.pool, market.deployment, false, |_, _| ()).await;
    let told = refused.expect_err("the rows differ").to_string();
    assert!(told.contains("1 rows of incomes") && told.contains("1 rows of quarantine"), "{told}");
    assert_ne!(mirrored(&market.pool).await?, fresh(&market).await?);
    let rebuilt = indexer::rebuild(&market.pool, market.deployment, true, |_, _| ()).await?;
    assert_eq!(rebuilt.differing.len(), 2);
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);
    Ok(())
}

#[tokio::test]
async fn projections_of_another_version_are_rebuilt_by_themselves() -> Result<()> {
    let market = Market::start().await?;
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(2)).await?;
    market.register(1, 1, &[]).await?;
    level(&mut mirror).await?;
    let held = mirrored(&market.pool).await?;
    sqlx::query("UPDATE chain.cursors SET projection_version = 0").execute(&market.pool).await?;
    sqlx::query("UPDATE chain.registrations SET cid = 'as an older version decoded it'").execute(&market.pool).await?;
    level(&mut mirror).await?;
    assert_eq!(mirrored(&market.pool).await?, held);
    Ok(())
}

#[tokio::test]
async fn an_operator_rewinds_a_halted_mirror_to_what_the_chain_still_has() -> Result<()> {
    let market = Market::start().await?;
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(1)).await?;
    market.register(2, 7, &[]).await?;
    let snapshot = market.chain.provider.anvil_snapshot().await?;
    market.register(1, 1, &[]).await?;
    fund(&market, 5, U256::from(1), 1000).await?;
    market.chain.mine(5).await?;
    level(&mut mirror).await?;
    // The books count the income, which is final.
    let chain_id = market.deployment.chain_id;
    let check = books::check(&market.pool, chain_id).await?.context("the mirror has a head")?;
    let mut tx = market.pool.begin().await?;
    books::record(&mut tx, chain_id, &check).await?;
    tx.commit().await?;
    let counted = async || {
        let query = "SELECT (SELECT count(*) FROM book_positions), (SELECT count(*) FROM books_counted)";
        sqlx::query_as::<_, (i64, i64)>(query).fetch_one(&market.pool).await
    };
    assert_eq!(counted().await?, (1, 1));
    ensure!(market.chain.provider.anvil_revert(snapshot).await?, "the chain did not go back");
    market.chain.provider.anvil_set_next_block_timestamp(4_000_000_000).await?;
    market.chain.mine(20).await?;
    let halted = mirror.converge().await.expect_err("the mirror must halt");
    assert!(matches!(halted, IndexerError::Halted(_)), "{halted}");
    let resume = async |rewind| {
        let pool = market.chain.pool().await?;
        anyhow::Ok(indexer::resume(&market.pool, pool, &market.deployment, Finality::Depth(1), rewind).await?)
    };
    // Without a rewind, it looks again and halts again.
    assert_eq!(resume(Rewind::No).await?, 0);
    assert!(matches!(mirror.converge().await, Err(IndexerError::Halted(_))));
    assert!(resume(Rewind::ToShared).await? > 0);
    assert_eq!(counted().await?, (1, 0), "what was counted is no longer there");
    // The leader's epoch is outdated now.
    let _ = mirror.converge().await;
    loop {
        level(&mut mirror).await?;
        let (head, held, canonical) =
            (market.chain.provider.get_block_number().await?, mirrored(&market.pool).await?, fresh(&market).await?);
        if market.chain.provider.get_block_number().await? == head {
            assert_eq!(held, canonical);
            assert_eq!(counted().await?, (1, 0), "though other blocks are final by now");
            let recount = books::recount(&market.pool, chain_id).await?.context("the mirror has a head")?;
            assert_eq!(recount.differences, [], "the books count from the beginning by themselves");
            return Ok(());
        }
    }
}

/// Returns the cursor and the halt of the only mirror.
async fn cursor(market: &Market) -> Result<(i64, Option<String>)> {
    Ok(sqlx::query_as("SELECT block_number, halted FROM chain.cursors").fetch_one(&market.pool).await?)
}

#[tokio::test]
async fn a_chain_that_lost_its_newest_blocks_is_followed_or_the_operator_learns_how() -> Result<()> {
    // With long epochs nothing of this depends on what the node calls final.
    let market = Market::on(Chain::with_market(64).await?, testkit::market_database().await?).await?;
    let finality = Finality::Depth(1);
    let resume = async |rewind| {
        indexer::resume(&market.pool, market.chain.pool().await.unwrap(), &market.deployment, finality, rewind).await
    };
    assert!(matches!(resume(Rewind::ToShared).await, Err(ResumeError::NoMirror(_))));

    market.register(1, 1, &[]).await?;
    let snapshot = market.chain.provider.anvil_snapshot().await?;
    let kept = market.chain.provider.get_block_number().await?;
    // Of final blocks, the mirror keeps those with events: the next one has some.
    market.register(1, 2, &[]).await?;
    market.shutdown.begin(); // so that nobody sends again what gets lost
    market.chain.mine(8).await?;
    level(&mut indexer(&market, &market.pool, finality).await?).await?;
    let before = cursor(&market).await?;
    ensure!(market.chain.provider.anvil_revert(snapshot).await?, "the chain did not go back");

    // The chain contradicts nothing so far, so its node may only be behind.
    let error = resume(Rewind::ToShared).await.expect_err("a chain that only ends earlier");
    assert!(matches!(error, ResumeError::Shorter { head, held } if (head, held) == (kept, kept + 9)), "{error}");
    assert!(error.to_string().contains(&format!("resume --rewind-to {kept}`")), "{error}");
    let error = resume(Rewind::To(kept + 5)).await.expect_err("a block that the chain does not have");
    assert!(matches!(error, ResumeError::BeyondTheEnd { head, asked } if (head, asked) == (kept, kept + 5)), "{error}");
    assert_eq!(cursor(&market).await?, before, "a refusal changes nothing");

    // One other block shows that the chain is another, long before it is as long as the mirror.
    market.chain.provider.anvil_set_next_block_timestamp(4_000_000_000).await?;
    market.chain.mine(1).await?;
    let waits = indexer(&market, &market.pool, finality).await?.converge().await.expect_err("the chain is shorter");
    assert!(matches!(waits, IndexerError::Source(SourceError::Ended { .. })), "{waits}");
    assert!(waits.to_string().contains("resume --rewind`"), "{waits}");
    assert_eq!(resume(Rewind::ToShared).await?, 9);
    level(&mut indexer(&market, &market.pool, finality).await?).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);

    // What the message of a node that only ends earlier proposes works too.
    assert_eq!(resume(Rewind::To(kept)).await?, 1);
    level(&mut indexer(&market, &market.pool, finality).await?).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);
    Ok(())
}

#[tokio::test]
async fn a_chain_that_began_anew_has_no_market_to_rewind_to() -> Result<()> {
    let market = Market::start().await?;
    market.register(1, 1, &[]).await?;
    level(&mut indexer(&market, &market.pool, Finality::Depth(1)).await?).await?;
    let (before, held) = (cursor(&market).await?, mirrored(&market.pool).await?);
    let anew = Chain::start().await?;
    for blocks in [0, 200] {
        anew.mine(blocks).await?;
        for rewind in [Rewind::ToShared, Rewind::To(3)] {
            let resumed =
                indexer::resume(&market.pool, anew.pool().await?, &market.deployment, Finality::Depth(1), rewind);
            let error = resumed.await.expect_err("the chain has no market");
            assert!(matches!(error, ResumeError::NoMarket { .. }), "{error}");
            assert!(error.to_string().contains("LOCAL_CHAIN_DIR"), "{error}");
        }
    }
    assert_eq!((cursor(&market).await?, mirrored(&market.pool).await?), (before, held), "a refusal changes nothing");
    Ok(())
}

#[tokio::test]
async fn logs_that_are_missing_among_those_stored_halt_the_mirror_and_are_read_anew() -> Result<()> {
    let market = Market::start().await?;
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(1)).await?;
    let before = market.chain.provider.get_block_number().await?;
    market.register(1, 1, &[]).await?;
    level(&mut mirror).await?;
    sqlx::query("DELETE FROM chain.logs WHERE block_number > $1").bind(before as i64).execute(&market.pool).await?;
    market.register(1, 2, &[]).await?;
    let halted = loop {
        match mirror.converge().await {
            Err(error @ IndexerError::Halted(_)) => break error.to_string(),
            Err(IndexerError::Commit(_)) => {}
            other => anyhow::bail!("{other:?}"),
        }
    };
    assert!(halted.contains("logs are missing among those stored"), "{halted}");
    let (pool, finality) = (market.chain.pool().await?, Finality::Depth(1));
    assert!(indexer::resume(&market.pool, pool, &market.deployment, finality, Rewind::To(before)).await? > 0);
    let _ = mirror.converge().await;
    level(&mut mirror).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);
    Ok(())
}

#[tokio::test]
async fn a_backfill_in_bulk_ends_like_any_other() -> Result<()> {
    let market = Market::start().await?;
    for content in 1..=9 {
        market.register(1 + (content % 3) as u32, content, &[]).await?;
    }
    transfer(&market, 2, 3, 1).await?;
    fund(&market, 5, U256::from(1), 100).await?;
    market.chain.mine(3).await?;
    let bulk = indexer::Options { bulk_blocks: 1, buffer: 2_000, ..indexer::Options::default() };
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(2)).await?.with_options(bulk);
    // The backfill is interrupted after its first commit, and continues from there.
    mirror.converge().await?;
    drop(mirror);
    let in_bulk: bool = sqlx::query_scalar("SELECT in_bulk FROM chain.cursors").fetch_one(&market.pool).await?;
    assert!(in_bulk);
    let mut mirror = indexer(&market, &market.pool, Finality::Depth(2)).await?.with_options(bulk);
    level(&mut mirror).await?;
    assert_eq!(mirrored(&market.pool).await?, fresh(&market).await?);
    let (built, known): (i64, i64) = sqlx::query_as(
        "SELECT count(p.indexname), count(*) FROM chain.secondary_indexes i
         LEFT JOIN pg_indexes p ON p.indexname = i.name AND p.schemaname LIKE 'chain\\_%'",
    )
    .fetch_one(&market.pool)
    .await?;
    assert_eq!(built, known, "every secondary index is built");
    let finalized: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE topic = 'income.finalized'")
        .fetch_one(&market.pool)
        .await?;
    assert_eq!(finalized, 1, "income that became final in the backfill is told");
    let status = indexer::status(&market.pool).await?;
    assert_eq!((status.len(), status[0].in_bulk, status[0].quarantined), (1, false, 0));
    Ok(())
}
