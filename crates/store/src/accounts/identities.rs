//! Names that people go by, such as emails, linked to the accounts they are paid at.
//!
//! ```text
//! claim: the account signs "this name is mine"  --+
//!                                                 +--> linked: the name's contributions are paid at the account
//! proof: a work's owner confirms it,            --+
//!        or the work's repository names the account
//! ```
//!
//! The decision of an owner holds for all works of that owner, including future ones. What a repository says holds for its
//! work alone, and only where the owner has said nothing else. A claim to one name of an account is a claim to all its names
//! that the owner's works [know of](know_accounts).

use std::collections::{BTreeMap, HashMap};

use ::facts::{Account, Fact, Hash, IdentityClaimed, IdentityLinked, IdentityRefused, NewFact, Stream, Subject};
use alloy_primitives::Address;
use domain::identity::Identity;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{
    StoreError, facts,
    values::hex_bytes,
    works::{self, payees_changed},
};

/// A claim as its account signed it.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub identity: &'a Identity,
    pub account: Address,
    /// What was signed.
    pub statement: &'a str,
    pub signature: &'a [u8],
}

/// A name and the account that a work's repository, or its import, gives it.
pub struct Named<'a> {
    pub key: &'a str,
    pub account: Address,
    pub source: &'a str,
}

/// Records a claim whose signature was checked. Returns its number and whether it is new. Works whose records name the
/// account already prove it at once.
///
/// # Errors
/// When the database fails.
pub async fn claim(tx: &mut PgConnection, claim: &Claim<'_>) -> Result<(i64, bool), StoreError> {
    let key = claim.identity.to_string();
    let id = sqlx::query_scalar!(
        "INSERT INTO identity_claims (key, account, statement, signature) VALUES ($1, $2, $3, $4)
         ON CONFLICT (key, account) DO NOTHING RETURNING id",
        key,
        Account(claim.account) as _,
        claim.statement,
        claim.signature
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(id) = id else {
        let id = sqlx::query_scalar!(
            "SELECT id FROM identity_claims WHERE key = $1 AND account = $2",
            key,
            Account(claim.account) as _
        )
        .fetch_one(&mut *tx)
        .await?;
        return Ok((id, false));
    };
    tell(tx, id, None).await?;
    let proven = sqlx::query!(
        "INSERT INTO identity_proofs (claim_id, owner, work_id, state, source)
         SELECT k.id, w.owner, w.id, 'proven', a.source
         FROM identity_claims k
         CROSS JOIN LATERAL (
             SELECT k.key UNION
             SELECT x.key FROM (SELECT DISTINCT a.owner FROM account_names a WHERE a.email = k.key OR a.login = k.key) o
             CROSS JOIN LATERAL account_keys(o.owner, k.key) x) m (key)
         JOIN contributors c ON c.key = m.key
         JOIN LATERAL (SELECT * FROM payees WHERE contributor_id = c.id) a ON a.address = k.account AND a.claim_id IS NULL
         JOIN works w ON w.id = a.work_id AND c.key IN (SELECT n.key FROM account_keys(w.owner, k.key) n)
         WHERE k.id = $1 AND a.source IN ('trailer', 'FUNDING.json', 'mapping')
         ON CONFLICT DO NOTHING",
        id
    )
    .execute(&mut *tx)
    .await?;
    if proven.rows_affected() > 0 {
        link(tx, Some(id), None).await?;
    }
    Ok((id, true))
}

/// Confirms or refuses a claim for all works of an owner. Returns false when the decision was the same before. The caller
/// has checked who may decide. A refusal also ends what was linked: past payments stay, but later income is no longer paid
/// to the account.
///
/// # Errors
/// When the database fails.
pub async fn decide(
    tx: &mut PgConnection,
    claim: i64,
    owner: Address,
    confirm: bool,
    reason: &str,
) -> Result<bool, StoreError> {
    // Whoever records contributions to these works meanwhile sees the decision, or is seen by it.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('identities ' || $1, 0))", owner.to_string())
        .execute(&mut *tx)
        .await?;
    let decided = sqlx::query!(
        "INSERT INTO identity_proofs AS p (claim_id, owner, state, source, reason) VALUES ($1, $2, $3, 'owner', $4)
         ON CONFLICT (claim_id, owner, work_id) DO UPDATE
         SET state = excluded.state, reason = excluded.reason, decided_at = excluded.decided_at
         WHERE p.state <> excluded.state",
        claim,
        Account(owner) as _,
        if confirm { "proven" } else { "refused" },
        reason
    )
    .execute(&mut *tx)
    .await?;
    if decided.rows_affected() == 0 {
        return Ok(false);
    }
    if confirm {
        link(tx, Some(claim), None).await?;
        return Ok(true);
    }
    sqlx::query!(
        "UPDATE identity_proofs SET state = 'refused', reason = $3, decided_at = now()
         WHERE claim_id = $1 AND owner = $2 AND state = 'proven'",
        claim,
        Account(owner) as _,
        reason
    )
    .execute(&mut *tx)
    .await?;
    let ended = sqlx::query_as!(
        Link,
        r#"DELETE FROM contributor_addresses a USING works w WHERE a.claim_id = $1 AND w.id = a.work_id AND w.owner = $2
           RETURNING a.work_id, a.contributor_id, a.address AS "address: Account", a.source, a.claim_id AS "claim_id!""#,
        claim,
        Account(owner) as _
    )
    .fetch_all(&mut *tx)
    .await?;
    tell(tx, claim, Some(owner)).await?;
    tell_links(tx, Fact::IdentityUnlinked, &ended).await?;
    Ok(true)
}

/// Stores that emails belong to logins, as `(email, login)`, in the works of the owner of a work, and links whoever claimed one
/// of them.
///
/// # Errors
/// When the database fails.
pub(crate) async fn know_accounts(
    tx: &mut PgConnection,
    work_id: i64,
    names: &[(String, String)],
) -> Result<(), StoreError> {
    hold_confirmations(tx, work_id).await?;
    let (emails, logins): (Vec<String>, Vec<String>) = names.iter().cloned().unzip();
    let told = sqlx::query!(
        "INSERT INTO account_names (owner, email, login)
         SELECT DISTINCT w.owner, n.email, n.login FROM unnest($2::text[], $3::text[]) AS n (email, login) JOIN works w ON w.id = $1
         ON CONFLICT DO NOTHING",
        work_id,
        &emails,
        &logins
    )
    .execute(&mut *tx)
    .await?;
    if told.rows_affected() > 0 {
        link(tx, None, Some(work_id)).await?;
    }
    Ok(())
}

/// Returns the key under which each name is recorded in a work, where that is another one: the name under which the same account
/// came into the work first, or else its login.
///
/// # Errors
/// When the database fails.
pub(crate) async fn keys_of_accounts(
    tx: &mut PgConnection,
    work_id: i64,
    names: &[String],
) -> Result<HashMap<String, String>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT r.name AS "name!", coalesce(first.key, login.key, r.name) AS "key!"
           FROM works w CROSS JOIN unnest($2::text[]) AS r (name)
           LEFT JOIN LATERAL (
               SELECT c.key FROM account_keys(w.owner, r.name) n JOIN contributors c ON c.key = n.key
               WHERE takes_part(w.id, c.id) ORDER BY c.id LIMIT 1) first ON true
           LEFT JOIN LATERAL (
               SELECT a.login AS key FROM account_names a WHERE a.owner = w.owner AND a.email = r.name
               ORDER BY a.told_at DESC, a.login LIMIT 1) login ON true
           WHERE w.id = $1 AND (EXISTS (SELECT FROM account_names a WHERE a.owner = w.owner AND a.email = r.name)
                             OR EXISTS (SELECT FROM account_names a WHERE a.owner = w.owner AND a.login = r.name))"#,
        work_id,
        names
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().filter(|row| row.name != row.key).map(|row| (row.name, row.key)).collect())
}

/// Keeps claims to this work's people from being confirmed until the transaction ends.
pub(crate) async fn hold_confirmations(tx: &mut PgConnection, work_id: i64) -> Result<(), StoreError> {
    let owner = sqlx::query_scalar!(r#"SELECT owner AS "owner: Account" FROM works WHERE id = $1"#, work_id)
        .fetch_one(&mut *tx)
        .await?;
    let owner = owner.0.to_string();
    sqlx::query!("SELECT pg_advisory_xact_lock_shared(hashtextextended('identities ' || $1, 0))", owner)
        .execute(tx)
        .await?;
    Ok(())
}

/// Proves claims for a work whose repository names accounts: the claims by the same accounts to the same names. Claims that
/// the owner of the work refused, and names for which the owner confirmed an account, are left out, because anyone can
/// write a commit in somebody's name.
///
/// # Errors
/// When the database fails.
pub async fn prove(tx: &mut PgConnection, work_id: i64, named: &[Named<'_>]) -> Result<(), StoreError> {
    let rows: Vec<Value> = named
        .iter()
        .map(|one| json!({"key": one.key, "account": hex_bytes(one.account.as_slice()), "source": one.source}))
        .collect();
    sqlx::query!(
        "INSERT INTO identity_proofs (claim_id, owner, work_id, state, source)
         SELECT k.id, w.owner, w.id, 'proven', r.source
         FROM jsonb_to_recordset($2) AS r (key text, account bytea, source text)
         JOIN works w ON w.id = $1 CROSS JOIN LATERAL account_keys(w.owner, r.key) n
         JOIN identity_claims k ON k.key = n.key AND k.account = r.account
         WHERE NOT EXISTS (
             SELECT FROM identity_proofs o JOIN identity_claims x ON x.id = o.claim_id
             WHERE o.owner = w.owner AND o.work_id IS NULL AND x.key = k.key AND (o.state = 'proven' OR x.id = k.id))
         ON CONFLICT DO NOTHING",
        work_id,
        Value::Array(rows)
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores where people are paid according to a work's own records, by their keys. An address is stored when it differs from
/// the newest known one of the work and the person has not signed for another. Tells the ledger and the workers, and
/// returns how many addresses are new.
///
/// # Errors
/// When the database fails.
pub async fn record_addresses(
    tx: &mut PgConnection,
    work_id: i64,
    people: &[(String, Address, String)],
) -> Result<u64, StoreError> {
    let rows: Vec<Value> = people
        .iter()
        .map(|(key, address, source)| json!({"key": key, "address": hex_bytes(address.as_slice()), "source": source}))
        .collect();
    let added = sqlx::query_scalar!(
        "INSERT INTO contributor_addresses (work_id, contributor_id, address, source)
         SELECT $1, c.id, r.address, r.source
         FROM jsonb_to_recordset($2) AS r (key text, address bytea, source text) JOIN contributors c ON c.key = r.key
         WHERE r.address IS DISTINCT FROM (
             SELECT a.address::bytea FROM payees a WHERE a.work_id = $1 AND a.contributor_id = c.id)
           AND NOT EXISTS (SELECT FROM contributor_addresses a
                           WHERE a.work_id = $1 AND a.contributor_id = c.id AND a.claim_id IS NOT NULL)
         ORDER BY c.id RETURNING id",
        work_id,
        Value::Array(rows)
    )
    .fetch_all(&mut *tx)
    .await?;
    works::tell_addresses(tx, &added).await?;
    let added = added.len() as u64;
    if added > 0 {
        facts::tell_one(tx, payees_changed(work_id, added)).await?;
    }
    Ok(added)
}

/// Stores where people are paid whose claims are proven, of one claim or for one work. Tells the ledger and the workers,
/// who then release what was reserved, and returns how many addresses are new. Doing it again changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn link(tx: &mut PgConnection, claim: Option<i64>, work_id: Option<i64>) -> Result<u64, StoreError> {
    let linked = sqlx::query_as!(
        Link,
        r#"INSERT INTO contributor_addresses (work_id, contributor_id, address, source, claim_id)
           SELECT w.id, c.id, k.account, p.source, k.id
           FROM identity_proofs p JOIN identity_claims k ON k.id = p.claim_id
           CROSS JOIN LATERAL account_keys(p.owner, k.key) n JOIN contributors c ON c.key = n.key
           JOIN works w ON w.owner = p.owner AND w.id = coalesce(p.work_id, w.id)
           WHERE p.state = 'proven' AND ($1::bigint IS NULL OR k.id = $1) AND ($2::bigint IS NULL OR w.id = $2)
             AND takes_part(w.id, c.id)
             AND NOT EXISTS (SELECT FROM contributor_addresses a
                             WHERE (a.work_id, a.contributor_id, a.claim_id) = (w.id, c.id, k.id))
           ORDER BY p.decided_at, k.id
           ON CONFLICT DO NOTHING
           RETURNING work_id, contributor_id, address AS "address: Account", source, claim_id AS "claim_id!""#,
        claim,
        work_id
    )
    .fetch_all(&mut *tx)
    .await?;
    tell_links(tx, Fact::IdentityLinked, &linked).await?;
    let mut works: BTreeMap<i64, u64> = BTreeMap::new();
    for link in &linked {
        *works.entry(link.work_id).or_default() += 1;
    }
    let known: Vec<NewFact> = works.into_iter().map(|(work, addresses)| payees_changed(work, addresses)).collect();
    facts::tell(tx, &known).await?;
    Ok(linked.len() as u64)
}

/// Where a work's contributor is paid, by a claim.
struct Link {
    work_id: i64,
    contributor_id: i64,
    address: Account,
    source: String,
    claim_id: i64,
}

async fn tell_links(
    tx: &mut PgConnection,
    fact: impl Fn(IdentityLinked) -> Fact,
    links: &[Link],
) -> Result<(), StoreError> {
    let facts = links.iter().map(|link| {
        let body = IdentityLinked {
            work: link.work_id.into(),
            contributor: link.contributor_id.into(),
            address: link.address.0.into(),
            source: link.source.clone(),
        };
        let streams = [Stream::work(link.work_id), Stream::contributor(link.contributor_id)];
        Ok(NewFact::new(Subject::Identity { claim: link.claim_id.into() }, streams, fact(body)))
    });
    facts::tell(tx, &facts.collect::<Result<Vec<_>, StoreError>>()?).await
}

/// Tells of a claim, or of its refusal by an owner. The name itself stays out of the ledger, which forgets nothing; the
/// statement's hash binds it.
async fn tell(tx: &mut PgConnection, claim: i64, refused_by: Option<Address>) -> Result<(), StoreError> {
    let row = sqlx::query!(
        r#"SELECT k.account AS "account: Account", sha256(convert_to(k.statement, 'UTF8')) AS "statement!: Hash",
                  c.id AS "contributor?"
           FROM identity_claims k LEFT JOIN contributors c ON c.key = k.key WHERE k.id = $1"#,
        claim
    )
    .fetch_one(&mut *tx)
    .await?;
    let account = row.account.0;
    let statement_hash = row.statement.0.into();
    let fact = match refused_by {
        None => Fact::IdentityClaimed(IdentityClaimed { account: account.into(), statement_hash }),
        Some(owner) => {
            Fact::IdentityRefused(IdentityRefused { account: account.into(), statement_hash, by: owner.into() })
        }
    };
    let streams = [Some(Stream::account(account)), row.contributor.map(Stream::contributor)];
    let subject = Subject::Identity { claim: claim.into() };
    facts::tell_one(tx, NewFact::new(subject, streams.into_iter().flatten(), fact)).await
}
