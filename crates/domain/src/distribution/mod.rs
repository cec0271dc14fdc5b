//! The distribution engine: one exact division of income over everyone upstream (rules, section 2).
//!
//! A [`Graph`] holds works, what was contributed to them, and the edges to the works they were made from, their parents.
//! [`distribute`] takes an amount that arrived at one work and follows it up:
//!
//! 1. The protocol fee is taken once, at the start.
//! 2. At every work the fixed shares ([`SharedEdges`]) are taken first. Each is split over its parents by use.
//! 3. The rest is divided by weight over the contributions and the edges that carry a cost.
//! 4. The part of a SYSTEM goes to the human who triggered it, through any chain of SYSTEMs. If nobody triggered it, it
//!    goes to the owners.
//! 5. The part of an edge is income of the parent, and is divided there in the same way, without decay.
//! 6. A work without weighted contributions or cost edges pays its owners by shares.
//! 7. A work without owners that is not registered here keeps the rest in reserve. A registered work without owners is an
//!    error, and nothing is paid.
//!
//! 8. An account is paid what it earned and what earlier distributions in the same currency carried for it, unless the sum
//!    is below [`Options::min_payout`]. Then it is carried. What is reserved is not paid, and has no least amount.
//!
//! [`Input`] holds everything that decides a distribution. Input and result have canonical bytes, which are the same for
//! the same content in whatever order it was given. Stored with their SHA-256, they let anyone divide again and compare,
//! years later.
//!
//! Every division is by [largest remainder](crate::split::largest_remainder) with ties to the lower id, so at every work
//! what came in equals what went out, to the last unit. The result does not depend on the order in which works,
//! contributions, edges or owners were given. Each work is processed once, children before parents, without recursion.
//! Apart from sorting, the time is linear in works, contributions and edges.
//!
//! ```
//! use domain::{AssetId, Address, Amount, BasisPoints, coherence::Weight, distribution::*};
//!
//! let (ada, ben) = (Address::repeat_byte(1), Address::repeat_byte(2));
//! let human = |address| Contributor::Human(Recipient::Account(address));
//! let weight = |cost: &str, multiplier: &str| Weight::new(cost.parse().unwrap(), multiplier.parse().unwrap()).unwrap();
//! let work = Work {
//!     owners: vec![(ada, BasisPoints::FULL)],
//!     contributions: vec![
//!         Contribution { id: 1, contributor: human(ada), weight: weight("100", "1.4") },
//!         Contribution { id: 2, contributor: human(ben), weight: weight("100", "1.0") },
//!     ],
//!     ..Work::new(WorkKey::Asset(AssetId(1)))
//! };
//! let graph = Graph::new(vec![work]).unwrap();
//! let options = Options { fee: BasisPoints::ZERO, ..Options::default() };
//! let paid = distribute(&graph, NodeIndex(0), Amount::from(100_000_u64), &options).unwrap();
//! assert_eq!(paid.payouts[&ada], Amount::from(58_333_u64));
//! assert_eq!(paid.payouts[&ben], Amount::from(41_667_u64));
//! ```

mod canonical;
mod engine;
mod flow;
mod graph;
mod input;
mod order;
mod party;

pub use canonical::{RULES_VERSION, digest};
pub use engine::{DistributionError, Options, Policy, distribute};
pub use flow::{Distribution, Flow, Rule, Target, UnknownRule};
pub use graph::{Contribution, Graph, GraphError, NodeIndex, SharedEdges, Work};
pub use input::{Input, InputError};
pub use party::{Beneficiary, Contributor, ParsePartyError, Recipient, WorkKey};
