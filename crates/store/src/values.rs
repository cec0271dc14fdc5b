//! Between Rust's types and the database's: bytes to addresses and hashes, decimal text to amounts.

use alloy_primitives::{Address, B256, U256};

use crate::StoreError;

/// A stored address. The column's domain holds 20 bytes, so anything else is corruption.
pub fn address(bytes: &[u8]) -> Result<Address, StoreError> {
    Address::try_from(bytes).map_err(|_| corrupt("address", bytes))
}

/// A stored hash of 32 bytes.
pub fn hash(bytes: &[u8]) -> Result<B256, StoreError> {
    B256::try_from(bytes).map_err(|_| corrupt("hash", bytes))
}

/// A stored whole number, read as text.
pub fn amount(text: &str) -> Result<U256, StoreError> {
    U256::from_str_radix(text, 10).map_err(|_| StoreError::Corrupt { what: "amount", value: text.to_owned() })
}

/// Bytes in PostgreSQL's own text form, for rows that travel as JSON.
pub fn hex_bytes(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}

fn corrupt(what: &'static str, bytes: &[u8]) -> StoreError {
    StoreError::Corrupt { what, value: hex::encode(bytes) }
}
