//! Payout roots: the cumulative totals of every account, as they are committed to on chain.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ::facts::{Account, ChainId, Fact, Hash, NewFact, RootBuilt, Stream, Subject, Total, Units};
use alloy_primitives::{Address, B256, U256};
use domain::merkle::Entry;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{StoreError, facts, values::hex_bytes};

/// The largest number of currencies whose totals the contract accepts with one root.
const MAX_TOTALS: usize = 32;

/// What a root commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cumulative {
    pub entries: Vec<Entry>,
    /// The sums of the entries by currency, ascending, of the currencies that changed since the active root.
    pub totals: Vec<(Address, U256)>,
    pub through_payout: i64,
}

/// The newest root and its state.
#[derive(Clone, Debug)]
pub struct NewestRoot {
    pub root: B256,
    /// `built`, `proposed`, `activated` or `vetoed`.
    pub state: String,
}

/// A root that is neither activated nor vetoed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    pub number: u64,
    /// The time until it may be activated, by the database's clock.
    pub wait: Duration,
}

/// Returns the newest root of a chain, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn newest(tx: &mut PgConnection, chain_id: ChainId) -> Result<Option<NewestRoot>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT root AS "root!: Hash", state AS "state!"
           FROM payout_root_states WHERE chain_id = $1 ORDER BY id DESC LIMIT 1"#,
        chain_id.get()
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| Ok(NewestRoot { root: row.root.0, state: row.state })).transpose()
}

/// Returns the root that waits on chain. The contract allows one at a time.
///
/// # Errors
/// When the database fails.
pub async fn pending(tx: &mut PgConnection, chain_id: ChainId) -> Result<Option<Pending>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT p.number, extract(epoch FROM least(p.activatable_at, now() + interval '1 year') - now())::float8 AS "wait!"
           FROM chain.root_proposals p
           WHERE p.chain_id = $1 AND NOT EXISTS (
               SELECT FROM chain.root_decisions d WHERE d.chain_id = p.chain_id AND d.number = p.number)
           ORDER BY p.number DESC LIMIT 1"#,
        chain_id.get()
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| Pending { number: row.number as u64, wait: Duration::from_secs_f64(row.wait.max(0.0)) }))
}

/// Returns the root that was proposed under a number, as the mirror has it.
///
/// # Errors
/// When the database fails.
pub async fn proposed(tx: &mut PgConnection, chain_id: ChainId, number: u64) -> Result<Option<B256>, StoreError> {
    let root = sqlx::query_scalar!(
        r#"SELECT root AS "root: Hash" FROM chain.root_proposals WHERE chain_id = $1 AND number = $2"#,
        chain_id.get(),
        number as i64
    );
    Ok(root.fetch_optional(tx).await?.map(|root| root.0))
}

/// Tells whether the newest root is active and says all that was paid, so that there is nothing to publish. A root with as many
/// currencies as it may have can have left others for later.
///
/// # Errors
/// When the database fails.
pub async fn is_current(tx: &mut PgConnection, chain_id: ChainId) -> Result<bool, StoreError> {
    let current = sqlx::query_scalar!(
        r#"SELECT s.state = 'activated' AND jsonb_array_length(s.totals) < $2
                  AND NOT EXISTS (SELECT FROM payouts p WHERE p.chain_id = $1 AND p.id > s.through_payout) AS "current!"
           FROM payout_root_states s WHERE s.chain_id = $1 ORDER BY s.id DESC LIMIT 1"#,
        chain_id.get(),
        MAX_TOTALS as i32
    )
    .fetch_optional(tx)
    .await?;
    Ok(current.unwrap_or_default())
}

/// Returns what the next root has to commit to: the totals that everybody was paid, through the newest payout.
///
/// Anyone may give an asset income in any token, so more currencies can have changed than one root accepts. The currencies
/// that were paid first are taken first. The others stay as the active root has them until the root after that.
///
/// # Errors
/// When the database fails.
pub async fn cumulative(tx: &mut PgConnection, chain_id: ChainId) -> Result<Cumulative, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT account AS "account!: Account", token AS "token!: Account", sum(amount) AS "amount!: Units",
                  max(max(id)) OVER () AS "newest!", min(min(id)) OVER (PARTITION BY token) AS "first!"
           FROM payouts WHERE chain_id = $1 GROUP BY account, token ORDER BY account, token"#,
        chain_id.get()
    )
    .fetch_all(&mut *tx)
    .await?;
    let through_payout = rows.first().map_or(0, |row| row.newest);
    let mut paid = Vec::with_capacity(rows.len());
    let mut first_paid = BTreeMap::new();
    for row in rows {
        let entry = entry(row.account, row.token, row.amount);
        first_paid.insert(entry.token, row.first);
        paid.push(entry);
    }
    let active = active_entries(tx, chain_id).await?;
    let (sums, before) = (sums(&paid), sums(&active));
    let mut changed: Vec<Address> =
        sums.iter().filter(|(token, sum)| before.get(*token) != Some(*sum)).map(|(token, _)| *token).collect();
    changed.sort_by_key(|token| first_paid[token]);
    let later: BTreeSet<Address> = changed.split_off(changed.len().min(MAX_TOTALS)).into_iter().collect();
    changed.sort_unstable();
    let totals = changed.into_iter().map(|token| (token, sums[&token])).collect();
    let mut entries: Vec<Entry> = paid.into_iter().filter(|entry| !later.contains(&entry.token)).collect();
    entries.extend(active.into_iter().filter(|entry| later.contains(&entry.token)));
    entries.sort_unstable_by_key(|entry| (entry.account, entry.token));
    Ok(Cumulative { entries, totals, through_payout })
}

fn sums(entries: &[Entry]) -> BTreeMap<Address, U256> {
    let mut sums: BTreeMap<Address, U256> = BTreeMap::new();
    for entry in entries {
        *sums.entry(entry.token).or_default() += entry.cumulative.0;
    }
    sums
}

async fn active_entries(tx: &mut PgConnection, chain_id: ChainId) -> Result<Vec<Entry>, StoreError> {
    let active = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM payout_root_states
           WHERE chain_id = $1 AND state = 'activated' ORDER BY number DESC LIMIT 1"#,
        chain_id.get()
    )
    .fetch_optional(&mut *tx)
    .await?;
    match active {
        Some(id) => entries(tx, id).await,
        None => Ok(Vec::new()),
    }
}

fn entry(account: Account, token: Account, cumulative: Units) -> Entry {
    Entry { account: account.0, token: token.0, cumulative: cumulative.0 }
}

/// Records a root with all its entries, and tells the ledger. Returns its number in the database.
///
/// # Errors
/// When the database fails.
pub async fn record(
    tx: &mut PgConnection,
    chain_id: ChainId,
    root: B256,
    data_cid: &str,
    cumulative: &Cumulative,
) -> Result<i64, StoreError> {
    let total = |(token, amount): &(Address, U256)| Total { token: (*token).into(), amount: (*amount).into() };
    let totals: Vec<Total> = cumulative.totals.iter().map(total).collect();
    let id = sqlx::query_scalar!(
        "INSERT INTO payout_roots (chain_id, root, data_cid, totals, through_payout) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        chain_id.get(),
        Hash(root) as _,
        data_cid,
        sqlx::types::Json(&totals) as _,
        cumulative.through_payout
    )
    .fetch_one(&mut *tx)
    .await?;
    let rows: Vec<Value> = cumulative
        .entries
        .iter()
        .map(|entry| {
            json!({
                "root_id": id, "account": hex_bytes(entry.account.as_slice()), "token": hex_bytes(entry.token.as_slice()),
                "cumulative": entry.cumulative.to_string(),
            })
        })
        .collect();
    sqlx::query!(
        "INSERT INTO payout_root_entries SELECT * FROM jsonb_populate_recordset(NULL::payout_root_entries, $1)",
        Value::Array(rows)
    )
    .execute(&mut *tx)
    .await?;
    let built = RootBuilt {
        root: root.into(),
        data_cid: data_cid.to_owned(),
        totals,
        entries: cumulative.entries.len(),
        through_payout: cumulative.through_payout,
    };
    tell(tx, chain_id, root, Fact::RootBuilt(built)).await?;
    Ok(id)
}

/// Tells what became of a root here: that it was built, or that a transaction about it is to be sent.
///
/// # Errors
/// When the database fails.
pub async fn tell(tx: &mut PgConnection, chain_id: ChainId, root: B256, fact: Fact) -> Result<(), StoreError> {
    let root = root.into();
    let streams = [Stream::Root { root }, Stream::Roots { chain: chain_id }];
    facts::tell_one(tx, NewFact::of_chain(chain_id, Subject::Root { root }, streams, fact)).await
}

/// Returns the entries of a root, in the order of its leaves.
///
/// # Errors
/// When the database fails.
pub async fn entries(tx: &mut PgConnection, root_id: i64) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT account AS "account: Account", token AS "token: Account", cumulative AS "cumulative!: Units"
           FROM payout_root_entries WHERE root_id = $1 ORDER BY account, token"#,
        root_id
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| entry(row.account, row.token, row.cumulative)).collect())
}
