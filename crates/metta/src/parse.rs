//! Reads programs. Everything that is read knows its file, line and column.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    atom::{Atom, Grounded},
    symbol::{Build, Symbol},
};

/// A place in a file.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The name under which the text was loaded.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The deepest nesting of brackets that a text may have.
pub const MAX_DEPTH: usize = 10_000;

/// The largest text that is read, in bytes.
pub const MAX_TEXT: usize = 256 << 20;

/// A text is not a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ParseError {
    /// The place.
    pub place: Place,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A `)` closes nothing.
    #[error("a closing bracket that closes nothing")]
    Closing,
    /// The text ends inside brackets.
    #[error("the text ends before this bracket is closed")]
    Unclosed,
    /// The text ends inside a string.
    #[error("the text ends before this string does")]
    UnclosedString,
    /// A `\` is followed by something that has no meaning.
    #[error("an unknown escape sequence in a string: \\\\ \\\" \\' \\n \\r \\t \\xHH and \\u{{HHHH}} are known")]
    Escape,
    /// There is a `#` in the name of a variable.
    #[error("a variable's name may not hold #")]
    Variable,
    /// An integer beyond 64 bits.
    #[error("{0} does not fit into 64 bits")]
    Integer(String),
    /// Brackets are nested more deeply than [`MAX_DEPTH`].
    #[error("brackets nest more than {MAX_DEPTH} deep")]
    Depth,
    /// More text than [`MAX_TEXT`].
    #[error("the text is larger than {MAX_TEXT} bytes")]
    Size,
}

/// An atom that was read, where it began, and the same for the atoms in its brackets.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) atom: Atom,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Where every symbol and variable of a top-level atom begins, in the order in which they are written.
pub(crate) type Leaves = Vec<(u32, u32)>;

/// Words that mean something other than the symbol of that name.
pub(crate) type Tokens = HashMap<Box<str>, Atom, Build>;

/// Reads atoms one after the other, because evaluating one may change what the words after it mean.
pub(crate) struct Parser<'a> {
    file: Arc<str>,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: u32,
    column: u32,
    symbols: HashMap<String, Symbol, Build>,
    leaves: Leaves,
    size: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(file: &str, text: &'a str) -> Self {
        Self {
            file: file.into(),
            rest: text.chars().peekable(),
            line: 1,
            column: 1,
            symbols: HashMap::default(),
            leaves: Leaves::new(),
            size: text.len(),
        }
    }

    pub(crate) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Returns where every leaf of the last atom begins.
    pub(crate) fn leaves(&self) -> &Leaves {
        &self.leaves
    }

    /// Returns the next atom, if there is one.
    pub(crate) fn next(&mut self, tokens: &Tokens) -> Result<Option<Parsed>, ParseError> {
        if self.size > MAX_TEXT {
            return Err(self.error(1, 1, Problem::Size));
        }
        self.leaves.clear();
        let mut open: Vec<(Vec<Atom>, u32, u32)> = Vec::new();
        loop {
            self.skip_blank();
            let (line, column) = (self.line, self.column);
            let atom = match self.rest.peek() {
                None => {
                    return match open.pop() {
                        None => Ok(None),
                        Some((_, line, column)) => Err(self.error(line, column, Problem::Unclosed)),
                    };
                }
                Some('(') => {
                    self.step();
                    if open.len() >= MAX_DEPTH {
                        return Err(self.error(line, column, Problem::Depth));
                    }
                    open.push((Vec::new(), line, column));
                    continue;
                }
                Some(')') => {
                    self.step();
                    let Some((children, line, column)) = open.pop() else {
                        return Err(self.error(line, column, Problem::Closing));
                    };
                    let atom = Atom::expression(children);
                    match open.last_mut() {
                        None => return Ok(Some(Parsed { atom, line, column })),
                        Some((outer, _, _)) => outer.push(atom),
                    }
                    continue;
                }
                Some('$') => self.variable(line, column)?,
                Some('"') => self.string(line, column)?,
                Some(_) => self.word(tokens, line, column)?,
            };
            self.leaves.push((line, column));
            match open.last_mut() {
                None => return Ok(Some(Parsed { atom, line, column })),
                Some((outer, _, _)) => outer.push(atom),
            }
        }
    }

    fn error(&self, line: u32, column: u32, problem: Problem) -> ParseError {
        ParseError { place: Place { file: self.file.clone(), line, column }, problem }
    }

    fn step(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(next)
    }

    fn skip_blank(&mut self) {
        while let Some(&next) = self.rest.peek() {
            if next == ';' {
                while self.rest.peek().is_some_and(|&c| c != '\n') {
                    self.step();
                }
            } else if next.is_whitespace() {
                self.step();
            } else {
                return;
            }
        }
    }

    fn intern(&mut self, name: String) -> Symbol {
        if let Some(symbol) = self.symbols.get(&name) {
            return symbol.clone();
        }
        let symbol = Symbol::new(&name);
        self.symbols.insert(name, symbol.clone());
        symbol
    }

    fn variable(&mut self, line: u32, column: u32) -> Result<Atom, ParseError> {
        self.step();
        let mut name = String::new();
        while let Some(&next) = self.rest.peek() {
            if next.is_whitespace() || next == '(' || next == ')' {
                break;
            }
            if next == '#' {
                return Err(self.error(line, column, Problem::Variable));
            }
            name.push(next);
            self.step();
        }
        let name = self.intern(name);
        Ok(Atom::Variable(crate::atom::Variable { name, id: 0 }))
    }

    fn word(&mut self, tokens: &Tokens, line: u32, column: u32) -> Result<Atom, ParseError> {
        let mut word = String::new();
        while let Some(&next) = self.rest.peek() {
            if next.is_whitespace() || next == '(' || next == ')' || next == ';' {
                break;
            }
            word.push(next);
            self.step();
        }
        if let Some(atom) = tokens.get(word.as_str()) {
            return Ok(atom.clone());
        }
        match literal(&word) {
            Some(Ok(atom)) => Ok(atom),
            Some(Err(problem)) => Err(self.error(line, column, problem)),
            None => Ok(Atom::Symbol(self.intern(word))),
        }
    }

    fn string(&mut self, line: u32, column: u32) -> Result<Atom, ParseError> {
        self.step();
        let mut text = String::new();
        loop {
            let at = (self.line, self.column);
            match self.step() {
                None => return Err(self.error(line, column, Problem::UnclosedString)),
                Some('"') => return Ok(Atom::Grounded(Grounded::Text(Arc::new(text)))),
                Some('\\') => match self.escape() {
                    Some(c) => text.push(c),
                    None => return Err(self.error(at.0, at.1, Problem::Escape)),
                },
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        match self.step()? {
            c @ ('\'' | '"' | '\\') => Some(c),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'x' => {
                let high = self.step()?.to_digit(16)?;
                let low = self.step()?.to_digit(16)?;
                char::from_u32(high << 4 | low).filter(char::is_ascii)
            }
            'u' => {
                let mut code = 0u32;
                (self.step()? == '{').then_some(())?;
                for _ in 0..9 {
                    match self.step()? {
                        '}' => return char::from_u32(code),
                        digit => code = code.checked_mul(16)? | digit.to_digit(16)?,
                    }
                }
                None
            }
            _ => None,
        }
    }
}

/// Returns the number or truth value for which a word stands, if it is written like one.
fn literal(word: &str) -> Option<Result<Atom, Problem>> {
    match word {
        "True" => return Some(Ok(Atom::bool(true))),
        "False" => return Some(Ok(Atom::bool(false))),
        _ => {}
    }
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits(unsigned) {
        return Some(word.parse().map(Atom::integer).map_err(|_| Problem::Integer(word.to_owned())));
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(mantissa) && exponent.is_some(),
    };
    if !mantissa_fits || !exponent.is_none_or(digits) {
        return None;
    }
    word.parse().ok().map(|number| Ok(Atom::float(number)))
}
