//! Amounts, shares and identifiers.
//!
//! Each is a type of its own, so that a share cannot be passed where an amount is wanted, and each has exactly one
//! spelling as text: an amount is a plain decimal number of base units, the same in JSON, in SQL and in a log.

use std::{fmt, iter, str::FromStr};

pub use alloy_primitives::{Address, B256, U256};
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

/// The number is above 10 000, so it is not a share.
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
    }
}
