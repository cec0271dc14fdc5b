//! Assertions: they return `()` when they hold, and otherwise an error that says what differs.

use crate::{
    atom::Atom,
    function::{Alternative, Native, Outcome, Request},
    interpreter::Metta,
    library::{control::collected, list::Bag},
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
    collected(request, actual, move |_, actual| {
        if !evaluate {
            return verdict(&call, &actual, expected.children(), message, same);
        }
        let then = move |_: &mut Metta, found: Vec<Alternative>| {
            let expected: Vec<Atom> = found.into_iter().map(|found| found.atom).collect();
            verdict(&call, &actual, &expected, message, same)
        };
        Outcome::Evaluate(expected, space, Box::new(then))
    })
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
        let mut bag = Bag::new(&actual);
        let missing: Vec<Atom> =
            wanted.children().iter().filter(|atom| !bag.take(atom, PartialEq::eq)).cloned().collect();
        if missing.is_empty() {
            return Outcome::unit();
        }
        // `not` is a word of the language, so its meaning must be used here.
        let mut report = vec![Atom::symbol("assertIncludes"), Atom::symbol("error:"), Atom::expression(missing)];
        report.push(metta.parse("not").unwrap_or_else(|_| Atom::symbol("not")));
        report.extend(["included", "in", "result:"].map(Atom::symbol));
        report.push(all);
        Outcome::one(Atom::error(call, Atom::expression(report)))
    })
}

fn holds(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [atom] = request.arguments else { return Outcome::NotReducible };
    let (call, claim) = (request.call.clone(), atom.clone());
    collected(request, atom, move |metta, atoms| {
        let not = metta.parse("not").unwrap_or_else(|_| Atom::symbol("not"));
        let each = atoms.into_iter().map(|atom| {
            if atom.as_bool() == Some(true) {
                return Atom::unit();
            }
            let reason = Atom::expression([claim.clone(), not.clone(), Atom::bool(true)]);
            Atom::error(call.clone(), reason)
        });
        Outcome::Atoms(each.collect())
    })
}
