//! The API as its users see it, on the real stack. There is one module per noun; `app` starts
//! everything.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod agents;
mod app;
mod assets;
mod coherence;
mod contributions;
mod costs;
mod github;
mod identities;
mod ledger;
mod market;
mod metadata;
mod money;
mod node;
mod offers;
mod orders;
mod partners;
mod proposals;
mod risk;
mod service;
mod sessions;
mod sign_in;
mod uploads;
mod works;
