//! Values at the edge: parsing what comes in, printing what goes out.

use alloy::primitives::{Address, U256};

use crate::problem::{Problem, Result};

pub fn hex32(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

pub fn checksum(bytes: &[u8]) -> Result<String> {
    Ok(store::values::address(bytes)?.to_checksum(None))
}

/// An address of 20 bytes; in mixed case its EIP-55 checksum must hold.
pub fn address_field(text: &str) -> Result<Address, &'static str> {
    let address: Address = text.parse().map_err(|_| "is not an address of 20 bytes, 0x-hex")?;
    let digits = text.trim_start_matches("0x");
    let mixed = digits.chars().any(|c| c.is_ascii_uppercase()) && digits.chars().any(|c| c.is_ascii_lowercase());
    if mixed && address.to_checksum(None).trim_start_matches("0x") != digits {
        return Err("has a wrong checksum (EIP-55): a character is mistyped");
    }
    Ok(address)
}

/// A signature, 0x-hex: of a key, or whatever a contract account accepts.
pub fn signature_field(text: &str) -> Result<Vec<u8>, &'static str> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .ok()
        .filter(|bytes| bytes.len() <= 4096)
        .ok_or("is not hex of at most 4096 bytes")
}

/// Where a contributor is paid for a work: as the work's records say, or at the account that the contributor is.
pub fn paid_at(recorded: Option<&[u8]>, key: &str) -> Result<Option<String>> {
    match recorded {
        Some(address) => checksum(address).map(Some),
        None => Ok(key.strip_prefix("account:").map(str::to_owned)),
    }
}

/// A whole number of base units in decimal.
pub fn amount_field(text: &str) -> Result<U256, &'static str> {
    if text.is_empty() || text.len() > 78 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number in decimal digits");
    }
    U256::from_str_radix(text, 10).map_err(|_| "is larger than 256 bits")
}

/// A number as a path or a request writes it; what is none names nothing.
pub fn number(text: &str) -> i64 {
    text.parse().unwrap_or(-1)
}

/// Why something was decided so, for those it concerns.
pub fn check_reason(text: &str) -> Result<()> {
    if text.chars().count() > 500 {
        return Err(Problem::fields(vec![("reason", "has at most 500 characters".into())]));
    }
    Ok(())
}

pub fn parse<T>(field: &'static str, text: &str, parser: impl Fn(&str) -> Result<T, &'static str>) -> Result<T> {
    parser(text).map_err(|message| Problem::fields(vec![(field, message.to_owned())]))
}

pub fn parse_optional<T>(
    field: &'static str,
    text: Option<&str>,
    parser: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Option<T>> {
    text.map(|text| parse(field, text, parser)).transpose()
}
