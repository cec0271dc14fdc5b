//! Expressions as lists and as multisets.

use std::{collections::HashMap, sync::Arc};

use crate::{
    atom::{Atom, SpaceId, Variable},
    bindings::substitute,
    function::{Alternative, Native, Outcome, Request},
    interpreter::Metta,
    library::{Word, control::collected},
    symbol::{Build, Keyword},
    tree,
};

const SETS: &str = "(-> Expression Expression Atom)";

pub(crate) const WORDS: &[Word] = &[
    ("size-atom", "(-> Expression Number)", size),
    ("index-atom", "(-> Expression Number Atom)", index),
    ("unique-atom", "(-> Expression Atom)", |_, r| match r.arguments {
        [Atom::Expression(list), ..] => Outcome::one(Atom::expression(unique(list.children()))),
        _ => Outcome::no_expression(r.arguments.first(), "unique expects single expression atom as an argument"),
    }),
    ("union-atom", SETS, |_, r| sets(r, "union", |left, right| [left, right].concat())),
    ("intersection-atom", SETS, |_, r| sets(r, "intersection", |left, right| common(left, right, true))),
    ("subtraction-atom", SETS, |_, r| sets(r, "subtraction", |left, right| common(left, right, false))),
];

pub(crate) fn of_keyword(keyword: Keyword) -> Option<Native> {
    Some(match keyword {
        Keyword::CarAtom => |_, request| part(request, "car-atom", |list| list.first().cloned()),
        Keyword::CdrAtom => {
            |_, request| part(request, "cdr-atom", |list| list.split_first().map(|(_, tail)| Atom::expression(tail)))
        }
        Keyword::MapAtom => |metta, request| walk(metta, request, map_next, Named::Substitution),
        Keyword::FilterAtom => |metta, request| walk(metta, request, filter_next, Named::Call),
        Keyword::FoldlAtom => fold,
        Keyword::ForEach => for_each,
        Keyword::Unique => |_, request| match request.arguments {
            [atom] => collected(request, atom, |_, atoms| spread(unique(&atoms))),
            _ => Outcome::NotReducible,
        },
        Keyword::Union => |_, request| both(request, |left, right| [left, right].concat()),
        Keyword::Intersection => |_, request| both(request, |left, right| common(left, right, true)),
        Keyword::Subtraction => |_, request| both(request, |left, right| common(left, right, false)),
        _ => return None,
    })
}

/// Returns the atoms as results. The reference gives them in reverse order.
fn spread(mut atoms: Vec<Atom>) -> Outcome {
    atoms.reverse();
    Outcome::Atoms(atoms)
}

fn size(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [Atom::Expression(list), ..] => Outcome::one(Atom::integer(list.children().len() as i64)),
        _ => Outcome::no_expression(request.arguments.first(), "size-atom expects one argument: expression"),
    }
}

fn index(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [Atom::Expression(list), number, ..] = request.arguments else {
        let usage = "index-atom expects two arguments: expression and atom";
        return Outcome::no_expression(request.arguments.first(), usage);
    };
    // Only the whole part of a float counts.
    let Some(number) = number.as_integer().or_else(|| number.as_number().map(|number| number as i64)) else {
        return Outcome::failed("index-atom expects two arguments: expression and atom");
    };
    match usize::try_from(number).ok().and_then(|number| list.children().get(number)) {
        Some(atom) => Outcome::one(atom.clone()),
        None => Outcome::failed("Index is out of bounds"),
    }
}

fn part(request: &Request<'_>, name: &str, take: impl FnOnce(&[Atom]) -> Option<Atom>) -> Outcome {
    let [list] = request.arguments else { return Outcome::NotReducible };
    Outcome::one(take(list.children()).unwrap_or_else(|| {
        let usage = format!("{name} expects a non-empty expression as an argument");
        Atom::error(request.call.clone(), Atom::text(usage))
    }))
}

/// Returns each atom once, regardless of the names of its variables.
fn unique(atoms: &[Atom]) -> Vec<Atom> {
    let mut by_hash: HashMap<u64, Vec<Atom>, Build> = HashMap::default();
    let fresh = |atom: &&Atom| {
        let known = by_hash.entry(tree::shape_hash(atom)).or_default();
        let new = !known.iter().any(|known| tree::equivalent(known, atom));
        if new {
            known.push((*atom).clone());
        }
        new
    };
    atoms.iter().filter(fresh).cloned().collect()
}

/// Returns the atoms on the left that can be paired with one on the right, or those that cannot.
fn common(left: &[Atom], right: &[Atom], paired: bool) -> Vec<Atom> {
    let mut bag = Bag::new(right);
    left.iter().filter(|atom| bag.take(atom, PartialEq::eq) == paired).cloned().collect()
}

/// A multiset of atoms from which single ones are taken.
pub(crate) struct Bag<'a> {
    by_hash: HashMap<u64, Vec<(usize, &'a Atom)>, Build>,
}

impl<'a> Bag<'a> {
    pub(crate) fn new(atoms: &'a [Atom]) -> Self {
        let mut by_hash: HashMap<u64, Vec<(usize, &Atom)>, Build> = HashMap::default();
        // The walk starts at the end, so that the first is taken first.
        for (index, atom) in atoms.iter().enumerate().rev() {
            by_hash.entry(tree::shape_hash(atom)).or_default().push((index, atom));
        }
        Self { by_hash }
    }

    /// Takes an element that is the same as an atom. Returns false when there is none.
    pub(crate) fn take(&mut self, atom: &Atom, same: fn(&Atom, &Atom) -> bool) -> bool {
        let Some(others) = self.by_hash.get_mut(&tree::shape_hash(atom)) else { return false };
        let found = others.iter().rposition(|(_, other)| same(atom, other));
        found.is_some_and(|index| {
            others.remove(index);
            true
        })
    }

    /// Returns what is left, in order.
    pub(crate) fn rest(self) -> Vec<Atom> {
        let mut rest: Vec<(usize, &Atom)> = self.by_hash.into_values().flatten().collect();
        rest.sort_unstable_by_key(|(index, _)| *index);
        rest.into_iter().map(|(_, atom)| atom.clone()).collect()
    }
}

fn sets(request: &Request<'_>, name: &str, operation: impl FnOnce(&[Atom], &[Atom]) -> Vec<Atom>) -> Outcome {
    match request.arguments {
        [Atom::Expression(left), Atom::Expression(right), ..] => {
            Outcome::one(Atom::expression(operation(left.children(), right.children())))
        }
        _ => {
            let usage = format!("{name} expects and executable LHS and RHS atom");
            Outcome::no_expression(request.arguments.get(1), &usage)
        }
    }
}

/// Evaluates both arguments and joins their results.
fn both(request: &Request<'_>, operation: fn(&[Atom], &[Atom]) -> Vec<Atom>) -> Outcome {
    let [left, right] = request.arguments else { return Outcome::NotReducible };
    let (right, space) = (right.clone(), request.space);
    collected(request, left, move |_, lefts| {
        let then = move |_: &mut Metta, found: Vec<Alternative>| {
            let rights: Vec<Atom> = found.into_iter().map(|found| found.atom).collect();
            spread(operation(&lefts, &rights))
        };
        Outcome::Evaluate(right, space, Box::new(then))
    })
}

/// A walk over a list, in which the replacement of each element is run as instructions. Elements are taken from
/// the end.
struct Walk {
    call: Atom,
    space: SpaceId,
    variable: Variable,
    template: Atom,
    rest: Vec<Atom>,
    /// The results for the elements so far, in every alternative, the last element first.
    done: Vec<Vec<Atom>>,
}

/// Adds one result of an element to an alternative. An error ends the walk, and is its result.
type TakeIn = fn(&mut Vec<Atom>, element: &Atom, result: Atom) -> Result<(), ()>;

/// Returns what the reference answers when a list is walked with something that is not a variable: the substitution of the
/// first element fails.
fn no_variable(request: &Request<'_>, named: Named) -> Outcome {
    match request.arguments {
        [list, variable, template] => match list.children().first() {
            None => Outcome::one(Atom::unit()),
            Some(first) => {
                let failed = match named {
                    Named::Call => request.call.clone(),
                    Named::Substitution => {
                        Atom::expression([Keyword::AtomSubst.into(), first.clone(), variable.clone(), template.clone()])
                    }
                };
                Outcome::one(Atom::error(failed, Keyword::NoReturn.into()))
            }
        },
        _ => Outcome::NotReducible,
    }
}

/// What an error is about.
#[derive(Clone, Copy)]
enum Named {
    Call,
    Substitution,
}

/// Returns a template in which the variables have names of their own, except for those of a list.
fn sealed(metta: &mut Metta, template: &Atom, keep: &[Variable]) -> Atom {
    let others = tree::variables(template).into_iter().filter(|variable| !keep.contains(variable));
    let fresh: Vec<_> = others
        .map(|variable| {
            let own = metta.store.variable(variable.name.clone());
            (variable, Atom::Variable(own))
        })
        .collect();
    substitute(template, &fresh)
}

fn walk(metta: &mut Metta, request: &Request<'_>, take: TakeIn, named: Named) -> Outcome {
    let [Atom::Expression(list), Atom::Variable(variable), template] = request.arguments else {
        return no_variable(request, named);
    };
    let walk = Walk {
        call: request.call.clone(),
        space: request.space,
        variable: variable.clone(),
        template: template.clone(),
        rest: list.children().to_vec(),
        done: vec![Vec::new()],
    };
    walk.next(metta, take)
}

impl Walk {
    fn next(mut self, metta: &mut Metta, take: TakeIn) -> Outcome {
        while let Some(element) = self.rest.pop() {
            let template = sealed(metta, &self.template, std::slice::from_ref(&self.variable));
            let atom = substitute(&template, &[(self.variable.clone(), element.clone())]);
            let runs = matches!(&atom, Atom::Expression(expression) if expression.keyword().is_instruction());
            if runs {
                let space = self.space;
                let then = move |metta: &mut Metta, found: Vec<Alternative>| {
                    let results = found.into_iter().map(|found| found.atom).collect();
                    match self.take_in(metta, take, &element, results) {
                        Some(outcome) => outcome,
                        None => self.next(metta, take),
                    }
                };
                return Outcome::Run(atom, space, Box::new(then));
            }
            if let Some(outcome) = self.take_in_one(take, &element, atom) {
                return outcome;
            }
        }
        let whole = self.done.into_iter().map(|mut list| {
            list.reverse();
            Atom::expression(list)
        });
        Outcome::Atoms(whole.collect())
    }

    fn take_in_one(&mut self, take: TakeIn, element: &Atom, result: Atom) -> Option<Outcome> {
        for list in &mut self.done {
            if take(list, element, result.clone()).is_err() {
                return Some(Outcome::one(Atom::error(self.call.clone(), Keyword::NoReturn.into())));
            }
        }
        None
    }

    fn take_in(&mut self, metta: &mut Metta, take: TakeIn, element: &Atom, results: Vec<Atom>) -> Option<Outcome> {
        if let [one] = results.as_slice() {
            return self.take_in_one(take, element, one.clone());
        }
        if self.done.len().saturating_mul(results.len()) > metta.limits().results {
            metta.stop(crate::interpreter::Stop::Results);
            return Some(Outcome::Atoms(Vec::new()));
        }
        let before = std::mem::take(&mut self.done);
        for list in before {
            for result in &results {
                let mut list = list.clone();
                if take(&mut list, element, result.clone()).is_err() {
                    return Some(Outcome::one(Atom::error(self.call.clone(), Keyword::NoReturn.into())));
                }
                self.done.push(list);
            }
        }
        None
    }
}

fn map_next(list: &mut Vec<Atom>, _: &Atom, result: Atom) -> Result<(), ()> {
    list.push(result);
    Ok(())
}

fn filter_next(list: &mut Vec<Atom>, element: &Atom, result: Atom) -> Result<(), ()> {
    if result.as_bool().ok_or(())? {
        list.push(element.clone());
    }
    Ok(())
}

/// A fold under way.
struct Fold {
    space: SpaceId,
    list: Arc<[Atom]>,
    total: Variable,
    element: Variable,
    operation: Atom,
    /// Alternatives that are not finished: how many elements are done, and their results.
    open: Vec<(usize, Atom)>,
    done: Vec<Atom>,
}

fn fold(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let [Atom::Expression(list), start, Atom::Variable(total), Atom::Variable(element), operation] = request.arguments
    else {
        return match request.arguments {
            [_, _, _, _, _] => Outcome::one(Atom::error(request.call.clone(), Keyword::NoReturn.into())),
            _ => Outcome::NotReducible,
        };
    };
    let fold = Fold {
        space: request.space,
        list: list.children().into(),
        total: total.clone(),
        element: element.clone(),
        operation: operation.clone(),
        open: vec![(0, start.clone())],
        done: Vec::new(),
    };
    fold.next(metta)
}

impl Fold {
    fn next(mut self, metta: &mut Metta) -> Outcome {
        while let Some((index, total)) = self.open.pop() {
            let Some(element) = self.list.get(index) else {
                self.done.push(total);
                continue;
            };
            let values = [(self.total.clone(), total), (self.element.clone(), element.clone())];
            let keep = [self.total.clone(), self.element.clone()];
            let atom = substitute(&sealed(metta, &self.operation, &keep), &values);
            let space = self.space;
            let then = move |metta: &mut Metta, found: Vec<Alternative>| {
                self.open.extend(found.into_iter().rev().map(|found| (index + 1, found.atom)));
                self.next(metta)
            };
            return Outcome::Evaluate(atom, space, Box::new(then));
        }
        spread(self.done)
    }
}

fn for_each(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [Atom::Expression(list), function] => {
            each_next(list.children().iter().rev().cloned().collect(), function.clone(), request.space)
        }
        // What is no list has no first element.
        [other, _] => {
            let call = Atom::expression([Keyword::CarAtom.into(), other.clone()]);
            let usage = Atom::text("car-atom expects a non-empty expression as an argument");
            Outcome::one(Atom::error(call, usage))
        }
        _ => Outcome::NotReducible,
    }
}

/// Calls the function with the last atom, and continues with the others as often as the call has results. An error is a
/// result of the whole.
fn each_next(mut rest: Vec<Atom>, function: Atom, space: SpaceId) -> Outcome {
    let Some(element) = rest.pop() else { return Outcome::unit() };
    let call = Atom::expression([function.clone(), element]);
    let then = move |_: &mut Metta, found: Vec<Alternative>| match found.as_slice() {
        [one] if !one.atom.is_error() && one.values.is_empty() => each_next(rest, function, space),
        _ => {
            let others = Atom::expression(rest.into_iter().rev().collect::<Vec<_>>());
            let continued = found.into_iter().map(|found| {
                if found.atom.is_error() {
                    return found;
                }
                let call = [Keyword::ForEach.into(), others.clone(), function.clone()];
                Alternative { atom: substitute(&Atom::expression(call), &found.values), ..found }
            });
            Outcome::Found(continued.collect())
        }
    };
    Outcome::Evaluate(call, space, Box::new(then))
}
