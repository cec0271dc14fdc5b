//! Features cut into bins.

use super::Matrix;

/// Bin 0 holds missing values.
pub(super) const MISSING: u8 = 0;
/// The most value bins of a feature, so that a bin's number fits in one byte.
pub(super) const MOST_BINS: usize = 254;

/// A table in bins, column by column.
pub(super) struct Bins {
    /// `edges[f][k]` is the largest value of feature `f` in bin `k + 1`; values above all edges are in one more bin.
    edges: Vec<Vec<f64>>,
    columns: Vec<Vec<u8>>,
}

impl Bins {
    pub(super) fn new(table: &Matrix, most: usize) -> Self {
        let edges: Vec<_> = (0..table.columns()).map(|feature| edges(table.column(feature), most)).collect();
        let columns = edges
            .iter()
            .enumerate()
            .map(|(feature, edges)| table.column(feature).map(|value| bin(edges, value)).collect())
            .collect();
        Self { edges, columns }
    }

    pub(super) fn features(&self) -> usize {
        self.edges.len()
    }

    pub(super) fn column(&self, feature: usize) -> &[u8] {
        &self.columns[feature]
    }

    /// Returns the number of bins of a feature, including the one for missing values.
    pub(super) fn count(&self, feature: usize) -> usize {
        self.edges[feature].len() + 2
    }

    /// Returns the largest value in `bin` or below. Infinity for the last bin.
    pub(super) fn threshold(&self, feature: usize, bin: u8) -> f64 {
        self.edges[feature].get(usize::from(bin) - 1).copied().unwrap_or(f64::INFINITY)
    }
}

fn bin(edges: &[f64], value: f64) -> u8 {
    if value.is_nan() {
        return MISSING;
    }
    // At most MOST_BINS edges less one, so the number fits.
    (edges.partition_point(|edge| *edge < value) + 1) as u8
}

/// Returns edges midway between distinct values if these are few, otherwise between bins of about equally many rows.
fn edges(values: impl Iterator<Item = f64>, most: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for value in sorted {
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    let most = most.clamp(2, MOST_BINS);
    if distinct.len() <= most {
        return distinct.windows(2).map(|pair| midway(pair[0].0, pair[1].0)).collect();
    }
    let mut edges = Vec::with_capacity(most);
    let (mut rows_left, mut bins_left) = (distinct.iter().map(|(_, count)| count).sum::<usize>(), most);
    let mut held = 0;
    for pair in distinct.windows(2) {
        held += pair[0].1;
        // A bin is full with its share of the rows that are left, or when the next value alone would overfill it.
        if bins_left > 1 && held * bins_left >= rows_left {
            edges.push(midway(pair[0].0, pair[1].0));
            rows_left -= held;
            bins_left -= 1;
            held = 0;
        }
    }
    edges
}

/// Returns a value that is at least `low` and below `high`, halfway where numbers allow.
fn midway(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binned(values: &[f64], most: usize) -> Vec<u8> {
        let edges = edges(values.iter().copied(), most);
        values.iter().map(|value| bin(&edges, *value)).collect()
    }

    #[test]
    fn few_values_have_a_bin_each_and_missing_ones_their_own() {
        assert_eq!(binned(&[3.0, f64::NAN, 1.0, 3.0, f64::INFINITY, f64::NEG_INFINITY], 16), [3, 0, 2, 3, 4, 1]);
        assert_eq!(binned(&[f64::NAN, f64::NAN], 16), [0, 0]);
        assert_eq!(binned(&[0.0, -0.0], 16), [1, 1]);
    }

    #[test]
    fn many_values_share_bins_in_equal_numbers() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let bins = binned(&values, 10);
        for bin in 1..=10 {
            assert_eq!(bins.iter().filter(|other| **other == bin).count(), 100);
        }
    }

    #[test]
    fn the_most_bins_fit_in_a_byte() {
        let values: Vec<f64> = (0..100_000).map(f64::from).collect();
        assert_eq!(binned(&values, usize::MAX).last(), Some(&254));
    }
}
