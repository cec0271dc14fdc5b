//! Values that cross the driver as text. All others have types in [`::facts::value`].

use alloy_primitives::U256;

use crate::StoreError;

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
