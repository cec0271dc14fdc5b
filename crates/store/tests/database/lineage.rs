//! Memory and database tell the same of a lineage, and the cache holds what the chain says now.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use domain::{
    AssetId,
    lineage::{Graph, Limits},
};
use facts::ChainId;
use sqlx::{PgConnection, PgPool};
use store::{
    lineage::{
        self, Cache, Lineage,
        names::{self, AssetName, Name},
    },
    memory::Held,
};
use testkit::sim::Rng;

const CHAIN: ChainId = ChainId(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// A database with the tables of a chain, as a mirror begins them.
async fn database() -> Result<PgPool> {
    let pool = testkit::database().await?;
    sqlx::query("SELECT chain.create_generation($1, 1, true), chain.attach_generation($1, 1)")
        .bind(CHAIN.get())
        .execute(&pool)
        .await?;
    Ok(pool)
}

/// Registers assets in a block, as the mirror does it.
async fn register(pool: &PgPool, block: i64, assets: &[(i64, Vec<i64>)]) -> Result<()> {
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT set_config('search_path', 'chain_5_1, chain, public', true)").execute(&mut *tx).await?;
    for (log, (id, parents)) in (0_i32..).zip(assets) {
        sqlx::query(
            "INSERT INTO registrations (chain_id, block_number, log_index, tx_hash, at, asset_id, registrant, first_owner, kind,
                                        open, content_hash, royalty_bps, cid, shares, parents)
             VALUES ($1, $2, $3, $4, now(), $5, $6, $6, 'CODE', true, $4, 0, '', '[]', $7)",
        )
        .bind(CHAIN.get())
        .bind(block)
        .bind(log)
        .bind([[0_u8; 24].as_slice(), &id.to_be_bytes()].concat())
        .bind(id)
        .bind([1_u8; 20].as_slice())
        .bind(parents)
        .execute(&mut *tx)
        .await?;
    }
    let ids: Vec<i64> = assets.iter().map(|(id, _)| *id).collect();
    sqlx::query("SELECT chain.refresh_assets($1, $2)").bind(CHAIN.get()).bind(&ids).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Assets 1 to `count`, each made from up to three of those before it.
fn assets(count: i64, seed: u64) -> Vec<(i64, Vec<i64>)> {
    let mut rng = Rng::new(seed);
    (1..=count)
        .map(|id| {
            let mut parents: Vec<i64> =
                (0..rng.below(4)).map(|_| rng.below(id as u64) as i64).filter(|id| *id > 0).collect();
            parents.sort_unstable();
            parents.dedup();
            (id, parents)
        })
        .collect()
}

async fn agree(conn: &mut PgConnection, graph: &Graph, id: AssetId, limits: Limits) -> Result<()> {
    let what = format!("asset {id} within {limits:?}");
    assert_eq!(lineage::ancestors(conn, CHAIN, id, limits).await?, graph.ancestors(id, limits), "{what}");
    assert_eq!(lineage::descendants(conn, CHAIN, id, limits).await?, graph.descendants(id, limits), "{what}");
    assert_eq!(lineage::neighbourhood(conn, CHAIN, id, limits).await?, graph.neighbourhood(id, limits), "{what}");
    Ok(())
}

#[tokio::test]
async fn memory_and_database_agree() -> Result<()> {
    let pool = database().await?;
    let all = assets(120, 1);
    register(&pool, 1, &all[..70]).await?;
    register(&pool, 2, &all[70..]).await?;
    // Another chain's assets, of the same numbers, are not ours.
    sqlx::query("SELECT chain.create_generation(6, 1, true), chain.attach_generation(6, 1)").execute(&pool).await?;
    sqlx::query("INSERT INTO chain.asset_parents VALUES (6, 1, 2), (6, 120, 1), (6, 200, 1)").execute(&pool).await?;

    let mut conn = pool.acquire().await?;
    let graph = lineage::load(&mut conn, CHAIN).await?;
    assert_eq!((graph.works(), graph.edges()), (120, all.iter().map(|(_, parents)| parents.len()).sum()));
    for id in (0..=121).map(AssetId) {
        agree(&mut conn, &graph, id, Limits { depth: 64, count: 1_000 }).await?;
    }
    let mut rng = Rng::new(2);
    for _ in 0..60 {
        let limits = Limits { depth: rng.below(5) as u32, count: rng.below(30) as usize };
        agree(&mut conn, &graph, AssetId(1 + rng.below(120)), limits).await?;
    }
    agree(&mut conn, &graph, AssetId(60), Limits::default()).await?;
    // What a work of 15 % passes on to two parents who have none.
    let (child, parents) = all.iter().find(|(_, parents)| parents.len() == 2).context("some have two")?;
    let along = [*child, parents[0]].map(|id| AssetId(id as u64));
    assert_eq!(graph.share_along(&along).map(|share| share.as_decimal().normalize().to_string()), Some("0.075".into()));
    Ok(())
}

#[tokio::test]
async fn a_parent_that_is_no_asset_is_left_out() -> Result<()> {
    let pool = database().await?;
    register(&pool, 1, &[(1, vec![]), (3, vec![1, 2])]).await?;
    let mut conn = pool.acquire().await?;
    let graph = lineage::load(&mut conn, CHAIN).await?;
    assert_eq!((graph.works(), graph.edges()), (2, 1));
    for id in (1..=3).map(AssetId) {
        agree(&mut conn, &graph, id, Limits { depth: 9, count: 9 }).await?;
    }
    Ok(())
}

/// Asks until the present version is in memory.
async fn current(cache: &Cache, conn: &mut PgConnection) -> Result<Arc<Held<Lineage>>> {
    tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(held) = cache.current(conn).await? {
                return Ok(held);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await?
}

#[tokio::test]
async fn the_cache_follows_the_chain() -> Result<()> {
    let pool = database().await?;
    let mut conn = pool.acquire().await?;
    let cache = lineage::cache(pool.clone(), CHAIN);
    assert!(cache.latest().is_none());
    assert!(cache.current(&mut conn).await?.is_none(), "the first question is answered by the database");
    assert_eq!(current(&cache, &mut conn).await?.value.graph.works(), 0);

    register(&pool, 1, &[(1, vec![]), (2, vec![1])]).await?;
    assert!(cache.current(&mut conn).await?.is_none(), "an old graph is not given for the present one");
    assert!(cache.latest().is_some(), "but may be asked for");
    let second = current(&cache, &mut conn).await?;
    assert_eq!((second.value.graph.works(), second.value.graph.edges()), (2, 1));
    // Blocks without a registration change nothing, and nothing is made anew.
    sqlx::query(
        "INSERT INTO chain.cursors (chain_id, block_number, block_hash, finalized_number, safe_number, head_number)
         VALUES ($1, 1, $2, 0, 0, 1)",
    )
    .bind(CHAIN.get())
    .bind([7_u8; 32].as_slice())
    .execute(&pool)
    .await?;
    let third = current(&cache, &mut conn).await?;
    sqlx::query("UPDATE chain.cursors SET block_number = 2, block_hash = $1, epoch = 4, head_number = 9")
        .bind([8_u8; 32].as_slice())
        .execute(&pool)
        .await?;
    assert!(Arc::ptr_eq(&third, &current(&cache, &mut conn).await?));

    // A reorganisation replaces the newest registration by another in the same place.
    let mut tx = pool.begin().await?;
    sqlx::query("DELETE FROM chain.registrations").execute(&mut *tx).await?;
    sqlx::query("DELETE FROM chain.asset_parents").execute(&mut *tx).await?;
    sqlx::query("DELETE FROM chain.assets").execute(&mut *tx).await?;
    sqlx::query("UPDATE chain.cursors SET reorganisations = reorganisations + 1").execute(&mut *tx).await?;
    tx.commit().await?;
    register(&pool, 1, &[(1, vec![]), (2, vec![])]).await?;
    assert!(cache.current(&mut conn).await?.is_none());
    let fourth = cache.fresh().await?;
    assert_eq!((fourth.value.graph.works(), fourth.value.graph.edges()), (2, 0));
    // A rebuild swaps the projections.
    sqlx::query("UPDATE chain.cursors SET generation = 2").execute(&pool).await?;
    assert!(cache.current(&mut conn).await?.is_none());
    assert_ne!(cache.fresh().await?.version, fourth.version);
    Ok(())
}

#[tokio::test]
async fn names_are_held_beside_the_graph_and_asked_for_until_the_work_is_known() -> Result<()> {
    let pool = database().await?;
    let mut conn = pool.acquire().await?;
    let cache = lineage::cache(pool.clone(), CHAIN);
    register(&pool, 1, &[(1, vec![]), (2, vec![1])]).await?;
    let before = cache.fresh().await?;
    let name = |title: Option<&str>| Name { kind: "CODE".into(), title: title.map(str::to_owned) };
    assert_eq!(names::ask(&mut conn, CHAIN, &[1, 3]).await?, [(AssetId(1), name(None))]);

    sqlx::query(
        "WITH w AS (INSERT INTO works (owner, kind, title, source, source_key)
                    SELECT registrant, 'CODE', 'Root', 'upload', 'root' FROM chain.assets WHERE asset_id = 1
                    RETURNING id)
         INSERT INTO work_versions (work_id, content_hash, cid)
         SELECT w.id, a.content_hash, a.cid FROM w, chain.assets a WHERE a.asset_id = 1",
    )
    .execute(&pool)
    .await?;
    assert_eq!(before.value.names.known(AssetId(1)), None, "memory does not know it yet");
    assert_eq!(names::ask(&mut conn, CHAIN, &[1, 3]).await?, [(AssetId(1), name(Some("Root")))]);
    register(&pool, 3, &[(3, vec![1])]).await?;
    let after = cache.fresh().await?;
    assert_eq!(after.value.names.known(AssetId(1)), Some(AssetName { kind: "CODE", title: "Root", work: 1 }));
    assert_eq!(after.value.names.known(AssetId(2)), None);
    assert_eq!(after.value.names.known(AssetId(4)), None);
    Ok(())
}

#[tokio::test]
async fn one_graph_is_made_at_a_time() -> Result<()> {
    let pool = database().await?;
    register(&pool, 1, &assets(50, 3)).await?;
    let cache = lineage::cache(pool.clone(), CHAIN);
    let made = refreshed(&cache, 8).await?;
    assert!(made.iter().all(|graph| Arc::ptr_eq(graph, &made[0])), "those who come second take what the first made");
    Ok(())
}

/// So many refreshes at once.
async fn refreshed(cache: &Cache, count: usize) -> Result<Vec<Arc<Held<Lineage>>>> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let cache = cache.clone();
        tasks.spawn(async move { cache.fresh().await });
    }
    let mut made = Vec::new();
    while let Some(held) = tasks.join_next().await {
        made.push(held??);
    }
    Ok(made)
}
