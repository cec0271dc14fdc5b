//! Signed orders. They are stored when they could be filled, and their state follows from the chain.

pub mod create;
pub mod list;
pub mod screening;

use alloy::primitives::{Address, U256};
use domain::order::{Order, Side};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    AppState,
    problem::{FieldError, Problem, Result},
    values::{address_field, amount_field},
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(list::get))
        .routes(routes!(screening::screen))
}

/// An order as the market's EIP-712 type has it. Addresses are 0x-hex, amounts decimal strings, times unix seconds.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderFields {
    pub maker: String,
    /// SELL or BID.
    pub side: String,
    pub asset_id: String,
    /// `epoch` of the asset when it was signed: a transfer ends the order.
    pub asset_epoch: u64,
    /// The zero address is the chain's own coin; a bid needs a token.
    pub currency: String,
    pub start_price: String,
    /// Equal to `startPrice` for a fixed price; between the times the price moves in a line.
    pub end_price: String,
    pub start_time: u64,
    pub end_time: u64,
    /// The only account that may fill it; the zero address is anyone.
    pub taker: String,
    pub nonce: String,
    /// The maker's epoch in the market: cancelling all raises it.
    pub maker_epoch: u64,
    /// The highest market fee the maker accepts, in basis points.
    pub max_fee_bps: u16,
    /// The least the seller wants to receive after fee and royalty.
    pub min_net: String,
}

impl OrderFields {
    /// Reads the amounts and addresses of the order. The error names every malformed field.
    fn parse(&self) -> Result<Order> {
        let mut errors = Vec::new();
        let mut address = |field: &'static str, text: &str| {
            address_field(text).unwrap_or_else(|malformed| {
                errors.push(malformed.of(field));
                Address::ZERO
            })
        };
        let maker = address("order.maker", &self.maker);
        let currency = address("order.currency", &self.currency);
        let taker = address("order.taker", &self.taker);
        let mut amount = |field: &'static str, text: &str| {
            amount_field(text).unwrap_or_else(|malformed| {
                errors.push(malformed.of(field));
                U256::ZERO
            })
        };
        let asset_id = amount("order.assetId", &self.asset_id);
        let start_price = amount("order.startPrice", &self.start_price);
        let end_price = amount("order.endPrice", &self.end_price);
        let nonce = amount("order.nonce", &self.nonce);
        let min_net = amount("order.minNet", &self.min_net);
        let side = Side::named(&self.side).unwrap_or_else(|| {
            errors.push(FieldError::new("order.side", "unknown_side", "is SELL or BID"));
            Side::Sell
        });
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }
        Ok(Order {
            maker,
            side,
            asset_id,
            asset_epoch: self.asset_epoch,
            currency,
            start_price,
            end_price,
            start_time: self.start_time,
            end_time: self.end_time,
            taker,
            nonce,
            maker_epoch: self.maker_epoch,
            max_fee_bps: self.max_fee_bps,
            min_net,
        })
    }
}
