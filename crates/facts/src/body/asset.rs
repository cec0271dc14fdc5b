//! What the chain says of assets.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::value::{Account, Asset, Hash, Units};

/// An owner's part of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// Whose it is.
    pub account: Account,
    /// In basis points; those of an asset sum to 10 000.
    pub bps: u16,
}

/// A work was registered on chain and became an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The asset.
    pub asset: Asset,
    /// Who registered it.
    pub registrant: Account,
    /// Who owned it first.
    pub first_owner: Account,
    /// CODE, MUSIC and so on.
    pub kind: String,
    /// Whether anyone may make works from it without asking.
    pub open: bool,
    /// SHA-256 of its content.
    pub content_hash: Hash,
    /// The royalty on its sales, in basis points.
    pub royalty_bps: u16,
    /// Where its content lies.
    pub cid: String,
    /// The parts of its owners.
    pub shares: Vec<Share>,
    /// The assets it was made from.
    pub parents: Vec<Asset>,
}

/// An asset changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transferred {
    /// The asset.
    pub asset: Asset,
    /// Who had it.
    pub sender: Account,
    /// Who has it.
    pub recipient: Account,
    /// How often it has changed hands.
    pub epoch: u64,
}

/// A dispute froze an asset, or set it free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Frozen {
    /// The asset.
    pub asset: Asset,
    /// Until when it cannot be transferred; null is for ever.
    pub frozen_until: Option<DateTime<Utc>>,
}

/// An asset's content moved to another address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CidUpdated {
    /// The asset.
    pub asset: Asset,
    /// Where its content lies now.
    pub cid: String,
}

/// An asset's royalty fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoyaltyLowered {
    /// The asset.
    pub asset: Asset,
    /// The royalty from now on, in basis points.
    pub royalty_bps: u16,
}

/// An order was filled: the asset was sold. The price is the sum of fee, royalty and net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sold {
    /// The asset.
    pub asset: Asset,
    /// EIP-712 hash of the order.
    pub order_hash: Hash,
    /// Who signed the order.
    pub maker: Account,
    /// Who filled it.
    pub taker: Account,
    /// SELL or BID: what the maker wanted.
    pub side: String,
    /// The token paid in; the zero address is the chain's own coin.
    pub currency: Account,
    /// What the buyer paid.
    pub price: Units,
    /// What the market took.
    pub fee: Units,
    /// What went into the pot.
    pub royalty: Units,
    /// What the seller received.
    pub net: Units,
    /// The order's nonce.
    pub nonce: Units,
}
