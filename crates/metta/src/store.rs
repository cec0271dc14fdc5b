//! The spaces of an interpreter, and queries of them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    atom::{Atom, Grounded, SpaceId, Variable},
    bindings::{Bindings, Slots, Substitution, instantiate, match_ground, number_variables, substitute},
    parse::Place,
    rows::Rows,
    space::{Entry, Space},
    symbol::{Build, Keyword, Symbol},
    tree,
};

/// A space of atoms, or one whose atoms are made when it is asked.
#[derive(Clone)]
pub(crate) enum AnySpace {
    Atoms(Arc<Space>),
    Rows(Arc<dyn Rows>),
}

/// Returns the number of a new epoch of rules. What was concluded under another number is outdated. Numbers are never used
/// twice, not even by another interpreter, because atoms are shared between interpreters.
fn next_epoch() -> u64 {
    static EPOCH: AtomicU64 = AtomicU64::new(1);
    EPOCH.fetch_add(1, Ordering::Relaxed)
}

/// The most stated types of an atom, because supertypes may be endless.
const MOST_TYPES: usize = 64;

/// Atoms with numbered variables, and the number of variables.
type Numbered = Arc<[(Atom, u32)]>;

/// The spaces of an interpreter.
#[derive(Clone)]
pub(crate) struct Store {
    spaces: Vec<AnySpace>,
    epoch: u64,
    fresh: u32,
    atoms: usize,
    max_atoms: usize,
    max_results: usize,
    /// How many atoms may still be looked at, by all questions of an evaluation.
    allowance: u64,
    /// The types of symbols, with numbered variables.
    types: HashMap<(u32, Symbol), Numbered, Build>,
}

/// A match of a pattern: the values of its variables, and where the matching atoms were written.
pub(crate) struct Found {
    pub(crate) values: Substitution,
    pub(crate) places: Vec<(Atom, Option<Place>)>,
}

/// The reasons why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There are more answers than an evaluation may have.
    Results,
    /// There are more atoms than all spaces together may have.
    Atoms,
    /// More atoms were looked at than an evaluation may look at.
    Steps,
}

/// A rule whose left side fits a call.
pub(crate) struct Applied {
    pub(crate) body: Atom,
    /// Values for the variables of the call.
    pub(crate) values: Substitution,
    pub(crate) place: Option<Place>,
    /// Values of the rule's own variables.
    pub(crate) slots: Vec<(Symbol, Atom)>,
}

impl Store {
    pub(crate) fn new(max_atoms: usize, max_results: usize) -> Self {
        let types = HashMap::default();
        Self {
            spaces: Vec::new(),
            epoch: next_epoch(),
            fresh: 1,
            atoms: 0,
            max_atoms,
            max_results,
            allowance: u64::MAX,
            types,
        }
    }

    pub(crate) fn set_limits(&mut self, max_atoms: usize, max_results: usize) {
        (self.max_atoms, self.max_results) = (max_atoms, max_results);
    }

    /// Sets how many atoms may be looked at from now on.
    pub(crate) fn allow(&mut self, count: u64) {
        self.allowance = count;
    }

    /// Counts an atom that is looked at.
    fn look(&mut self) -> Result<(), Refusal> {
        self.allowance = self.allowance.checked_sub(1).ok_or(Refusal::Steps)?;
        Ok(())
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn add_space(&mut self, space: AnySpace) -> SpaceId {
        self.spaces.push(space);
        SpaceId(self.spaces.len().saturating_sub(1) as u32)
    }

    pub(crate) fn new_space(&mut self) -> Result<SpaceId, Refusal> {
        if self.spaces.len() >= self.max_atoms {
            return Err(Refusal::Atoms);
        }
        Ok(self.add_space(AnySpace::Atoms(Arc::default())))
    }

    pub(crate) fn space(&self, id: SpaceId) -> Option<&AnySpace> {
        self.spaces.get(id.0 as usize)
    }

    /// Returns the space, if atoms can be added to it and removed from it.
    pub(crate) fn atoms_of(&self, id: SpaceId) -> Option<&Space> {
        match self.space(id)? {
            AnySpace::Atoms(space) => Some(space),
            AnySpace::Rows(_) => None,
        }
    }

    fn change(&mut self, id: SpaceId) -> Option<&mut Space> {
        match self.spaces.get_mut(id.0 as usize)? {
            AnySpace::Atoms(space) => Some(Arc::make_mut(space)),
            AnySpace::Rows(_) => None,
        }
    }

    /// Adds an atom to a space. Returns false when nothing can be added to it.
    pub(crate) fn add(&mut self, id: SpaceId, atom: &Atom, place: Option<Place>) -> Result<bool, Refusal> {
        let size = atom.size() as usize;
        if self.atoms.saturating_add(size) > self.max_atoms {
            return Err(Refusal::Atoms);
        }
        let Some(space) = self.change(id) else { return Ok(false) };
        space.add(atom, place);
        self.atoms += size;
        self.changed(atom);
        Ok(true)
    }

    /// Makes a space part of another, as when a module is imported. Doing this twice changes nothing.
    pub(crate) fn import(&mut self, into: SpaceId, space: &Atom) {
        if let Atom::Grounded(Grounded::Space(id)) = space
            && *id != into
            && let Some(target) = self.change(into)
        {
            target.add_import(*id);
            self.changed(space);
        }
    }

    /// Removes an atom from a space. `None` when nothing can be removed from it.
    pub(crate) fn remove(&mut self, id: SpaceId, atom: &Atom) -> Option<bool> {
        let removed = self.change(id)?.remove(atom);
        if removed {
            self.atoms = self.atoms.saturating_sub(atom.size() as usize);
            self.changed(atom);
        }
        Some(removed)
    }

    /// Forgets what was concluded from rules, if the atom can be one.
    fn changed(&mut self, atom: &Atom) {
        let matters = match atom {
            Atom::Expression(expression) => match expression.children().first() {
                Some(Atom::Symbol(head)) => {
                    matches!(head.keyword(), Keyword::Equal | Keyword::Colon | Keyword::Subtype)
                }
                Some(Atom::Grounded(_)) | None => false,
                Some(_) => true,
            },
            Atom::Variable(_) | Atom::Grounded(Grounded::Space(_)) => true,
            _ => false,
        };
        if matters {
            self.epoch = next_epoch();
            self.types.clear();
        }
    }

    /// Reserves numbers for `count` new variables, and returns the first.
    pub(crate) fn fresh(&mut self, count: u32) -> u32 {
        let first = self.fresh;
        self.fresh = self.fresh.checked_add(count).unwrap_or(1);
        first
    }

    /// Returns a copy with variables that occur nowhere else.
    pub(crate) fn refresh(&mut self, atom: &Atom) -> Atom {
        let (numbered, count) = number_variables(atom);
        if count == 0 {
            return numbered;
        }
        let fresh = self.fresh(count);
        instantiate(&numbered, &mut vec![None; count as usize], fresh)
    }

    /// Returns a new variable of this name.
    pub(crate) fn variable(&mut self, name: Symbol) -> Variable {
        Variable { name, id: self.fresh(1) }
    }

    /// Returns the space and all spaces that are part of it, each once.
    pub(crate) fn reach(&self, id: SpaceId) -> Vec<SpaceId> {
        let mut reached = vec![id];
        let mut next = 0;
        while let Some(&current) = reached.get(next) {
            next += 1;
            for &import in self.atoms_of(current).map_or(&[][..], Space::imports) {
                if !reached.contains(&import) {
                    reached.push(import);
                }
            }
        }
        reached
    }

    /// Returns the rules of a space for a call, with their right sides. The values of their variables are only included if
    /// `explain` is set.
    pub(crate) fn rules(&mut self, id: SpaceId, call: &Atom, explain: bool) -> Result<Vec<Applied>, Refusal> {
        let ground = call.is_ground();
        let mut applied = Vec::new();
        for space in self.reach(id) {
            let Some(AnySpace::Atoms(space)) = self.spaces.get(space.0 as usize) else { continue };
            let space = Arc::clone(space);
            for number in space.rule_candidates(call).iter() {
                self.look()?;
                let Some(entry) = space.entry(number) else { continue };
                let result = match entry.atom.children() {
                    [equal, head, body] if ground && equal.is(Keyword::Equal) => {
                        let mut slots: Slots = vec![None; entry.variables as usize];
                        match_ground(head, call, &mut slots).then(|| {
                            let names = if explain { named(head, &slots) } else { Vec::new() };
                            let fresh = self.fresh(entry.variables);
                            let body = instantiate(body, &mut slots, fresh);
                            Applied { body, values: Vec::new(), place: entry.place.clone(), slots: names }
                        })
                    }
                    _ => self.rule_with_variables(entry, call),
                };
                applied.extend(result);
                if applied.len() > self.max_results {
                    return Err(Refusal::Results);
                }
            }
        }
        Ok(applied)
    }

    /// Returns a rule applied to a call that has variables, or an atom that is a rule for some values of its variables.
    fn rule_with_variables(&mut self, entry: &Entry, call: &Atom) -> Option<Applied> {
        let result = Atom::Variable(self.variable(Keyword::Undefined.symbol()));
        let question = Atom::expression([Keyword::Equal.into(), call.clone(), result.clone()]);
        let fresh = self.fresh(entry.variables);
        let mut slots: Slots = vec![None; entry.variables as usize];
        let whole = instantiate(&entry.atom, &mut slots, fresh);
        let mut bindings = Bindings::new();
        if !bindings.unify(&question, &whole) {
            return None;
        }
        let slots =
            named(&entry.atom, &slots).into_iter().map(|(name, value)| (name, bindings.apply(&value))).collect();
        let values = bindings.restrict(&tree::variables(call));
        Some(Applied { body: bindings.apply(&result), values, place: entry.place.clone(), slots })
    }

    /// Returns all ways in which a pattern matches a space: one atom, or `(, first second ...)` one after the other. The
    /// matching atoms are only included if `explain` is set.
    pub(crate) fn query(&mut self, id: SpaceId, pattern: &Atom, explain: bool) -> Result<Vec<Found>, Refusal> {
        let mut found = vec![Found { values: Vec::new(), places: Vec::new() }];
        let spaces = self.reach(id);
        if !explain && let Some(found) = self.query_ground(&spaces, pattern)? {
            return Ok(found);
        }
        for part in parts_of(pattern) {
            let mut next = Vec::new();
            for before in &found {
                let question = substitute(part, &before.values);
                for &space in &spaces {
                    let matching = self.query_one(space, &question, explain)?;
                    next.extend(matching.into_iter().map(|found| after(before, found)));
                    if next.len() > self.max_results {
                        return Err(Refusal::Results);
                    }
                }
            }
            found = next;
        }
        Ok(found)
    }

    /// Returns the same if everything that may match has no variables. What is known so far stays in slots, so that no new
    /// question is needed for it. `None` when something else may match.
    fn query_ground(&mut self, spaces: &[SpaceId], pattern: &Atom) -> Result<Option<Vec<Found>>, Refusal> {
        let mut held = Vec::with_capacity(spaces.len());
        for space in spaces {
            match self.spaces.get(space.0 as usize) {
                Some(AnySpace::Atoms(space)) => held.push(Arc::clone(space)),
                Some(AnySpace::Rows(_)) => return Ok(None),
                None => {}
            }
        }
        let allowance = self.allowance;
        let (numbered, count) = number_variables(pattern);
        let mut found: Vec<Slots> = vec![vec![None; count as usize]];
        for part in parts_of(&numbered) {
            let mut next = Vec::new();
            for before in &found {
                for space in &held {
                    for number in space.candidates_with(part, before).iter() {
                        self.look()?;
                        let Some(entry) = space.entry(number) else { continue };
                        if entry.variables > 0 {
                            self.allowance = allowance;
                            return Ok(None);
                        }
                        let mut slots = before.clone();
                        if match_ground(part, &entry.atom, &mut slots) {
                            next.push(slots);
                        }
                        if next.len() > self.max_results {
                            return Err(Refusal::Results);
                        }
                    }
                }
            }
            found = next;
        }
        let wanted = tree::variables(pattern);
        let values = |slots: Slots| wanted.iter().cloned().zip(slots.into_iter().flatten()).collect();
        Ok(Some(found.into_iter().map(|slots| Found { values: values(slots), places: Vec::new() }).collect()))
    }

    /// Returns all ways in which one pattern matches one space, without those that are part of it.
    fn query_one(&mut self, id: SpaceId, question: &Atom, explain: bool) -> Result<Vec<Found>, Refusal> {
        let (numbered, count) = number_variables(question);
        let wanted = tree::variables(question);
        let max_results = self.max_results;
        let mut found = Vec::new();
        let mut push = |values: Substitution, atom: &Atom, place: &Option<Place>| {
            let places = if explain { vec![(atom.clone(), place.clone())] } else { Vec::new() };
            found.push(Found { values, places });
            if found.len() > max_results { Err(Refusal::Results) } else { Ok(()) }
        };
        match self.spaces.get(id.0 as usize) {
            None => {}
            Some(AnySpace::Rows(rows)) => {
                let rows = Arc::clone(rows);
                for atom in rows.select(question) {
                    self.look()?;
                    let mut slots: Slots = vec![None; count as usize];
                    if match_ground(&numbered, &atom, &mut slots) {
                        push(wanted.iter().cloned().zip(slots.into_iter().flatten()).collect(), &atom, &None)?;
                    }
                }
            }
            Some(AnySpace::Atoms(space)) => {
                let space = Arc::clone(space);
                for number in space.candidates(&numbered).iter() {
                    self.look()?;
                    let Some(entry) = space.entry(number) else { continue };
                    if entry.variables == 0 {
                        let mut slots: Slots = vec![None; count as usize];
                        if match_ground(&numbered, &entry.atom, &mut slots) {
                            let values = wanted.iter().cloned().zip(slots.into_iter().flatten()).collect();
                            push(values, &entry.atom, &entry.place)?;
                        }
                        continue;
                    }
                    let fresh = self.fresh(entry.variables);
                    let atom = instantiate(&entry.atom, &mut vec![None; entry.variables as usize], fresh);
                    let mut bindings = Bindings::new();
                    if bindings.unify(question, &atom) {
                        push(bindings.restrict(&wanted), &bindings.apply(&atom), &entry.place)?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Returns the atoms of a space. `None` if they cannot be listed.
    pub(crate) fn list(&mut self, id: SpaceId) -> Option<Vec<Atom>> {
        let atoms: Vec<Atom> = self.atoms_of(id)?.entries().map(|entry| entry.atom.clone()).collect();
        Some(atoms.iter().map(|atom| self.refresh(atom)).collect())
    }

    /// Returns the types that a space states for an atom, and the types of which these are subtypes.
    pub(crate) fn stated_types(&mut self, id: SpaceId, atom: &Atom) -> Vec<Atom> {
        let Atom::Symbol(symbol) = atom else {
            let may = |space: SpaceId| self.atoms_of(space).is_none_or(Space::has_typed_expressions);
            return if self.reach(id).into_iter().any(may) { self.find_types(id, atom) } else { Vec::new() };
        };
        let key = (id.0, symbol.clone());
        if !self.types.contains_key(&key) {
            let found = self.find_types(id, atom).iter().map(number_variables).collect();
            self.types.insert(key.clone(), found);
        }
        let known = self.types.get(&key).cloned();
        let each = known.iter().flat_map(|known| known.iter());
        each.map(|(of, count)| match *count {
            0 => of.clone(),
            count => {
                let fresh = self.fresh(count);
                instantiate(of, &mut vec![None; count as usize], fresh)
            }
        })
        .collect()
    }

    fn find_types(&mut self, id: SpaceId, atom: &Atom) -> Vec<Atom> {
        let mut types = self.values_of(id, Keyword::Colon, atom);
        let mut next = 0;
        while let Some(current) = types.get(next).cloned() {
            next += 1;
            for above in self.values_of(id, Keyword::Subtype, &current) {
                if types.len() < MOST_TYPES && !types.contains(&above) {
                    types.push(above);
                }
            }
        }
        types
    }

    /// Returns all `$x` with `(relation atom $x)` in the space.
    fn values_of(&mut self, id: SpaceId, relation: Keyword, atom: &Atom) -> Vec<Atom> {
        let variable = self.variable(Keyword::Undefined.symbol());
        let question = Atom::expression([relation.into(), atom.clone(), Atom::Variable(variable.clone())]);
        let found = self.query(id, &question, false).unwrap_or_default();
        let value = |found: Found| found.values.into_iter().find(|(v, _)| *v == variable).map(|(_, value)| value);
        let keep = |value: &Atom| !matches!(value, Atom::Variable(_)) && !value.is(Keyword::Undefined);
        found.into_iter().filter_map(value).filter(keep).collect()
    }
}

/// Returns the patterns of `(, first second ...)`, or the pattern itself.
fn parts_of(pattern: &Atom) -> &[Atom] {
    match pattern {
        Atom::Expression(all) if all.keyword() == Keyword::Comma => all.children().get(1..).unwrap_or_default(),
        other => std::slice::from_ref(other),
    }
}

/// Combines what one pattern found with what the patterns before it found.
fn after(before: &Found, found: Found) -> Found {
    if before.values.is_empty() && before.places.is_empty() {
        return found;
    }
    let mut values: Substitution =
        before.values.iter().map(|(v, a)| (v.clone(), substitute(a, &found.values))).collect();
    values.extend(found.values);
    let places = before.places.iter().cloned().chain(found.places).collect();
    Found { values, places }
}

/// Returns the values of a rule's variables that occur in an atom, by name.
fn named(atom: &Atom, slots: &Slots) -> Vec<(Symbol, Atom)> {
    let value = |variable: Variable| Some((variable.name.clone(), slots.get(variable.id as usize)?.clone()?));
    tree::variables(atom).into_iter().filter_map(value).collect()
}
