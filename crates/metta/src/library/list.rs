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
        _ => Outcome::failed("unique expects single expression atom as an argument"),
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

/// Results, or none.
fn spread(atoms: Vec<Atom>) -> Outcome {
    Outcome::Atoms(atoms)
}

fn size(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [Atom::Expression(list), ..] => Outcome::one(Atom::integer(list.children().len() as i64)),
        _ => Outcome::failed("size-atom expects one argument: expression"),
    }
}

fn index(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [Atom::Expression(list), number, ..] = request.arguments else {
        return Outcome::failed("index-atom expects two arguments: expression and atom");
    };
    // A float counts by its whole part.
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

/// Each atom once, whatever its variables are called.
fn unique(atoms: &[Atom]) -> Vec<Atom> {
    let mut by_hash: HashMap<u64, Vec<Atom>, Build> = HashMap::default();
    let fresh = |atom: &&Atom| {
        // Atoms with variables are equal up to names, of which a hash knows nothing.
        let hash = if atom.is_ground() { atom.hash64() } else { 0 };
        let known = by_hash.entry(hash).or_default();
        let new = !known.iter().any(|known| tree::equivalent(known, atom));
        if new {
            known.push((*atom).clone());
        }
        new
    };
    atoms.iter().filter(fresh).cloned().collect()
}

/// The atoms on the left that can be paired with one on the right, or those that cannot.
fn common(left: &[Atom], right: &[Atom], paired: bool) -> Vec<Atom> {
    let mut by_hash: HashMap<u64, Vec<&Atom>, Build> = HashMap::default();
    for atom in right {
        by_hash.entry(atom.hash64()).or_default().push(atom);
    }
    let pair = |atom: &&Atom| {
        let Some(others) = by_hash.get_mut(&atom.hash64()) else { return !paired };
        match others.iter().position(|other| other == atom) {
            Some(index) => {
                others.remove(index);
                paired
            }
            None => !paired,
        }
    };
    left.iter().filter(pair).cloned().collect()
}

fn sets(request: &Request<'_>, name: &str, operation: impl FnOnce(&[Atom], &[Atom]) -> Vec<Atom>) -> Outcome {
    match request.arguments {
        [Atom::Expression(left), Atom::Expression(right), ..] => {
            Outcome::one(Atom::expression(operation(left.children(), right.children())))
        }
        _ => Outcome::Failed(format!("{name} expects and executable LHS and RHS atom")),
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

/// A walk over a list: what becomes of each element is run as instructions. Elements are taken from the end.
struct Walk {
    call: Atom,
    space: SpaceId,
    variable: Variable,
    template: Atom,
    rest: Vec<Atom>,
    /// What became of the elements so far, in every alternative, the last first.
    done: Vec<Vec<Atom>>,
}

/// Takes one result of an element into an alternative; an error is the result of the whole.
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
    /// Alternatives that are not at the end: how many elements they have behind them, and what is made of these.
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
        Outcome::Atoms(self.done)
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
