//! Simulated chains: blocks of the market's traffic, made from a seed, with real headers. The same seed makes the same
//! chain on every machine.
//!
//! `traffic` makes what the contracts would log, `block` seals it, and `rpc` is the protocol of nodes. `replay` serves a
//! long settled chain from memory. `chain` grows and forks, and `endpoint` serves it as nodes do, with faults and lies.

pub mod block;
pub mod chain;
pub mod endpoint;
pub mod replay;
mod rng;
pub mod rpc;
pub mod traffic;

pub use rng::Rng;

/// The chain id of simulated chains.
pub const CHAIN_ID: u64 = 31337;
/// Seconds since 1970 at which block 0 of a simulated chain was made.
pub const GENESIS_TIME: u64 = 1_750_000_000;
/// Seconds from a block to the next.
pub const BLOCK_TIME: u64 = 12;
