//! Values at the edge: parsing what comes in, printing what goes out.

use alloy::primitives::{Address, B256, U256};
use domain::money::{ParseAddressError, parse_address};

use crate::problem::{FieldError, Problem, Result};

/// Why a text is not what its field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error(transparent)]
    Address(#[from] ParseAddressError),
    #[error("is not hex of at most 4096 bytes")]
    Signature,
    #[error("is not a whole number in decimal digits")]
    NotDigits,
    #[error("is larger than 256 bits")]
    TooLarge,
    #[error("is not 32 bytes of 0x-hex")]
    Hash,
    #[error("is a number below 100 000 000 000 000 with at most six decimals")]
    Millionths,
}

impl Malformed {
    /// Returns a stable word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address(error) => error.code(),
            Self::Signature => "not_a_signature",
            Self::NotDigits => "not_an_amount",
            Self::TooLarge => "amount_too_large",
            Self::Hash => "not_a_hash",
            Self::Millionths => "not_a_decimal",
        }
    }

    pub fn of(self, field: &str) -> FieldError {
        FieldError::new(field, self.code(), self)
    }
}

pub fn hex32(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

pub fn checksum(bytes: &[u8]) -> Result<String> {
    Ok(store::values::address(bytes)?.to_checksum(None))
}

/// Returns an address of 20 bytes; in mixed case its EIP-55 checksum must hold.
pub fn address_field(text: &str) -> Result<Address, Malformed> {
    Ok(parse_address(text)?)
}

/// Returns a hash of 32 bytes.
pub fn hash_field(text: &str) -> Result<B256, Malformed> {
    text.parse().map_err(|_| Malformed::Hash)
}

/// Returns a signature, 0x-hex: of a key, or whatever a contract account accepts.
pub fn signature_field(text: &str) -> Result<Vec<u8>, Malformed> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .ok()
        .filter(|bytes| bytes.len() <= 4096)
        .ok_or(Malformed::Signature)
}

/// Returns where a contributor is paid for a work: as the work's records say, or at the account that the
/// contributor is.
pub fn paid_at(recorded: Option<&[u8]>, key: &str) -> Result<Option<String>> {
    match recorded {
        Some(address) => checksum(address).map(Some),
        None => Ok(key.strip_prefix("account:").map(str::to_owned)),
    }
}

/// Returns a whole number of base units in decimal.
pub fn amount_field(text: &str) -> Result<U256, Malformed> {
    if text.is_empty() || text.len() > 78 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::NotDigits);
    }
    U256::from_str_radix(text, 10).map_err(|_| Malformed::TooLarge)
}

/// Returns an id as a path or a request writes it. A text that is no number becomes one that nothing has.
pub fn number(text: &str) -> i64 {
    text.parse().unwrap_or(-1)
}

/// Returns the id of something that a path or a request names.
pub fn id_of(what: &str, text: &str) -> Result<i64> {
    text.parse().map_err(|_| Problem::not_found(format!("{what} {text}")))
}

pub fn parse<T>(field: &'static str, text: &str, parser: impl Fn(&str) -> Result<T, Malformed>) -> Result<T> {
    parser(text).map_err(|malformed| Problem::fields(vec![malformed.of(field)]))
}

pub fn parse_optional<T>(
    field: &'static str,
    text: Option<&str>,
    parser: impl Fn(&str) -> Result<T, Malformed>,
) -> Result<Option<T>> {
    text.map(|text| parse(field, text, parser)).transpose()
}

/// A filter that has one of a few values, where it is given.
pub fn one_of(field: &'static str, value: Option<&str>, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if !known.contains(&value) => {
            Err(Problem::field(field, "unknown_value", format!("is one of {}", known.join(", "))))
        }
        _ => Ok(()),
    }
}
