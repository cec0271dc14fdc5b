//! What tests start from: a migrated database, and a market that is deployed already. Both are made once and copied.
//!
//! The first test makes them, under a lock of the database server. A prepared market is a real deployment: a chain was
//! started, the sender deployed the contracts, and the resulting database and state of the chain were kept. The database is
//! a template, and the state of the chain is the template's comment, so that the two always belong together.

use std::{
    env,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use alloy::primitives::Bytes;
use anyhow::{Context, Result};
use bindings::{
    AccessManager, Anchor, AssetRegistry, CouncilArbiter, Disputes, Licences, Market, Payouts, Staking, TestToken,
};
use sender::{
    Sender,
    deploy::{self, Plan},
};
use service::Shutdown;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::sync::OnceCell;

use crate::{Chain, account, random, signers};

/// The longest that a deployment may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A market, of which tests get copies.
pub(crate) struct Prepared {
    /// The database template that knows it.
    database: String,
    /// The chain of the market, as anvil dumps and loads it.
    pub(crate) chain: String,
}

/// Returns the parameters of the tests' markets.
pub(crate) fn plan() -> Plan {
    Plan {
        deployer: account(0),
        engine: account(0),
        treasury: account(9),
        guardian: account(8),
        payout_delay: 1,
        stake_token: None,
        governance_delay: 0,
        metadata_url: "https://market.example/v1/metadata/".to_owned(),
    }
}

/// Creates a migrated database for the caller alone, and returns its URL. It ends with the server.
///
/// # Errors
/// When the database server cannot be reached.
pub async fn database_url() -> Result<String> {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let mut admin = admin().await?;
    let connection = &mut admin;
    let template = TEMPLATE.get_or_try_init(move || migrated(connection)).await?;
    copy(&mut admin, template).await
}

static PREPARED: OnceCell<Prepared> = OnceCell::const_new();

/// Creates a database for the caller alone that knows the market of [`Chain::with_market`], and returns its URL.
///
/// # Errors
/// When the database server cannot be reached, or the market cannot be deployed.
pub async fn market_database_url() -> Result<String> {
    let mut admin = admin().await?;
    let connection = &mut admin;
    let prepared = PREPARED.get_or_try_init(move || deployed(connection)).await?;
    copy(&mut admin, &prepared.database).await
}

/// Returns the market that was deployed once for all tests.
pub(crate) async fn prepared() -> Result<&'static Prepared> {
    PREPARED.get_or_try_init(async || deployed(&mut admin().await?).await).await
}

/// Returns the template of migrated databases, one per version of the migrations.
async fn migrated(admin: &mut PgConnection) -> Result<String> {
    let name = format!("template_{:016x}", hash(store::migration_checksums()));
    lock(admin).await?;
    if !exists(admin, &name).await? {
        create(admin, &name, "template1").await?;
        let pool = store::connect(&with_database(&server()?, &name), 2).await?;
        store::migrate(&pool).await?;
        queue::migrate(&pool).await?;
        pool.close().await;
        execute(admin, format!("ALTER DATABASE {name} IS_TEMPLATE true")).await?;
    }
    unlock(admin).await?;
    Ok(name)
}

/// Returns the template of databases that know the prepared market, one per version of the migrations, the contracts and how
/// they are deployed.
async fn deployed(admin: &mut PgConnection) -> Result<Prepared> {
    let migrated = migrated(admin).await?;
    let plan = plan();
    // The whole source of the deployment is part of the name, because a market that another version deployed must not be
    // used.
    let made_of = (&migrated, bytecodes(), format!("{plan:?}"), include_str!("../../sender/src/deploy.rs"));
    let name = format!("market_{:016x}", hash(made_of));
    lock(admin).await?;
    if !exists(admin, &name).await? {
        create(admin, &name, &migrated).await?;
        let pool = store::connect(&with_database(&server()?, &name), 8).await?;
        let chain = tokio::time::timeout(PATIENCE, deploy_on(&pool, &plan)).await.context("the deployment hangs")??;
        pool.close().await;
        execute(admin, format!("COMMENT ON DATABASE {name} IS '{chain}'")).await?;
        execute(admin, format!("ALTER DATABASE {name} IS_TEMPLATE true")).await?;
    }
    unlock(admin).await?;
    let chain = sqlx::query_scalar("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_one(admin)
        .await?;
    Ok(Prepared { database: name, chain })
}

/// Returns what the deployment puts on the chain.
fn bytecodes() -> [&'static Bytes; 10] {
    [
        &AccessManager::BYTECODE,
        &Anchor::BYTECODE,
        &AssetRegistry::BYTECODE,
        &CouncilArbiter::BYTECODE,
        &Disputes::BYTECODE,
        &Licences::BYTECODE,
        &Market::BYTECODE,
        &Payouts::BYTECODE,
        &Staking::BYTECODE,
        &TestToken::BYTECODE,
    ]
}

/// Deploys a market on a new chain, waits until nothing of it is unsettled in the database, and dumps the chain.
async fn deploy_on(pool: &PgPool, plan: &Plan) -> Result<String> {
    let chain = Chain::start().await?;
    let shutdown = Shutdown::new();
    let sender = Sender::new(pool.clone(), chain.provider.clone(), chain.chain_id, signers());
    let sending = tokio::spawn(sender.clone().run(shutdown.clone()));
    deploy::deploy(pool, &chain.provider, &sender, plan, &shutdown).await?;
    shutdown.begin();
    sending.await?;
    chain.mine(2).await?;
    sender.step().await?;
    chain.dump().await
}

/// Returns a connection to the server. A connection costs as much as many queries, so each copy is made with only one.
async fn admin() -> Result<PgConnection> {
    Ok(PgConnection::connect(&server()?).await?)
}

/// Takes the lock under which templates are made. It is released when the connection ends.
async fn lock(admin: &mut PgConnection) -> Result<()> {
    execute(admin, "SELECT pg_advisory_lock(7302)".into()).await
}

async fn unlock(admin: &mut PgConnection) -> Result<()> {
    execute(admin, "SELECT pg_advisory_unlock(7302)".into()).await
}

/// Returns whether a finished template exists.
async fn exists(admin: &mut PgConnection, name: &str) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)")
        .bind(name)
        .fetch_one(admin)
        .await?)
}

/// Makes a database anew, in place of one that a killed test left unfinished.
async fn create(admin: &mut PgConnection, name: &str, template: &str) -> Result<()> {
    execute(admin, format!("DROP DATABASE IF EXISTS {name}")).await?;
    execute(admin, format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")).await
}

/// Returns the URL of a new database that is a copy of a template.
async fn copy(admin: &mut PgConnection, template: &str) -> Result<String> {
    let name = format!("t_{:032x}", random());
    execute(admin, format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")).await?;
    Ok(with_database(&server()?, &name))
}

async fn execute(admin: &mut PgConnection, statement: String) -> Result<()> {
    sqlx::query(AssertSqlSafe(statement)).execute(admin).await?;
    Ok(())
}

/// Returns the URL of the database server.
fn server() -> Result<String> {
    env::var("TEST_DATABASE_URL").context("TEST_DATABASE_URL is not set: run the tests by ./dev test")
}

fn with_database(url: &str, name: &str) -> String {
    match url.rfind('/') {
        Some(end) => format!("{}/{name}", &url[..end]),
        None => url.to_owned(),
    }
}

fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use alloy::providers::Provider;

    use super::*;
    use crate::Market;

    /// Returns what the sender did for a deployment, and how each of its transactions ended.
    async fn sent(market: &Market) -> Result<Vec<(String, i64, i64)>> {
        let query =
            "SELECT key, nonce, block_number FROM sender_transactions WHERE state IN ('mined', 'final') ORDER BY id";
        Ok(sqlx::query_as(query).fetch_all(&market.pool).await?)
    }

    #[tokio::test]
    async fn a_prepared_market_is_what_a_deployment_makes() -> Result<()> {
        let prepared = Market::start().await?;
        let deployed = Market::on(Chain::start().await?, crate::database().await?).await?;
        assert_eq!(prepared.deployment, deployed.deployment);
        assert_eq!(sent(&prepared).await?, sent(&deployed).await?);
        for (name, address) in deployed.deployment.contracts() {
            let codes = [&prepared, &deployed].map(|market| market.chain.provider.get_code_at(address).into_future());
            let [prepared, deployed] = codes;
            assert_eq!(prepared.await?, deployed.await?, "{name}");
        }
        // Both can be used: the registry is open, and the sender knows its next nonce.
        for market in [&prepared, &deployed] {
            market.register(0, 1, &[]).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_prepared_chain_is_of_now_however_old_the_preparation() -> Result<()> {
        let chain = Chain::with_market(1).await?;
        let newest = chain.provider.get_block_by_number(Default::default()).await?.context("a chain has a block")?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        assert!(newest.header.timestamp.abs_diff(now) < 60, "{} at {now}", newest.header.timestamp);
        Ok(())
    }
}
