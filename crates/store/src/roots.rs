//! Payout roots: the cumulative totals of every account, as they are committed to on chain.

use alloy_primitives::{Address, B256, U256};
use domain::{Amount, merkle::Entry};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{StoreError, values, values::hex_bytes};

/// The totals after the newest payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cumulative {
    pub entries: Vec<Entry>,
    pub through_payout: i64,
}

/// How the newest root stands, if there is one.
#[derive(Clone, Debug)]
pub struct NewestRoot {
    pub id: i64,
    pub root: B256,
    /// `built`, `proposed`, `activated` or `vetoed`.
    pub state: String,
    pub through_payout: i64,
}

pub async fn newest(tx: &mut PgConnection, chain_id: u64) -> Result<Option<NewestRoot>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT id AS "id!", root AS "root!: Vec<u8>", state AS "state!", through_payout AS "through_payout!"
           FROM payout_root_states WHERE chain_id = $1 ORDER BY id DESC LIMIT 1"#,
        chain_id as i64
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        Ok(NewestRoot {
            id: row.id,
            root: values::hash(&row.root)?,
            state: row.state,
            through_payout: row.through_payout,
        })
    })
    .transpose()
}

pub async fn cumulative(tx: &mut PgConnection, chain_id: u64) -> Result<Cumulative, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT account AS "account!: Vec<u8>", token AS "token!: Vec<u8>", sum(amount)::text AS "amount!",
                  max(max(id)) OVER () AS "newest!"
           FROM payouts WHERE chain_id = $1 GROUP BY account, token ORDER BY account, token"#,
        chain_id as i64
    )
    .fetch_all(tx)
    .await?;
    let through_payout = rows.first().map_or(0, |row| row.newest);
    let entries = rows
        .into_iter()
        .map(|row| {
            Ok(Entry {
                account: values::address(&row.account)?,
                token: values::address(&row.token)?,
                cumulative: Amount(values::amount(&row.amount)?),
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Cumulative { entries, through_payout })
}

/// Records a root with all its entries.
pub async fn record(
    tx: &mut PgConnection,
    chain_id: u64,
    root: B256,
    data_cid: &str,
    totals: &[(Address, U256)],
    cumulative: &Cumulative,
) -> Result<i64, StoreError> {
    let totals: Vec<Value> = totals
        .iter()
        .map(|(token, amount)| json!({"token": token.to_checksum(None), "amount": amount.to_string()}))
        .collect();
    let id = sqlx::query_scalar!(
        "INSERT INTO payout_roots (chain_id, root, data_cid, totals, through_payout) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        chain_id as i64,
        root.as_slice() as _,
        data_cid,
        Value::Array(totals),
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
    .execute(tx)
    .await?;
    Ok(id)
}

/// The entries of a root, in the order of its leaves.
pub async fn entries(tx: &mut PgConnection, root_id: i64) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT account AS "account: Vec<u8>", token AS "token: Vec<u8>", cumulative::text AS "cumulative!"
           FROM payout_root_entries WHERE root_id = $1 ORDER BY account, token"#,
        root_id
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Entry {
                account: values::address(&row.account)?,
                token: values::address(&row.token)?,
                cumulative: Amount(values::amount(&row.cumulative)?),
            })
        })
        .collect()
}
