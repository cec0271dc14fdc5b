//! POST /v1/orders: every rule that the contract will check is checked before an order is stored.

use advisors::risk::{self, Known, Standing};
use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use axum::{extract::State, http::StatusCode};
use bindings::{AssetRegistry, Market, Order, TestToken};
use chrono::{DateTime, Utc};
use domain::split;
use ::facts::{Fact, NewFact, OrderRecorded, Stream, Subject};
use futures::try_join;
use serde::Deserialize;
use sqlx::PgConnection;
use store::{facts, screenings};
use utoipa::ToSchema;

use super::{OrderFields, list};
use crate::{
    AppState,
    auth::signature::{is_valid, node_is_away},
    extract::Json,
    problem::{Problem, Result},
    values::{parse, signature_field},
};

const SELL: u8 = 0;
/// An order runs at most this long.
const MAX_DURATION_DAYS: i64 = 366;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    pub order: OrderFields,
    /// The maker's EIP-712 signature, 0x-hex; of a contract account as it accepts it (ERC-1271).
    pub signature: String,
}

/// Stores a signed order. The same order again gives the same answer. No session is needed: the signature speaks.
/// A sale is screened at once: one that is blocked is stored with the reasons, and left out of lists.
#[utoipa::path(post, path = "/v1/orders", operation_id = "create_order", tag = "orders", request_body = NewOrder,
    responses((status = 201, body = list::OrderView), (status = 200, body = list::OrderView, description = "it was stored before"),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn create(
    State(state): State<AppState>,
    Json(request): Json<NewOrder>,
) -> Result<(StatusCode, axum::Json<list::OrderView>)> {
    let order = request.order.parse()?;
    let signature = parse("signature", &request.signature, signature_field)?;
    check_shape(&order)?;
    let hash = bindings::order_hash(&order, state.chain_id(), state.deployment.market);
    if let Some(known) = list::find(&state, hash).await? {
        return Ok((StatusCode::OK, axum::Json(known)));
    }
    if !is_valid(&state.provider, order.maker, hash, &signature).await? {
        return Err(Problem::fields(vec![(
            "signature",
            format!("is not by {} over this order in this market (EIP-712 hash {hash})", order.maker),
        )]));
    }
    check_against_chain(&state, &order).await?;
    store(&state, &order, hash, &signature).await?;
    let stored = list::find(&state, hash).await?.ok_or_else(|| Problem::internal("an order vanished"))?;
    Ok((StatusCode::CREATED, axum::Json(stored)))
}

/// What needs no chain: times, prices, sides.
fn check_shape(order: &Order) -> Result<()> {
    let mut errors = Vec::new();
    let now = Utc::now().timestamp() as u64;
    if order.endTime <= order.startTime {
        errors.push(("order.endTime", "is not after startTime".to_owned()));
    } else if order.endTime <= now {
        errors.push(("order.endTime", format!("has passed: it is {now} now")));
    } else if order.endTime - order.startTime.max(now).min(order.endTime) > (MAX_DURATION_DAYS * 86_400) as u64 {
        errors.push(("order.endTime", format!("is more than {MAX_DURATION_DAYS} days after the start")));
    }
    if order.startPrice.is_zero() || order.endPrice.is_zero() {
        errors.push(("order.startPrice", "is not above zero, as is endPrice".to_owned()));
    }
    if order.startPrice.max(order.endPrice) >= U256::from(1) << 128 {
        errors.push(("order.startPrice", "is not below 2^128, nor is endPrice".to_owned()));
    }
    if order.side == SELL && order.endPrice > order.startPrice {
        errors.push(("order.endPrice", "is above startPrice: a sale's price is fixed or falls".to_owned()));
    }
    if order.side != SELL && order.currency.is_zero() {
        errors
            .push(("order.currency", "is the chain's own coin: a bid needs a token, which can be approved".to_owned()));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

/// What the contract will ask of the chain, asked now.
async fn check_against_chain(state: &AppState, order: &Order) -> Result<()> {
    let registry = AssetRegistry::new(state.deployment.asset_registry, &state.provider);
    let market = Market::new(state.deployment.market, &state.provider);
    let known = registry.assetCount().call().await.map_err(node_is_away)?;
    if order.assetId.is_zero() || order.assetId > known {
        return Err(Problem::fields(vec![("order.assetId", format!("{} is not registered", order.assetId))]));
    }
    let (details, maker_epoch, nonce_used, fee_bps) = (
        registry.detailsOf(order.assetId),
        market.makerEpochOf(order.maker),
        market.isNonceUsed(order.maker, order.nonce),
        market.feeBps(),
    );
    let (details, maker_epoch, nonce_used, fee_bps) = try_join!(
        async { details.call().await },
        async { maker_epoch.call().await },
        async { nonce_used.call().await },
        async { fee_bps.call().await }
    )
    .map_err(node_is_away)?;
    let mut errors = Vec::new();
    if order.side == SELL && details.owner != order.maker {
        errors.push(("order.maker", format!("does not own asset {}; {} does", order.assetId, details.owner)));
    }
    if order.side != SELL && details.owner == order.maker {
        errors.push(("order.maker", format!("owns asset {} already", order.assetId)));
    }
    if order.assetEpoch != details.epoch {
        errors.push(("order.assetEpoch", format!("is {}, the asset is at {}", order.assetEpoch, details.epoch)));
    }
    let now = Utc::now().timestamp() as u64;
    if details.frozenUntil >= now {
        errors
            .push(("order.assetId", format!("{} is frozen by a dispute until {}", order.assetId, details.frozenUntil)));
    }
    if order.makerEpoch != maker_epoch {
        errors.push(("order.makerEpoch", format!("is {}, the maker is at {maker_epoch}", order.makerEpoch)));
    }
    if nonce_used {
        errors.push(("order.nonce", format!("{} was used or cancelled by this maker", order.nonce)));
    }
    if order.maxFeeBps < fee_bps {
        errors.push(("order.maxFeeBps", format!("is {}, the market's fee is {fee_bps}", order.maxFeeBps)));
    }
    let worst = order.startPrice.min(order.endPrice);
    let net = split::sale(worst, fee_bps, details.royaltyBps).map_or(U256::ZERO, |sale| sale.net);
    if order.minNet > net {
        errors.push((
            "order.minNet",
            format!("is {}, but the lowest price leaves {net} after fee and royalty", order.minNet),
        ));
    }
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    check_currency(state, order).await?;
    if order.side == SELL { check_approved(state, order).await } else { check_funds(state, order).await }
}

/// The currency is the chain's own coin or a contract.
async fn check_currency(state: &AppState, order: &Order) -> Result<()> {
    if !order.currency.is_zero() && state.provider.get_code_at(order.currency).await.map_err(node_is_away)?.is_empty() {
        return Err(Problem::fields(vec![(
            "order.currency",
            format!("{} is not a contract on this chain", order.currency),
        )]));
    }
    Ok(())
}

/// The market can move the asset.
async fn check_approved(state: &AppState, order: &Order) -> Result<()> {
    if is_approved(state, order.maker, order.assetId.to()).await? {
        return Ok(());
    }
    let market = state.deployment.market;
    Err(Problem::fields(vec![(
        "order.maker",
        format!(
            "has not approved the market: call setApprovalForAll({market}, true) on {} first",
            state.deployment.asset_registry
        ),
    )]))
}

/// Whether an owner lets the market move an asset.
pub async fn is_approved(state: &AppState, owner: Address, asset: u64) -> Result<bool> {
    let registry = AssetRegistry::new(state.deployment.asset_registry, &state.provider);
    let market = state.deployment.market;
    let all = registry.isApprovedForAll(owner, market).call().await.map_err(node_is_away)?;
    Ok(all || registry.getApproved(U256::from(asset)).call().await.map_err(node_is_away)? == market)
}

/// The bidder has the tokens, and the market may take them.
async fn check_funds(state: &AppState, order: &Order) -> Result<()> {
    let token = TestToken::new(order.currency, &state.provider);
    let most = order.startPrice.max(order.endPrice);
    let held = token_number(token.balanceOf(order.maker).call().await, order.currency)?;
    let allowed = token_number(token.allowance(order.maker, state.deployment.market).call().await, order.currency)?;
    let mut errors = Vec::new();
    if held < most {
        errors.push(("order.maker", format!("holds {held} of the currency, the bid goes up to {most}")));
    }
    if allowed < most {
        let market = state.deployment.market;
        errors.push((
            "order.maker",
            format!("lets the market take {allowed}: approve({market}, {most}) on the currency first"),
        ));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

fn token_number(answer: Result<U256, alloy::contract::Error>, token: Address) -> Result<U256> {
    match answer {
        Ok(number) => Ok(number),
        Err(alloy::contract::Error::TransportError(error)) if error.as_error_resp().is_none() => {
            Err(node_is_away(error))
        }
        Err(_) => Err(Problem::fields(vec![("order.currency", format!("{token} does not answer as an ERC-20"))])),
    }
}

async fn store(state: &AppState, order: &Order, hash: B256, signature: &[u8]) -> Result<()> {
    let time = |seconds: u64| {
        DateTime::from_timestamp(seconds as i64, 0).ok_or_else(|| Problem::invalid("a time is out of range"))
    };
    // Read before the transaction: it may wait for a connection.
    let known = state.risk.latest().await?;
    let mut tx = state.pool.begin().await?;
    let stored = sqlx::query!(
        "INSERT INTO orders (chain_id, hash, maker, side, asset_id, asset_epoch, currency, start_price, end_price, start_time,
                             end_time, taker, nonce, maker_epoch, max_fee_bps, min_net, signature)
         VALUES ($1, $2, $3, $4, $5::text::bigint, $6, $7, $8::text::numeric, $9::text::numeric, $10, $11, $12,
                 $13::text::numeric, $14, $15, $16::text::numeric, $17) ON CONFLICT DO NOTHING",
        state.chain(),
        hash.as_slice() as _,
        order.maker.as_slice() as _,
        bindings::side_name(order.side),
        order.assetId.to_string(),
        order.assetEpoch as i64,
        order.currency.as_slice() as _,
        order.startPrice.to_string(),
        order.endPrice.to_string(),
        time(order.startTime)?,
        time(order.endTime)?,
        order.taker.as_slice() as _,
        order.nonce.to_string(),
        order.makerEpoch as i64,
        i32::from(order.maxFeeBps),
        order.minNet.to_string(),
        signature
    )
    .execute(&mut *tx)
    .await?;
    if stored.rows_affected() > 0 {
        tell(&mut tx, state.chain_id(), order, hash).await?;
        if let Some(known) = known {
            screen(&mut tx, state.chain_id(), &known, hash).await?;
        }
    }
    tx.commit().await?;
    tracing::info!("order {hash} on asset {}", order.assetId);
    Ok(())
}

/// Decides whether a sale is shown. Where the agent does not know enough yet, a worker does it in a moment.
async fn screen(tx: &mut PgConnection, chain_id: u64, known: &Known, hash: B256) -> Result<()> {
    let Some(offer) = screenings::offer(tx, chain_id, hash).await? else { return Ok(()) };
    let screening = risk::screen(tx, known, &offer, Standing::sound(&offer), Utc::now()).await?;
    risk::record(tx, &screening).await?;
    Ok(())
}

/// Tells of an order. The hash binds all of it; what becomes of it is on chain.
async fn tell(tx: &mut PgConnection, chain: u64, order: &Order, hash: B256) -> Result<()> {
    let asset = order.assetId.saturating_to::<u64>();
    let body = OrderRecorded {
        hash: hash.into(),
        maker: order.maker.into(),
        side: bindings::side_name(order.side).unwrap_or_default().to_owned(),
        asset: asset.into(),
        asset_epoch: order.assetEpoch,
        currency: order.currency.into(),
        start_price: order.startPrice.into(),
        end_price: order.endPrice.into(),
        start_time: order.startTime,
        end_time: order.endTime,
        taker: order.taker.into(),
        nonce: order.nonce.into(),
        maker_epoch: order.makerEpoch,
        max_fee_bps: order.maxFeeBps,
        min_net: order.minNet.into(),
    };
    let streams = [Stream::asset(chain, asset), Stream::account(order.maker)];
    let subject = Subject::Order { order: hash.into() };
    Ok(facts::tell_one(tx, NewFact::of_chain(chain, subject, streams, Fact::OrderRecorded(body))).await?)
}
