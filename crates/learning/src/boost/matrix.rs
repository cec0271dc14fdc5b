//! A table of numbers.

use super::BoostError;

/// A table with the same number of columns in each row. NaN is a missing value.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    pub fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the row has a different number of columns than the table.
    pub fn push(&mut self, row: &[f64]) -> Result<(), BoostError> {
        if row.len() != self.columns {
            return Err(BoostError::Shape { what: "columns", expected: self.columns, found: row.len() });
        }
        self.values.extend_from_slice(row);
        Ok(())
    }

    /// Takes the first rows out.
    pub fn drop_first(&mut self, rows: usize) {
        self.values.drain(..rows.saturating_mul(self.columns).min(self.values.len()));
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Returns row `index`, which is empty beyond the last row.
    pub fn row(&self, index: usize) -> &[f64] {
        let start = index.saturating_mul(self.columns);
        self.values.get(start..start.saturating_add(self.columns)).unwrap_or(&[])
    }

    pub(super) fn column(&self, index: usize) -> impl Iterator<Item = f64> {
        self.values.iter().skip(index).step_by(self.columns.max(1)).copied()
    }
}
