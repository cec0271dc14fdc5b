//! Deploys the contracts to a chain, once. Each step is a transaction of the sender under a key of its own, so that an
//! interrupted deployment continues where it stopped.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider},
    sol_types::{SolCall, SolConstructor},
};
use bindings::{
    AccessManager, Anchor, AssetRegistry, CouncilArbiter, Disputes, Licences, Market, Payouts, Staking, TestToken,
};
use service::Shutdown;
use sqlx::PgPool;
use store::deployments::{self, Deployment};

use crate::{Intent, Sender, SenderError};

/// The roles of the access manager, by number. 0 is its admin.
pub const GOVERNOR: u64 = 1;
pub const ENGINE: u64 = 2;
pub const GUARDIAN: u64 = 3;
pub const ARBITER: u64 = 4;

/// The market's first fee, in basis points: 2 %.
const FEE_BPS: u16 = 200;
/// The bond that each party to a dispute posts at first, and the highest to which it can be set, both in thousandths of the
/// chain's own coin. The lowest is one.
const BOND_FINNEY: u64 = 50;
const MAX_BOND_FINNEY: u64 = 5000;

/// The parameters of a new market.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Sends the transactions, and holds every role at first.
    pub deployer: Address,
    /// Publishes payout roots.
    pub engine: Address,
    /// Receives the market's fee.
    pub treasury: Address,
    /// May veto payout roots.
    pub guardian: Address,
    /// Seconds from the proposal of a root to its activation.
    pub payout_delay: u64,
    /// The ERC-20 that is staked. `None` stands for a new test token that anyone may mint, for local chains only.
    pub stake_token: Option<Address>,
    /// Seconds that GOVERNOR's calls wait.
    pub governance_delay: u64,
    /// Where wallets find what a token is: the URL before its number. It ends in a slash.
    pub metadata_url: String,
}

macro_rules! constructor {
    ($contract:ident $(, $name:ident: $value:expr)*) => { $contract::constructorCall { $($name: $value),* } };
}

fn bond(finney: u64) -> alloy::primitives::aliases::U96 {
    alloy::primitives::aliases::U96::from(u128::from(finney) * 1_000_000_000_000_000)
}

/// Returns the recorded deployment of the sender's chain, or deploys the contracts and records that.
///
/// # Errors
/// When the database or the node fails, when a transaction of the deployment is refused, when the chain has no contract at
/// the recorded address, or when the shutdown begins.
pub async fn deploy(
    pool: &PgPool,
    provider: &DynProvider,
    sender: &Sender,
    plan: &Plan,
    shutdown: &Shutdown,
) -> Result<Deployment, SenderError> {
    let chain_id = sender.chain_id();
    let mut conn = pool.acquire().await?;
    if let Some(found) = deployments::find(&mut conn, chain_id).await? {
        // When the database remembers a deployment and the chain does not, the chain was reset, and is another chain.
        if provider.get_code_at(found.asset_registry).await?.is_empty() {
            return Err(SenderError::Refused {
                key: "deploy".into(),
                reason: format!(
                    "the database knows a market at {} on chain {chain_id}, but the chain has no contract there: \
                     this is another chain, or it was reset. Use the chain's own database, or delete both",
                    found.asset_registry
                ),
            });
        }
        return Ok(found);
    }
    drop(conn);
    let step = Step { provider, sender, plan, shutdown };
    // A root stays valid beside its successor for as long as the successor waited.
    let grace = plan.payout_delay.max(3600);
    let (manager, from_block) = step
        .create("AccessManager", &AccessManager::BYTECODE, constructor!(AccessManager, initialAdmin: plan.deployer))
        .await?;
    let (payouts, _) = step
        .create(
            "Payouts",
            &Payouts::BYTECODE,
            constructor!(Payouts, manager: manager, initialDelay: plan.payout_delay, initialGrace: grace),
        )
        .await?;
    let (registry, _) = step
        .create(
            "AssetRegistry",
            &AssetRegistry::BYTECODE,
            constructor!(AssetRegistry, manager: manager, payouts: payouts),
        )
        .await?;
    let (market, _) = step
        .create(
            "Market",
            &Market::BYTECODE,
            constructor!(Market, manager: manager, registry: registry, payouts: payouts, initialFeeBps: FEE_BPS,
                         initialFeeRecipient: plan.treasury),
        )
        .await?;
    let (licences, _) = step
        .create("Licences", &Licences::BYTECODE, constructor!(Licences, registry: registry, payouts: payouts))
        .await?;
    let stake_token = match plan.stake_token {
        Some(token) => token,
        None => step.create_from("TestToken", TestToken::BYTECODE.clone()).await?.0,
    };
    let (staking, _) = step
        .create("Staking", &Staking::BYTECODE, constructor!(Staking, stakeToken: stake_token, registry: registry))
        .await?;
    let (disputes, _) = step
        .create(
            "Disputes",
            &Disputes::BYTECODE,
            constructor!(Disputes, manager: manager, registry: registry, initialBond: bond(BOND_FINNEY), minBond: bond(1),
                         maxBond: bond(MAX_BOND_FINNEY)),
        )
        .await?;
    let (council, _) = step
        .create(
            "CouncilArbiter",
            &CouncilArbiter::BYTECODE,
            constructor!(CouncilArbiter, manager: manager, disputes: disputes, threshold: U256::from(1)),
        )
        .await?;
    let (anchor, _) = step.create("Anchor", &Anchor::BYTECODE, constructor!(Anchor, manager: manager)).await?;
    let deployment = Deployment {
        chain_id,
        from_block,
        access_manager: manager,
        payouts,
        asset_registry: registry,
        market,
        licences,
        staking,
        disputes,
        council,
        anchor,
    };
    // Only the admin may call these three until the roles and GOVERNOR's delay are set.
    let arbiter = Disputes::setArbiterCall { newArbiter: council }.abi_encode();
    step.call("deploy:arbiter", disputes, arbiter.into()).await?;
    // This link is permanent. It says which licences cover derived works, and whose disputes freeze assets.
    let link = AssetRegistry::linkCall { licences_: licences, disputes_: disputes }.abi_encode();
    step.call("deploy:link", registry, link.into()).await?;
    let metadata = AssetRegistry::setBaseURICall { baseURI: plan.metadata_url.clone() }.abi_encode();
    step.call("deploy:metadata", registry, metadata.into()).await?;
    step.call("deploy:roles", manager, roles(&deployment, plan)).await?;
    let mut tx = pool.begin().await?;
    deployments::record(&mut tx, &deployment).await?;
    tx.commit().await?;
    for (contract, address) in deployment.contracts() {
        tracing::info!("chain {chain_id}: {contract} is at {address}");
    }
    Ok(deployment)
}

/// Encodes who may do what as one call: the functions of each role, and the first holders of the roles.
fn roles(deployment: &Deployment, plan: &Plan) -> Bytes {
    let function = |target: Address, selector: [u8; 4], role: u64| -> Bytes {
        AccessManager::setTargetFunctionRoleCall { target, selectors: vec![selector.into()], roleId: role }
            .abi_encode()
            .into()
    };
    let grant = |role: u64, account: Address, delay: u64| -> Bytes {
        let delay = u32::try_from(delay).unwrap_or(u32::MAX);
        AccessManager::grantRoleCall { roleId: role, account, executionDelay: delay }.abi_encode().into()
    };
    let calls = vec![
        function(deployment.asset_registry, AssetRegistry::setBaseURICall::SELECTOR, GOVERNOR),
        function(deployment.market, Market::setFeeCall::SELECTOR, GOVERNOR),
        function(deployment.payouts, Payouts::setDelayCall::SELECTOR, GOVERNOR),
        function(deployment.disputes, Disputes::setBondCall::SELECTOR, GOVERNOR),
        function(deployment.disputes, Disputes::setArbiterCall::SELECTOR, GOVERNOR),
        function(deployment.payouts, Payouts::proposeCall::SELECTOR, ENGINE),
        function(deployment.payouts, Payouts::vetoCall::SELECTOR, GUARDIAN),
        function(deployment.council, CouncilArbiter::voteCall::SELECTOR, ARBITER),
        grant(GOVERNOR, plan.deployer, plan.governance_delay),
        grant(ENGINE, plan.engine, 0),
        grant(GUARDIAN, plan.guardian, 0),
        grant(ARBITER, plan.deployer, 0),
    ];
    AccessManager::multicallCall { data: calls }.abi_encode().into()
}

struct Step<'a> {
    provider: &'a DynProvider,
    sender: &'a Sender,
    plan: &'a Plan,
    shutdown: &'a Shutdown,
}

impl Step<'_> {
    async fn create(
        &self,
        name: &str,
        code: &Bytes,
        arguments: impl SolConstructor,
    ) -> Result<(Address, u64), SenderError> {
        self.create_from(name, [code.as_ref(), &arguments.abi_encode()].concat().into()).await
    }

    /// Creates a contract, and returns its address and block from the receipt.
    async fn create_from(&self, name: &str, data: Bytes) -> Result<(Address, u64), SenderError> {
        let key = format!("deploy:{name}");
        let intent = Intent { account: self.plan.deployer, key: key.clone(), to: None, value: U256::ZERO, data };
        let settled = self.sender.send(&intent, self.shutdown).await?;
        let receipt = self.provider.get_transaction_receipt(settled.tx_hash).await?;
        match receipt.and_then(|receipt| receipt.contract_address) {
            Some(address) => Ok((address, settled.block_number)),
            None => Err(SenderError::Reverted { key, tx_hash: settled.tx_hash }),
        }
    }

    async fn call(&self, key: &str, to: Address, data: Bytes) -> Result<(), SenderError> {
        let intent = Intent { account: self.plan.deployer, key: key.into(), to: Some(to), value: U256::ZERO, data };
        self.sender.send(&intent, self.shutdown).await.map(|_| ())
    }
}
