//! What wallets and explorers show of the two collections of tokens: works and licences. The registry's `tokenURI` and
//! `contractURI` lead here. The documents are ERC-721 metadata, with the attributes that marketplaces read, and ERC-7572.

mod card;
pub mod collection;
pub mod licence;
pub mod work;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(collection::works))
        .routes(routes!(collection::licences))
        .routes(routes!(work::metadata))
        .routes(routes!(licence::metadata))
}

/// What a token is, for wallets and explorers (ERC-721).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenMetadata {
    pub name: String,
    pub description: String,
    /// A picture: the work itself if it is one, otherwise a card with its title, as a `data:` URI.
    pub image: String,
    /// The page about it here.
    pub external_url: String,
    pub attributes: Vec<Attribute>,
}

/// A property of a token, as marketplaces show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attribute {
    pub trait_type: &'static str,
    /// A string or a number.
    #[schema(value_type = Object)]
    pub value: serde_json::Value,
    /// `date` if the value is a second since 1970, `number` if it counts something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_type: Option<&'static str>,
}

impl Attribute {
    fn text(trait_type: &'static str, value: impl Into<String>) -> Self {
        Self { trait_type, value: value.into().into(), display_type: None }
    }

    fn number(trait_type: &'static str, value: i64) -> Self {
        Self { trait_type, value: value.into(), display_type: Some("number") }
    }

    /// Takes a second since 1970.
    fn date(trait_type: &'static str, second: i64) -> Self {
        Self { trait_type, value: second.into(), display_type: Some("date") }
    }
}

/// Returns an answer that caches may keep for a minute. A title may change at any time, and no event of the chain tells.
fn brief(answer: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=60")], answer).into_response()
}
