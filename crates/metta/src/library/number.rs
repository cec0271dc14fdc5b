//! Arithmetic, comparison and logic. As in the reference, integers wrap around, and a float is the result when an
//! integer and a float meet.

use crate::{
    atom::{Atom, Grounded},
    function::{Outcome, Request},
    interpreter::Metta,
    library::Word,
};

const NUMBERS: &str = "(-> Number Number Number)";
const COMPARISON: &str = "(-> Number Number Bool)";
const LOGIC: &str = "(-> Bool Bool Bool)";
const ONE: &str = "(-> Number Number)";

pub(crate) const WORDS: &[Word] = &[
    ("+", NUMBERS, |_, r| arithmetic(r, i64::wrapping_add, |a, b| a + b)),
    ("-", NUMBERS, |_, r| arithmetic(r, i64::wrapping_sub, |a, b| a - b)),
    ("*", NUMBERS, |_, r| arithmetic(r, i64::wrapping_mul, |a, b| a * b)),
    ("/", NUMBERS, |_, r| {
        let usage = Outcome::failed("Divide expects two numbers: dividend and divisor");
        divide(r, i64::checked_div, i64::wrapping_div, |a, b| a / b).or(usage)
    }),
    ("%", NUMBERS, |_, r| divide(r, i64::checked_rem, i64::wrapping_rem, |a, b| a % b)),
    ("<", COMPARISON, |_, r| compare(r, |a, b| a < b, |a, b| a < b)),
    (">", COMPARISON, |_, r| compare(r, |a, b| a > b, |a, b| a > b)),
    ("<=", COMPARISON, |_, r| compare(r, |a, b| a <= b, |a, b| a <= b)),
    (">=", COMPARISON, |_, r| compare(r, |a, b| a >= b, |a, b| a >= b)),
    ("and", LOGIC, |_, r| logic(r, |a, b| a && b)),
    ("or", LOGIC, |_, r| logic(r, |a, b| a || b)),
    ("xor", LOGIC, |_, r| logic(r, |a, b| a ^ b)),
    ("not", "(-> Bool Bool)", not),
    ("pow-math", NUMBERS, power),
    ("log-math", NUMBERS, logarithm),
    ("sqrt-math", ONE, |_, r| float(r, "sqrt-math expects one argument: number", f64::sqrt)),
    ("sin-math", ONE, |_, r| float(r, "sin-math expects one argument: input number", f64::sin)),
    ("asin-math", ONE, |_, r| float(r, "asin-math expects one argument: input number", f64::asin)),
    ("cos-math", ONE, |_, r| float(r, "cos-math expects one argument: input number", f64::cos)),
    ("acos-math", ONE, |_, r| float(r, "acos-math expects one argument: input number", f64::acos)),
    ("tan-math", ONE, |_, r| float(r, "tan-math expects one argument: input number", f64::tan)),
    ("atan-math", ONE, |_, r| float(r, "atan-math expects one argument: input number", f64::atan)),
    ("abs-math", ONE, |_, r| whole(r, "abs-math expects one argument: number", i64::wrapping_abs, f64::abs)),
    ("trunc-math", ONE, |_, r| whole(r, "trunc-math expects one argument: input number", |n| n, f64::trunc)),
    ("ceil-math", ONE, |_, r| whole(r, "ceil-math expects one argument: input number", |n| n, f64::ceil)),
    ("floor-math", ONE, |_, r| whole(r, "floor-math expects one argument: input number", |n| n, f64::floor)),
    ("round-math", ONE, |_, r| whole(r, "round-math expects one argument: input number", |n| n, f64::round)),
    ("isnan-math", "(-> Number Bool)", |_, r| test(r, "isnan-math expects one argument: input number", f64::is_nan)),
    ("isinf-math", "(-> Number Bool)", |_, r| {
        test(r, "isinf-math expects one argument: input number", f64::is_infinite)
    }),
    ("min-atom", "(-> %Undefined% Number)", |_, r| extreme(r, "min-atom", f64::INFINITY, f64::min)),
    ("max-atom", "(-> %Undefined% Number)", |_, r| extreme(r, "max-atom", f64::NEG_INFINITY, f64::max)),
];

/// The two arguments. They are integers if both are integers.
enum Pair {
    Integers(i64, i64),
    Floats(f64, f64),
}

fn pair(request: &Request<'_>) -> Option<Pair> {
    match request.arguments {
        [Atom::Grounded(Grounded::Integer(a)), Atom::Grounded(Grounded::Integer(b)), ..] => {
            Some(Pair::Integers(*a, *b))
        }
        [a, b, ..] => Some(Pair::Floats(a.as_number()?, b.as_number()?)),
        _ => None,
    }
}

fn arithmetic(request: &Request<'_>, integers: fn(i64, i64) -> i64, floats: fn(f64, f64) -> f64) -> Outcome {
    match pair(request) {
        Some(Pair::Integers(a, b)) => Outcome::one(Atom::integer(integers(a, b))),
        Some(Pair::Floats(a, b)) => Outcome::one(Atom::float(floats(a, b))),
        None => Outcome::NotReducible,
    }
}

fn divide(
    request: &Request<'_>,
    checked: fn(i64, i64) -> Option<i64>,
    wrapping: fn(i64, i64) -> i64,
    floats: fn(f64, f64) -> f64,
) -> Outcome {
    match pair(request) {
        Some(Pair::Integers(_, 0)) => Outcome::failed("DivisionByZero"),
        // Only the least integer divided by -1 cannot be represented.
        Some(Pair::Integers(a, b)) => Outcome::one(Atom::integer(checked(a, b).unwrap_or_else(|| wrapping(a, b)))),
        Some(Pair::Floats(a, b)) => Outcome::one(Atom::float(floats(a, b))),
        None => Outcome::NotReducible,
    }
}

fn compare(request: &Request<'_>, integers: fn(&i64, &i64) -> bool, floats: fn(&f64, &f64) -> bool) -> Outcome {
    match pair(request) {
        Some(Pair::Integers(a, b)) => Outcome::one(Atom::bool(integers(&a, &b))),
        Some(Pair::Floats(a, b)) => Outcome::one(Atom::bool(floats(&a, &b))),
        None => Outcome::NotReducible,
    }
}

fn logic(request: &Request<'_>, operation: fn(bool, bool) -> bool) -> Outcome {
    match request.arguments {
        [a, b, ..] => match (a.as_bool(), b.as_bool()) {
            (Some(a), Some(b)) => Outcome::one(Atom::bool(operation(a, b))),
            _ => Outcome::NotReducible,
        },
        _ => Outcome::NotReducible,
    }
}

fn not(_: &mut Metta, request: &Request<'_>) -> Outcome {
    match request.arguments.first().and_then(Atom::as_bool) {
        Some(value) => Outcome::one(Atom::bool(!value)),
        None => Outcome::NotReducible,
    }
}

fn power(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let (Some(base), Some(exponent)) = (request.arguments.first().and_then(Atom::as_number), request.arguments.get(1))
    else {
        return Outcome::failed("pow-math expects two arguments: number (base) and number (power)");
    };
    match (exponent.as_integer(), exponent.as_number()) {
        (Some(exponent), _) => match i32::try_from(exponent) {
            Ok(exponent) => Outcome::one(Atom::float(base.powi(exponent))),
            Err(_) => Outcome::failed("power argument is too big, try using float value"),
        },
        (None, Some(exponent)) => Outcome::one(Atom::float(base.powf(exponent))),
        (None, None) => Outcome::failed("pow-math expects two arguments: number (base) and number (power)"),
    }
}

fn logarithm(_: &mut Metta, request: &Request<'_>) -> Outcome {
    let number = |index: usize| request.arguments.get(index).and_then(Atom::as_number);
    match (number(0), number(1)) {
        (Some(base), Some(input)) => Outcome::one(Atom::float(input.log(base))),
        _ => Outcome::failed("log-math expects two arguments: base (number) and input value (number)"),
    }
}

fn float(request: &Request<'_>, usage: &str, operation: fn(f64) -> f64) -> Outcome {
    match request.arguments.first().and_then(Atom::as_number) {
        Some(number) => Outcome::one(Atom::float(operation(number))),
        None => Outcome::failed(usage),
    }
}

fn whole(request: &Request<'_>, usage: &str, integer: fn(i64) -> i64, float: fn(f64) -> f64) -> Outcome {
    match request.arguments.first() {
        Some(Atom::Grounded(Grounded::Integer(number))) => Outcome::one(Atom::integer(integer(*number))),
        Some(Atom::Grounded(Grounded::Float(number))) => Outcome::one(Atom::float(float(*number))),
        _ => Outcome::failed(usage),
    }
}

fn test(request: &Request<'_>, usage: &str, operation: fn(f64) -> bool) -> Outcome {
    match request.arguments.first().and_then(Atom::as_number) {
        Some(number) => Outcome::one(Atom::bool(operation(number))),
        None => Outcome::failed(usage),
    }
}

fn extreme(request: &Request<'_>, name: &str, start: f64, operation: fn(f64, f64) -> f64) -> Outcome {
    let Some(Atom::Expression(list)) = request.arguments.first() else {
        let usage = format!("{name} expects one argument: expression");
        return Outcome::no_expression(request.arguments.first(), &usage);
    };
    if list.children().is_empty() {
        return Outcome::failed("Empty expression");
    }
    let numbers: Option<Vec<f64>> = list.children().iter().map(Atom::as_number).collect();
    match numbers {
        Some(numbers) => Outcome::one(Atom::float(numbers.into_iter().fold(start, operation))),
        None => {
            let list = Atom::Expression(list.clone());
            Outcome::Failed(format!("Only numbers are allowed in expression: {list}"))
        }
    }
}
