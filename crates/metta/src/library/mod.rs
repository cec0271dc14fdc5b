//! The standard library. Functions that the reference writes in the language itself are symbols here, with types in
//! `types.metta` and code in Rust. Those that it has as grounded atoms are words that mean a function.

mod assert;
mod control;
mod list;
mod modules;
mod number;
mod spaces;
mod text;

use crate::{
    atom::{Atom, Grounded},
    function::{Action, Function, Native},
    interpreter::Metta,
    symbol::Keyword,
};

/// A word, the type of the function it means, and the function.
pub(crate) type Word = (&'static str, &'static str, Native);

const WORDS: &[&[Word]] =
    &[assert::WORDS, control::WORDS, list::WORDS, modules::WORDS, number::WORDS, spaces::WORDS, text::WORDS];

/// Puts the library into a new interpreter.
pub(crate) fn install(metta: &mut Metta) {
    let read = metta.run("library", include_str!("types.metta"));
    debug_assert!(read.is_ok(), "the library's types are a program");
    for (word, signature, native) in WORDS.iter().copied().flatten() {
        let signature = metta.parse(signature).unwrap_or_else(|_| Keyword::Undefined.into());
        let function = Function::new(word, signature, Action::Native(*native));
        metta.bind(word, Atom::Grounded(Grounded::Function(function)));
    }
    metta.bind("PI", Atom::float(std::f64::consts::PI));
    metta.bind("EXP", Atom::float(std::f64::consts::E));
}

/// Returns the function that the library defines for a symbol.
pub(crate) fn of_keyword(keyword: Keyword) -> Option<Native> {
    keyword.is_library().then(|| {
        control::of_keyword(keyword)
            .or_else(|| list::of_keyword(keyword))
            .or_else(|| spaces::of_keyword(keyword))
            .or_else(|| assert::of_keyword(keyword))
    })?
}
