//! From income on chain to claims on chain, against a real chain and a real database.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod advice;
mod anchor;
mod books;
mod deliveries;
mod distribution;
mod jobs;
mod killed;
mod market;
mod partners;
mod release;
mod repositories;
mod resilience;
mod risk;
mod roots;
mod stage;
mod told;
