//! GET /v1/books: the books of the market, by currency, and whether they hold.

use axum::extract::State;
use serde::Serialize;
use store::payouts::books;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{AppState, problem::Result};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get))
}

/// The newest check of the books. Nothing is distributed in a currency as long as its newest check found a fault.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BooksView {
    /// When the books were checked; none before the first check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<chrono::DateTime<chrono::Utc>>,
    /// The block whose state the contracts were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_hash: Option<String>,
    /// Whether every rule held.
    pub balanced: bool,
    pub currencies: Vec<CurrencyView>,
    pub faults: Vec<FaultView>,
}

/// One currency's accounts in base units. `income` = `undistributed` + `payable` + `reserved` + `carried` + `paid`, and `pot` =
/// `income` - `paid`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrencyView {
    pub currency: String,
    /// All that was ever paid into the pot.
    pub income: String,
    /// Of it, not divided yet.
    pub undistributed: String,
    /// Owed to accounts and not claimed yet.
    pub payable: String,
    /// Kept for people and works without an address.
    pub reserved: String,
    /// Below the least payout, waiting for more.
    pub carried: String,
    /// Claimed.
    pub paid: String,
    /// What the contracts Pot and Payouts must hold.
    pub pot: String,
    /// What they held at that block; absent where the token does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Protocol fees of all sales.
    pub fees: String,
    /// What the engine's own transactions cost.
    pub gas: String,
    /// Half of fees less gas, rounded down.
    pub treasury_reserve: String,
}

/// Something that does not hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultView {
    pub currency: String,
    /// What should hold.
    pub rule: String,
    /// Where it does not.
    pub detail: String,
}

/// The books of the market as of their newest check.
#[utoipa::path(get, path = "/v1/books", operation_id = "get_books", tag = "earnings", responses((status = 200, body = BooksView)))]
pub async fn get(State(state): State<AppState>) -> Result<axum::Json<BooksView>> {
    let mut conn = state.pool.acquire().await?;
    let Some(check) = books::newest(&mut conn, state.chain_id()).await? else {
        return Ok(axum::Json(BooksView {
            checked_at: None,
            block_number: None,
            block_hash: None,
            balanced: true,
            currencies: Vec::new(),
            faults: Vec::new(),
        }));
    };
    let books = check.books;
    Ok(axum::Json(BooksView {
        checked_at: Some(check.at),
        block_number: Some(books.block_number),
        block_hash: Some(books.block_hash.to_string()),
        balanced: books.faults.is_empty(),
        currencies: books.currencies.into_iter().map(CurrencyView::from).collect(),
        faults: books
            .faults
            .into_iter()
            .map(|fault| FaultView { currency: fault.token.to_checksum(None), rule: fault.rule, detail: fault.detail })
            .collect(),
    }))
}

impl From<books::Currency> for CurrencyView {
    fn from(of: books::Currency) -> Self {
        Self {
            currency: of.token.to_checksum(None),
            income: of.income.to_string(),
            undistributed: of.undistributed.to_string(),
            payable: of.payable.to_string(),
            reserved: of.reserved.to_string(),
            carried: of.carried.to_string(),
            paid: of.paid.to_string(),
            pot: of.pot.to_string(),
            held: of.held.map(|held| held.to_string()),
            fees: of.fees.to_string(),
            gas: of.gas.to_string(),
            treasury_reserve: of.treasury_reserve.to_string(),
        }
    }
}
