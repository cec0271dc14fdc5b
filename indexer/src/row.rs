//! Rows on their way to PostgreSQL: typed fields that are written in COPY's binary format, or as JSON in the outbox.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, U256};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use store::values::hex_bytes;

macro_rules! tables {
    ($($variant:ident = $name:literal,)*) => {
        /// The tables that a batch fills. All except the first two are projections.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Table { $($variant,)* }

        impl Table {
            pub const ALL: &'static [Table] = &[$(Table::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(Table::$variant => $name,)* }
            }
        }
    };
}

tables! {
    Blocks = "blocks",
    Logs = "logs",
    Registrations = "registrations",
    Transfers = "transfers",
    CidUpdates = "cid_updates",
    RoyaltyChanges = "royalty_changes",
    Fills = "fills",
    CancelledNonces = "cancelled_nonces",
    MakerEpochs = "maker_epochs",
    Credits = "credits",
    FeeChanges = "fee_changes",
    Incomes = "incomes",
    RootProposals = "root_proposals",
    RootDecisions = "root_decisions",
    Claims = "claims",
    PayoutAddresses = "payout_addresses",
    Inboxes = "inboxes",
    TotalsPassedOver = "totals_passed_over",
    Freezes = "freezes",
    ModuleEvents = "module_events",
    Quarantine = "quarantine",
}

impl Table {
    /// Returns the statement that deletes the rows above a block, by chain and number.
    pub fn retract(self) -> String {
        let number = if self == Self::Blocks { "number" } else { "block_number" };
        format!("DELETE FROM {} WHERE chain_id = $1 AND {number} > $2", self.name())
    }

    /// Returns the tables that are computed from the raw log.
    pub fn projections() -> &'static [Table] {
        &Self::ALL[2..]
    }
}

/// A value of a column, by the column's type.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Null,
    Bool(bool),
    /// `integer`
    Small(i32),
    /// `bigint`
    Int(i64),
    /// `bytea`, and the domains over it
    Bytes(Bytes),
    Hash(B256),
    Account(Address),
    Text(String),
    /// `numeric`, whole
    Amount(U256),
    /// `numeric`, with this amount below zero
    Debit(U256),
    /// `timestamptz`, in seconds since 1970. It is `infinity` for times beyond the calendar, because a hostile order or clock
    /// must not stop the mirror
    Time(u64),
    /// `jsonb`
    Json(Value),
    /// `bigint[]`
    Ints(Vec<i64>),
    /// `bytea[]`
    Hashes(Vec<B256>),
    Accounts(Vec<Address>),
}

impl From<Address> for Field {
    fn from(address: Address) -> Self {
        Self::Account(address)
    }
}

impl From<B256> for Field {
    fn from(hash: B256) -> Self {
        Self::Hash(hash)
    }
}

impl From<U256> for Field {
    fn from(amount: U256) -> Self {
        Self::Amount(amount)
    }
}

impl From<&str> for Field {
    /// Takes a text from the chain. It replaces NUL, which PostgreSQL cannot store.
    fn from(text: &str) -> Self {
        Self::Text(text.replace('\0', "\u{fffd}"))
    }
}

/// The first second of the year 10 000.
const END_OF_CALENDAR: u64 = 253_402_300_800;
/// Seconds between 1970, when the chain's time begins, and 2000, when PostgreSQL's does.
const EPOCH_OF_POSTGRES: i64 = 946_684_800;
const BIGINT: u32 = 20;
const BYTEA: u32 = 17;

impl Field {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]);
        match self {
            Self::Null => return out[start..].copy_from_slice(&(-1_i32).to_be_bytes()),
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Small(value) => out.extend(value.to_be_bytes()),
            Self::Int(value) => out.extend(value.to_be_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Hash(hash) => out.extend_from_slice(hash.as_slice()),
            Self::Account(account) => out.extend_from_slice(account.as_slice()),
            Self::Text(text) => out.extend(text.as_bytes()),
            Self::Amount(amount) => encode_numeric(*amount, false, out),
            Self::Debit(amount) => encode_numeric(*amount, true, out),
            Self::Time(seconds) => out.extend(microseconds(*seconds).to_be_bytes()),
            Self::Json(value) => {
                out.push(1);
                out.extend(value.to_string().as_bytes());
            }
            Self::Ints(values) => {
                encode_array_header(values.len(), BIGINT, out);
                for value in values {
                    out.extend(8_i32.to_be_bytes());
                    out.extend(value.to_be_bytes());
                }
            }
            Self::Hashes(values) => encode_blobs(values, out),
            Self::Accounts(values) => encode_blobs(values, out),
        }
        let length = (out.len() - start - 4) as i32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Writes the field for the outbox: bytes in PostgreSQL's hex, amounts as decimal strings, times by RFC 3339.
    pub fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Small(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Bytes(bytes) => hex_bytes(bytes).into(),
            Self::Hash(hash) => hex_bytes(hash.as_slice()).into(),
            Self::Account(account) => hex_bytes(account.as_slice()).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Amount(amount) => amount.to_string().into(),
            Self::Debit(amount) => format!("-{amount}").into(),
            Self::Time(seconds) => timestamp(*seconds),
            Self::Json(value) => value.clone(),
            Self::Ints(values) => values.clone().into(),
            Self::Hashes(values) => values.iter().map(|value| hex_bytes(value.as_slice())).collect(),
            Self::Accounts(values) => values.iter().map(|value| hex_bytes(value.as_slice())).collect(),
        }
    }
}

fn microseconds(seconds: u64) -> i64 {
    match i64::try_from(seconds) {
        Ok(seconds) if (seconds as u64) < END_OF_CALENDAR => (seconds - EPOCH_OF_POSTGRES) * 1_000_000,
        _ => i64::MAX,
    }
}

/// Converts a time of the chain, in seconds since 1970. `None` beyond the end of the calendar.
pub fn time_of(seconds: u64) -> Option<DateTime<Utc>> {
    let time = i64::try_from(seconds).ok().filter(|_| seconds < END_OF_CALENDAR);
    time.and_then(|seconds| DateTime::from_timestamp(seconds, 0))
}

fn timestamp(seconds: u64) -> Value {
    time_of(seconds).map_or_else(|| "infinity".into(), |time| time.to_rfc3339().into())
}

/// Writes a whole number in PostgreSQL's form: digits of base 10 000, with the weight of the first one and without trailing
/// zeros.
fn encode_numeric(amount: U256, negative: bool, out: &mut Vec<u8>) {
    let mut digits = [0_u16; 20];
    let mut count = 0;
    let mut rest = amount;
    // Division above 128 bits is slow, but such numbers are rare.
    while rest > U256::from(u128::MAX) {
        let (quotient, digit) = rest.div_rem(U256::from(10_000));
        digits[count] = digit.to::<u16>();
        rest = quotient;
        count += 1;
    }
    let mut rest = rest.to::<u128>();
    while rest > 0 {
        digits[count] = (rest % 10_000) as u16;
        rest /= 10_000;
        count += 1;
    }
    let trailing = digits[..count].iter().take_while(|digit| **digit == 0).count();
    let sign: u16 = if negative && count > 0 { 0x4000 } else { 0 };
    let weight = count.saturating_sub(1) as u16;
    for word in [(count - trailing) as u16, weight, sign, 0] {
        out.extend(word.to_be_bytes());
    }
    for digit in digits[trailing..count].iter().rev() {
        out.extend(digit.to_be_bytes());
    }
}

fn encode_blobs(values: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
    encode_array_header(values.len(), BYTEA, out);
    for value in values {
        out.extend((value.as_ref().len() as i32).to_be_bytes());
        out.extend_from_slice(value.as_ref());
    }
}

fn encode_array_header(length: usize, element: u32, out: &mut Vec<u8>) {
    if length == 0 {
        return out.extend([0_u32.to_be_bytes(), 0_u32.to_be_bytes(), element.to_be_bytes()].concat());
    }
    for word in [1, 0, element, length as u32, 1] {
        out.extend(word.to_be_bytes());
    }
}

/// A row: the names of its columns, in the same order for all rows of a table, and their values.
pub type Row = Vec<(&'static str, Field)>;

/// Returns a row as a JSON object.
pub fn json_of(row: &Row) -> Value {
    row.iter().map(|(name, field)| ((*name).to_owned(), field.json())).collect::<Map<_, _>>().into()
}

/// Rows of one table, encoded.
#[derive(Debug, Default)]
pub struct Rows {
    pub columns: Vec<&'static str>,
    /// Tuples in COPY's binary format, without header and trailer.
    pub tuples: Vec<u8>,
    pub count: usize,
    /// The same rows as they came, as long as they are few.
    pub few: Vec<Row>,
}

/// Up to this many rows are inserted as JSON instead. A COPY ends with a small packet after another one, which a connection
/// that waits for acknowledgements (Nagle's algorithm, which the driver cannot turn off) holds back for about 40 ms.
pub const FEW: usize = 500;

pub const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
pub const COPY_TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// Rows by table.
#[derive(Debug, Default)]
pub struct RowSet(BTreeMap<Table, Rows>);

impl RowSet {
    pub fn push(&mut self, table: Table, row: Row) {
        let rows = self.0.entry(table).or_default();
        if rows.columns.is_empty() {
            rows.columns = row.iter().map(|(name, _)| *name).collect();
        }
        debug_assert!(
            rows.columns.iter().eq(row.iter().map(|(name, _)| name)),
            "rows of a table have the same columns"
        );
        rows.tuples.extend((row.len() as i16).to_be_bytes());
        for (_, field) in &row {
            field.encode(&mut rows.tuples);
        }
        rows.count += 1;
        match rows.count <= FEW {
            true => rows.few.push(row),
            false => rows.few = Vec::new(),
        }
    }

    pub fn get(&self, table: Table) -> Option<&Rows> {
        self.0.get(&table)
    }

    pub fn bytes(&self) -> usize {
        self.0.values().map(|rows| rows.tuples.len()).sum()
    }

    pub fn count(&self) -> usize {
        self.0.values().map(|rows| rows.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, strategy::ValueTree};
    use sqlx::Row as _;

    use super::*;

    /// Stores a field with COPY, and returns what the driver reads back as text.
    async fn stored(kind: &str, field: &Field) -> anyhow::Result<Option<String>> {
        let pool = testkit::database().await?;
        let mut conn = pool.acquire().await?;
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE TEMP TABLE t (v {kind})"))).execute(&mut *conn).await?;
        let mut rows = RowSet::default();
        rows.push(Table::Logs, vec![("v", field.clone())]);
        let mut copy = conn.copy_in_raw("COPY t (v) FROM STDIN BINARY").await?;
        let tuples = &rows.get(Table::Logs).unwrap().tuples;
        copy.send([COPY_HEADER, tuples, COPY_TRAILER].concat()).await?;
        copy.finish().await?;
        Ok(sqlx::query("SELECT v::text FROM t").fetch_one(&mut *conn).await?.get(0))
    }

    const ONES: &str = "\\x0101010101010101010101010101010101010101010101010101010101010101";

    #[tokio::test]
    async fn every_kind_of_field_is_stored_as_it_was() -> anyhow::Result<()> {
        for (kind, field, text) in [
            ("integer", Field::Null, None),
            ("boolean", Field::Bool(true), Some("true")),
            ("integer", Field::Small(-7), Some("-7")),
            ("bigint", Field::Int(i64::MAX), Some("9223372036854775807")),
            ("bytea", Field::Bytes(vec![0, 255].into()), Some("\\x00ff")),
            ("chain.hash", Field::Hash(B256::repeat_byte(1)), Some(ONES)),
            ("text", Field::from("a\0b"), Some("a\u{fffd}b")),
            ("chain.amount", Field::Amount(U256::ZERO), Some("0")),
            ("numeric", Field::Debit(U256::ZERO), Some("0")),
            ("numeric", Field::Debit(U256::from(120_000)), Some("-120000")),
            ("timestamptz", Field::Time(0), Some("1970-01-01 00:00:00+00")),
            ("timestamptz", Field::Time(END_OF_CALENDAR - 1), Some("9999-12-31 23:59:59+00")),
            ("timestamptz", Field::Time(END_OF_CALENDAR), Some("infinity")),
            ("timestamptz", Field::Time(u64::MAX), Some("infinity")),
            ("jsonb", Field::Json(serde_json::json!({"a": [1, "b"]})), Some("{\"a\": [1, \"b\"]}")),
            ("bigint[]", Field::Ints(vec![]), Some("{}")),
            ("bigint[]", Field::Ints(vec![1, -2]), Some("{1,-2}")),
            ("bytea[]", Field::Hashes(vec![]), Some("{}")),
            ("bytea[]", Field::Hashes(vec![B256::repeat_byte(1)]), Some(&format!("{{\"\\{ONES}\"}}"))),
        ] {
            assert_eq!(stored(kind, &field).await?.as_deref(), text, "{kind} of {field:?}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn amounts_are_stored_to_the_last_digit() -> anyhow::Result<()> {
        let mut amounts = vec![U256::MAX, U256::from(u128::MAX), U256::from(u128::MAX) + U256::from(1)];
        amounts.extend((0..78).map(|power| U256::from(10).pow(U256::from(power))));
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..200 {
            let limbs = any::<[u64; 4]>().new_tree(&mut runner).map_err(anyhow::Error::msg)?.current();
            amounts.push(U256::from_limbs(limbs) >> (limbs[0] % 256) as usize);
        }
        let pool = testkit::database().await?;
        let mut conn = pool.acquire().await?;
        sqlx::query("CREATE TEMP TABLE t (place integer, v numeric)").execute(&mut *conn).await?;
        let mut rows = RowSet::default();
        for (place, amount) in amounts.iter().enumerate() {
            rows.push(Table::Logs, vec![("place", Field::Small(place as i32)), ("v", Field::Amount(*amount))]);
        }
        let mut copy = conn.copy_in_raw("COPY t (place, v) FROM STDIN BINARY").await?;
        copy.send([COPY_HEADER, &rows.get(Table::Logs).unwrap().tuples, COPY_TRAILER].concat()).await?;
        copy.finish().await?;
        let read: Vec<String> =
            sqlx::query_scalar("SELECT v::text FROM t ORDER BY place").fetch_all(&mut *conn).await?;
        let told: Vec<String> = amounts.iter().map(ToString::to_string).collect();
        assert_eq!(read, told);
        Ok(())
    }
}
