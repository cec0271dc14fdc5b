//! Payout roots: the cumulative totals of every account, as they are committed to on chain, and the proofs that lead to them.
//!
//! The whole tree of a root is stored with it, a row for each level with all hashes of that level one after the other, so that a
//! proof is one hash from each of these rows. This takes 64 bytes an entry, however many there are. Whole proofs beside the entries
//! would take 32 bytes for each level: 544 an entry in a tree over 100 000.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ::facts::{Account, ChainId, Fact, Hash, NewFact, RootBuilt, Stream, Subject, Total, Units};
use alloy_primitives::{Address, B256, U256};
use domain::merkle::{self, Entry, PayoutTree};
use sqlx::PgConnection;

use crate::{StoreError, facts};

/// The largest number of currencies whose totals the contract accepts with one root.
const MAX_TOTALS: usize = 32;
/// The largest total that the contract can count. Only a token that nobody can have much use for has more.
const MAX_TOTAL: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);
/// How many currencies of one asset come before those of others.
const FIRST_OF_ASSET: usize = 8;
/// How many entries go to the database at once.
const ENTRIES: usize = 10_000;

/// What a root commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cumulative {
    pub entries: Vec<Entry>,
    /// What the contract is to move from the pot, ascending by currency: the sums of the entries, less what was forwarded.
    pub totals: Vec<(Address, U256)>,
    pub through_payout: i64,
    /// Whether an entry differs from the active root's.
    pub changed: bool,
}

/// The newest root and its state.
#[derive(Clone, Debug)]
pub struct NewestRoot {
    pub root: B256,
    /// `built`, `proposed`, `activated` or `vetoed`.
    pub state: String,
}

/// A root as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number in the database.
    pub id: i64,
    pub root: B256,
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
/// Anyone may give an asset income in any token, so more currencies can have changed than one root accepts. They are taken in
/// turns, those first that wait longest (see [`waiting`]). The others, and the currencies that are left out, stay as the
/// active root has them.
///
/// # Errors
/// When the database fails.
pub async fn cumulative(
    tx: &mut PgConnection,
    chain_id: ChainId,
    left_out: &BTreeSet<Address>,
) -> Result<Cumulative, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT account AS "account!: Account", token AS "token!: Account", sum(amount) AS "amount!: Units",
                  max(max(id)) OVER () AS "newest!"
           FROM payouts WHERE chain_id = $1 GROUP BY account, token ORDER BY account, token"#,
        chain_id.get()
    )
    .fetch_all(&mut *tx)
    .await?;
    let through_payout = rows.first().map_or(0, |row| row.newest);
    let paid: Vec<Entry> = rows.into_iter().map(|row| entry(row.account, row.token, row.amount)).collect();
    let active = active_entries(tx, chain_id).await?;
    let (sums, before) = (sums(&paid), sums(&active));
    let (mut totals, mut later) = (BTreeMap::new(), BTreeSet::new());
    for currency in waiting(tx, chain_id, sums.keys()).await? {
        let token = currency.token;
        let changed = before.get(&token) != Some(&sums[&token]);
        if !changed && !currency.failed {
            continue;
        }
        // What was forwarded needs no moving.
        let total = sums[&token].saturating_sub(currency.forwarded);
        if left_out.contains(&token) || total > MAX_TOTAL || !total.is_zero() && totals.len() == MAX_TOTALS {
            later.insert(token);
        } else if !total.is_zero() {
            totals.insert(token, total);
        }
    }
    let changed = sums.iter().any(|(token, sum)| !later.contains(token) && before.get(token) != Some(sum));
    if !changed {
        totals.clear();
    }
    let mut entries: Vec<Entry> = paid.into_iter().filter(|entry| !later.contains(&entry.token)).collect();
    entries.extend(active.into_iter().filter(|entry| later.contains(&entry.token)));
    entries.sort_unstable_by_key(|entry| (entry.account, entry.token));
    Ok(Cumulative { entries, totals: totals.into_iter().collect(), through_payout, changed })
}

/// A currency on its way into a root.
struct Waiting {
    token: Address,
    /// What went on at once to where claims are paid from.
    forwarded: U256,
    /// Whether the contract could not move all of the last total.
    failed: bool,
    /// The first payout that no active root has, or the last one that a root has.
    since: i64,
    /// The asset whose income the first such payout is from.
    asset: Option<i64>,
}

/// Returns currencies in the order in which they have their turn. A currency that failed comes after all others: it must not
/// keep out one that works. Of one asset a few come first, so that whoever gives an asset income in many tokens does not keep
/// out those of other assets. Then, whoever waits longest comes first.
async fn waiting(
    tx: &mut PgConnection,
    chain_id: ChainId,
    tokens: impl Iterator<Item = &Address>,
) -> Result<Vec<Waiting>, StoreError> {
    let tokens: Vec<Account> = tokens.copied().map(Account).collect();
    let rows = sqlx::query!(
        r#"WITH named AS (
               SELECT DISTINCT ON (token) n.token, s.number, s.through_payout
               FROM payout_root_states s
               CROSS JOIN LATERAL jsonb_array_elements(s.totals) total
               CROSS JOIN LATERAL (SELECT decode(substr(total ->> 'token', 3), 'hex') AS token) n
               WHERE s.chain_id = $1 AND s.state = 'activated'
               ORDER BY token, s.number DESC)
           SELECT c.token AS "token!: Account",
                  (SELECT coalesce(sum(i.amount), 0) FROM chain.incomes i
                   WHERE i.chain_id = $1 AND i.token = c.token AND i.forwarded
                     AND i.block_number <= (SELECT finalized_number FROM chain.cursors WHERE chain_id = $1)) AS "forwarded!: Units",
                  EXISTS (SELECT FROM chain.totals_passed_over o
                          WHERE o.chain_id = $1 AND o.number = n.number AND o.token = c.token) AS "failed!",
                  coalesce(w.id, n.through_payout, 0) AS "since!", w.asset_id AS "asset?"
           FROM unnest($2::bytea[]) AS c (token)
           LEFT JOIN named n ON n.token = c.token
           LEFT JOIN LATERAL (
               SELECT p.id, d.asset_id FROM payouts p JOIN distributions d ON d.id = p.distribution_id
               WHERE p.chain_id = $1 AND p.token = c.token AND p.id > coalesce(n.through_payout, 0)
               ORDER BY p.id LIMIT 1) w ON true"#,
        chain_id.get(),
        tokens as _
    )
    .fetch_all(tx)
    .await?;
    let mut waiting: Vec<Waiting> = rows
        .into_iter()
        .map(|row| Waiting {
            token: row.token.0,
            forwarded: row.forwarded.0.0,
            failed: row.failed,
            since: row.since,
            asset: row.asset,
        })
        .collect();
    waiting.sort_by_key(|currency| (currency.failed, currency.since));
    let mut of_asset: BTreeMap<Option<i64>, usize> = BTreeMap::new();
    waiting.sort_by_cached_key(|currency| {
        let before = of_asset.entry(currency.asset).or_default();
        *before += 1;
        (currency.failed, *before > FIRST_OF_ASSET, currency.since)
    });
    Ok(waiting)
}

fn sums(entries: &[Entry]) -> BTreeMap<Address, U256> {
    let mut sums: BTreeMap<Address, U256> = BTreeMap::new();
    for entry in entries {
        *sums.entry(entry.token).or_default() += entry.cumulative.0;
    }
    sums
}

async fn active_entries(tx: &mut PgConnection, chain_id: ChainId) -> Result<Vec<Entry>, StoreError> {
    match active(tx, chain_id).await? {
        Some(root) => entries(tx, root.id).await,
        None => Ok(Vec::new()),
    }
}

/// Returns the root against which accounts claim now: the last one of ours that was activated.
///
/// # Errors
/// When the database fails.
pub async fn active(tx: &mut PgConnection, chain_id: ChainId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT r.id, r.root AS "root: Hash"
           FROM chain.root_decisions d JOIN payout_roots r ON r.chain_id = d.chain_id AND r.root = d.root
           WHERE d.chain_id = $1 AND d.decision = 'activated' ORDER BY d.number DESC LIMIT 1"#,
        chain_id.get()
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| Stored { id: row.id, root: row.root.0 }))
}

fn entry(account: Account, token: Account, cumulative: Units) -> Entry {
    Entry { account: account.0, token: token.0, cumulative: cumulative.0 }
}

/// Records a root with all its entries and its tree, and tells the ledger. Returns its number in the database.
///
/// # Errors
/// When the database fails.
pub async fn record(
    tx: &mut PgConnection,
    chain_id: ChainId,
    tree: &PayoutTree,
    data_cid: &str,
    cumulative: &Cumulative,
) -> Result<i64, StoreError> {
    let root = tree.root();
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
    let mut place = 0_i64;
    for some in tree.entries().chunks(ENTRIES) {
        sqlx::query!(
            "INSERT INTO payout_root_entries (root_id, account, token, cumulative, place)
             SELECT $1, account, token, cumulative, $2 + nth - 1
             FROM unnest($3::bytea[], $4::bytea[], $5::numeric[]) WITH ORDINALITY AS e (account, token, cumulative, nth)",
            id,
            place,
            some.iter().map(|entry| Account(entry.account)).collect::<Vec<_>>() as _,
            some.iter().map(|entry| Account(entry.token)).collect::<Vec<_>>() as _,
            some.iter().map(|entry| Units(entry.cumulative)).collect::<Vec<_>>() as _
        )
        .execute(&mut *tx)
        .await?;
        place += some.len() as i64;
    }
    record_levels(tx, id, tree).await?;
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

async fn record_levels(tx: &mut PgConnection, root_id: i64, tree: &PayoutTree) -> Result<(), StoreError> {
    let levels: Vec<Vec<u8>> =
        tree.levels().iter().map(|level| level.iter().flat_map(|hash| hash.0).collect()).collect();
    sqlx::query!(
        "INSERT INTO payout_root_levels (root_id, level, hashes)
         SELECT $1, nth - 1, hashes FROM unnest($2::bytea[]) WITH ORDINALITY AS l (hashes, nth)
         ON CONFLICT DO NOTHING",
        root_id,
        &levels
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns which of the roots that matter have no tree, because an earlier version recorded them: the active root, and the newest.
///
/// # Errors
/// When the database fails.
pub async fn without_tree(tx: &mut PgConnection, chain_id: ChainId) -> Result<Vec<Stored>, StoreError> {
    let active = active(tx, chain_id).await?.map(|root| root.id);
    let rows = sqlx::query!(
        r#"SELECT r.id, r.root AS "root: Hash" FROM payout_roots r
           WHERE r.id IN ($2, (SELECT max(n.id) FROM payout_roots n WHERE n.chain_id = $1))
             AND NOT EXISTS (SELECT FROM payout_root_levels l WHERE l.root_id = r.id)
           ORDER BY r.id"#,
        chain_id.get(),
        active
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| Stored { id: row.id, root: row.root.0 }).collect())
}

/// Stores the tree of a root that an earlier version recorded, and says whether its entries make that root; if not, nothing is stored.
/// Repeating this changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn add_tree(
    tx: &mut PgConnection,
    chain_id: ChainId,
    contract: Address,
    root: Stored,
) -> Result<bool, StoreError> {
    let tree = PayoutTree::new(chain_id.0, contract, entries(tx, root.id).await?).ok();
    let Some(tree) = tree.filter(|tree| tree.root() == root.root) else { return Ok(false) };
    sqlx::query!(
        "UPDATE payout_root_entries e SET place = p.nth - 1
         FROM (SELECT account, token, row_number() OVER (ORDER BY account, token) AS nth
               FROM payout_root_entries WHERE root_id = $1) p
         WHERE e.root_id = $1 AND e.account = p.account AND e.token = p.token",
        root.id
    )
    .execute(&mut *tx)
    .await?;
    record_levels(tx, root.id, &tree).await?;
    Ok(true)
}

/// Returns an account's proofs against a root, by token, for those of the tokens that the root has of it. Each leads to the root:
/// it was verified, and is what `Payouts` at `contract` accepts.
///
/// This reads one hash from each level of the stored tree. The tree of a root that an earlier version recorded is built from all its
/// entries, until the workers have stored it.
///
/// # Errors
/// When the database fails, or when what it holds does not lead to the root.
pub async fn proofs(
    tx: &mut PgConnection,
    chain_id: ChainId,
    contract: Address,
    root: Stored,
    account: Address,
    tokens: &[Address],
) -> Result<BTreeMap<Address, Vec<B256>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT e.token AS "token: Account", e.cumulative AS "cumulative!: Units",
                  ARRAY(SELECT substring(l.hashes FROM ((e.place >> l.level) # 1) * 32 + 1 FOR 32)
                        FROM payout_root_levels l WHERE l.root_id = e.root_id ORDER BY l.level) AS "siblings!: Vec<Option<Vec<u8>>>"
           FROM payout_root_entries e WHERE e.root_id = $1 AND e.account = $2 AND e.token = ANY ($3)"#,
        root.id,
        Account(account) as _,
        tokens.iter().map(|token| Account(*token)).collect::<Vec<_>>() as _
    )
    .fetch_all(&mut *tx)
    .await?;
    let corrupt = |token: Address| StoreError::Corrupt {
        what: "proof",
        value: format!("of {account} for {token} against {}", root.root),
    };
    let is_stored = rows.iter().all(|row| !row.siblings.is_empty());
    let tree = if is_stored { None } else { PayoutTree::new(chain_id.0, contract, entries(tx, root.id).await?).ok() };
    let mut proofs = BTreeMap::new();
    for row in rows {
        let token = row.token.0;
        let proof = match &tree {
            Some(tree) => tree.proof(account, token),
            None => siblings(&row.siblings),
        };
        let leaf = merkle::leaf(chain_id.0, contract, &entry(Account(account), row.token, row.cumulative));
        let proof = proof.filter(|proof| merkle::verify(root.root, leaf, proof)).ok_or_else(|| corrupt(token))?;
        proofs.insert(token, proof);
    }
    Ok(proofs)
}

/// Reads what stands at the place of the sibling on each level; nothing stands there where the level ends before that.
fn siblings(levels: &[Option<Vec<u8>>]) -> Option<Vec<B256>> {
    let there = levels.iter().filter(|hash| hash.as_ref().is_none_or(|hash| !hash.is_empty()));
    there.map(|hash| B256::try_from(hash.as_deref()?).ok()).collect()
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
