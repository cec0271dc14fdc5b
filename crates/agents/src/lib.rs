//! The agents that advise: models learned from the market's own history, rules kept as data, and advice that names its reasons.
//!
//! Everything here is a pure function of its inputs: the same history, rules and question give the same bytes. Nothing asks a
//! clock, draws unseeded numbers or depends on how many threads run.

pub mod collaboration;
pub mod csv;
mod digest;
pub mod document;
pub mod evaluate;
pub mod market;
pub mod pricing;
pub mod risk;
pub mod rules;
pub mod sales;
