//! The rules as a whole: known answers, properties, a slow and obvious second implementation, and scale.

mod build;
mod derivation;
mod differential;
mod distribution;
mod merkle;
mod properties;
mod reference;
mod scale;
