//! Assertions: they return `()` when they hold, and otherwise an error that says what differs.

use crate::{
    atom::{Atom, Grounded},
    function::{Alternative, Native, Outcome, Request},
    interpreter::Metta,
    library::{Word, control::collected, list::Bag},
    symbol::Keyword,
    tree,
};

pub(crate) fn of_keyword(keyword: Keyword) -> Option<Native> {
    Some(match keyword {
        Keyword::AssertEqual | Keyword::AssertEqualMsg => |_, request| compare(request, true, PartialEq::eq),
        Keyword::AssertAlphaEqual | Keyword::AssertAlphaEqualMsg => {
            |_, request| compare(request, true, tree::equivalent)
        }
        Keyword::AssertEqualToResult | Keyword::AssertEqualToResultMsg => {
            |_, request| compare(request, false, PartialEq::eq)
        }
        Keyword::AssertAlphaEqualToResult | Keyword::AssertAlphaEqualToResultMsg => {
            |_, request| compare(request, false, tree::equivalent)
        }
        Keyword::AssertIncludes => includes,
        Keyword::Assert => holds,
        _ => return None,
    })
}

/// The comparisons of which the reference's assertions are made: results, expected results, what to report, and a message.
pub(crate) const WORDS: &[Word] = &[
    ("_assert-results-are-equal", "(-> Atom Atom Atom (->))", |_, r| results(r, PartialEq::eq)),
    ("_assert-results-are-equal-msg", "(-> Atom Atom Atom Atom (->))", |_, r| results(r, PartialEq::eq)),
    ("_assert-results-are-alpha-equal", "(-> Atom Atom Atom (->))", |_, r| results(r, tree::equivalent)),
    ("_assert-results-are-alpha-equal-msg", "(-> Atom Atom Atom Atom (->))", |_, r| results(r, tree::equivalent)),
];

fn results(request: &Request<'_>, same: Same) -> Outcome {
    let [actual, expected, call, message @ ..] = request.arguments else { return Outcome::NotReducible };
    match (actual, expected) {
        (Atom::Expression(actual), Atom::Expression(expected)) => {
            verdict(call, actual.children(), expected.children(), message.first().cloned(), same)
        }
        _ => Outcome::failed("Atom is not an ExpressionAtom"),
    }
}

type Same = fn(&Atom, &Atom) -> bool;

/// Compares the results of one atom with those of another, or with a list.
fn compare(request: &Request<'_>, evaluate: bool, same: Same) -> Outcome {
    let (actual, expected, message) = match request.arguments {
        [actual, expected] => (actual, expected, None),
        [actual, expected, message] => (actual, expected, Some(message.clone())),
        _ => return Outcome::NotReducible,
    };
    // The message occurs only once.
    let call = Atom::expression(request.call.children().get(..3).unwrap_or_default());
    let (expected, space) = (expected.clone(), request.space);
    let name = comparison(request.call, message.is_some());
    collected(request, actual, move |metta, actual| {
        if !evaluate {
            if matches!(expected, Atom::Expression(_)) {
                return verdict(&call, &actual, expected.children(), message, same);
            }
            // What is no list cannot be the list of results, even when there are none.
            let compared = [metta.word(name), Atom::expression(actual), expected, call];
            let compared = Atom::expression(compared.into_iter().chain(message).collect::<Vec<_>>());
            return Outcome::one(Atom::error(compared, Atom::symbol("Atom is not an ExpressionAtom")));
        }
        let then = move |_: &mut Metta, found: Vec<Alternative>| {
            let expected: Vec<Atom> = found.into_iter().map(|found| found.atom).collect();
            verdict(&call, &actual, &expected, message, same)
        };
        Outcome::Evaluate(expected, space, Box::new(then))
    })
}

/// Returns the word by which the reference compares the results of an assertion.
fn comparison(call: &Atom, with_message: bool) -> &'static str {
    let alpha = matches!(
        call.children().first().map(Atom::keyword),
        Some(Keyword::AssertAlphaEqualToResult | Keyword::AssertAlphaEqualToResultMsg)
    );
    match (alpha, with_message) {
        (false, false) => "_assert-results-are-equal",
        (false, true) => "_assert-results-are-equal-msg",
        (true, false) => "_assert-results-are-alpha-equal",
        (true, true) => "_assert-results-are-alpha-equal-msg",
    }
}

fn verdict(call: &Atom, actual: &[Atom], expected: &[Atom], message: Option<Atom>, same: Same) -> Outcome {
    let mut bag = Bag::new(expected);
    let excessive: Vec<Atom> = actual.iter().filter(|atom| !bag.take(atom, same)).cloned().collect();
    let missed = bag.rest();
    if missed.is_empty() && excessive.is_empty() {
        return Outcome::unit();
    }
    let message = message.unwrap_or_else(|| {
        let list = |atoms: &[Atom]| atoms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut report = format!("\nExpected: [{}]\nGot: [{}]", list(expected), list(actual));
        if !missed.is_empty() {
            report.push_str(&format!("\nMissed results: {}", list(&missed)));
        }
        if !excessive.is_empty() {
            report.push_str(&format!("\nExcessive results: {}", list(&excessive)));
        }
        Atom::text(report)
    });
    Outcome::one(Atom::error(call.clone(), message))
}

fn includes(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [atom, wanted] = request.arguments else { return Outcome::NotReducible };
    let (call, wanted) = (request.call.clone(), wanted.clone());
    collected(request, atom, move |metta, actual| {
        let all = Atom::expression(actual.clone());
        if !matches!(wanted, Atom::Expression(_)) {
            let compared = Atom::expression([metta.word("subtraction-atom"), wanted, all]);
            return Outcome::one(Atom::error(compared, Atom::symbol("Atom is not an ExpressionAtom")));
        }
        let mut bag = Bag::new(&actual);
        let missing: Vec<Atom> =
            wanted.children().iter().filter(|atom| !bag.take(atom, PartialEq::eq)).cloned().collect();
        if missing.is_empty() {
            return Outcome::unit();
        }
        // `not` is a word of the language, so its meaning must be used here.
        let missing = Atom::expression(missing);
        let mut report = vec![Atom::symbol("assertIncludes"), Atom::symbol("error:"), missing.clone()];
        report.push(metta.word("not"));
        report.extend(["included", "in", "result:"].map(Atom::symbol));
        report.push(all);
        let error = Atom::error(call, Atom::expression(report));
        // As in the reference, what is missing is evaluated here, so it counts only where it has results.
        let differs = Atom::expression([metta.word("=="), missing, Atom::unit()]);
        Outcome::one(Atom::expression([Keyword::If.into(), differs, Atom::unit(), error]))
    })
}

fn holds(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [atom] = request.arguments else { return Outcome::NotReducible };
    let (call, claim) = (request.call.clone(), atom.clone());
    let then = move |metta: &mut Metta, found: Vec<Alternative>| {
        let reason = Atom::expression([claim, metta.word("not"), Atom::bool(true)]);
        let each = found.into_iter().map(|found| match &found.atom {
            Atom::Grounded(Grounded::Bool(true)) => Alternative { atom: Atom::unit(), ..found },
            // A variable may be true.
            Atom::Variable(variable) => {
                let mut values = found.values.clone();
                values.push((variable.clone(), Atom::bool(true)));
                Alternative { atom: Atom::unit(), values, ..found }
            }
            _ => Alternative { atom: Atom::error(call.clone(), reason.clone()), ..found },
        });
        Outcome::Found(each.collect())
    };
    Outcome::Evaluate(atom.clone(), request.space, Box::new(then))
}
