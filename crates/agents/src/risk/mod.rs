//! The risk agent: how likely accounts, works, sales and orders are fraudulent, why, and what to do about it.
//!
//! | module | what is in it |
//! |---|---|
//! | [`ratings`] | a model of who will be rated negatively, which learns as ratings come |
//! | [`trade`] | detectors over transfers, payments and registrations |
//! | `market` | records with what the detectors found, ready to be asked |
//! | `watch` | watch lists |
//! | `advice` | probability, reasons, vetoes, escrow and haircut |
//! | `screen` | orders, before they are shown and before they are bought |
//!
//! Every constant is a rule of `rules/risk.metta`. A probability begins with what a model learned about the subject, or with
//! the rules' prior. Signs add their weights in log-odds. A [`ratings::Calibration`] turns the sum into a probability that
//! comes true as often as it says, as far as outcomes are known.

mod advice;
mod market;
pub mod ratings;
mod rules;
mod screen;
pub mod trade;
mod watch;

pub use advice::{Advice, Learned, PriceRange, Reason, Sources, Subject, WorkFacts, assess};
pub use market::{FundedSale, Market, Records};
pub use rules::{AmountLimits, Limits};
pub use screen::{Context, Decision, Order, Screening, screen};
pub use watch::{Entry, ScoreError, WatchList, Watched};
