//! The chain as a client sees it: connecting, reading from several endpoints, sending transactions exactly once, deploying the contracts.

pub mod deploy;
pub mod local;
pub mod pool;
pub mod rpc;
pub mod sender;
