//! Valid orders, which tests change in one place.

use alloy::{
    primitives::{Address, Bytes, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::{SolCall, SolInterface},
};
use anyhow::{Context, Result};
use bindings::{AssetRegistry, Market, Order, TestToken};
use chrono::Utc;
use serde_json::{Value, json};

use crate::app::{Answer, App};

pub const SELL: u8 = 0;
pub const BID: u8 = 1;
/// The fee of the tests' market, in basis points.
pub const FEE_BPS: u16 = 200;

/// Returns the time, in whole seconds since 1970.
pub fn now() -> u64 {
    Utc::now().timestamp() as u64
}

/// Returns a sale for 10000 of the chain's own coin, for an hour, to anyone.
pub fn sale(maker: Address, asset: u64) -> Order {
    Order {
        maker,
        side: SELL,
        assetId: U256::from(asset),
        assetEpoch: 0,
        currency: Address::ZERO,
        startPrice: U256::from(10_000),
        endPrice: U256::from(10_000),
        startTime: now() - 60,
        endTime: now() + 3600,
        taker: Address::ZERO,
        nonce: U256::from(rand::random::<u64>()),
        makerEpoch: 0,
        maxFeeBps: FEE_BPS,
        minNet: U256::ZERO,
    }
}

/// Returns the body of POST /v1/orders.
pub fn body(order: &Order, signature: &[u8]) -> Value {
    json!({
        "order": {
            "maker": order.maker.to_checksum(None), "side": bindings::side_name(order.side),
            "assetId": order.assetId.to_string(), "assetEpoch": order.assetEpoch,
            "currency": order.currency.to_checksum(None), "startPrice": order.startPrice.to_string(),
            "endPrice": order.endPrice.to_string(), "startTime": order.startTime, "endTime": order.endTime,
            "taker": order.taker.to_checksum(None), "nonce": order.nonce.to_string(), "makerEpoch": order.makerEpoch,
            "maxFeeBps": order.maxFeeBps, "minNet": order.minNet.to_string(),
        },
        "signature": Bytes::copy_from_slice(signature),
    })
}

impl App {
    /// Returns a signature over an order in this market.
    pub fn sign(&self, order: &Order, signer: &PrivateKeySigner) -> Result<alloy::primitives::Signature> {
        let hash = bindings::order_hash(order, self.market.deployment.chain_id.0, self.market.deployment.market);
        Ok(signer.sign_hash_sync(&hash)?)
    }

    /// Signs an order and posts it.
    pub async fn offer(&self, order: &Order, signer: &PrivateKeySigner) -> Result<Answer> {
        self.post("/v1/orders", &body(order, &self.sign(order, signer)?.as_bytes())).await
    }

    /// Signs and stores an order, and returns its hash.
    pub async fn stored_offer(&self, order: &Order, signer: &PrivateKeySigner) -> Result<String> {
        Ok(self.offer(order, signer).await?.expect(201)["hash"].as_str().context("no hash")?.to_owned())
    }

    /// Returns the state of a stored order once the mirror is level with the chain.
    pub async fn state_of(&self, hash: &str) -> Result<String> {
        self.mirror().await?;
        let order = self.get(&format!("/v1/orders/{hash}")).await?.expect(200);
        Ok(order["state"].as_str().context("no state")?.to_owned())
    }

    /// Returns why the contract would not let `taker` fill this order now. `None` when it would.
    pub async fn refusal(&self, order: &Order, signature: &[u8], taker: Address) -> Result<Option<String>> {
        let market = Market::new(self.market.deployment.market, &self.market.chain.provider);
        let limit = if order.side == SELL { U256::MAX } else { U256::ZERO };
        // Nobody has more than this.
        let price = order.startPrice.min(U256::from(10).pow(U256::from(21)));
        let value = if order.currency.is_zero() { price } else { U256::ZERO };
        let fill = market.fill(order.clone(), Bytes::copy_from_slice(signature), limit).from(taker).value(value);
        let Err(error) = fill.call().await else { return Ok(None) };
        let data = error.as_revert_data().with_context(|| format!("no revert, but {error}"))?;
        let token_error = || TestToken::TestTokenErrors::abi_decode(&data).ok().map(|error| format!("{error:?}"));
        Ok(Some(bindings::explain_revert(&data).or_else(token_error).unwrap_or_else(|| data.to_string())))
    }

    /// Fills an order in the chain's own coin for real.
    pub async fn fill(&self, order: &Order, signature: &[u8], taker: Address) -> Result<()> {
        let call =
            Market::fillCall { order: order.clone(), signature: Bytes::copy_from_slice(signature), limit: U256::MAX };
        let market = TxKind::Call(self.market.deployment.market);
        self.transact(taker, market, order.startPrice, call.abi_encode()).await?;
        Ok(())
    }

    /// Lets the market move all assets of an account.
    pub async fn approve(&self, owner: Address) -> Result<()> {
        let call = AssetRegistry::setApprovalForAllCall { operator: self.market.deployment.market, approved: true };
        self.call(owner, self.market.deployment.asset_registry, call).await?;
        Ok(())
    }

    pub async fn transfer(&self, from: Address, to: Address, asset: u64) -> Result<()> {
        let call = AssetRegistry::transferFromCall { from, to, tokenId: U256::from(asset) };
        self.call(from, self.market.deployment.asset_registry, call).await?;
        Ok(())
    }

    /// Deploys a new token. `holder` has `held` of it, and lets the market take `allowed`.
    pub async fn token(&self, holder: Address, held: u64, allowed: u64) -> Result<Address> {
        let receipt = self.transact(holder, TxKind::Create, U256::ZERO, TestToken::BYTECODE.to_vec()).await?;
        let token = receipt.contract_address.context("no token was made")?;
        self.call(holder, token, TestToken::mintCall { to: holder, amount: U256::from(held) }).await?;
        let spender = self.market.deployment.market;
        self.call(holder, token, TestToken::approveCall { spender, value: U256::from(allowed) }).await?;
        Ok(token)
    }
}
