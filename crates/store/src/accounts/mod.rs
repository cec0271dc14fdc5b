//! What belongs to accounts: sessions, the nonces that they sign, and the names that they claim.

pub mod identities;
pub mod nonces;
pub mod sessions;
