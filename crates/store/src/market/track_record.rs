//! How good the advice on prices was: compares every sale with what was advised before it.

use ::facts::ChainId;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use crate::StoreError;

/// The sales of a period, and the advice that stood when they were made. Errors are medians of |forecast / price - 1|. A
/// forecast that abstained is not judged. Shares and errors are `None` when there is no sale to take them from.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackRecord {
    /// The Monday of the week (UTC), or `None` for all weeks together.
    pub week: Option<NaiveDate>,
    /// The number of sales in the chain's own coin.
    pub sales: i64,
    /// The number of these sales with advice before them.
    pub advised: i64,
    /// The number of sales whose advice said not to rely on it.
    pub abstained: i64,
    pub error: Option<f64>,
    /// The shares, from 0 to 1, of prices within the ranges for 80 and 90 in 100 sales.
    pub covered80: Option<f64>,
    pub covered90: Option<f64>,
    /// The median ratio of the upper to the lower end of the range for 90.
    pub width90: Option<f64>,
    /// The number of judged sales whose work was sold before and whose preceding seven days had a floor. The errors of the
    /// forecast, the last sale and the floor over these sales follow.
    pub compared: i64,
    pub compared_error: Option<f64>,
    pub last_sale_error: Option<f64>,
    pub floor_error: Option<f64>,
}

/// Returns the record of sales from one moment on and before another: first of all of them, then week by week, newest
/// first.
///
/// # Errors
/// When the database fails.
pub async fn track_record(
    conn: &mut PgConnection,
    chain_id: ChainId,
    from: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<Vec<TrackRecord>, StoreError> {
    let records = sqlx::query_as!(
        TrackRecord,
        r#"WITH sold AS (
               SELECT block_number, log_index, asset_id, at, price::float8 / 1e18 AS price
               FROM chain.fills
               WHERE chain_id = $1 AND currency = decode(repeat('00', 20), 'hex') AND price > 0
                 AND at >= $2::timestamptz - interval '8 days' AND at < $3),
           -- The low percentile of the seven days before, as the agents have it.
           floors AS (
               SELECT days.day, percentile_cont(0.1) WITHIN GROUP (ORDER BY s.price) AS floor
               FROM (SELECT DISTINCT date_trunc('day', at, 'UTC') AS day FROM sold WHERE at >= $2) days
               JOIN sold s ON s.at >= days.day - interval '7 days' AND s.at < days.day
               GROUP BY days.day),
           told AS (
               SELECT date_trunc('week', s.at, 'UTC') AS monday, s.price, a.fair IS NOT NULL AS advised, a.abstains,
                      CASE WHEN NOT a.abstains THEN a.fair END AS fair, a.low80, a.high80, a.low90, a.high90,
                      floors.floor, last.price AS last
               FROM sold s
               LEFT JOIN LATERAL (
                   SELECT (j ->> 'fair')::float8 AS fair, j -> 'abstains' <> 'null' AS abstains,
                          (j #>> '{range80,low}')::float8 AS low80, (j #>> '{range80,high}')::float8 AS high80,
                          (j #>> '{range90,low}')::float8 AS low90, (j #>> '{range90,high}')::float8 AS high90
                   FROM (SELECT advice::jsonb AS j FROM advice
                         WHERE chain_id = $1 AND subject = 'asset:' || s.asset_id AND agent = 'pricing' AND created_at < s.at
                         ORDER BY id DESC LIMIT 1) newest) a ON true
               LEFT JOIN LATERAL (
                   SELECT p.price::float8 / 1e18 AS price FROM chain.fills p
                   WHERE p.chain_id = $1 AND p.asset_id = s.asset_id AND p.currency = decode(repeat('00', 20), 'hex')
                     AND (p.block_number, p.log_index) < (s.block_number, s.log_index)
                   ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1) last ON true
               LEFT JOIN floors ON floors.day = date_trunc('day', s.at, 'UTC')
               WHERE s.at >= $2)
           SELECT (monday AT TIME ZONE 'UTC')::date AS week, count(*) AS "sales!", count(*) FILTER (WHERE advised) AS "advised!",
                  count(*) FILTER (WHERE abstains) AS "abstained!",
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(fair / price - 1)) AS error,
                  avg((price BETWEEN low80 AND high80)::integer) FILTER (WHERE fair IS NOT NULL)::float8 AS covered80,
                  avg((price BETWEEN low90 AND high90)::integer) FILTER (WHERE fair IS NOT NULL)::float8 AS covered90,
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY high90 / low90) FILTER (WHERE fair IS NOT NULL) AS width90,
                  count(fair + last + floor) AS "compared!",
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(fair / price - 1))
                      FILTER (WHERE fair + last + floor IS NOT NULL) AS compared_error,
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(last / price - 1))
                      FILTER (WHERE fair + last + floor IS NOT NULL) AS last_sale_error,
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(floor / price - 1))
                      FILTER (WHERE fair + last + floor IS NOT NULL) AS floor_error
           FROM told GROUP BY GROUPING SETS ((), (monday)) ORDER BY grouping(monday) DESC, monday DESC"#,
        chain_id.get(),
        from,
        before
    )
    .fetch_all(conn)
    .await?;
    Ok(records)
}
