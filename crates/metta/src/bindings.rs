//! Unification: finds the values of variables that make two atoms equal. It is J. A. Robinson's algorithm with the occurs
//! check ("A machine-oriented logic based on the resolution principle", 1965), on a list of pairs instead of the call
//! stack.

use std::collections::HashMap;

use crate::{
    atom::{Atom, Variable},
    symbol::Build,
    tree,
};

/// The values of variables. Values may contain variables that have values themselves.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    map: HashMap<Variable, Atom, Build>,
    /// Whether some value holds variables.
    nested: bool,
}

/// The most pairs of atoms that one unification looks at. There are terms for which the algorithm takes exponential time.
/// Beyond this number of pairs, they count as different.
const MOST_PAIRS: usize = 1 << 22;

/// A list of variables and their final values, with nothing left to look up.
pub(crate) type Substitution = Vec<(Variable, Atom)>;

impl Bindings {
    /// Creates empty bindings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the values that make the two atoms equal. Returns false when that is impossible; the bindings are then in no
    /// particular state.
    pub fn unify(&mut self, left: &Atom, right: &Atom) -> bool {
        let mut pairs = vec![(left.clone(), right.clone())];
        let mut looked_at = 0;
        while let Some((left, right)) = pairs.pop() {
            looked_at += 1;
            if looked_at > MOST_PAIRS {
                return false;
            }
            let (left, right) = (self.look_up(left), self.look_up(right));
            match (&left, &right) {
                (Atom::Variable(a), Atom::Variable(b)) if a == b => {}
                // The newer variable is replaced, so that those of a question stay.
                (Atom::Variable(a), Atom::Variable(b)) if a.id <= b.id => {
                    self.bind(b.clone(), left);
                }
                (Atom::Variable(a), _) => {
                    if self.occurs(a, &right) {
                        return false;
                    }
                    self.bind(a.clone(), right);
                }
                (_, Atom::Variable(b)) => {
                    if self.occurs(b, &left) {
                        return false;
                    }
                    self.bind(b.clone(), left);
                }
                (Atom::Expression(a), Atom::Expression(b)) => {
                    if a.is_same(b) {
                        continue;
                    }
                    if a.children().len() != b.children().len()
                        || (a.is_ground() && b.is_ground() && a.hash64() != b.hash64())
                    {
                        return false;
                    }
                    pairs.extend(a.children().iter().cloned().zip(b.children().iter().cloned()).rev());
                }
                _ => {
                    if left != right {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Adds other bindings. Where they contradict each other, the present ones stay.
    pub(crate) fn join(&mut self, other: Self) {
        for (variable, value) in other.map {
            let mut joined = self.clone();
            if joined.unify(&Atom::Variable(variable), &value) {
                *self = joined;
            }
        }
    }

    fn bind(&mut self, variable: Variable, value: Atom) {
        self.nested |= !value.is_ground();
        self.map.insert(variable, value);
    }

    /// Returns the value of the variable, with everything looked up.
    pub fn get(&self, variable: &Variable) -> Option<Atom> {
        self.map.contains_key(variable).then(|| self.apply(&Atom::Variable(variable.clone())))
    }

    /// Returns the atom with everything looked up.
    pub fn apply(&self, atom: &Atom) -> Atom {
        if self.map.is_empty() || atom.is_ground() {
            return atom.clone();
        }
        if !self.nested {
            return tree::rewrite(atom, |variable| self.map.get(variable).cloned());
        }
        let values = self.resolve(tree::variables(atom));
        tree::rewrite(atom, |variable| values.get(variable).cloned())
    }

    /// Returns the values of these variables, with everything looked up.
    pub(crate) fn restrict(&self, variables: &[Variable]) -> Substitution {
        let bound: Vec<&Variable> = variables.iter().filter(|variable| self.map.contains_key(variable)).collect();
        if bound.is_empty() {
            return Vec::new();
        }
        let values = self.resolve(bound.iter().map(|variable| (*variable).clone()).collect());
        bound.iter().filter_map(|&variable| Some((variable.clone(), values.get(variable)?.clone()))).collect()
    }

    /// Returns the final values of these variables and of all variables on which they depend. Each value is made once and
    /// shared, so that time and memory stay proportional to the bindings, however large the atoms become that they
    /// describe.
    fn resolve(&self, variables: Vec<Variable>) -> HashMap<Variable, Atom, Build> {
        let mut values: HashMap<Variable, Atom, Build> = HashMap::default();
        let mut pending = variables;
        while let Some(variable) = pending.last() {
            let Some(value) = self.map.get(variable).filter(|_| !values.contains_key(variable)) else {
                pending.pop();
                continue;
            };
            let known = pending.len();
            let mut missing = Vec::new();
            tree::each_variable(value, |inner| {
                if self.map.contains_key(inner) && !values.contains_key(inner) {
                    missing.push(inner.clone());
                }
            });
            pending.append(&mut missing);
            if pending.len() == known {
                let whole = tree::rewrite_part(value, true, |inner| values.get(inner).cloned());
                if let Some(variable) = pending.pop() {
                    values.insert(variable, whole);
                }
            }
        }
        values
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Follows variables to their final values.
    fn look_up(&self, mut atom: Atom) -> Atom {
        while let Atom::Variable(variable) = &atom {
            match self.map.get(variable) {
                Some(value) => atom = value.clone(),
                None => break,
            }
        }
        atom
    }

    /// Returns whether the variable is part of the atom, so that no atom could be equal to both.
    fn occurs(&self, variable: &Variable, atom: &Atom) -> bool {
        if atom.is_ground() {
            return false;
        }
        let mut found = false;
        let mut seen: HashMap<Variable, (), Build> = HashMap::default();
        let mut pending = vec![atom.clone()];
        while let Some(atom) = pending.pop() {
            tree::each_variable(&atom, |other| {
                found |= other == variable;
                if seen.insert(other.clone(), ()).is_none()
                    && let Some(value) = self.map.get(other)
                {
                    pending.push(value.clone());
                }
            });
            if found {
                return true;
            }
        }
        false
    }
}

/// Replaces the variables of a substitution in an atom.
pub(crate) fn substitute(atom: &Atom, substitution: &[(Variable, Atom)]) -> Atom {
    if substitution.is_empty() || atom.is_ground() {
        return atom.clone();
    }
    if let [(variable, value)] = substitution {
        return tree::rewrite(atom, |other| (other == variable).then(|| value.clone()));
    }
    if substitution.len() <= 8 {
        return tree::rewrite(atom, |other| substitution.iter().find(|(v, _)| v == other).map(|(_, a)| a.clone()));
    }
    let map: HashMap<&Variable, &Atom, Build> = substitution.iter().map(|(v, a)| (v, a)).collect();
    tree::rewrite(atom, |other| map.get(other).map(|value| (*value).clone()))
}

/// Does the same as [`substitute`] for a part of something, which counts as evaluated if it did before.
pub(crate) fn substitute_part(atom: &Atom, substitution: &[(Variable, Atom)]) -> Atom {
    if substitution.is_empty() || atom.is_ground() {
        return atom.clone();
    }
    tree::rewrite_part(atom, true, |other| substitution.iter().find(|(v, _)| v == other).map(|(_, a)| a.clone()))
}

/// Returns the values of the variables of interest after `first` and then `second`.
pub(crate) fn compose(first: &Substitution, second: &Substitution, interest: &[Variable]) -> Substitution {
    if second.is_empty() {
        return first.clone();
    }
    let mut whole: Substitution = first.iter().map(|(v, a)| (v.clone(), substitute(a, second))).collect();
    for (variable, value) in second {
        if interest.contains(variable) && !first.iter().any(|(known, _)| known == variable) {
            whole.push((variable.clone(), value.clone()));
        }
    }
    whole
}

/// The values of the variables of a stored atom, which are numbered from 0.
pub(crate) type Slots = Vec<Option<Atom>>;

/// Matches a stored atom, whose variables are numbered, with one that has no variables.
pub(crate) fn match_ground(pattern: &Atom, atom: &Atom, slots: &mut Slots) -> bool {
    let mut pending: Vec<(&[Atom], &[Atom])> = Vec::new();
    let mut pair = (std::slice::from_ref(pattern), std::slice::from_ref(atom));
    loop {
        let (([pattern, patterns @ ..], [atom, atoms @ ..]), rest) = (pair, ()) else {
            match pending.pop() {
                Some(next) => pair = next,
                None => return true,
            }
            continue;
        };
        let () = rest;
        pair = (patterns, atoms);
        let fits = match (pattern, atom) {
            (Atom::Variable(variable), _) => match slots.get_mut(variable.id as usize) {
                Some(slot @ None) => {
                    *slot = Some(atom.clone());
                    true
                }
                Some(Some(value)) => value == atom,
                None => false,
            },
            (Atom::Expression(a), Atom::Expression(b)) if !a.is_ground() => {
                if a.children().len() == b.children().len() {
                    pending.push(pair);
                    pair = (a.children(), b.children());
                    true
                } else {
                    false
                }
            }
            _ => pattern == atom,
        };
        if !fits {
            return false;
        }
    }
}

/// Returns a stored atom with its variables replaced: by their value, or by a new variable with a number from `fresh` on.
pub(crate) fn instantiate(atom: &Atom, slots: &mut Slots, fresh: u32) -> Atom {
    if atom.is_ground() {
        return atom.clone();
    }
    tree::rewrite(atom, |variable| {
        let slot = slots.get_mut(variable.id as usize)?;
        let value = slot.get_or_insert_with(|| {
            Atom::Variable(Variable { name: variable.name.clone(), id: fresh.saturating_add(variable.id) })
        });
        Some(value.clone())
    })
}

/// Returns the atom with its variables numbered from 0, and the number of variables.
pub(crate) fn number_variables(atom: &Atom) -> (Atom, u32) {
    if atom.is_ground() {
        return (atom.clone(), 0);
    }
    let mut numbering = tree::Numbering::default();
    let numbered = tree::rewrite(atom, |variable| {
        let id = numbering.number(variable);
        Some(Atom::Variable(Variable { name: variable.name.clone(), id }))
    });
    (numbered, numbering.seen.len() as u32)
}
