//! Names. A symbol knows its hash, and whether the interpreter itself gives it a meaning, so that both are known at once.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, LazyLock},
};

macro_rules! keywords {
    ($($variant:ident $text:literal),* $(,)?) => {
        /// A name with a meaning of its own; [`Keyword::None`] is every other name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Keyword { None, $($variant),* }

        const KEYWORDS: &[(Keyword, &str)] = &[(Keyword::None, ""), $((Keyword::$variant, $text)),*];
    };
}

keywords! {
    // The words of the language itself.
    Equal "=", Colon ":", Subtype ":<", Arrow "->", Comma ",", Exclamation "!", Error "Error", Empty "Empty",
    NotReducible "NotReducible", Undefined "%Undefined%", Atom "Atom", Symbol "Symbol", Variable "Variable",
    Expression "Expression", Grounded "Grounded", Number "Number", String "String", Bool "Bool", SpaceType "SpaceType",
    Type "Type", StateMonad "StateMonad", BadType "BadType", BadArgType "BadArgType",
    IncorrectNumberOfArguments "IncorrectNumberOfArguments", NoReturn "NoReturn", Return "return",
    // The minimal instructions.
    Eval "eval", Evalc "evalc", Chain "chain", Unify "unify", ConsAtom "cons-atom", DeconsAtom "decons-atom",
    Function "function", CollapseBind "collapse-bind", SuperposeBind "superpose-bind", Metta "metta",
    ContextSpace "context-space",
    // The part of the standard library whose names are symbols.
    If "if", Let "let", LetStar "let*", Case "case", Switch "switch", SwitchMinimal "switch-minimal", Id "id",
    Noeval "noeval", AtomSubst "atom-subst", IfDeconsExpr "if-decons-expr", IfError "if-error",
    ReturnOnError "return-on-error", IsFunction "is-function", TypeCast "type-cast", MatchTypes "match-types",
    FilterAtom "filter-atom", MapAtom "map-atom", FoldlAtom "foldl-atom", AddReduct "add-reduct",
    AddReducts "add-reducts", AddAtoms "add-atoms", CarAtom "car-atom", CdrAtom "cdr-atom", Quote "quote",
    Unquote "unquote", EmptyCall "empty", Unique "unique", Union "union", Intersection "intersection",
    Subtraction "subtraction", Collapse "collapse", NewState "new-state", ForEach "for-each-in-atom",
    NoreduceEq "noreduce-eq", AssertIncludes "assertIncludes", Assert "assert", AssertEqual "assertEqual",
    AssertEqualMsg "assertEqualMsg", AssertAlphaEqual "assertAlphaEqual", AssertAlphaEqualMsg "assertAlphaEqualMsg",
    AssertEqualToResult "assertEqualToResult", AssertEqualToResultMsg "assertEqualToResultMsg",
    AssertAlphaEqualToResult "assertAlphaEqualToResult", AssertAlphaEqualToResultMsg "assertAlphaEqualToResultMsg",
    GetDoc "get-doc", Help "help!", FirstFromPair "first-from-pair", MatchTypeOr "match-type-or",
    SwitchInternal "switch-internal",
}

impl Keyword {
    /// Returns whether the name is one of the minimal instructions.
    pub(crate) fn is_instruction(self) -> bool {
        (Self::Eval as u8..=Self::ContextSpace as u8).contains(&(self as u8))
    }

    /// Returns whether the standard library defines a function of this name.
    pub(crate) fn is_library(self) -> bool {
        self as u8 >= Self::If as u8
    }

    /// Returns whether the name is a type that says how an atom is written, and keeps an argument unevaluated.
    pub(crate) fn is_meta_type(self) -> bool {
        (Self::Atom as u8..=Self::Grounded as u8).contains(&(self as u8))
    }

    /// Returns the symbol of this name.
    pub(crate) fn symbol(self) -> Symbol {
        SYMBOLS.get(self as usize).cloned().unwrap_or_else(|| Symbol::build("", Self::None))
    }
}

static SYMBOLS: LazyLock<Vec<Symbol>> =
    LazyLock::new(|| KEYWORDS.iter().map(|&(keyword, name)| Symbol::build(name, keyword)).collect());

static BY_NAME: LazyLock<HashMap<&'static str, Symbol>> =
    LazyLock::new(|| KEYWORDS.iter().zip(SYMBOLS.iter()).skip(1).map(|((_, name), s)| (*name, s.clone())).collect());

struct Name {
    hash: u64,
    keyword: Keyword,
    text: Box<str>,
}

/// A name. It is cheap to clone and to compare.
#[derive(Clone)]
pub struct Symbol(Arc<Name>);

impl Symbol {
    /// Creates the symbol of this name.
    pub fn new(name: &str) -> Self {
        BY_NAME.get(name).cloned().unwrap_or_else(|| Self::build(name, Keyword::None))
    }

    fn build(name: &str, keyword: Keyword) -> Self {
        Self(Arc::new(Name { hash: hash_bytes(name.as_bytes()), keyword, text: name.into() }))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn keyword(&self) -> Keyword {
        self.0.keyword
    }

    pub(crate) fn hash64(&self) -> u64 {
        self.0.hash
    }
}

impl PartialEq for Symbol {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.text == other.0.text)
    }
}

impl Eq for Symbol {}

impl Hash for Symbol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Hashes bytes by FNV-1a, finished by [`mix`]. The result is the same on every machine.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// Spreads a number over all 64 bits (the finaliser of splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Returns one hash from two, in order.
pub(crate) fn combine(first: u64, second: u64) -> u64 {
    mix(first.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ second)
}

/// A hasher for keys that are hashes already.
#[derive(Clone, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = combine(self.0, hash_bytes(bytes));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = if self.0 == 0 { number } else { combine(self.0, number) };
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) type Build = std::hash::BuildHasherDefault<Hashed>;
