//! GET /v1/metadata/licences/{id}

use axum::{extract::State, response::Response};

use super::{Attribute, TokenMetadata, brief, card};
use crate::{
    AppState,
    assets::parse_id,
    extract::Path,
    problem::{Problem, Result},
};

/// An expiry in or after this second, in the year 36812, means that the licence never expires (`FOREVER` of the contract).
const FOREVER: i64 = (1 << 40) - 1;

/// A licence, for wallets and explorers: `tokenURI` of the contract Licences.
#[utoipa::path(get, path = "/v1/metadata/licences/{id}", operation_id = "licence_metadata", tag = "metadata",
    params(("id" = String, Path, description = "the licence's id, which is its token's")),
    responses((status = 200, body = TokenMetadata), (status = 404, body = Problem)))]
pub async fn metadata(State(state): State<AppState>, Path(id): Path<String>) -> Result<Response> {
    let id = parse_id(&id)?;
    let row = sqlx::query!(
        r#"SELECT l.asset_id AS "asset_id!", l.terms_id AS "terms_id!", l.uses AS "uses!",
                  least(l.expires_at, $3::bigint)::bigint AS "expires_at!", w.title AS "title?"
           FROM chain.licences l
           LEFT JOIN asset_works aw ON aw.chain_id = l.chain_id AND aw.asset_id = l.asset_id
           LEFT JOIN works w ON w.id = aw.work_id
           WHERE l.chain_id = $1 AND l.licence_id = $2::bigint"#,
        state.chain(),
        id,
        FOREVER
    )
    .fetch_optional(&state.pool)
    .await?
    .ok_or_else(|| Problem::not_found(format!("licence {id}")))?;
    let work = row.title.unwrap_or_else(|| format!("Asset {}", row.asset_id));
    let expires = match row.expires_at {
        FOREVER => Attribute::text("Expires", "Never"),
        second => Attribute::date("Expires", second),
    };
    let name = format!("Licence {id}: {work}");
    Ok(brief(axum::Json(TokenMetadata {
        image: card::draw("LICENCE", &work, &format!("Tributary licence {id}"), 150),
        name,
        description: format!("What the owner of \u{201c}{work}\u{201d} allows the holder of this token to do with it."),
        external_url: format!("{}/assets/{}", state.settings.origin(), row.asset_id),
        attributes: vec![
            Attribute::text("Work", work),
            Attribute::number("Asset", row.asset_id),
            expires,
            Attribute::number("Derived works so far", row.uses),
            Attribute::text("Terms", row.terms_id),
        ],
    })))
}
