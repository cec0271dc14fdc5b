//! From income on chain to claims on chain, against a real chain and a real database.

mod advice;
mod anchor;
mod books;
mod deliveries;
mod distribution;
mod jobs;
mod killed;
mod market;
mod partners;
mod release;
mod repositories;
mod resilience;
mod risk;
mod roots;
mod stage;
mod told;
