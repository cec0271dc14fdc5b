//! From the pot to payouts: which income is ready, the graph it flows through, and the record of its division.

use std::collections::{BTreeMap, BTreeSet};

use ::facts::{Account, ChainId, DistributionClosed, Fact, Hash, NewFact, ReserveReleased, Stream, Subject, Units};
use alloy_primitives::{Address, B256, U256};
use domain::{
    coherence::Weight,
    distribution::{
        Beneficiary, Contribution, Contributor, Distribution, Flow, Graph, Input, NodeIndex, RULES_VERSION, Recipient,
        SharedEdges, Target, Work, WorkKey, digest,
    },
    money::{Amount, AssetId, BasisPoints},
};
use serde_json::{Value, json};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{StoreError, facts, lineage::upstream, values::hex_bytes};

/// Finalized income of one asset in one currency that no distribution covers yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pot {
    pub asset_id: u64,
    pub token: Address,
    pub amount: U256,
    pub through_block: u64,
}

/// Makes sure that only one transaction at a time divides the pots of a chain. The lock is held until the transaction ends.
/// On a connection without a transaction it would be given back at once, so that does not compile:
///
/// ```compile_fail,E0308
/// async fn divide(pool: &sqlx::PgPool) -> Result<(), store::StoreError> {
///     let mut connection = pool.acquire().await?;
///     store::payouts::pots::lock(&mut connection, facts::ChainId(1)).await
/// }
/// ```
///
/// ```
/// async fn divide(pool: &sqlx::PgPool) -> Result<(), store::StoreError> {
///     let mut tx = pool.begin().await?;
///     store::payouts::pots::lock(&mut tx, facts::ChainId(1)).await
/// }
/// ```
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &mut Transaction<'_, Postgres>, chain_id: ChainId) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('distribution', $1))", chain_id.get())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Returns the pots that are ready, in the order of their assets.
///
/// # Errors
/// When the database fails.
pub async fn pots(tx: &mut PgConnection, chain_id: ChainId) -> Result<Vec<Pot>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT i.asset_id, i.token AS "token: Account", sum(i.amount) AS "amount!: Units", c.finalized_number
           FROM chain.incomes i
           JOIN chain.cursors c ON c.chain_id = i.chain_id AND i.block_number <= c.finalized_number
           -- Money given to an asset that does not exist waits until it does, for good: a registration that may still
           -- leave the chain could come back as another's.
           JOIN chain.registrations r ON r.chain_id = i.chain_id AND r.asset_id = i.asset_id
                                     AND r.block_number <= c.finalized_number
           WHERE i.chain_id = $1 AND NOT EXISTS (
               SELECT FROM distributed_incomes d
               WHERE d.chain_id = i.chain_id AND d.block_number = i.block_number AND d.log_index = i.log_index)
           GROUP BY i.asset_id, i.token, c.finalized_number ORDER BY i.asset_id, i.token"#,
        chain_id.get()
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Pot {
                asset_id: row.asset_id as u64,
                token: row.token.0,
                amount: row.amount.0.0,
                through_block: row.finalized_number as u64,
            })
        })
        .collect()
}

/// The part of the lineage that income of one asset can reach.
pub struct Lineage {
    pub graph: Graph,
    pub start: NodeIndex,
}

struct Builder {
    works: Vec<Work>,
    assets: BTreeMap<i64, NodeIndex>,
    externals: BTreeMap<(i64, i64), NodeIndex>,
}

/// Loads the ancestors of an asset with their owners and contributions, and the external works they use.
///
/// # Errors
/// When there is no such asset, when its lineage is not valid, or when the database fails.
pub async fn lineage(tx: &mut PgConnection, chain_id: ChainId, asset_id: u64) -> Result<Lineage, StoreError> {
    let mut builder = Builder { works: Vec::new(), assets: BTreeMap::new(), externals: BTreeMap::new() };
    let parents = builder.load_assets(tx, chain_id, asset_id).await?;
    let works = works_of(tx, chain_id, &builder.assets).await?;
    builder.load_contributions(tx, &works).await?;
    let ids: Vec<i64> = builder.assets.keys().copied().collect();
    let licensed = upstream::licensed(tx, chain_id, Some(&ids)).await?;
    for (asset, mut parents) in parents {
        parents.retain(|parent| builder.assets.contains_key(parent));
        for (share, parents) in upstream::shares(asset, &parents, &licensed) {
            let to = parents.iter().map(|parent| (builder.assets[parent], U256::from(1))).collect();
            builder.share_upstream(builder.assets[&asset], share, to)?;
        }
    }
    builder.load_externals(tx, &works).await?;
    let start = *builder
        .assets
        .get(&(asset_id as i64))
        .ok_or_else(|| StoreError::Refused(format!("there is no asset {asset_id}")))?;
    let graph = Graph::new(builder.works)
        .map_err(|error| StoreError::Refused(format!("the lineage of asset {asset_id} is not valid: {error}")))?;
    Ok(Lineage { graph, start })
}

impl Builder {
    fn add(&mut self, key: WorkKey, owners: Vec<(Address, BasisPoints)>) -> NodeIndex {
        let node = NodeIndex(self.works.len() as u32);
        self.works.push(Work { key, owners, contributions: Vec::new(), shared: Vec::new(), cost_edges: Vec::new() });
        node
    }

    /// Passes a share of a work's income on, as far as earlier shares left enough.
    fn share_upstream(&mut self, node: NodeIndex, share: u16, to: Vec<(NodeIndex, U256)>) -> Result<(), StoreError> {
        let shared = &mut self.works[node.0 as usize].shared;
        let left = upstream::WHOLE - shared.iter().map(|edges| edges.share.get()).sum::<u16>();
        let share = share.min(left);
        if !to.is_empty() && share > 0 {
            shared.push(SharedEdges { share: bps(share)?, to });
        }
        Ok(())
    }

    async fn load_assets(
        &mut self,
        tx: &mut PgConnection,
        chain_id: ChainId,
        asset_id: u64,
    ) -> Result<Vec<(i64, Vec<i64>)>, StoreError> {
        let rows = sqlx::query!(
            r#"WITH RECURSIVE up (id) AS (
                   SELECT $2::bigint
                   UNION SELECT p.parent_id FROM up JOIN chain.asset_parents p ON p.chain_id = $1 AND p.asset_id = up.id)
               SELECT a.asset_id, a.shares, a.parents FROM up JOIN chain.assets a ON a.chain_id = $1 AND a.asset_id = up.id
               ORDER BY a.asset_id"#,
            chain_id.get(),
            asset_id as i64
        )
        .fetch_all(tx)
        .await?;
        let mut parents = Vec::with_capacity(rows.len());
        for row in rows {
            let node = self.add(WorkKey::Asset(AssetId(row.asset_id as u64)), owners(&row.shares)?);
            self.assets.insert(row.asset_id, node);
            parents.push((row.asset_id, row.parents));
        }
        Ok(parents)
    }

    /// Returns the assets that each work speaks for: one for each of its versions that was registered.
    fn nodes(&self, works: &[(i64, i64)]) -> BTreeMap<i64, Vec<NodeIndex>> {
        let mut nodes: BTreeMap<i64, Vec<NodeIndex>> = BTreeMap::new();
        for (asset, work) in works {
            nodes.entry(*work).or_default().push(self.assets[asset]);
        }
        nodes
    }

    async fn load_contributions(&mut self, tx: &mut PgConnection, works: &[(i64, i64)]) -> Result<(), StoreError> {
        let ids: Vec<i64> = works.iter().map(|(_, work)| *work).collect();
        let nodes = self.nodes(works);
        let rows = sqlx::query!(
            r#"SELECT id, work_id, contributor_id, triggered_by, weight AS "weight!: Units" FROM contributions
               WHERE work_id = ANY ($1) AND state = 'accepted' AND weight > 0 ORDER BY id"#,
            &ids
        )
        .fetch_all(&mut *tx)
        .await?;
        // After the contributions: nobody whom they name can be missing.
        let parties = parties(tx, &ids).await?;
        for row in rows {
            let contributor = contributor(&parties, row.work_id, row.contributor_id, &row.triggered_by)?;
            let weight = Weight(row.weight.0.0);
            for node in &nodes[&row.work_id] {
                let contribution = Contribution { id: row.id as u64, contributor: contributor.clone(), weight };
                self.works[node.0 as usize].contributions.push(contribution);
            }
        }
        Ok(())
    }

    async fn load_externals(&mut self, tx: &mut PgConnection, works: &[(i64, i64)]) -> Result<(), StoreError> {
        let ids: Vec<i64> = works.iter().map(|(_, work)| *work).collect();
        let rows = sqlx::query!(
            r#"SELECT u.work_id, u.user_id, u.dependency_id, u.uses, e.purl
               FROM work_uses u JOIN external_works e ON e.id = u.dependency_id
               WHERE u.work_id = ANY ($1) ORDER BY u.work_id, e.purl, u.user_id"#,
            &ids
        )
        .fetch_all(tx)
        .await?;
        for row in &rows {
            if !self.externals.contains_key(&(row.work_id, row.dependency_id)) {
                let node = self.add(WorkKey::External(scoped(row.work_id, &row.purl)), Vec::new());
                self.externals.insert((row.work_id, row.dependency_id), node);
            }
        }
        let nodes = self.nodes(works);
        let mut uses: BTreeMap<NodeIndex, Vec<(NodeIndex, U256)>> = BTreeMap::new();
        for row in &rows {
            let users = match row.user_id {
                Some(user) => self.externals.get(&(row.work_id, user)).copied().into_iter().collect(),
                None => nodes[&row.work_id].clone(),
            };
            let dependency = self.externals[&(row.work_id, row.dependency_id)];
            for user in users {
                uses.entry(user).or_default().push((dependency, U256::from(row.uses)));
            }
        }
        for (user, to) in uses {
            self.share_upstream(user, upstream::SHARE, to)?;
        }
        Ok(())
    }
}

async fn works_of(
    tx: &mut PgConnection,
    chain_id: ChainId,
    assets: &BTreeMap<i64, NodeIndex>,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let ids: Vec<i64> = assets.keys().copied().collect();
    let rows = sqlx::query!(
        r#"SELECT asset_id AS "asset_id!", work_id AS "work_id!" FROM asset_works
           WHERE chain_id = $1 AND asset_id = ANY ($2) ORDER BY asset_id"#,
        chain_id.get(),
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.asset_id, row.work_id)).collect())
}

/// Somebody whom a work's records name.
enum Party {
    Human(Recipient),
    /// A SYSTEM, by its key.
    System(String),
}

/// Returns everyone who takes part in the works, with the address at which each work's records say they are paid.
async fn parties(tx: &mut PgConnection, works: &[i64]) -> Result<BTreeMap<(i64, i64), Party>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH used AS (
               SELECT DISTINCT work_id, unnest(array_append(triggered_by, contributor_id)) AS id FROM contributions
               WHERE work_id = ANY ($1))
           SELECT u.work_id AS "work_id!", c.id, c.key, c.kind,
                  (SELECT a.address FROM payees a WHERE a.work_id = u.work_id AND a.contributor_id = c.id) AS "address?: Account"
           FROM used u JOIN contributors c ON c.id = u.id"#,
        works
    )
    .fetch_all(tx)
    .await?;
    let party = |work_id, key: String, kind: &str, address: Option<Account>| {
        if kind == "SYSTEM" {
            return Ok::<_, StoreError>(Party::System(key));
        }
        let own = key.strip_prefix("account:").and_then(|account| account.parse().ok());
        Ok(Party::Human(match (address, own) {
            (Some(address), _) => Recipient::Account(address.0),
            (None, Some(account)) => Recipient::Account(account),
            (None, None) => Recipient::Reserved(Beneficiary::Identity(scoped(work_id, &key))),
        }))
    };
    rows.into_iter()
        .map(|row| Ok(((row.work_id, row.id), party(row.work_id, row.key, &row.kind, row.address)?)))
        .collect()
}

/// Returns a contribution's contributor, with those who made it act if it is a SYSTEM.
fn contributor(
    parties: &BTreeMap<(i64, i64), Party>,
    work_id: i64,
    id: i64,
    triggered_by: &[i64],
) -> Result<Contributor, StoreError> {
    let mut contributor = None;
    for id in triggered_by.iter().rev().chain([&id]) {
        contributor = Some(match parties.get(&(work_id, *id)) {
            Some(Party::Human(recipient)) => Contributor::Human(recipient.clone()),
            Some(Party::System(key)) => {
                Contributor::System { id: key.clone(), triggered_by: contributor.map(Box::new) }
            }
            None => return Err(StoreError::Corrupt { what: "contributor", value: id.to_string() }),
        });
    }
    contributor.ok_or_else(|| StoreError::Corrupt { what: "contributor", value: id.to_string() })
}

/// Returns a name that holds within one work's records: `work/12/mailto:ada@example.org`.
pub fn scoped(work_id: i64, name: &str) -> String {
    format!("work/{work_id}/{name}")
}

/// Returns the work and the name of a scoped name.
///
/// # Errors
/// When the text is not a scoped name.
pub fn unscoped(text: &str) -> Result<(i64, &str), StoreError> {
    text.strip_prefix("work/")
        .and_then(|rest| rest.split_once('/'))
        .and_then(|(work, name)| Some((work.parse().ok()?, name)))
        .ok_or_else(|| StoreError::Corrupt { what: "beneficiary", value: text.to_owned() })
}

fn bps(value: u16) -> Result<BasisPoints, StoreError> {
    BasisPoints::try_from(value).map_err(|_| StoreError::Corrupt { what: "share", value: value.to_string() })
}

fn owners(shares: &Value) -> Result<Vec<(Address, BasisPoints)>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Share {
        account: Address,
        bps: u16,
    }
    let shares: Vec<Share> = serde_json::from_value(shares.clone()).map_err(|source| StoreError::Json {
        what: "shares",
        value: shares.to_string(),
        source,
    })?;
    shares.into_iter().map(|share| Ok((share.account, bps(share.bps)?))).collect()
}

/// Returns the amounts that earlier distributions in this currency carried forward for these accounts, in base units.
///
/// # Errors
/// When the database fails.
pub async fn waiting(
    tx: &mut PgConnection,
    chain_id: ChainId,
    token: Address,
    accounts: &BTreeSet<Address>,
) -> Result<BTreeMap<Address, Amount>, StoreError> {
    let accounts: Vec<Vec<u8>> = accounts.iter().map(|account| account.to_vec()).collect();
    let rows = sqlx::query!(
        r#"SELECT account AS "account: Account", (sum(carried) - sum(brought)) AS "amount!: Units" FROM distribution_carries
           WHERE chain_id = $1 AND token = $2 AND account = ANY ($3)
           GROUP BY account HAVING sum(carried) > sum(brought)"#,
        chain_id.get(),
        Account(token) as _,
        &accounts as _
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| Ok((row.account.0, Amount(row.amount.0.0)))).collect()
}

/// The canonical input of a recorded distribution, by which it can be made again, and the hashes of its input and result.
pub struct Recorded {
    pub input: Vec<u8>,
    pub input_hash: B256,
    pub result_hash: B256,
}

/// Returns what decided a distribution. Returns `None` when there is no such distribution, or when its input was not kept,
/// as was the case at first.
///
/// # Errors
/// When the database fails.
pub async fn recorded(tx: &mut PgConnection, id: i64) -> Result<Option<Recorded>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT input AS "input!", input_hash AS "input_hash!: Hash", result_hash AS "result_hash!: Hash"
           FROM distributions WHERE id = $1 AND input IS NOT NULL"#,
        id
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let (input_hash, result_hash) = (row.input_hash.0, row.result_hash.0);
        Ok(Recorded { input: row.input, input_hash, result_hash })
    })
    .transpose()
}

/// Records a division: the distribution, its flows, payouts, reserves and carries, and the incomes it covers, each once.
/// Returns the distribution's number.
///
/// # Errors
/// When a beneficiary's name is not valid, or the database fails.
pub async fn record(
    tx: &mut PgConnection,
    chain_id: ChainId,
    pot: &Pot,
    input: &Input,
    result: &Distribution,
) -> Result<i64, StoreError> {
    let sum = |amounts: &mut dyn Iterator<Item = &Amount>| amounts.fold(U256::ZERO, |sum, amount| sum + amount.0);
    let distributed = sum(&mut result.payouts.values());
    let reserved = sum(&mut result.reserved.values());
    let brought = sum(&mut result.brought.values());
    let carried = sum(&mut result.carried.values());
    let bytes = input.canonical();
    let (input_hash, result_hash) = (digest(&bytes), digest(&result.canonical(&input.graph)));
    let id = sqlx::query_scalar!(
        "INSERT INTO distributions (chain_id, asset_id, token, amount, distributed, reserved, brought, carried, policy,
                                    through_block, rules, input, input_hash, result_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
                 $10, $11, $12, $13, $14) RETURNING id",
        chain_id.get(),
        pot.asset_id as i64,
        Account(pot.token) as _,
        Units::from(pot.amount) as _,
        Units::from(distributed) as _,
        Units::from(reserved) as _,
        Units::from(brought) as _,
        Units::from(carried) as _,
        input.options.policy.as_str(),
        pot.through_block as i64,
        RULES_VERSION as i32,
        bytes,
        Hash(input_hash) as _,
        Hash(result_hash) as _
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO distributed_incomes (chain_id, block_number, log_index, distribution_id)
         SELECT i.chain_id, i.block_number, i.log_index, $1 FROM chain.incomes i
         WHERE i.chain_id = $2 AND i.asset_id = $3 AND i.token = $4 AND i.block_number <= $5 AND NOT EXISTS (
             SELECT FROM distributed_incomes d
             WHERE d.chain_id = i.chain_id AND d.block_number = i.block_number AND d.log_index = i.log_index)",
        id,
        chain_id.get(),
        pot.asset_id as i64,
        Account(pot.token) as _,
        pot.through_block as i64
    )
    .execute(&mut *tx)
    .await?;
    record_flows(tx, id, &input.graph, result).await?;
    record_payouts(tx, chain_id, id, pot, result).await?;
    record_reserves(tx, chain_id, id, pot, result).await?;
    record_carries(tx, chain_id, id, pot, result).await?;
    let closed = DistributionClosed {
        amount: pot.amount.into(),
        token: pot.token.into(),
        through_block: pot.through_block,
        distributed: distributed.into(),
        reserved: reserved.into(),
        brought: brought.into(),
        carried: carried.into(),
        policy: input.options.policy.as_str().to_owned(),
        rules: RULES_VERSION,
        payouts: result.payouts.len(),
        reserves: result.reserved.len(),
        input_hash: input_hash.into(),
        result_hash: result_hash.into(),
    };
    let distribution = id.into();
    let streams = [
        Stream::Distribution { distribution },
        Stream::asset(chain_id, pot.asset_id),
        Stream::Payouts { chain: chain_id },
    ];
    let fact = Fact::DistributionClosed(closed);
    facts::tell_one(tx, NewFact::of_chain(chain_id, Subject::Distribution { distribution }, streams, fact)).await?;
    Ok(id)
}

/// Returns a distribution's flows as rows of `distribution_flows`.
fn flow_rows(id: i64, graph: &Graph, result: &Distribution) -> Value {
    let name = |node: NodeIndex| graph.works()[node.0 as usize].key.to_string();
    let row = |(step, flow): (usize, &Flow)| {
        let target = match &flow.to {
            Target::Work(node) => name(*node),
            Target::Account(account) => format!("account:{}", account.to_checksum(None)),
            Target::Reserved(beneficiary) => format!("reserved:{beneficiary}"),
            Target::Fee => "fee".to_owned(),
        };
        json!({
            "distribution_id": id, "step": step, "source": name(flow.from), "target": target,
            "rule": flow.rule.as_str(), "contribution_id": flow.contribution, "weight": flow.weight.to_string(),
            "of_weight": flow.of.to_string(), "amount": flow.amount.to_string(),
        })
    };
    result.flows.iter().enumerate().map(row).collect()
}

async fn record_flows(tx: &mut PgConnection, id: i64, graph: &Graph, result: &Distribution) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO distribution_flows SELECT * FROM jsonb_populate_recordset(NULL::distribution_flows, $1)",
        flow_rows(id, graph, result)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the first step in which a recorded distribution differs from this result.
///
/// # Errors
/// When the database fails.
pub async fn differing_flow(
    tx: &mut PgConnection,
    id: i64,
    graph: &Graph,
    result: &Distribution,
) -> Result<Option<i32>, StoreError> {
    let step = sqlx::query_scalar!(
        r#"SELECT min(step) FROM (SELECT * FROM distribution_flows WHERE distribution_id = $1) stored
           FULL JOIN jsonb_populate_recordset(NULL::distribution_flows, $2) given USING (step)
           WHERE stored IS DISTINCT FROM given"#,
        id,
        flow_rows(id, graph, result)
    )
    .fetch_one(tx)
    .await?;
    Ok(step)
}

async fn record_payouts(
    tx: &mut PgConnection,
    chain_id: ChainId,
    id: i64,
    pot: &Pot,
    result: &Distribution,
) -> Result<(), StoreError> {
    let rows: Vec<Value> = result
        .payouts
        .iter()
        .map(|(account, amount)| json!({"account": hex_bytes(account.as_slice()), "amount": amount.to_string()}))
        .collect();
    sqlx::query!(
        "INSERT INTO payouts (chain_id, account, token, amount, distribution_id)
         SELECT $1, account, $2, amount, $3 FROM jsonb_to_recordset($4) AS p (account bytea, amount numeric)",
        chain_id.get(),
        Account(pot.token) as _,
        id,
        Value::Array(rows)
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn record_reserves(
    tx: &mut PgConnection,
    chain_id: ChainId,
    id: i64,
    pot: &Pot,
    result: &Distribution,
) -> Result<(), StoreError> {
    let rows = result
        .reserved
        .iter()
        .map(|(beneficiary, amount)| {
            let (Beneficiary::External(name) | Beneficiary::Identity(name)) = beneficiary;
            let (work, name) = unscoped(name)?;
            Ok(json!({"beneficiary": name, "work_id": work, "amount": amount.to_string()}))
        })
        .collect::<Result<Vec<Value>, StoreError>>()?;
    sqlx::query!(
        "INSERT INTO reserves (distribution_id, chain_id, token, beneficiary, work_id, amount)
         SELECT $1, $2, $3, beneficiary, work_id, amount
         FROM jsonb_to_recordset($4) AS r (beneficiary text, work_id bigint, amount numeric)",
        id,
        chain_id.get(),
        Account(pot.token) as _,
        Value::Array(rows)
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn record_carries(
    tx: &mut PgConnection,
    chain_id: ChainId,
    id: i64,
    pot: &Pot,
    result: &Distribution,
) -> Result<(), StoreError> {
    let accounts: BTreeSet<&Address> = result.brought.keys().chain(result.carried.keys()).collect();
    let of =
        |amounts: &BTreeMap<Address, Amount>, account| amounts.get(account).copied().unwrap_or_default().to_string();
    let rows: Vec<Value> = accounts
        .into_iter()
        .map(|account| {
            json!({
                "account": hex_bytes(account.as_slice()), "brought": of(&result.brought, account),
                "carried": of(&result.carried, account),
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO distribution_carries (distribution_id, chain_id, token, account, brought, carried)
         SELECT $1, $2, $3, account, brought, carried
         FROM jsonb_to_recordset($4) AS c (account bytea, brought numeric, carried numeric)",
        id,
        chain_id.get(),
        Account(pot.token) as _,
        Value::Array(rows)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Turns reserves into payouts where the contributor's address has become known, except in the currencies given. Returns
/// the number of released reserves.
///
/// # Errors
/// When the database fails.
pub async fn release_reserves(
    tx: &mut PgConnection,
    chain_id: ChainId,
    except: &BTreeSet<Address>,
) -> Result<u64, StoreError> {
    let except: Vec<Vec<u8>> = except.iter().map(|token| token.to_vec()).collect();
    let released = sqlx::query_scalar!(
        "INSERT INTO payouts (chain_id, account, token, amount, distribution_id, reserve_id)
         SELECT r.chain_id, a.address, r.token, r.amount, r.distribution_id, r.id
         FROM reserves r
         JOIN contributors c ON c.key = r.beneficiary
         JOIN LATERAL (SELECT address FROM payees a WHERE a.work_id = r.work_id AND a.contributor_id = c.id) a ON true
         WHERE r.chain_id = $1 AND r.token <> ALL ($2) AND NOT EXISTS (SELECT FROM payouts p WHERE p.reserve_id = r.id)
         ORDER BY r.id RETURNING id",
        chain_id.get(),
        &except as _
    )
    .fetch_all(&mut *tx)
    .await?;
    tell_released(tx, chain_id, &released).await?;
    Ok(released.len() as u64)
}

/// Tells the ledger of payouts that this transaction made of reserves.
async fn tell_released(tx: &mut PgConnection, chain_id: ChainId, payouts: &[i64]) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT p.id, p.account AS "account: Account", p.token AS "token: Account", p.amount AS "amount!: Units",
                  p.distribution_id, r.id AS reserve_id, d.asset_id, c.id AS contributor_id
           FROM payouts p JOIN reserves r ON r.id = p.reserve_id JOIN contributors c ON c.key = r.beneficiary
           JOIN distributions d ON d.id = p.distribution_id
           WHERE p.id = ANY ($1) ORDER BY p.id"#,
        payouts
    )
    .fetch_all(&mut *tx)
    .await?;
    let facts = rows
        .into_iter()
        .map(|row| {
            let account = row.account.0;
            let distribution = row.distribution_id.into();
            let body = ReserveReleased {
                payout: row.id.into(),
                distribution,
                contributor: row.contributor_id.into(),
                account: account.into(),
                token: row.token.0.into(),
                amount: row.amount.0.0.into(),
            };
            let streams = [
                Stream::Distribution { distribution },
                Stream::asset(chain_id, row.asset_id as u64),
                Stream::contributor(row.contributor_id),
                Stream::account(account),
                Stream::Payouts { chain: chain_id },
            ];
            let subject = Subject::Reserve { reserve: row.reserve_id.into() };
            Ok(NewFact::of_chain(chain_id, subject, streams, Fact::ReserveReleased(body)))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    facts::tell(tx, &facts).await
}
