//! Random walks over ties: personalised PageRank (Page et al. 1999), and an embedding of artists by their ties.

use super::snapshot::Snapshot;

/// Ties as a sparse matrix over all artists, weights by recency.
#[derive(Clone, Debug)]
pub(super) struct Ties {
    rows: Vec<Vec<(usize, f64)>>,
    strengths: Vec<f64>,
}

const ROUNDS: usize = 12;
/// Numbers that describe an artist.
pub(super) const DIMENSIONS: usize = 16;

impl Ties {
    /// Builds the ties. Songs together weigh `recent + floor x count`, so that old ties are not quite forgotten.
    pub fn new(snapshot: &Snapshot, floor: f64) -> Self {
        let weight = |tie: &super::snapshot::Tie| tie.recent + floor * tie.count;
        let rows: Vec<Vec<(usize, f64)>> =
            snapshot.ties.iter().map(|ties| ties.iter().map(|(other, tie)| (*other, weight(tie))).collect()).collect();
        let strengths = rows.iter().map(|row| row.iter().map(|(_, weight)| weight).sum()).collect();
        Self { rows, strengths }
    }

    fn strength(&self, place: usize) -> f64 {
        self.strengths.get(place).copied().unwrap_or(0.0)
    }

    /// Returns the distribution of a walk from `start` that goes on with probability `damping` and otherwise begins again.
    pub fn walk(&self, start: usize, damping: f64) -> Vec<f64> {
        let mut standing = vec![0.0; self.rows.len()];
        if let Some(first) = standing.get_mut(start) {
            *first = 1.0;
        }
        for _ in 0..ROUNDS {
            let mut next = vec![0.0; self.rows.len()];
            let mut lost = 1.0;
            for (place, mass) in standing.iter().enumerate().filter(|(_, mass)| **mass > 1e-9) {
                let strength = self.strength(place);
                for (other, weight) in self.rows.get(place).into_iter().flatten() {
                    if let Some(entry) = next.get_mut(*other) {
                        let moved = damping * mass * weight / strength;
                        *entry += moved;
                        lost -= moved;
                    }
                }
            }
            if let Some(first) = next.get_mut(start) {
                *first += lost;
            }
            standing = next;
        }
        standing
    }

    /// Returns the leading eigenvectors of the normalised ties (truncated SVD, as the matrix is symmetric), scaled by their
    /// eigenvalues. They are found by subspace iteration from a fixed start.
    pub fn embedding(&self) -> Vec<[f64; DIMENSIONS]> {
        let mut basis: Vec<[f64; DIMENSIONS]> = self
            .rows
            .iter()
            .enumerate()
            .map(|(place, row)| {
                std::array::from_fn(|k| {
                    // Artists without ties are left out, so that later artists change nothing.
                    if row.is_empty() {
                        return 0.0;
                    }
                    let mixed = ((place * DIMENSIONS + k) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / (1u64 << 24) as f64
                        - 0.5
                })
            })
            .collect();
        for _ in 0..ROUNDS {
            orthogonalise(&mut basis);
            basis = self.multiply(&basis);
        }
        basis
    }

    /// Computes (ties + identity) x basis, with both sides divided by the square roots of strengths.
    fn multiply(&self, basis: &[[f64; DIMENSIONS]]) -> Vec<[f64; DIMENSIONS]> {
        let mut product = basis.to_vec();
        for (place, (row, into)) in self.rows.iter().zip(&mut product).enumerate() {
            for (other, weight) in row {
                let scale = weight / (self.strength(place) * self.strength(*other)).sqrt();
                for (sum, value) in into.iter_mut().zip(basis.get(*other).into_iter().flatten()) {
                    *sum += scale * value;
                }
            }
        }
        product
    }
}

/// Makes the columns orthogonal one by one (Gram and Schmidt).
fn orthogonalise(basis: &mut [[f64; DIMENSIONS]]) {
    for k in 0..DIMENSIONS {
        for j in 0..k {
            let dot: f64 = basis.iter().map(|row| at(row, j) * at(row, k)).sum();
            basis.iter_mut().for_each(|row| {
                let part = dot * at(row, j);
                if let Some(value) = row.get_mut(k) {
                    *value -= part;
                }
            });
        }
        let length = basis.iter().map(|row| at(row, k).powi(2)).sum::<f64>().sqrt();
        if length > 1e-12 {
            basis.iter_mut().filter_map(|row| row.get_mut(k)).for_each(|value| *value /= length);
        }
    }
}

fn at(row: &[f64; DIMENSIONS], place: usize) -> f64 {
    row.get(place).copied().unwrap_or(0.0)
}

/// Returns the cosine of two artists' vectors. NaN if one of them has none.
pub(super) fn cosine(a: &[f64; DIMENSIONS], b: &[f64; DIMENSIONS]) -> f64 {
    let dot = |a: &[f64; DIMENSIONS], b: &[f64; DIMENSIONS]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
