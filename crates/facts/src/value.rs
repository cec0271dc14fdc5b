//! How facts write addresses, hashes, amounts and row numbers as JSON. Each has one spelling, so that equal facts have equal bytes.

use std::{borrow::Cow, fmt, str::FromStr};

use domain::{AssetId, money};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// An account or contract: its address, `0x` and 40 hexadecimal digits with the checksum of EIP-55.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(pub domain::Address);

/// A hash of 32 bytes: `0x` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub domain::B256);

/// An amount in base units of a currency, as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Units(pub domain::Amount);

/// The number of a row in one of Tributary's own tables (a work, a contribution, a distribution), as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub i64);

/// The number of an asset in its registry, as a decimal string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset(pub AssetId);

/// The number of a chain (EIP-155), as a JSON number. It is at most 2^63 - 37 (EIP-2294), so that it fits a `bigint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub u64);

impl ChainId {
    /// The number as PostgreSQL stores it. A number beyond EIP-2294 would become the largest one, which no chain has.
    pub fn get(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChainId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("the number of a chain", text))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_checksum(None))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.fmt(f)
    }
}

/// The text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseError {
    /// What was expected, with its article.
    pub expected: &'static str,
    /// What was found.
    pub text: String,
}

impl ParseError {
    pub(crate) fn new(expected: &'static str, text: &str) -> Self {
        Self { expected, text: text.to_owned() }
    }
}

impl FromStr for Account {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("an address", text))
    }
}

impl FromStr for Hash {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("a hash of 32 bytes", text))
    }
}

impl FromStr for Units {
    type Err = money::ParseAmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl FromStr for Id {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self).map_err(|_| ParseError::new("a number", text))
    }
}

impl FromStr for Asset {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = text.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok());
        number.map(|number| Self(AssetId(number))).ok_or_else(|| ParseError::new("the number of an asset", text))
    }
}

/// Implements JSON strings by `Display` and `FromStr`, with a schema that describes their form.
macro_rules! texts {
    ($($name:ident, $pattern:literal, $description:literal;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new().schema_type(Type::String).pattern(Some($pattern)).description(Some($description));
                object.build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

texts! {
    Account, "^0x[0-9a-fA-F]{40}$", "An address with the checksum of EIP-55.";
    Hash, "^0x[0-9a-f]{64}$", "A hash of 32 bytes.";
    Units, "^(0|[1-9][0-9]*)$", "An amount in base units of its currency.";
    Id, "^[1-9][0-9]*$", "The number of a row in one of Tributary's own tables.";
    Asset, "^[1-9][0-9]*$", "The number of an asset in its registry.";
}

impl From<domain::Address> for Account {
    fn from(address: domain::Address) -> Self {
        Self(address)
    }
}

impl From<domain::B256> for Hash {
    fn from(hash: domain::B256) -> Self {
        Self(hash)
    }
}

impl From<domain::U256> for Units {
    fn from(amount: domain::U256) -> Self {
        Self(domain::Amount(amount))
    }
}

impl From<u128> for Units {
    fn from(units: u128) -> Self {
        Self(units.into())
    }
}

impl From<domain::Amount> for Units {
    fn from(amount: domain::Amount) -> Self {
        Self(amount)
    }
}

impl From<i64> for Id {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

impl From<u64> for ChainId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

impl From<u64> for Asset {
    fn from(id: u64) -> Self {
        Self(AssetId(id))
    }
}
