//! GET /v1/metadata/{id}

use axum::{extract::State, response::Response};
use facts::Hash;
use futures::TryStreamExt;
use vault::Cid;

use super::{Attribute, TokenMetadata, brief, card};
use crate::{
    AppState,
    assets::parse_id,
    content::media,
    extract::Path,
    problem::{Problem, Result},
};

/// A registered work, for wallets and explorers: `tokenURI` of the registry.
#[utoipa::path(get, path = "/v1/metadata/{id}", operation_id = "work_metadata", tag = "metadata",
    params(("id" = String, Path, description = "the asset's id, which is its token's")),
    responses((status = 200, body = TokenMetadata), (status = 404, body = Problem)))]
pub async fn metadata(State(state): State<AppState>, Path(id): Path<String>) -> Result<Response> {
    let id = parse_id(&id)?;
    let row = sqlx::query!(
        r#"SELECT a.kind, a.open, a.content_hash AS "content_hash: Hash", a.cid, a.royalty_bps, cardinality(a.parents) AS "parents!",
                  extract(epoch FROM a.registered_at)::bigint AS "registered!", w.title AS "title?", w.description AS "description?"
           FROM chain.assets a
           LEFT JOIN asset_works aw ON aw.chain_id = a.chain_id AND aw.asset_id = a.asset_id
           LEFT JOIN works w ON w.id = aw.work_id
           WHERE a.chain_id = $1 AND a.asset_id = $2"#,
        state.chain(),
        id
    )
    .fetch_optional(&state.pool)
    .await?
    .ok_or_else(|| Problem::not_found(format!("asset {id}")))?;
    let origin = state.settings.origin();
    let name = row.title.unwrap_or_else(|| format!("Asset {id}"));
    let image = match row.kind.as_str() {
        "IMAGE" if is_picture(&state, &row.cid).await => format!("{origin}/v1/content/{}", row.cid),
        kind => card::draw(kind, &name, &format!("Tributary {id}"), card::hue(row.content_hash.0.as_slice())),
    };
    let derived = if row.open { "Open to everyone" } else { "With the owner's consent" };
    Ok(brief(axum::Json(TokenMetadata {
        name,
        description: row.description.unwrap_or_default(),
        image,
        external_url: format!("{origin}/assets/{id}"),
        attributes: vec![
            Attribute::text("Kind", row.kind),
            Attribute::text("Derived works", derived),
            Attribute::text("Royalty", percent(row.royalty_bps)),
            Attribute::number("Parents", row.parents.into()),
            Attribute::date("Registered", row.registered),
            Attribute::text("Content hash", row.content_hash.to_string()),
            Attribute::text("CID", row.cid),
        ],
    })))
}

/// Tells whether the content is a picture that is here. Any failure means that it is not, because a card does as well.
async fn is_picture(state: &AppState, cid: &str) -> bool {
    let Ok(cid) = cid.parse::<Cid>() else { return false };
    let beginning = state.vault.read_range(cid, 0..media::LOOKED_AT).try_fold(Vec::new(), async |mut all, bytes| {
        all.extend(bytes);
        Ok(all)
    });
    beginning.await.is_ok_and(|bytes| media::media_type(&bytes).starts_with("image/"))
}

/// Writes basis points as a percentage, without zeros at the end.
fn percent(bps: i32) -> String {
    let (whole, rest) = (bps / 100, bps % 100);
    let decimals = format!("{rest:02}");
    match decimals.trim_end_matches('0') {
        "" => format!("{whole} %"),
        decimals => format!("{whole}.{decimals} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn basis_points_are_written_as_a_percentage() {
        assert_eq!([0, 5, 50, 750, 1000, 1001].map(percent), ["0 %", "0.05 %", "0.5 %", "7.5 %", "10 %", "10.01 %"]);
    }
}
