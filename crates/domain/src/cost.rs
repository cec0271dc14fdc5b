//! What a contribution cost (rules, section 1), in the currency of its rates, and how sure we are of it.
//!
//! Costs are decimals. They become whole numbers only as weights (see [`crate::coherence::Weight`]) and are never paid
//! out themselves.

use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero};
use serde::{Deserialize, Serialize};

/// The reason why there is no cost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// An input is below zero.
    #[error("{name} is {value}: it cannot be negative")]
    Negative {
        /// The input's name.
        name: &'static str,
        /// What it was.
        value: Decimal,
    },
    /// Hardware without a lifetime has no cost per hour.
    #[error("the hardware's lifetime is zero hours: give the hours it is expected to last")]
    NoLifetime,
    /// The result needs more than 96 bits of digits.
    #[error("the cost is too large to compute")]
    Overflow,
}

fn not_negative(name: &'static str, value: Decimal) -> Result<Decimal, CostError> {
    if value.is_sign_negative() && !value.is_zero() { Err(CostError::Negative { name, value }) } else { Ok(value) }
}

fn product(a: Decimal, b: Decimal) -> Result<Decimal, CostError> {
    a.checked_mul(b).ok_or(CostError::Overflow)
}

fn sum(a: Decimal, b: Decimal) -> Result<Decimal, CostError> {
    a.checked_add(b).ok_or(CostError::Overflow)
}

/// Computes the cost of labour: `hours x rate`, with the rate in currency per hour.
///
/// # Errors
/// When an input is negative or the product too large.
pub fn labour(hours: Decimal, rate: Decimal) -> Result<Decimal, CostError> {
    product(not_negative("hours", hours)?, not_negative("rate", rate)?)
}

/// Tokens that went into and came out of a language model, and the prices per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenUse {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Currency per token read.
    pub input_rate: Decimal,
    /// Currency per token written.
    pub output_rate: Decimal,
}

/// Computes the cost of a tool: `input_tokens x input_rate + output_tokens x output_rate`.
///
/// # Errors
/// When a rate is negative or the result too large.
pub fn tools(tokens: &TokenUse) -> Result<Decimal, CostError> {
    let input = product(tokens.input_tokens.into(), not_negative("input_rate", tokens.input_rate)?)?;
    let output = product(tokens.output_tokens.into(), not_negative("output_rate", tokens.output_rate)?)?;
    sum(input, output)
}

/// Time on a machine: the power it drew and the wear of its hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComputeUse {
    /// Hours the machine worked.
    pub hours: Decimal,
    /// Power drawn meanwhile, in kilowatts.
    pub kilowatts: Decimal,
    /// Currency per kilowatt-hour.
    pub price_per_kwh: Decimal,
    /// What the hardware cost to buy; zero when only the power counts.
    pub hardware_price: Decimal,
    /// Hours the hardware is expected to last.
    pub lifetime_hours: Decimal,
}

/// Computes the cost of a machine's time: `hours x kW x price_per_kWh + hours x hardware_price / lifetime_hours`.
///
/// # Errors
/// When an input is negative, the result too large, or priced hardware has no lifetime.
pub fn compute(machine: &ComputeUse) -> Result<Decimal, CostError> {
    let hours = not_negative("hours", machine.hours)?;
    let energy = product(hours, not_negative("kilowatts", machine.kilowatts)?)?;
    let power = product(energy, not_negative("price_per_kwh", machine.price_per_kwh)?)?;
    let price = not_negative("hardware_price", machine.hardware_price)?;
    let lifetime = not_negative("lifetime_hours", machine.lifetime_hours)?;
    if price.is_zero() {
        return Ok(power);
    }
    if lifetime.is_zero() {
        return Err(CostError::NoLifetime);
    }
    sum(power, product(hours, price)?.checked_div(lifetime).ok_or(CostError::Overflow)?)
}

/// The basis of a cost: the rule with all its inputs, including prices, so that anyone can compute it again.
///
/// In JSON, `rule` is `labour`, `tool` or `compute`; decimals are text. `profile` names the list of prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Basis {
    /// See [`labour`].
    Labour {
        /// Hours worked.
        hours: Decimal,
        /// Currency per hour.
        rate: Decimal,
    },
    /// See [`tools`].
    Tool {
        /// The prices: `tool:claude-sonnet-4@1`.
        profile: String,
        /// Tokens read.
        input_tokens: u64,
        /// Tokens written.
        output_tokens: u64,
        /// Currency per token read.
        input_rate: Decimal,
        /// Currency per token written.
        output_rate: Decimal,
    },
    /// See [`compute`].
    Compute {
        /// The prices: `compute:workstation@1`.
        profile: String,
        /// Hours the machine worked.
        hours: Decimal,
        /// Power drawn meanwhile, in kilowatts.
        kilowatts: Decimal,
        /// Currency per kilowatt-hour.
        price_per_kwh: Decimal,
        /// What the hardware cost to buy.
        hardware_price: Decimal,
        /// Hours the hardware is expected to last.
        lifetime_hours: Decimal,
    },
}

impl Basis {
    /// Computes the cost, rounded to 6 decimals, halves away from zero.
    ///
    /// # Errors
    /// When the rule has no cost for these inputs; see [`labour`], [`tools`] and [`compute`].
    pub fn cost(&self) -> Result<Decimal, CostError> {
        let cost = match *self {
            Self::Labour { hours, rate } => labour(hours, rate),
            Self::Tool { input_tokens, output_tokens, input_rate, output_rate, .. } => {
                tools(&TokenUse { input_tokens, output_tokens, input_rate, output_rate })
            }
            Self::Compute { hours, kilowatts, price_per_kwh, hardware_price, lifetime_hours, .. } => {
                compute(&ComputeUse { hours, kilowatts, price_per_kwh, hardware_price, lifetime_hours })
            }
        };
        Ok(cost?.round_dp_with_strategy(6, MidpointAwayFromZero).normalize())
    }
}

/// How large a commit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitSize {
    /// Files added and files modified. Removed files do not count.
    pub files: u32,
    /// Lines added and lines removed.
    pub changed_lines: u32,
}

/// How the cost of a commit follows from its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitPolicy {
    /// `10 x files`.
    Base,
    /// `0.10 + 0.15 x files + 0.002 x changed lines`, within 0.05 and 10.00, rounded half up to 2 decimals.
    #[default]
    Normalised,
}

impl CommitPolicy {
    /// Returns the cost of a commit of this size. Never overflows: both inputs have 32 bits.
    pub fn cost(self, size: CommitSize) -> Decimal {
        let files = Decimal::from(size.files);
        match self {
            Self::Base => files * Decimal::TEN,
            Self::Normalised => {
                let by_files = files * Decimal::new(15, 2);
                let by_lines = Decimal::from(size.changed_lines) * Decimal::new(2, 3);
                (Decimal::new(10, 2) + by_files + by_lines)
                    .clamp(Decimal::new(5, 2), Decimal::new(1000, 2))
                    .round_dp_with_strategy(2, MidpointAwayFromZero)
            }
        }
    }
}

/// What a cost is based on. Each kind of evidence has a fixed [confidence](Evidence::confidence).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing: a default was assumed.
    #[default]
    Assumed,
    /// The contributor said so.
    Declared,
    /// The contributor submitted it formally, without proof.
    Submitted,
    /// Counted from either the files or the lines of the work.
    FilesOrLines,
    /// Counted from both the files and the lines of the work.
    FilesAndLines,
    /// An invoice.
    Invoice,
    /// A receipt.
    Receipt,
    /// A transaction on a chain.
    Transaction,
}

/// The text does not name a kind of evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of evidence")]
pub struct UnknownEvidence(pub String);

impl Evidence {
    /// Every kind, weakest first.
    pub const ALL: [Self; 8] = [
        Self::Assumed,
        Self::Declared,
        Self::Submitted,
        Self::FilesOrLines,
        Self::FilesAndLines,
        Self::Invoice,
        Self::Receipt,
        Self::Transaction,
    ];

    /// Returns how sure the cost is, from 0.10 to 1.
    pub fn confidence(self) -> Decimal {
        let hundredths = match self {
            Self::Assumed => 10,
            Self::Declared => 25,
            Self::Submitted => 40,
            Self::FilesOrLines => 65,
            Self::FilesAndLines => 75,
            Self::Invoice | Self::Receipt | Self::Transaction => 100,
        };
        Decimal::new(hundredths, 2)
    }

    /// Returns the stable name under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assumed => "assumed",
            Self::Declared => "declared",
            Self::Submitted => "submitted",
            Self::FilesOrLines => "files_or_lines",
            Self::FilesAndLines => "files_and_lines",
            Self::Invoice => "invoice",
            Self::Receipt => "receipt",
            Self::Transaction => "transaction",
        }
    }
}

impl FromStr for Evidence {
    type Err = UnknownEvidence;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| UnknownEvidence(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn known_answers() {
        let tokens = TokenUse {
            input_tokens: 1000,
            output_tokens: 500,
            input_rate: dec("0.000003"),
            output_rate: dec("0.000015"),
        };
        assert_eq!(tools(&tokens), Ok(dec("0.0105")));

        let power = ComputeUse {
            hours: dec("2"),
            kilowatts: dec("0.14"),
            price_per_kwh: dec("0.15"),
            hardware_price: Decimal::ZERO,
            lifetime_hours: Decimal::ZERO,
        };
        assert_eq!(compute(&power), Ok(dec("0.042")));

        let wear =
            ComputeUse { kilowatts: Decimal::ZERO, hardware_price: dec("7199"), lifetime_hours: dec("10000"), ..power };
        assert_eq!(compute(&wear), Ok(dec("1.4398")));
        assert_eq!(compute(&ComputeUse { kilowatts: power.kilowatts, ..wear }), Ok(dec("1.4818")));
        assert_eq!(labour(dec("7.5"), dec("80")), Ok(dec("600")));
    }

    #[test]
    fn a_basis_tells_its_cost_again_after_a_journey_as_json() {
        for (json, cost) in [
            (r#"{"rule":"labour","hours":"7.5","rate":"80"}"#, "600"),
            (
                r#"{"rule":"tool","profile":"tool:a@1","inputTokens":1000,"outputTokens":500,"inputRate":"0.000003","outputRate":"0.000015"}"#,
                "0.0105",
            ),
            (
                r#"{"rule":"tool","profile":"tool:b@1","inputTokens":1,"outputTokens":3,"inputRate":"0.00000015","outputRate":"0.0000001"}"#,
                "0",
            ),
            (
                r#"{"rule":"compute","profile":"compute:m@1","hours":"2","kilowatts":"0.14","pricePerKwh":"0.15","hardwarePrice":"7199","lifetimeHours":"10000"}"#,
                "1.4818",
            ),
        ] {
            let basis: Basis = serde_json::from_str(json).unwrap();
            assert_eq!(basis.cost(), Ok(dec(cost)), "{json}");
            assert_eq!(serde_json::to_string(&basis).unwrap(), json);
        }
        assert!(serde_json::from_str::<Basis>(r#"{"rule":"labour","hours":"1","rate":"1","cost":"5"}"#).is_err());
    }

    #[test]
    fn wrong_inputs_are_named() {
        assert_eq!(labour(dec("-1"), dec("80")), Err(CostError::Negative { name: "hours", value: dec("-1") }));
        assert_eq!(labour(Decimal::MAX, dec("2")), Err(CostError::Overflow));
        let machine = ComputeUse {
            hours: dec("1"),
            kilowatts: dec("0"),
            price_per_kwh: dec("0"),
            hardware_price: dec("10"),
            lifetime_hours: dec("0"),
        };
        assert_eq!(compute(&machine), Err(CostError::NoLifetime));
    }

    #[test]
    fn commits_by_policy() {
        for (files, changed_lines, base, normalised) in [
            (0, 0, "0", "0.10"),
            (1, 0, "10", "0.25"),
            (3, 120, "30", "0.79"),
            (1, 2, "10", "0.25"),
            (1, 3, "10", "0.26"), // 0.256
            (2, 7, "20", "0.41"), // 0.414
            (0, 2_500, "0", "5.10"),
            (100, 100_000, "1000", "10.00"),
            (u32::MAX, u32::MAX, "42949672950", "10.00"),
        ] {
            let size = CommitSize { files, changed_lines };
            assert_eq!(CommitPolicy::Base.cost(size), dec(base));
            assert_eq!(CommitPolicy::default().cost(size), dec(normalised), "{size:?}");
        }
    }

    #[test]
    fn evidence_has_names_and_confidence() {
        let confidences: Vec<String> = Evidence::ALL.iter().map(|e| e.confidence().normalize().to_string()).collect();
        assert_eq!(confidences, ["0.1", "0.25", "0.4", "0.65", "0.75", "1", "1", "1"]);
        for kind in Evidence::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("hearsay".parse::<Evidence>().is_err());
    }
}
