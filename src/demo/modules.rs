//! What the demo does beyond the sale: a licence for a derived work, stake and yield, a dispute that its parties settle, and
//! anchored receipts.

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::{Signer, local::PrivateKeySigner},
    sol_types::{SolCall, SolEvent, SolStruct, SolValue},
};
use anyhow::{Context, Result, ensure};
use bindings::{AssetRegistry, Disputes, Licences, Settlement, Staking, Terms, TestToken, disputes_domain};
use domain::{
    ledger::Receipt,
    money::{Amount, format_units},
};
use serde_json::Value;

use super::{coins, milliether, step};
use crate::{client::Client, ledger::verify_on_chain, process::Process};

/// What a licence costs, in thousandths of an ether.
const LICENCE: u64 = 500;
/// The licence's flags: derived works may be made and sold, and the licence may be passed on.
const FLAGS: u8 = 1 + 2 + 8;
/// What is staked, in base units of the local chain's test token, and the yield that backers share, in thousandths of an
/// ether, over seven days.
const STAKE: u64 = 120_000_000;
/// The decimals of the token that is staked.
const STAKE_DECIMALS: u8 = 6;
const YIELD: u64 = 30;
const YIELD_SECONDS: u64 = 7 * 86_400;

/// A licence as the demo bought it.
pub struct Licence {
    pub id: U256,
    pub asset: u64,
    pub price: U256,
}

/// Lets the owner of an asset offer a licence for derived works, and the maker of one buy it.
///
/// # Errors
/// When the server refuses an upload, or a transaction fails.
pub async fn license(
    process: &Process,
    client: &Client,
    owner: &PrivateKeySigner,
    maker: &PrivateKeySigner,
    asset: u64,
) -> Result<Licence> {
    let contract = client.deployment.licences;
    let session = client.sign_in(owner).await?;
    let text = "One derived work may be made from this work, published and sold, anywhere and for ever.\n";
    let text = client.upload(&session, text.into()).await?;
    let price = milliether(LICENCE);
    let terms = Terms {
        textHash: text.content_hash,
        cid: text.cid,
        currency: Address::ZERO,
        price: price.to(),
        duration: 0,
        revenueShareBps: 1500,
        maxUses: 1,
        flags: FLAGS,
    };
    let terms_id = keccak256(terms.abi_encode());
    let offer = Licences::offerCall { assetId: U256::from(asset), terms }.abi_encode();
    client.send("demo:licence:offer", owner, contract, U256::ZERO, offer).await?;
    let buy = Licences::buyCall { termsId: terms_id, assetId: U256::from(asset), to: maker.address(), maxPrice: price };
    let bought = client.send("demo:licence:buy", maker, contract, price, buy.abi_encode()).await?;
    let id = event::<Licences::LicenceBought>(process, bought.tx_hash).await?.licenceId;
    step(&format!("Licensed asset {asset} for a derived work: licence {id} at {}", coins(price)));
    Ok(Licence { id, asset, price })
}

/// Lets a backer stake on an asset, and its owner fund yield for its backers.
///
/// # Errors
/// When the node fails, or a transaction fails.
pub async fn stake(
    process: &Process,
    client: &Client,
    backer: &PrivateKeySigner,
    owner: &PrivateKeySigner,
    asset: u64,
) -> Result<()> {
    let contract = client.deployment.staking;
    let token = Staking::new(contract, &process.provider).STAKE_TOKEN().call().await?;
    let (amount, asset_id) = (U256::from(STAKE), U256::from(asset));
    let mint = TestToken::mintCall { to: backer.address(), amount }.abi_encode();
    client.send("demo:stake:mint", backer, token, U256::ZERO, mint).await?;
    let approve = TestToken::approveCall { spender: contract, value: amount }.abi_encode();
    client.send("demo:stake:approve", backer, token, U256::ZERO, approve).await?;
    let stake = Staking::stakeCall { assetId: asset_id, amount, tokens: vec![Address::ZERO] }.abi_encode();
    client.send("demo:stake", backer, contract, U256::ZERO, stake).await?;
    let amount = milliether(YIELD);
    let fund =
        Staking::fundYieldCall { assetId: asset_id, token: Address::ZERO, amount, duration: U256::from(YIELD_SECONDS) };
    client.send("demo:yield", owner, contract, amount, fund.abi_encode()).await?;
    let staked = format_units(Amount::from(STAKE), STAKE_DECIMALS);
    step(&format!("Staked {staked} tokens on asset {asset}, with {} of yield", coins(amount)));
    Ok(())
}

/// Lets a claimant raise a dispute over an asset, the owner answer, and both settle, so that each gets its bond back.
///
/// # Errors
/// When the server refuses an upload, or a transaction fails.
pub async fn dispute(
    process: &Process,
    client: &Client,
    claimant: &PrivateKeySigner,
    owner: &PrivateKeySigner,
    asset: u64,
) -> Result<()> {
    let contract = client.deployment.disputes;
    let disputes = Disputes::new(contract, &process.provider);
    let claim = client.sign_in(claimant).await?;
    let evidence = client.upload(&claim, b"The second chapter is mine, and I am not named.\n".to_vec()).await?;
    let bond = U256::from(disputes.bond().call().await?);
    let raise = Disputes::raiseCall { assetId: U256::from(asset), evidenceCid: evidence.cid }.abi_encode();
    let raised = client.send("demo:dispute:raise", claimant, contract, bond, raise).await?;
    let id = event::<Disputes::Raised>(process, raised.tx_hash).await?.disputeId;
    step(&format!("Raised dispute {id} over asset {asset} with a bond of {}: its sales stop", coins(bond)));
    let answer = client.sign_in(owner).await?;
    let evidence = client.upload(&answer, b"Named in the next edition.\n".to_vec()).await?;
    let terms_hash = evidence.content_hash;
    let counter = Disputes::counterCall { disputeId: id, evidenceCid: evidence.cid }.abi_encode();
    client.send("demo:dispute:counter", owner, contract, bond, counter).await?;
    let settlement = Settlement {
        disputeId: id,
        toClaimant: bond,
        toRespondent: bond,
        frozenUntil: 0,
        termsHash: terms_hash,
        deadline: U256::MAX,
    };
    let hash = settlement.eip712_signing_hash(&disputes_domain(process.chain_id.0, contract));
    let settle = Disputes::settleCall {
        settlement,
        claimantSignature: signed(claimant, hash).await?,
        respondentSignature: signed(owner, hash).await?,
    };
    client.send("demo:dispute:settle", claimant, contract, U256::ZERO, settle.abi_encode()).await?;
    for (place, party) in [claimant, owner].into_iter().enumerate() {
        let withdraw = Disputes::withdrawBondCall { to: party.address() }.abi_encode();
        client.send(&format!("demo:dispute:bond:{place}"), party, contract, U256::ZERO, withdraw).await?;
    }
    step(&format!("Settled dispute {id} by both signatures: {} back to each", coins(bond)));
    Ok(())
}

/// Waits until a distribution is anchored with the whole ledger before it, and checks its receipt against the chain. From then
/// on, nobody can change an amount without being noticed.
///
/// # Errors
/// When the anchor does not come in time, or the receipt does not agree with the chain.
pub async fn anchored(process: &Process, client: &Client, distribution: &str) -> Result<()> {
    let path = format!("/v1/ledger/events?stream=distribution:{distribution}");
    let number = |found: &Value| found["items"][0]["event"]["seq"].as_u64();
    let seq = client.wait_for("the distribution's event", &path, number).await?;
    let path = format!("/v1/ledger/events/{seq}/receipt");
    let anchored = |receipt: &Value| receipt["anchored"].is_object().then(|| receipt.to_string());
    let receipt = client.wait_for("the ledger's anchor", &path, anchored).await?;
    let contract = client.deployment.anchor;
    let verified = verify_on_chain(&Receipt::parse(&receipt)?, &process.provider, contract, None).await?;
    ensure!(verified.event.subject == format!("distribution:{distribution}"), "a receipt for {:?}", verified.event);
    step(&format!("Anchored distribution {distribution}: its receipt holds against the chain"));
    Ok(())
}

/// Returns the consent that a licence gives, for registering a work made from the licensed one.
pub fn consent(licence: &Licence) -> Bytes {
    licence.id.abi_encode().into()
}

async fn signed(signer: &PrivateKeySigner, hash: B256) -> Result<Bytes> {
    Ok(signer.sign_hash(&hash).await?.as_bytes().to_vec().into())
}

/// Returns the first event of a kind in a transaction's receipt.
///
/// # Errors
/// When the node fails, or the receipt has no such event.
pub async fn event<E: SolEvent>(process: &Process, tx_hash: B256) -> Result<E> {
    use alloy::providers::Provider;
    let receipt = process.provider.get_transaction_receipt(tx_hash).await?.context("a receipt is gone")?;
    let found = receipt.logs().iter().find_map(|log| E::decode_log(&log.inner).ok());
    Ok(found.with_context(|| format!("no {} in the receipt of {tx_hash}", E::SIGNATURE))?.data)
}

/// Returns what chain and mirror say about the same things, in pairs that must be equal.
///
/// # Errors
/// When the node or the database fails.
pub async fn compared(
    process: &Process,
    client: &Client,
    licence: &Licence,
    backer: Address,
) -> Result<Vec<(&'static str, String, String)>> {
    let (deployment, provider) = (&client.deployment, &process.provider);
    let chain_id = process.chain_id.get();
    let licences = Licences::new(deployment.licences, provider);
    let (asset, licence_id) = (U256::from(licence.asset), licence.id);
    let mirrored = sqlx::query!(
        r#"SELECT holder AS "holder!", uses AS "uses!", price::text AS "price!" FROM chain.licences
           WHERE chain_id = $1 AND licence_id = $2::text::numeric"#,
        chain_id,
        licence_id.to_string()
    )
    .fetch_one(&process.pool)
    .await?;
    let stake = sqlx::query_scalar!(
        r#"SELECT amount::text AS "amount!" FROM chain.stakes WHERE chain_id = $1 AND asset_id = $2 AND account = $3"#,
        chain_id,
        licence.asset as i64,
        backer.to_string()
    )
    .fetch_one(&process.pool)
    .await?;
    let bonds = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(CASE event WHEN 'Raised' THEN (details ->> 'bond')::numeric * 2
                                          WHEN 'BondWithdrawn' THEN -(details ->> 'amount')::numeric END), 0)::text AS "held!"
           FROM chain.module_events WHERE chain_id = $1 AND contract = 'Disputes'"#,
        chain_id
    )
    .fetch_one(&process.pool)
    .await?;
    let frozen = sqlx::query_scalar!(
        r#"SELECT count(*)::text AS "frozen!" FROM chain.frozen WHERE chain_id = $1 AND frozen_until > to_timestamp(0)"#,
        chain_id
    )
    .fetch_one(&process.pool)
    .await?;
    let staked = Staking::new(deployment.staking, provider).stakeOf(backer, asset).call().await?;
    let held = alloy::providers::Provider::get_balance(provider, deployment.disputes).await?;
    let count = client.get("/v1/assets").await?["items"].as_array().map_or(0, Vec::len) as u64;
    let mut still_frozen = 0;
    for id in 1..=count {
        let details = AssetRegistry::new(deployment.asset_registry, provider).detailsOf(U256::from(id)).call().await?;
        still_frozen += u64::from(details.frozenUntil > 0);
    }
    Ok(vec![
        ("the licence's holder", mirrored.holder, licences.ownerOf(licence_id).call().await?.to_string()),
        (
            "the licence's uses",
            mirrored.uses.to_string(),
            licences.licenceOf(licence_id).call().await?.uses.to_string(),
        ),
        ("the licence's price", mirrored.price, licence.price.to_string()),
        ("the backer's stake", stake, staked.to_string()),
        ("the bonds held", bonds, held.to_string()),
        ("frozen assets", frozen, still_frozen.to_string()),
    ])
}
