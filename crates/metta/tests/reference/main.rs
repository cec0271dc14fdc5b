//! Programs are run here and by the reference, PyPI's `hyperon` 0.2.10. Its answers are recorded. Where HYPERON_PYTHON
//! names a Python that has the package, it can be asked too, also about fresh random programs:
//!
//! ```text
//! python3 -m venv /tmp/hyperon && /tmp/hyperon/bin/pip install hyperon==0.2.10
//! HYPERON_PYTHON=/tmp/hyperon/bin/python cargo test -p metta --test reference -- --ignored the_reference
//! HYPERON_PYTHON=... cargo test -p metta --test reference -- --ignored record     # renews the recorded answers
//! ```
//!
//! Variables are compared without regard to their names. The order of results counts in the named cases. In random
//! programs it does not, because the reference's index of a space puts atoms into an order of its own.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

mod generate;

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// How many programs are recorded with their answers.
const RECORDED: u64 = 500;
/// How many fresh programs are used when the reference is installed.
const FRESH: u64 = 200;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// Returns the cases by name.
fn cases() -> Vec<(String, String)> {
    let text = read("cases.metta");
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(";; ") {
            cases.push((name.to_owned(), String::new()));
        } else if let Some((_, program)) = cases.last_mut() {
            program.push_str(line);
            program.push('\n');
        }
    }
    cases
}

/// Returns the answers of the reference.
fn ask(programs: &[String]) -> Vec<Value> {
    let python = std::env::var_os("HYPERON_PYTHON").expect("HYPERON_PYTHON is set");
    let mut child = Command::new(python)
        .arg(folder().join("record.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("HYPERON_PYTHON is a Python");
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(programs).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the reference is not installed for HYPERON_PYTHON");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns our answer, in the form of the reference's.
fn ours(program: &str) -> Value {
    match metta::Metta::new().run("program", program) {
        Err(error) => serde_json::json!({ "error": error.to_string() }),
        Ok(lists) => {
            lists.iter().map(|list| Value::from(list.iter().map(ToString::to_string).collect::<Vec<_>>())).collect()
        }
    }
}

/// Returns a result with variables named by the order in which they occur, and spaces without names.
fn normal(result: &str) -> String {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut normal = String::new();
    let mut rest = result.chars().peekable();
    let mut in_string = false;
    while let Some(c) = rest.next() {
        if c == '"' {
            in_string = !in_string;
        }
        if c == '\\' && in_string {
            normal.push(c);
            normal.extend(rest.next());
            continue;
        }
        if c != '$' || in_string {
            normal.push(c);
            continue;
        }
        let mut name = String::new();
        while let Some(&c) = rest.peek()
            && !c.is_whitespace()
            && c != '('
            && c != ')'
        {
            name.push(c);
            rest.next();
        }
        let next = names.len();
        normal.push_str(&format!("${}", names.entry(name).or_insert(next)));
    }
    // The names of spaces mean nothing.
    let normal = normal.replace("ModuleSpace(GroundingSpace-top)", "GroundingSpace-top");
    let mut parts = normal.split("GroundingSpace-");
    let mut nameless = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        nameless.push_str("a-space");
        nameless.push_str(part.trim_start_matches(|c: char| !c.is_whitespace() && c != ')'));
    }
    nameless
}

/// Whether the order of results counts.
#[derive(Clone, Copy)]
enum Order {
    Counts,
    Any,
}

/// Returns an answer in a form in which equal answers are equal.
fn comparable(answer: &Value, order: Order) -> Option<Vec<Vec<String>>> {
    let lists = answer.as_array()?;
    let list = |list: &Value| {
        let mut results: Vec<String> = list.as_array().unwrap().iter().map(|r| normal(r.as_str().unwrap())).collect();
        if let Order::Any = order {
            results.sort();
        }
        results
    };
    Some(lists.iter().map(list).collect())
}

/// Returns what differs from the reference, if anything does.
fn difference(name: &str, program: &str, theirs: &Value, order: Order) -> Option<String> {
    let ours = ours(program);
    (comparable(&ours, order) != comparable(theirs, order))
        .then(|| format!("\n== {name}\n{program}ours:   {ours:.500}\ntheirs: {theirs:.500}\n"))
}

fn assert_same<'a>(order: Order, all: impl Iterator<Item = (String, &'a str, &'a Value)>) {
    let differences: Vec<String> =
        all.filter_map(|(name, program, theirs)| difference(&name, program, theirs, order)).collect();
    assert!(differences.is_empty(), "{} differ{}", differences.len(), differences.concat());
}

#[test]
fn recorded_cases() {
    let answers: BTreeMap<String, Value> = serde_json::from_str(&read("answers.json")).unwrap();
    let cases = cases();
    assert_eq!(answers.len(), cases.len(), "every case has a name of its own and a recorded answer");
    let types = cases.iter().filter(|(name, _)| name.starts_with("types: ")).count();
    assert!(types >= 30 && cases.len() - types >= 95, "{} cases, {types} of them of types", cases.len());
    assert_same(Order::Counts, cases.iter().map(|(name, program)| (name.clone(), program.as_str(), &answers[name])));
}

#[test]
fn recorded_generated_programs() {
    let answers: Vec<Value> = serde_json::from_str(&read("generated.json")).unwrap();
    assert_eq!(answers.len() as u64, RECORDED);
    let programs: Vec<String> = (0..RECORDED).map(generate::program).collect();
    let all = programs.iter().zip(&answers).enumerate();
    assert_same(Order::Any, all.map(|(seed, (program, theirs))| (format!("seed {seed}"), program.as_str(), theirs)));
}

#[test]
#[ignore = "asks the reference; needs HYPERON_PYTHON"]
fn the_reference_itself() {
    let cases = cases();
    let fresh = u64::from(std::process::id()) << 20;
    let seeds: Vec<u64> = (fresh..fresh + FRESH).collect();
    let mut programs: Vec<String> = cases.iter().map(|(_, program)| program.clone()).collect();
    programs.extend(seeds.iter().map(|&seed| generate::program(seed)));
    let answers = ask(&programs);
    assert_eq!(answers.len(), programs.len());
    let names = cases.into_iter().map(|(name, _)| name).chain(seeds.iter().map(|seed| format!("seed {seed}")));
    assert_same(
        Order::Any,
        names.zip(&programs).zip(&answers).map(|((name, program), theirs)| (name, program.as_str(), theirs)),
    );
}

/// The same program gives the same results, in the same order and with the same names of variables.
#[test]
fn results_are_the_same_every_time() {
    for seed in 0..RECORDED {
        let program = generate::program(seed);
        assert_eq!(ours(&program), ours(&program), "seed {seed}");
    }
}

/// The reference crashes on a plain match over 500 facts of three arguments each.
#[test]
fn a_match_over_many_facts() {
    let mut program: String = (0..500).map(|n| format!("(fact a{n} b{n} c{n})\n")).collect();
    program.push_str("! (match &self (fact $x $y $z) ($z $y $x))");
    let mut metta = metta::Metta::new();
    let lists = metta.run("facts", &program).unwrap();
    assert_eq!(lists[0].len(), 500);
    assert_eq!(lists[0][499].to_string(), "(c499 b499 a499)");
}

#[test]
#[ignore = "renews the recorded answers; needs HYPERON_PYTHON"]
fn record() {
    let cases = cases();
    let programs: Vec<String> = cases.iter().map(|(_, program)| program.clone()).collect();
    let answers = ask(&programs);
    let answers: BTreeMap<String, Value> = cases.into_iter().map(|(name, _)| name).zip(answers).collect();
    std::fs::write(folder().join("answers.json"), serde_json::to_string_pretty(&answers).unwrap() + "\n").unwrap();
    let programs: Vec<String> = (0..RECORDED).map(generate::program).collect();
    let answers = ask(&programs);
    let lines: Vec<String> = answers.iter().map(ToString::to_string).collect();
    std::fs::write(folder().join("generated.json"), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}
