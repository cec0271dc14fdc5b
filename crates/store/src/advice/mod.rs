//! What the agents advised, and what they knew: enough to make every piece of advice again.

pub mod watch;

use std::collections::BTreeMap;

use ::facts::{AdviceGiven, ChainId, Fact, Hash, NewFact, Stream, Subject};
use alloy_primitives::B256;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::{StoreError, facts};

/// What an agent advised, and what it was made from.
#[derive(Clone, Debug)]
pub struct Advice {
    pub chain_id: ChainId,
    /// `pricing`, `risk`, `collaboration` or `market`.
    pub agent: String,
    /// What it is about: `asset:7`, `work:3`, `order:0x..`, `account:0x..` or `market`.
    pub subject: String,
    /// The history before this day was known.
    pub day: NaiveDate,
    /// The version of the form in which question and answer are written.
    pub version: u16,
    /// What was asked, as canonical JSON.
    pub question: String,
    /// What was advised, as canonical JSON.
    pub answer: String,
    pub rule_base: B256,
    pub model: Option<B256>,
}

/// Advice as it was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: i64,
    pub advice: Advice,
    /// SHA-256 of the answer.
    pub hash: B256,
    pub at: DateTime<Utc>,
}

/// Records advice and tells the ledger. Returns the number of the advice, or `None` when the agent's newest advice on the
/// subject is the same.
///
/// # Errors
/// When the subject has an unknown form, or the database fails.
pub async fn record(tx: &mut PgConnection, new: &Advice) -> Result<Option<i64>, StoreError> {
    let hash = B256::from_slice(&Sha256::digest(&new.answer));
    let subject = format!("{}:{}:{}", new.chain_id, new.agent, new.subject);
    // One at a time about the same.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 18))", subject).execute(&mut *tx).await?;
    let id = sqlx::query_scalar!(
        "INSERT INTO advice (chain_id, agent, subject, day, question, rule_base, model, advice, hash, version)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9::bytea, $10
         WHERE $9 IS DISTINCT FROM (SELECT hash FROM advice WHERE chain_id = $1 AND subject = $3 AND agent = $2
                                    ORDER BY id DESC LIMIT 1)
         RETURNING id",
        new.chain_id.get(),
        new.agent,
        new.subject,
        new.day,
        new.question,
        Hash(new.rule_base) as _,
        new.model.map(Hash) as _,
        new.answer,
        hash.as_slice(),
        new.version as i16
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(id) = id else { return Ok(None) };
    let hex = |hash: &B256| hex::encode(hash);
    let body = AdviceGiven {
        agent: new.agent.clone(),
        subject: new.subject.clone(),
        hash: hex(&hash),
        rules: hex(&new.rule_base),
        model: new.model.as_ref().map(hex),
        question: hex(&B256::from_slice(&Sha256::digest(&new.question))),
    };
    let subject = Subject::Advice { advice: id.into() };
    let stream = stream(new.chain_id, &new.subject)?;
    facts::tell_one(tx, NewFact::of_chain(new.chain_id, subject, [stream], Fact::AdviceGiven(body))).await?;
    Ok(Some(id))
}

/// Returns the stream in which facts about a subject (`asset:7`, `account:0x..`) are listed.
pub(crate) fn stream(chain_id: ChainId, subject: &str) -> Result<Stream, StoreError> {
    let stream = match subject.strip_prefix("asset:") {
        Some(asset) => format!("asset:{chain_id}:{asset}").parse(),
        None if subject == "market" => Ok(Stream::Chain { chain: chain_id }),
        None => subject.parse(),
    };
    stream.map_err(|_| StoreError::Corrupt { what: "subject", value: subject.to_owned() })
}

/// Returns the newest advice of every agent about a subject.
///
/// # Errors
/// When the database fails.
pub async fn newest(conn: &mut PgConnection, chain_id: ChainId, subject: &str) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT DISTINCT ON (agent) id, chain_id AS "chain_id: ChainId", agent, subject, day, version, question, advice, rule_base AS "rule_base: Hash",
                  model AS "model: Hash", hash AS "hash: Hash", created_at
           FROM advice WHERE chain_id = $1 AND subject = $2 ORDER BY agent, id DESC"#,
        chain_id.get(),
        subject
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Recorded::try_from).collect()
}

/// Returns a piece of advice by its number.
///
/// # Errors
/// When the database fails.
pub async fn find(conn: &mut PgConnection, id: i64) -> Result<Option<Recorded>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, chain_id AS "chain_id: ChainId", agent, subject, day, version, question, advice, rule_base AS "rule_base: Hash",
                  model AS "model: Hash", hash AS "hash: Hash", created_at
           FROM advice WHERE id = $1"#,
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(Recorded::try_from).transpose()
}

/// Returns assets that are on sale now and have no advice on their price as of this day or later. They are those with
/// numbers above `after`, in ascending order, at most `limit` of them.
///
/// # Errors
/// When the database fails.
pub async fn unadvised(
    conn: &mut PgConnection,
    chain_id: ChainId,
    day: NaiveDate,
    after: u64,
    limit: i64,
) -> Result<Vec<u64>, StoreError> {
    let assets = sqlx::query_scalar!(
        r#"SELECT DISTINCT o.asset_id AS "asset_id!" FROM order_states o
           WHERE o.chain_id = $1 AND o.asset_id > $3 AND o.side = 'SELL' AND o.state = 'open' AND o.end_time > now()
             AND NOT EXISTS (SELECT FROM advice a WHERE a.chain_id = $1 AND a.subject = 'asset:' || o.asset_id
                                                    AND a.agent = 'pricing' AND a.day >= $2)
           ORDER BY 1 LIMIT $4"#,
        chain_id.get(),
        day,
        after as i64,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(assets.into_iter().map(|asset| asset as u64).collect())
}

/// Returns pieces of advice by their numbers.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, chain_id AS "chain_id: ChainId", agent, subject, day, version, question, advice, rule_base AS "rule_base: Hash",
                  model AS "model: Hash", hash AS "hash: Hash", created_at
           FROM advice WHERE id = ANY ($1) ORDER BY id"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Recorded::try_from).collect()
}

struct Row {
    id: i64,
    chain_id: ChainId,
    agent: String,
    subject: String,
    day: NaiveDate,
    version: i16,
    question: String,
    advice: String,
    rule_base: Hash,
    model: Option<Hash>,
    hash: Hash,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Recorded {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let advice = Advice {
            chain_id: row.chain_id,
            agent: row.agent,
            subject: row.subject,
            version: version(row.version)?,
            day: row.day,
            question: row.question,
            answer: row.advice,
            rule_base: row.rule_base.0,
            model: row.model.map(|model| model.0),
        };
        Ok(Self { id: row.id, advice, hash: row.hash.0, at: row.created_at })
    }
}

/// Stores a rule base under its version, as the names and texts of its files.
///
/// # Errors
/// When the database fails.
pub async fn keep_rules(tx: &mut PgConnection, version: B256, files: &[(&str, &str)]) -> Result<(), StoreError> {
    let files: Vec<Value> = files.iter().map(|(name, text)| json!({ "name": name, "text": text })).collect();
    sqlx::query!(
        "INSERT INTO rule_bases (version, files) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        Hash(version) as _,
        Value::from(files)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the names and texts of a rule base's files.
///
/// # Errors
/// When the database fails.
pub async fn rules(conn: &mut PgConnection, version: B256) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT f.name AS "name!", f.text AS "text!"
           FROM rule_bases b, ROWS FROM (jsonb_to_recordset(b.files) AS (name text, text text)) WITH ORDINALITY
                AS f (name, text, place)
           WHERE b.version = $1 ORDER BY f.place"#,
        Hash(version) as _
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.text)).collect())
}

/// What an agent knew by a day.
#[derive(Clone, Debug)]
pub struct Model {
    pub version: B256,
    pub day: NaiveDate,
    pub bytes: Vec<u8>,
}

/// Stores what an agent knows now. Its models of more than seven days ago are deleted, unless advice was made with them.
///
/// # Errors
/// When the database fails.
pub async fn keep_model(
    tx: &mut PgConnection,
    chain_id: ChainId,
    agent: &str,
    model: &Model,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO agent_models (chain_id, agent, version, day, model) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        chain_id.get(),
        agent,
        Hash(model.version) as _,
        model.day,
        model.bytes
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM agent_models m
         WHERE chain_id = $1 AND agent = $2 AND version <> $3 AND created_at < now() - interval '7 days'
           AND NOT EXISTS (SELECT FROM advice a WHERE (a.chain_id, a.agent, a.model) = (m.chain_id, m.agent, m.version))",
        chain_id.get(),
        agent,
        Hash(model.version) as _
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns what an agent knew by a version, or its newest knowledge when no version is named.
///
/// # Errors
/// When the database fails.
pub async fn model(
    conn: &mut PgConnection,
    chain_id: ChainId,
    agent: &str,
    version: Option<B256>,
) -> Result<Option<Model>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT version AS "version: Hash", day, model FROM agent_models
           WHERE chain_id = $1 AND agent = $2 AND ($3::bytea IS NULL OR version = $3)
           ORDER BY id DESC LIMIT 1"#,
        chain_id.get(),
        agent,
        version.as_ref().map(|version| version.as_slice())
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(Model { version: row.version.0, day: row.day, bytes: row.model })).transpose()
}

/// Tells whether an agent has stored what it knows today (UTC).
///
/// # Errors
/// When the database fails.
pub async fn learned_today(conn: &mut PgConnection, chain_id: ChainId, agent: &str) -> Result<bool, StoreError> {
    let learned = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM agent_models WHERE chain_id = $1 AND agent = $2 AND day = (now() AT TIME ZONE 'UTC')::date) AS "learned!""#,
        chain_id.get(),
        agent
    );
    Ok(learned.fetch_one(conn).await?)
}

/// Returns what an agent was last asked about each subject, with the version of the question's form.
///
/// # Errors
/// When the database fails.
pub async fn questions(
    conn: &mut PgConnection,
    chain_id: ChainId,
    agent: &str,
) -> Result<BTreeMap<String, (u16, String)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (subject) subject, version, question FROM advice WHERE chain_id = $1 AND agent = $2 ORDER BY subject, id DESC",
        chain_id.get(),
        agent
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok((row.subject, (version(row.version)?, row.question)))).collect()
}

/// Reads the version in which advice is written.
fn version(stored: i16) -> Result<u16, StoreError> {
    u16::try_from(stored).map_err(|_| StoreError::Corrupt { what: "version of advice", value: stored.to_string() })
}
