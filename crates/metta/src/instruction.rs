//! The minimal instructions, from which the rest of the language could be built: `eval`, `evalc`, `chain`, `function` and
//! `return`, `unify`, `cons-atom`, `decons-atom`, `collapse-bind`, `superpose-bind`, `metta`, `context-space`.

use std::sync::Arc;

use crate::{
    atom::{Atom, Captured, Grounded, SpaceId, Variable},
    bindings::{Bindings, Substitution, compose, substitute},
    call::Call,
    derivation::{Trail, append, with_input},
    function::Alternative,
    interpreter::{Metta, Stop},
    machine::{Frame, Next},
    reduction::{Reduction, reduce},
    symbol::Keyword,
    tree,
};

/// Instructions under way.
pub(crate) struct Instructions {
    space: SpaceId,
    interest: Vec<Variable>,
    /// Alternatives; the last comes first.
    tasks: Vec<Work>,
    results: Vec<Alternative>,
    waiting: Option<Waiting>,
}

#[derive(Clone)]
struct Work {
    atom: Atom,
    values: Substitution,
    trail: Trail,
    /// What waits for the result. The innermost comes last.
    after: Vec<After>,
}

#[derive(Clone)]
enum After {
    /// `chain`: the result replaces the variable in the template.
    Chain(Variable, Atom),
    /// `function`: runs until something is returned. It has the call that it stands for.
    Function(Atom),
}

enum Waiting {
    /// Every result continues in the place of this one.
    Each(Work),
    /// All results together are the result.
    Collapse(Work),
}

/// Returns whether a result is run as instructions because it is `(function ...)`.
pub(crate) fn is_called_through(atom: &Atom) -> bool {
    matches!(atom, Atom::Expression(expression) if expression.keyword() == Keyword::Function)
}

fn is_instruction(atom: &Atom) -> bool {
    matches!(atom, Atom::Expression(expression) if expression.keyword().is_instruction())
}

impl Instructions {
    pub(crate) fn new(atom: Atom, space: SpaceId) -> Self {
        let call = atom.clone();
        Self::within(atom, space, call)
    }

    /// Creates the instructions to which a call was reduced.
    pub(crate) fn within(atom: Atom, space: SpaceId, call: Atom) -> Self {
        let interest = tree::variables(&atom);
        let (atom, after) = match atom.children() {
            [_, body @ Atom::Expression(_)] if is_called_through(&atom) => (body.clone(), vec![After::Function(call)]),
            _ => (atom, Vec::new()),
        };
        let work = Work { atom, values: Substitution::new(), trail: None, after };
        Self { space, interest, tasks: vec![work], results: Vec::new(), waiting: None }
    }

    pub(crate) fn resume(&mut self, metta: &mut Metta, children: Option<Vec<Alternative>>) -> Next {
        let children = children.unwrap_or_default();
        match self.waiting.take() {
            None => {}
            Some(Waiting::Each(work)) => {
                let each = children.into_iter().map(|child| {
                    let mut next = self.with(&work, &child.values);
                    next.trail = with_input(next.trail, child.trail);
                    (next, child.atom)
                });
                let each = each.collect();
                self.finish_all(each);
            }
            Some(Waiting::Collapse(work)) => {
                let found = children.into_iter().filter(|child| !child.atom.is(Keyword::Empty));
                let pairs = found.map(|child| {
                    let values = Grounded::Bindings(Arc::new(Captured(child.values)));
                    Atom::expression([child.atom, Atom::Grounded(values)])
                });
                let pairs = Atom::expression(pairs.collect::<Vec<_>>());
                self.finish(work, pairs);
            }
        }
        while let Some(work) = self.tasks.pop() {
            if metta.stopped().is_some() {
                break;
            }
            metta.count_step();
            if let Some(frames) = self.step(metta, work) {
                return Next::Push(frames);
            }
            if self.results.len() + self.tasks.len() > metta.limits().results {
                metta.stop(Stop::Results);
            }
        }
        Next::Return(std::mem::take(&mut self.results))
    }

    /// Returns the same with values put in, including what waits.
    fn with(&self, work: &Work, values: &Substitution) -> Work {
        if values.is_empty() {
            return work.clone();
        }
        let put = |after: &After| match after {
            After::Chain(variable, template) => After::Chain(variable.clone(), substitute(template, values)),
            After::Function(call) => After::Function(call.clone()),
        };
        Work {
            atom: work.atom.clone(),
            values: compose(&work.values, values, &self.interest),
            trail: work.trail.clone(),
            after: work.after.iter().map(put).collect(),
        }
    }

    /// Passes the result of what was run to what waits for it.
    fn finish(&mut self, mut work: Work, mut result: Atom) {
        loop {
            match work.after.pop() {
                None => {
                    let Work { values, trail, .. } = work;
                    self.results.push(Alternative { atom: result, values, trail });
                    return;
                }
                Some(After::Chain(variable, template)) => {
                    work.atom = substitute(&template, &[(variable, result)]);
                    self.tasks.push(work);
                    return;
                }
                Some(After::Function(call)) => {
                    result = match result.children() {
                        [head, value] if head.is(Keyword::Return) => value.clone(),
                        _ if is_instruction(&result) => {
                            work.after.push(After::Function(call));
                            work.atom = result;
                            self.tasks.push(work);
                            return;
                        }
                        _ => Atom::error(call, Keyword::NoReturn.into()),
                    };
                }
            }
        }
    }

    /// Does the same as [`Self::finish`] for alternatives, in the order in which they are to be continued.
    fn finish_all(&mut self, mut each: Vec<(Work, Atom)>) {
        // Among continued alternatives, the last one comes first.
        if each.first().is_some_and(|(work, _)| !work.after.is_empty()) {
            each.reverse();
        }
        for (work, result) in each {
            self.finish(work, result);
        }
    }

    fn step(&mut self, metta: &mut Metta, mut work: Work) -> Option<Vec<Frame>> {
        if work.atom.size() > metta.limits().atom_size {
            metta.stop(Stop::AtomSize);
            return None;
        }
        let atom = work.atom.clone();
        match (atom.children().first().map_or(Keyword::None, Atom::keyword), atom.children()) {
            (Keyword::Chain, [_, nested, Atom::Variable(variable), template]) => {
                work.after.push(After::Chain(variable.clone(), template.clone()));
                work.atom = nested.clone();
                self.tasks.push(work);
            }
            (Keyword::Function, [_, body @ Atom::Expression(_)]) => {
                work.after.push(After::Function(atom.clone()));
                work.atom = body.clone();
                self.tasks.push(work);
            }
            (Keyword::Eval, [_, call]) => return self.eval(metta, work, call, self.space),
            (Keyword::Evalc, [_, call, Atom::Grounded(Grounded::Space(space))]) => {
                return self.eval(metta, work, call, *space);
            }
            (Keyword::Unify, [_, left, right, then, otherwise]) => {
                self.unify(metta, &work, [left, right, then, otherwise]);
            }
            (Keyword::ConsAtom, [_, head, Atom::Expression(tail)]) => {
                let mut whole = Vec::with_capacity(tail.children().len() + 1);
                whole.push(head.clone());
                whole.extend_from_slice(tail.children());
                self.finish(work, Atom::expression(whole));
            }
            (Keyword::DeconsAtom, [_, Atom::Expression(whole)]) if !whole.children().is_empty() => {
                let (head, tail) = whole.children().split_at(1);
                let mut pair = head.to_vec();
                pair.push(Atom::expression(tail));
                self.finish(work, Atom::expression(pair));
            }
            (Keyword::CollapseBind, [_, nested]) => {
                let child = Self::new(nested.clone(), self.space);
                self.waiting = Some(Waiting::Collapse(work));
                return Some(vec![Frame::Instructions(child)]);
            }
            (Keyword::SuperposeBind, [_, Atom::Expression(pairs)]) => self.superpose(&work, pairs.children()),
            (Keyword::Metta, [_, inner, expected, Atom::Grounded(Grounded::Space(space))]) => {
                let child = Call::new(inner.clone(), expected.clone(), *space);
                self.waiting = Some(Waiting::Each(work));
                return Some(vec![Frame::Call(child)]);
            }
            (Keyword::ContextSpace, [_]) => {
                let space = Atom::Grounded(Grounded::Space(self.space));
                self.finish(work, space);
            }
            (keyword, _) => {
                let result = match form(keyword) {
                    Some(form) => Atom::error(atom.clone(), Atom::symbol(&format!("expected: {form}, found: {atom}"))),
                    None => atom.clone(),
                };
                self.finish(work, result);
            }
        }
        None
    }

    fn eval(&mut self, metta: &mut Metta, mut work: Work, call: &Atom, space: SpaceId) -> Option<Vec<Frame>> {
        if is_instruction(call) {
            work.atom = call.clone();
            self.tasks.push(work);
            return None;
        }
        match reduce(metta, call, space) {
            Reduction::None => self.finish(work, Keyword::NotReducible.into()),
            Reduction::Frames(frames) => {
                self.waiting = Some(Waiting::Each(work));
                return Some(frames);
            }
            Reduction::Results(list) => {
                let mut finished = Vec::with_capacity(list.len());
                let mut bodies = Vec::new();
                for found in list {
                    let mut next = self.with(&work, &found.values);
                    next.trail = append(next.trail, &found.trail);
                    match found.atom.children() {
                        [_, body @ Atom::Expression(_)] if is_called_through(&found.atom) => {
                            next.after.push(After::Function(call.clone()));
                            next.atom = body.clone();
                            bodies.push(next);
                        }
                        _ => finished.push((next, found.atom)),
                    }
                }
                self.tasks.extend(bodies.into_iter().rev());
                self.finish_all(finished);
            }
        }
        None
    }

    fn unify(&mut self, metta: &mut Metta, work: &Work, [left, right, then, otherwise]: [&Atom; 4]) {
        let mut matches: Vec<Substitution> = Vec::new();
        let asked = match (left, right) {
            (Atom::Grounded(Grounded::Space(_)), Atom::Grounded(Grounded::Space(_)) | Atom::Variable(_)) => None,
            (Atom::Grounded(Grounded::Space(space)), pattern) => Some((*space, pattern)),
            (pattern @ Atom::Expression(_), Atom::Grounded(Grounded::Space(space))) => Some((*space, pattern)),
            _ => None,
        };
        match asked {
            Some((space, pattern)) => match metta.store.query(space, pattern, false) {
                Ok(found) => matches.extend(found.into_iter().map(|found| found.values)),
                Err(refusal) => metta.stop(refusal.into()),
            },
            None => {
                let mut bindings = Bindings::new();
                if bindings.unify(left, right) {
                    let mut wanted = tree::variables(&Atom::expression([left.clone(), right.clone()]));
                    wanted.retain(|variable| bindings.get(variable).is_some());
                    matches.push(bindings.restrict(&wanted));
                }
            }
        }
        if matches.is_empty() {
            self.finish(work.clone(), otherwise.clone());
        }
        let each = matches.iter().rev().map(|values| (self.with(work, values), substitute(then, values)));
        let each = each.collect();
        self.finish_all(each);
    }

    fn superpose(&mut self, work: &Work, pairs: &[Atom]) {
        let each = pairs.iter().rev().map(|pair| match pair.children() {
            [atom, Atom::Grounded(Grounded::Bindings(values))] => (self.with(work, &values.0), atom.clone()),
            _ => (work.clone(), pair.clone()),
        });
        let each = each.collect();
        self.finish_all(each);
    }
}

/// Returns how an instruction is written.
fn form(keyword: Keyword) -> Option<&'static str> {
    Some(match keyword {
        Keyword::Eval => "(eval <atom>)",
        Keyword::Evalc => "(evalc <atom> <space>)",
        Keyword::Chain => "(chain <nested> (: <var> Variable) <templ>)",
        Keyword::Function => "(function (: <body> Expression))",
        Keyword::Unify => "(unify <atom> <pattern> <then> <else>)",
        Keyword::ConsAtom => "(cons-atom <head> (: <tail> Expression))",
        Keyword::DeconsAtom => "(decons-atom (: <expr> Expression))",
        Keyword::CollapseBind => "(collapse-bind <atom>)",
        Keyword::SuperposeBind => "(superpose-bind (: <collapsed> Expression))",
        Keyword::Metta => "(metta atom type space)",
        Keyword::ContextSpace => "(context-space)",
        _ => return None,
    })
}
