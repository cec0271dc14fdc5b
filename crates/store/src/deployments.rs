//! Where the market's contracts are on each chain.

use alloy_primitives::Address;
use sqlx::PgConnection;

use crate::{StoreError, values};

/// The contracts of one market on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deployment {
    pub chain_id: u64,
    pub access_manager: Address,
    pub asset_registry: Address,
    pub market: Address,
    pub payouts: Address,
    /// The first block that can hold one of their events.
    pub from_block: u64,
}

/// Records a complete deployment; an existing one of the same chain stays as it is.
pub async fn record(tx: &mut PgConnection, deployment: &Deployment) -> Result<(), StoreError> {
    let contracts = [
        ("AccessManager", deployment.access_manager),
        ("AssetRegistry", deployment.asset_registry),
        ("Market", deployment.market),
        ("Payouts", deployment.payouts),
    ];
    for (contract, address) in contracts {
        sqlx::query!(
            "INSERT INTO chain.deployments (chain_id, contract, address, block_number) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            deployment.chain_id as i64,
            contract,
            address.as_slice() as _,
            deployment.from_block as i64
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// The deployment on a chain, if `tributary deploy` recorded one.
pub async fn find(conn: &mut PgConnection, chain_id: u64) -> Result<Option<Deployment>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT contract, address AS "address: Vec<u8>", block_number FROM chain.deployments WHERE chain_id = $1"#,
        chain_id as i64
    )
    .fetch_all(conn)
    .await?;
    let of = |name: &str| -> Result<Option<Address>, StoreError> {
        rows.iter().find(|row| row.contract == name).map(|row| values::address(&row.address)).transpose()
    };
    let (Some(access_manager), Some(asset_registry), Some(market), Some(payouts)) =
        (of("AccessManager")?, of("AssetRegistry")?, of("Market")?, of("Payouts")?)
    else {
        return Ok(None);
    };
    let from_block = rows.iter().map(|row| row.block_number).min().unwrap_or_default() as u64;
    Ok(Some(Deployment { chain_id, access_manager, asset_registry, market, payouts, from_block }))
}
