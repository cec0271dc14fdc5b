//! The HTTP API. One folder per noun, one file per endpoint or small group; `/openapi.json` is generated from the code,
//! and `/docs` shows it.

mod agents;
mod assets;
mod auth;
mod books;
mod cached;
mod caller;
mod content;
mod deployment;
mod docs;
mod earnings;
mod extract;
mod github;
mod health;
mod identities;
mod ledger;
mod market;
mod metadata;
mod orders;
mod page;
mod partners;
mod problem;
mod requests;
mod risk;
mod unread;
mod values;
mod works;

use std::{sync::Arc, time::Duration};

use advisors::risk::Memory;
use alloy::{primitives::Address, providers::DynProvider};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use chain::AccountSigner;
use facts::ChainId;
use problem::Problem;
use service::{Settings, Shutdown};
use sqlx::PgPool;
use store::{deployments::Deployment, lineage};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{self, CorsLayer},
    services::{ServeDir, ServeFile},
    set_header::SetResponseHeaderLayer,
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use vault::Vault;

/// Bodies other than uploads.
const BODY_LIMIT: usize = 1 << 20;
/// The time limit of requests other than uploads and downloads.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The state that every handler may use. It is cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub pool: PgPool,
    pub provider: DynProvider,
    pub vault: Arc<Vault>,
    pub settings: Arc<Settings>,
    pub deployment: Deployment,
    /// The engine's signer, if this process has the engine's key. It signs the heads of the ledger.
    pub signer: Option<Arc<dyn AccountSigner>>,
    /// The chain's lineage in memory.
    pub lineage: lineage::Cache,
    /// What the risk agent knows.
    pub risk: Memory,
    /// People, and who worked with whom, in memory.
    pub partners: advisors::partners::Cache,
}

impl AppState {
    pub fn chain_id(&self) -> ChainId {
        self.deployment.chain_id
    }

    /// Returns what commands need to ask the chain.
    fn market(&self) -> commands::Market<'_> {
        commands::Market { provider: &self.provider, deployment: self.deployment, risk: &self.risk }
    }

    /// Returns the chain id as PostgreSQL keeps it.
    fn chain(&self) -> i64 {
        self.deployment.chain_id.get()
    }

    /// Returns the host that signed messages name.
    fn host(&self) -> String {
        let origin = self.settings.origin();
        origin.split_once("://").map_or(origin.as_str(), |(_, host)| host).to_owned()
    }

    fn caip10(&self, account: Address) -> String {
        format!("eip155:{}:{}", self.chain_id(), account.to_checksum(None))
    }

    fn caip19(&self, asset: i64) -> String {
        format!("eip155:{}/erc721:{}/{asset}", self.chain_id(), self.deployment.asset_registry.to_checksum(None))
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tributary",
        description = "A marketplace for intellectual property that pays everyone upstream. Amounts are decimal strings of \
                       base units; accounts and assets are also given as CAIP-10 and CAIP-19; errors are RFC 9457 problem \
                       documents.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&SecuritySchemes),
    tags(
        (name = "assets", description = "Registered works"),
        (name = "orders", description = "Signed offers to sell and buy"),
        (name = "risk", description = "How likely fraud is, and what is watched"),
        (name = "works", description = "Titles, versions and contributions, before and after registration"),
        (name = "identities", description = "Emails and logins, linked to the accounts they are paid at"),
        (name = "github", description = "Pushes at GitHub as contributions"),
        (name = "metadata", description = "What wallets and explorers show of a work and of a licence"),
        (name = "content", description = "Uploads, and content by its CID"),
        (name = "earnings", description = "Distributions, payouts, proofs, and why"),
        (name = "agents", description = "Advice, and how good it was"),
        (name = "market", description = "How the market stands, and what happened day by day"),
        (name = "partners", description = "Who might join a work or work with an account, and how they might share"),
        (name = "ledger", description = "Everything that was recorded, in one order, with proofs"),
        (name = "auth", description = "Sign-In with Ethereum and sessions"),
        (name = "service", description = "The chain and contracts served here, health and metrics")
    )
)]
struct ApiDoc;

/// The ways in which callers identify themselves, under the names that operations use in `security(..)`.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let session = ApiKeyValue::with_description(
            "session",
            "The cookie that POST /v1/auth/verify sets; over HTTPS it is named `__Host-session`. A session holds every scope.",
        );
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(agents::routes())
        .merge(assets::routes())
        .merge(auth::routes())
        .merge(books::routes())
        .merge(earnings::routes())
        .merge(github::routes())
        .merge(identities::routes())
        .merge(ledger::routes())
        .merge(market::routes())
        .merge(metadata::routes())
        .merge(orders::routes())
        .merge(risk::routes())
        .merge(partners::routes())
        .merge(works::routes())
        .routes(routes!(deployment::get))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(within_time))
        .layer(CompressionLayer::new())
        // These routes stream content of any size, with their own limits and without compression.
        .merge(content::routes())
}

/// Returns the description of the API, as `/openapi.json` gives it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().split_for_parts().1
}

/// Returns all routes: the API, its reference, and the web pages where they were built.
pub fn router(state: AppState) -> Router {
    let (api, openapi) = api().split_for_parts();
    let pages = state.settings.http.frontend_dir.clone();
    let mut router = api.merge(docs::routes(openapi)).with_state(state);
    router = match pages {
        // Unknown paths belong to the pages, which route in the browser, except for paths of the API.
        Some(folder) => router
            .route("/v1/{*path}", any(unknown_path))
            .fallback_service(ServeDir::new(&folder).fallback(ServeFile::new(folder.join("index.html")))),
        None => router.fallback(unknown_path),
    };
    router
        .method_not_allowed_fallback(other_method)
        .layer(foreign_pages())
        .layer(middleware::from_fn(health::measure))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")))
        .layer(SetResponseHeaderLayer::if_not_present(header::REFERRER_POLICY, HeaderValue::from_static("same-origin")))
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("content-security-policy"),
            HeaderValue::from_static("default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"),
        ))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
            Problem::internal(format!("a handler panicked: {said}")).into_response()
        }))
        .layer(middleware::from_fn(unread::read))
        .layer(middleware::from_fn(requests::track))
}

/// Lets pages of other sites use the API. They never act for an account that is signed in here, because browsers send no
/// cookie with requests to an API that accepts every origin.
fn foreign_pages() -> CorsLayer {
    let exposed = ["content-length", "content-range", "accept-ranges", "etag", "retry-after", "x-request-id"];
    CorsLayer::new()
        .allow_origin(cors::Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(cors::Any)
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(Duration::from_secs(86_400))
}

async fn unknown_path() -> Problem {
    Problem::not_found("such path; the API is described at /docs")
}

async fn other_method() -> Problem {
    let detail = "This path does not take that method: the header `Allow` names those it takes.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
}

async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIME_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail =
                format!("Given up after {} s. Look whether it was done before you repeat it.", TIME_LIMIT.as_secs());
            Problem::unavailable(detail).into_response()
        }
    }
}

/// Serves until the shutdown, then finishes the requests that are under way.
///
/// # Errors
/// When the listener fails.
pub async fn serve(state: AppState, listener: tokio::net::TcpListener, shutdown: Shutdown) -> std::io::Result<()> {
    // What the risk agent needs is read before anybody asks.
    let risk = state.risk.clone();
    tokio::spawn(async move {
        if let Err(error) = risk.latest().await {
            tracing::warn!("risks are read when somebody asks: {}", service::error_chain(&error));
        }
    });
    let stop = shutdown.clone();
    let serving = axum::serve(listener, router(state)).with_graceful_shutdown(async move { stop.begun().await });
    tokio::select! {
        ended = async { serving.await } => ended,
        // An upload that never ends must not keep the process alive.
        () = async { shutdown.begun().await; tokio::time::sleep(Duration::from_secs(5)).await } => Ok(()),
    }
}

/// Serves what a process without the API can say about itself: that it is alive, and its metrics.
///
/// # Errors
/// When the listener fails.
pub async fn serve_metrics(listener: tokio::net::TcpListener, shutdown: Shutdown) -> std::io::Result<()> {
    let routes = axum::Router::new()
        .route("/metrics", axum::routing::get(health::metrics))
        .route("/health/live", axum::routing::get(health::live));
    axum::serve(listener, routes).with_graceful_shutdown(async move { shutdown.begun().await }).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_of_the_api_has_a_name_of_its_own() {
        let document = serde_json::to_value(super::openapi()).unwrap();
        let mut seen = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let Some(id) = operation["operationId"].as_str() else { continue };
                assert!(seen.insert(id.to_owned()), "{method} {path}: `{id}` names another operation too");
            }
        }
        assert!(seen.len() > 20, "{seen:?}");
    }
}
