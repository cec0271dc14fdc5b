//! The books as running totals and what came after them, so that a check costs what changed.
//!
//! A check reads in one snapshot and asks the chain afterwards, without a transaction. When it is recorded, the totals move on from
//! the position that it read to the one that it found, if nobody else has moved them meanwhile: then they stay, and the next
//! check begins from where they are. They only ever move over rows that hold, so a fault is looked at again by every check
//! until it is gone.

use ::facts::{Account, ChainId, Hash, Units};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::{Accounts, Books, Fault, Position, Reading, currency};
use crate::{StoreError, snapshot};

/// A place in everything that the books are made of.
#[derive(Clone, Copy, Debug)]
struct Place {
    block: i64,
    distribution: i64,
    /// The payout of a reserve.
    release: i64,
    root: i64,
}

/// What lies between the position of the running totals and a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    generation: i64,
    rewinds: i64,
    /// The check that recorded the stored position.
    stored: Option<i64>,
    /// Whether that position is of the mirror as it is. Otherwise the span begins at the beginning.
    counted: bool,
    after: Place,
    /// The newest of everything, and of the blocks the newest final one. A snapshot also has the blocks above it.
    through: Place,
}

/// Reads a chain's books in one snapshot. Returns `None` as long as its mirror has not reached its first head.
///
/// # Errors
/// When the database fails, or holds something that cannot be an amount.
pub async fn read(pool: &PgPool, chain_id: ChainId) -> Result<Option<Reading>, StoreError> {
    let mut tx = snapshot(pool).await?;
    let Some((mut books, span)) = begin(&mut tx, chain_id).await? else { return Ok(None) };
    let accounts = balances(&mut tx, chain_id, &span).await?;
    books.currencies = accounts.iter().map(|(token, accounts)| currency(*token, accounts)).collect();
    books.faults = faults(&mut tx, chain_id, &span).await?;
    Ok(Some(Reading { books, whole: false, span }))
}

/// Returns the block of a snapshot, as books without content, and what the totals do not hold at it.
pub(super) async fn begin(tx: &mut PgConnection, chain_id: ChainId) -> Result<Option<(Books, Span)>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT c.block_number, c.block_hash AS "block_hash: Hash", c.finalized_number, c.generation, c.rewinds,
                  p.check_id AS "stored?", k.block_number AS "block_after?", k.distribution_id AS "distribution_after?",
                  k.release_id AS "release_after?", k.root_id AS "root_after?",
                  (SELECT max(d.id) FROM distributions d WHERE d.chain_id = c.chain_id) AS distribution,
                  (SELECT max(o.id) FROM payouts o WHERE o.chain_id = c.chain_id AND o.reserve_id IS NOT NULL) AS release,
                  (SELECT s.id FROM payout_root_states s WHERE s.chain_id = c.chain_id AND s.state <> 'vetoed'
                   ORDER BY s.id DESC LIMIT 1) AS root
           FROM chain.cursors c
           LEFT JOIN book_positions p ON p.chain_id = c.chain_id
           LEFT JOIN books_counted k ON k.chain_id = c.chain_id
           WHERE c.chain_id = $1 AND NOT c.in_bulk"#,
        chain_id.get()
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| {
        let books = Books {
            block_number: row.block_number as u64,
            block_hash: row.block_hash.0,
            currencies: Vec::new(),
            faults: Vec::new(),
        };
        let after = Place {
            block: row.block_after.unwrap_or(-1),
            distribution: row.distribution_after.unwrap_or_default(),
            release: row.release_after.unwrap_or_default(),
            root: row.root_after.unwrap_or_default(),
        };
        let through = Place {
            block: row.finalized_number,
            distribution: row.distribution.unwrap_or_default(),
            release: row.release.unwrap_or_default(),
            root: row.root.unwrap_or_default(),
        };
        let counted = row.block_after.is_some();
        (books, Span { generation: row.generation, rewinds: row.rewinds, stored: row.stored, counted, after, through })
    }))
}

/// Returns what each account of the books holds: its running totals, and what came after them.
pub(super) async fn balances(tx: &mut PgConnection, chain_id: ChainId, span: &Span) -> Result<Accounts, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT token AS "token!: Account", account AS "account!", debits AS "debits!: Units", credits AS "credits!: Units"
           FROM book_balances_between($1, $2, $3, $4, $5, $6, $7)"#,
        chain_id.get(),
        span.after.block,
        i64::MAX,
        span.after.distribution,
        span.through.distribution,
        span.after.release,
        span.through.release
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

async fn faults(tx: &mut PgConnection, chain_id: ChainId, span: &Span) -> Result<Vec<Fault>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT token AS "token!: Account", rule AS "rule!", detail AS "detail!"
           FROM book_faults_between($1, $2, $3, $4, $5, $6, $7, $8)"#,
        chain_id.get(),
        span.after.block,
        i64::MAX,
        span.after.distribution,
        span.through.distribution,
        span.after.release,
        span.through.release,
        span.after.root
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| Fault { token: row.token.0, rule: row.rule, detail: row.detail }).collect())
}

/// Returns by person where the running totals, with what came after them, are not what was counted from the beginning: whom
/// and in which currency, what the totals say, and what was counted. The first twenty.
pub(super) async fn differing_people(
    tx: &mut PgConnection,
    chain_id: ChainId,
    span: &Span,
) -> Result<Vec<super::Difference>, StoreError> {
    let rows = sqlx::query!(
        r#"WITH running AS (
               SELECT token, account, format('%s paid, %s claimed, %s carried, %s brought',
                                             sum(paid), sum(claimed), sum(carried), sum(brought)) AS says
               FROM (SELECT p.token::bytea, p.account::bytea, p.paid, p.claimed, p.carried, p.brought
                     FROM book_people p JOIN books_counted k USING (chain_id) WHERE p.chain_id = $1
                     UNION ALL
                     SELECT * FROM book_people_between($1, $2, $3, $4, $5, $6, $7)) r
               GROUP BY token, account),
           counted AS (
               SELECT token, account, format('%s paid, %s claimed, %s carried, %s brought',
                                             sum(paid), sum(claimed), sum(carried), sum(brought)) AS says
               FROM (SELECT token::bytea, account::bytea, amount::numeric AS paid, 0::numeric AS claimed, 0::numeric AS carried,
                            0::numeric AS brought
                     FROM payouts WHERE chain_id = $1
                     UNION ALL SELECT token, account, 0, amount, 0, 0 FROM chain.claims WHERE chain_id = $1
                     UNION ALL SELECT token, account, 0, 0, carried, brought FROM distribution_carries WHERE chain_id = $1) c
               GROUP BY token, account)
           SELECT token AS "token!: Account", account AS "account!: Account",
                  coalesce(r.says, 'nothing') AS "running!", coalesce(c.says, 'nothing') AS "counted!"
           FROM running r FULL JOIN counted c USING (token, account)
           WHERE r.says IS DISTINCT FROM c.says ORDER BY token, account LIMIT 20"#,
        chain_id.get(),
        span.after.block,
        i64::MAX,
        span.after.distribution,
        span.through.distribution,
        span.after.release,
        span.through.release
    )
    .fetch_all(tx)
    .await?;
    let difference = |token: Account, of: Account, running, counted| super::Difference {
        token: token.0,
        of: of.to_string(),
        running,
        counted,
    };
    Ok(rows.into_iter().map(|row| difference(row.token, row.account, row.running, row.counted)).collect())
}

/// Moves the running totals over a span, as part of the check that found it to hold. If they are no longer where the span
/// begins, because another check moved them or somebody changed what was counted, they stay.
pub(super) async fn advance(
    tx: &mut Transaction<'_, Postgres>,
    chain_id: ChainId,
    check: i64,
    span: &Span,
) -> Result<(), StoreError> {
    if !take(tx, chain_id, check, span).await? {
        return Ok(());
    }
    // In one statement, so that the gas that is added is that of the nonces that are passed.
    sqlx::query!(
        "WITH passed AS (
             INSERT INTO book_senders (chain_id, account, next_nonce) SELECT $1, account, unsettled FROM book_gas($1)
             ON CONFLICT (chain_id, account) DO UPDATE SET next_nonce = excluded.next_nonce)
         INSERT INTO book_totals AS t (chain_id, token, account, debits, credits)
         SELECT $1, token, account, sum(greatest(amount, 0)), sum(greatest(-amount, 0))
         FROM book_lines_between($1, $2, $3, $4, $5, $6, $7, true) GROUP BY token, account
         ON CONFLICT (chain_id, token, account)
             DO UPDATE SET debits = t.debits + excluded.debits, credits = t.credits + excluded.credits",
        chain_id.get(),
        span.after.block,
        span.through.block,
        span.after.distribution,
        span.through.distribution,
        span.after.release,
        span.through.release
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO book_people AS p (chain_id, token, account, paid, claimed, carried, brought)
         SELECT $1, token, account, paid, claimed, carried, brought FROM book_people_between($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (chain_id, token, account)
             DO UPDATE SET paid = p.paid + excluded.paid, claimed = p.claimed + excluded.claimed,
                           carried = p.carried + excluded.carried, brought = p.brought + excluded.brought",
        chain_id.get(),
        span.after.block,
        span.through.block,
        span.after.distribution,
        span.through.distribution,
        span.after.release,
        span.through.release
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the stored position to the end of a span. Returns whether it was where the span begins.
async fn take(
    tx: &mut Transaction<'_, Postgres>,
    chain_id: ChainId,
    check: i64,
    span: &Span,
) -> Result<bool, StoreError> {
    if !span.counted {
        // Totals of another mirror go with their position.
        sqlx::query!("DELETE FROM book_positions WHERE chain_id = $1 AND check_id = $2", chain_id.get(), span.stored)
            .execute(&mut **tx)
            .await?;
        let begun = sqlx::query!(
            "INSERT INTO book_positions (chain_id, check_id, generation, rewinds, block_number, distribution_id, release_id, root_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            chain_id.get(),
            check,
            span.generation,
            span.rewinds,
            span.through.block,
            span.through.distribution,
            span.through.release,
            span.through.root
        )
        .execute(&mut **tx)
        .await?;
        return Ok(begun.rows_affected() == 1);
    }
    let moved = sqlx::query!(
        "UPDATE book_positions SET check_id = $2, block_number = $3, distribution_id = $4, release_id = $5, root_id = $6
         WHERE chain_id = $1 AND check_id = $7",
        chain_id.get(),
        check,
        span.through.block,
        span.through.distribution,
        span.through.release,
        span.through.root,
        span.stored
    )
    .execute(&mut **tx)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Forgets a chain's running totals, so that its next check counts from the beginning.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut PgConnection, chain_id: ChainId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM book_positions WHERE chain_id = $1", chain_id.get()).execute(tx).await?;
    Ok(())
}
