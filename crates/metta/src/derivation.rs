//! Derivations of results: the rules that were applied, where they are written, and the values of their variables.

use std::{fmt, sync::Arc};

use crate::{atom::Atom, parse::Place};

/// A result, and how it came about.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The result.
    pub atom: Atom,
    /// What led to it, in the order in which it happened.
    pub steps: Vec<Step>,
}

/// A rule applied to a call, a fact found, or a function called.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it was.
    pub kind: StepKind,
    /// What was evaluated: a call, or a query of a space.
    pub call: Atom,
    /// What took its place.
    pub result: Atom,
    /// The rule's variables, by name without the dollar sign, and their values.
    pub bindings: Vec<(String, Atom)>,
    /// Where the rule or fact is written. `None` for functions, and for atoms that were added while running.
    pub place: Option<Place>,
    /// How the arguments of the call were computed.
    pub inputs: Vec<Step>,
}

/// What a step of a derivation was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A rule `(= call result)` of a program.
    Rule,
    /// An atom of a space that matched.
    Fact,
    /// A function of the library, or one registered from outside.
    Function,
}

impl fmt::Display for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.atom)?;
        let mut pending: Vec<(&Step, usize)> = self.steps.iter().rev().map(|step| (step, 1)).collect();
        while let Some((step, depth)) = pending.pop() {
            write!(f, "\n{:1$}", "", 2 * depth.min(40))?;
            write!(f, "{step}")?;
            pending.extend(step.inputs.iter().rev().map(|input| (input, depth + 1)));
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            StepKind::Rule | StepKind::Function => write!(f, "{} -> {}", self.call, self.result)?,
            StepKind::Fact => write!(f, "{}", self.result)?,
        }
        match (&self.place, self.kind) {
            (Some(place), _) => write!(f, "  by {place}")?,
            (None, StepKind::Function) => {}
            (None, _) => write!(f, "  added while running")?,
        }
        for (index, (name, value)) in self.bindings.iter().enumerate() {
            write!(f, "{} ${name} = {value}", if index == 0 { ", with" } else { "," })?;
        }
        Ok(())
    }
}

/// The steps so far. They are shared by all results that have them in common.
pub(crate) type Trail = Option<Arc<Link>>;

/// One more step.
pub(crate) struct Link {
    before: Trail,
    item: Item,
}

#[derive(Clone)]
enum Item {
    Step(Arc<Step>),
    /// How an argument of the next step was computed.
    Input(Trail),
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut pending = vec![self.before.take()];
        if let Item::Input(inner) = &mut self.item {
            pending.push(inner.take());
        }
        while let Some(trail) = pending.pop() {
            if let Some(mut link) = trail.and_then(Arc::into_inner) {
                pending.push(link.before.take());
                if let Item::Input(inner) = &mut link.item {
                    pending.push(inner.take());
                }
            }
        }
    }
}

/// Returns the trail and one more step.
pub(crate) fn with_step(before: Trail, step: Step) -> Trail {
    Some(Arc::new(Link { before, item: Item::Step(Arc::new(step)) }))
}

/// Returns the trail, with the derivation of an argument of its next step.
pub(crate) fn with_input(before: Trail, inner: Trail) -> Trail {
    if inner.is_none() { before } else { Some(Arc::new(Link { before, item: Item::Input(inner) })) }
}

/// Returns the trail, followed by the steps of a short one.
pub(crate) fn append(before: Trail, more: &Trail) -> Trail {
    let mut items = Vec::new();
    let mut current = more.as_ref();
    while let Some(link) = current {
        items.push(link.item.clone());
        current = link.before.as_ref();
    }
    items.into_iter().rev().fold(before, |before, item| Some(Arc::new(Link { before, item })))
}

/// Steps that are nested more deeply inside inputs are listed beside the steps to which they led, so that no tree is too
/// deep to handle.
const DEPTH: usize = 200;

/// The most steps that a derivation lists.
const COUNT: usize = 100_000;

/// Returns the trail as a tree, in which inputs belong to the step after them.
pub(crate) fn steps_of(trail: &Trail) -> Vec<Step> {
    struct Level<'a> {
        items: Vec<&'a Item>,
        inputs: Vec<Step>,
        steps: Vec<Step>,
    }
    fn level(trail: &Trail) -> Level<'_> {
        let mut items = Vec::new();
        let mut current = trail.as_ref();
        while let Some(link) = current.filter(|_| items.len() < COUNT) {
            items.push(&link.item);
            current = link.before.as_ref();
        }
        Level { items, inputs: Vec::new(), steps: Vec::new() }
    }
    let mut count = 0;
    let mut stack = vec![level(trail)];
    while let Some(top) = stack.last_mut() {
        match top.items.pop().filter(|_| count < COUNT) {
            Some(Item::Step(step)) => {
                count += 1;
                let mut step = (**step).clone();
                step.inputs = std::mem::take(&mut top.inputs);
                top.steps.push(step);
            }
            Some(Item::Input(inner)) => {
                let next = level(inner);
                stack.push(next);
            }
            None => {
                let mut done = std::mem::take(&mut top.steps);
                done.append(&mut top.inputs);
                stack.pop();
                let nested = stack.len();
                match stack.last_mut() {
                    None => return done,
                    Some(outer) if nested > DEPTH => outer.steps.append(&mut done),
                    Some(outer) => outer.inputs.append(&mut done),
                }
            }
        }
    }
    Vec::new()
}
