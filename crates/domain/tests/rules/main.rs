//! The rules as a whole: known answers, properties, slow and obvious second implementations, and scale.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod agreement;
mod build;
mod canonical;
mod carried;
mod contribution;
mod derivation;
mod differential;
mod distribution;
mod ledger;
mod lineage;
mod merkle;
mod obvious;
mod order;
mod properties;
mod reference;
mod scale;
