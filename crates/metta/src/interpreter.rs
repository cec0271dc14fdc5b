//! The interpreter: it takes programs and returns results.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    atom::{Atom, Expression, Grounded, SpaceId},
    derivation::{Derived, steps_of},
    function::{Action, Alternative, CallError, Function},
    library, machine,
    modules::{ModuleLoader, Modules},
    parse::{ParseError, Parser, Place, Tokens},
    rows::Rows,
    space::Space,
    store::{AnySpace, Refusal, Store},
    symbol::Keyword,
    types::{self, Type},
};

/// The limits of an evaluation. Reaching one ends the evaluation with `(Error <what was evaluated> <limit>)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of calls and instructions of one evaluation, plus a tenth of the atoms that matches look at: `StepLimit`.
    pub steps: u64,
    /// The number of results and open alternatives of one evaluation: `ResultLimit`.
    pub results: usize,
    /// The number of evaluations that wait for one inside them: `DepthLimit`.
    pub depth: usize,
    /// The size of one atom, in atoms: `AtomSizeLimit`.
    pub atom_size: u32,
    /// The number of atoms in all spaces together: `AtomLimit`.
    pub atoms: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 50_000_000, results: 1_000_000, depth: 200_000, atom_size: 4_000_000, atoms: 100_000_000 }
    }
}

/// The limit that ended an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Steps,
    Results,
    Depth,
    AtomSize,
    Atoms,
}

impl Stop {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steps => "StepLimit",
            Self::Results => "ResultLimit",
            Self::Depth => "DepthLimit",
            Self::AtomSize => "AtomSizeLimit",
            Self::Atoms => "AtomLimit",
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Results => Self::Results,
            Refusal::Atoms => Self::Atoms,
            Refusal::Steps => Self::Steps,
        }
    }
}

/// Where `println!` prints to.
pub type Printer = Arc<dyn Fn(&str) + Send + Sync>;

/// What is put aside while a module is loaded.
pub(crate) struct Outside {
    tokens: Arc<Tokens>,
    home: SpaceId,
    explain: bool,
}

/// For each step that an evaluation may take, it may look at this many atoms of spaces.
const LOOKS: u64 = 10;

/// The most steps of an evaluation that are remembered for derivations. Memory is the limit.
const EXPLAINED: u64 = 1_000_000;

/// An interpreter, with its spaces and the meanings of words. A clone is independent. What both have is shared until one of
/// them changes it, except for the contents of states.
#[derive(Clone)]
pub struct Metta {
    pub(crate) store: Store,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) pragmas: BTreeMap<String, Atom>,
    limits: Limits,
    home: SpaceId,
    steps: u64,
    stop: Option<Stop>,
    explain: bool,
    printer: Option<Printer>,
    loader: Option<ModuleLoader>,
    pub(crate) modules: Modules,
}

impl Default for Metta {
    fn default() -> Self {
        Self::new()
    }
}

impl Metta {
    /// Creates an interpreter with the standard library and the usual limits.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// Creates an interpreter with the standard library and these limits.
    pub fn with_limits(limits: Limits) -> Self {
        let mut store = Store::new(limits.atoms, limits.results);
        let core = store.add_space(AnySpace::Atoms(Arc::default()));
        let mut metta = Self {
            store,
            tokens: Arc::default(),
            pragmas: BTreeMap::new(),
            limits,
            home: core,
            steps: 0,
            stop: None,
            explain: false,
            printer: None,
            loader: None,
            modules: Modules::default(),
        };
        library::install(&mut metta);
        metta.home = metta.module_space(core);
        metta
    }

    /// Returns a new space that contains the library, as the space of every module does.
    fn module_space(&mut self, core: SpaceId) -> SpaceId {
        let space = self.store.add_space(AnySpace::Atoms(Arc::new(Space::with_import(core))));
        let own = Atom::Grounded(Grounded::Space(space));
        Arc::make_mut(&mut self.tokens).insert("&self".into(), own);
        space
    }

    /// Returns the limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Changes the limits of later evaluations.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.store.set_limits(limits.atoms, limits.results);
    }

    /// Sets where `println!` and `trace!` print to. Without a printer, they print nothing.
    pub fn print_to(&mut self, printer: Printer) {
        self.printer = Some(printer);
    }

    /// Sets where `import!` finds modules. Without a loader, it finds none.
    pub fn load_modules_with(&mut self, loader: ModuleLoader) {
        self.loader = Some(loader);
    }

    /// Runs a program: adds its atoms to the space, and evaluates those after a `!`, in order. The results of each are a list.
    /// After a list with an error, the rest of the program is not run.
    ///
    /// # Errors
    /// When the text is not a program from some place on. What comes before that place has been run.
    pub fn run(&mut self, file: &str, text: &str) -> Result<Vec<Vec<Atom>>, ParseError> {
        let mut lists = Vec::new();
        self.run_each(file, text, |metta, atom| {
            let list = metta.evaluate(atom);
            let failed = list.iter().any(Atom::is_error);
            lists.push(list);
            !failed
        })?;
        Ok(lists)
    }

    /// Does the same as [`Self::run`], with a derivation of every result.
    ///
    /// # Errors
    /// In the same cases as [`Self::run`].
    pub fn run_derived(&mut self, file: &str, text: &str) -> Result<Vec<Vec<Derived>>, ParseError> {
        let mut lists = Vec::new();
        self.run_each(file, text, |metta, atom| {
            let list = metta.derive(atom);
            let failed = list.iter().any(|derived| derived.atom.is_error());
            lists.push(list);
            !failed
        })?;
        Ok(lists)
    }

    /// Adds the atoms of a program, and evaluates nothing.
    pub(crate) fn learn(&mut self, file: &str, text: &str) -> Result<(), ParseError> {
        self.run_each(file, text, |_, _| true)
    }

    /// Adds the atoms of a program. `each` is called with the atom after each `!`, and returns whether to continue.
    pub(crate) fn run_each(
        &mut self,
        file: &str,
        text: &str,
        mut each: impl FnMut(&mut Self, &Atom) -> bool,
    ) -> Result<(), ParseError> {
        let mut parser = Parser::new(file, text);
        let mut evaluate = false;
        while let Some(parsed) = parser.next(&Arc::clone(&self.tokens))? {
            if parsed.atom.is(Keyword::Exclamation) {
                evaluate = true;
            } else if std::mem::take(&mut evaluate) {
                if !each(self, &parsed.atom) {
                    return Ok(());
                }
            } else {
                let errors = self.checked_errors(&parsed.atom);
                if let Some(error) = errors.into_iter().next() {
                    each(self, &error);
                    return Ok(());
                }
                let place = Place { file: parser.file().clone(), line: parsed.line, column: parsed.column };
                if let Err(refusal) = self.store.add(self.home, &parsed.atom, Some(place)) {
                    let error = Atom::error(parsed.atom, Atom::symbol(Stop::from(refusal).name()));
                    each(self, &error);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Returns the errors of an atom, if all its types are wrong and types are to be checked.
    fn checked_errors(&mut self, atom: &Atom) -> Vec<Atom> {
        if self.pragmas.get("type-check").is_none_or(|value| value.as_symbol() != Some("auto")) {
            return Vec::new();
        }
        let mut errors = Vec::new();
        for of in types::types_of(&mut self.store, self.home, atom) {
            match of {
                Type::Wrong { error, .. } => errors.push(error),
                _ => return Vec::new(),
            }
        }
        errors
    }

    /// Reads one atom. What comes after it is ignored, and an empty text reads as `()`.
    ///
    /// # Errors
    /// When the text is not an atom.
    pub fn parse(&self, text: &str) -> Result<Atom, ParseError> {
        let parsed = Parser::new("", text).next(&self.tokens)?;
        Ok(parsed.map_or_else(Atom::unit, |parsed| parsed.atom))
    }

    /// Returns what a word of the library means now.
    pub(crate) fn word(&self, word: &str) -> Atom {
        self.tokens.get(word).cloned().unwrap_or_else(|| Atom::symbol(word))
    }

    /// Returns all results of an atom.
    pub fn evaluate(&mut self, atom: &Atom) -> Vec<Atom> {
        self.alternatives(atom, false).into_iter().map(|found| found.atom).collect()
    }

    /// Returns all results of an atom, each with its derivation. If an evaluation takes more than a million steps, later steps
    /// are not remembered.
    pub fn derive(&mut self, atom: &Atom) -> Vec<Derived> {
        let found = self.alternatives(atom, true);
        found.into_iter().map(|found| Derived { atom: found.atom, steps: steps_of(&found.trail) }).collect()
    }

    fn alternatives(&mut self, atom: &Atom, explain: bool) -> Vec<Alternative> {
        let errors = self.checked_errors(atom);
        if !errors.is_empty() {
            return errors.into_iter().map(Alternative::new).collect();
        }
        // A module that is imported by an evaluation is run within the limits of that evaluation.
        let outermost = !self.modules.is_loading();
        if outermost {
            (self.steps, self.stop) = (0, None);
            self.store.allow(self.limits.steps.saturating_mul(LOOKS));
        }
        let before = std::mem::replace(&mut self.explain, explain);
        let home = self.home;
        let minimal = self.pragmas.get("interpreter").is_some_and(|p| p.as_symbol() == Some("bare-minimal"));
        let found = if minimal {
            machine::run_instructions(self, atom, home)
        } else {
            machine::evaluate(self, atom, Keyword::Undefined.into(), home)
        };
        self.explain = before;
        if outermost {
            self.stop = None;
        }
        found
    }

    /// Adds an atom to the space of programs, `&self`. Returns false when the spaces are full.
    pub fn add(&mut self, atom: Atom) -> bool {
        self.store.add(self.home, &atom, None).is_ok()
    }

    /// Returns a new, empty space.
    pub fn new_space(&mut self) -> Atom {
        Atom::Grounded(Grounded::Space(self.store.add_space(AnySpace::Atoms(Arc::default()))))
    }

    /// Adds an atom to a space. Returns false when it is not a space to which atoms can be added, or when the spaces are full.
    pub fn add_to(&mut self, space: &Atom, atom: Atom) -> bool {
        match space {
            Atom::Grounded(Grounded::Space(id)) => self.store.add(*id, &atom, None) == Ok(true),
            _ => false,
        }
    }

    /// Adds a space whose atoms are rows that are made when the space is asked, and returns the space.
    pub fn add_rows(&mut self, rows: impl Rows + 'static) -> Atom {
        Atom::Grounded(Grounded::Space(self.store.add_space(AnySpace::Rows(Arc::new(rows)))))
    }

    /// Lets a word mean an atom in programs that are read from now on.
    pub fn bind(&mut self, word: &str, atom: Atom) {
        Arc::make_mut(&mut self.tokens).insert(word.into(), atom);
    }

    /// Lets programs that are read from now on call a function in Rust. The signature is its type, such as `(-> Number
    /// Number)`.
    ///
    /// # Errors
    /// When the signature is not an atom.
    pub fn register(
        &mut self,
        name: &str,
        signature: &str,
        callable: impl Fn(&[Atom]) -> Result<Vec<Atom>, CallError> + Send + Sync + 'static,
    ) -> Result<(), ParseError> {
        let signature = self.parse(signature)?;
        let function = Function::new(name, signature, Action::Callable(Box::new(callable)));
        self.bind(name, Atom::Grounded(Grounded::Function(function)));
        Ok(())
    }

    pub(crate) fn loader(&self) -> Option<&ModuleLoader> {
        self.loader.as_ref()
    }

    /// Begins a module, with a new space. Returns the space and what [`Self::leave_module`] needs.
    pub(crate) fn enter_module(&mut self) -> (SpaceId, Outside) {
        let before = Outside { tokens: self.tokens.clone(), home: self.home, explain: self.explain };
        // The library is always the first space.
        self.home = self.module_space(SpaceId(0));
        (self.home, before)
    }

    pub(crate) fn leave_module(&mut self, before: Outside) {
        (self.tokens, self.home, self.explain) = (before.tokens, before.home, before.explain);
    }

    /// Returns the space of the program itself, which is made after that of the library.
    pub(crate) fn program_space(&self) -> SpaceId {
        SpaceId(1)
    }

    pub(crate) fn home(&self) -> SpaceId {
        self.home
    }

    pub(crate) fn print(&self, line: &str) {
        if let Some(printer) = &self.printer {
            printer(line);
        }
    }

    /// Returns whether the next step is remembered for a derivation.
    pub(crate) fn explains(&self) -> bool {
        self.explain && self.steps < EXPLAINED
    }

    /// Counts a step. The last one that is allowed stops the evaluation.
    pub(crate) fn count_step(&mut self) {
        self.steps += 1;
        if self.steps > self.limits.steps {
            self.stop(Stop::Steps);
        }
    }

    /// Ends the evaluation for a reason. The first reason counts.
    pub(crate) fn stop(&mut self, stop: Stop) {
        self.stop.get_or_insert(stop);
    }

    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.stop
    }

    /// Returns the depth that a program has set for itself.
    pub(crate) fn stack_depth(&self) -> Option<usize> {
        let depth = self.pragmas.get("max-stack-depth")?.as_integer()?;
        usize::try_from(depth).ok().filter(|depth| *depth > 0)
    }

    pub(crate) fn is_evaluated(&self, expression: &Expression, space: SpaceId) -> bool {
        space == self.home && expression.is_evaluated(self.store.epoch())
    }

    /// Returns an expression that counts as evaluated as long as no rule changes. If it has variables, that is a copy: what
    /// else holds the expression may learn their values and evaluate it then.
    pub(crate) fn remember_evaluated(&self, expression: Expression, space: SpaceId) -> Expression {
        if space != self.home {
            return expression;
        }
        let evaluated =
            if expression.is_ground() { expression } else { Expression::new(expression.children().to_vec()) };
        evaluated.set_evaluated(self.store.epoch());
        evaluated
    }
}
