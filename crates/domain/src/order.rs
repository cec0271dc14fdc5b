//! When a signed order can be stored: its own shape, and what the chain says about it.
//!
//! The contract settles orders and has the last word. An order that it would refuse is of no use to anyone, so the same
//! rules are checked here before an order is stored, and every broken one is named. Each rule mirrors a revert:
//!
//! | rule | what the contract does |
//! |---|---|
//! | [`Fault::EndsBeforeStart`], [`Fault::Ended`] | `Market.OrderNotStarted`, `Market.OrderEnded` |
//! | [`Fault::PriceTooHigh`] | `Market.PriceTooHigh` |
//! | [`Fault::BidInCoin`] | `Market.BidNeedsToken` |
//! | [`Fault::AssetUnknown`], [`Fault::MakerNotOwner`], [`Fault::MakerOwnsAlready`] | `AssetRegistry.SellerNotOwner` |
//! | [`Fault::AssetEpochPassed`] | `AssetRegistry.AssetEpochPassed` |
//! | [`Fault::AssetFrozen`] | `AssetRegistry.AssetFrozen` |
//! | [`Fault::MakerEpochPassed`] | `Market.MakerEpochPassed` |
//! | [`Fault::NonceUsed`] | `Market.NonceUsed` |
//! | [`Fault::FeeAboveMax`] | `Market.FeeAboveMax` |
//! | [`Fault::NetBelowMin`] | `Market.NetBelowMin` |
//! | [`Fault::NotApproved`] | `ERC721InsufficientApproval` of the registry |
//! | [`Fault::CurrencyNotContract`], [`Fault::CurrencyNotToken`] | a call to the currency that fails |
//! | [`Fault::BalanceTooLow`], [`Fault::AllowanceTooLow`] | `Market.PaymentFailed` |
//! | [`Fault::SignatureInvalid`] | `Market.SignatureInvalid` |
//!
//! Four rules are the marketplace's own and stricter than the contract. The price of an order is not zero
//! ([`Fault::PriceZero`]), a sale does not become more expensive while it waits ([`Fault::SaleRises`]), an order runs
//! for at most a year ([`Fault::RunsTooLong`]), and times and epochs are below year 9999 in seconds
//! ([`Fault::OutOfRange`]).

use crate::{
    money::{Address, B256, U256},
    split,
};

/// An order runs for at most this many days.
pub const MAX_DURATION_DAYS: u64 = 366;
/// The end of year 9999 in seconds since 1970. Times must be below it, and so must epochs, which count transfers and
/// cancellations.
const TIME_LIMIT: u64 = 253_402_300_800;
/// The contract multiplies prices by seconds and basis points within 256 bits, so prices have at most 128 bits.
const PRICE_BITS: usize = 128;

/// Which side of a sale the maker is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The maker sells an asset.
    Sell,
    /// The maker bids for an asset. Bids for any one of several assets are settled by the contract and not stored.
    Bid,
}

impl Side {
    /// The word for it in the API, in facts and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sell => "SELL",
            Self::Bid => "BID",
        }
    }

    /// The side that is called so.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Sell, Self::Bid].into_iter().find(|side| side.name() == name)
    }
}

/// A signed order, with the fields of the market's EIP-712 type. Amounts are in base units of the currency, times in
/// seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Who signs.
    pub maker: Address,
    /// Whether the maker sells or buys.
    pub side: Side,
    /// The asset that changes hands.
    pub asset_id: U256,
    /// The asset's epoch when the order was signed: a transfer raises it and thereby ends the order.
    pub asset_epoch: u64,
    /// The token that is paid with; the zero address is the chain's own coin.
    pub currency: Address,
    /// The price at `start_time`.
    pub start_price: U256,
    /// The price at `end_time`. In between it moves in a straight line.
    pub end_price: U256,
    /// The first second in which the order can be filled.
    pub start_time: u64,
    /// The last second in which the order can be filled.
    pub end_time: u64,
    /// The only account that may fill it; the zero address is anyone.
    pub taker: Address,
    /// Used up when the order is filled or cancelled.
    pub nonce: U256,
    /// The maker's epoch in the market: cancelling all orders raises it.
    pub maker_epoch: u64,
    /// The highest market fee that the maker accepts, in basis points.
    pub max_fee_bps: u16,
    /// The least that the seller receives after fee and royalty.
    pub min_net: U256,
}

/// What the chain says about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Who owns it.
    pub owner: Address,
    /// How often it changed hands.
    pub epoch: u64,
    /// A dispute freezes it until this second. Zero when there is no dispute.
    pub frozen_until: u64,
    /// The part of every sale that its contributors earn, in basis points.
    pub royalty_bps: u16,
}

/// The means that the maker has for the sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// For an order to sell: whether the registry lets the market move the asset.
    Approval(bool),
    /// For a bid: how many tokens the maker holds, and how many of them the market may take, in base units.
    Funds {
        /// The balance.
        held: U256,
        /// The allowance.
        allowed: U256,
    },
    /// For a bid: the currency does not answer as an ERC-20 token does.
    NoToken,
}

/// The state of the chain that the contracts look at when an order is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainState {
    /// The present, in seconds since 1970.
    pub now: u64,
    /// The market's contract.
    pub market: Address,
    /// The registry's contract.
    pub registry: Address,
    /// The order's asset. `None` when no such asset is registered.
    pub asset: Option<Asset>,
    /// The maker's epoch in the market.
    pub maker_epoch: u64,
    /// Whether the maker used or cancelled the order's nonce.
    pub nonce_used: bool,
    /// The market's fee, in basis points.
    pub fee_bps: u16,
    /// Whether there is a contract at the currency's address.
    pub currency_has_code: bool,
    /// The maker's means.
    pub means: Means,
}

/// A rule that an order breaks. [`code`](Fault::code) and [`field`](Fault::field) are stable; the text is for people,
/// and completes a sentence that begins with the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what the arguments are")]
pub enum Fault {
    #[error("is too large")]
    OutOfRange { field: &'static str },
    #[error("is not after startTime")]
    EndsBeforeStart,
    #[error("has passed: it is {now} now")]
    Ended { now: u64 },
    #[error("is more than {days} days after the start")]
    RunsTooLong { days: u64 },
    #[error("is not above zero, as is endPrice")]
    PriceZero,
    #[error("is not below 2^{bits}, nor is endPrice")]
    PriceTooHigh { bits: usize },
    #[error("is above startPrice: a sale's price is fixed or falls")]
    SaleRises,
    #[error("is the chain's own coin: a bid needs a token, which can be approved")]
    BidInCoin,
    #[error("is not by {maker} over this order in this market (EIP-712 hash {hash})")]
    SignatureInvalid { maker: Address, hash: B256 },
    #[error("{asset} is not registered")]
    AssetUnknown { asset: U256 },
    #[error("does not own asset {asset}; {owner} does")]
    MakerNotOwner { asset: U256, owner: Address },
    #[error("owns asset {asset} already")]
    MakerOwnsAlready { asset: U256 },
    #[error("is {signed}, the asset is at {current}")]
    AssetEpochPassed { signed: u64, current: u64 },
    #[error("{asset} is frozen by a dispute until {until}")]
    AssetFrozen { asset: U256, until: u64 },
    #[error("is {signed}, the maker is at {current}")]
    MakerEpochPassed { signed: u64, current: u64 },
    #[error("{nonce} was used or cancelled by this maker")]
    NonceUsed { nonce: U256 },
    #[error("is {max}, the market's fee is {fee}")]
    FeeAboveMax { max: u16, fee: u16 },
    #[error("is {min}, but the lowest price leaves {net} after fee and royalty")]
    NetBelowMin { min: U256, net: U256 },
    #[error("{currency} is not a contract on this chain")]
    CurrencyNotContract { currency: Address },
    #[error("{currency} does not answer as an ERC-20")]
    CurrencyNotToken { currency: Address },
    #[error("has not approved the market: call setApprovalForAll({market}, true) on {registry} first")]
    NotApproved { market: Address, registry: Address },
    #[error("holds {held} of the currency, the bid goes up to {needed}")]
    BalanceTooLow { held: U256, needed: U256 },
    #[error("lets the market take {allowed}: approve({market}, {needed}) on the currency first")]
    AllowanceTooLow { allowed: U256, market: Address, needed: U256 },
}

impl Fault {
    /// Returns the stable code of the fault, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "out_of_range",
            Self::EndsBeforeStart => "ends_before_start",
            Self::Ended { .. } => "ended",
            Self::RunsTooLong { .. } => "runs_too_long",
            Self::PriceZero => "price_zero",
            Self::PriceTooHigh { .. } => "price_too_high",
            Self::SaleRises => "sale_rises",
            Self::BidInCoin => "bid_needs_token",
            Self::SignatureInvalid { .. } => "signature_invalid",
            Self::AssetUnknown { .. } => "asset_unknown",
            Self::MakerNotOwner { .. } => "maker_not_owner",
            Self::MakerOwnsAlready { .. } => "maker_owns_already",
            Self::AssetEpochPassed { .. } => "asset_epoch_passed",
            Self::AssetFrozen { .. } => "asset_frozen",
            Self::MakerEpochPassed { .. } => "maker_epoch_passed",
            Self::NonceUsed { .. } => "nonce_used",
            Self::FeeAboveMax { .. } => "fee_above_max",
            Self::NetBelowMin { .. } => "net_below_min",
            Self::CurrencyNotContract { .. } => "currency_not_contract",
            Self::CurrencyNotToken { .. } => "currency_not_token",
            Self::NotApproved { .. } => "not_approved",
            Self::BalanceTooLow { .. } => "balance_too_low",
            Self::AllowanceTooLow { .. } => "allowance_too_low",
        }
    }

    /// Returns the field of a request to place the order that is wrong.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::OutOfRange { field } => field,
            Self::EndsBeforeStart | Self::Ended { .. } | Self::RunsTooLong { .. } => "order.endTime",
            Self::PriceZero | Self::PriceTooHigh { .. } => "order.startPrice",
            Self::SaleRises => "order.endPrice",
            Self::BidInCoin | Self::CurrencyNotContract { .. } | Self::CurrencyNotToken { .. } => "order.currency",
            Self::SignatureInvalid { .. } => "signature",
            Self::AssetUnknown { .. } | Self::AssetFrozen { .. } => "order.assetId",
            Self::AssetEpochPassed { .. } => "order.assetEpoch",
            Self::MakerEpochPassed { .. } => "order.makerEpoch",
            Self::NonceUsed { .. } => "order.nonce",
            Self::FeeAboveMax { .. } => "order.maxFeeBps",
            Self::NetBelowMin { .. } => "order.minNet",
            Self::MakerNotOwner { .. }
            | Self::MakerOwnsAlready { .. }
            | Self::NotApproved { .. }
            | Self::BalanceTooLow { .. }
            | Self::AllowanceTooLow { .. } => "order.maker",
        }
    }
}

impl Order {
    /// Returns the highest price that the order can reach.
    pub fn highest_price(&self) -> U256 {
        self.start_price.max(self.end_price)
    }

    /// Returns the lowest price that the order can reach.
    pub fn lowest_price(&self) -> U256 {
        self.start_price.min(self.end_price)
    }

    /// Returns what is wrong with the order itself at `now`, in seconds since 1970: times, prices and sides.
    pub fn check_shape(&self, now: u64) -> Vec<Fault> {
        let numbers = [
            ("order.startTime", self.start_time),
            ("order.endTime", self.end_time),
            ("order.assetEpoch", self.asset_epoch),
            ("order.makerEpoch", self.maker_epoch),
        ];
        let mut faults: Vec<Fault> = numbers
            .into_iter()
            .filter(|(_, value)| *value >= TIME_LIMIT)
            .map(|(field, _)| Fault::OutOfRange { field })
            .collect();
        if !faults.is_empty() {
            // Nothing more can be said about numbers that are out of range.
            return faults;
        }
        faults.extend(self.check_times(now));
        if self.lowest_price().is_zero() {
            faults.push(Fault::PriceZero);
        }
        if self.highest_price().bit_len() > PRICE_BITS {
            faults.push(Fault::PriceTooHigh { bits: PRICE_BITS });
        }
        if self.side == Side::Sell && self.end_price > self.start_price {
            faults.push(Fault::SaleRises);
        }
        if self.side == Side::Bid && self.currency.is_zero() {
            faults.push(Fault::BidInCoin);
        }
        faults
    }

    fn check_times(&self, now: u64) -> Option<Fault> {
        if self.end_time <= self.start_time {
            return Some(Fault::EndsBeforeStart);
        }
        if self.end_time <= now {
            return Some(Fault::Ended { now });
        }
        let days = MAX_DURATION_DAYS;
        (self.end_time - self.start_time.max(now) > days * 86_400).then_some(Fault::RunsTooLong { days })
    }

    /// Returns the reasons why the contracts would refuse the order if it were filled in this state of the chain.
    ///
    /// About an asset that is not registered, it only says that the asset is not registered.
    pub fn check_against(&self, chain: &ChainState) -> Vec<Fault> {
        let Some(asset) = chain.asset else { return vec![Fault::AssetUnknown { asset: self.asset_id }] };
        let mut faults = self.check_asset(&asset, chain.now);
        if self.maker_epoch != chain.maker_epoch {
            faults.push(Fault::MakerEpochPassed { signed: self.maker_epoch, current: chain.maker_epoch });
        }
        if chain.nonce_used {
            faults.push(Fault::NonceUsed { nonce: self.nonce });
        }
        if self.max_fee_bps < chain.fee_bps {
            faults.push(Fault::FeeAboveMax { max: self.max_fee_bps, fee: chain.fee_bps });
        }
        let sale = split::sale(self.lowest_price(), chain.fee_bps, asset.royalty_bps);
        let net = sale.map_or(U256::ZERO, |sale| sale.net);
        if self.min_net > net {
            faults.push(Fault::NetBelowMin { min: self.min_net, net });
        }
        faults.extend(self.check_means(chain));
        faults
    }

    fn check_asset(&self, asset: &Asset, now: u64) -> Vec<Fault> {
        let mut faults = Vec::new();
        match (self.side, asset.owner == self.maker) {
            (Side::Sell, false) => faults.push(Fault::MakerNotOwner { asset: self.asset_id, owner: asset.owner }),
            (Side::Bid, true) => faults.push(Fault::MakerOwnsAlready { asset: self.asset_id }),
            (Side::Sell, true) | (Side::Bid, false) => {}
        }
        if self.asset_epoch != asset.epoch {
            faults.push(Fault::AssetEpochPassed { signed: self.asset_epoch, current: asset.epoch });
        }
        if asset.frozen_until >= now {
            faults.push(Fault::AssetFrozen { asset: self.asset_id, until: asset.frozen_until });
        }
        faults
    }

    fn check_means(&self, chain: &ChainState) -> Vec<Fault> {
        let currency = self.currency;
        let mut faults = Vec::new();
        let is_contract = currency.is_zero() || chain.currency_has_code;
        if !is_contract {
            faults.push(Fault::CurrencyNotContract { currency });
        }
        let market = chain.market;
        match chain.means {
            Means::Approval(false) => faults.push(Fault::NotApproved { market, registry: chain.registry }),
            Means::NoToken if is_contract => faults.push(Fault::CurrencyNotToken { currency }),
            Means::Funds { held, allowed } => {
                let needed = self.highest_price();
                if held < needed {
                    faults.push(Fault::BalanceTooLow { held, needed });
                }
                if allowed < needed {
                    faults.push(Fault::AllowanceTooLow { allowed, market, needed });
                }
            }
            Means::Approval(true) | Means::NoToken => {}
        }
        faults
    }
}
