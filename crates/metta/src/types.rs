//! Types: which types an atom has, and whether a call fits the type of its function. As in the reference, an atom may have
//! several types, an atom without types fits everywhere, and a type that says how an atom is written (`Atom`, `Symbol` and
//! so on) keeps an argument unevaluated.

use crate::{
    atom::{Atom, Expression, Grounded, SpaceId},
    bindings::Bindings,
    store::Store,
    symbol::Keyword,
};

/// A type of an atom, or why it has none.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    /// The type of a value.
    Value(Atom),
    /// The type of what a call returns.
    Returned(Atom),
    /// The call does not fit the type of its function; the error says why.
    Wrong { error: Atom, function: Atom },
}

impl Type {
    /// Returns the type, if the atom is well typed.
    pub(crate) fn valid(&self) -> Option<&Atom> {
        match self {
            Self::Value(atom) | Self::Returned(atom) => Some(atom),
            Self::Wrong { .. } => None,
        }
    }

    /// Returns the type. For a wrong call, it is that of its function, as in the reference.
    fn atom(&self) -> &Atom {
        match self {
            Self::Value(atom) | Self::Returned(atom) | Self::Wrong { function: atom, .. } => atom,
        }
    }
}

/// Arguments that are nested more deeply than this are not looked at, and their type is undefined.
const DEPTH: u32 = 100;

/// More types than this of one expression are not looked at.
const COUNT: usize = 64;

/// Returns whether it is a type of functions: `(-> Argument ... Result)`.
pub(crate) fn is_function(atom: &Atom) -> bool {
    matches!(atom, Atom::Expression(e) if e.keyword() == Keyword::Arrow && e.children().len() > 1)
}

/// Returns the type that says how an atom is written.
pub(crate) fn meta_type(atom: &Atom) -> Keyword {
    match atom {
        Atom::Symbol(_) => Keyword::Symbol,
        Atom::Variable(_) => Keyword::Variable,
        Atom::Expression(_) => Keyword::Expression,
        Atom::Grounded(_) => Keyword::Grounded,
    }
}

/// Returns whether an argument of this type is taken as it is written.
pub(crate) fn holds(formal: &Atom, argument: &Atom) -> bool {
    let formal = formal.keyword();
    formal.is_meta_type() && (formal == Keyword::Atom || formal == meta_type(argument))
}

/// Adds the values that make two types the same.
pub(crate) fn match_types(left: &Atom, right: &Atom, bindings: &Bindings) -> Option<Bindings> {
    let loose = |atom: &Atom| matches!(atom.keyword(), Keyword::Undefined | Keyword::Atom);
    if loose(left) || loose(right) {
        return Some(bindings.clone());
    }
    if bindings.is_empty() && left.is_ground() && right.is_ground() {
        return (left == right).then(|| bindings.clone());
    }
    let mut bindings = bindings.clone();
    bindings.unify(left, right).then_some(bindings)
}

/// Returns the types of an atom. `%Undefined%` when it has none.
pub(crate) fn types_of(store: &mut Store, space: SpaceId, atom: &Atom) -> Vec<Type> {
    let types = known_types(store, space, atom, DEPTH);
    if types.is_empty() { vec![Type::Value(Keyword::Undefined.into())] } else { types }
}

fn known_types(store: &mut Store, space: SpaceId, atom: &Atom, depth: u32) -> Vec<Type> {
    match atom {
        Atom::Variable(_) => Vec::new(),
        Atom::Symbol(_) => store.stated_types(space, atom).into_iter().map(Type::Value).collect(),
        Atom::Grounded(value) => {
            let own = grounded_type(value);
            if own.is(Keyword::Undefined) { Vec::new() } else { vec![Type::Value(store.refresh(&own))] }
        }
        Atom::Expression(expression) if depth > 0 && !expression.children().is_empty() => {
            expression_types(store, space, atom, expression, depth - 1)
        }
        Atom::Expression(_) => Vec::new(),
    }
}

fn grounded_type(value: &Grounded) -> Atom {
    match value {
        Grounded::Integer(_) | Grounded::Float(_) => Keyword::Number.into(),
        Grounded::Bool(_) => Keyword::Bool.into(),
        Grounded::Text(_) => Keyword::String.into(),
        Grounded::Function(function) => function.signature().clone(),
        Grounded::Space(_) => Keyword::SpaceType.into(),
        Grounded::State(state) => Atom::expression([Keyword::StateMonad.into(), state.content_type.clone()]),
        Grounded::Bindings(_) => Keyword::Undefined.into(),
    }
}

fn expression_types(store: &mut Store, space: SpaceId, atom: &Atom, expression: &Expression, depth: u32) -> Vec<Type> {
    let Some((head, arguments)) = expression.children().split_first() else { return Vec::new() };
    let heads = known_types(store, space, head, depth);
    let stated = |store: &mut Store| store.stated_types(space, atom).into_iter().map(Type::Value).collect();
    if heads.is_empty() {
        return stated(store);
    }
    let arguments: Vec<Vec<Type>> =
        arguments.iter().map(|argument| known_types(store, space, argument, depth)).collect();
    let values = heads.iter().map(Type::atom).filter(|head| !is_function(head));
    let mut tuples: Vec<Vec<Atom>> = values.map(|head| vec![head.clone()]).collect();
    for types in &arguments {
        let each = types.iter().map(Type::atom);
        let longer =
            tuples.iter().flat_map(|tuple| each.clone().map(|t| [tuple.as_slice(), std::slice::from_ref(t)].concat()));
        tuples = longer.take(COUNT).collect();
    }
    let mut types: Vec<Type> = tuples.into_iter().map(|tuple| Type::Value(Atom::expression(tuple))).collect();
    let more: Vec<Type> = stated(store);
    types.extend(more);
    for function in heads.iter().map(Type::atom).filter(|head| is_function(head)) {
        application_types(atom, expression, function, &arguments, &mut types);
    }
    types.truncate(COUNT);
    types
}

/// Returns the types of a call according to one type of its function.
fn application_types(atom: &Atom, call: &Expression, function: &Atom, arguments: &[Vec<Type>], types: &mut Vec<Type>) {
    let Some((result, formals)) = function.children().get(1..).and_then(<[Atom]>::split_last) else { return };
    if formals.len() != arguments.len() {
        let error = Atom::error(atom.clone(), Keyword::IncorrectNumberOfArguments.into());
        types.push(Type::Wrong { error, function: function.clone() });
        return;
    }
    let mut pending = vec![(0, Bindings::new())];
    while let Some((index, bindings)) = pending.pop() {
        let (Some(formal), Some(actual), Some(argument)) =
            (formals.get(index), arguments.get(index), call.children().get(index + 1))
        else {
            types.push(Type::Returned(bindings.apply(result)));
            continue;
        };
        if types.len() + pending.len() > COUNT {
            return;
        }
        if actual.is_empty() || formal.is(Keyword::Undefined) || holds(formal, argument) {
            pending.push((index + 1, bindings));
            continue;
        }
        let fitting: Vec<Bindings> =
            actual.iter().filter_map(|actual| match_reduced(actual.atom(), formal, &bindings)).collect();
        if fitting.is_empty() {
            for actual in actual.iter() {
                let error = bad_argument(atom, index + 1, formal.clone(), actual.atom().clone());
                types.push(Type::Wrong { error, function: function.clone() });
            }
        }
        pending.extend(fitting.into_iter().rev().map(|bindings| (index + 1, bindings)));
    }
}

/// Does the same as [`match_types`], but `%Undefined%` inside a type also fits everything.
fn match_reduced(left: &Atom, right: &Atom, bindings: &Bindings) -> Option<Bindings> {
    let mut bindings = bindings.clone();
    let mut pairs = vec![(left.clone(), right.clone())];
    while let Some((left, right)) = pairs.pop() {
        if left.is(Keyword::Undefined) || right.is(Keyword::Undefined) {
            continue;
        }
        match (&left, &right) {
            (Atom::Expression(a), Atom::Expression(b)) if a.children().len() == b.children().len() => {
                pairs.extend(a.children().iter().cloned().zip(b.children().iter().cloned()).rev());
            }
            _ => {
                if !bindings.unify(&left, &right) {
                    return None;
                }
            }
        }
    }
    Some(bindings)
}

fn bad_argument(call: &Atom, index: usize, formal: Atom, actual: Atom) -> Atom {
    let position = Atom::integer(index as i64);
    let reason = Atom::expression([Keyword::BadArgType.into(), position, formal, actual]);
    Atom::error(call.clone(), reason)
}

/// Checks whether a call fits a type of its function and the expected type of its result. Returns the values of type
/// variables, or every reason why it does not fit.
pub(crate) fn check_call(
    store: &mut Store,
    space: SpaceId,
    call: &Atom,
    function: &Atom,
    expected: &Atom,
) -> Result<Bindings, Vec<Atom>> {
    let arguments = call.children().get(1..).unwrap_or_default();
    let signature = function.children().get(1..).and_then(<[Atom]>::split_last);
    let Some((result, formals)) = signature.filter(|(_, formals)| formals.len() == arguments.len()) else {
        return Err(vec![Atom::error(call.clone(), Keyword::IncorrectNumberOfArguments.into())]);
    };
    let mut errors = Vec::new();
    let mut pending = vec![(0, Bindings::new())];
    while let Some((index, bindings)) = pending.pop() {
        let (Some(formal), Some(argument)) = (formals.get(index), arguments.get(index)) else {
            if let Some(bindings) = match_types(result, expected, &bindings) {
                return Ok(bindings);
            }
            let reason = Atom::expression([Keyword::BadType.into(), expected.clone(), bindings.apply(result)]);
            errors.push(Atom::error(call.clone(), reason));
            continue;
        };
        // Even if everything fits, an expression is checked, so that its own mistakes are reported here.
        let anything = formal.is(Keyword::Undefined) && !matches!(argument, Atom::Expression(_));
        if anything || holds(formal, argument) || matches!(argument, Atom::Variable(_)) {
            pending.push((index + 1, bindings));
            continue;
        }
        let mut fitting = Vec::new();
        for actual in types_of(store, space, argument) {
            match actual {
                Type::Wrong { error, .. } => errors.push(error),
                Type::Value(actual) | Type::Returned(actual) => match match_types(formal, &actual, &bindings) {
                    Some(bindings) => fitting.push((index + 1, bindings)),
                    None => errors.push(bad_argument(call, index + 1, bindings.apply(formal), actual)),
                },
            }
        }
        if errors.len() + pending.len() > COUNT {
            return Err(errors);
        }
        pending.extend(fitting.into_iter().rev());
    }
    Err(errors)
}

/// Checks whether a value has a type. If not, returns an error for every type that it has.
pub(crate) fn cast(store: &mut Store, space: SpaceId, atom: &Atom, expected: &Atom) -> Result<Bindings, Vec<Atom>> {
    let none = Bindings::new();
    if matches!(expected.keyword(), Keyword::Undefined | Keyword::Atom) {
        return Ok(none);
    }
    let mut errors = Vec::new();
    for actual in types_of(store, space, atom) {
        let Some(actual) = actual.valid() else { continue };
        if let Some(bindings) = match_types(expected, actual, &none) {
            return Ok(bindings);
        }
        let reason = Atom::expression([Keyword::BadType.into(), expected.clone(), actual.clone()]);
        errors.push(Atom::error(atom.clone(), reason));
    }
    Err(errors)
}
