//! Measures speed, compared with the reference in the same run: `measure_metta [PYTHON]`, with a Python that has `hyperon`.
//! Prints one line per figure: metric, our value, unit, what is better, peer, the peer's value. Without a Python, the peer's
//! values are 0.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a measurement that fails ends there")]

use std::{
    collections::BTreeMap,
    fmt::Write,
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use metta::{Atom, Metta};

/// Times programs with the reference. Each line has a program to load first and the question. The shortest of three runs
/// counts.
const REFERENCE: &str = r"
import sys, time
from hyperon import MeTTa
for line in sys.stdin:
    prelude, question = [part.replace('\\n', '\n') for part in line.rstrip('\n').split('\t')]
    best = None
    for _ in range(10):
        metta = MeTTa()
        metta.run(prelude)
        start = time.perf_counter()
        results = metta.run(question)
        spent = time.perf_counter() - start
        best = spent if best is None else min(best, spent)
    print('%.6f\t%d' % (best, sum(len(r) for r in results)), flush=True)
";

/// This is the allocator of the executable too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Program {
    name: &'static str,
    prelude: String,
    question: &'static str,
}

fn programs() -> Vec<Program> {
    let edges = |count: u32| {
        let mut text = String::new();
        for n in 0..count {
            let _ = writeln!(text, "(edge n{n} n{})", (n * 7 + 3) % count);
        }
        text
    };
    let list = "(= (range $a $b) (if (== $a $b) Nil (Cons $a (range (+ $a 1) $b))))
        (= (sum Nil) 0) (= (sum (Cons $x $xs)) (+ $x (sum $xs)))
        (= (double Nil) Nil) (= (double (Cons $x $xs)) (Cons (* 2 $x) (double $xs)))";
    vec![
        Program {
            name: "fibonacci",
            prelude: "(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))".into(),
            question: "! (fib 12)",
        },
        Program {
            name: "typed_fibonacci",
            prelude: "(: fib (-> Number Number)) (= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))"
                .into(),
            question: "! (fib 12)",
        },
        Program {
            name: "peano",
            prelude: "(= (plus Z $y) $y) (= (plus (S $x) $y) (S (plus $x $y)))
                (= (times Z $y) Z) (= (times (S $x) $y) (plus $y (times $x $y)))"
                .into(),
            question: "! (times (S (S (S (S (S (S Z)))))) (S (S (S (S (S (S Z)))))))",
        },
        Program { name: "match_facts", prelude: edges(200), question: "! (match &self (edge $x $y) ($y $x))" },
        Program {
            name: "conjunction",
            prelude: edges(200),
            question: "! (match &self (, (edge $a $b) (edge $b $c) (edge $c $d)) ($a $d))",
        },
        Program {
            name: "search",
            prelude: "(= (bit) 0) (= (bit) 1)
                (= (tuple) (let* (($a (bit)) ($b (bit)) ($c (bit)) ($d (bit)) ($e (bit)))
                    (if (== (+ $a (+ $b (+ $c (+ $d $e)))) 3) ($a $b $c $d $e) (empty))))"
                .into(),
            question: "! (tuple)",
        },
        Program { name: "lists", prelude: list.into(), question: "! (sum (double (range 0 30)))" },
        Program {
            name: "fold",
            prelude: String::new(),
            question: "! (foldl-atom (1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20) 0 $a $b (+ $a (* $b $b)))",
        },
        Program {
            name: "states",
            prelude: "! (bind! &count (new-state 0))
                (= (up $n) (if (== $n 0) (get-state &count)
                    (let $_ (change-state! &count (+ 1 (get-state &count))) (up (- $n 1)))))"
                .into(),
            question: "! (up 40)",
        },
    ]
}

/// Returns the shortest of several runs, each on an interpreter of its own, and the number of results.
fn ours(program: &Program) -> (Duration, usize) {
    let mut best = Duration::MAX;
    let mut count = 0;
    for _ in 0..10 {
        let mut metta = Metta::new();
        metta.run("prelude", &program.prelude).expect("a program");
        let start = Instant::now();
        let lists = metta.run("question", program.question).expect("a program");
        best = best.min(start.elapsed());
        count = lists.iter().map(Vec::len).sum();
    }
    (best, count)
}

fn reference(python: &str, programs: &[Program]) -> std::io::Result<BTreeMap<&'static str, (f64, usize)>> {
    let mut child =
        Command::new(python).args(["-c", REFERENCE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    for program in programs {
        writeln!(stdin, "{}\t{}", program.prelude.replace('\n', "\\n"), program.question)?;
    }
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(std::io::Error::other("the reference did not answer"));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures = text.lines().filter_map(|line| {
        let (seconds, count) = line.split_once('\t')?;
        Some((seconds.parse().ok()?, count.parse().ok()?))
    });
    Ok(programs.iter().map(|program| program.name).zip(figures).collect())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let programs = programs();
    let theirs = match std::env::args().nth(1) {
        Some(python) => reference(&python, &programs)?,
        None => BTreeMap::new(),
    };
    for program in &programs {
        let (best, count) = ours(program);
        let (seconds, their_count) = theirs.get(program.name).copied().unwrap_or((0.0, count));
        if count != their_count {
            return Err(format!("{}: {count} results, the reference has {their_count}", program.name).into());
        }
        println!("{}\t{:.4}\tms\tlower\thyperon 0.2.10\t{:.4}", program.name, best.as_secs_f64() * 1e3, seconds * 1e3);
    }
    facts()
}

/// Measures 100 000 facts: loading them, and the slowest of a hundred indexed matches by either argument.
fn facts() -> Result<(), Box<dyn std::error::Error>> {
    const COUNT: u32 = 100_000;
    let mut text = String::new();
    for n in 0..COUNT {
        writeln!(text, "(sale work-{} buyer-{} {}.5)", n % 50_000, n % 33_333, n)?;
    }
    let mut metta = Metta::new();
    let start = Instant::now();
    metta.run("facts", &text)?;
    println!("load_100000_facts\t{:.2}\tms\tlower\t-\t0", start.elapsed().as_secs_f64() * 1e3);
    let mut times = Vec::new();
    for n in 0..2000u32 {
        let (work, buyer) = (n * 7919 % 50_000, n * 104_729 % 33_333);
        let question = match n % 3 {
            0 => format!("(match &self (sale work-{work} $buyer $price) ($buyer $price))"),
            1 => format!("(match &self (sale $work buyer-{buyer} $price) $work)"),
            _ => format!("(match &self (sale $work $buyer {work}.5) ($work $buyer))"),
        };
        let question: Atom = metta.parse(&question)?;
        let start = Instant::now();
        let found = metta.evaluate(&question);
        times.push(start.elapsed());
        if found.is_empty() || found.len() > 4 {
            return Err(format!("{question}: {} results", found.len()).into());
        }
    }
    times.sort();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    println!("indexed_match_p99\t{:.4}\tms\tlower\ttarget\t0.1", p99.as_secs_f64() * 1e3);
    Ok(())
}
