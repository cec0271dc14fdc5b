//! Amounts, shares and identifiers.
//!
//! Each is a type of its own, so that a share cannot be passed where an amount is wanted, and each has exactly one
//! spelling as text: an amount is a plain decimal number of base units, the same in JSON, in SQL and in a log.

use std::{fmt, iter, str::FromStr};

pub use alloy_primitives::{Address, B256, U256};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The reason why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmountError {
    /// The text has anything but the digits 0 to 9 (a sign, a space, a point, an exponent), or is empty.
    #[error("`{0}` is not an amount: write base units in digits only, without sign, point or spaces")]
    NotDigits(String),
    /// The number begins with a zero. `007` would be `7`, but each value has only one spelling.
    #[error("`{0}` is not an amount: leave out the leading zeros")]
    LeadingZero(String),
    /// The number is 2^256 or more.
    #[error("`{0}` is not an amount: it does not fit 256 bits")]
    TooLarge(String),
}

/// The reason why a text is not an account's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseAddressError {
    /// The text is not made of 40 hexadecimal digits.
    #[error("is not an address of 20 bytes, 0x-hex")]
    NotAddress,
    /// The text has letters in both cases, which carry a checksum, and the checksum is wrong.
    #[error("has a wrong checksum (EIP-55): a character is mistyped")]
    Checksum,
}

impl ParseAddressError {
    /// Returns the stable code of the fault, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAddress => "not_an_address",
            Self::Checksum => "wrong_checksum",
        }
    }
}

/// Reads an account's address from 0x-hex. In mixed case, its EIP-55 checksum must hold.
///
/// # Errors
/// When the text is not an address, or its checksum is wrong.
pub fn parse_address(text: &str) -> Result<Address, ParseAddressError> {
    let address: Address = text.parse().map_err(|_| ParseAddressError::NotAddress)?;
    let digits = text.trim_start_matches("0x");
    let mixed = digits.chars().any(|c| c.is_ascii_uppercase()) && digits.chars().any(|c| c.is_ascii_lowercase());
    if mixed && address.to_checksum(None).trim_start_matches("0x") != digits {
        return Err(ParseAddressError::Checksum);
    }
    Ok(address)
}

/// An amount of some token, in its base units (wei for ether). The token is known from the context.
///
/// Written as a decimal string everywhere, because JSON numbers lose digits beyond 2^53.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub U256);

impl Amount {
    /// The amount zero.
    pub const ZERO: Self = Self(U256::ZERO);

    /// Returns whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Returns the sum, or `None` when it does not fit in 256 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Returns the difference, or `None` when it is below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Returns the sum of all amounts, or `None` when it does not fit in 256 bits.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl From<u64> for Amount {
    fn from(units: u64) -> Self {
        Self(U256::from(units))
    }
}

impl From<u128> for Amount {
    fn from(units: u128) -> Self {
        Self(U256::from(units))
    }
}

impl From<U256> for Amount {
    fn from(units: U256) -> Self {
        Self(units)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Amount {
    type Err = ParseAmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseAmountError::NotDigits(text.to_owned()));
        }
        if text.len() > 1 && text.starts_with('0') {
            return Err(ParseAmountError::LeadingZero(text.to_owned()));
        }
        U256::from_str_radix(text, 10).map(Self).map_err(|_| ParseAmountError::TooLarge(text.to_owned()))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Serialises a bare [`U256`] as a decimal string: `#[serde(with = "domain::money::decimal")]`.
pub mod decimal {
    use super::{Amount, Deserialize, Deserializer, Serialize, Serializer, U256};

    /// Writes the decimal digits.
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(value: &U256, serializer: S) -> Result<S::Ok, S::Error> {
        Amount(*value).serialize(serializer)
    }

    /// Reads decimal digits, as strictly as [`Amount`].
    ///
    /// # Errors
    /// When the deserializer fails, or the text is not an amount.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
        Amount::deserialize(deserializer).map(|amount| amount.0)
    }
}

/// Returns `amount` in whole tokens, for people: `format_units(1_500_000, 6)` is `1.5`. It is exact; trailing
/// zeros are left out.
///
/// ```
/// use domain::money::{Amount, format_units};
/// assert_eq!(format_units(Amount::from(1_500_000_u64), 6), "1.5");
/// assert_eq!(format_units(Amount::from(7_u64), 18), "0.000000000000000007");
/// ```
pub fn format_units(amount: Amount, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = amount.to_string();
    let padded: String =
        iter::repeat_n('0', (decimals + 1).saturating_sub(digits.len())).chain(digits.chars()).collect();
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// Why a number of whole tokens is not an amount of base units.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitsError {
    /// Anything but digits, with or without a point and more digits after it.
    #[error("`{0}` is not a number of tokens: write digits, and decimals after a point")]
    NotDecimal(String),
    /// A base unit cannot be divided.
    #[error("`{text}` has more than {decimals} decimals")]
    TooManyDecimals {
        /// The number as it was written.
        text: String,
        /// How many the token has.
        decimals: u8,
    },
    /// No amount is below zero.
    #[error("{0} is below zero")]
    Negative(Decimal),
    /// In base units it is 2^256 or more.
    #[error("{0} tokens do not fit 256 bits in base units")]
    TooLarge(String),
}

/// The base units of a number of whole tokens, as people write it: what [`format_units`] wrote, read back. Exact.
///
/// ```
/// use domain::money::{Amount, parse_units};
/// assert_eq!(parse_units("1.5", 6), Ok(Amount::from(1_500_000_u64)));
/// assert!(parse_units("1.0000001", 6).is_err(), "a base unit cannot be divided");
/// assert!(parse_units("", 6).is_err(), "nothing is not zero");
/// ```
///
/// # Errors
/// When the text is no such number, has more decimals than the token, or is too large.
pub fn parse_units(text: &str, decimals: u8) -> Result<Amount, UnitsError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(UnitsError::NotDecimal(text.to_owned()));
    }
    let missing = usize::from(decimals)
        .checked_sub(fraction.len())
        .ok_or_else(|| UnitsError::TooManyDecimals { text: text.to_owned(), decimals })?;
    let digits: String = whole.chars().chain(fraction.chars()).chain(iter::repeat_n('0', missing)).collect();
    U256::from_str_radix(&digits, 10).map(Amount).map_err(|_| UnitsError::TooLarge(text.to_owned()))
}

/// A currency as people know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    /// What stands after an amount of it.
    pub symbol: &'static str,
    /// One whole of it is 10 to the power of so many base units.
    pub decimals: u8,
}

/// The chain's own coin, whose address is zero. It is the only currency whose symbol and decimals are known here.
pub const COIN: Currency = Currency { symbol: "ETH", decimals: 18 };

impl Currency {
    /// An amount with its unit, for people: `1.5 ETH`. Exact.
    pub fn format(self, amount: Amount) -> String {
        format!("{} {}", format_units(amount, self.decimals), self.symbol)
    }

    /// The base units of a number of whole coins. What is less than one base unit is left out.
    ///
    /// ```
    /// use domain::money::{Amount, COIN};
    /// assert_eq!(COIN.base_units("0.0000000000000000019".parse()?), Ok(Amount::from(1_u64)));
    /// # Ok::<(), rust_decimal::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the number is below zero, or too large.
    pub fn base_units(self, coins: Decimal) -> Result<Amount, UnitsError> {
        let mantissa = u128::try_from(coins.mantissa()).map_err(|_| UnitsError::Negative(coins))?;
        let (mantissa, decimals) = (U256::from(mantissa), u32::from(self.decimals));
        let power = |exponent: u32| U256::from(10).checked_pow(U256::from(exponent));
        let units = match decimals.checked_sub(coins.scale()) {
            Some(more) => power(more).and_then(|factor| mantissa.checked_mul(factor)),
            None => power(coins.scale() - decimals).and_then(|divisor| mantissa.checked_div(divisor)),
        };
        units.map(Amount).ok_or_else(|| UnitsError::TooLarge(coins.to_string()))
    }
}

/// A number above 10 000 is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} basis points are more than the whole: at most 10000")]
pub struct BasisPointsError(pub u64);

/// A share in hundredths of a percent, from 0 to 10 000. A number in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// The share zero.
    pub const ZERO: Self = Self(0);
    /// The whole: 10 000.
    pub const FULL: Self = Self(10_000);

    /// Creates a share that is known when the program is written. In a `const`, a share above 10 000 does not
    /// compile.
    ///
    /// # Panics
    /// When `points` is above 10 000. Use `try_from` for numbers that come from outside.
    pub const fn new(points: u16) -> Self {
        assert!(points <= 10_000, "more than 10000 basis points");
        Self(points)
    }

    /// Returns the number, 0 to 10 000.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns what is left of the whole.
    pub const fn complement(self) -> Self {
        Self(10_000 - self.0)
    }

    /// Returns the number as a weight, for a division.
    pub fn weight(self) -> U256 {
        U256::from(self.0)
    }
}

impl TryFrom<u16> for BasisPoints {
    type Error = BasisPointsError;

    fn try_from(points: u16) -> Result<Self, Self::Error> {
        if points <= 10_000 { Ok(Self(points)) } else { Err(BasisPointsError(points.into())) }
    }
}

impl TryFrom<u64> for BasisPoints {
    type Error = BasisPointsError;

    fn try_from(points: u64) -> Result<Self, Self::Error> {
        u16::try_from(points).map_err(|_| BasisPointsError(points))?.try_into()
    }
}

impl From<BasisPoints> for u16 {
    fn from(share: BasisPoints) -> Self {
        share.0
    }
}

impl fmt::Display for BasisPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
    }
}

/// The number of a registered work, which is its ERC-721 token id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AssetId(pub u64);

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for AssetId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// SHA-256 of a work's bytes, as it stands on chain. `0x` and 64 hex digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(pub B256);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for ContentHash {
    type Err = <B256 as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_has_one_spelling() {
        assert_eq!("0".parse(), Ok(Amount::ZERO));
        assert_eq!("1208925819614629174706176".parse(), Ok(Amount(U256::from(1_u8) << 80)));
        for wrong in ["", "+1", "-1", " 1", "1 ", "1.0", "1e3", "0x1", "1_000", "٣"] {
            assert_eq!(wrong.parse::<Amount>(), Err(ParseAmountError::NotDigits(wrong.into())), "{wrong:?}");
        }
        assert_eq!("007".parse::<Amount>(), Err(ParseAmountError::LeadingZero("007".into())));
        assert_eq!(Amount(U256::MAX).to_string().parse(), Ok(Amount(U256::MAX)));
        let beyond = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        assert_eq!(beyond.parse::<Amount>(), Err(ParseAmountError::TooLarge(beyond.into())));
    }

    #[test]
    fn sums_and_differences_stop_at_the_borders() {
        let one = Amount::from(1_u64);
        assert_eq!(Amount(U256::MAX).checked_add(one), None);
        assert_eq!(Amount::ZERO.checked_sub(one), None);
        assert_eq!(Amount::checked_sum([one, one, one]), Some(Amount::from(3_u64)));
        assert_eq!(Amount::checked_sum([Amount(U256::MAX), one]), None);
    }

    #[test]
    fn units_for_people() {
        for (units, decimals, text) in [
            (0_u64, 18, "0"),
            (1, 0, "1"),
            (100, 2, "1"),
            (58_333, 2, "583.33"),
            (5, 2, "0.05"),
            (1_500_000, 6, "1.5"),
            (10_000_000, 6, "10"),
        ] {
            assert_eq!(format_units(Amount::from(units), decimals), text);
        }
        assert!(format_units(Amount::from(1_u64), u8::MAX).ends_with("01"));
    }

    #[test]
    fn units_as_people_write_them() {
        for (text, decimals, units) in [
            ("0", 18, 0_u64),
            ("1", 0, 1),
            ("583.33", 2, 58_333),
            ("0.05", 2, 5),
            ("1.5", 6, 1_500_000),
            ("007.10", 2, 710),
        ] {
            assert_eq!(parse_units(text, decimals), Ok(Amount::from(units)), "{text}");
        }
        for wrong in ["", ".", ".5", "-1", "+1", " 1", "1 ", "1,5", "1e3", "0x1", "1_000", "1.2.3", "NaN", "١"] {
            assert_eq!(parse_units(wrong, 6), Err(UnitsError::NotDecimal(wrong.into())), "{wrong:?}");
        }
        assert!(matches!(parse_units("1.001", 2), Err(UnitsError::TooManyDecimals { decimals: 2, .. })));
        assert!(matches!(parse_units(&U256::MAX.to_string(), 1), Err(UnitsError::TooLarge(_))));
        assert_eq!(parse_units(&U256::MAX.to_string(), 0), Ok(Amount(U256::MAX)));
    }

    #[test]
    fn coins_in_base_units() {
        for (coins, units) in [
            ("0", 0_u64),
            ("1", 1_000_000_000_000_000_000),
            ("0.00123457", 1_234_570_000_000_000),
            ("0.000000000000000001", 1),
            // Less than one base unit, and a fraction of one.
            ("0.0000000000000000009", 0),
            ("0.0000000000000000019", 1),
        ] {
            assert_eq!(COIN.base_units(coins.parse().unwrap()), Ok(Amount::from(units)), "{coins}");
        }
        let most = COIN.base_units(Decimal::MAX).unwrap();
        assert_eq!(most.to_string(), format!("{}{}", Decimal::MAX, "0".repeat(18)));
        let below: Decimal = "-0.5".parse().unwrap();
        assert_eq!(COIN.base_units(below), Err(UnitsError::Negative(below)));
        let fine = Currency { symbol: "FINE", decimals: 77 };
        assert_eq!(fine.base_units(Decimal::from(2)), Err(UnitsError::TooLarge("2".into())));
        assert_eq!(Currency { symbol: "X", decimals: u8::MAX }.base_units(Decimal::ONE).ok(), None);
        assert_eq!(COIN.format(Amount::from(1_500_000_000_000_000_000_u64)), "1.5 ETH");
    }

    #[test]
    fn a_share_is_at_most_the_whole() {
        assert_eq!(BasisPoints::try_from(10_000_u16), Ok(BasisPoints::FULL));
        assert_eq!(BasisPoints::try_from(10_001_u16), Err(BasisPointsError(10_001)));
        assert_eq!(BasisPoints::try_from(75_536_u64), Err(BasisPointsError(75_536)), "no wrapping round");
        assert_eq!(BasisPoints::new(1_500).complement(), BasisPoints::new(8_500));
        assert_eq!(BasisPoints::new(1_505).to_string(), "15.05 %");
    }

    proptest! {
        #[test]
        fn text_and_amount_are_the_same(limbs: [u64; 4]) {
            let amount = Amount(U256::from_limbs(limbs));
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }

        #[test]
        fn what_people_read_is_the_amount(limbs: [u64; 4], decimals: u8) {
            let amount = Amount(U256::from_limbs(limbs));
            prop_assert_eq!(parse_units(&format_units(amount, decimals), decimals), Ok(amount));
        }

        #[test]
        fn coins_become_what_they_are_written_as(mantissa: u64, scale in 0_u32..19) {
            let coins = Decimal::from_i128_with_scale(mantissa.into(), scale);
            prop_assert_eq!(COIN.base_units(coins), parse_units(&coins.to_string(), COIN.decimals));
        }
    }
}
