//! Functions for spaces, states, types, modules and settings.

use std::sync::Arc;

use crate::{
    atom::{Atom, Grounded, SpaceId, State},
    bindings::substitute,
    derivation::{Step, StepKind, with_step},
    function::{Alternative, Native, Outcome, Request},
    interpreter::{Metta, Stop},
    library::Word,
    symbol::{Keyword, Symbol},
    types,
};

pub(crate) const WORDS: &[Word] = &[
    ("match", "(-> SpaceType Atom Atom %Undefined%)", match_space),
    ("new-space", "(-> SpaceType)", new_space),
    ("add-atom", "(-> SpaceType Atom (->))", add_atom),
    ("remove-atom", "(-> SpaceType Atom (->))", remove_atom),
    ("get-atoms", "(-> SpaceType Atom)", get_atoms),
    ("get-state", "(-> (StateMonad $t) $t)", get_state),
    ("change-state!", "(-> (StateMonad $t) $t (StateMonad $t))", change_state),
    ("get-type", "(-> Atom %Undefined%)", get_type),
    ("get-type-space", "(-> SpaceType Atom Atom)", get_type_space),
    ("get-metatype", "(-> Atom Atom)", |_, request| match request.arguments {
        [atom, ..] => Outcome::one(types::meta_type(atom).into()),
        _ => Outcome::failed("get-metatype expects single atom as an argument"),
    }),
    ("bind!", "(-> Symbol %Undefined% (->))", bind),
    ("pragma!", "%Undefined%", pragma),
];

pub(crate) fn of_keyword(keyword: Keyword) -> Option<Native> {
    Some(match keyword {
        Keyword::AddReduct => add_reduct,
        Keyword::AddReducts | Keyword::AddAtoms => add_atoms,
        Keyword::NewState => new_state,
        Keyword::GetDoc => get_doc,
        Keyword::Help => help,
        _ => return None,
    })
}

/// Returns the space that is the first argument.
fn space_of(request: &Request<'_>) -> Option<SpaceId> {
    match request.arguments.first() {
        Some(Atom::Grounded(Grounded::Space(space))) => Some(*space),
        _ => None,
    }
}

fn match_space(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let Some(space) = space_of(request) else {
        return Outcome::failed("match expects a space as the first argument");
    };
    let [_, pattern, template, ..] = request.arguments else {
        return Outcome::failed("match expects three arguments: space, pattern and template");
    };
    let explain = metta.explains();
    let found = match metta.store.query(space, pattern, explain) {
        Ok(found) => found,
        Err(refusal) => {
            metta.stop(refusal.into());
            return Outcome::Atoms(Vec::new());
        }
    };
    if found.is_empty() {
        return Outcome::Atoms(Vec::new());
    }
    let each = found.into_iter().map(|found| {
        let mut trail = None;
        for (fact, place) in found.places {
            let (kind, call) = (StepKind::Fact, request.call.clone());
            trail =
                with_step(trail, Step { kind, call, result: fact, bindings: Vec::new(), place, inputs: Vec::new() });
        }
        Alternative { atom: substitute(template, &found.values), values: found.values, trail }
    });
    Outcome::Found(each.collect())
}

fn new_space(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    if !request.arguments.is_empty() {
        return Outcome::failed("new-space doesn't expect arguments");
    }
    match metta.store.new_space() {
        Ok(space) => Outcome::one(Atom::Grounded(Grounded::Space(space))),
        Err(refusal) => {
            metta.stop(refusal.into());
            Outcome::Atoms(Vec::new())
        }
    }
}

/// Adds atoms to a space, or returns why this is not possible.
fn add(metta: &mut Metta, space: SpaceId, atoms: &[Atom]) -> Outcome {
    for atom in atoms {
        match metta.store.add(space, atom, None) {
            Ok(true) => {}
            Ok(false) => return Outcome::failed("atoms cannot be added to this space"),
            Err(refusal) => metta.stop(refusal.into()),
        }
    }
    Outcome::unit()
}

fn add_atom(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match (space_of(request), request.arguments) {
        (Some(space), [_, atom]) => add(metta, space, std::slice::from_ref(atom)),
        _ => Outcome::failed("add-atom expects a space as the first argument"),
    }
}

fn add_atoms(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match (space_of(request), request.arguments) {
        (Some(space), [_, Atom::Expression(atoms)]) => add(metta, space, atoms.children()),
        // Then it fails like the fold that it stands for.
        (_, [space, atoms]) => {
            let [unused, each] = ["a", "b"].map(|name| Atom::Variable(metta.store.variable(Symbol::new(name))));
            let add = Atom::expression([metta.word("add-atom"), space.clone(), each.clone()]);
            Outcome::one(Atom::expression([Keyword::FoldlAtom.into(), atoms.clone(), Atom::unit(), unused, each, add]))
        }
        _ => Outcome::NotReducible,
    }
}

/// Adds what an atom was evaluated to.
fn add_reduct(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [Atom::Grounded(Grounded::Space(_)), _] => add_atom(metta, request),
        [space, atom] => Outcome::one(Atom::expression([metta.word("add-atom"), space.clone(), atom.clone()])),
        _ => Outcome::NotReducible,
    }
}

fn remove_atom(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match (space_of(request), request.arguments) {
        (Some(space), [_, atom, ..]) => match metta.store.remove(space, atom) {
            Some(_) => Outcome::unit(),
            None => Outcome::failed("atoms cannot be removed from this space"),
        },
        _ => Outcome::failed("remove-atom expects a space as the first argument"),
    }
}

fn get_atoms(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let Some(space) = space_of(request) else {
        return Outcome::failed("get-atoms expects a space as its argument");
    };
    match metta.store.list(space) {
        Some(atoms) if atoms.len() > metta.limits().results => {
            metta.stop(Stop::Results);
            Outcome::Atoms(Vec::new())
        }
        Some(atoms) => Outcome::Atoms(atoms),
        None => Outcome::failed("Unsupported Operation. Can't traverse atoms in this space"),
    }
}

fn new_state(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let [value] = request.arguments else { return Outcome::NotReducible };
    let of = types::types_of(&mut metta.store, request.space, value);
    let content = of.iter().find_map(|of| of.valid().cloned()).unwrap_or_else(|| Keyword::Undefined.into());
    Outcome::one(Atom::Grounded(Grounded::State(Arc::new(State::new(value.clone(), content)))))
}

fn state_of<'a>(request: &Request<'a>) -> Option<&'a Arc<State>> {
    match request.arguments.first() {
        Some(Atom::Grounded(Grounded::State(state))) => Some(state),
        _ => None,
    }
}

fn get_state(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match state_of(request) {
        Some(state) => Outcome::one(state.get()),
        None => Outcome::failed("get-state expects single state atom as an argument"),
    }
}

fn change_state(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match (state_of(request), request.arguments) {
        (Some(state), [cell, value, ..]) => {
            state.replace(value.clone());
            Outcome::one(cell.clone())
        }
        (None, [_, _, ..]) => Outcome::failed("change-state! expects a state as the first argument"),
        _ => Outcome::failed("change-state! expects a state atom and its new value as arguments"),
    }
}

/// Returns the types of an atom. `Empty` when all are wrong.
fn types_in(metta: &mut Metta, space: SpaceId, atom: &Atom) -> Outcome {
    let types = types::types_of(&mut metta.store, space, atom);
    Outcome::Atoms(types.iter().filter_map(|of| of.valid().cloned()).collect())
}

fn get_type(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [atom] => types_in(metta, request.space, atom),
        [atom, Atom::Grounded(Grounded::Space(space)), ..] => types_in(metta, *space, atom),
        _ => Outcome::failed("get-type expects single atom as an argument"),
    }
}

fn get_type_space(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match (space_of(request), request.arguments) {
        (Some(space), [_, atom, ..]) => types_in(metta, space, atom),
        (None, [_, ..]) => Outcome::failed("get-type-space expects a space as the first argument"),
        _ => Outcome::failed("get-type-space expects two arguments: space and atom"),
    }
}

fn bind(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [Atom::Symbol(word), atom, ..] => {
            metta.bind(word.name(), atom.clone());
            Outcome::unit()
        }
        _ => Outcome::failed("bind! expects symbol atom as a token"),
    }
}

fn pragma(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let usage = "pragma! expects key and value as arguments";
    let Some(key) = request.arguments.first() else { return Outcome::failed(usage) };
    let Some(key) = key.as_symbol() else { return Outcome::failed("pragma! expects symbol atom as a key") };
    let Some(value) = request.arguments.get(1) else { return Outcome::failed(usage) };
    if key == "max-stack-depth" && value.as_integer().is_none_or(|depth| depth < 0) {
        return Outcome::failed("UnsignedIntegerIsExpected");
    }
    metta.pragmas.insert(key.to_owned(), value.clone());
    Outcome::unit()
}

/// Returns what `@doc` says about an atom.
fn documentation(metta: &mut Metta, space: SpaceId, atom: &Atom) -> Vec<Atom> {
    let listed = metta.store.list(space).unwrap_or_default();
    let says = |listed: &Atom| matches!(listed.children(), [head, subject, ..] if head.as_symbol() == Some("@doc") && subject == atom);
    listed.into_iter().filter(says).collect()
}

fn get_doc(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match (space_of(request), request.arguments) {
        (Some(space), [_, atom]) => Outcome::Atoms(documentation(metta, space, atom)),
        _ => Outcome::NotReducible,
    }
}

fn help(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let [atom] = request.arguments else { return Outcome::NotReducible };
    let found = documentation(metta, request.space, atom);
    if found.is_empty() {
        metta.print(&format!("No documentation found for {atom}"));
    }
    for text in found {
        metta.print(&text.to_string());
    }
    Outcome::unit()
}
