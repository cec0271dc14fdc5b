//! GET /v1/metadata/ and GET /v1/metadata/licences/

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{brief, card};
use crate::AppState;

/// What a collection is (ERC-7572).
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionMetadata {
    pub name: &'static str,
    pub symbol: &'static str,
    pub description: &'static str,
    /// A `data:` URI.
    pub image: String,
    /// This market.
    pub external_link: String,
}

/// The collection of works: `contractURI` of the registry.
#[utoipa::path(get, path = "/v1/metadata/", operation_id = "works_collection_metadata", tag = "metadata",
    responses((status = 200, body = CollectionMetadata)))]
pub async fn works(State(state): State<AppState>) -> Response {
    brief(axum::Json(CollectionMetadata {
        name: "Tributary",
        symbol: "TRIBUTARY",
        description: "Works with owners and lineage. Whatever a work earns is shared out, exactly and with proofs, to every \
                      contributor down its lineage.",
        image: card::draw("WORKS", "Tributary", "pays everyone upstream", 205),
        external_link: state.settings.origin(),
    }))
}

/// The collection of licences: `contractURI` of the contract Licences.
#[utoipa::path(get, path = "/v1/metadata/licences/", operation_id = "licences_collection_metadata", tag = "metadata",
    responses((status = 200, body = CollectionMetadata)))]
pub async fn licences(State(state): State<AppState>) -> Response {
    brief(axum::Json(CollectionMetadata {
        name: "Tributary Licences",
        symbol: "LICENCE",
        description: "What the owners of works allow the holders of these tokens to do. The price of a licence is income of \
                      its work.",
        image: card::draw("LICENCES", "Tributary", "pays everyone upstream", 150),
        external_link: state.settings.origin(),
    }))
}
