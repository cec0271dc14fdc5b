//! Whatever a program does, its evaluation ends within limits and without a panic.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use metta::{Atom, CallError, Limits, MAX_DEPTH, Metta, Problem};
use proptest::prelude::*;

fn small() -> Limits {
    Limits { steps: 20_000, results: 1_000, depth: 2_000, atom_size: 10_000, atoms: 50_000 }
}

fn last(program: &str, limits: Limits) -> String {
    let lists = Metta::with_limits(limits).run("program", program).unwrap();
    lists.last().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_limit_ends_in_an_error_atom() {
    let cases = [
        ("(= (loop) (loop)) ! (loop)", "(Error (loop) StepLimit)"),
        ("(= (up $n) (up (+ $n 1))) ! (up 0)", "(Error (up 0) StepLimit)"),
        ("(= (deep) (+ 1 (deep))) ! (deep)", "(Error (deep) DepthLimit)"),
        ("(= (grow $x) (grow ($x $x))) ! (grow a)", "(Error (grow a) AtomSizeLimit)"),
        ("(= (bit) 0) (= (bit) 1) (= (b4) ((bit) (bit) (bit) (bit))) ! ((b4) (b4) (b4))", "ResultLimit)"),
        (
            "(= (facts $n) (if (== $n 0) () (let () (add-atom &self (p $n q)) (facts (- $n 1))))) ! (facts 900)
             ! (match &self (, (p $a q) (p $b q) (p $c $c)) found)",
            "Limit)",
        ),
        ("(= (fill $n) (let () (add-atom &self (fact $n)) (fill (+ $n 1)))) ! (fill 0)", "Limit)"),
    ];
    for (program, expected) in cases {
        let result = last(program, small());
        assert!(result.ends_with(expected), "{program} gives {result}");
    }
}

/// A join that finds nothing looks at atoms all the same.
#[test]
fn looking_counts() {
    let facts: String = (0..900).map(|n| format!("(p {n} q)")).collect();
    let program = format!("{facts} ! (match &self (, (p $a q) (p $b $b)) found)");
    assert!(last(&program, small()).ends_with("StepLimit)"));
}

#[test]
fn a_chain_of_calls_needs_no_depth() {
    let program = "(= (count $n) (if (== $n 0) done (count (- $n 1)))) ! (count 20000)";
    let limits = Limits { depth: 10, ..Limits::default() };
    assert_eq!(last(program, limits), "done");
}

#[test]
fn what_the_program_allows_itself_counts_too() {
    let program = "! (pragma! max-stack-depth 50) (= (deep) (+ 1 (deep))) ! (deep)";
    assert!(last(program, small()).ends_with("StackOverflow)"));
}

#[test]
fn deep_text_is_an_error() {
    let text = "(".repeat(100_000) + &")".repeat(100_000);
    assert_eq!(Metta::new().run("deep", &text).unwrap_err().problem, Problem::Depth);
    let unclosed = Metta::new().run("open", &"(".repeat(MAX_DEPTH)).unwrap_err();
    assert_eq!((unclosed.problem, unclosed.place.column), (Problem::Unclosed, MAX_DEPTH as u32));
}

/// Atoms that are far deeper than the call stack are built, compared, matched, printed and dropped.
#[test]
fn deep_atoms_are_no_problem() {
    let deep = |end: &str| {
        let mut atom = Atom::symbol(end);
        for _ in 0..200_000 {
            atom = Atom::expression([Atom::symbol("S"), atom]);
        }
        atom
    };
    let (one, other, end) = (deep("Z"), deep("Z"), deep("Y"));
    assert!(one == other && one != end);
    assert_eq!(one.to_string().len(), 4 * 200_000 + 1);
    let mut bindings = metta::Bindings::new();
    let mut pattern = Atom::variable("x");
    for _ in 0..100_000 {
        pattern = Atom::expression([Atom::symbol("S"), pattern]);
    }
    assert!(bindings.unify(&pattern, &one));
    assert!(bindings.apply(&pattern) == one);
    assert!(!bindings.clone().unify(&pattern, &end));
    let mut metta = Metta::new();
    assert!(metta.add(Atom::expression([Atom::symbol("deep"), one.clone()])));
    let question = metta.parse("(match &self (deep $x) (quote $x))").unwrap();
    assert_eq!(metta.evaluate(&question), [Atom::expression([Atom::symbol("quote"), one])]);
}

#[test]
fn deep_states_are_no_problem() {
    let program =
        "(= (wrap $n $s) (if (== $n 0) (nop $s) (wrap (- $n 1) (new-state $s)))) ! (wrap 20000 (new-state a))";
    assert_eq!(last(program, Limits::default()), "()");
    let itself = "! (bind! &s (new-state (a))) ! (change-state! &s (a &s)) ! (== &s &s)";
    assert_eq!(last(itself, Limits::default()), "True");
}

/// Tries terms whose unifier is exponentially large.
#[test]
fn exponential_terms_end() {
    let count = 60;
    let side = |names: (&str, &str)| {
        let pairs: Vec<String> = (0..count).map(|n| format!("(p ${0}{n} ${0}{n})", names.0)).collect();
        let singles: Vec<String> = (1..=count).map(|n| format!("${}{n}", names.1)).collect();
        (pairs.join(" "), singles.join(" "))
    };
    let (pairs, singles) = side(("x", "x"));
    let program = format!("! (unify ({singles}) ({pairs}) yes no)");
    assert_eq!(last(&program, Limits::default()), "yes");
}

#[test]
fn supertypes_without_end_and_modules_without_a_loader() {
    assert!(last("(: a A) (:< $x (S $x)) ! (size-atom (collapse (get-type a)))", Limits::default()).len() < 4);
    assert!(last("! (import! &self nowhere)", small()).contains("Failed to resolve module"));
}

#[test]
fn functions_from_outside() {
    let mut metta = Metta::new();
    metta
        .register("half", "(-> Number Number)", |arguments| match arguments.first().and_then(Atom::as_number) {
            Some(0.0) => Err(CallError::Failed("nothing to halve".into())),
            Some(number) => Ok(vec![Atom::float(number / 2.0)]),
            None => Err(CallError::NotReducible),
        })
        .unwrap();
    let lists = metta.run("halves", "! (half (half 10)) ! (half $x) ! (half \"s\")").unwrap();
    let printed: Vec<String> = lists.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(printed, ["2.5", "(half $x)", "(Error (half \"s\") (BadArgType 1 Number String))"]);
    assert_eq!(metta.run("zero", "! (half 0)").unwrap()[0][0].to_string(), "(Error (half 0) nothing to halve)");
}

#[test]
fn a_space_over_rows() {
    let mut metta = Metta::new();
    let rows = |question: &Atom| {
        let asked = question.children().get(1).and_then(Atom::as_integer);
        let row = |n: i64| Atom::expression([Atom::symbol("sale"), Atom::integer(n), Atom::integer(n * n)]);
        (0..1000).filter(|n| asked.is_none_or(|asked| asked == *n)).map(row).collect()
    };
    let space = metta.add_rows(rows);
    metta.bind("&sales", space);
    let program = "! (match &sales (sale 30 $price) $price) ! (match &sales (sale $n 81) $n)
        ! (match &sales (, (sale 2 $a) (sale $a $b)) $b) ! (add-atom &sales x)";
    let lists = metta.run("rows", program).unwrap();
    let printed: Vec<String> = lists.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(printed[..3], ["900", "9", "16"]);
    assert!(printed[3].starts_with("(Error (add-atom"));
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut base = Metta::new();
    base.run("base", "(price a 1) (= (f) 1)").unwrap();
    let question = base.parse("(f)").unwrap();
    let mut other = base.clone();
    other.run("other", "(= (f) 2)").unwrap();
    assert_eq!(base.evaluate(&question).len(), 1);
    assert_eq!(other.evaluate(&question).len(), 2);
    // What one interpreter concluded about a shared atom does not count for the other.
    let data = base.parse("(data 1)").unwrap();
    assert_eq!(base.evaluate(&data), std::slice::from_ref(&data));
    other.run("more", "(= (data $x) changed)").unwrap();
    assert_eq!(other.evaluate(&data)[0].to_string(), "changed");
    assert_eq!(base.evaluate(&data), [data]);
}

fn term() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["a", "b", "$x", "$y", "$z", "1", "2.5", "\"s\\n\"", "True", "+", "if", "&self"])
            .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_filter("numbers that can be written", |f| f.is_finite()).prop_map(|f| format!("{f:?}")),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop::collection::vec(inner, 0..5).prop_map(|parts| format!("({})", parts.join(" ")))
    })
}

/// Returns words for programs that can do anything.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "(",
        "(",
        "(",
        ")",
        ")",
        ")",
        "!",
        "! (",
        "=",
        "(= (",
        ":",
        "->",
        "f",
        "g",
        "$x",
        "$y",
        "1",
        "0",
        "if",
        "let",
        "let*",
        "case",
        "match &self",
        "superpose",
        "collapse",
        "+",
        "==",
        "eval",
        "chain",
        "function",
        "return",
        "unify",
        "cons-atom",
        "decons-atom",
        "collapse-bind",
        "superpose-bind",
        "metta",
        "%Undefined%",
        "Atom",
        "&self",
        "new-state",
        "get-state",
        "change-state!",
        "add-atom",
        "remove-atom",
        "get-atoms",
        "map-atom",
        "foldl-atom",
        "filter-atom",
        "quote",
        "Error",
        "Empty",
        "NotReducible",
        ",",
        "get-type",
        "pragma!",
        "bind!",
        "new-space",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_as_the_same(text in term()) {
        let metta = Metta::new();
        let atom = metta.parse(&text).unwrap();
        prop_assert_eq!(metta.parse(&atom.to_string()).unwrap().to_string(), atom.to_string());
    }

    #[test]
    fn unification(left in term(), right in term()) {
        let metta = Metta::new();
        let (left, right) = (metta.parse(&left).unwrap(), metta.parse(&right).unwrap());
        let (mut forth, mut back) = (metta::Bindings::new(), metta::Bindings::new());
        let unifies = forth.unify(&left, &right);
        prop_assert_eq!(unifies, back.unify(&right, &left));
        if unifies {
            // The unifier makes both equal, and applying it again changes nothing.
            let whole = forth.apply(&left);
            prop_assert_eq!(&whole, &forth.apply(&right));
            prop_assert_eq!(forth.apply(&whole), whole);
        }
        prop_assert!(metta::Bindings::new().unify(&left, &left.clone()));
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Metta::with_limits(small()).run("bytes", &text);
        let _ = Metta::new().lint("bytes", &text);
    }

    #[test]
    fn any_words_end(words in prop::collection::vec(word(), 0..60)) {
        let text = words.join(" ");
        // The text is tried as it is, and then with all brackets closed.
        for text in [text.clone(), format!("{text}{}", ")".repeat(20)), format!("! ({text}{}", ")".repeat(60))] {
            let mut metta = Metta::with_limits(small());
            if let Ok(lists) = metta.run("words", &text) {
                for atom in lists.iter().flatten() {
                    prop_assert!(!atom.to_string().is_empty());
                }
            }
            let _ = metta.lint("words", &text);
        }
    }

    /// The index finds what looking at every atom would find.
    #[test]
    fn matching_finds_everything(facts in prop::collection::vec(term(), 0..12), question in term()) {
        let mut metta = Metta::new();
        let space = metta.new_space();
        metta.bind("&facts", space.clone());
        let question = metta.parse(&question.replace("&self", "c")).unwrap();
        let mut expected = 0;
        for fact in facts {
            let fact = metta.parse(&fact.replace("&self", "c").replace('$', "$of-the-fact-")).unwrap();
            expected += usize::from(metta::Bindings::new().unify(&question, &fact));
            metta.add_to(&space, fact);
        }
        let ask = Atom::expression([metta.parse("match").unwrap(), space, question, Atom::symbol("found")]);
        let found = metta.evaluate(&ask);
        prop_assert_eq!(found.iter().filter(|atom| atom.as_symbol() == Some("found")).count(), expected);
    }
}
