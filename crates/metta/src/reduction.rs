//! One step of evaluation: the rules and functions for a call are applied to it.

use std::sync::Arc;

use crate::{
    atom::{Atom, Grounded, SpaceId},
    derivation::{Step, StepKind, with_step},
    function::{Action, Alternative, CallError, Outcome, Request},
    instruction::Instructions,
    interpreter::Metta,
    library,
    machine::{Frame, immediate},
    store::Applied,
};

/// What a call becomes.
pub(crate) enum Reduction {
    /// There are no results, because no rule and no function fits.
    None,
    /// There are these results, in the order in which they are to be continued.
    Results(Vec<Alternative>),
    /// The results of these.
    Frames(Vec<Frame>),
}

/// Applies functions and rules to a call, once.
pub(crate) fn reduce(metta: &mut Metta, call: &Atom, space: SpaceId) -> Reduction {
    metta.count_step();
    let request = |outcome: Outcome| match outcome {
        Outcome::NotReducible => Reduction::None,
        outcome => match immediate(call, outcome) {
            Ok(list) => Reduction::Results(list),
            Err(frames) => Reduction::Frames(frames),
        },
    };
    let children = call.children();
    let (head, arguments) = match children.split_first() {
        Some((head, arguments)) => (head, arguments),
        None => (call, children),
    };
    if let (Atom::Grounded(Grounded::Function(function)), false) = (head, children.is_empty()) {
        let function = Arc::clone(function);
        let outcome = match &function.action {
            Action::Native(native) => native(metta, &Request { call, arguments, space }),
            Action::Callable(callable) => match callable(arguments) {
                Ok(atoms) => Outcome::Atoms(atoms),
                Err(CallError::NotReducible) => Outcome::NotReducible,
                Err(CallError::Failed(message)) => Outcome::Failed(message),
            },
        };
        return explained(metta, call, request(outcome), true);
    }
    let keyword = head.keyword();
    if keyword.is_instruction() && !children.is_empty() {
        return Reduction::Frames(vec![Frame::Instructions(Instructions::new(call.clone(), space))]);
    }
    if has_variable_head(call) {
        return Reduction::None;
    }
    let explain = metta.explains();
    let rules = match metta.store.rules(space, call, explain) {
        Ok(rules) => rules,
        Err(refusal) => {
            metta.stop(refusal.into());
            return Reduction::None;
        }
    };
    let library = library::of_keyword(keyword).filter(|_| !children.is_empty());
    let own = library.map_or(Reduction::None, |native| request(native(metta, &Request { call, arguments, space })));
    if rules.is_empty() {
        return own;
    }
    let applied = rules.into_iter().rev().map(|rule| apply(call, rule, explain));
    match own {
        Reduction::None => Reduction::Results(applied.collect()),
        Reduction::Results(list) => Reduction::Results(applied.chain(list).collect()),
        Reduction::Frames(frames) => Reduction::Frames(frames),
    }
}

/// Returns the result of applying a rule to a call.
fn apply(call: &Atom, rule: Applied, explain: bool) -> Alternative {
    let trail = explain.then(|| Step {
        kind: StepKind::Rule,
        call: call.clone(),
        result: rule.body.clone(),
        bindings: rule.slots.iter().map(|(name, value)| (name.name().to_owned(), value.clone())).collect(),
        place: rule.place,
        inputs: Vec::new(),
    });
    Alternative { atom: rule.body, values: rule.values, trail: trail.and_then(|step| with_step(None, step)) }
}

/// Adds the function call to the derivation of results, if derivations are wanted and nothing else explains the
/// result.
fn explained(metta: &Metta, call: &Atom, reduction: Reduction, function: bool) -> Reduction {
    match reduction {
        Reduction::Results(mut list) if function && metta.explains() => {
            for found in list.iter_mut().filter(|found| found.trail.is_none()) {
                let (kind, place) = (StepKind::Function, None);
                let (call, result) = (call.clone(), found.atom.clone());
                let step = Step { kind, call, result, bindings: Vec::new(), place, inputs: Vec::new() };
                found.trail = with_step(None, step);
            }
            Reduction::Results(list)
        }
        other => other,
    }
}

/// Returns whether an expression begins with a variable, at any depth. No rule fits such a call.
fn has_variable_head(atom: &Atom) -> bool {
    let mut current = atom;
    loop {
        match current {
            Atom::Variable(_) => return !std::ptr::eq(current, atom),
            Atom::Expression(expression) => match expression.children().first() {
                Some(head) => current = head,
                None => return false,
            },
            _ => return false,
        }
    }
}
