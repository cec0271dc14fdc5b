//! The lineage of a chain's assets: loaded into memory, kept there while it holds, or asked of the database.
//!
//! It is what registrations say: an asset's parents never change. External works stay out of it. They are known to one work
//! only (`work_uses`) and lead to no asset, and what flows to them is a fixed share beside that of the parents, so they
//! change neither who stands above whom nor the share of any parent.
//!
//! [`Memory::current`] answers from memory while the chain's [`Version`] is that of its graph. The functions beside it ask
//! the database for the surroundings of one asset and give the same answers, while the graph is being made anew.

pub mod names;
pub mod upstream;

use std::collections::{BTreeMap, BTreeSet};

use ::facts::ChainId;
use domain::{
    AssetId, BasisPoints,
    lineage::{Edge, Graph, Limits, Neighbourhood, Node, Reach},
};
use futures::TryStreamExt;
use names::Names;
use sqlx::{PgConnection, PgPool};
use upstream::Licensed;

use crate::{
    StoreError,
    memory::{Held, Memory, Source},
    snapshot,
};

/// Names a state of a chain's lineage. Two equal versions hold the same assets and parents. Two different versions may do
/// so too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The generation of the projections that are read.
    generation: Option<i64>,
    /// The number of times that blocks left the mirror.
    reorganisations: Option<i64>,
    /// Block and log of the newest registration.
    newest: Option<(i64, i32)>,
}

/// Returns the present version by two look-ups by key.
///
/// # Errors
/// When the database fails.
pub async fn version(conn: &mut PgConnection, chain_id: ChainId) -> Result<Version, StoreError> {
    let row = sqlx::query!(
        r#"SELECT c.generation AS "generation?", c.reorganisations AS "reorganisations?",
                  r.block_number AS "block_number?", r.log_index AS "log_index?"
           FROM (SELECT) one
           LEFT JOIN chain.cursors c ON c.chain_id = $1
           LEFT JOIN LATERAL (SELECT block_number, log_index FROM chain.registrations WHERE chain_id = $1
                              ORDER BY block_number DESC, log_index DESC LIMIT 1) r ON true"#,
        chain_id.get()
    )
    .fetch_one(conn)
    .await?;
    Ok(Version {
        generation: row.generation,
        reorganisations: row.reorganisations,
        newest: row.block_number.zip(row.log_index),
    })
}

/// Loads the whole lineage of a chain, row by row.
///
/// # Errors
/// When the database fails, or what it holds is not a valid lineage.
pub async fn load(conn: &mut PgConnection, chain_id: ChainId) -> Result<Graph, StoreError> {
    let licensed = upstream::licensed(conn, chain_id, None).await?;
    let mut rows = sqlx::query!(
        "SELECT asset_id, parents FROM chain.assets WHERE chain_id = $1 ORDER BY asset_id",
        chain_id.get()
    )
    .fetch(conn);
    let (mut works, mut edges) = (Vec::new(), Vec::new());
    while let Some(row) = rows.try_next().await? {
        works.push(add(&mut edges, row.asset_id, &row.parents, &licensed)?);
    }
    drop(rows);
    tokio::task::spawn_blocking(move || graph(works, edges))
        .await
        .map_err(|error| StoreError::Refused(format!("the lineage of chain {chain_id} could not be made: {error}")))?
}

/// Adds an asset's edges to its parents, which ascend as in the registry, and returns the asset's node.
fn add(edges: &mut Vec<Edge>, asset: i64, parents: &[i64], licensed: &Licensed) -> Result<Node, StoreError> {
    let shares = upstream::shares(asset, parents, licensed);
    // Licensed parents have a share each, the others one together: in units of the share that one of those has.
    let most = shares.iter().map(|(_, parents)| parents.len()).max().unwrap_or(1);
    let weights: BTreeMap<i64, u32> = shares
        .iter()
        .flat_map(|(share, parents)| {
            let weight = u32::from(*share) * (most / parents.len()) as u32;
            parents.iter().map(move |parent| (*parent, weight))
        })
        .collect();
    edges.extend(parents.iter().map(|parent| Edge {
        child: AssetId(asset as u64),
        parent: AssetId(*parent as u64),
        weight: weights.get(parent).copied().unwrap_or(0),
    }));
    let whole: u16 = shares.iter().map(|(share, _)| share).sum();
    let upstream =
        BasisPoints::try_from(whole).map_err(|_| StoreError::Corrupt { what: "share", value: whole.to_string() })?;
    Ok(Node { id: AssetId(asset as u64), upstream })
}

/// Leaves out parents that are no assets, as distributions do.
fn graph(works: Vec<Node>, mut edges: Vec<Edge>) -> Result<Graph, StoreError> {
    edges.retain(|edge| works.binary_search_by_key(&edge.parent, |work| work.id).is_ok());
    Graph::new(&works, &edges).map_err(|error| StoreError::Refused(format!("the lineage is not valid: {error}")))
}

/// Returns what an asset was made from, as [`Graph::ancestors`] does, by a recursive query. Returns `None` when there is no
/// such asset.
///
/// # Errors
/// When the database fails.
pub async fn ancestors(
    conn: &mut PgConnection,
    chain_id: ChainId,
    id: AssetId,
    limits: Limits,
) -> Result<Option<Reach>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE up (id, depth) AS (
               SELECT asset_id, 0 FROM chain.assets WHERE chain_id = $1 AND asset_id = $2
               UNION SELECT p.parent_id, up.depth + 1
               FROM up JOIN chain.asset_parents p ON p.chain_id = $1 AND p.asset_id = up.id WHERE up.depth < $3)
           SELECT up.id AS "id!", min(up.depth) AS "depth!"
           FROM up JOIN chain.assets a ON a.chain_id = $1 AND a.asset_id = up.id
           GROUP BY up.id ORDER BY min(up.depth), up.id LIMIT $4"#,
        chain_id.get(),
        id.0 as i64,
        deeper(limits),
        more(limits)
    )
    .fetch_all(conn)
    .await?;
    Ok(within(rows.into_iter().map(|row| (row.id, row.depth)), limits))
}

/// Returns what was made from an asset, as [`Graph::descendants`] does, by a recursive query. Returns `None` when there is
/// no such asset.
///
/// # Errors
/// When the database fails.
pub async fn descendants(
    conn: &mut PgConnection,
    chain_id: ChainId,
    id: AssetId,
    limits: Limits,
) -> Result<Option<Reach>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE down (id, depth) AS (
               SELECT asset_id, 0 FROM chain.assets WHERE chain_id = $1 AND asset_id = $2
               UNION SELECT p.asset_id, down.depth + 1
               FROM down JOIN chain.asset_parents p ON p.chain_id = $1 AND p.parent_id = down.id WHERE down.depth < $3)
           SELECT id AS "id!", min(depth) AS "depth!" FROM down GROUP BY id ORDER BY min(depth), id LIMIT $4"#,
        chain_id.get(),
        id.0 as i64,
        deeper(limits),
        more(limits)
    )
    .fetch_all(conn)
    .await?;
    Ok(within(rows.into_iter().map(|row| (row.id, row.depth)), limits))
}

/// Returns one level more than asked for, which shows whether there is more.
fn deeper(limits: Limits) -> i32 {
    i32::try_from(limits.depth).unwrap_or(i32::MAX - 1) + 1
}

/// Returns the number asked for plus two: for the asset itself, and for one more, which shows whether there are more.
fn more(limits: Limits) -> i64 {
    i64::try_from(limits.count).unwrap_or(i64::MAX - 2) + 2
}

/// Cuts rows to the limits. They are in the order of their depth, and the first is the asset itself.
fn within(rows: impl Iterator<Item = (i64, i32)>, limits: Limits) -> Option<Reach> {
    let mut rows = rows.map(|(id, depth)| (AssetId(id as u64), depth as u32));
    rows.next()?;
    let mut works: Vec<(AssetId, u32)> = rows.collect();
    let found = works.len();
    works.retain(|(_, depth)| *depth <= limits.depth);
    works.truncate(limits.count);
    Some(Reach { complete: works.len() == found, works })
}

/// Returns what surrounds an asset, as [`Graph::neighbourhood`] does, from a graph of its surroundings alone. Returns
/// `None` when there is no such asset.
///
/// # Errors
/// When the database fails, or what it holds is not a valid lineage.
pub async fn neighbourhood(
    conn: &mut PgConnection,
    chain_id: ChainId,
    id: AssetId,
    limits: Limits,
) -> Result<Option<Neighbourhood>, StoreError> {
    let Some(above) = ancestors(conn, chain_id, id, limits).await? else { return Ok(None) };
    let Some(below) = descendants(conn, chain_id, id, limits).await? else { return Ok(None) };
    let ids: BTreeSet<i64> =
        above.works.iter().chain(&below.works).map(|(id, _)| id.0 as i64).chain([id.0 as i64]).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let rows = sqlx::query!(
        "SELECT asset_id, parents FROM chain.assets WHERE chain_id = $1 AND asset_id = ANY ($2) ORDER BY asset_id",
        chain_id.get(),
        &ids
    )
    .fetch_all(&mut *conn)
    .await?;
    let licensed = upstream::licensed(conn, chain_id, Some(&ids)).await?;
    let (mut works, mut edges) = (Vec::new(), Vec::new());
    for row in rows {
        works.push(add(&mut edges, row.asset_id, &row.parents, &licensed)?);
    }
    let surroundings = graph(works, edges)?;
    let shown = surroundings.neighbourhood(id, limits);
    Ok(shown.map(|shown| Neighbourhood { complete: shown.complete && above.complete && below.complete, ..shown }))
}

/// The lineage of one chain in memory. It is one graph, and also the next one while that is being made.
pub type Cache = Memory<Lineage>;

/// Returns an empty memory of a chain's lineage.
pub fn cache(pool: PgPool, chain_id: ChainId) -> Cache {
    Memory::new(pool, Lineage { chain_id })
}

/// The lineage of one chain, to be held in memory.
pub struct Lineage {
    pub chain_id: ChainId,
}

/// A graph, and what its assets were called when it was made.
pub struct Named {
    pub graph: Graph,
    pub names: Names,
}

impl Source for Lineage {
    type Version = Version;
    type Value = Named;
    type Error = StoreError;

    fn name(&self) -> String {
        format!("the works and lineage of chain {}", self.chain_id)
    }

    async fn version(&self, conn: &mut PgConnection) -> Result<Version, StoreError> {
        version(conn, self.chain_id).await
    }

    async fn read(&self, pool: &PgPool) -> Result<Held<Self>, StoreError> {
        // One snapshot, so that the version is that of the graph.
        let mut tx = snapshot(pool).await?;
        let version = version(&mut tx, self.chain_id).await?;
        let graph = load(&mut tx, self.chain_id).await?;
        let names = Names::load(&mut tx, self.chain_id).await?;
        tx.commit().await?;
        Ok(Held { version, value: Named { graph, names } })
    }
}
