//! What the agents learn with: gradient boosting, ranges that cover what they promise, and the statistics of both.
//!
//! Everything here is a pure function of its inputs: the same table and settings give the same model, byte for byte. It is a crate
//! of its own because it is all arithmetic in loops: it is compiled with optimisation even where the rest is not.

pub mod boost;
pub mod conformal;
#[cfg(test)]
#[path = "../tests/noise/mod.rs"]
mod noise;
pub mod statistics;
