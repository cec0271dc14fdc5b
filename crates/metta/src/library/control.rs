//! Functions for choosing, for binding, and for results as a whole.

use crate::{
    atom::{Atom, Grounded, Variable},
    bindings::{Bindings, substitute},
    function::{Alternative, Native, Outcome, Request},
    interpreter::Metta,
    library::Word,
    symbol::{Keyword, Symbol},
    tree, types,
};

pub(crate) const WORDS: &[Word] = &[
    ("==", "(-> $t $t Bool)", |_, r| two(r, "== expects two arguments", |a, b| Outcome::one(Atom::bool(a == b)))),
    ("=alpha", "(-> Atom Atom Bool)", |_, r| {
        let usage = "=alpha expects two atoms as arguments: actual and expected";
        two(r, usage, |a, b| Outcome::one(Atom::bool(tree::equivalent(a, b))))
    }),
    ("if-equal", "(-> Atom Atom Atom Atom %Undefined%)", if_equal),
    ("superpose", "(-> Expression %Undefined%)", superpose),
    ("sealed", "(-> Expression Atom Atom)", sealed),
    ("nop", "%Undefined%", |_, _| Outcome::unit()),
    ("capture", "(-> Atom Atom)", capture),
];

pub(crate) fn of_keyword(keyword: Keyword) -> Option<Native> {
    Some(match keyword {
        Keyword::If => if_then,
        Keyword::Let => let_in,
        Keyword::LetStar => let_star,
        Keyword::Case => case,
        Keyword::Switch | Keyword::SwitchMinimal => switch,
        Keyword::Id | Keyword::Noeval => |_, request| match request.arguments {
            [atom] => Outcome::one(atom.clone()),
            _ => Outcome::NotReducible,
        },
        Keyword::AtomSubst => atom_subst,
        Keyword::IfDeconsExpr => if_decons,
        Keyword::IfError => if_error,
        Keyword::ReturnOnError => return_on_error,
        Keyword::Unquote => |_, request| match request.arguments {
            [quoted] => match quoted.children() {
                [head, atom] if head.is(Keyword::Quote) => Outcome::one(atom.clone()),
                _ => Outcome::NotReducible,
            },
            _ => Outcome::NotReducible,
        },
        Keyword::EmptyCall => |_, request| match request.arguments {
            [] => Outcome::one(Keyword::Empty.into()),
            _ => Outcome::NotReducible,
        },
        Keyword::Collapse => |_, request| match request.arguments {
            [atom] => collected(request, atom, |_, atoms| Outcome::one(Atom::expression(atoms))),
            _ => Outcome::NotReducible,
        },
        Keyword::NoreduceEq => |_, request| match request.arguments {
            [a, b] => Outcome::one(Atom::bool(a == b)),
            _ => Outcome::NotReducible,
        },
        Keyword::IsFunction => |_, request| match request.arguments {
            [of] => Outcome::one(Atom::bool(of.children().first().is_some_and(|head| head.is(Keyword::Arrow)))),
            _ => Outcome::NotReducible,
        },
        Keyword::TypeCast => type_cast,
        Keyword::MatchTypes => match_types,
        Keyword::MatchTypeOr => match_type_or,
        Keyword::FirstFromPair => first_from_pair,
        Keyword::SwitchInternal => switch_internal,
        _ => return None,
    })
}

/// Evaluates an atom, and continues with all its results.
pub(crate) fn collected(
    request: &Request<'_>,
    atom: &Atom,
    then: impl FnOnce(&mut Metta, Vec<Atom>) -> Outcome + 'static,
) -> Outcome {
    let then = move |metta: &mut Metta, found: Vec<Alternative>| {
        then(metta, found.into_iter().map(|found| found.atom).collect())
    };
    Outcome::Evaluate(atom.clone(), request.space, Box::new(then))
}

fn two(request: &Request<'_>, usage: &str, operation: impl FnOnce(&Atom, &Atom) -> Outcome) -> Outcome {
    match request.arguments {
        [a, b, ..] => operation(a, b),
        _ => Outcome::failed(usage),
    }
}

fn if_then(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [condition, then, otherwise] = request.arguments else { return Outcome::NotReducible };
    match condition {
        Atom::Grounded(Grounded::Bool(true)) => Outcome::one(then.clone()),
        Atom::Grounded(Grounded::Bool(false)) => Outcome::one(otherwise.clone()),
        // Nothing is known about it, so it may be either.
        Atom::Variable(variable) => {
            let choice = |value: bool, branch: &Atom| {
                let values = vec![(variable.clone(), Atom::bool(value))];
                Alternative { atom: substitute(branch, &values), values, trail: None }
            };
            Outcome::Found(vec![choice(true, then), choice(false, otherwise)])
        }
        _ => Outcome::NotReducible,
    }
}

/// Returns the template with the values for which the two atoms are equal.
fn unified(left: &Atom, right: &Atom, template: &Atom) -> Option<Alternative> {
    let mut bindings = Bindings::new();
    if !bindings.unify(left, right) {
        return None;
    }
    if bindings.is_empty() {
        return Some(Alternative::new(template.clone()));
    }
    let mut variables = tree::variables(left);
    variables.extend(tree::variables(right));
    variables.sort_by_key(|variable| variable.id);
    variables.dedup();
    Some(Alternative { atom: bindings.apply(template), values: bindings.restrict(&variables), trail: None })
}

fn let_in(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [pattern, atom, template] => {
            let parts = [Keyword::Unify.into(), atom.clone(), pattern.clone(), template.clone(), Keyword::Empty.into()];
            Outcome::one(Atom::expression(parts))
        }
        _ => Outcome::NotReducible,
    }
}

fn let_star(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [pairs, template] = request.arguments else { return Outcome::NotReducible };
    match pairs.children().split_first() {
        None => Outcome::one(template.clone()),
        Some((head, tail)) => match head.children() {
            [pattern, atom] => {
                let rest = if tail.is_empty() {
                    template.clone()
                } else {
                    Atom::expression([Keyword::LetStar.into(), Atom::expression(tail), template.clone()])
                };
                Outcome::one(Atom::expression([Keyword::Let.into(), pattern.clone(), atom.clone(), rest]))
            }
            _ => {
                let usage = Atom::text("List of (<pattern> <atom>) pairs is expected as a second argument");
                Outcome::one(Atom::error(request.call.clone(), usage))
            }
        },
    }
}

/// Returns the template of the first case that fits an atom. `Empty` when none does.
fn first_case(atom: &Atom, cases: &Atom) -> Alternative {
    for case in cases.children() {
        let [pattern, template] = case.children() else { break };
        if let Some(found) = unified(atom, pattern, template) {
            return found;
        }
    }
    Alternative::new(Keyword::Empty.into())
}

fn switch(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [atom, cases] => Outcome::Found(vec![first_case(atom, cases)]),
        _ => Outcome::NotReducible,
    }
}

fn case(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [atom, cases] = request.arguments else { return Outcome::NotReducible };
    let cases = cases.clone();
    let then = move |_: &mut Metta, found: Vec<Alternative>| {
        if found.is_empty() {
            return Outcome::Found(vec![first_case(&Keyword::Empty.into(), &cases)]);
        }
        let each = found.into_iter().map(|found| {
            let mut chosen = first_case(&found.atom, &substitute(&cases, &found.values));
            let values = found.values.iter().map(|(v, a)| (v.clone(), substitute(a, &chosen.values)));
            chosen.values = values.chain(chosen.values.iter().cloned()).collect();
            chosen.trail = found.trail;
            chosen
        });
        Outcome::Found(each.collect())
    };
    Outcome::Evaluate(atom.clone(), request.space, Box::new(then))
}

fn atom_subst(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [atom, Atom::Variable(variable), template] => {
            Outcome::one(substitute(template, &[(variable.clone(), atom.clone())]))
        }
        [_, _, _] => Outcome::one(Atom::error(request.call.clone(), Keyword::NoReturn.into())),
        _ => Outcome::NotReducible,
    }
}

fn if_equal(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [a, b, then, otherwise] => Outcome::one(if tree::equivalent(a, b) { then.clone() } else { otherwise.clone() }),
        _ => Outcome::failed("if-equal expects <atom> <pattern> <then> <else> as an argument"),
    }
}

fn if_decons(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [list, head, tail, then, otherwise] = request.arguments else { return Outcome::NotReducible };
    let parts = list.children().split_first().and_then(|(first, rest)| {
        let parts = Atom::expression([first.clone(), Atom::expression(rest)]);
        unified(&parts, &Atom::expression([head.clone(), tail.clone()]), then)
    });
    match parts {
        Some(found) => Outcome::Found(vec![found]),
        None => Outcome::one(otherwise.clone()),
    }
}

fn if_error(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [atom, then, otherwise] => Outcome::one(if atom.is_error() { then.clone() } else { otherwise.clone() }),
        _ => Outcome::NotReducible,
    }
}

fn return_on_error(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [atom, then] => Outcome::one(if atom.is_error() || atom.is(Keyword::Empty) {
            Atom::expression([Keyword::Return.into(), atom.clone()])
        } else {
            then.clone()
        }),
        _ => Outcome::NotReducible,
    }
}

fn superpose(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [Atom::Expression(list), ..] => Outcome::Atoms(list.children().to_vec()),
        _ => Outcome::failed("superpose expects single expression as an argument"),
    }
}

fn sealed(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let [keep, atom, ..] = request.arguments else {
        return Outcome::failed("sealed expects two arguments: var_list to be ignored and expression");
    };
    let keep = tree::variables(keep);
    let renamed = |variable: Variable| {
        let fresh = metta.store.variable(variable.name.clone());
        (variable, Atom::Variable(fresh))
    };
    let values: Vec<_> =
        tree::variables(atom).into_iter().filter(|variable| !keep.contains(variable)).map(renamed).collect();
    Outcome::one(substitute(atom, &values))
}

fn capture(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [atom, ..] => collected(request, atom, |_, atoms| Outcome::Atoms(atoms)),
        _ => Outcome::failed("capture expects one argument"),
    }
}

fn type_cast(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let [atom, wanted, space] = request.arguments else { return Outcome::NotReducible };
    let fits = wanted.is(types::meta_type(atom))
        || match space {
            Atom::Grounded(Grounded::Space(space)) => types::cast(&mut metta.store, *space, atom, wanted).is_ok(),
            // Without a space nothing is known, so only what accepts everything fits.
            _ => wanted.is(Keyword::Undefined) || wanted.is(Keyword::Atom) || matches!(wanted, Atom::Variable(_)),
        };
    Outcome::one(if fits { atom.clone() } else { Atom::error(atom.clone(), Keyword::BadType.into()) })
}

/// Returns the first of two atoms in brackets.
fn first_from_pair(metta: &mut Metta, request: &Request<'_>) -> Outcome {
    let [pair] = request.arguments else { return Outcome::NotReducible };
    match (pair, pair.children()) {
        (_, [first, _]) => Outcome::one(first.clone()),
        (Atom::Variable(variable), _) => {
            let [first, second] =
                ["first", "second"].map(|name| Atom::Variable(metta.store.variable(Symbol::new(name))));
            let values = vec![(variable.clone(), Atom::expression([first.clone(), second]))];
            Outcome::Found(vec![Alternative { atom: first, values, trail: None }])
        }
        _ => Outcome::one(Atom::error(request.call.clone(), Atom::text("incorrect pair format"))),
    }
}

/// Returns whether something was true already or a type fits another.
fn match_type_or(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [folded, next, wanted] = request.arguments else { return Outcome::NotReducible };
    match folded.as_bool() {
        Some(folded) => {
            let fits = types::match_types(next, wanted, &Bindings::new()).is_some();
            Outcome::one(Atom::bool(folded || fits))
        }
        None => Outcome::NotReducible,
    }
}

/// Returns the template of the first case that fits, out of a first case and the list of the others.
fn switch_internal(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments {
        [atom, cases] => match cases.children() {
            [first, Atom::Expression(others)] if first.children().len() == 2 => {
                let all: Vec<Atom> = std::iter::once(first).chain(others.children()).cloned().collect();
                Outcome::Found(vec![first_case(atom, &Atom::expression(all))])
            }
            _ => Outcome::NotReducible,
        },
        _ => Outcome::NotReducible,
    }
}

fn match_types(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let [left, right, then, otherwise] = request.arguments else { return Outcome::NotReducible };
    match types::match_types(left, right, &Bindings::new()) {
        Some(bindings) => {
            let values = bindings.restrict(&tree::variables(request.call));
            Outcome::Found(vec![Alternative { atom: bindings.apply(then), values, trail: None }])
        }
        None => Outcome::one(otherwise.clone()),
    }
}
