//! The books counted from the beginning, by the views of migration 0016, and compared with the running totals.

use std::collections::BTreeSet;

use ::facts::{Account, ChainId, Units};
use alloy_primitives::Address;
use sqlx::{PgConnection, PgPool};

use super::{Accounts, Fault, Position, Reading, currency, running};
use crate::{StoreError, snapshot};

/// What should hold between the running totals and the rows from which they were made.
pub const RUNNING: &str = "the running totals are what was counted";

/// Everything, counted from the beginning in one snapshot.
#[derive(Clone, Debug)]
pub struct Recount {
    /// The check: what was counted, and every fault, among them the differences.
    pub reading: Reading,
    /// Where the running totals are not what was counted.
    pub differences: Vec<Difference>,
}

/// Something that the running totals say and that is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub token: Address,
    /// The account of the books, or the address of a person.
    pub of: String,
    pub running: String,
    pub counted: String,
}

/// Counts a chain's books from the beginning, and compares what the running totals say at the same moment. Returns `None` as
/// long as its mirror has not reached its first head.
///
/// # Errors
/// When the database fails, or holds something that cannot be an amount.
pub async fn recount(pool: &PgPool, chain_id: ChainId) -> Result<Option<Recount>, StoreError> {
    let mut tx = snapshot(pool).await?;
    let Some((mut books, span)) = running::begin(&mut tx, chain_id).await? else { return Ok(None) };
    let counted = count(&mut tx, chain_id).await?;
    let mut differences = differing(&running::balances(&mut tx, chain_id, &span).await?, &counted);
    differences.extend(running::differing_people(&mut tx, chain_id, &span).await?);
    books.currencies = counted.iter().map(|(token, accounts)| currency(*token, accounts)).collect();
    books.faults = faults(&mut tx, chain_id).await?;
    books.faults.extend(differences.iter().map(|one| Fault {
        token: one.token,
        rule: RUNNING.to_owned(),
        detail: format!("{}: they say {}, counted were {}", one.of, one.running, one.counted),
    }));
    Ok(Some(Recount { reading: Reading { books, whole: true, span }, differences }))
}

async fn count(tx: &mut PgConnection, chain_id: ChainId) -> Result<Accounts, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT token AS "token!: Account", account AS "account!",
                  coalesce(debits, 0) AS "debits!: Units", (-coalesce(credits, 0)) AS "credits!: Units"
           FROM book_balances WHERE chain_id = $1"#,
        chain_id.get()
    )
    .fetch_all(tx)
    .await?;
    let mut accounts = Accounts::new();
    for row in rows {
        let position = Position { debits: row.debits.0.0, credits: row.credits.0.0 };
        accounts.entry(row.token.0).or_default().insert(row.account, position);
    }
    Ok(accounts)
}

async fn faults(tx: &mut PgConnection, chain_id: ChainId) -> Result<Vec<Fault>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT token AS "token!: Account", rule AS "rule!", detail AS "detail!" FROM book_faults($1)"#,
        chain_id.get()
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| Fault { token: row.token.0, rule: row.rule, detail: row.detail }).collect())
}

/// Returns the accounts of the books on which the two do not agree.
fn differing(running: &Accounts, counted: &Accounts) -> Vec<Difference> {
    let names = |accounts: &Accounts| -> BTreeSet<(Address, String)> {
        accounts.iter().flat_map(|(token, of)| of.keys().map(|name| (*token, name.clone()))).collect()
    };
    let says = |accounts: &Accounts, token: &Address, name: &str| {
        accounts.get(token).and_then(|accounts| accounts.get(name)).map_or_else(
            || "nothing".to_owned(),
            |Position { debits, credits }| format!("{debits} debits, {credits} credits"),
        )
    };
    let all: BTreeSet<(Address, String)> = names(running).union(&names(counted)).cloned().collect();
    all.into_iter()
        .map(|(token, of)| {
            let (running, counted) = (says(running, &token, &of), says(counted, &token, &of));
            Difference { token, of, running, counted }
        })
        .filter(|one| one.running != one.counted)
        .collect()
}
