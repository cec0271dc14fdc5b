//! GET /v1/assets/{id}/lineage

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{parse_id, require};
use crate::{
    AppState,
    extract::Path,
    problem::{Problem, Result},
};

/// Works shown at most; `complete` tells when there are more.
const LIMIT: i64 = 1000;

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
    /// False when there are more than 1000 works or 200 dependencies.
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
    require(&state, id).await?;
    let nodes = sqlx::query!(
        r#"WITH RECURSIVE up (id, depth) AS (
               SELECT $2::bigint, 0
               UNION SELECT p.parent_id, up.depth - 1 FROM up JOIN chain.asset_parents p ON p.chain_id = $1 AND p.asset_id = up.id
               WHERE up.depth > -64),
           down (id, depth) AS (
               SELECT $2::bigint, 0
               UNION SELECT p.asset_id, down.depth + 1 FROM down JOIN chain.asset_parents p ON p.chain_id = $1 AND p.parent_id = down.id
               WHERE down.depth < 64),
           seen AS (SELECT id, CASE WHEN min(depth) < 0 THEN min(depth) ELSE max(depth) END AS depth
                    FROM (SELECT * FROM up UNION ALL SELECT * FROM down) both_ways GROUP BY id)
           SELECT s.id AS "id!", s.depth AS "depth!", a.kind, w.title AS "title?"
           FROM seen s JOIN chain.assets a ON a.chain_id = $1 AND a.asset_id = s.id
           LEFT JOIN LATERAL (
               SELECT * FROM asset_works x WHERE x.chain_id = $1 AND x.asset_id = s.id LIMIT 1) aw ON true
           LEFT JOIN works w ON w.id = aw.work_id
           ORDER BY abs(s.depth), s.id LIMIT $3::bigint + 1"#,
        state.chain(),
        id,
        LIMIT
    )
    .fetch_all(&state.pool)
    .await?;
    let complete = nodes.len() as i64 <= LIMIT;
    let ids: Vec<i64> = nodes.iter().take(LIMIT as usize).map(|node| node.id).collect();
    let edges = sqlx::query!(
        "SELECT asset_id, parent_id FROM chain.asset_parents
         WHERE chain_id = $1 AND asset_id = ANY ($2) AND parent_id = ANY ($2) ORDER BY asset_id, parent_id",
        state.chain(),
        &ids
    )
    .fetch_all(&state.pool)
    .await?;
    let dependencies = sqlx::query!(
        r#"SELECT e.purl, e.name, e.version, u.uses, count(*) OVER () AS "total!"
           FROM asset_works aw JOIN work_uses u ON u.work_id = aw.work_id AND u.user_id IS NULL
           JOIN external_works e ON e.id = u.dependency_id
           WHERE aw.chain_id = $1 AND aw.asset_id = $2 ORDER BY u.uses DESC, e.purl LIMIT 200"#,
        state.chain(),
        id
    )
    .fetch_all(&state.pool)
    .await?;
    let dependency_total = dependencies.first().map_or(0, |first| first.total);
    Ok(axum::Json(Lineage {
        id: id.to_string(),
        nodes: nodes
            .into_iter()
            .take(LIMIT as usize)
            .map(|node| LineageNode {
                id: node.id.to_string(),
                title: node.title.unwrap_or_else(|| format!("Asset {}", node.id)),
                kind: node.kind,
                depth: node.depth,
            })
            .collect(),
        edges: edges
            .into_iter()
            .map(|edge| LineageEdge { from: edge.asset_id.to_string(), to: edge.parent_id.to_string() })
            .collect(),
        complete: complete && dependency_total <= dependencies.len() as i64,
        dependencies: dependencies
            .into_iter()
            .map(|row| Dependency { purl: row.purl, name: row.name, version: row.version, uses: row.uses })
            .collect(),
        dependency_total,
    }))
}
