//! Commands without HTTP, against a real PostgreSQL.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod apply_delivery;
mod imports;
mod one_transaction;
mod repo;
