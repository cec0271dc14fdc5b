//! The importer on real repositories.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod coherence;
mod damaged;
mod dependencies;
mod exclusion;
mod history;
mod limits;
mod npm;
mod payees;
mod places;
mod support;
mod tree;
