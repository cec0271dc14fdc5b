//! Places an order: every rule that the contract will check is checked before the order is stored.
//!
//! An order goes through three types, each of which can only be made from the one before: [`Signed`] is well formed,
//! [`Sound`] could be filled now, and [`place`] stores it. The chain is asked in between, in one request and outside of
//! any transaction.

use ::facts::{ChainId, Fact, NewFact, OrderRecorded, Stream, Subject};
use advisors::risk::{self, Grounds, Standing};
use alloy::primitives::{Address, B256, Bytes, U256};
use bindings::{AssetRegistry, Market as MarketContract, TestToken};
use chrono::Utc;
use domain::order::{Asset, ChainState, Fault, Means, Order, Side};
use store::{
    facts,
    market::{
        orders::{self, NewOrder},
        screenings,
    },
};

use crate::{
    Error, Fault as AnyFault, Market, Result, Tx,
    node::{Answer, Batch},
    signature,
};

/// A well-formed order with the maker's signature, which is not checked yet.
#[derive(Clone, Debug)]
pub struct Signed {
    chain_id: ChainId,
    order: Order,
    signature: Vec<u8>,
    hash: B256,
    now: u64,
}

/// An order that the market would fill now, signed by its maker.
pub struct Sound {
    signed: Signed,
    /// What the risk agent knows, if it knows enough already. It is read before the transaction, because that may wait for a
    /// connection.
    grounds: Option<Grounds>,
}

impl Signed {
    /// Checks what does not need the chain, such as times, prices and sides.
    ///
    /// # Errors
    /// When the order is not well formed. The error holds all faults.
    pub fn new(market: Market<'_>, order: Order, signature: Vec<u8>) -> Result<Self> {
        // By a clock before 1970 no order has ended yet. The contract has the last word on times anyway.
        let now = u64::try_from(Utc::now().timestamp()).unwrap_or_default();
        refuse(order.check_shape(now))?;
        let chain_id = market.deployment.chain_id;
        let hash = bindings::order_hash(&as_contract(&order), chain_id.0, market.deployment.market);
        Ok(Self { chain_id, order, signature, hash, now })
    }

    /// Returns the order's EIP-712 hash, under which it is known.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// Checks the signature, and everything that the contracts would check on the chain.
    ///
    /// # Errors
    /// When the signature is not the maker's, when the order could not be filled, with all reasons, or when the node does not
    /// answer.
    pub async fn check(self, market: Market<'_>) -> Result<Sound> {
        let mut batch = Batch::new(market.provider);
        let signature = signature::check(&mut batch, self.order.maker, self.hash, &self.signature)?;
        let questions = Questions::ask(&mut batch, market, &self.order)?;
        batch.send().await?;
        if !signature.holds().await? {
            return Err(Fault::SignatureInvalid { maker: self.order.maker, hash: self.hash }.into());
        }
        let chain = questions.answers(market, self.now).await?;
        refuse(self.order.check_against(&chain))?;
        Ok(Sound { signed: self, grounds: market.risk.latest().await? })
    }
}

/// Stores an order and tells of it. An order to sell is also screened, and stored with the reasons if it is blocked.
/// Returns false when the order was stored before, in which case nothing changes.
///
/// # Errors
/// When the database does not answer.
pub async fn place(tx: &mut Tx, sound: &Sound) -> Result<bool> {
    let Signed { chain_id, order, signature, hash, .. } = &sound.signed;
    if !orders::insert(tx, &NewOrder { chain_id: *chain_id, hash: *hash, order, signature }).await? {
        return Ok(false);
    }
    tell(tx, *chain_id, order, *hash).await?;
    if let Some(grounds) = &sound.grounds {
        screen(tx, *chain_id, grounds, *hash).await?;
    }
    tracing::info!("order {hash} on asset {} was stored", order.asset_id);
    Ok(true)
}

/// Tells whether an owner lets the market move an asset, by one request to the node.
///
/// # Errors
/// When the node does not answer.
pub async fn is_approved(market: Market<'_>, owner: Address, asset: u64) -> Result<bool> {
    let mut batch = Batch::new(market.provider);
    let approval = Approval::ask(&mut batch, market, owner, U256::from(asset))?;
    batch.send().await?;
    approval.answer(market).await
}

/// What is asked about an order.
struct Questions {
    assets: Answer<AssetRegistry::assetCountCall>,
    asset_id: U256,
    details: Answer<AssetRegistry::detailsOfCall>,
    maker_epoch: Answer<MarketContract::makerEpochOfCall>,
    nonce_used: Answer<MarketContract::isNonceUsedCall>,
    fee_bps: Answer<MarketContract::feeBpsCall>,
    currency_code: alloy::rpc::client::Waiter<Bytes>,
    means: MeansQuestion,
}

enum MeansQuestion {
    Sale(Approval),
    Bid { held: Answer<TestToken::balanceOfCall>, allowed: Answer<TestToken::allowanceCall> },
}

impl Questions {
    fn ask(batch: &mut Batch<'_>, market: Market<'_>, order: &Order) -> Result<Self> {
        let (registry, contract) = (market.deployment.asset_registry, market.deployment.market);
        let Order { maker, asset_id, currency, nonce, .. } = *order;
        Ok(Self {
            assets: batch.call(registry, &AssetRegistry::assetCountCall {})?,
            asset_id,
            details: batch.call(registry, &AssetRegistry::detailsOfCall { assetId: asset_id })?,
            maker_epoch: batch.call(contract, &MarketContract::makerEpochOfCall { maker })?,
            nonce_used: batch.call(contract, &MarketContract::isNonceUsedCall { maker, nonce })?,
            fee_bps: batch.call(contract, &MarketContract::feeBpsCall {})?,
            currency_code: batch.code(currency)?,
            means: match order.side {
                Side::Sell => MeansQuestion::Sale(Approval::ask(batch, market, maker, asset_id)?),
                Side::Bid => MeansQuestion::Bid {
                    held: batch.call(currency, &TestToken::balanceOfCall { account: maker })?,
                    allowed: batch.call(currency, &TestToken::allowanceCall { owner: maker, spender: contract })?,
                },
            },
        })
    }

    async fn answers(self, market: Market<'_>, now: u64) -> Result<ChainState> {
        let registered = !self.asset_id.is_zero() && self.asset_id <= self.assets.value().await?;
        let asset = if registered {
            let details = self.details.value().await?;
            Some(Asset {
                owner: details.owner,
                epoch: details.epoch,
                frozen_until: details.frozenUntil,
                royalty_bps: details.royaltyBps,
            })
        } else {
            None
        };
        Ok(ChainState {
            now,
            market: market.deployment.market,
            registry: market.deployment.asset_registry,
            asset,
            maker_epoch: self.maker_epoch.value().await?,
            nonce_used: self.nonce_used.value().await?,
            fee_bps: self.fee_bps.value().await?,
            currency_has_code: !self.currency_code.await.map_err(Error::Chain)?.is_empty(),
            means: match self.means {
                MeansQuestion::Sale(approval) => Means::Approval(approval.answer(market).await?),
                MeansQuestion::Bid { held, allowed } => {
                    match held.value_if_any().await?.zip(allowed.value_if_any().await?) {
                        Some((held, allowed)) => Means::Funds { held, allowed },
                        None => Means::NoToken,
                    }
                }
            },
        })
    }
}

/// Whether the market may move an asset, because it may move all assets of the owner or this one.
struct Approval {
    all: Answer<AssetRegistry::isApprovedForAllCall>,
    one: Answer<AssetRegistry::getApprovedCall>,
}

impl Approval {
    fn ask(batch: &mut Batch<'_>, market: Market<'_>, owner: Address, asset: U256) -> Result<Self> {
        let (registry, operator) = (market.deployment.asset_registry, market.deployment.market);
        Ok(Self {
            all: batch.call(registry, &AssetRegistry::isApprovedForAllCall { owner, operator })?,
            one: batch.call(registry, &AssetRegistry::getApprovedCall { tokenId: asset })?,
        })
    }

    async fn answer(self, market: Market<'_>) -> Result<bool> {
        // The registry refuses to speak of an asset that is not registered.
        Ok(self.all.value().await? || self.one.value_if_any().await? == Some(market.deployment.market))
    }
}

fn refuse(faults: Vec<Fault>) -> Result<()> {
    if faults.is_empty() { Ok(()) } else { Err(faults.into_iter().map(AnyFault::from).collect::<Vec<_>>().into()) }
}

/// Returns the order as the contract takes it.
fn as_contract(order: &Order) -> bindings::Order {
    bindings::Order {
        maker: order.maker,
        side: side_number(order.side),
        assetId: order.asset_id,
        assetEpoch: order.asset_epoch,
        currency: order.currency,
        startPrice: order.start_price,
        endPrice: order.end_price,
        startTime: order.start_time,
        endTime: order.end_time,
        taker: order.taker,
        nonce: order.nonce,
        makerEpoch: order.maker_epoch,
        maxFeeBps: order.max_fee_bps,
        minNet: order.min_net,
    }
}

/// Returns the number of the side in the contract.
const fn side_number(side: Side) -> u8 {
    match side {
        Side::Sell => 0,
        Side::Bid => 1,
    }
}

/// Decides whether a sale is shown. If the agent does not know enough yet, a worker decides a moment later.
async fn screen(tx: &mut Tx, chain_id: ChainId, grounds: &Grounds, hash: B256) -> Result<()> {
    let Some(offer) = screenings::offer(tx, chain_id, hash).await? else { return Ok(()) };
    let screening = risk::screen(tx, grounds, &offer, Standing::sound(&offer), Utc::now()).await?;
    risk::record(tx, &screening).await?;
    Ok(())
}

/// Tells of an order. The hash binds all of it, and what becomes of it is on chain.
async fn tell(tx: &mut Tx, chain_id: ChainId, order: &Order, hash: B256) -> Result<()> {
    let asset = order.asset_id.saturating_to::<u64>();
    let body = OrderRecorded {
        hash: hash.into(),
        maker: order.maker.into(),
        side: order.side.name().to_owned(),
        asset: asset.into(),
        asset_epoch: order.asset_epoch,
        currency: order.currency.into(),
        start_price: order.start_price.into(),
        end_price: order.end_price.into(),
        start_time: order.start_time,
        end_time: order.end_time,
        taker: order.taker.into(),
        nonce: order.nonce.into(),
        maker_epoch: order.maker_epoch,
        max_fee_bps: order.max_fee_bps,
        min_net: order.min_net.into(),
    };
    let streams = [Stream::asset(chain_id, asset), Stream::account(order.maker)];
    let subject = Subject::Order { order: hash.into() };
    Ok(facts::tell_one(tx, NewFact::of_chain(chain_id, subject, streams, Fact::OrderRecorded(body))).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_called_as_the_mirror_calls_the_contracts() {
        for side in [Side::Sell, Side::Bid] {
            assert_eq!(bindings::side_name(side_number(side)), Some(side.name()));
            assert_eq!(Side::named(side.name()), Some(side));
        }
        assert_eq!(Side::named("CRITERIA_BID"), None, "such bids are settled by the contract and not stored");
    }
}
