//! Functions for modules. What they read comes from the interpreter's loader.

use crate::{
    atom::{Atom, Grounded},
    function::{Outcome, Request},
    interpreter::Metta,
    library::Word,
};

pub(crate) const WORDS: &[Word] = &[
    ("import!", "(-> Atom Atom (->))", import),
    ("include", "(-> Atom %Undefined%)", include),
    ("mod-space!", "(-> Atom SpaceType)", mod_space),
    ("module-space-no-deps", "(-> SpaceType SpaceType)", |_, request| match request.arguments {
        [space @ Atom::Grounded(Grounded::Space(_)), ..] => Outcome::one(space.clone()),
        _ => Outcome::failed("module-space-no-deps expects a space as an argument"),
    }),
    ("print-mods!", "(-> (->))", |metta, _| {
        for line in metta.modules.lines() {
            metta.print(&line);
        }
        Outcome::unit()
    }),
    ("register-module!", "(-> Atom (->))", register),
    ("git-module!", "(-> Atom (->))", |_, request| match request.arguments.first().and_then(name_of) {
        Some(_) => Outcome::failed("git-module! is not available, because rules do not read from the network"),
        None => Outcome::failed("git-module! expects a URL; use quotes if needed"),
    }),
];

/// Returns the name or path that an atom stands for: a symbol, a string, or a value as it is printed.
fn name_of(atom: &Atom) -> Option<String> {
    match atom {
        Atom::Symbol(symbol) => Some(symbol.name().to_owned()),
        Atom::Grounded(Grounded::Text(text)) => Some(text.to_string()),
        Atom::Grounded(_) => Some(atom.to_string()),
        Atom::Variable(_) | Atom::Expression(_) => None,
    }
}

fn import(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let (Some(name), [target, ..]) = (request.arguments.get(1).and_then(name_of), request.arguments) else {
        return Outcome::failed("import! expects a destination &space and a module name argument");
    };
    let space = match metta.import(&name) {
        Ok(space) => Atom::Grounded(Grounded::Space(space)),
        Err(error) => return Outcome::Failed(error),
    };
    match target {
        Atom::Symbol(word) => {
            metta.bind(word.name(), space);
            Outcome::unit()
        }
        Atom::Grounded(Grounded::Space(own)) if *own == metta.home() => {
            metta.store.import(*own, &space);
            Outcome::unit()
        }
        other => Outcome::Failed(format!(
            "import! destination argument must be a symbol atom naming a new space, or &self.  Found: {other}"
        )),
    }
}

fn include(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments.first().and_then(name_of) {
        Some(name) => match metta.include(&name) {
            Ok(results) => Outcome::Atoms(results),
            Err(error) => Outcome::Failed(error),
        },
        None => Outcome::failed("include expects a module name argument"),
    }
}

fn mod_space(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments.first().and_then(name_of) {
        Some(name) => match metta.import(&name) {
            Ok(space) => Outcome::one(Atom::Grounded(Grounded::Space(space))),
            Err(error) => Outcome::Failed(error),
        },
        None => Outcome::failed("mod-space! expects a module name argument"),
    }
}

fn register(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments.first().and_then(name_of) {
        Some(path) => match metta.register_module(&path) {
            Ok(()) => Outcome::unit(),
            Err(error) => Outcome::Failed(error),
        },
        None => Outcome::failed("register-module! expects a file system path; use quotes if needed"),
    }
}
