//! Spaces whose atoms are made from rows when they are asked for: a table in memory, or the results of a query.

use crate::atom::Atom;

/// A source of atoms that are rows of a relation, such as `(sale work-7 2021-03-01 12.5)`.
pub trait Rows: Send + Sync {
    /// Returns the rows that may match a question, in a fixed order. Variables of the question stand for anything. The
    /// source may return rows that do not match, because every row is matched again. Rows have no variables.
    fn select(&self, question: &Atom) -> Vec<Atom>;
}

impl<F: Fn(&Atom) -> Vec<Atom> + Send + Sync> Rows for F {
    fn select(&self, question: &Atom) -> Vec<Atom> {
        self(question)
    }
}
