//! A space: a multiset of atoms that is asked by pattern. Every argument of an expression is indexed, and so are the arguments
//! of expressions inside it, so that a question in which any of them is given looks at few atoms.

use std::collections::HashMap;

use crate::{
    atom::{Atom, Expression, Grounded, SpaceId},
    bindings::number_variables,
    parse::Place,
    symbol::{Build, Keyword, combine, mix},
    tree,
};

/// An atom in a space. Its variables are numbered from 0.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) atom: Atom,
    pub(crate) variables: u32,
    pub(crate) place: Option<Place>,
}

/// A multiset of atoms, in the order in which they were added.
#[derive(Clone, Default)]
pub(crate) struct Space {
    entries: Vec<Option<Entry>>,
    live: usize,
    postings: HashMap<u64, Vec<u32>, Build>,
    /// Spaces that are part of this one.
    imports: Vec<SpaceId>,
    /// How many atoms may state the type of an expression. It is almost always 0.
    typed_expressions: usize,
}

/// Returns whether an atom may be `(: (an expression) Type)`.
fn types_expression(atom: &Atom) -> bool {
    match atom {
        Atom::Variable(_) => true,
        Atom::Expression(_) => match atom.children() {
            [head, subject, _] => {
                (head.is(Keyword::Colon) || leaf(head).is_none())
                    && matches!(subject, Atom::Expression(_) | Atom::Variable(_))
            }
            _ => false,
        },
        _ => false,
    }
}

/// How many arguments of an inner expression are indexed.
const INNER: usize = 4;

/// Kinds of keys.
const EXACT: u64 = 1;
const SHAPE: u64 = 2;
const LOOSE: u64 = 3;
const ANY: u64 = 4;
const INNER_EXACT: u64 = 5;
const INNER_ANY: u64 = 6;
const LENGTH: u64 = 7;
const LEAF: u64 = 8;
const WILD: u64 = 9;

/// Returns where an argument is: the length of the expression, and its position there.
fn position(length: usize, index: usize) -> u64 {
    mix((length as u64) << 24 | index as u64)
}

fn key(kind: u64, position: u64, value: u64) -> u64 {
    combine(combine(kind, position), value)
}

/// Returns the outer shape of an expression: its length and its head. `None` when the head can be anything.
fn shape(expression: &Expression) -> Option<u64> {
    let head = leaf(expression.children().first()?)?;
    Some(combine(head, expression.children().len() as u64))
}

/// Returns the hash of an atom that equals only itself and is not an expression. A state is not such an atom, because its
/// content decides.
fn leaf(atom: &Atom) -> Option<u64> {
    match atom {
        Atom::Symbol(_) => Some(atom.hash64()),
        Atom::Grounded(Grounded::State(_)) | Atom::Variable(_) | Atom::Expression(_) => None,
        Atom::Grounded(_) => Some(atom.hash64()),
    }
}

/// Returns the keys under which an atom is filed.
fn keys_of(atom: &Atom) -> Vec<u64> {
    let expression = match atom {
        Atom::Expression(expression) => expression,
        Atom::Variable(_) | Atom::Grounded(Grounded::State(_)) => return vec![key(WILD, 0, 0)],
        other => return vec![key(LEAF, 0, other.hash64())],
    };
    let children = expression.children();
    let mut keys = Vec::with_capacity(children.len() + 1);
    keys.push(key(LENGTH, 0, children.len() as u64));
    for (index, child) in children.iter().enumerate() {
        let at = position(children.len(), index);
        match child {
            Atom::Expression(inner) => file_inner(inner, at, &mut keys),
            other => keys.push(leaf(other).map_or(key(ANY, at, 0), |hash| key(EXACT, at, hash))),
        }
    }
    keys
}

fn file_inner(inner: &Expression, at: u64, keys: &mut Vec<u64>) {
    if inner.is_ground() {
        keys.push(key(EXACT, at, inner.hash64()));
    }
    let Some(shape) = shape(inner) else {
        if !inner.is_ground() {
            keys.push(key(ANY, at, 0));
        }
        return;
    };
    keys.push(key(SHAPE, at, shape));
    if !inner.is_ground() {
        keys.push(key(LOOSE, at, shape));
    }
    for (index, child) in inner.children().iter().enumerate().skip(1).take(INNER) {
        let inner_at = combine(combine(at, shape), index as u64);
        match leaf(child) {
            Some(hash) => keys.push(key(INNER_EXACT, inner_at, hash)),
            None if !matches!(child, Atom::Expression(_)) => keys.push(key(INNER_ANY, inner_at, 0)),
            None => {}
        }
    }
}

impl Space {
    /// Creates a space that includes another one.
    pub(crate) fn with_import(space: SpaceId) -> Self {
        Self { imports: vec![space], ..Self::default() }
    }

    /// Makes another space part of this one, without adding an atom for it.
    pub(crate) fn add_import(&mut self, space: SpaceId) {
        if !self.imports.contains(&space) {
            self.imports.push(space);
        }
    }

    /// Returns whether the type of any expression may be stated.
    pub(crate) fn has_typed_expressions(&self) -> bool {
        self.typed_expressions > 0
    }

    pub(crate) fn imports(&self) -> &[SpaceId] {
        &self.imports
    }

    /// Returns the atoms, in the order in which they were added.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    pub(crate) fn entry(&self, id: u32) -> Option<&Entry> {
        self.entries.get(id as usize)?.as_ref()
    }

    /// Adds an atom. Beyond `u32::MAX` atoms, nothing is added. The limit on atoms is far lower.
    pub(crate) fn add(&mut self, atom: &Atom, place: Option<Place>) {
        let Ok(id) = u32::try_from(self.entries.len()) else { return };
        if let Atom::Grounded(Grounded::Space(space)) = atom {
            self.imports.push(*space);
        }
        let (atom, variables) = number_variables(atom);
        self.typed_expressions += usize::from(types_expression(&atom));
        for key in keys_of(&atom) {
            self.postings.entry(key).or_default().push(id);
        }
        self.entries.push(Some(Entry { atom, variables, place }));
        self.live += 1;
    }

    /// Removes one atom that equals this one. Returns false when there is none.
    pub(crate) fn remove(&mut self, atom: &Atom) -> bool {
        let (numbered, _) = number_variables(atom);
        let found =
            self.candidates(&numbered).iter().find(|&id| self.entry(id).is_some_and(|entry| entry.atom == numbered));
        let Some(slot) = found.and_then(|id| self.entries.get_mut(id as usize)) else { return false };
        *slot = None;
        self.live -= 1;
        self.typed_expressions = self.typed_expressions.saturating_sub(usize::from(types_expression(&numbered)));
        if let Atom::Grounded(Grounded::Space(space)) = atom
            && let Some(index) = self.imports.iter().position(|import| import == space)
        {
            self.imports.remove(index);
        }
        if self.entries.len() > 2 * self.live + 1000 {
            self.rebuild();
        }
        true
    }

    /// Files everything anew, without the gaps that removed atoms left.
    fn rebuild(&mut self) {
        self.entries.retain(Option::is_some);
        self.postings.clear();
        for (id, entry) in self.entries.iter().flatten().enumerate() {
            for key in keys_of(&entry.atom) {
                self.postings.entry(key).or_default().push(id as u32);
            }
        }
    }

    fn posting(&self, key: u64) -> &[u32] {
        self.postings.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Returns the atoms that may match a pattern, in order. Some may be gone, and some may not match after all.
    pub(crate) fn candidates(&self, pattern: &Atom) -> Candidates<'_> {
        self.candidates_with(pattern, &[])
    }

    /// Returns the same for a pattern with numbered variables, some of which already have values.
    pub(crate) fn candidates_with(&self, pattern: &Atom, known: &[Option<Atom>]) -> Candidates<'_> {
        let value = |atom: &'_ Atom| match atom {
            Atom::Variable(variable) => known.get(variable.id as usize)?.clone(),
            Atom::Expression(inner) if !known.is_empty() && !inner.is_ground() => {
                Some(tree::rewrite(atom, |inner| known.get(inner.id as usize)?.clone()))
            }
            _ => None,
        };
        let whole = match pattern {
            Atom::Variable(_) => value(pattern),
            _ => None,
        };
        let pattern = whole.as_ref().unwrap_or(pattern);
        let wild = self.posting(key(WILD, 0, 0));
        let expression = match pattern {
            Atom::Variable(_) | Atom::Grounded(Grounded::State(_)) => return Candidates::All(self.entries.len() as u32),
            Atom::Expression(expression) => expression,
            other => return Candidates::merge([self.posting(key(LEAF, 0, other.hash64())), wild, &[], &[]]),
        };
        let length = expression.children().len();
        let same_length = self.posting(key(LENGTH, 0, length as u64));
        let mut best = [same_length, &[], &[], wild];
        let mut count = same_length.len();
        for (index, child) in expression.children().iter().enumerate() {
            if count <= 2 {
                break;
            }
            let at = position(length, index);
            let any = self.posting(key(ANY, at, 0));
            let known = value(child);
            let covers = match known.as_ref().unwrap_or(child) {
                Atom::Expression(inner) => self.inner_covers(inner, at),
                other => leaf(other).map(|hash| (self.posting(key(EXACT, at, hash)), &[][..])).into_iter().collect(),
            };
            for (first, second) in covers {
                let total = first.len() + second.len() + any.len();
                if total < count {
                    count = total;
                    best = [first, second, any, wild];
                }
            }
        }
        Candidates::merge(best)
    }

    /// Returns the rules `(= left right)` whose left side may be equal to a call, in order.
    pub(crate) fn rule_candidates(&self, call: &Atom) -> Candidates<'_> {
        let at = position(3, 1);
        let (any, wild) = (self.posting(key(ANY, at, 0)), self.posting(key(WILD, 0, 0)));
        let covers = match call {
            Atom::Expression(inner) => self.inner_covers(inner, at),
            other => leaf(other).map(|hash| (self.posting(key(EXACT, at, hash)), &[][..])).into_iter().collect(),
        };
        let best = covers.into_iter().min_by_key(|(first, second)| first.len() + second.len());
        let all = || (self.posting(key(EXACT, position(3, 0), Keyword::Equal.symbol().hash64())), &[][..]);
        let (first, second) = best.unwrap_or_else(all);
        Candidates::merge([first, second, any, wild])
    }

    /// Returns pairs of lists. Each pair together contains every atom with an expression like this one in this place.
    fn inner_covers(&self, inner: &Expression, at: u64) -> Vec<(&[u32], &[u32])> {
        let mut covers: Vec<(&[u32], &[u32])> = Vec::new();
        let shape = shape(inner);
        if inner.is_ground() {
            let loose = shape.map_or(&[][..], |shape| self.posting(key(LOOSE, at, shape)));
            covers.push((self.posting(key(EXACT, at, inner.hash64())), loose));
        }
        let Some(shape) = shape else { return covers };
        if !inner.is_ground() {
            covers.push((self.posting(key(SHAPE, at, shape)), &[]));
        }
        if covers.last().is_some_and(|(first, second)| first.len() + second.len() > INNER) {
            for (index, child) in inner.children().iter().enumerate().skip(1).take(INNER) {
                let Some(hash) = leaf(child) else { continue };
                let inner_at = combine(combine(at, shape), index as u64);
                covers
                    .push((self.posting(key(INNER_EXACT, inner_at, hash)), self.posting(key(INNER_ANY, inner_at, 0))));
            }
        }
        covers
    }
}

/// Numbers of atoms, ascending.
pub(crate) enum Candidates<'a> {
    All(u32),
    One(&'a [u32]),
    Several(Vec<u32>),
}

impl<'a> Candidates<'a> {
    fn merge(lists: [&'a [u32]; 4]) -> Self {
        let mut filled = lists.iter().filter(|list| !list.is_empty());
        match (filled.next(), filled.next()) {
            (None, _) => Self::One(&[]),
            (Some(one), None) => Self::One(one),
            _ => {
                let mut all = lists.concat();
                all.sort_unstable();
                all.dedup();
                Self::Several(all)
            }
        }
    }

    /// Returns the numbers.
    pub(crate) fn iter(&self) -> Numbers<'_> {
        match self {
            Self::All(count) => Numbers::Range(0..*count),
            Self::One(list) => Numbers::List(list.iter()),
            Self::Several(list) => Numbers::List(list.iter()),
        }
    }
}

/// Walks over numbers of atoms.
pub(crate) enum Numbers<'a> {
    Range(std::ops::Range<u32>),
    List(std::slice::Iter<'a, u32>),
}

impl Iterator for Numbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Range(range) => range.next(),
            Self::List(list) => list.next().copied(),
        }
    }
}
