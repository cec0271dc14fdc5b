//! Evaluation: types are checked, arguments are evaluated, and rules and functions are applied, until no more can be applied.
//! Every alternative is followed. A result that is an error counts only when there is no other. The last call in a chain of
//! calls takes the place of the one before, so that such a chain may be endless.

use crate::{
    atom::{Atom, Expression, Grounded, SpaceId, Variable},
    bindings::{Bindings, Substitution, compose, substitute_part},
    derivation::{Trail, append, with_input},
    function::Alternative,
    instruction::{Instructions, is_called_through},
    interpreter::{Metta, Stop},
    machine::{Frame, Next},
    reduction::{Reduction, reduce},
    symbol::Keyword,
    tree,
    types::{self, Type},
};

/// An atom under evaluation.
pub(crate) struct Call {
    atom: Atom,
    space: SpaceId,
    /// The variables of the atom, for which results may have values.
    interest: Vec<Variable>,
    /// The tasks that are still to be done. The last one comes first.
    tasks: Vec<Task>,
    results: Vec<Alternative>,
    errors: Vec<Alternative>,
    waiting: Option<Waiting>,
}

enum Task {
    Work(Work),
    /// What was found since then belongs to a call of its own, whose results are continued in reverse order.
    Reverse {
        results: usize,
        errors: usize,
    },
}

/// One alternative.
struct Work {
    path: Path,
    stage: Stage,
}

/// What led to an alternative: the values of variables, and the steps.
#[derive(Clone)]
struct Path {
    values: Substitution,
    trail: Trail,
}

enum Stage {
    /// Evaluate the atom, of which a type is expected.
    Evaluate(Atom, Atom),
    /// Evaluate the arguments.
    Arguments(Arguments),
    /// All arguments are evaluated: reduce the call.
    Reduce { call: Atom, expected: Atom, unchanged: bool },
    /// What the call was reduced to.
    Reduced { call: Atom, result: Atom, expected: Atom },
}

struct Arguments {
    source: Expression,
    children: Vec<Atom>,
    next: usize,
    unchanged: bool,
    /// The type of the function. `None` for a tuple.
    function: Option<(Atom, Bindings)>,
    expected: Atom,
}

enum Waiting {
    Argument(Path, Arguments),
    Reduction { path: Path, call: Atom, expected: Atom },
}

impl Call {
    pub(crate) fn new(atom: Atom, expected: Atom, space: SpaceId) -> Self {
        let interest = tree::variables(&atom);
        let stage = Stage::Evaluate(atom.clone(), expected);
        let work = Work { path: Path { values: Substitution::new(), trail: None }, stage };
        let (results, errors) = (Vec::new(), Vec::new());
        Self { atom, space, interest, tasks: vec![Task::Work(work)], results, errors, waiting: None }
    }

    /// Returns what is evaluated.
    pub(crate) fn subject(&self) -> &Atom {
        &self.atom
    }

    pub(crate) fn resume(&mut self, metta: &mut Metta, children: Option<Vec<Alternative>>) -> Next {
        match self.waiting.take() {
            None => {}
            Some(Waiting::Argument(path, arguments)) => {
                self.argument_done(metta, path, arguments, children.unwrap_or_default());
            }
            Some(Waiting::Reduction { path, call, expected }) => {
                for child in children.unwrap_or_default().into_iter().rev() {
                    let values = compose(&path.values, &child.values, &self.interest);
                    let path = Path { values, trail: with_input(path.trail.clone(), child.trail) };
                    let stage = Stage::Reduced { call: call.clone(), result: child.atom, expected: expected.clone() };
                    self.push(path, stage);
                }
            }
        }
        while let Some(task) = self.tasks.pop() {
            let work = match task {
                Task::Reverse { results, errors } => {
                    if let Some(part) = self.results.get_mut(results..) {
                        part.reverse();
                    }
                    if let Some(part) = self.errors.get_mut(errors..) {
                        part.reverse();
                    }
                    continue;
                }
                Task::Work(work) => work,
            };
            if let Some(frames) = self.step(metta, work) {
                return Next::Push(frames);
            }
            if metta.stopped().is_some() {
                break;
            }
            if self.results.len() + self.errors.len() + self.tasks.len() > metta.limits().results {
                metta.stop(Stop::Results);
                break;
            }
        }
        Next::Return(std::mem::take(if self.results.is_empty() { &mut self.errors } else { &mut self.results }))
    }

    /// Continues with one alternative. Returns what has to be evaluated before it can continue.
    fn step(&mut self, metta: &mut Metta, work: Work) -> Option<Vec<Frame>> {
        let Work { path, stage } = work;
        match stage {
            Stage::Evaluate(atom, expected) => self.evaluate(metta, path, atom, expected),
            Stage::Arguments(arguments) => return self.arguments(metta, path, arguments),
            Stage::Reduce { call, expected, unchanged } => {
                return self.reduce(metta, path, call, expected, unchanged);
            }
            Stage::Reduced { call, result, expected } => {
                return self.reduced(metta, path, call, result, expected);
            }
        }
        None
    }

    fn push(&mut self, path: Path, stage: Stage) {
        self.tasks.push(Task::Work(Work { path, stage }));
    }

    fn emit(&mut self, path: Path, atom: Atom) {
        if atom.is(Keyword::Empty) {
            return;
        }
        let Path { values, trail } = path;
        let list = if atom.is_error() { &mut self.errors } else { &mut self.results };
        list.push(Alternative { atom, values, trail });
    }

    fn evaluate(&mut self, metta: &mut Metta, path: Path, atom: Atom, expected: Atom) {
        match at_once(metta, self.space, &atom, &expected) {
            Some(Ok(_)) => self.emit(path, atom),
            Some(Err(errors)) => {
                for error in errors {
                    self.emit(path.clone(), error);
                }
            }
            None => {
                // Its results are continued in reverse order, which cancels out when it happens twice.
                let from = (self.results.len(), self.errors.len());
                match self.tasks.last() {
                    Some(Task::Reverse { results, errors }) if (*results, *errors) == from => {
                        self.tasks.pop();
                    }
                    _ => self.tasks.push(Task::Reverse { results: from.0, errors: from.1 }),
                }
                self.interpret(metta, path, &atom, expected);
            }
        }
    }

    /// Decides by types how an expression is evaluated.
    fn interpret(&mut self, metta: &mut Metta, path: Path, atom: &Atom, expected: Atom) {
        let Atom::Expression(source) = atom else { return };
        let Some(head) = source.children().first() else { return };
        let arguments = |function: Option<(Atom, Bindings)>, expected: Atom| {
            let children = source.children().to_vec();
            Stage::Arguments(Arguments {
                source: source.clone(),
                children,
                next: 0,
                unchanged: true,
                function,
                expected,
            })
        };
        let heads = types::types_of(&mut metta.store, self.space, head);
        let mut errors: Vec<Atom> = Vec::new();
        let mut tuple = false;
        for of in heads {
            match of {
                Type::Wrong { error, .. } => errors.push(error),
                Type::Value(function) | Type::Returned(function) if types::is_function(&function) => {
                    match types::check_call(&mut metta.store, self.space, atom, &function, &expected) {
                        Ok(bindings) => {
                            let result = function.children().last().cloned().unwrap_or_else(Atom::unit);
                            let result = if result.is(Keyword::Expression) {
                                Keyword::Undefined.into()
                            } else {
                                bindings.apply(&result)
                            };
                            self.push(path, arguments(Some((function, bindings)), result));
                            return;
                        }
                        Err(more) => errors.extend(more),
                    }
                }
                _ => tuple = true,
            }
        }
        if tuple {
            self.push(path.clone(), arguments(None, expected));
        }
        for error in errors {
            self.emit(path.clone(), error);
        }
    }

    /// Evaluates arguments until one takes longer.
    fn arguments(&mut self, metta: &mut Metta, path: Path, mut arguments: Arguments) -> Option<Vec<Frame>> {
        while let Some(argument) = arguments.children.get(arguments.next) {
            let formal = match &arguments.function {
                None => Keyword::Undefined.into(),
                Some((function, _)) if arguments.next == 0 => {
                    if !matches!(argument, Atom::Expression(_)) {
                        arguments.next += 1;
                        continue;
                    }
                    function.clone()
                }
                Some((function, bindings)) => {
                    let formal = function.children().get(arguments.next).cloned().unwrap_or_else(Atom::unit);
                    bindings.apply(&formal)
                }
            };
            match at_once(metta, self.space, argument, &formal) {
                Some(Ok(bindings)) => {
                    if arguments.function.is_none() && (argument.is(Keyword::Empty) || argument.is_error()) {
                        let argument = argument.clone();
                        self.emit(path, argument);
                        return None;
                    }
                    arguments.learn(bindings);
                    arguments.next += 1;
                }
                Some(Err(errors)) => {
                    for error in errors {
                        self.emit(path.clone(), error);
                    }
                    return None;
                }
                None => {
                    let child = Call::new(argument.clone(), formal, self.space);
                    self.waiting = Some(Waiting::Argument(path, arguments));
                    return Some(vec![Frame::Call(child)]);
                }
            }
        }
        let unchanged = arguments.unchanged;
        // Arguments with variables that have not changed may count as evaluated now, which the source does not know.
        let call = if unchanged && arguments.source.is_ground() {
            Atom::Expression(arguments.source)
        } else {
            Atom::expression(arguments.children)
        };
        if call.is_error() {
            self.emit(path, call);
        } else {
            self.push(path, Stage::Reduce { call, expected: arguments.expected, unchanged });
        }
        None
    }

    /// Continues with every result of an argument.
    fn argument_done(&mut self, metta: &mut Metta, path: Path, arguments: Arguments, results: Vec<Alternative>) {
        let original = arguments.children.get(arguments.next).cloned().unwrap_or_else(Atom::unit);
        // The first one to be continued goes onto the list last.
        for result in results.into_iter().rev() {
            let values = compose(&path.values, &result.values, &self.interest);
            let path = Path { values, trail: with_input(path.trail.clone(), result.trail) };
            let same = result.atom == original;
            let held = arguments.function.is_some() && (same || tree::equivalent(&result.atom, &original));
            if !held && (result.atom.is(Keyword::Empty) || result.atom.is_error()) {
                self.emit(path, result.atom);
                continue;
            }
            let mut next = arguments.with(&result.values);
            next.unchanged &= same;
            if let Some(slot) = next.children.get_mut(next.next) {
                *slot = result.atom.clone();
            }
            if let Some(error) = next.check(metta, self.space, &result.atom)
                && !has_function_head(metta, self.space, &original)
            {
                self.emit(path, error);
                continue;
            }
            next.next += 1;
            self.push(path, Stage::Arguments(next));
        }
    }

    fn reduce(
        &mut self,
        metta: &mut Metta,
        path: Path,
        call: Atom,
        expected: Atom,
        unchanged: bool,
    ) -> Option<Vec<Frame>> {
        let list = match reduce(metta, &call, self.space) {
            Reduction::None => {
                let call = match call {
                    Atom::Expression(expression) if unchanged => {
                        Atom::Expression(metta.remember_evaluated(expression, self.space))
                    }
                    other => other,
                };
                self.emit(path, call);
                return None;
            }
            Reduction::Frames(frames) => {
                self.waiting = Some(Waiting::Reduction { path, call, expected });
                return Some(frames);
            }
            Reduction::Results(list) => list,
        };
        for found in list.into_iter().rev() {
            let values = compose(&path.values, &found.values, &self.interest);
            let path = Path { values, trail: append(path.trail.clone(), &found.trail) };
            let stage = Stage::Reduced { call: call.clone(), result: found.atom, expected: expected.clone() };
            self.push(path, stage);
        }
        None
    }

    fn reduced(
        &mut self,
        metta: &mut Metta,
        path: Path,
        call: Atom,
        result: Atom,
        expected: Atom,
    ) -> Option<Vec<Frame>> {
        match result.keyword() {
            Keyword::NotReducible => self.emit(path, call),
            Keyword::Empty => {}
            _ if result.is_error() => self.emit(path, result),
            _ if is_called_through(&result) => {
                let child = Instructions::within(result, self.space, call.clone());
                self.waiting = Some(Waiting::Reduction { path, call, expected });
                return Some(vec![Frame::Instructions(child)]);
            }
            _ if result.size() > metta.limits().atom_size => metta.stop(Stop::AtomSize),
            _ => self.push(path, Stage::Evaluate(result, expected)),
        }
        None
    }
}

impl Arguments {
    /// Returns the same with values put in.
    fn with(&self, values: &Substitution) -> Self {
        let put = |child: &Atom| substitute_part(child, values);
        Self {
            source: self.source.clone(),
            children: self.children.iter().map(put).collect(),
            next: self.next,
            unchanged: self.unchanged && values.is_empty(),
            function: self.function.clone(),
            expected: self.expected.clone(),
        }
    }

    /// Takes over the values of type variables that follow from a value.
    fn learn(&mut self, bindings: Bindings) {
        if let (Some((_, known)), false) = (&mut self.function, bindings.is_empty()) {
            known.join(bindings);
        }
    }

    /// Checks whether a value fits a type variable that had no value before. Returns an error if not.
    fn check(&mut self, metta: &mut Metta, space: SpaceId, value: &Atom) -> Option<Atom> {
        let (function, bindings) = self.function.as_ref()?;
        let formal = bindings.apply(function.children().get(self.next).filter(|_| self.next > 0)?);
        if formal.is_ground() || matches!(value, Atom::Expression(_) | Atom::Variable(_)) {
            return None;
        }
        match types::cast(&mut metta.store, space, value, &formal) {
            Ok(found) => {
                self.learn(found);
                None
            }
            Err(errors) => errors.into_iter().next(),
        }
    }
}

/// Returns whether an atom is a call of a function that has a type. What it returns has been checked against that type, and
/// against no other.
fn has_function_head(metta: &mut Metta, space: SpaceId, atom: &Atom) -> bool {
    atom.children().first().is_some_and(|head| {
        let types = types::types_of(&mut metta.store, space, head);
        types.iter().filter_map(Type::valid).any(types::is_function)
    })
}

/// Returns the result if the atom needs no evaluation, or only a check of its type.
fn at_once(metta: &mut Metta, space: SpaceId, atom: &Atom, expected: &Atom) -> Option<Result<Bindings, Vec<Atom>>> {
    let wanted = expected.keyword();
    match atom {
        _ if wanted == Keyword::Atom => {}
        Atom::Variable(_) => {}
        Atom::Symbol(_) if wanted == Keyword::Symbol => {}
        Atom::Grounded(_) if wanted == Keyword::Grounded => {}
        Atom::Grounded(Grounded::Integer(_) | Grounded::Float(_)) if wanted == Keyword::Number => {}
        Atom::Symbol(_) | Atom::Grounded(_) => return Some(types::cast(&mut metta.store, space, atom, expected)),
        Atom::Expression(_) if wanted == Keyword::Expression => {}
        Atom::Expression(expression) if expression.children().is_empty() => {
            return Some(types::cast(&mut metta.store, space, atom, expected));
        }
        Atom::Expression(expression) if metta.is_evaluated(expression, space) => {}
        Atom::Expression(_) => return None,
    }
    Some(Ok(Bindings::new()))
}
