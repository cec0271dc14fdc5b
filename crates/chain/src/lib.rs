//! The chain as a client sees it: connecting, sending transactions exactly once, deploying the contracts.

pub mod deploy;
pub mod local;
pub mod rpc;
pub mod sender;
