//! Derivations, the linter, and the shell.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::io::Cursor;

use metta::{Finding, FindingKind, Metta, Shell, StepKind};

const PRICES: &str = "; prices
(= (base NFT) 1.0)
(= (base Digital) 0.8)
(region Mumbai 1.2)
(= (price $kind $region)
   (* (base $kind) (match &self (region $region $factor) $factor)))
";

#[test]
fn a_result_says_which_rules_made_it() {
    let mut metta = Metta::new();
    metta.run("prices.metta", PRICES).unwrap();
    let question = metta.parse("(price Digital Mumbai)").unwrap();
    let derived = metta.derive(&question);
    assert_eq!(derived.len(), 1);
    let steps = &derived[0].steps;
    let lines: Vec<(StepKind, u32)> =
        steps.iter().map(|step| (step.kind, step.place.as_ref().map_or(0, |place| place.line))).collect();
    assert_eq!(lines, [(StepKind::Rule, 5), (StepKind::Function, 0)]);
    let bindings: Vec<String> = steps[0].bindings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(bindings, ["kind=Digital", "region=Mumbai"]);
    let inputs: Vec<String> = steps[1].inputs.iter().map(ToString::to_string).collect();
    assert_eq!(inputs[0], "(base Digital) -> 0.8  by prices.metta:3:1");
    assert_eq!(inputs[1], "(region Mumbai 1.2)  by prices.metta:4:1");
    assert_eq!(steps[1].result, derived[0].atom);
    assert!(derived[0].to_string().contains("by prices.metta:5:1, with $kind = Digital, $region = Mumbai"));
}

#[test]
fn every_alternative_has_steps_of_its_own() {
    let mut metta = Metta::new();
    metta.run("f.metta", "(= (f) 1)\n(= (f) 2)\n(= (g) (h (f)))").unwrap();
    let question = metta.parse("(g)").unwrap();
    let mut derived = metta.derive(&question);
    derived.sort_by_key(|derived| derived.atom.to_string());
    let lines: Vec<u32> = derived
        .iter()
        .map(|derived| derived.steps.iter().filter_map(|step| step.place.as_ref()).map(|place| place.line).sum())
        .collect();
    assert_eq!(lines, [3 + 1, 3 + 2]);
    assert_eq!(derived.iter().map(|d| d.atom.clone()).collect::<Vec<_>>().len(), metta.evaluate(&question).len());
}

#[test]
fn a_long_derivation_is_no_problem() {
    let mut metta = Metta::new();
    metta.run("count.metta", "(= (count $n) (if (== $n 0) done (count (- $n 1))))").unwrap();
    let question = metta.parse("(count 30000)").unwrap();
    let derived = metta.derive(&question);
    assert_eq!(derived[0].atom.to_string(), "done");
    assert!(derived[0].steps.len() > 30_000);
}

fn lint(text: &str) -> Vec<String> {
    let brief = |finding: &Finding| {
        let place = &finding.place;
        format!("{}:{} {}", place.line, place.column, finding.kind)
    };
    Metta::new().lint("rules.metta", text).unwrap().iter().map(brief).collect()
}

#[test]
fn the_linter_finds_mistakes() {
    let cases: &[(&str, &[&str])] = &[
        (PRICES, &[]),
        ("(= (f $x) (+ $x 1))\n(= (g $x) (f $x 2))", &["2:12 arity"]),
        ("(= (g $x) (+ $x))", &["1:12 arity"]),
        ("(: f (-> Number Number))\n! (f 1 2)", &["2:4 arity"]),
        ("(= (f $x) (doubel $x))", &["1:12 unreduced"]),
        ("(: doubel Shape)\n(= (f $x) (doubel $x))", &[]),
        ("(= (f $x) (pair $x $x))\n(= (g (pair $a $b)) ($b $a))", &[]),
        ("(= (f $x) (+ $x $y))", &["1:17 unbound"]),
        ("(= (f $x) (let $y (+ $x 1) (* $y $y)))", &[]),
        ("(= (f $x) (match &self (r $x $y) $y))", &[]),
        ("(= (f $x) (case $x ((1 one) ($y (got $y)))))\n(: got Shape)", &[]),
        ("(= (likes tom) jam)\n(= (who) (let jam (likes $p) $p))", &[]),
        ("(= (f $x) (case $x (($any one) (2 two))))", &["1:33 unreachable"]),
        ("(= (f $x) 1)\n(= (f $y) 1)", &["2:1 unreachable"]),
        ("(= (f $x) (+ $x 1))\n(= (f 2) (+ 2 1))", &["2:1 unreachable"]),
        ("(= (f 1) one)\n(= (f $x) many)", &[]),
        ("(= (f $x) (quote (nothing $x)))", &[]),
        ("! (bind! &s (new-space))\n(= (f) (match &s (a $x) $x))", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(lint(text), *expected, "{text}");
    }
}

#[test]
fn the_linter_knows_what_was_loaded_before() {
    let mut metta = Metta::new();
    metta.run("first.metta", "(= (double $x) (* 2 $x))").unwrap();
    assert_eq!(metta.lint("second.metta", "(= (f $x) (double $x))").unwrap(), []);
    let findings = metta.lint("second.metta", "(= (f $x) (double $x 1))").unwrap();
    assert_eq!(findings[0].kind, FindingKind::Arity);
    assert_eq!(
        findings[0].to_string(),
        "second.metta:1:12: arity: double is called with 2 arguments and takes 1 (such a call stays as it is)"
    );
}

#[test]
fn a_conversation_waits_for_brackets() {
    let talk = |input: &str| {
        let mut output = Vec::new();
        let well = Shell::default().talk(&mut Cursor::new(input), &mut output).unwrap();
        (String::from_utf8(output).unwrap(), well)
    };
    assert_eq!(talk("(= (f $x)\n  (+ $x 1))\n! (f\n 1)\n"), ("[2]\n".into(), true));
    assert_eq!(talk("! (+ 1 2)\n! (/ 1 0)"), ("[3]\n[(Error (/ 1 0) DivisionByZero)]\n".into(), false));
    let (output, well) = talk(")\n! (superpose (1 2))\n");
    assert!(output.starts_with("error: input:1:1: a closing bracket") && output.ends_with("[1, 2]\n"), "{output}");
    assert!(well);
    assert!(talk("! (a").0.contains("the text ends before this bracket is closed"));
}

#[test]
fn files_import_each_other() {
    let folder = std::env::temp_dir().join(format!("metta-files-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("parts")).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    file("parts/numbers.metta", "(= (double $x) (* 2 $x))");
    file("circle.metta", "! (import! &self circle)\n(= (here) yes)");
    let main = file("main.metta", "! (import! &self parts:numbers)\n! (import! &self circle)\n! (double 4)\n! (here)");
    let escape = file("escape.metta", "! (import! &self ..:main)");
    let run = |shell: &Shell, path| {
        let mut output = Vec::new();
        let well = shell.files(&[path], &mut output).unwrap();
        (String::from_utf8(output).unwrap(), well)
    };
    assert_eq!(run(&Shell::default(), main.clone()), ("[()]\n[()]\n[8]\n[yes]\n".into(), true));
    assert!(!run(&Shell::default(), escape).1);
    let derive = Shell { derive: true, ..Shell::default() };
    assert!(run(&derive, main).0.contains("numbers.metta:1:1, with $x = 4"));
    assert!(Shell::default().files(&[folder.join("nowhere.metta")], &mut Vec::new()).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}
