//! Predicts who will work together next, measured on songs: a ranking that is learned from charts, for each year from
//! the years before it.
//!
//! | module | what is in it |
//! |---|---|
//! | `catalogue` | songs with their artists |
//! | `snapshot` | artists and their ties on the first day of a year |
//! | `walk`, `words` | nearness by ties, similarity by words |
//! | `features` | the features of a pair |
//! | `ranking` | learning and ranking |

mod catalogue;
mod features;
mod ranking;
mod snapshot;
mod walk;
mod words;

pub use catalogue::{Catalogue, Song};
pub use ranking::{Ranking, Schedule, answers, rankings};
