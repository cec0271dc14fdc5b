//! The linter: finds what is probably wrong in a rule base before it runs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use crate::{
    atom::{Atom, Grounded, SpaceId, Variable},
    bindings::{match_ground, number_variables},
    interpreter::Metta,
    parse::{Leaves, ParseError, Parser, Place, Tokens},
    store::Store,
    symbol::{Build, Keyword, Symbol},
    tree, types,
};

/// Something that is probably wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The place.
    pub place: Place,
    /// The kind of problem.
    pub kind: FindingKind,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A function is called with a number of arguments that none of its rules and types has.
    Arity,
    /// The head of a call has no rule and no type, is not a known function, and no pattern looks for it.
    Unreduced,
    /// Nothing binds a variable on a right side.
    Unbound,
    /// An earlier rule or case makes this one useless.
    Unreachable,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arity => "arity",
            Self::Unreduced => "unreduced",
            Self::Unbound => "unbound",
            Self::Unreachable => "unreachable",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} ({})", self.place, self.kind, self.message, self.hint)
    }
}

/// An atom of a program, and where its leaves are.
struct Written {
    atom: Atom,
    place: Place,
    leaves: Leaves,
    evaluated: bool,
}

/// The role of a part of an atom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is evaluated.
    Evaluated,
    /// It is matched, and binds variables.
    Pattern,
    /// It is taken as it is.
    Data,
    /// Its elements are pairs of a pattern and an atom that is evaluated.
    Pairs,
    /// A pattern and an atom that is evaluated.
    Pair,
    /// Its elements are evaluated.
    Elements,
}

/// A part of an atom.
struct Part<'a> {
    atom: &'a Atom,
    /// The number of its first leaf.
    leaf: usize,
    role: Role,
    /// Whether it is an argument of a call that may bind it.
    in_call: bool,
}

/// What is said of heads: how many arguments they take, what types they have, and which are data.
#[derive(Default)]
struct Vocabulary {
    arities: BTreeMap<String, BTreeSet<usize>>,
    /// Function types, by head.
    signatures: BTreeMap<String, Vec<Atom>>,
    /// The heads that are data: they are stated as facts, matched by patterns, or typed.
    data: BTreeSet<String>,
}

/// The most rules with the same head that are compared with each other.
const COMPARED: usize = 500;

impl Metta {
    /// Checks a program without running it. What was run, bound and registered before is known.
    ///
    /// # Errors
    /// When the text is not a program.
    pub fn lint(&self, file: &str, text: &str) -> Result<Vec<Finding>, ParseError> {
        let whole = self.tokens.iter().filter(|(_, atom)| !matches!(atom, Atom::Expression(_)));
        let tokens: Tokens = whole.map(|(word, atom)| (word.clone(), atom.clone())).collect();
        let program = read(file, text, &tokens)?;
        let mut vocabulary = Vocabulary::default();
        vocabulary.learn_store(&self.store, self.home());
        for written in &program {
            vocabulary.learn(&written.atom, written.evaluated);
        }
        // Patterns are known once all types are known.
        for written in &program {
            let learned: Vec<String> = parts(written, &vocabulary)
                .into_iter()
                .filter(|part| part.role == Role::Pattern)
                .filter_map(head_of)
                .collect();
            vocabulary.data.extend(learned);
        }
        let mut findings = Vec::new();
        for written in &program {
            vocabulary.check(written, &mut findings);
        }
        repeated_rules(&program, &mut findings);
        findings.sort_by(|a, b| (&a.place, a.kind).cmp(&(&b.place, b.kind)));
        findings.dedup();
        Ok(findings)
    }
}

fn read(file: &str, text: &str, tokens: &Tokens) -> Result<Vec<Written>, ParseError> {
    let mut parser = Parser::new(file, text);
    let mut program = Vec::new();
    let mut evaluated = false;
    while let Some(parsed) = parser.next(tokens)? {
        if parsed.atom.is(Keyword::Exclamation) {
            evaluated = true;
            continue;
        }
        let place = Place { file: parser.file().clone(), line: parsed.line, column: parsed.column };
        let leaves = parser.leaves().clone();
        program.push(Written { atom: parsed.atom, place, leaves, evaluated: std::mem::take(&mut evaluated) });
    }
    Ok(program)
}

fn head_of(part: Part<'_>) -> Option<String> {
    match part.atom.children().first() {
        Some(Atom::Symbol(head)) => Some(head.name().to_owned()),
        _ => None,
    }
}

fn function_name(head: &Atom) -> Option<&str> {
    match head {
        Atom::Symbol(symbol) => Some(symbol.name()),
        Atom::Grounded(Grounded::Function(function)) => Some(function.name()),
        _ => None,
    }
}

/// The parts of an atom that matter: of a rule its right side, and its left side as a pattern.
fn parts<'a>(written: &'a Written, vocabulary: &Vocabulary) -> Vec<Part<'a>> {
    let is_rule = written.atom.children().first().is_some_and(|head| head.is(Keyword::Equal));
    let role = if written.evaluated { Role::Evaluated } else { Role::Data };
    let mut found = Vec::new();
    let mut leaf = 0;
    let mut stack = vec![(&written.atom, role, false, 0)];
    while let Some((atom, role, in_call, depth)) = stack.pop() {
        found.push(Part { atom, leaf, role, in_call });
        let children = atom.children();
        if !matches!(atom, Atom::Expression(_)) {
            leaf += 1;
        }
        let binds = role == Role::Evaluated && children.first().is_none_or(|head| matches!(head, Atom::Symbol(_)));
        for (index, child) in children.iter().enumerate().rev() {
            let role = match (is_rule && !written.evaluated && depth == 0, index) {
                (true, 1) => Role::Pattern,
                (true, 2) => Role::Evaluated,
                _ => vocabulary.role(role, children, index),
            };
            stack.push((child, role, (in_call || binds) && index > 0, depth + 1));
        }
    }
    found
}

impl Vocabulary {
    /// Learns the rules and types that are loaded already.
    fn learn_store(&mut self, store: &Store, home: SpaceId) {
        for space in store.reach(home) {
            for entry in store.atoms_of(space).into_iter().flat_map(|space| space.entries()) {
                self.learn(&entry.atom, false);
            }
        }
    }

    fn learn(&mut self, atom: &Atom, evaluated: bool) {
        match atom.children() {
            [equal, left, ..] if equal.is(Keyword::Equal) => {
                if let Some(name) = left.children().first().and_then(function_name) {
                    self.arities.entry(name.to_owned()).or_default().insert(left.children().len() - 1);
                }
            }
            [colon, subject, of] if colon.is(Keyword::Colon) => {
                let Some(name) = function_name(subject) else { return };
                if types::is_function(of) {
                    self.signatures.entry(name.to_owned()).or_default().push(of.clone());
                } else {
                    self.data.insert(name.to_owned());
                }
            }
            [bind, Atom::Symbol(word), ..] if evaluated && function_name(bind) == Some("bind!") => {
                self.data.insert(word.name().to_owned());
            }
            [Atom::Symbol(head), ..] if !evaluated => {
                self.data.insert(head.name().to_owned());
            }
            _ => {}
        }
    }

    fn signatures_of(&self, head: &Atom) -> Vec<Atom> {
        match head {
            Atom::Grounded(Grounded::Function(function)) => vec![function.signature().clone()],
            Atom::Symbol(symbol) => self.signatures.get(symbol.name()).cloned().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Returns the role of a child, from the role of the whole and its head.
    fn role(&self, role: Role, children: &[Atom], index: usize) -> Role {
        match role {
            Role::Pattern | Role::Data => return role,
            Role::Pairs => return Role::Pair,
            Role::Pair => return if index == 0 { Role::Pattern } else { Role::Evaluated },
            Role::Elements => return Role::Evaluated,
            Role::Evaluated => {}
        }
        let Some(head) = children.first() else { return Role::Data };
        if index == 0 {
            return if matches!(head, Atom::Expression(_)) { Role::Evaluated } else { Role::Data };
        }
        match (function_name(head).unwrap_or_default(), index) {
            ("let", 2 | 3) | ("chain", 1 | 3) => Role::Evaluated,
            ("let", 1) | ("chain", 2) | ("match", 2) | ("unify", 1 | 2) | ("add-atom" | "remove-atom", 2) => {
                Role::Pattern
            }
            ("let*", 1) | ("case" | "switch", 2) => Role::Pairs,
            ("map-atom" | "filter-atom", 2) | ("foldl-atom", 3 | 4) | ("sealed", 1) => Role::Pattern,
            ("superpose", 1) => Role::Elements,
            ("if" | "let*" | "case" | "switch" | "match" | "unify" | "collapse" | "unique" | "union", _) => {
                Role::Evaluated
            }
            ("intersection" | "subtraction" | "capture" | "eval" | "function" | "return" | "assertEqual", _)
            | ("map-atom" | "filter-atom", 3)
            | ("foldl-atom", 5)
            | ("assertEqualToResult", 1) => Role::Evaluated,
            _ => {
                let held = self.signatures_of(head).iter().any(|signature| {
                    signature.children().get(index).is_some_and(|formal| formal.keyword().is_meta_type())
                });
                if held { Role::Data } else { Role::Evaluated }
            }
        }
    }

    fn check(&self, written: &Written, findings: &mut Vec<Finding>) {
        let parts = parts(written, self);
        let place = |leaf: usize| {
            let (line, column) =
                written.leaves.get(leaf).copied().unwrap_or((written.place.line, written.place.column));
            Place { file: written.place.file.clone(), line, column }
        };
        for part in parts.iter().filter(|part| part.role == Role::Evaluated) {
            self.check_call(part, &place, findings);
            check_cases(part, &place, findings);
        }
        let is_rule = written.atom.children().first().is_some_and(|head| head.is(Keyword::Equal));
        if is_rule && !written.evaluated {
            check_variables(&parts, &place, findings);
        }
    }

    /// Checks that the head is known, and takes this many arguments.
    fn check_call(&self, part: &Part<'_>, place: &dyn Fn(usize) -> Place, findings: &mut Vec<Finding>) {
        let Some((head, arguments)) = part.atom.children().split_first() else { return };
        let Some(name) = function_name(head) else { return };
        let signatures = self.signatures_of(head);
        let mut arities: BTreeSet<usize> = self.arities.get(name).cloned().unwrap_or_default();
        let typed = signatures.iter().filter(|signature| types::is_function(signature));
        arities.extend(typed.map(|signature| signature.children().len().saturating_sub(2)));
        if !arities.is_empty() {
            if !arities.contains(&arguments.len()) {
                let takes: Vec<String> = arities.iter().map(ToString::to_string).collect();
                let (count, takes) = (arguments.len(), takes.join(" or "));
                findings.push(Finding {
                    place: place(part.leaf),
                    kind: FindingKind::Arity,
                    message: format!("{name} is called with {count} arguments and takes {takes}"),
                    hint: "such a call stays as it is".into(),
                });
            }
            return;
        }
        let Atom::Symbol(symbol) = head else { return };
        let meaning = symbol.keyword() != Keyword::None || name.starts_with('@');
        if !meaning && !self.data.contains(name) {
            findings.push(Finding {
                place: place(part.leaf),
                kind: FindingKind::Unreduced,
                message: format!("there is no rule for {name}"),
                hint: format!("a spelling mistake? if it is data, say so: (: {name} ...)"),
            });
        }
    }
}

/// Checks cases. Cases after one that accepts everything are never reached.
fn check_cases(part: &Part<'_>, place: &dyn Fn(usize) -> Place, findings: &mut Vec<Finding>) {
    let [head, subject, cases] = part.atom.children() else { return };
    if !matches!(head.keyword(), Keyword::Case | Keyword::Switch) {
        return;
    }
    let mut leaf = part.leaf + 1 + leaves_of(subject);
    let mut everything = false;
    let mut seen: Vec<Atom> = Vec::new();
    for case in cases.children() {
        let Some(pattern) = case.children().first() else { continue };
        let (numbered, _) = number_variables(pattern);
        if everything || seen.contains(&numbered) {
            findings.push(Finding {
                place: place(leaf),
                kind: FindingKind::Unreachable,
                message: format!("the case {pattern} is never reached"),
                hint: "a case before it takes all that it could".into(),
            });
        }
        everything |= matches!(pattern, Atom::Variable(_));
        seen.push(numbered);
        leaf += leaves_of(case);
    }
}

fn leaves_of(atom: &Atom) -> usize {
    let mut count = 0;
    let mut pending = vec![atom];
    while let Some(atom) = pending.pop() {
        match atom {
            Atom::Expression(expression) => pending.extend(expression.children()),
            _ => count += 1,
        }
    }
    count
}

/// Checks variables. Those of a right side must be bound by the left side, a pattern, or a call.
fn check_variables(parts: &[Part<'_>], place: &dyn Fn(usize) -> Place, findings: &mut Vec<Finding>) {
    #[derive(Default)]
    struct Uses {
        bound: bool,
        count: usize,
        in_call: bool,
        first: usize,
    }
    let mut uses: HashMap<&Variable, Uses, Build> = HashMap::default();
    let mut order: Vec<&Variable> = Vec::new();
    for part in parts {
        let Atom::Variable(variable) = part.atom else { continue };
        let entry = uses.entry(variable).or_insert_with(|| {
            order.push(variable);
            Uses { first: part.leaf, ..Uses::default() }
        });
        entry.count += 1;
        entry.bound |= part.role == Role::Pattern;
        entry.in_call |= part.in_call;
    }
    for variable in order {
        let Some(uses) = uses.get(variable) else { continue };
        if uses.bound || (uses.count > 1 && uses.in_call) || variable.name().starts_with('_') {
            continue;
        }
        findings.push(Finding {
            place: place(uses.first),
            kind: FindingKind::Unbound,
            message: format!("nothing says what {variable} stands for"),
            hint: "a spelling mistake? the left side has no variable of this name".into(),
        });
    }
}

/// Finds rules that repeat an earlier rule.
fn repeated_rules(program: &[Written], findings: &mut Vec<Finding>) {
    let mut by_head: HashMap<(Option<Symbol>, usize), Vec<&Written>, Build> = HashMap::default();
    for written in program.iter().filter(|written| !written.evaluated) {
        let [equal, left, _] = written.atom.children() else { continue };
        if !equal.is(Keyword::Equal) {
            continue;
        }
        let head = match left.children().first() {
            Some(Atom::Symbol(head)) => Some(head.clone()),
            _ => None,
        };
        let earlier = by_head.entry((head, left.children().len())).or_default();
        if let Some(first) = earlier.iter().find(|earlier| covers(&earlier.atom, &written.atom)) {
            findings.push(Finding {
                place: written.place.clone(),
                kind: FindingKind::Unreachable,
                message: format!("this rule says nothing that the one at {} does not say", first.place),
                hint: "both apply, so that the same result comes twice: leave one out".into(),
            });
        } else if earlier.len() < COMPARED {
            earlier.push(written);
        }
    }
}

/// Returns whether the first rule gives the result of the second for every call that the second one fits.
fn covers(first: &Atom, second: &Atom) -> bool {
    let (pattern, count) = number_variables(first);
    // The second rule must be covered for all values of its variables, so they stand for themselves.
    let fixed = tree::rewrite(second, |variable| Some(Atom::symbol(&format!("the variable {variable}"))));
    match_ground(&pattern, &fixed, &mut vec![None; count as usize])
}
