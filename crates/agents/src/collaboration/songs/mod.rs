//! Who will work together next, measured on songs: a ranking learned from charts, each year from the years before it.
//!
//! | module | what is in it |
//! |---|---|
//! | `catalogue` | songs with their artists |
//! | `snapshot` | artists and their ties on the first day of a year |
//! | `walk`, `words` | nearness by ties, likeness by words |
//! | `features` | what a pair looks like |
//! | `ranking` | learning and ranking |

mod catalogue;
mod features;
mod ranking;
mod snapshot;
mod walk;
mod words;

pub use catalogue::{Catalogue, Song};
pub use ranking::{Ranking, Schedule, answers, rankings};
