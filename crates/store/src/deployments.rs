//! Where the market's contracts are on each chain.

use ::facts::{Account, ChainId};
use alloy_primitives::Address;
use sqlx::PgConnection;

use crate::StoreError;

macro_rules! contracts {
    ($($field:ident = $name:literal,)*) => {
        /// The contracts of one market on one chain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct Deployment {
            pub chain_id: ChainId,
            /// The first block that can hold one of their events.
            pub from_block: u64,
            $(pub $field: Address,)*
        }

        impl Deployment {
            /// Returns the contracts with their names.
            pub fn contracts(&self) -> Vec<(&'static str, Address)> {
                vec![$(($name, self.$field),)*]
            }

            fn of(chain_id: ChainId, from_block: u64, find: impl Fn(&str) -> Result<Option<Address>, StoreError>)
                -> Result<Option<Self>, StoreError>
            {
                Ok(Some(Self { chain_id, from_block, $($field: match find($name)? {
                    Some(address) => address,
                    None => return Ok(None),
                },)* }))
            }
        }
    };
}

contracts! {
    access_manager = "AccessManager",
    payouts = "Payouts",
    asset_registry = "AssetRegistry",
    market = "Market",
    licences = "Licences",
    staking = "Staking",
    disputes = "Disputes",
    council = "CouncilArbiter",
    anchor = "Anchor",
}

impl Deployment {
    /// Returns the contracts whose events the mirror reads.
    pub fn watched(&self) -> Vec<Address> {
        self.contracts().into_iter().map(|(_, address)| address).filter(|one| *one != self.access_manager).collect()
    }
}

/// Records a complete deployment. One that is already recorded for the same chain stays as it is.
///
/// # Errors
/// When the database fails.
pub async fn record(tx: &mut PgConnection, deployment: &Deployment) -> Result<(), StoreError> {
    for (contract, address) in deployment.contracts() {
        sqlx::query!(
            "INSERT INTO chain.deployments (chain_id, contract, address, block_number) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            deployment.chain_id.get(),
            contract,
            Account(address) as _,
            deployment.from_block as i64
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Returns the deployment on a chain, if `tributary deploy` recorded one.
///
/// # Errors
/// When the deployment lacks contracts, which means that an older version made it, or when the database fails.
pub async fn find(conn: &mut PgConnection, chain_id: ChainId) -> Result<Option<Deployment>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT contract, address AS "address: Account", block_number FROM chain.deployments WHERE chain_id = $1"#,
        chain_id.get()
    )
    .fetch_all(conn)
    .await?;
    // Without rows there is no deployment, and so no first block of it either.
    let from_block = rows.iter().map(|row| row.block_number).min().unwrap_or_default() as u64;
    let found = Deployment::of(chain_id, from_block, |name| {
        rows.iter().find(|row| row.contract == name).map(|row| Ok(row.address.0)).transpose()
    })?;
    if found.is_none() && !rows.is_empty() {
        return Err(StoreError::Refused(format!(
            "the database knows an older version's contracts on chain {chain_id}: use a new database, and a new chain if it is local"
        )));
    }
    Ok(found)
}
