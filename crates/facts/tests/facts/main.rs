//! What the vocabulary of facts promises to those who store and read them.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod kinds;
mod old;
mod state;
mod streams;
