//! Strings and printing.

use crate::{
    atom::Atom,
    function::{Outcome, Request},
    interpreter::Metta,
    library::Word,
    tree::plain_text,
};

pub(crate) const WORDS: &[Word] = &[
    ("println!", "(-> %Undefined% (->))", |metta, request| match request.arguments {
        [atom, ..] => {
            metta.print(&plain_text(atom));
            Outcome::unit()
        }
        _ => Outcome::failed("println! expects single atom as an argument"),
    }),
    ("trace!", "(-> %Undefined% Atom %Undefined%)", |metta, request| match request.arguments {
        [message, atom, ..] => {
            metta.print(&message.to_string());
            Outcome::one(atom.clone())
        }
        _ => Outcome::failed("trace! expects two atoms as arguments"),
    }),
    ("print-alternatives!", "(-> Atom Expression (->))", print_alternatives),
    ("format-args", "(-> String Expression String)", format_arguments),
    ("sort-strings", "(-> Expression Expression)", sort_strings),
    ("repr", "(-> Atom String)", |_, request| match request.arguments {
        [atom, ..] => Outcome::one(Atom::text(atom.to_string())),
        _ => Outcome::NotReducible,
    }),
    ("parse", "(-> String Atom)", |metta, request| match request.arguments.first().and_then(Atom::as_text) {
        Some(text) => match metta.parse(text) {
            Ok(atom) => Outcome::one(atom),
            Err(error) => Outcome::Failed(error.problem.to_string()),
        },
        None => Outcome::NotReducible,
    }),
];

fn print_alternatives(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let [title, Atom::Expression(list), ..] = request.arguments else {
        let usage = "print-alternatives! expects format string as a first argument and expression as a second argument";
        return Outcome::no_expression(request.arguments.get(1), usage);
    };
    metta.print(&format!("{} {}:", list.children().len(), plain_text(title)));
    for atom in list.children() {
        metta.print(&format!("    {}", plain_text(atom)));
    }
    Outcome::unit()
}

fn format_arguments(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let usage = "format-args expects format string as a first argument and expression as a second argument";
    let Some(format) = request.arguments.first().and_then(Atom::as_text) else { return Outcome::failed(usage) };
    let Some(Atom::Expression(list)) = request.arguments.get(1) else {
        return Outcome::no_expression(request.arguments.get(1), usage);
    };
    let mut arguments = list.children().iter();
    let mut text = String::with_capacity(format.len());
    let mut rest = format;
    while let Some(at) = rest.find("{}") {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        if let Some(argument) = arguments.next() {
            text.push_str(&plain_text(argument));
        }
        rest = after.strip_prefix("{}").unwrap_or(after);
    }
    text.push_str(rest);
    Outcome::one(Atom::text(text))
}

fn sort_strings(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let usage = "sort-strings expects expression with strings as a first argument";
    let Some(Atom::Expression(list)) = request.arguments.first() else { return Outcome::failed(usage) };
    let strings: Option<Vec<&str>> = list.children().iter().map(Atom::as_text).collect();
    let Some(mut strings) = strings else { return Outcome::failed(usage) };
    strings.sort_unstable();
    Outcome::one(Atom::expression(strings.into_iter().map(Atom::text).collect::<Vec<_>>()))
}
