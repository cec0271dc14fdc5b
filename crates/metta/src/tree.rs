//! Walks over atoms: comparing, printing, rewriting. None of them recurses, so that no atom is too deep for them.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    atom::{Atom, Expression, Grounded, State, Variable},
    symbol::{Build, combine},
};

/// Returns whether two atoms are equal. Numbers compare by value, states by content.
pub(crate) fn equal(left: &Atom, right: &Atom) -> bool {
    match (left, right) {
        (Atom::Symbol(a), Atom::Symbol(b)) => a == b,
        (Atom::Variable(a), Atom::Variable(b)) => a == b,
        (Atom::Expression(a), Atom::Expression(b)) => {
            a.is_same(b) || (a.hash64() == b.hash64() && equal_children(a, b))
        }
        (Atom::Grounded(Grounded::State(a)), Atom::Grounded(Grounded::State(b))) => Pairs::default().states(a, b),
        (Atom::Grounded(a), Atom::Grounded(b)) => a.is_equal(b),
        _ => false,
    }
}

fn equal_children(a: &Expression, b: &Expression) -> bool {
    Pairs::default().compare(Atom::Expression(a.clone()), Atom::Expression(b.clone()), |_, _| None)
}

/// Pairs of atoms that still have to be compared.
#[derive(Default)]
struct Pairs {
    pending: Vec<(Atom, Atom)>,
    /// The states that were compared already, because a state may contain itself.
    seen: Vec<(*const State, *const State)>,
}

impl Pairs {
    fn states(&mut self, a: &Arc<State>, b: &Arc<State>) -> bool {
        if Arc::ptr_eq(a, b) {
            return true;
        }
        self.seen.push((Arc::as_ptr(a), Arc::as_ptr(b)));
        self.compare(a.get(), b.get(), |_, _| None)
    }

    /// Compares everything. `variables` may decide on a pair of variables before their names do.
    fn compare(
        &mut self,
        left: Atom,
        right: Atom,
        mut variables: impl FnMut(&Variable, &Variable) -> Option<bool>,
    ) -> bool {
        self.pending.push((left, right));
        while let Some((left, right)) = self.pending.pop() {
            let same = match (&left, &right) {
                (Atom::Symbol(a), Atom::Symbol(b)) => a == b,
                (Atom::Variable(a), Atom::Variable(b)) => variables(a, b).unwrap_or(a == b),
                (Atom::Expression(a), Atom::Expression(b)) => self.expressions(a, b),
                (Atom::Grounded(Grounded::State(a)), Atom::Grounded(Grounded::State(b))) => {
                    let pair = (Arc::as_ptr(a), Arc::as_ptr(b));
                    if !Arc::ptr_eq(a, b) && !self.seen.contains(&pair) {
                        self.seen.push(pair);
                        self.pending.push((a.get(), b.get()));
                    }
                    true
                }
                (Atom::Grounded(a), Atom::Grounded(b)) => a.is_equal(b),
                _ => false,
            };
            if !same {
                return false;
            }
        }
        true
    }

    fn expressions(&mut self, a: &Expression, b: &Expression) -> bool {
        if a.is_ground() != b.is_ground() || a.children().len() != b.children().len() {
            return false;
        }
        if a.is_ground() && a.is_same(b) {
            return true;
        }
        if a.is_ground() && a.hash64() != b.hash64() {
            return false;
        }
        self.pending.extend(a.children().iter().cloned().zip(b.children().iter().cloned()).rev());
        true
    }
}

/// Returns whether two atoms are equal up to the names of their variables.
pub(crate) fn equivalent(left: &Atom, right: &Atom) -> bool {
    if left.is_ground() && right.is_ground() {
        return equal(left, right);
    }
    let mut forth: HashMap<Variable, Variable, Build> = HashMap::default();
    let mut back: HashMap<Variable, Variable, Build> = HashMap::default();
    Pairs::default().compare(left.clone(), right.clone(), |a, b| {
        let there = forth.entry(a.clone()).or_insert_with(|| b.clone()) == b;
        Some(there && back.entry(b.clone()).or_insert_with(|| a.clone()) == a)
    })
}

/// Returns a hash that is the same for atoms that are equal up to the names of their variables.
pub(crate) fn shape_hash(atom: &Atom) -> u64 {
    if atom.is_ground() {
        return atom.hash64();
    }
    let mut hash = 0;
    let mut stack = vec![std::slice::from_ref(atom)];
    while let Some(atoms) = stack.pop() {
        let Some((first, rest)) = atoms.split_first() else { continue };
        if !rest.is_empty() {
            stack.push(rest);
        }
        hash = match first {
            Atom::Variable(_) => combine(hash, 1),
            Atom::Expression(expression) if !expression.is_ground() => {
                stack.push(expression.children());
                combine(hash, expression.children().len() as u64)
            }
            other => combine(hash, other.hash64()),
        };
    }
    hash
}

/// Returns a copy in which `value` replaces variables. Parts without variables are shared and not copied. Values
/// are taken as they are. As in the reference, a part that was evaluated counts as evaluated in the copy too, and the
/// whole does not.
pub(crate) fn rewrite(atom: &Atom, value: impl FnMut(&Variable) -> Option<Atom>) -> Atom {
    rewrite_part(atom, false, value)
}

/// Does the same as [`rewrite`]. The whole also counts as evaluated if it did before and `part` is set, because it is a
/// part of something else.
pub(crate) fn rewrite_part(atom: &Atom, part: bool, mut value: impl FnMut(&Variable) -> Option<Atom>) -> Atom {
    struct Open<'a> {
        whole: &'a Expression,
        source: std::slice::Iter<'a, Atom>,
        done: Vec<Atom>,
    }
    fn open(whole: &Expression) -> Open<'_> {
        let children = whole.children();
        Open { whole, source: children.iter(), done: Vec::with_capacity(children.len()) }
    }
    let mut leaf = |atom: &Atom| match atom {
        Atom::Variable(variable) => value(variable).unwrap_or_else(|| atom.clone()),
        other => other.clone(),
    };
    let mut stack: Vec<Open<'_>> = match atom {
        Atom::Expression(whole) if !whole.is_ground() => {
            vec![open(whole)]
        }
        other => return leaf(other),
    };
    while let Some(top) = stack.last_mut() {
        match top.source.next() {
            Some(Atom::Expression(inner)) if !inner.is_ground() => {
                stack.push(open(inner));
            }
            Some(other) => top.done.push(leaf(other)),
            None => {
                let (source, children) = (top.whole, std::mem::take(&mut top.done));
                stack.pop();
                let whole = Atom::Expression(if part || !stack.is_empty() {
                    Expression::evaluated_like(source, children)
                } else {
                    Expression::new(children)
                });
                match stack.last_mut() {
                    None => return whole,
                    Some(outer) => outer.done.push(whole),
                }
            }
        }
    }
    atom.clone()
}

/// Visits the variables of an atom, from left to right, as often as they occur.
pub(crate) fn each_variable<'a>(atom: &'a Atom, mut visit: impl FnMut(&'a Variable)) {
    let mut stack = vec![std::slice::from_ref(atom)];
    while let Some(atoms) = stack.pop() {
        let Some((first, rest)) = atoms.split_first() else { continue };
        if !rest.is_empty() {
            stack.push(rest);
        }
        match first {
            Atom::Variable(variable) => visit(variable),
            Atom::Expression(expression) if !expression.is_ground() => stack.push(expression.children()),
            _ => {}
        }
    }
}

/// Variables, each once, in the order in which they were first seen. There are usually few, which are compared
/// one by one.
#[derive(Default)]
pub(crate) struct Numbering {
    pub(crate) seen: Vec<Variable>,
    by_variable: HashMap<Variable, u32, Build>,
}

impl Numbering {
    const FEW: usize = 12;

    /// Returns the number of a variable, counted from 0.
    pub(crate) fn number(&mut self, variable: &Variable) -> u32 {
        let known = if self.seen.len() <= Self::FEW {
            self.seen.iter().position(|seen| seen == variable).map(|index| index as u32)
        } else {
            self.by_variable.get(variable).copied()
        };
        known.unwrap_or_else(|| {
            let number = self.seen.len() as u32;
            self.seen.push(variable.clone());
            if self.seen.len() == Self::FEW + 1 {
                self.by_variable = self.seen.iter().cloned().zip(0..).collect();
            } else if self.seen.len() > Self::FEW {
                self.by_variable.insert(variable.clone(), number);
            }
            number
        })
    }
}

/// Returns the variables of an atom, each once, in the order in which they first occur.
pub(crate) fn variables(atom: &Atom) -> Vec<Variable> {
    let mut numbering = Numbering::default();
    if !atom.is_ground() {
        each_variable(atom, |variable| {
            numbering.number(variable);
        });
    }
    numbering.seen
}

/// How many states printing looks into, because a state may contain itself.
const PRINTED_STATES: usize = 1000;

/// Prints an atom as it is written in a program.
pub(crate) fn print(atom: &Atom, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    enum Piece {
        Atom(Atom),
        Text(&'static str),
    }
    let mut states = 0;
    let mut pieces = vec![Piece::Atom(atom.clone())];
    while let Some(piece) = pieces.pop() {
        match piece {
            Piece::Text(text) => f.write_str(text)?,
            Piece::Atom(Atom::Expression(expression)) => {
                f.write_str("(")?;
                pieces.push(Piece::Text(")"));
                for (index, child) in expression.children().iter().enumerate().rev() {
                    pieces.push(Piece::Atom(child.clone()));
                    if index > 0 {
                        pieces.push(Piece::Text(" "));
                    }
                }
            }
            Piece::Atom(Atom::Grounded(Grounded::State(state))) => {
                states += 1;
                f.write_str("(State ")?;
                pieces.push(Piece::Text(")"));
                pieces.push(if states > PRINTED_STATES { Piece::Text("...") } else { Piece::Atom(state.get()) });
            }
            Piece::Atom(Atom::Grounded(Grounded::Bindings(captured))) => {
                f.write_str("{")?;
                pieces.push(Piece::Text(if captured.0.is_empty() { "  }" } else { " }" }));
                for (variable, value) in captured.0.iter().rev() {
                    pieces.push(Piece::Atom(value.clone()));
                    pieces.push(Piece::Text(" <- "));
                    pieces.push(Piece::Atom(Atom::Variable(variable.clone())));
                    pieces.push(Piece::Text(" "));
                }
            }
            Piece::Atom(Atom::Symbol(symbol)) => f.write_str(symbol.name())?,
            Piece::Atom(Atom::Variable(variable)) => write!(f, "{variable}")?,
            Piece::Atom(Atom::Grounded(value)) => print_value(&value, f)?,
        }
    }
    Ok(())
}

fn print_value(value: &Grounded, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Grounded::Integer(number) => write!(f, "{number}"),
        Grounded::Float(number) => write!(f, "{number:?}"),
        Grounded::Bool(true) => f.write_str("True"),
        Grounded::Bool(false) => f.write_str("False"),
        Grounded::Text(text) => write!(f, "{text:?}"),
        Grounded::Function(function) => f.write_str(function.name()),
        Grounded::Space(space) => write!(f, "GroundingSpace-{}", space.0),
        Grounded::State(_) | Grounded::Bindings(_) => f.write_str("..."),
    }
}

/// Prints like [`Atom`] itself, but a string without its quotes.
pub(crate) fn plain_text(atom: &Atom) -> String {
    atom.as_text().map_or_else(|| atom.to_string(), str::to_owned)
}
