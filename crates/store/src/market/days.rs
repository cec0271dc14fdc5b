//! The market day by day (UTC): what was sold, listed and registered, and what the market agent said of it.

use ::facts::{ChainId, Units};
use alloy_primitives::U256;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::StoreError;

/// What the market agent says when a day is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub day: NaiveDate,
    /// `rising`, `falling` or `none`.
    pub direction: String,
    /// `{"sentiment", "volume", "demand"}`, in the words of the rules.
    pub mood: Value,
    /// The figures that were out of the ordinary on the day: `[{"of", "z"}]`.
    pub anomalies: Value,
}

/// A day of the market. Amounts are base units of the chain's own coin.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketDay {
    pub sales: i64,
    pub volume: U256,
    pub buyers: i64,
    pub sellers: i64,
    /// The median price, and the prices below which a tenth and nine tenths of the prices lay. `None` when there were no sales.
    pub median: Option<U256>,
    pub low: Option<U256>,
    pub high: Option<U256>,
    /// The price below which a tenth of the prices of the seven days up to this one lay.
    pub floor: Option<U256>,
    /// The number of works that anyone could buy when the day ended.
    pub listed: i64,
    pub registrations: i64,
    pub told: Told,
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Returns the first day on which something was registered or sold.
///
/// # Errors
/// When the database fails.
pub async fn first(conn: &mut PgConnection, chain_id: ChainId) -> Result<Option<NaiveDate>, StoreError> {
    let time = sqlx::query_scalar!(
        "SELECT least((SELECT at FROM chain.registrations WHERE chain_id = $1 ORDER BY block_number, log_index LIMIT 1),
                      (SELECT at FROM chain.fills WHERE chain_id = $1 ORDER BY block_number, log_index LIMIT 1))",
        chain_id.get()
    )
    .fetch_one(conn)
    .await?;
    Ok(time.map(|time| time.date_naive()))
}

/// Returns the newest day that is recorded.
///
/// # Errors
/// When the database fails.
pub async fn newest(conn: &mut PgConnection, chain_id: ChainId) -> Result<Option<NaiveDate>, StoreError> {
    let day = sqlx::query_scalar!("SELECT max(day) FROM market_days WHERE chain_id = $1", chain_id.get());
    Ok(day.fetch_one(conn).await?)
}

/// Records settled days with their figures, in one statement for all of them. Days that are recorded already stay as they
/// are. The days must follow each other.
///
/// # Errors
/// When the database fails.
pub async fn record(tx: &mut PgConnection, chain_id: ChainId, told: &[Told]) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (told.first(), told.last()) else { return Ok(()) };
    let rows = told.iter().map(
        |told| json!({"day": told.day, "direction": told.direction, "mood": told.mood, "anomalies": told.anomalies}),
    );
    // A work was listed from the day on which an order to sell it could be filled first until the day before it no longer could: orders
    // of one work overlap, so their days are united before they are counted, as what began less what ended so far.
    sqlx::query!(
        "WITH told AS (
             SELECT * FROM jsonb_to_recordset($2) AS t (day date, direction text, mood jsonb, anomalies jsonb)),
         sold AS MATERIALIZED (
             SELECT (f.at AT TIME ZONE 'UTC')::date AS day, f.price, CASE f.side WHEN 'SELL' THEN f.maker ELSE f.taker END AS seller,
                    CASE f.side WHEN 'SELL' THEN f.taker ELSE f.maker END AS buyer
             FROM chain.fills f
             WHERE f.chain_id = $1 AND f.currency = decode(repeat('00', 20), 'hex') AND f.price > 0
               AND f.at >= $3::timestamptz - interval '6 days' AND f.at < $4),
         daily AS (
             SELECT day, count(*) AS sales, sum(price) AS volume, count(DISTINCT buyer) AS buyers, count(DISTINCT seller) AS sellers,
                    percentile_disc(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY price) AS prices
             FROM sold GROUP BY day),
         floors AS (
             SELECT day + later AS day, percentile_disc(0.1) WITHIN GROUP (ORDER BY price) AS floor
             FROM sold, generate_series(0, 6) later GROUP BY 1),
         registered AS (
             SELECT (at AT TIME ZONE 'UTC')::date AS day, count(*) AS registrations FROM chain.registrations
             WHERE chain_id = $1 AND at >= $3 AND at < $4 GROUP BY 1),
         offered AS (
             SELECT o.asset_id, (greatest(o.created_at, o.start_time) AT TIME ZONE 'UTC')::date AS opened,
                    (least(o.end_time, gone.at) AT TIME ZONE 'UTC')::date AS closed
             FROM orders o CROSS JOIN LATERAL (
                 SELECT min(at) AS at FROM (
                     SELECT at FROM chain.fills f WHERE f.chain_id = $1 AND f.maker = o.maker AND f.nonce = o.nonce
                     UNION ALL
                     SELECT at FROM chain.cancelled_nonces c WHERE c.chain_id = $1 AND c.maker = o.maker AND c.nonce = o.nonce
                     UNION ALL
                     SELECT at FROM chain.maker_epochs e WHERE e.chain_id = $1 AND e.maker = o.maker AND e.epoch > o.maker_epoch
                     UNION ALL
                     SELECT at FROM chain.transfers t WHERE t.chain_id = $1 AND t.asset_id = o.asset_id AND t.epoch > o.asset_epoch) e
                 ) gone
             WHERE o.chain_id = $1 AND o.side = 'SELL' AND o.taker = decode(repeat('00', 20), 'hex')
               AND o.end_time > $3 AND o.created_at < $4 AND o.start_time < $4),
         spans AS (
             SELECT unnest(range_agg(daterange(opened, closed))) AS span FROM offered WHERE opened < closed GROUP BY asset_id),
         listings AS (
             SELECT day, sum(sum(change)) OVER (ORDER BY day) AS listed
             FROM (SELECT lower(span) AS day, 1 AS change FROM spans
                   UNION ALL SELECT upper(span), -1 FROM spans
                   UNION ALL SELECT day, 0 FROM told) changes GROUP BY day)
         INSERT INTO market_days (chain_id, day, sales, volume, buyers, sellers, low, median, high, floor, listed, registrations,
                                  direction, mood, anomalies)
         SELECT $1, day, coalesce(sales, 0), coalesce(volume, 0), coalesce(buyers, 0), coalesce(sellers, 0),
                prices[1], prices[2], prices[3], floor, listed, coalesce(registrations, 0), direction, mood, anomalies
         FROM told JOIN listings USING (day) LEFT JOIN daily USING (day) LEFT JOIN floors USING (day) LEFT JOIN registered USING (day)
         ON CONFLICT DO NOTHING",
        chain_id.get(),
        Value::from_iter(rows),
        midnight(first.day),
        midnight(last.day.succ_opt().unwrap_or(last.day))
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the days from `from` up to and including `through`, in order, at most `limit` of them.
///
/// # Errors
/// When the database fails.
pub async fn between(
    conn: &mut PgConnection,
    chain_id: ChainId,
    from: NaiveDate,
    through: NaiveDate,
    limit: i64,
) -> Result<Vec<MarketDay>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT day, sales, volume AS "volume!: Units", buyers, sellers, median AS "median: Units", low AS "low: Units", high AS "high: Units", floor AS "floor: Units", listed,
                  registrations, direction, mood, anomalies
           FROM market_days WHERE chain_id = $1 AND day BETWEEN $2 AND $3 ORDER BY day LIMIT $4"#,
        chain_id.get(),
        from,
        through,
        limit
    )
    .fetch_all(conn)
    .await?;
    let price = |units: Option<Units>| units.map(|units| units.0.0);
    rows.into_iter()
        .map(|row| {
            Ok(MarketDay {
                sales: row.sales,
                volume: row.volume.0.0,
                buyers: row.buyers,
                sellers: row.sellers,
                median: price(row.median),
                low: price(row.low),
                high: price(row.high),
                floor: price(row.floor),
                listed: row.listed,
                registrations: row.registrations,
                told: Told { day: row.day, direction: row.direction, mood: row.mood, anomalies: row.anomalies },
            })
        })
        .collect()
}
