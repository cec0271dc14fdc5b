//! A market with workers, and works with made-up histories.

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::SolCall,
};
use anyhow::{Context as _, Result};
use bindings::{AssetRegistry, Payouts, Registration, Share};
use commands::import_repository::{self, Imported};
use domain::merkle::{Entry, PayoutTree, leaf, verify};
use importer::{Commit, External, Person, Repository, Use, User};
use indexer::Indexer;
use rust_decimal::Decimal;
use service::{Finality, Shutdown};
use sqlx::PgPool;
use store::payouts::{
    books,
    roots::{self, Stored},
};
use tempfile::TempDir;
use testkit::{Chain, Market, account, signer};
use vault::{DiskStore, Vault};
use workers::Context;

/// The longest that any step of a test may take.
pub const PATIENCE: Duration = Duration::from_secs(45);

pub struct Stage {
    pub market: Market,
    pub context: Context,
    _content: TempDir,
}

impl Stage {
    pub async fn start() -> Result<Self> {
        let url = testkit::market_database_url().await?;
        Self::on(Chain::with_market(1).await?, store::connect(&url, 16).await?).await
    }

    pub async fn on(chain: Chain, pool: PgPool) -> Result<Self> {
        let market = Market::on(chain, pool.clone()).await?;
        let content = TempDir::new()?;
        let context = Context {
            pool,
            provider: market.chain.provider.clone(),
            vault: Arc::new(Vault::new(Arc::new(DiskStore::open(content.path())?), 1 << 30)),
            deployment: market.deployment,
            engine: signer(0).address(),
            distribution: workers::DistributionPolicy::default(),
            anchoring: workers::Anchoring { after: Duration::from_secs(3600), events: 1_000_000 },
            programs: commands::Programs::default(),
        };
        Ok(Self { market, context, _content: content })
    }

    pub fn pool(&self) -> &PgPool {
        &self.context.pool
    }

    pub async fn indexer(&self) -> Result<Indexer> {
        let market = &self.market;
        Ok(Indexer::new(market.pool.clone(), market.chain.pool().await?, market.deployment, Finality::Tags))
    }

    /// Mirrors the chain as it is.
    pub async fn mirror(&self) -> Result<()> {
        Ok(self.indexer().await?.level().await?)
    }

    /// Makes everything so far final, and mirrors it.
    pub async fn settle(&self) -> Result<()> {
        self.market.chain.mine(3).await?;
        self.mirror().await?;
        self.mirror().await
    }

    pub async fn call(&self, from: u32, to: Address, value: U256, call: impl SolCall) -> Result<()> {
        self.market.call(from, to, value, call.abi_encode()).await?;
        Ok(())
    }

    /// Registers content by the n-th account, with these shares.
    pub async fn register(&self, from: u32, content: B256, parents: &[u64], shares: &[(Address, u16)]) -> Result<u64> {
        self.register_as(from, registration(from, content, parents, shares)).await
    }

    pub async fn register_as(&self, from: u32, registration: Registration) -> Result<u64> {
        let content = registration.contentHash;
        let registry = self.market.deployment.asset_registry;
        self.call(from, registry, U256::ZERO, AssetRegistry::registerCall { registration }).await?;
        let id = AssetRegistry::new(registry, &self.market.chain.provider).assetOf(content).call().await?;
        Ok(id.to::<u64>())
    }

    pub async fn fund(&self, asset: u64, wei: u64) -> Result<()> {
        let amount = U256::from(wei);
        let call = Payouts::fundCall {
            assetId: U256::from(asset),
            token: Address::ZERO,
            amount,
            reason: B256::right_padding_from(b"gift"),
        };
        self.call(9, self.market.deployment.payouts, amount, call).await
    }

    /// Sets up a work with a contributor who is paid at `known` and one without an address, and a work made from it. They
    /// have income of 1 000 003 and 999 999 wei, all of it final. Returns the second work.
    pub async fn two_works_with_income(&self, known: Address) -> Result<u64> {
        let people = vec![person("mailto:ada", Some(known)), person("mailto:eve", None)];
        self.import(1, &repository("library", people, &[(0, 100), (1, 50)])).await?;
        let library = self.register(1, content("library"), &[], &whole(1)).await?;
        let owner = Address::repeat_byte(0x0e);
        let song = self.register(2, content("song"), &[library], &[(owner, 10_000)]).await?;
        for (asset, amount) in [(library, 1_000_003), (song, 999_999)] {
            self.fund(asset, amount).await?;
        }
        self.settle().await?;
        Ok(song)
    }

    pub async fn import(&self, owner: u32, repository: &Repository) -> Result<Imported> {
        let mut tx = self.pool().begin().await?;
        let imported = import_repository::import(&mut tx, account(owner), repository, "bafymanifest").await?;
        tx.commit().await?;
        Ok(imported)
    }

    /// Publishes a root over everything, waits for the proposal, and activates it as the workers would.
    pub async fn publish_and_activate(&self) -> Result<()> {
        self.propose().await?;
        self.activate().await
    }

    /// Publishes a root over everything, and mirrors the proposal.
    pub async fn propose(&self) -> Result<()> {
        workers::publish(&self.context).await?;
        self.until("the proposal", async || Ok(self.pending().await?.is_some())).await
    }

    /// Waits until the delay is over, and activates the pending root.
    pub async fn activate(&self) -> Result<()> {
        let number = self.pending().await?.context("no root is pending")?;
        self.until("the activation", async || {
            // Activating too early is an error, after which the workers try again.
            let _ = workers::activate(&self.context, number).await;
            Ok(self.pending().await? != Some(number))
        })
        .await
    }

    async fn pending(&self) -> Result<Option<u64>> {
        self.market.chain.mine(1).await?;
        self.mirror().await?;
        let mut conn = self.pool().acquire().await?;
        Ok(roots::pending(&mut conn, self.context.deployment.chain_id).await?.map(|pending| pending.number))
    }

    pub async fn until(&self, what: &str, reached: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let wait = async {
            while !reached().await? {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("{what} did not come in time"))?
    }

    /// Returns the stored proof of an account against a root.
    pub async fn proof(&self, root: Stored, who: Address, token: Address) -> Result<Vec<B256>> {
        let Context { deployment, .. } = &self.context;
        let mut conn = self.pool().acquire().await?;
        let proofs = roots::proofs(&mut conn, deployment.chain_id, deployment.payouts, root, who, &[token]).await?;
        proofs.into_values().next().context("no proof")
    }

    /// Returns the newest root and its entries.
    pub async fn entries(&self) -> Result<(Stored, Vec<Entry>)> {
        let (id, root): (i64, Vec<u8>) =
            sqlx::query_as("SELECT id, root::bytea FROM payout_roots ORDER BY id DESC LIMIT 1")
                .fetch_one(self.pool())
                .await?;
        let mut conn = self.pool().acquire().await?;
        Ok((Stored { id, root: B256::from_slice(&root) }, roots::entries(&mut conn, id).await?))
    }

    /// Claims an account's part of the newest root in a transaction of the 8th account. The stored proof must be the one that
    /// follows from all entries.
    pub async fn claim(&self, who: Address, token: Address) -> Result<U256> {
        let (root, entries) = self.entries().await?;
        let Context { deployment, .. } = &self.context;
        let tree = PayoutTree::new(deployment.chain_id.0, deployment.payouts, entries)?;
        anyhow::ensure!(tree.root() == root.root, "the entries do not make the root");
        let entry = tree
            .entries()
            .iter()
            .find(|entry| (entry.account, entry.token) == (who, token))
            .context("no such entry")?;
        let proof = self.proof(root, who, token).await?;
        anyhow::ensure!(Some(&proof) == tree.proof(who, token).as_ref(), "the stored proof of {who} is another");
        anyhow::ensure!(
            verify(root.root, leaf(deployment.chain_id.0, deployment.payouts, entry), &proof),
            "the proof of {who} does not lead to the root"
        );
        let call = Payouts::claimCall { account: who, token, cumulative: entry.cumulative.0, proof };
        self.call(8, deployment.payouts, U256::ZERO, call).await?;
        Ok(entry.cumulative.0)
    }

    pub async fn number(&self, query: &'static str) -> Result<i64> {
        Ok(sqlx::query_scalar(query).fetch_one(self.pool()).await?)
    }

    /// Returns every account's payouts so far, of all currencies.
    pub async fn paid(&self) -> Result<Vec<(Address, U256)>> {
        let rows: Vec<(Vec<u8>, String)> =
            sqlx::query_as("SELECT account::bytea, sum(amount)::text FROM payouts GROUP BY account ORDER BY account")
                .fetch_all(self.pool())
                .await?;
        rows.iter().map(|(account, amount)| Ok((Address::from_slice(account), amount.parse()?))).collect()
    }

    /// Checks what must be true in the database at any moment.
    pub async fn check_books(&self) -> Result<()> {
        // The books by running totals are those that are counted from the beginning.
        if let Some(recount) = books::recount(self.pool(), self.context.deployment.chain_id).await? {
            let faults = recount.reading.books.faults;
            anyhow::ensure!(faults.is_empty(), "the books do not hold: {faults:?}");
        }
        for (what, query) in FLOWS {
            let wrong: Vec<String> = sqlx::query_scalar(query).fetch_all(self.pool()).await?;
            anyhow::ensure!(wrong.is_empty(), "{what}: {wrong:?}");
        }
        Ok(())
    }
}

/// What must be true besides the books, each with a query for the exceptions.
const FLOWS: [(&str, &str); 5] = [
    (
        "what flows into a work flows out of it",
        "WITH into_work AS (
             SELECT d.id, f.target AS node, f.amount FROM distributions d JOIN distribution_flows f ON f.distribution_id = d.id
             WHERE f.target NOT LIKE 'account:%' AND f.target NOT LIKE 'reserved:%'
             UNION ALL
             SELECT d.id, (SELECT f.source FROM distribution_flows f WHERE f.distribution_id = d.id ORDER BY step LIMIT 1),
                    d.amount FROM distributions d),
         sums AS (SELECT id, node, sum(amount) AS amount FROM into_work GROUP BY id, node)
         SELECT s::text FROM sums s LEFT JOIN (
             SELECT distribution_id, source, sum(amount) AS amount FROM distribution_flows GROUP BY 1, 2) f
             ON f.distribution_id = s.id AND f.source = s.node
         WHERE s.amount IS DISTINCT FROM f.amount",
    ),
    (
        "what flows to an account, and what was brought for it, is its payout",
        "SELECT p::text FROM payouts p
         LEFT JOIN (SELECT distribution_id, lower(target) AS target, sum(amount) AS amount FROM distribution_flows GROUP BY 1, 2) f
             ON f.distribution_id = p.distribution_id AND f.target = 'account:0x' || encode(p.account, 'hex')
         LEFT JOIN distribution_carries c ON c.distribution_id = p.distribution_id AND c.account = p.account
         WHERE p.reserve_id IS NULL AND p.amount <> coalesce(f.amount, 0) + coalesce(c.brought, 0)",
    ),
    (
        "an account's total is the sum of its payouts",
        "SELECT format('%s %s', encode(account, 'hex'), encode(token, 'hex')) FROM payout_totals t
         FULL JOIN (SELECT chain_id, account, token, sum(amount) AS amount FROM payouts GROUP BY 1, 2, 3) p
             USING (chain_id, account, token)
         WHERE t.amount IS DISTINCT FROM p.amount",
    ),
    (
        "a root has all of its tree",
        "SELECT r.id::text FROM payout_roots r
         WHERE (SELECT count(*) FROM payout_root_entries e WHERE e.root_id = r.id AND e.place IS NOT NULL)
               IS DISTINCT FROM (SELECT length(l.hashes) / 32 FROM payout_root_levels l WHERE l.root_id = r.id AND l.level = 0)
            OR r.root IS DISTINCT FROM (SELECT l.hashes FROM payout_root_levels l WHERE l.root_id = r.id ORDER BY l.level DESC LIMIT 1)",
    ),
    (
        "a root's totals are the sums of its entries",
        "SELECT r.id::text || t::text FROM payout_roots r, jsonb_to_recordset(r.totals) AS t (token text, amount numeric)
         WHERE t.amount <> (SELECT sum(cumulative) FROM payout_root_entries e
                            WHERE e.root_id = r.id AND lower(t.token) = '0x' || encode(e.token, 'hex'))",
    ),
];

/// Returns a registration by the n-th account of a work that anyone may build on.
pub fn registration(from: u32, content: B256, parents: &[u64], shares: &[(Address, u16)]) -> Registration {
    Registration {
        to: account(from),
        kind: 0,
        open: true,
        contentHash: content,
        cid: format!("bafy{content:x}"),
        royaltyBps: 500,
        shares: shares.iter().map(|(account, bps)| Share { account: *account, bps: *bps }).collect(),
        parents: parents.iter().map(|parent| U256::from(*parent)).collect(),
        consents: vec![],
    }
}

pub struct Running {
    shutdown: Shutdown,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Starts the indexer and the workers of a process, and makes blocks come by themselves.
    pub async fn start(stage: &Stage) -> Result<Self> {
        let shutdown = Shutdown::new();
        let chain = stage.market.chain.provider.clone();
        let clock = shutdown.clone();
        let mine = async move {
            use alloy::providers::ext::AnvilApi;
            while clock.sleep(Duration::from_millis(300)).await {
                let _ = tokio::time::timeout(Duration::from_secs(2), chain.anvil_mine(Some(1), None)).await;
            }
        };
        let tasks = vec![
            tokio::spawn(workers::run(stage.context.clone(), shutdown.clone())),
            tokio::spawn(stage.indexer().await?.run(shutdown.clone())),
            tokio::spawn(mine),
        ];
        Ok(Self { shutdown, tasks })
    }

    /// Ends everything immediately, as a crash would.
    pub fn abort(self) {
        for task in &self.tasks {
            task.abort();
        }
    }

    pub async fn stop(mut self) -> Result<()> {
        self.shutdown.begin();
        for task in std::mem::take(&mut self.tasks) {
            tokio::time::timeout(PATIENCE, task).await.context("a part does not stop")??;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Returns a person of a made-up history.
pub fn person(identity: &str, address: Option<Address>) -> Person {
    let system = identity.contains("[bot]");
    Person { identity: identity.into(), name: identity.into(), system, address, address_source: None, also: Vec::new() }
}

/// Returns a repository of commits: who wrote it, and its cost in hundredths. Each weighs as much as it cost.
pub fn repository(name: &str, people: Vec<Person>, commits: &[(usize, i64)]) -> Repository {
    let commits = commits
        .iter()
        .enumerate()
        .map(|(n, (author, cost))| Commit {
            id: format!("{name}{n}"),
            time: 1_700_000_000 + n as i64,
            authors: vec![*author],
            cost: Decimal::new(*cost, 2),
            subject: format!("commit {n}"),
            ..Commit::default()
        })
        .collect();
    Repository {
        name: name.into(),
        key: format!("git:{name}"),
        head: format!("{name}head"),
        content_hash: content(name),
        commits,
        people,
        ..Repository::default()
    }
}

/// Returns the hash of a made-up content.
pub fn content(name: &str) -> B256 {
    alloy::primitives::keccak256(name)
}

/// Adds packages that the work uses, the first directly and each of the others by the one before it.
pub fn depends_on(repository: &mut Repository, packages: &[&str]) {
    let purl = |name: &str| format!("pkg:cargo/{name}@1.0.0");
    repository.externals = packages
        .iter()
        .map(|name| External {
            purl: purl(name),
            name: (*name).into(),
            version: "1.0.0".into(),
            ecosystem: importer::Ecosystem::Cargo,
            content_hash: None,
            integrity: None,
        })
        .collect();
    let users = std::iter::once(User::Root).chain(packages.iter().map(|name| User::External(purl(name))));
    repository.uses = users.zip(packages).map(|(from, to)| Use { from, to: purl(to), weight: 1 }).collect();
}

/// Returns one share that is the whole.
pub fn whole(owner: u32) -> Vec<(Address, u16)> {
    vec![(account(owner), 10_000)]
}
