//! Deploying the contracts to a chain, once: each step is a transaction of the sender under a key of its own, so that a
//! deployment that was interrupted goes on where it stopped.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider},
    sol_types::{SolCall, SolConstructor},
};
use bindings::{AccessManager, AssetRegistry, Market, Payouts};
use service::Shutdown;
use sqlx::PgPool;
use store::deployments::{self, Deployment};

use crate::sender::{Intent, Sender, SenderError};

/// Roles of the access manager, by number; 0 is its admin.
pub const GOVERNOR: u64 = 1;
pub const ENGINE: u64 = 2;
pub const GUARDIAN: u64 = 3;

/// The market's first fee: two in a hundred.
const FEE_BPS: u16 = 200;

/// What a new market is made with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Sends the transactions, and holds every role at first.
    pub deployer: Address,
    /// Publishes payout roots.
    pub engine: Address,
    /// Receives the market's fee.
    pub treasury: Address,
    /// Seconds from the proposal of a root to its activation.
    pub payout_delay: u64,
}

/// The recorded deployment of the sender's chain, or a new one.
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
        // A chain that was wiped under a database that remembers it is another chain.
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
    // A root stays good beside its successor for as long as the successor waited.
    let grace = plan.payout_delay.max(3600);
    let (access_manager, first) = step
        .create(
            "AccessManager",
            &AccessManager::BYTECODE,
            AccessManager::constructorCall { initialAdmin: plan.deployer },
        )
        .await?;
    let (payouts, _) = step
        .create(
            "Payouts",
            &Payouts::BYTECODE,
            Payouts::constructorCall { manager: access_manager, initialDelay: plan.payout_delay, initialGrace: grace },
        )
        .await?;
    let (asset_registry, _) = step
        .create(
            "AssetRegistry",
            &AssetRegistry::BYTECODE,
            AssetRegistry::constructorCall { manager: access_manager, payouts },
        )
        .await?;
    let (market, _) = step
        .create(
            "Market",
            &Market::BYTECODE,
            Market::constructorCall {
                manager: access_manager,
                registry: asset_registry,
                payouts,
                initialFeeBps: FEE_BPS,
                initialFeeRecipient: plan.treasury,
            },
        )
        .await?;
    let deployment = Deployment { chain_id, access_manager, asset_registry, market, payouts, from_block: first };
    step.call("deploy:roles", access_manager, roles(&deployment, plan)).await?;
    let mut tx = pool.begin().await?;
    deployments::record(&mut tx, &deployment).await?;
    tx.commit().await?;
    tracing::info!("deployed to chain {chain_id}: registry {asset_registry}, market {market}, payouts {payouts}");
    Ok(deployment)
}

/// Who may do what, in one call: the functions of each role, and the roles' first holders.
fn roles(deployment: &Deployment, plan: &Plan) -> Bytes {
    let function = |target: Address, selector: [u8; 4], role: u64| -> Bytes {
        AccessManager::setTargetFunctionRoleCall { target, selectors: vec![selector.into()], roleId: role }
            .abi_encode()
            .into()
    };
    let grant = |role: u64, account: Address| -> Bytes {
        AccessManager::grantRoleCall { roleId: role, account, executionDelay: 0 }.abi_encode().into()
    };
    let calls = vec![
        function(deployment.asset_registry, AssetRegistry::setBaseURICall::SELECTOR, GOVERNOR),
        function(deployment.market, Market::setFeeCall::SELECTOR, GOVERNOR),
        function(deployment.payouts, Payouts::setDelayCall::SELECTOR, GOVERNOR),
        function(deployment.payouts, Payouts::proposeCall::SELECTOR, ENGINE),
        function(deployment.payouts, Payouts::vetoCall::SELECTOR, GUARDIAN),
        grant(GOVERNOR, plan.deployer),
        grant(ENGINE, plan.engine),
        grant(GUARDIAN, plan.deployer),
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
    /// Creates a contract; its address and block come from the receipt.
    async fn create(
        &self,
        name: &str,
        code: &Bytes,
        arguments: impl SolConstructor,
    ) -> Result<(Address, u64), SenderError> {
        let key = format!("deploy:{name}");
        let data = [code.as_ref(), &arguments.abi_encode()].concat().into();
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
