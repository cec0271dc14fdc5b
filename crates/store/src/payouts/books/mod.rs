//! The books of a chain: double entry over all that was recorded, compared with what the contracts hold. Migration 0016 says which
//! fact posts to which account, and what must hold; migration 0029 how a check costs only what changed.
//!
//! `running` reads the books as running totals and what came after them, and moves the totals on. `recount` counts everything from
//! the beginning and compares.

mod recount;
mod running;

use std::collections::{BTreeMap, BTreeSet};

use ::facts::{BooksBalanced, BooksFault, BooksStopped, ChainId, Fact, Hash, NewFact, Stream, Subject};
use alloy_primitives::{Address, B256, U256};
use domain::money::Amount;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::{StoreError, facts};

pub use recount::{Difference, RUNNING, Recount, recount};
pub use running::{forget, read};

/// The number of days for which checks that found nothing are kept.
const KEEP_DAYS: i32 = 30;
/// After how many hours everything is counted from the beginning again. When that found a fault, every check does so until it is
/// gone, except for what the contracts hold: that is compared by every check, and anyone can make a token that holds too little.
const RECOUNT_HOURS: i32 = 24;

/// One currency's accounts, in base units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Currency {
    /// The native coin is the zero address.
    pub token: Address,
    /// All that was ever paid into the pot.
    pub income: Amount,
    /// The part of the income that is not divided yet.
    pub undistributed: Amount,
    /// The amount that is owed to accounts and not claimed yet.
    pub payable: Amount,
    /// The amount that is kept for people and works without an address.
    pub reserved: Amount,
    /// The amount that is below the least payout and waits for more.
    pub carried: Amount,
    /// The amount that was claimed.
    pub paid: Amount,
    /// What the contracts must hold: income less what was claimed.
    pub pot: Amount,
    /// What the contracts do hold, or `None` when the token does not say.
    pub held: Option<Amount>,
    /// Protocol fees.
    pub fees: Amount,
    /// What the engine's transactions cost.
    pub gas: Amount,
    /// Half of the profit, which is fees less gas, rounded down. The other half, with what does not divide, is free.
    pub treasury_reserve: Amount,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub token: Address,
    /// What should hold.
    pub rule: String,
    /// Where it does not.
    pub detail: String,
}

/// The books as of one block, before they are compared with the contracts.
#[derive(Clone, Debug)]
pub struct Books {
    pub block_number: u64,
    pub block_hash: B256,
    pub currencies: Vec<Currency>,
    pub faults: Vec<Fault>,
}

/// What should hold between the books and the contracts.
pub const HELD: &str = "the contracts hold what the books say";

impl Books {
    /// Returns the currencies with faults.
    pub fn stopped(&self) -> BTreeSet<Address> {
        self.faults.iter().map(|fault| fault.token).collect()
    }

    /// Returns the currencies in which the records contradict themselves, whatever the contracts hold. No root may bring
    /// anything new in them.
    pub fn contradictions(&self) -> BTreeSet<Address> {
        self.faults.iter().filter(|fault| fault.rule != HELD).map(|fault| fault.token).collect()
    }

    /// Notes what the contracts hold of a currency at the books' block. An excess over the books belongs to nobody and is
    /// not a fault, because anyone can send coins past the contracts' functions.
    pub fn compare(&mut self, token: Address, held: Amount) {
        let Some(currency) = self.currencies.iter_mut().find(|currency| currency.token == token) else { return };
        currency.held = Some(held);
        if held < currency.pot {
            let detail = format!("they hold {held} of {}", currency.pot);
            self.faults.push(Fault { token, rule: HELD.to_owned(), detail });
        }
    }
}

/// A check that was made and is not recorded yet.
#[derive(Clone, Debug)]
pub struct Reading {
    pub books: Books,
    /// Whether everything was counted from the beginning.
    pub whole: bool,
    /// What the running totals do not hold yet.
    span: running::Span,
}

/// Checks a chain's books: what changed since the last check, and once a day everything. Returns `None` as long as its mirror
/// has not reached its first head.
///
/// # Errors
/// When the database fails, or holds something that cannot be an amount.
pub async fn check(pool: &PgPool, chain_id: ChainId) -> Result<Option<Reading>, StoreError> {
    let due = sqlx::query_scalar!(
        r#"SELECT coalesce((SELECT created_at < now() - make_interval(hours => $2)
                                   OR EXISTS (SELECT FROM jsonb_array_elements(faults) f WHERE f ->> 'rule' <> $3)
                            FROM book_checks WHERE chain_id = $1 AND whole ORDER BY id DESC LIMIT 1), true) AS "due!""#,
        chain_id.get(),
        RECOUNT_HOURS,
        HELD
    )
    .fetch_one(pool)
    .await?;
    if due {
        return Ok(recount(pool, chain_id).await?.map(|recount| recount.reading));
    }
    read(pool, chain_id).await
}

/// The debits and credits of an account of the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    debits: U256,
    credits: U256,
}

impl Position {
    /// An overdrawn account is a fault of its own; here only the difference counts.
    fn balance(self) -> U256 {
        self.debits.abs_diff(self.credits)
    }
}

type Accounts = BTreeMap<Address, BTreeMap<String, Position>>;

fn currency(token: Address, accounts: &BTreeMap<String, Position>) -> Currency {
    let of = |name: &str| accounts.get(name).copied().unwrap_or_default();
    let (fees, gas) = (of("fees").balance(), of("gas").balance());
    Currency {
        token,
        income: Amount(of("pot").debits),
        undistributed: Amount(of("undistributed").balance()),
        payable: Amount(of("payable").balance()),
        reserved: Amount(of("reserved").balance()),
        carried: Amount(of("carried").balance()),
        paid: Amount(of("pot").credits),
        pot: Amount(of("pot").balance()),
        held: None,
        fees: Amount(fees),
        gas: Amount(gas),
        treasury_reserve: Amount(fees.saturating_sub(gas) / U256::from(2)),
    }
}

/// Records a check, and moves the running totals on to it unless the books contradict themselves. The ledger is told when faults
/// come and when they are gone.
///
/// # Errors
/// When the database fails.
pub async fn record(
    tx: &mut Transaction<'_, Postgres>,
    chain_id: ChainId,
    reading: &Reading,
) -> Result<(), StoreError> {
    let (chain, books) = (chain_id.get(), &reading.books);
    let stopped_before = stopped(tx, chain_id).await?;
    let encode = |value: serde_json::Result<Value>| {
        value.map_err(|error| StoreError::Refused(format!("the books cannot be written as JSON: {error}")))
    };
    let check = sqlx::query_scalar!(
        "INSERT INTO book_checks (chain_id, block_number, block_hash, currencies, faults, whole) VALUES ($1, $2, $3, $4, $5, $6)
         RETURNING id",
        chain,
        books.block_number as i64,
        Hash(books.block_hash) as _,
        encode(serde_json::to_value(&books.currencies))?,
        encode(serde_json::to_value(&books.faults))?,
        reading.whole
    )
    .fetch_one(&mut **tx)
    .await?;
    if books.contradictions().is_empty() {
        running::advance(tx, chain_id, check, &reading.span).await?;
    }
    sqlx::query!(
        "DELETE FROM book_checks WHERE chain_id = $1 AND faults = '[]' AND created_at < now() - make_interval(days => $2)
            AND id < (SELECT max(id) FROM book_checks WHERE chain_id = $1)",
        chain,
        KEEP_DAYS
    )
    .execute(&mut **tx)
    .await?;
    let stopped = books.stopped();
    if stopped != stopped_before {
        let fact = if stopped.is_empty() {
            Fact::BooksBalanced(BooksBalanced { block: books.block_number })
        } else {
            let fault = |fault: &Fault| BooksFault {
                token: fault.token.into(),
                rule: fault.rule.clone(),
                detail: fault.detail.clone(),
            };
            Fact::BooksStopped(BooksStopped {
                block: books.block_number,
                tokens: stopped.iter().map(|token| (*token).into()).collect(),
                faults: books.faults.iter().map(fault).collect(),
            })
        };
        let (subject, stream) = (Subject::Books { chain: chain_id }, Stream::Books { chain: chain_id });
        facts::tell_one(tx, NewFact::of_chain(chain_id, subject, [stream], fact)).await?;
    }
    Ok(())
}

/// Returns the currencies in which nothing is distributed, because the newest check found faults in them.
///
/// # Errors
/// When the database fails.
pub async fn stopped(tx: &mut PgConnection, chain_id: ChainId) -> Result<BTreeSet<Address>, StoreError> {
    Ok(newest(tx, chain_id).await?.map(|check| check.books.stopped()).unwrap_or_default())
}

/// Returns the currencies in which the records contradicted themselves at the newest check.
///
/// # Errors
/// When the database fails.
pub async fn contradictions(tx: &mut PgConnection, chain_id: ChainId) -> Result<BTreeSet<Address>, StoreError> {
    Ok(newest(tx, chain_id).await?.map(|check| check.books.contradictions()).unwrap_or_default())
}

/// A recorded check.
#[derive(Clone, Debug)]
pub struct Check {
    pub books: Books,
    pub at: chrono::DateTime<chrono::Utc>,
}

/// Returns the newest check of a chain's books.
///
/// # Errors
/// When the database fails.
pub async fn newest(tx: &mut PgConnection, chain_id: ChainId) -> Result<Option<Check>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT block_number, block_hash AS "block_hash: Hash", currencies, faults, created_at
           FROM book_checks WHERE chain_id = $1 ORDER BY id DESC LIMIT 1"#,
        chain_id.get()
    )
    .fetch_optional(tx)
    .await?;
    let corrupt = |_| StoreError::Corrupt { what: "check of the books", value: chain_id.to_string() };
    row.map(|row| {
        let books = Books {
            block_number: row.block_number as u64,
            block_hash: row.block_hash.0,
            currencies: serde_json::from_value(row.currencies).map_err(corrupt)?,
            faults: serde_json::from_value(row.faults).map_err(corrupt)?,
        };
        Ok(Check { books, at: row.created_at })
    })
    .transpose()
}
