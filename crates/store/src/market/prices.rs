//! Price profiles: what tools and machines cost, as data. Versions are rows and never change.

use chrono::{DateTime, Utc};
use domain::cost::Basis;
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::StoreError;

/// One version of the prices of a tool or a machine, in US dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `tool:gpt-4o@2`.
    pub id: String,
    pub name: String,
    pub version: i32,
    pub rates: Rates,
    /// It prices what happened from this time on, until the next version is valid.
    pub valid_from: DateTime<Utc>,
    /// The origin of the prices.
    pub source: String,
}

/// The rates, in US dollars where they are prices, that are multiplied by the use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rates {
    /// The prices of a token read and of a token written.
    Tool { input: Decimal, output: Decimal },
    /// See [`domain::cost::ComputeUse`].
    Compute { kilowatts: Decimal, price_per_kwh: Decimal, hardware_price: Decimal, lifetime_hours: Decimal },
}

impl Profile {
    /// Returns the kind of what is priced, `tool` or `compute`.
    pub const fn kind(&self) -> &'static str {
        match self.rates {
            Rates::Tool { .. } => "tool",
            Rates::Compute { .. } => "compute",
        }
    }

    /// Returns the basis of the cost of this many tokens, or `None` when the profile does not price a tool.
    pub fn tokens(&self, input_tokens: u64, output_tokens: u64) -> Option<Basis> {
        let Rates::Tool { input: input_rate, output: output_rate } = self.rates else { return None };
        Some(Basis::Tool { profile: self.id.clone(), input_tokens, output_tokens, input_rate, output_rate })
    }

    /// Returns the basis of the cost of this many hours, or `None` when the profile does not price a machine.
    pub fn hours(&self, hours: Decimal) -> Option<Basis> {
        let Rates::Compute { kilowatts, price_per_kwh, hardware_price, lifetime_hours } = self.rates else {
            return None;
        };
        let profile = self.id.clone();
        Some(Basis::Compute { profile, hours, kilowatts, price_per_kwh, hardware_price, lifetime_hours })
    }
}

/// Which profiles are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    pub kind: Option<&'a str>,
    pub names: Option<&'a [String]>,
    /// Only profiles whose number is below this one.
    pub below: Option<i64>,
}

/// Returns profiles with their numbers, the last added first, at most `limit` of them.
///
/// # Errors
/// When the database fails, or holds a price that is not a number.
pub async fn list(conn: &mut PgConnection, filter: Filter<'_>, limit: i64) -> Result<Vec<(i64, Profile)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT number, id, kind, name, version, valid_from, source, trim_scale(input_rate)::text AS input_rate,
                  trim_scale(output_rate)::text AS output_rate, trim_scale(kilowatts)::text AS kilowatts,
                  trim_scale(price_per_kwh)::text AS price_per_kwh, trim_scale(hardware_price)::text AS hardware_price,
                  trim_scale(lifetime_hours)::text AS lifetime_hours
           FROM price_profiles
           WHERE ($1::text IS NULL OR kind = $1) AND ($2::text[] IS NULL OR name = ANY ($2))
             AND ($3::bigint IS NULL OR number < $3)
           ORDER BY number DESC LIMIT $4"#,
        filter.kind,
        filter.names,
        filter.below,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let rate = |text: &Option<String>| -> Result<Decimal, StoreError> {
                let text = text.clone().unwrap_or_default();
                text.parse().map_err(|_| StoreError::Corrupt { what: "price", value: text })
            };
            let rates = if row.kind == "tool" {
                Rates::Tool { input: rate(&row.input_rate)?, output: rate(&row.output_rate)? }
            } else {
                Rates::Compute {
                    kilowatts: rate(&row.kilowatts)?,
                    price_per_kwh: rate(&row.price_per_kwh)?,
                    hardware_price: rate(&row.hardware_price)?,
                    lifetime_hours: rate(&row.lifetime_hours)?,
                }
            };
            let (name, version, valid_from, source) = (row.name, row.version, row.valid_from, row.source);
            Ok((row.number, Profile { id: row.id, name, version, rates, valid_from, source }))
        })
        .collect()
}
