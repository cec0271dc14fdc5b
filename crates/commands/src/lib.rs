//! What the marketplace can be asked to do. There is one file for each command, and nothing about HTTP.
//!
//! A command takes a transaction and typed input, applies the rules of [`domain`], stores what follows, and tells the
//! ledger and the outbox of it. Nothing is true before the caller commits, so several commands can share a transaction.
//! What a command refuses, it reports as an [`Error`] with a stable code. How that is shown is up to the caller, be it the
//! HTTP API, a job or the command line.
//!
//! | command | what it does |
//! |---|---|
//! | [`place_order`] | stores a signed order, once the chain says that it could be filled |
//! | [`create_work`] | describes an upload as a work |
//! | [`set_policy`] | changes who may propose contributions to a work |
//! | [`record_contributions`] | records contributions to one's own work, or proposes them to another's |
//! | [`decide_contributions`] | accepts or rejects what others proposed |
//! | [`correct_contribution`] | puts another revision in a contribution's place |
//! | [`import_repository`] | records a repository as a work, with its people, commits and dependencies |
//! | [`measure_work`] | measures the coherence of a version of a work |
//! | [`claim_identity`] | says that a name is an account's |
//! | [`decide_identity`] | confirms or refuses such a claim |
//! | [`apply_delivery`] | records as contributions what GitHub delivered about a work |
//!
//! A command that asks the chain does so before it needs the transaction, so that no connection waits for the node.

pub mod apply_delivery;
pub mod changes;
pub mod claim_identity;
pub mod correct_contribution;
pub mod create_work;
pub mod decide_contributions;
pub mod decide_identity;
mod error;
pub mod import_repository;
pub mod measure_work;
pub mod node;
pub mod nonce;
pub mod place_order;
pub mod record_contributions;
pub mod set_policy;
pub mod signature;

use advisors::risk::Memory;
use alloy::{primitives::Address, providers::DynProvider};
pub use error::{Conflict, Error, Fault};
pub use importer::Programs;
use store::deployments::Deployment;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A transaction that a command works in.
pub type Tx = sqlx::Transaction<'static, sqlx::Postgres>;

/// The chain that a command asks, and what is known of it.
#[derive(Clone, Copy)]
pub struct Market<'a> {
    pub provider: &'a DynProvider,
    pub deployment: Deployment,
    /// What the risk agent knows.
    pub risk: &'a Memory,
}

/// The account that a command is carried out for. Whoever calls the command has checked that it is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor(pub Address);
