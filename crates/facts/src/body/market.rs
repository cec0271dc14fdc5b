//! Orders, and what the market's contract says of accounts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{Account, Asset, Hash, Units};

/// A signed order was stored. What becomes of it is on chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderRecorded {
    /// EIP-712 hash, which binds everything below.
    pub hash: Hash,
    /// Who signed it.
    pub maker: Account,
    /// SELL or BID.
    pub side: String,
    /// The asset it is about.
    pub asset: Asset,
    /// How often the asset had changed hands when it was signed.
    pub asset_epoch: u64,
    /// The token to be paid in; the zero address is the chain's own coin.
    pub currency: Account,
    /// The price at `startTime`.
    pub start_price: Units,
    /// The price at `endTime`.
    pub end_price: Units,
    /// In seconds since 1970.
    pub start_time: u64,
    /// In seconds since 1970.
    pub end_time: u64,
    /// Who alone may fill it; the zero address is anyone.
    pub taker: Account,
    /// Its number among the maker's orders.
    pub nonce: Units,
    /// How often the maker had cancelled all orders when it was signed.
    pub maker_epoch: u64,
    /// The highest fee of the market that the maker accepts, in basis points.
    pub max_fee_bps: u16,
    /// The least that the seller is to receive.
    pub min_net: Units,
}

/// A maker cancelled orders by their nonces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoncesCancelled {
    /// The maker.
    pub maker: Account,
    /// The nonces, ascending.
    pub nonces: Vec<Units>,
}

/// A maker cancelled all orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancelledAll {
    /// The maker.
    pub maker: Account,
    /// How often the maker has cancelled all orders.
    pub epoch: u64,
}

/// What the market's contract owes an account grew or was paid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreditChanged {
    /// The account.
    pub account: Account,
    /// The token.
    pub currency: Account,
    /// By how much.
    pub amount: Units,
    /// What is owed now.
    pub credit: Units,
}

/// The market's fee, or who receives it, was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeeSet {
    /// The fee, in basis points.
    pub fee_bps: u16,
    /// Who receives it.
    pub recipient: Account,
}
