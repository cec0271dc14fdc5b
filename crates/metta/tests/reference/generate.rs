//! Random programs that end: facts and matches, rules without recursion or with a decreasing number, alternatives, arithmetic,
//! states, lists, types. The same seed gives the same program.

/// A generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// Returns the program of a seed.
pub fn program(seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(1));
    let parts: [fn(&mut Random) -> String; 10] =
        [facts, functions, arithmetic, alternatives, recursion, states, terms, lists, typed, mixed];
    let first = random.below(parts.len() as u64) as usize;
    let mut program = parts[first](&mut random);
    if random.below(2) == 0 {
        let second = (first + 1 + random.below(parts.len() as u64 - 1) as usize) % parts.len();
        program.push_str(&parts[second](&mut random));
    }
    program
}

const NAMES: &[&str] = &["a", "b", "c", "d"];
const VARIABLES: &[&str] = &["$x", "$y", "$z"];

/// Returns a term, with or without variables.
fn term(random: &mut Random, depth: u64, variables: bool) -> String {
    match random.below(if depth == 0 { 3 } else { 5 }) {
        0 if variables => random.pick(VARIABLES).to_owned(),
        0 | 1 => random.pick(NAMES).to_owned(),
        2 => random.below(3).to_string(),
        _ => {
            let head = random.pick(&["f", "g", "h"]);
            let count = 1 + random.below(2);
            let arguments: Vec<String> = (0..count).map(|_| term(random, depth - 1, variables)).collect();
            format!("({head} {})", arguments.join(" "))
        }
    }
}

fn facts(random: &mut Random) -> String {
    let mut program = String::new();
    for _ in 0..2 + random.below(8) {
        let relation = random.pick(&["r", "s"]);
        let variables = random.below(6) == 0;
        program.push_str(&format!("({relation} {} {})\n", term(random, 1, variables), term(random, 1, false)));
    }
    for _ in 0..1 + random.below(2) {
        let mut patterns = Vec::new();
        for _ in 0..1 + random.below(3) {
            let relation = random.pick(&["r", "s"]);
            patterns.push(format!("({relation} {} {})", term(random, 1, true), random.pick(VARIABLES)));
        }
        let pattern = if patterns.len() == 1 { patterns.remove(0) } else { format!("(, {})", patterns.join(" ")) };
        program.push_str(&format!("! (match &self {pattern} (found $x $y))\n"));
    }
    program
}

fn functions(random: &mut Random) -> String {
    let mut program = String::new();
    for level in 0..3 {
        for _ in 0..1 + random.below(3) {
            let left = if random.below(2) == 0 { random.pick(NAMES) } else { "$x" };
            let variable = if left == "$x" { "$x" } else { "e" };
            let right = match (level, random.below(3)) {
                (0, 0) => variable.to_owned(),
                (0, _) => format!("(k {variable} {})", random.pick(NAMES)),
                (_, 0) => format!("(fn{} {variable})", level - 1),
                (_, 1) => format!("(p (fn{} {}) {variable})", level - 1, random.pick(NAMES)),
                (_, _) => format!("(if (== {variable} a) (fn{} b) (q {variable}))", level - 1),
            };
            program.push_str(&format!("(= (fn{level} {left}) {right})\n"));
        }
    }
    for _ in 0..1 + random.below(2) {
        let argument = if random.below(5) == 0 { "$v" } else { random.pick(NAMES) };
        program.push_str(&format!("! (fn{} {argument})\n", random.below(3)));
    }
    program
}

fn number(random: &mut Random, depth: u64) -> String {
    if depth == 0 || random.below(4) == 0 {
        return match random.below(4) {
            0 => format!("{}.5", random.below(9)),
            1 => format!("-{}", random.below(100)),
            _ => random.below(100).to_string(),
        };
    }
    let operation = random.pick(&["+", "-", "*", "+", "-", "*", "/"]);
    format!("({operation} {} {})", number(random, depth - 1), number(random, depth - 1))
}

fn arithmetic(random: &mut Random) -> String {
    let mut program = String::new();
    for _ in 0..1 + random.below(2) {
        let comparison = random.pick(&["<", ">", "<=", ">=", "=="]);
        let (left, right) = (number(random, 3), number(random, 2));
        let form = match random.below(3) {
            0 => left,
            1 => format!("({comparison} {left} {right})"),
            _ => format!("(if ({comparison} {left} {right}) {} {})", number(random, 1), term(random, 1, false)),
        };
        program.push_str(&format!("! {form}\n"));
    }
    program
}

fn alternatives(random: &mut Random) -> String {
    let mut program = String::new();
    for _ in 0..1 + random.below(4) {
        program.push_str(&format!("(= (choose) {})\n", random.below(4)));
    }
    if random.below(4) == 0 {
        program.push_str("(= (choose) Empty)\n");
    }
    let list: Vec<String> = (0..random.below(4)).map(|_| random.below(5).to_string()).collect();
    let list = list.join(" ");
    program.push_str(&match random.below(6) {
        0 => format!("! (+ (choose) (superpose ({list} 1)))\n"),
        1 => format!("! (size-atom (collapse (t (choose) (superpose ({list})))))\n"),
        2 => format!("! (case (superpose ({list})) ((1 one) (2 (choose)) (Empty none)))\n"),
        3 => format!("! (let $x (choose) (if (> $x 1) (big $x) (superpose ({list}))))\n"),
        4 => format!("! (unique (superpose ({list} 1 2)))\n! (intersection (choose) (superpose ({list})))\n"),
        _ => "! (let* (($x (choose)) ($y (choose))) (if (== $x $y) (empty) ($x $y)))\n".to_owned(),
    });
    program
}

fn recursion(random: &mut Random) -> String {
    let (start, step) = (random.below(3), 1 + random.below(2));
    let operation = random.pick(&["+", "*", "-"]);
    match random.below(3) {
        0 => format!(
            "(= (down $n) (if (<= $n {start}) {} ({operation} $n (down (- $n {step})))))\n! (down {})\n",
            random.below(5),
            random.below(12)
        ),
        1 => format!(
            "(= (add Z $y) $y)\n(= (add (S $x) $y) (S (add $x $y)))\n! (add {} {})\n! (let (S (S Z)) (add $a $b) ($a $b))\n",
            "(S ".repeat(start as usize) + "Z" + &")".repeat(start as usize),
            if random.below(2) == 0 { "(S Z)" } else { "$k" }
        )
        .replace("! (let (S (S Z)) (add $a $b) ($a $b))\n", ""),
        _ => format!(
            "(= (rev Nil $acc) $acc)\n(= (rev (Cons $h $t) $acc) (rev $t (Cons $h $acc)))\n! (rev (Cons {} (Cons {} Nil)) Nil)\n",
            random.below(9),
            random.pick(NAMES)
        ),
    }
}

fn states(random: &mut Random) -> String {
    let mut program = format!("! (bind! &state (new-state {}))\n", random.below(9));
    for _ in 0..1 + random.below(3) {
        program.push_str(&match random.below(3) {
            0 => format!("! (change-state! &state (+ (get-state &state) {}))\n", random.below(9)),
            1 => "! (get-state &state)\n".to_owned(),
            _ => format!("! (let $v (get-state &state) (if (> $v {}) high low))\n", random.below(9)),
        });
    }
    program
}

fn terms(random: &mut Random) -> String {
    let mut program = String::new();
    for _ in 0..2 {
        let (left, right) = (term(random, 3, true), term(random, 3, true));
        // The variables of the two sides share names, so sometimes they must agree.
        let right = if random.below(2) == 0 { right.replace("$x", "$u").replace("$y", "$v") } else { right };
        program.push_str(&format!("! (unify (t {left} $z) (t {right} k) (yes $x $y $u $v) no)\n"));
    }
    program
}

/// Returns anything inside anything: well typed or not, with alternatives, errors and empty results.
fn mixed(random: &mut Random) -> String {
    let mut program =
        String::from("(= (two) 1)\n(= (two) 2)\n(= (none) Empty)\n(= (wrap $x) (w $x))\n(: num (-> Number Number))\n");
    program
        .push_str("(= (num $x) (+ $x 1))\n(: keep (-> Atom Atom))\n(= (keep $x) (kept $x))\n(fact a 1)\n(fact b 2)\n");
    for _ in 0..1 + random.below(3) {
        program.push_str(&format!("! {}\n", anything(random, 3)));
    }
    program
}

fn anything(random: &mut Random, depth: u64) -> String {
    if depth == 0 {
        return random.pick(&["a", "1", "2", "$v", "True", "\"s\"", "()", "(a 1)", "(two)", "(none)", "b"]).to_owned();
    }
    let mut some = || anything(random, depth - 1);
    let (first, second, third) = (some(), some(), some());
    match random.below(26) {
        0 => format!("(if (== {first} {second}) {third} no)"),
        1 => format!("(let $p {first} (got $p {second}))"),
        2 => format!("(let ($p $q) {first} (swapped $q $p))"),
        3 => format!("(case {first} (({second} hit) ((w $p) ($p)) ($q {third})))"),
        4 => format!("(superpose ({first} {second}))"),
        5 => format!("(collapse {first})"),
        6 => format!("(+ {first} {second})"),
        7 => format!("(wrap {first})"),
        8 => format!("(num {first})"),
        9 => format!("(keep {first})"),
        10 => format!("({first} {second})"),
        11 => format!("(unify {first} {second} (same {third}) different)"),
        12 => format!("(match &self (fact $k $n) ($n {first}))"),
        13 => format!("(match &self (fact {first} $n) $n)"),
        14 => format!("(quote {first})"),
        15 => format!("(== {first} {second})"),
        16 => format!("(car-atom {first})"),
        17 => format!("(get-type {first})"),
        18 => format!("(get-metatype {first})"),
        19 => format!("(switch {first} (({second} hit) ($q (miss $q))))"),
        20 => format!("(let* (($p {first}) ($q {second})) ($p $q))"),
        21 => format!("(size-atom {first})"),
        22 => format!("(size-atom (collapse (unique {first})))"),
        23 => format!("(chain {first} $c{depth} (eval (wrap $c{depth})))"),
        24 => format!("(and {first} (not {second}))"),
        _ => format!("(cons-atom {first} {second})"),
    }
}

fn lists(random: &mut Random) -> String {
    let list: Vec<String> = (0..random.below(5)).map(|_| random.below(9).to_string()).collect();
    let list = format!("({})", list.join(" "));
    let operation = random.pick(&["+", "*", "-"]);
    match random.below(6) {
        0 => format!("! (map-atom {list} $x (w ({operation} $x 2)))\n"),
        1 => format!("! (filter-atom {list} $x (eval (> $x 4)))\n"),
        2 => format!("! (foldl-atom {list} 1 $a $b ({operation} $a $b))\n"),
        3 => format!("! (size-atom {list})\n! (cons-atom h {list})\n"),
        4 => format!("! (subtraction-atom {list} (1 2 3))\n! (union-atom {list} (x))\n"),
        _ => format!("! (let ($h $t) (decons-atom (0 {list})) (t $t h $h))\n"),
    }
}

fn typed(random: &mut Random) -> String {
    let types = ["A", "B", "Number"];
    let (from, to) = (random.pick(&types), random.pick(&types));
    let mut program = format!("(: a A)\n(: b B)\n(: tf (-> {from} {to}))\n(= (tf $x) $x)\n");
    if random.below(3) == 0 {
        program.push_str("(: tg (-> $t (List $t)))\n! (get-type (tg a))\n! (get-type (tg (tg 1)))\n");
    }
    let argument = random.pick(&["a", "b", "c", "1", "(tf a)", "(+ 1 1)"]);
    program.push_str(&format!("! (get-type (tf {argument}))\n! (tf {argument})\n"));
    program
}
