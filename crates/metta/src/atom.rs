//! Atoms: what programs are made of and what they compute with. An atom is a value. It is cheap to clone, never changed,
//! and shared freely between threads. Only a [`State`] has content that can be replaced.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    function::Function,
    symbol::{Keyword, Symbol, combine, hash_bytes, mix},
    tree,
};

/// A symbol, a variable, an expression of atoms, or a value from outside the language.
#[derive(Clone)]
pub enum Atom {
    /// A name that stands for itself.
    Symbol(Symbol),
    /// Stands for any atom.
    Variable(Variable),
    /// Atoms in brackets.
    Expression(Expression),
    /// A number, a string, a function and so on.
    Grounded(Grounded),
}

/// A value from outside the language.
#[derive(Clone)]
pub enum Grounded {
    /// An integer of 64 bits, which wraps around as in the reference.
    Integer(i64),
    /// Double precision.
    Float(f64),
    /// `True` or `False`.
    Bool(bool),
    /// A string.
    Text(Arc<String>),
    /// A function in Rust.
    Function(Arc<Function>),
    /// A space, by its number in its interpreter.
    Space(SpaceId),
    /// A cell whose content can be replaced.
    State(Arc<State>),
    /// The values of a result's variables. Only `collapse-bind` makes these.
    Bindings(Arc<Captured>),
}

/// The values of one result's variables.
pub struct Captured(pub(crate) Vec<(Variable, Atom)>);

impl Drop for Captured {
    fn drop(&mut self) {
        drop_all(std::mem::take(&mut self.0).into_iter().map(|(_, value)| value).collect());
    }
}

/// The number of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpaceId(pub(crate) u32);

/// A variable: its name, and a number that distinguishes variables of the same name in different uses of a rule.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    pub(crate) name: Symbol,
    pub(crate) id: u32,
}

impl Variable {
    /// Returns the name, without the dollar sign.
    pub fn name(&self) -> &str {
        self.name.name()
    }
}

impl Hash for Variable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.name.hash64() ^ mix(u64::from(self.id)));
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            0 => write!(f, "${}", self.name),
            id => write!(f, "${}#{id}", self.name),
        }
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Atoms in brackets.
#[derive(Clone)]
pub struct Expression(Arc<Node>);

struct Node {
    children: Vec<Atom>,
    hash: u64,
    /// How many atoms it has, including itself. `u32::MAX` stands for that many or more.
    size: u32,
    depth: u32,
    ground: bool,
    /// The epoch of rules in which evaluation left it unchanged. 0 means never.
    evaluated: AtomicU64,
}

/// An expression that is deeper than this is taken apart step by step when it is dropped.
const SHALLOW: u32 = 64;

impl Drop for Node {
    fn drop(&mut self) {
        if self.depth > SHALLOW {
            drop_all(std::mem::take(&mut self.children));
        }
    }
}

/// Drops atoms without recursion, however deep they are.
fn drop_all(mut atoms: Vec<Atom>) {
    while let Some(atom) = atoms.pop() {
        match atom {
            Atom::Expression(expression) => {
                if let Some(mut node) = Arc::into_inner(expression.0) {
                    atoms.append(&mut node.children);
                }
            }
            Atom::Grounded(Grounded::State(state)) => {
                if let Some(state) = Arc::into_inner(state) {
                    atoms.push(state.replace(Atom::unit()));
                }
            }
            Atom::Grounded(Grounded::Bindings(captured)) => {
                if let Some(mut captured) = Arc::into_inner(captured) {
                    atoms.extend(std::mem::take(&mut captured.0).into_iter().map(|(_, value)| value));
                }
            }
            _ => {}
        }
    }
}

impl Expression {
    /// Creates an expression of these atoms.
    pub fn new(children: Vec<Atom>) -> Self {
        Self::evaluated_in(children, 0)
    }

    /// Creates an expression of these atoms that counts as evaluated in an epoch of rules.
    fn evaluated_in(children: Vec<Atom>, epoch: u64) -> Self {
        let mut hash = mix(children.len() as u64);
        let (mut size, mut depth, mut ground) = (1u32, 0, true);
        for child in &children {
            hash = combine(hash, child.hash64());
            match child {
                Atom::Expression(inner) => {
                    size = size.saturating_add(inner.0.size);
                    depth = depth.max(inner.0.depth);
                    ground &= inner.0.ground;
                }
                Atom::Variable(_) => {
                    size = size.saturating_add(1);
                    ground = false;
                }
                _ => size = size.saturating_add(1),
            }
        }
        let depth = depth.saturating_add(1);
        Self(Arc::new(Node { children, hash, size, depth, ground, evaluated: AtomicU64::new(epoch) }))
    }

    /// Creates an expression of these atoms that counts as evaluated where another does.
    pub(crate) fn evaluated_like(source: &Self, children: Vec<Atom>) -> Self {
        Self::evaluated_in(children, source.0.evaluated.load(Ordering::Relaxed))
    }

    /// Returns the atoms in the brackets.
    pub fn children(&self) -> &[Atom] {
        &self.0.children
    }

    /// Returns how many atoms it has, including itself. `u32::MAX` stands for that many or more.
    pub fn size(&self) -> u32 {
        self.0.size
    }

    /// Returns how deeply its brackets are nested.
    pub fn depth(&self) -> u32 {
        self.0.depth
    }

    pub(crate) fn is_ground(&self) -> bool {
        self.0.ground
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn hash64(&self) -> u64 {
        self.0.hash
    }

    pub(crate) fn is_evaluated(&self, epoch: u64) -> bool {
        self.0.evaluated.load(Ordering::Relaxed) == epoch
    }

    pub(crate) fn set_evaluated(&self, epoch: u64) {
        self.0.evaluated.store(epoch, Ordering::Relaxed);
    }

    /// Returns the keyword at its head.
    pub(crate) fn keyword(&self) -> Keyword {
        self.0.children.first().map_or(Keyword::None, Atom::keyword)
    }
}

/// A cell whose content can be replaced. Two states are equal when their contents are.
pub struct State {
    value: Mutex<Atom>,
    pub(crate) content_type: Atom,
}

impl State {
    pub(crate) fn new(value: Atom, content_type: Atom) -> Self {
        Self { value: Mutex::new(value), content_type }
    }

    /// Returns what it holds.
    pub fn get(&self) -> Atom {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace(&self, value: Atom) -> Atom {
        std::mem::replace(&mut *self.value.lock().unwrap_or_else(PoisonError::into_inner), value)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let value = self.replace(Atom::unit());
        if !value.children().is_empty() || matches!(value, Atom::Grounded(_)) {
            drop_all(vec![value]);
        }
    }
}

impl Atom {
    /// Creates a symbol.
    pub fn symbol(name: &str) -> Self {
        Self::Symbol(Symbol::new(name))
    }

    /// Creates a variable. The name is given without the dollar sign.
    pub fn variable(name: &str) -> Self {
        Self::Variable(Variable { name: Symbol::new(name), id: 0 })
    }

    /// Creates an expression.
    pub fn expression(children: impl Into<Vec<Atom>>) -> Self {
        Self::Expression(Expression::new(children.into()))
    }

    /// Creates the empty expression, which also stands for "nothing to say".
    pub fn unit() -> Self {
        Self::expression([])
    }

    /// Creates an integer.
    pub fn integer(number: i64) -> Self {
        Self::Grounded(Grounded::Integer(number))
    }

    /// Creates a floating point number.
    pub fn float(number: f64) -> Self {
        Self::Grounded(Grounded::Float(number))
    }

    /// Returns `True` or `False`.
    pub fn bool(value: bool) -> Self {
        Self::Grounded(Grounded::Bool(value))
    }

    /// Creates a string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Grounded(Grounded::Text(Arc::new(text.into())))
    }

    /// Returns `(Error about reason)`.
    pub fn error(about: Self, reason: Self) -> Self {
        Self::expression([Keyword::Error.into(), about, reason])
    }

    /// Returns the name, if it is a symbol.
    pub fn as_symbol(&self) -> Option<&str> {
        match self {
            Self::Symbol(symbol) => Some(symbol.name()),
            _ => None,
        }
    }

    /// Returns the content, if it is a string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Grounded(Grounded::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the value, if it is `True` or `False`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Grounded(Grounded::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// Returns the number, if it is an integer.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Grounded(Grounded::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// Returns the number as a float, if it is a number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Grounded(Grounded::Integer(number)) => Some(*number as f64),
            Self::Grounded(Grounded::Float(number)) => Some(*number),
            _ => None,
        }
    }

    /// Returns the atoms in its brackets. There are none if it is not an expression.
    pub fn children(&self) -> &[Atom] {
        match self {
            Self::Expression(expression) => expression.children(),
            _ => &[],
        }
    }

    /// Returns whether it is an `(Error ...)`.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Expression(expression) if expression.keyword() == Keyword::Error)
    }

    /// Returns whether it has no variables.
    pub fn is_ground(&self) -> bool {
        match self {
            Self::Variable(_) => false,
            Self::Expression(expression) => expression.is_ground(),
            _ => true,
        }
    }

    /// Returns how many atoms it is made of.
    pub fn size(&self) -> u32 {
        match self {
            Self::Expression(expression) => expression.size(),
            _ => 1,
        }
    }

    pub(crate) fn keyword(&self) -> Keyword {
        match self {
            Self::Symbol(symbol) => symbol.keyword(),
            _ => Keyword::None,
        }
    }

    pub(crate) fn is(&self, keyword: Keyword) -> bool {
        self.keyword() == keyword
    }

    /// Returns a hash. Equal atoms have equal hashes.
    pub(crate) fn hash64(&self) -> u64 {
        match self {
            Self::Symbol(symbol) => symbol.hash64(),
            Self::Variable(variable) => variable.name.hash64() ^ mix(u64::from(variable.id)) ^ 1,
            Self::Expression(expression) => expression.hash64(),
            Self::Grounded(grounded) => grounded.hash64(),
        }
    }
}

impl Grounded {
    fn hash64(&self) -> u64 {
        match self {
            // The hash is equal for equal integers and floats, as in comparisons.
            Self::Integer(number) => mix((*number as f64).to_bits() ^ 2),
            Self::Float(number) => mix((if *number == 0.0 { 0.0 } else { *number }).to_bits() ^ 2),
            Self::Bool(value) => mix(3 + u64::from(*value)),
            Self::Text(text) => hash_bytes(text.as_bytes()) ^ 5,
            Self::Function(function) => hash_bytes(function.name().as_bytes()) ^ 6,
            Self::Space(space) => mix(u64::from(space.0) ^ (7 << 32)),
            // Its content may change.
            Self::State(_) => 8,
            Self::Bindings(_) => 9,
        }
    }

    /// Compares without looking into expressions. The caller compares states.
    pub(crate) fn is_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Integer(a), Self::Float(b)) | (Self::Float(b), Self::Integer(a)) => *a as f64 == *b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Function(a), Self::Function(b)) => a.name() == b.name(),
            (Self::Space(a), Self::Space(b)) => a == b,
            (Self::State(a), Self::State(b)) => Arc::ptr_eq(a, b),
            (Self::Bindings(a), Self::Bindings(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl From<Keyword> for Atom {
    fn from(keyword: Keyword) -> Self {
        Self::Symbol(keyword.symbol())
    }
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        tree::equal(self, other)
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tree::print(self, f)
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tree::print(self, f)
    }
}
