//! The collaboration agent: partners for a work or a person, a split of shares, and what the team is worth.
//!
//! | module | what is in it |
//! |---|---|
//! | `people` | people's skills, and who worked with whom |
//! | `team` | diversity, balance, score; proposed splits |
//! | `advice` | partners with reasons |
//! | [`songs`] | how well partners can be predicted, learned and measured on charts |
//!
//! Every constant is a rule of `rules/collaboration.metta`.

mod advice;
mod people;
pub mod songs;
mod team;

pub use advice::{Advice, Partner, Question, Reason, advise};
pub use people::{People, Person, Together};
pub use team::{Member, SplitError, balance, diversity, split, team_score};
