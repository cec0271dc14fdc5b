//! Functions in Rust that programs can call.

use std::{fmt, sync::Arc};

use crate::{
    atom::{Atom, SpaceId},
    bindings::Substitution,
    derivation::Trail,
    interpreter::Metta,
};

/// The reasons why a function has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The function is not defined for these arguments, so the call stays as it is.
    NotReducible,
    /// Something is wrong, so the call becomes `(Error call message)`.
    Failed(String),
}

/// A function in Rust.
pub type Callable = dyn Fn(&[Atom]) -> Result<Vec<Atom>, CallError> + Send + Sync;

/// A function that programs can call.
pub struct Function {
    name: Box<str>,
    signature: Atom,
    pub(crate) action: Action,
}

pub(crate) enum Action {
    Native(Native),
    Callable(Box<Callable>),
}

impl Function {
    pub(crate) fn new(name: &str, signature: Atom, action: Action) -> Arc<Self> {
        Arc::new(Self { name: name.into(), signature, action })
    }

    /// Returns the word by which it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its type.
    pub fn signature(&self) -> &Atom {
        &self.signature
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} : {}", self.name, self.signature)
    }
}

/// A function of the library.
pub(crate) type Native = fn(&mut Metta, &Request<'_>) -> Outcome;

/// A call of a function.
pub(crate) struct Request<'a> {
    pub(crate) call: &'a Atom,
    pub(crate) arguments: &'a [Atom],
    pub(crate) space: SpaceId,
}

/// A result: the atom, the values of the variables of what was evaluated, and the derivation.
#[derive(Clone)]
pub(crate) struct Alternative {
    pub(crate) atom: Atom,
    pub(crate) values: Substitution,
    pub(crate) trail: Trail,
}

impl Alternative {
    pub(crate) fn new(atom: Atom) -> Self {
        Self { atom, values: Substitution::new(), trail: None }
    }
}

/// What continues when something has been evaluated.
pub(crate) type Then = Box<dyn FnOnce(&mut Metta, Vec<Alternative>) -> Outcome>;

/// What a function answers.
pub(crate) enum Outcome {
    /// The call stays as it is.
    NotReducible,
    /// The call becomes `(Error call message)`.
    Failed(String),
    /// These results.
    Atoms(Vec<Atom>),
    /// The call has these results, with values for the variables of the call.
    Found(Vec<Alternative>),
    /// Evaluate the atom in the space, then ask again.
    Evaluate(Atom, SpaceId, Then),
    /// Run the atom as minimal instructions, then ask again.
    Run(Atom, SpaceId, Then),
}

impl Outcome {
    pub(crate) fn one(atom: Atom) -> Self {
        Self::Atoms(vec![atom])
    }

    pub(crate) fn unit() -> Self {
        Self::one(Atom::unit())
    }

    /// Returns the reference's error for an argument that is missing or is not an expression.
    pub(crate) fn no_expression(argument: Option<&Atom>, usage: &str) -> Self {
        Self::failed(if argument.is_none() { usage } else { "Atom is not an ExpressionAtom" })
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// Returns another outcome if the function is not defined for its arguments.
    pub(crate) fn or(self, other: Self) -> Self {
        if matches!(self, Self::NotReducible) { other } else { self }
    }
}
