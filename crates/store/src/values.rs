//! Converts the database's types to Rust's: bytes to addresses and hashes, decimal text to amounts.

use alloy_primitives::{Address, B256, U256};

use crate::StoreError;

/// Reads a stored address.
///
/// # Errors
/// When the value does not have 20 bytes. The column's domain ensures that it has, so anything else is corruption.
pub fn address(bytes: &[u8]) -> Result<Address, StoreError> {
    Address::try_from(bytes).map_err(|_| corrupt("address", bytes))
}

/// Reads a stored hash.
///
/// # Errors
/// When the value does not have 32 bytes.
pub fn hash(bytes: &[u8]) -> Result<B256, StoreError> {
    B256::try_from(bytes).map_err(|_| corrupt("hash", bytes))
}

/// Reads a stored whole number from its text.
///
/// # Errors
/// When the text is not a decimal number, or has more than 256 bits.
pub fn amount(text: &str) -> Result<U256, StoreError> {
    U256::from_str_radix(text, 10).map_err(|_| StoreError::Corrupt { what: "amount", value: text.to_owned() })
}

/// Returns bytes in PostgreSQL's own text form, for rows that travel as JSON.
pub fn hex_bytes(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}

fn corrupt(what: &'static str, bytes: &[u8]) -> StoreError {
    StoreError::Corrupt { what, value: hex::encode(bytes) }
}
