//! The watch list: accounts and assets that are looked at twice, by whom, and why. Entries are only ever added.

use ::facts::{ChainId, Fact, NewFact, Subject, WatchEntry};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::{StoreError, advice, facts};

/// The watcher of the risk agent's own entries. They say what the agent found. It finds that again by itself and never
/// weighs these entries.
pub const AGENT: &str = "risk agent";
/// The most characters of a reason.
const LONGEST: usize = 500;

/// Why something is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: i64,
    /// `account:0x..`, with its checksum, or `asset:7`.
    pub subject: String,
    /// From 0, which means no suspicion, to 1, which means certainty.
    pub score: f64,
    pub why: String,
    /// `operator` or `risk agent`.
    pub watcher: String,
    pub since: DateTime<Utc>,
}

/// Returns the number of the newest entry that anybody but the agent made, or 0 when there is none. The number names a
/// state of the list.
///
/// # Errors
/// When the database fails.
pub async fn last(conn: &mut PgConnection, chain_id: ChainId) -> Result<i64, StoreError> {
    let last = sqlx::query_scalar!(
        r#"SELECT coalesce(max(id), 0) AS "last!" FROM watch_entries WHERE chain_id = $1 AND watcher <> $2"#,
        chain_id.get(),
        AGENT
    )
    .fetch_one(conn)
    .await?;
    Ok(last)
}

/// Returns what everybody but the agent watched as of an entry.
///
/// # Errors
/// When the database fails.
pub async fn as_of(conn: &mut PgConnection, chain_id: ChainId, last: i64) -> Result<Vec<Entry>, StoreError> {
    let entries = sqlx::query_as!(
        Entry,
        "SELECT id, subject, score, why, watcher, created_at AS since
         FROM (SELECT DISTINCT ON (subject, watcher) * FROM watch_entries
               WHERE chain_id = $1 AND id <= $2 AND watcher <> $3 ORDER BY subject, watcher, id DESC) newest
         WHERE score > 0 ORDER BY id",
        chain_id.get(),
        last,
        AGENT
    )
    .fetch_all(conn)
    .await?;
    Ok(entries)
}

/// Returns the entries that hold now and whose numbers are below the one given, newest first, at most `limit` of them.
///
/// # Errors
/// When the database fails.
pub async fn list(
    conn: &mut PgConnection,
    chain_id: ChainId,
    below: i64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let entries = sqlx::query_as!(
        Entry,
        r#"SELECT id AS "id!", subject AS "subject!", score AS "score!", why AS "why!", watcher AS "watcher!",
                  created_at AS "since!"
           FROM watch_list WHERE chain_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"#,
        chain_id.get(),
        below,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(entries)
}

/// Adds a watcher's entry about a subject, or ends it when the score is 0, and tells the ledger. Returns the number of the
/// entry, or `None` when the newest entry says the same. The workers are told of the entries of others than the agent,
/// because the agent's advice on the subject may change.
///
/// # Errors
/// When the score lies outside 0 to 1, when the reason is empty, or when the database fails.
pub async fn watch(
    tx: &mut PgConnection,
    chain_id: ChainId,
    (subject, watcher): (&str, &str),
    score: f64,
    why: &str,
) -> Result<Option<i64>, StoreError> {
    if !(0.0..=1.0).contains(&score) {
        return Err(StoreError::Refused(format!("{score} is no score: it lies between 0 and 1")));
    }
    let why: String = why.chars().take(LONGEST).collect();
    if why.is_empty() {
        return Err(StoreError::Refused(format!("say why {subject} is watched")));
    }
    // One at a time about the same.
    let about = format!("{chain_id}:{subject}:{watcher}");
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 20))", about).execute(&mut *tx).await?;
    let newest = sqlx::query!(
        "SELECT score, why FROM watch_entries WHERE chain_id = $1 AND subject = $2 AND watcher = $3
         ORDER BY id DESC LIMIT 1",
        chain_id.get(),
        subject,
        watcher
    )
    .fetch_optional(&mut *tx)
    .await?;
    let same = match newest {
        None => score == 0.0,
        Some(newest) => newest.score == score && (score == 0.0 || newest.why == why),
    };
    if same {
        return Ok(None);
    }
    let id = sqlx::query_scalar!(
        "INSERT INTO watch_entries (chain_id, subject, score, why, watcher) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        chain_id.get(),
        subject,
        score,
        why,
        watcher
    )
    .fetch_one(&mut *tx)
    .await?;
    // Numbers of the ledger are whole, so a score is text there; and no words about anybody stand in it that nobody could take back.
    let why = hex::encode(Sha256::digest(&why));
    let body = WatchEntry { subject: subject.to_owned(), score: score.to_string(), why, by: watcher.to_owned() };
    let fact = if score > 0.0 { Fact::WatchBegun(body) } else { Fact::WatchEnded(body) };
    let about = Subject::Watch { entry: id.into() };
    facts::tell_one(tx, NewFact::of_chain(chain_id, about, [advice::stream(chain_id, subject)?], fact)).await?;
    Ok(Some(id))
}
