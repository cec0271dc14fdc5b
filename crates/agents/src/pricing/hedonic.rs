//! The worth of each trait, by ridge regression on all sales so far. Newer sales count more (Rosen 1974: hedonic prices).

/// The most traits with a worth of their own. Later traits have none.
const MOST_TRAITS: usize = 512;

/// The model: log price over the market's level = constant + sum of the traits' worths, learned online.
#[derive(Clone, Debug)]
pub(super) struct Hedonic {
    /// A sale counts half after this many days.
    half_life: f64,
    /// Pulls the worths of rarely sold traits towards 0, measured in sales.
    ridge: f64,
    /// The sums of products, packed: `moments[i]` has (i, 0..=i). Place 0 is the constant.
    moments: Vec<Vec<f64>>,
    targets: Vec<f64>,
    worths: Vec<f64>,
}

impl Hedonic {
    pub(super) fn new(half_life: f64, ridge: f64) -> Self {
        Self { half_life, ridge, moments: vec![vec![0.0]], targets: vec![0.0], worths: vec![0.0] }
    }

    /// Returns the worth of these traits, as the logarithm of the price over the market's level.
    pub(super) fn worth(&self, traits: &[usize]) -> f64 {
        let constant = self.worths.first().copied().unwrap_or(0.0);
        constant + traits.iter().filter_map(|of| self.worths.get(of + 1)).sum::<f64>()
    }

    /// Lets what was learned so far count less.
    pub(super) fn age(&mut self, days: i32) {
        let factor = 0.5f64.powf(f64::from(days) / self.half_life);
        for value in self.moments.iter_mut().flatten().chain(&mut self.targets) {
            *value *= factor;
        }
    }

    /// Learns from a sale, which counts after the next `solve`. Outliers count less (Huber's weight beyond 0.5).
    pub(super) fn observe(&mut self, traits: &[usize], premium: f64) {
        let mut places: Vec<usize> = std::iter::once(0).chain(traits.iter().map(|of| of + 1)).collect();
        places.retain(|place| *place <= MOST_TRAITS);
        places.sort_unstable_by(|a, b| b.cmp(a));
        for size in self.targets.len()..places.first().map_or(0, |most| most + 1) {
            self.moments.push(vec![0.0; size + 1]);
            self.targets.push(0.0);
            self.worths.push(0.0);
        }
        let weight = (0.5 / (premium - self.worth(traits)).abs().max(0.5)).min(1.0);
        for (index, row) in places.iter().enumerate() {
            self.targets[*row] += weight * premium;
            for column in &places[index..] {
                self.moments[*row][*column] += weight;
            }
        }
    }

    /// Solves for the worths by Cholesky decomposition.
    pub(super) fn solve(&mut self) {
        let size = self.targets.len();
        let mut lower = self.moments.clone();
        for row in 0..size {
            // The constant is hardly pulled towards 0, only enough to be solvable with the very first sale.
            lower[row][row] += if row == 0 { 1e-3 } else { self.ridge };
            for column in 0..=row {
                let (above, below) = lower.split_at_mut(row);
                let current = &mut below[0];
                let left = if column == row { &current[..column] } else { &above[column][..column] };
                let dot: f64 = left.iter().zip(&current[..column]).map(|(a, b)| a * b).sum();
                let value = current[column] - dot;
                current[column] = if column == row { value.max(1e-9).sqrt() } else { value / above[column][column] };
            }
        }
        let mut solution = self.targets.clone();
        for row in 0..size {
            let dot: f64 = lower[row][..row].iter().zip(&solution).map(|(a, b)| a * b).sum();
            solution[row] = (solution[row] - dot) / lower[row][row];
        }
        for row in (0..size).rev() {
            solution[row] /= lower[row][row];
            let value = solution[row];
            for (column, factor) in lower[row][..row].iter().enumerate() {
                solution[column] -= factor * value;
            }
        }
        self.worths = solution;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_traits_are_worth() {
        let mut hedonic = Hedonic::new(30.0, 0.01);
        for round in 0..400 {
            let traits: Vec<usize> = (0..3).filter(|of| round >> of & 1 == 1).collect();
            let truth: f64 = 0.1 + traits.iter().map(|of| [0.3, -0.2, 0.1][*of]).sum::<f64>();
            hedonic.observe(&traits, truth);
        }
        hedonic.solve();
        for (traits, truth) in [(&[][..], 0.1), (&[0], 0.4), (&[1], -0.1), (&[0, 1, 2], 0.3), (&[9], 0.1)] {
            assert!((hedonic.worth(traits) - truth).abs() < 1e-3, "{traits:?}: {}", hedonic.worth(traits));
        }
    }

    #[test]
    fn newer_sales_count_more() {
        let mut hedonic = Hedonic::new(1.0, 0.01);
        hedonic.observe(&[], 0.0);
        hedonic.age(10);
        hedonic.observe(&[], 0.4);
        hedonic.solve();
        assert!(hedonic.worth(&[]) > 0.39);
    }

    #[test]
    fn nothing_is_worth_nothing() {
        let mut hedonic = Hedonic::new(30.0, 1.0);
        hedonic.solve();
        assert_eq!(hedonic.worth(&[1, 2]), 0.0);
        hedonic.age(1_000_000);
        hedonic.observe(&[100_000], 0.2);
        hedonic.solve();
        assert!(hedonic.worth(&[100_000]).is_finite());
    }
}
