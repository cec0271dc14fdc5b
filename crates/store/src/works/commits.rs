//! Commits as contributions: the one way in which an import and a push record them.
//!
//! A commit counts once in a work, under `git:` and its id, whoever brings it first: what is known is left as it is, even where the
//! other source names its author in another way. An import reads `.mailmap`, a push cannot: where the two differ the first record
//! stays, the import says how many commits that concerns, and the owner may correct them. Whoever is known to be one account
//! is recorded under one key in a work.

use std::collections::{BTreeSet, HashMap};

use ::facts::Account;
use alloy_primitives::{Address, U256};
use chrono::DateTime;
use domain::{coherence::hint_for_commit, cost::Evidence, split};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::{
    StoreError,
    accounts::identities,
    works::contributions::{self, NewContribution, Record, Someone},
};

/// The number of commits that are sent in one statement.
const BATCH: usize = 5000;

/// Somebody, or some program, who wrote a commit.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The name that a history or a push gives them: an email address, a login, or a tool's name.
    pub identity: &'a str,
    pub name: &'a str,
    /// Whether this is a program.
    pub system: bool,
    /// Emails, as identities, that belong to the login which is this author's identity.
    pub also: &'a [String],
}

impl Author<'_> {
    /// Returns the key under which this author is known in all works. A program gets a key of its own. Whether a commit is
    /// by a program is only what one repository says in its author's name, so that must not take another work's share from
    /// the person with the same address.
    pub fn key(&self) -> String {
        let identity = clean(self.identity);
        if self.system { format!("tool:{identity}") } else { identity }
    }

    fn name(&self) -> String {
        clean(self.name).chars().take(200).collect()
    }
}

/// A commit with the people who share its cost equally.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    pub id: &'a str,
    /// In seconds since 1970.
    pub time: i64,
    pub subject: &'a str,
    pub touches_tests: bool,
    /// Its cost in the unit of the cost rule, with at most 6 decimals.
    pub cost: Decimal,
    /// A page that shows it.
    pub evidence: Option<&'a str>,
    /// At least one author, and each author once.
    pub authors: Vec<Author<'a>>,
    /// For a commit of a program: who set it to work, if that is known.
    pub triggered_by: Option<Author<'a>>,
}

/// What was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The number of commits that were new to the work.
    pub commits: u64,
    /// The number of recorded contributions: one for each author of a new commit.
    pub contributions: u64,
    /// The number of commits that were known, and that stay with other people than those named now.
    pub attributed_otherwise: u64,
}

/// Records the commits that the work does not know yet, for its owner, in the state that the work's policy gives to imports
/// and pushes. `rests_on` says what the costs rest on.
///
/// The caller holds the work's row, so that two callers cannot take the same commit for a new one at the same time.
///
/// # Errors
/// When a commit has no author, or a cost or coherence that the rules do not allow, or when the database fails.
pub async fn record(
    tx: &mut PgConnection,
    work_id: i64,
    owner: Address,
    rests_on: Evidence,
    commits: &[Commit<'_>],
) -> Result<Recorded, StoreError> {
    let state = contributions::import_state(tx, work_id).await?;
    let record = Record { work_id, recorded_by: owner, state, corrects: None };
    let mut recorded = Recorded::default();
    know_accounts(tx, work_id, commits).await?;
    for commits in commits.chunks(BATCH) {
        let known = known(tx, work_id, owner, commits).await?;
        let accounts = keys_of_accounts(tx, work_id, commits, &known).await?;
        let key = |author: &Author<'_>| one_key(&accounts, author.key());
        let mut fresh = Vec::new();
        for commit in commits {
            match known.get(&source_key(commit)) {
                Some(keys) => {
                    let keys: BTreeSet<String> = keys.iter().map(|name| one_key(&accounts, name.clone())).collect();
                    let now: BTreeSet<String> = commit.authors.iter().map(key).collect();
                    recorded.attributed_otherwise += u64::from(keys != now);
                }
                None => fresh.push(commit),
            }
        }
        let authors = fresh.iter().flat_map(|commit| commit.authors.iter().chain(&commit.triggered_by));
        let people: BTreeSet<Someone> =
            authors.map(|author| Someone { key: key(author), name: author.name() }).collect();
        contributions::introduce(tx, &people.into_iter().collect::<Vec<_>>()).await?;
        let mut new = Vec::with_capacity(fresh.len());
        for commit in &fresh {
            parts(commit, rests_on, &key, &mut new)?;
        }
        recorded.commits += fresh.len() as u64;
        recorded.contributions += contributions::record(tx, record, &new).await?.len() as u64;
    }
    Ok(recorded)
}

/// Returns the key under which a commit is recorded.
fn source_key(commit: &Commit<'_>) -> String {
    format!("git:{}", commit.id)
}

/// Stores which emails belong to which logins, as the commits' sources tell.
async fn know_accounts(tx: &mut PgConnection, work_id: i64, commits: &[Commit<'_>]) -> Result<(), StoreError> {
    let people = commits.iter().flat_map(|commit| commit.authors.iter().chain(&commit.triggered_by));
    let logins = people.filter(|author| !author.system && author.identity.starts_with("github:"));
    let names: BTreeSet<(String, String)> =
        logins.flat_map(|author| author.also.iter().map(|email| (clean(email), author.key()))).collect();
    if names.is_empty() {
        return Ok(());
    }
    identities::know_accounts(tx, work_id, &names.into_iter().collect::<Vec<_>>()).await
}

/// Returns the keys of accounts that have another one than they are named by here, or were recorded under.
async fn keys_of_accounts(
    tx: &mut PgConnection,
    work_id: i64,
    commits: &[Commit<'_>],
    known: &HashMap<String, BTreeSet<String>>,
) -> Result<HashMap<String, String>, StoreError> {
    let named = commits.iter().flat_map(|commit| commit.authors.iter().chain(&commit.triggered_by)).map(Author::key);
    let names: BTreeSet<String> = named.chain(known.values().flatten().cloned()).collect();
    identities::keys_of_accounts(tx, work_id, &names.into_iter().collect::<Vec<_>>()).await
}

fn one_key(accounts: &HashMap<String, String>, key: String) -> String {
    accounts.get(&key).cloned().unwrap_or(key)
}

/// Returns those of the commits that the owner recorded before, with the people for whom they are recorded.
async fn known(
    tx: &mut PgConnection,
    work_id: i64,
    owner: Address,
    commits: &[Commit<'_>],
) -> Result<HashMap<String, BTreeSet<String>>, StoreError> {
    let keys: Vec<String> = commits.iter().map(source_key).collect();
    let known = sqlx::query!(
        r#"SELECT c.source_key, array_agg(p.key) AS "authors!"
           FROM contributions c JOIN contributors p ON p.id = c.contributor_id
           WHERE c.work_id = $1 AND c.recorded_by = $2 AND c.source_key = ANY ($3) GROUP BY c.source_key"#,
        work_id,
        Account(owner) as _,
        &keys
    )
    .fetch_all(tx)
    .await?;
    Ok(known.into_iter().map(|row| (row.source_key, row.authors.into_iter().collect())).collect())
}

/// Adds the parts of a commit. Its cost is shared equally, in millionths; what does not divide goes to the first.
fn parts(
    commit: &Commit<'_>,
    evidence_kind: Evidence,
    key: &impl Fn(&Author<'_>) -> String,
    new: &mut Vec<NewContribution>,
) -> Result<(), StoreError> {
    let shares = split::largest_remainder(millionths(commit.cost), &vec![U256::from(1); commit.authors.len()])
        .map_err(|error| StoreError::Refused(format!("commit {}: {error}", commit.id)))?;
    let occurred_at = DateTime::from_timestamp(commit.time, 0)
        .ok_or_else(|| StoreError::Refused(format!("commit {}: its time {} has no date", commit.id, commit.time)))?;
    new.extend(commit.authors.iter().zip(shares).map(|(author, share)| NewContribution {
        contributor: key(author),
        name: Some(author.name()).filter(|name| !name.is_empty()),
        triggered_by: commit.triggered_by.iter().filter(|_| author.system).map(key).collect(),
        kind: if author.system { "TOOL_EXECUTION" } else { "MANUAL_LABOR" }.to_owned(),
        cost: Decimal::from_i128_with_scale(share.to::<u64>().into(), 6),
        coherence: hint_for_commit(commit.touches_tests),
        basis: None,
        evidence_kind,
        evidence: commit.evidence.map(str::to_owned),
        source_key: source_key(commit),
        summary: clean(commit.subject),
        occurred_at,
    }));
    Ok(())
}

/// Converts a cost to units of 1e-6. The rule gives 2 decimals and at most 10.00, so nothing is lost and nothing overflows.
fn millionths(cost: Decimal) -> U256 {
    let mut cost = cost;
    cost.rescale(6);
    U256::from(cost.mantissa().unsigned_abs())
}

/// Replaces what a text in PostgreSQL cannot hold: NUL becomes U+FFFD.
pub fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
