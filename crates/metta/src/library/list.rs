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
        Keyword::MapAtom => |_, request| walk(request, map_next),
        Keyword::FilterAtom => |_, request| walk(request, filter_next),
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

fn walk(request: &Request<'_>, take: TakeIn) -> Outcome {
    let [Atom::Expression(list), Atom::Variable(variable), template] = request.arguments else {
        return Outcome::NotReducible;
    };
    let walk = Walk {
        call: request.call.clone(),
        space: request.space,
        variable: variable.clone(),
        template: template.clone(),
        rest: list.children().to_vec(),
        done: vec![Vec::new()],
    };
    walk.next(take)
}

impl Walk {
    fn next(mut self, take: TakeIn) -> Outcome {
        while let Some(element) = self.rest.pop() {
            let atom = substitute(&self.template, &[(self.variable.clone(), element.clone())]);
            let runs = matches!(&atom, Atom::Expression(expression) if expression.keyword().is_instruction());
            if runs {
                let space = self.space;
                let then = move |metta: &mut Metta, found: Vec<Alternative>| {
                    let results = found.into_iter().map(|found| found.atom).collect();
                    match self.take_in(metta, take, &element, results) {
                        Some(outcome) => outcome,
                        None => self.next(take),
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

fn fold(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [Atom::Expression(list), start, Atom::Variable(total), Atom::Variable(element), operation] = request.arguments
    else {
        return Outcome::NotReducible;
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
    fold.next()
}

impl Fold {
    fn next(mut self) -> Outcome {
        while let Some((index, total)) = self.open.pop() {
            let Some(element) = self.list.get(index) else {
                self.done.push(total);
                continue;
            };
            let values = [(self.total.clone(), total), (self.element.clone(), element.clone())];
            let atom = substitute(&self.operation, &values);
            let space = self.space;
            let then = move |_: &mut Metta, found: Vec<Alternative>| {
                self.open.extend(found.into_iter().rev().map(|found| (index + 1, found.atom)));
                self.next()
            };
            return Outcome::Evaluate(atom, space, Box::new(then));
        }
        spread(self.done)
    }
}

fn for_each(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [Atom::Expression(list), function] = request.arguments else { return Outcome::NotReducible };
    each_next(list.children().iter().rev().cloned().collect(), function.clone(), request.space)
}

fn each_next(mut rest: Vec<Atom>, function: Atom, space: SpaceId) -> Outcome {
    match rest.pop() {
        None => Outcome::unit(),
        Some(element) => {
            let call = Atom::expression([function.clone(), element]);
            Outcome::Evaluate(call, space, Box::new(move |_, _| each_next(rest, function, space)))
        }
    }
}
