//! An interpreter of the MeTTa language, with the semantics of the reference implementation (`hyperon` 0.2.10).
//!
//! A program is a list of atoms. Rules `(= call result)` and facts go into a space; what follows a `!` is evaluated:
//!
//! ```
//! let mut metta = metta::Metta::new();
//! let program = "
//!     (= (area (square $side)) (* $side $side))
//!     !(area (square 7))
//! ";
//! assert_eq!(metta.run("areas.metta", program)?, [[metta::Atom::integer(49)]]);
//! # Ok::<(), metta::ParseError>(())
//! ```
//!
//! Evaluation has limits, and ends with an `(Error ...)` atom when it reaches one. It never panics, and nesting in programs
//! never nests calls in Rust. The same program gives the same results in the same order. Every result can be derived:
//! [`Metta::derive`]. The language is described in docs/rules.

mod atom;
mod bindings;
mod call;
mod derivation;
mod function;
mod instruction;
mod interpreter;
mod library;
mod lint;
mod machine;
mod modules;
mod parse;
mod reduction;
mod rows;
mod shell;
mod space;
mod store;
mod symbol;
mod tree;
mod types;

pub use atom::{Atom, Captured, Expression, Grounded, SpaceId, State, Variable};
pub use bindings::Bindings;
pub use derivation::{Derived, Step, StepKind};
pub use function::{CallError, Callable, Function};
pub use interpreter::{Limits, Metta, Printer};
pub use lint::{Finding, FindingKind};
pub use modules::{ModuleLoader, ModuleText, Wanted};
pub use parse::{MAX_DEPTH, MAX_TEXT, ParseError, Place, Problem};
pub use rows::Rows;
pub use shell::Shell;
pub use symbol::Symbol;
