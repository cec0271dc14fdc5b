//! The machine: a stack of frames under evaluation, each of which waits for the results of the one above it. Whatever a
//! program does, this stack grows and never the call stack.

use crate::{
    atom::{Atom, SpaceId},
    call::Call,
    function::{Alternative, Outcome, Then},
    instruction::Instructions,
    interpreter::{Metta, Stop},
};

/// Something under evaluation.
pub(crate) enum Frame {
    /// An atom evaluated by the rules of the language.
    Call(Call),
    /// An atom run as minimal instructions.
    Instructions(Instructions),
    /// A function in Rust that waits for results, with its call.
    Then(Atom, Option<Then>),
}

/// What a frame wants next.
pub(crate) enum Next {
    /// The frame is done. The results are in the order in which they are to be continued.
    Return(Vec<Alternative>),
    /// These frames have to be evaluated. The results of the last one come back to the one before it.
    Push(Vec<Frame>),
    /// Does the same as [`Next::Push`], but the present frame is done. The results go to the frame that waits for it.
    Become(Vec<Frame>),
}

/// Evaluates an atom.
pub(crate) fn evaluate(metta: &mut Metta, atom: &Atom, expected: Atom, space: SpaceId) -> Vec<Alternative> {
    run(metta, atom, Frame::Call(Call::new(atom.clone(), expected, space)))
}

/// Runs an atom as minimal instructions.
pub(crate) fn run_instructions(metta: &mut Metta, atom: &Atom, space: SpaceId) -> Vec<Alternative> {
    run(metta, atom, Frame::Instructions(Instructions::new(atom.clone(), space)))
}

fn run(metta: &mut Metta, atom: &Atom, frame: Frame) -> Vec<Alternative> {
    let mut stack = vec![frame];
    let mut results: Option<Vec<Alternative>> = None;
    while let Some(top) = stack.last_mut().filter(|_| metta.stopped().is_none()) {
        let next = match top {
            Frame::Call(call) => call.resume(metta, results.take()),
            Frame::Instructions(instructions) => instructions.resume(metta, results.take()),
            Frame::Then(call, then) => match then.take() {
                Some(then) => {
                    let call = call.clone();
                    let outcome = then(metta, results.take().unwrap_or_default());
                    settle(call, outcome)
                }
                None => Next::Return(results.take().unwrap_or_default()),
            },
        };
        let mut frames = match next {
            Next::Return(list) => {
                stack.pop();
                results = Some(list);
                continue;
            }
            Next::Push(frames) => frames,
            Next::Become(frames) => {
                stack.pop();
                frames
            }
        };
        if let Some(Frame::Call(call)) = frames.last()
            && metta.stack_depth().is_some_and(|depth| stack.len() >= depth)
        {
            let error = Atom::error(call.subject().clone(), Atom::symbol("StackOverflow"));
            results = Some(vec![Alternative::new(error)]);
            frames.pop();
        }
        stack.extend(frames);
        if stack.len() > metta.limits().depth {
            metta.stop(Stop::Depth);
        }
    }
    match metta.stopped() {
        Some(stop) => vec![Alternative::new(Atom::error(atom.clone(), Atom::symbol(stop.name())))],
        None => results.unwrap_or_default(),
    }
}

/// Returns how a frame continues after the answer of a function that took its place.
fn settle(call: Atom, outcome: Outcome) -> Next {
    match immediate(&call, outcome) {
        Ok(list) => Next::Return(list),
        Err(frames) => Next::Become(frames),
    }
}

/// Returns the results of a function, in the order in which they are to be continued, or the frames that will have them.
pub(crate) fn immediate(call: &Atom, outcome: Outcome) -> Result<Vec<Alternative>, Vec<Frame>> {
    match outcome {
        Outcome::NotReducible => Ok(vec![Alternative::new(Atom::symbol("NotReducible"))]),
        Outcome::Failed(message) => Ok(vec![Alternative::new(Atom::error(call.clone(), Atom::symbol(&message)))]),
        Outcome::Atoms(atoms) if atoms.is_empty() => Ok(vec![Alternative::new(Atom::symbol("Empty"))]),
        Outcome::Atoms(atoms) => Ok(atoms.into_iter().rev().map(Alternative::new).collect()),
        Outcome::Found(mut list) => {
            list.reverse();
            Ok(list)
        }
        Outcome::Evaluate(atom, space, then) => {
            let child = Call::new(atom, Atom::symbol("%Undefined%"), space);
            Err(vec![Frame::Then(call.clone(), Some(then)), Frame::Call(child)])
        }
        Outcome::Run(atom, space, then) => {
            Err(vec![Frame::Then(call.clone(), Some(then)), Frame::Instructions(Instructions::new(atom, space))])
        }
    }
}
