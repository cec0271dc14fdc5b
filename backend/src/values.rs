//! Values at the edge of the program: parses input and prints output.

use alloy::primitives::{Address, B256, U256};
use domain::money::{ParseAddressError, parse_address};
use facts::Account;

use crate::problem::{FieldError, Problem, Result};

/// The reason why a text is not a value of its field.
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
    /// Returns the stable code of the fault, for programs.
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

/// Reads an address of 20 bytes. In mixed case, its EIP-55 checksum must hold.
///
/// # Errors
/// When the text is not an address, or its checksum is wrong.
pub fn address_field(text: &str) -> Result<Address, Malformed> {
    Ok(parse_address(text)?)
}

/// Reads a hash of 32 bytes.
///
/// # Errors
/// When the text is not such a hash.
pub fn hash_field(text: &str) -> Result<B256, Malformed> {
    text.parse().map_err(|_| Malformed::Hash)
}

/// Reads a signature in 0x-hex: of a key, or whatever a contract account accepts.
///
/// # Errors
/// When the text is not hex, or longer than 4096 bytes.
pub fn signature_field(text: &str) -> Result<Vec<u8>, Malformed> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .ok()
        .filter(|bytes| bytes.len() <= 4096)
        .ok_or(Malformed::Signature)
}

/// Returns where a contributor is paid for a work: at the recorded address, or at the account that the
/// contributor is.
pub fn paid_at(recorded: Option<Account>, key: &str) -> Option<String> {
    recorded.map(|account| account.to_string()).or_else(|| key.strip_prefix("account:").map(str::to_owned))
}

/// Reads a whole number of base units in decimal.
///
/// # Errors
/// When the text is not a decimal number below 2^256.
pub fn amount_field(text: &str) -> Result<U256, Malformed> {
    if text.is_empty() || text.len() > 78 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::NotDigits);
    }
    U256::from_str_radix(text, 10).map_err(|_| Malformed::TooLarge)
}

/// Reads the id of something that a path or a request names.
///
/// # Errors
/// When the text is not a number. The problem is that there is no such thing.
pub fn id_of(what: &str, text: &str) -> Result<i64> {
    text.parse().map_err(|_| Problem::not_found(format!("{what} {text}")))
}

/// Reads a field of a request.
///
/// # Errors
/// When the text is malformed. The problem names the field.
pub fn parse<T>(field: &'static str, text: &str, parser: impl Fn(&str) -> Result<T, Malformed>) -> Result<T> {
    parser(text).map_err(|malformed| Problem::fields(vec![malformed.of(field)]))
}

/// Reads a field of a request, if it is given.
///
/// # Errors
/// When the text is malformed. The problem names the field.
pub fn parse_optional<T>(
    field: &'static str,
    text: Option<&str>,
    parser: impl Fn(&str) -> Result<T, Malformed>,
) -> Result<Option<T>> {
    text.map(|text| parse(field, text, parser)).transpose()
}

/// Checks that a filter, if it is given, has one of a few values.
///
/// # Errors
/// When the value is not a known one.
pub fn one_of(field: &'static str, value: Option<&str>, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if !known.contains(&value) => {
            Err(Problem::field(field, "unknown_value", format!("is one of {}", known.join(", "))))
        }
        _ => Ok(()),
    }
}
