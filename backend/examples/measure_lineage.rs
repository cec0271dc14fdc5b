//! Measures how long questions about lineage take through the API, in memory and by recursive queries, on a graph of a
//! million edges in PostgreSQL.

mod shared;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use domain::{
    AssetId, BasisPoints,
    lineage::{Edge, Graph, Limits, Node},
};
use facts::ChainId;
use futures::TryStreamExt;
use shared::{Api, figure, median, timed};
use sqlx::{PgConnection, PgPool};
use store::lineage;
use testkit::sim::Rng;

const CHAIN: ChainId = ChainId(31337);
/// How many works a family has. Works are made from earlier works of the same family.
const FAMILY: u64 = 1_200;
/// How far back a parent may be.
const RECENT: u64 = 200;
/// The most that the page of a work shows.
const SHOWN: Limits = Limits { depth: 64, count: 1_000 };
const ROWS: usize = 10_000;
const OWNER: [u8; 20] = [1; 20];

/// Fills the empty database of DATABASE_URL with works and their parents, and prints a figure a line: metric, value, unit,
/// better, peer, the peer's value, separated by tabs.
#[derive(Parser)]
struct Arguments {
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// How many edges the graph has, or a few more.
    #[arg(long, default_value_t = 1_000_000)]
    edges: u64,
    /// How many times each question is asked.
    #[arg(long, default_value_t = 200)]
    questions: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let pool = store::connect(&arguments.database_url, 4).await?;
    store::migrate(&pool).await?;
    fill(&pool, arguments.edges).await?;
    let mut conn = pool.acquire().await?;

    let (reading, (works, edges)) = timed(read(&mut conn)).await?;
    let begin = Instant::now();
    Graph::new(&works, &edges)?;
    figure("lineage_build_ms", begin.elapsed(), "target", Duration::from_secs(1));
    let works = works.len() as u64;
    let (loading, graph) = timed(async { Ok(lineage::load(&mut conn, CHAIN).await?) }).await?;
    ensure!(graph.edges() as u64 >= arguments.edges, "the graph has {} edges", graph.edges());
    figure("lineage_load_beside_ms", loading, "reading the rows", reading);

    // The newest works of each family, which have all of it above them.
    let mut rng = Rng::new(2);
    let families = works / FAMILY;
    let newest = |rng: &mut Rng| AssetId(rng.below(families) + 1 + families * (FAMILY - 1 - rng.below(FAMILY / 50)));
    let asked: Vec<AssetId> = (0..arguments.questions).map(|_| newest(&mut rng)).collect();
    let mut times: [Vec<Duration>; 5] = Default::default();
    let mut answered = 0;
    for &id in &asked {
        let begin = Instant::now();
        let above = graph.ancestors(id, SHOWN).context("the asset is there")?;
        times[0].push(begin.elapsed());
        let (time, same) = timed(async { Ok(lineage::ancestors(&mut conn, CHAIN, id, SHOWN).await?) }).await?;
        times[1].push(time);
        answered += above.works.len();
        ensure!(same == Some(above), "memory and database differ on the ancestors of {id}");

        let begin = Instant::now();
        let around = graph.neighbourhood(id, SHOWN);
        times[2].push(begin.elapsed());
        let (time, same) = timed(async { Ok(lineage::neighbourhood(&mut conn, CHAIN, id, SHOWN).await?) }).await?;
        times[3].push(time);
        ensure!(same == around, "memory and database differ on the neighbourhood of {id}");

        let begin = Instant::now();
        let share = graph.share(id, AssetId((id.0 - 1) % families + 1));
        times[4].push(begin.elapsed());
        ensure!(share.is_some());
    }
    eprintln!("{works} works, {} edges; {} ancestors an answer", graph.edges(), answered / asked.len());
    let [above, above_sql, around, around_sql, share] = times.map(p95);
    let target = Duration::from_millis(5);
    figure("lineage_1000_ancestors_p95_ms", above, "target", target);
    figure("lineage_1000_ancestors_beside_ms", above, "recursive query", above_sql);
    figure("lineage_1000_around_p95_ms", around, "target", target);
    figure("lineage_1000_around_beside_ms", around, "recursive queries", around_sql);
    figure("lineage_1000_around_sql_p95_ms", around_sql, "target", target);
    figure("lineage_share_p95_ms", share, "target", target);
    drop(conn);
    let (page, health) = through_http(&pool, &asked).await?;
    figure("lineage_1000_http_p95_ms", page, "target", target);
    figure("lineage_1000_http_beside_ms", page, "GET /health/live", health);
    Ok(())
}

/// Returns the 95th percentiles of the time from request to whole answer: for the lineage of works, and for the cheapest answer
/// there is.
async fn through_http(pool: &PgPool, asked: &[AssetId]) -> Result<(Duration, Duration)> {
    let api = Api::serve(pool, CHAIN).await?;
    let begin = Instant::now();
    api.state.lineage.fresh().await?;
    eprintln!("the graph and the names of its assets were loaded in {:?}", begin.elapsed());
    let (mut pages, mut health, mut bytes) = (Vec::new(), Vec::new(), 0);
    for id in asked {
        let (time, body) = api.ask(&format!("/v1/assets/{id}/lineage")).await?;
        pages.push(time);
        bytes += body.len();
        health.push(api.ask("/health/live").await?.0);
    }
    eprintln!("{} bytes an answer, half of which took {:?} at most", bytes / asked.len(), median(pages.clone()));
    api.stop().await?;
    Ok((p95(pages), p95(health)))
}

/// Returns the 95th percentile.
fn p95(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 95 / 100).copied().unwrap_or_default()
}

/// Reads the rows from which a graph is made.
async fn read(conn: &mut PgConnection) -> Result<(Vec<Node>, Vec<Edge>)> {
    let mut rows = sqlx::query_as::<_, (i64, Vec<i64>)>(
        "SELECT asset_id, parents FROM chain.assets WHERE chain_id = $1 ORDER BY asset_id",
    )
    .bind(CHAIN.get())
    .fetch(conn);
    let (mut works, mut edges) = (Vec::new(), Vec::new());
    while let Some((id, parents)) = rows.try_next().await? {
        let child = AssetId(id as u64);
        works.push(Node { id: child, upstream: BasisPoints::FULL });
        edges.extend(parents.into_iter().map(|parent| Edge { child, parent: AssetId(parent as u64), weight: 1 }));
    }
    Ok((works, edges))
}

/// Registers families of works, one member of each after the other, until there are this many edges.
async fn fill(pool: &PgPool, edges: u64) -> Result<()> {
    let mut conn = pool.acquire().await?;
    sqlx::query(
        "SELECT chain.create_generation($1, 1, true), chain.attach_generation($1, 1), chain.index_generation($1, 1, NULL)",
    )
    .bind(CHAIN.get())
    .execute(&mut *conn)
    .await?;
    let mut rng = Rng::new(1);
    // Each work has three parents, except for the first few of a family and for parents that were drawn twice.
    let families = (edges / (FAMILY * 3 - 40)).max(1) + 1;
    let works = families * FAMILY;
    let mut rows: Vec<(i64, String)> = Vec::with_capacity(ROWS);
    for id in 1..=works {
        let (family, member) = ((id - 1) % families, (id - 1) / families);
        let drawn = |_| (member - 1 - rng.below(member.min(RECENT))) * families + family + 1;
        let mut parents: Vec<u64> = (0..if member == 0 { 0 } else { 3 }).map(drawn).collect();
        parents.sort_unstable();
        parents.dedup();
        let parents: Vec<String> = parents.iter().map(u64::to_string).collect();
        rows.push((id as i64, format!("{{{}}}", parents.join(","))));
        if rows.len() == ROWS || id == works {
            store_works(&mut conn, &rows).await?;
            rows.clear();
        }
    }
    sqlx::query("INSERT INTO chain.asset_parents SELECT chain_id, asset_id, unnest(parents) FROM chain.assets")
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "WITH w AS (INSERT INTO works (owner, kind, title, source, source_key)
                    SELECT $1, 'CODE', 'Work ' || asset_id, 'upload', asset_id FROM chain.assets RETURNING id, source_key)
         INSERT INTO work_versions (work_id, content_hash, cid) SELECT id, sha256(int8send(source_key::bigint)), '' FROM w",
    )
    .bind(OWNER.as_slice())
    .execute(&mut *conn)
    .await?;
    sqlx::query("ANALYZE works, work_versions").execute(&mut *conn).await?;
    sqlx::query("SELECT chain.analyze_generation($1, 1, NULL)").bind(CHAIN.get()).execute(&mut *conn).await?;
    Ok(())
}

async fn store_works(conn: &mut PgConnection, rows: &[(i64, String)]) -> Result<()> {
    let (ids, parents): (Vec<i64>, Vec<String>) = rows.iter().cloned().unzip();
    sqlx::query(
        "INSERT INTO chain.assets (chain_id, asset_id, kind, open, content_hash, cid, royalty_bps, registrant, first_owner, owner,
                                   epoch, shares, parents, registered_at, block_number, tx_hash, log_index)
         SELECT $1, id, 'CODE', true, sha256(int8send(id)), '', 0, $4, $4, $4, 0, '[]', parents::bigint[], now(), id,
                sha256(int8send(id)), 0
         FROM unnest($2::bigint[], $3::text[]) AS w (id, parents)",
    )
    .bind(CHAIN.get())
    .bind(&ids)
    .bind(&parents)
    .bind(OWNER.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}
