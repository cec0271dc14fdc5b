//! The examples of docs/rules are programs, and their answers are right.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use metta::Metta;

/// Returns the programs of a page, each with its text and the line on which it begins.
fn programs(page: &str) -> Vec<(usize, String)> {
    let mut programs = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        match (line, inside) {
            ("```metta", _) => {
                inside = true;
                programs.push((number + 1, String::new()));
            }
            ("```", true) => inside = false,
            (line, true) => {
                let program = &mut programs.last_mut().unwrap().1;
                program.push_str(line);
                program.push('\n');
            }
            _ => {}
        }
    }
    programs
}

/// Returns the answers that a program's comments promise.
fn promised(program: &str) -> Vec<Vec<String>> {
    let sorted = |line: &str| {
        let mut results: Vec<String> = line.split(" | ").map(str::to_owned).collect();
        results.sort();
        results
    };
    program.lines().filter_map(|line| line.strip_prefix("; => ")).map(sorted).collect()
}

#[test]
fn the_examples_are_right() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules/");
    let mut count = 0;
    for name in ["README.md", "language.md"] {
        let page = std::fs::read_to_string(format!("{folder}{name}")).unwrap();
        for (line, program) in programs(&page) {
            let lists = Metta::new().run(name, &program).unwrap();
            let mut answers: Vec<Vec<String>> =
                lists.iter().map(|list| list.iter().map(ToString::to_string).collect()).collect();
            answers.iter_mut().for_each(|list| list.sort());
            assert_eq!(answers, promised(&program), "{name}, line {line}");
            assert_eq!(
                program.lines().filter(|line| line.starts_with('!')).count(),
                answers.len(),
                "{name}, line {line}"
            );
            count += answers.len();
        }
    }
    assert!(count > 50);
}
