//! Against a real PostgreSQL: what is stored, what is not, and what others see of it meanwhile.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod books;
mod catalogue;
mod contributions;
mod ledger;
mod lineage;
mod outbox;
mod pool;
mod read;
mod roots;
mod schema;
mod trade;
