//! The importer on real repositories.

mod coherence;
mod dependencies;
mod history;
mod limits;
mod npm;
mod payees;
mod places;
mod support;
mod tree;
