//! GET /v1/assets/{id}/lineage

use std::collections::HashMap;

use axum::extract::State;
use domain::{
    AssetId,
    lineage::{Limits, Neighbourhood},
};
use serde::Serialize;
use sqlx::PgConnection;
use store::lineage::{
    self, Named,
    names::{self, Name, Names},
};
use utoipa::ToSchema;

use super::parse_id;
use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
};

/// The limits of the works shown, which include the work itself. `complete` tells whether there are more.
const LIMITS: Limits = Limits { depth: 64, count: 1000 };

/// The works above and beneath one work, and the packages it uses.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    pub id: String,
    pub nodes: Vec<LineageNode>,
    /// From the work made to the work it was made from.
    pub edges: Vec<LineageEdge>,
    pub dependencies: Vec<Dependency>,
    pub dependency_total: i64,
    /// False when there are more than 1000 works, works more than 64 steps away, or more than 200 dependencies.
    pub complete: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineageNode {
    pub id: String,
    pub title: String,
    pub kind: String,
    /// Below zero: steps towards what it was made from; above: towards what was made from it.
    pub depth: i32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LineageEdge {
    pub from: String,
    pub to: String,
}

/// An external work that the work uses directly.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dependency {
    /// Package URL.
    pub purl: String,
    pub name: String,
    pub version: String,
    /// How many of the work's own packages use it.
    pub uses: i32,
}

/// The lineage of a work, both ways.
#[utoipa::path(get, path = "/v1/assets/{id}/lineage", tag = "assets", params(("id" = String, Path, description = "the asset's id")),
    responses((status = 200, body = Lineage), (status = 404, body = Problem)))]
pub async fn lineage(State(state): State<AppState>, Path(id): Path<String>) -> Result<axum::Json<Lineage>> {
    let id = parse_id(&id)?;
    let asset = AssetId(id as u64);
    let mut conn = state.pool.acquire().await?;
    // If everything is in memory, no snapshot is needed.
    if let Some(held) = state.lineage.current(&mut conn).await?
        && let Named { graph, names } = &held.value
        && let Some(shown) = graph.neighbourhood(asset, LIMITS)
        && shown.works.iter().all(|(id, _)| names.known(*id).is_some())
    {
        return Ok(axum::Json(describe(&state, &mut conn, asset, &shown, names).await?));
    }
    drop(conn);
    // One snapshot is used, so that everything that is found can also be described.
    let mut tx = store::snapshot(&state.pool).await?;
    let held = state.lineage.current(&mut tx).await?;
    let shown = match held.as_ref().and_then(|held| held.value.graph.neighbourhood(asset, LIMITS)) {
        Some(shown) => Some(shown),
        None => lineage::neighbourhood(&mut tx, state.chain_id(), asset, LIMITS).await?,
    };
    let shown = shown.ok_or_else(|| Problem::not_found(format!("asset {id}")))?;
    let unnamed = Names::default();
    let names = held.as_ref().map_or(&unnamed, |held| &held.value.names);
    Ok(axum::Json(describe(&state, &mut tx, asset, &shown, names).await?))
}

/// Describes the works around an asset with their names. Some names are in memory, and the database is asked for the
/// others.
async fn describe(
    state: &AppState,
    conn: &mut PgConnection,
    asset: AssetId,
    shown: &Neighbourhood,
    names: &Names,
) -> Result<Lineage> {
    let works: Vec<_> = shown.works.iter().map(|&(id, depth)| (id, depth, names.known(id))).collect();
    let unknown: Vec<i64> = works.iter().filter(|(.., name)| name.is_none()).map(|(id, ..)| id.0 as i64).collect();
    let asked: HashMap<AssetId, Name> = match unknown.is_empty() {
        true => HashMap::new(),
        false => names::ask(&mut *conn, state.chain_id(), &unknown).await?.into_iter().collect(),
    };
    let nodes = works.into_iter().filter_map(|(id, depth, name)| {
        let (kind, title) = match name {
            Some(known) => (known.kind, Some(known.title)),
            None => asked.get(&id).map(|name| (name.kind.as_str(), name.title.as_deref()))?,
        };
        let title = title.map_or_else(|| format!("Asset {id}"), str::to_owned);
        Some(LineageNode { id: id.to_string(), title, kind: kind.to_owned(), depth: depth as i32 })
    });
    let nodes = nodes.collect();
    let edges = shown.edges.iter().map(|(from, to)| LineageEdge { from: from.to_string(), to: to.to_string() });
    let edges = edges.collect();
    let work = match names.known(asset) {
        Some(known) => Some(known.work),
        None => {
            let work = sqlx::query_scalar!(
                r#"SELECT work_id AS "work_id!" FROM asset_works WHERE chain_id = $1 AND asset_id = $2"#,
                state.chain(),
                asset.0 as i64
            );
            work.fetch_optional(&mut *conn).await?
        }
    };
    let (dependencies, dependency_total) = match work {
        Some(work) => dependencies(conn, work).await?,
        None => (Vec::new(), 0),
    };
    let complete = shown.complete && dependency_total <= dependencies.len() as i64;
    Ok(Lineage { id: asset.to_string(), nodes, edges, dependencies, dependency_total, complete })
}

/// Returns the first of the packages that a work uses directly, and how many there are.
async fn dependencies(conn: &mut PgConnection, work: i64) -> Result<(Vec<Dependency>, i64)> {
    let rows = sqlx::query!(
        r#"SELECT e.purl, e.name, e.version, u.uses, count(*) OVER () AS "total!"
           FROM work_uses u JOIN external_works e ON e.id = u.dependency_id
           WHERE u.work_id = $1 AND u.user_id IS NULL ORDER BY u.uses DESC, e.purl LIMIT 200"#,
        work
    )
    .fetch_all(conn)
    .await?;
    let total = rows.first().map_or(0, |first| first.total);
    let dependency =
        rows.into_iter().map(|row| Dependency { purl: row.purl, name: row.name, version: row.version, uses: row.uses });
    Ok((dependency.collect(), total))
}
