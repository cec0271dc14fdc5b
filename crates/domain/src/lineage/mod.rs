//! Questions about lineage: what a work was made from, what was made from it, over which paths, and how much of its
//! income goes where.
//!
//! A [`Graph`] holds all registered works of a chain and the edges from each work to its parents, in compressed sparse
//! rows in both directions. This takes 26 bytes per work and 12 per edge. It is built from sorted lists in one pass
//! over works and edges, never changes, and may be shared between threads. Answers name works by id; among equals the
//! lower id comes first.
//!
//! **Shares.** A work passes [`Node::upstream`] of its income on to its parents, who split it by the weights of their
//! edges, and each of them passes on its own part in the same way. The share of an ancestor in a work's income is what
//! *arrives* at the ancestor over all paths together, before it pays anyone. It keeps what its own upstream share
//! leaves of that. External works and licences also take part in a [distribution](crate::distribution), but do not lead
//! to other registered works.
//!
//! **Rounding.** [`Graph::incomes`] follows an amount as the distribution engine does. At each work, the income is one
//! sum. It is first divided into what goes up and what stays, then over the parents, both by [largest
//! remainder](crate::split::largest_remainder). The result is what the engine pays if nothing else has a fixed share.
//! Otherwise it differs by at most one unit for each division. [`Graph::share`] is the result for an income of 10^18
//! units. [`Graph::share_along`] is rounded down at each step, to the same unit.
//!
//! ```
//! use domain::{AssetId, BasisPoints, lineage::{Edge, Graph, Limits, Node}};
//!
//! let upstream = BasisPoints::new(1_500);
//! let works = [1, 2, 3].map(|id| Node { id: AssetId(id), upstream });
//! let edge = |child, parent| Edge { child: AssetId(child), parent: AssetId(parent), weight: 1 };
//! let graph = Graph::new(&works, &[edge(2, 1), edge(3, 1), edge(3, 2)]).unwrap();
//! let above = graph.ancestors(AssetId(3), Limits::default()).unwrap();
//! assert_eq!(above.works, [(AssetId(1), 1), (AssetId(2), 1)]);
//! let share = graph.share(AssetId(3), AssetId(1)).unwrap();
//! assert_eq!(share.as_decimal().to_string(), "0.086250000000000000"); // 0.15 / 2, and 0.15 of as much through 2
//! ```

mod graph;
mod share;
mod walk;

pub use graph::{Edge, Graph, GraphError, Node};
pub use share::Share;
pub use walk::{Limits, Neighbourhood, Paths, Reach};
