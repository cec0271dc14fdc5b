//! Computes what each feature added to a prediction, by path-dependent TreeSHAP (Lundberg, Erion, Lee 2018, algorithm 2).

use super::model::{Model, Node, Tree, goes_left};

/// The Shapley values of a prediction: `base` plus all of `features` is the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects {
    /// The mean score over the training rows.
    pub base: f64,
    /// By feature, in the unit of the score.
    pub features: Vec<f64>,
}

impl Effects {
    /// Returns the mean over models of the same features, which is the effects on the mean of their scores. Without models,
    /// there are no effects.
    pub fn mean(models: &[Model], row: &[f64]) -> Self {
        let features = models.first().map_or(0, Model::features);
        let mut mean = Self { base: 0.0, features: vec![0.0; features] };
        for model in models {
            let effects = model.effects(row);
            mean.base += effects.base / models.len() as f64;
            for (sum, effect) in mean.features.iter_mut().zip(effects.features) {
                *sum += effect / models.len() as f64;
            }
        }
        mean
    }

    /// Returns the features that moved the score most, strongest first, with what they added. Features that added nothing are
    /// left out.
    pub fn strongest(&self, count: usize) -> Vec<(usize, f64)> {
        let mut all: Vec<_> = self.features.iter().copied().enumerate().filter(|effect| effect.1 != 0.0).collect();
        all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        all.truncate(count);
        all
    }
}

pub(super) fn effects(model: &Model, row: &[f64]) -> Effects {
    let mut effects = Effects { base: model.base, features: vec![0.0; model.features] };
    let mut paths = Vec::new();
    for tree in &model.trees {
        effects.base += mean(tree);
        let root = Step { feature: None, zero: 1.0, one: 1.0, weight: 0.0 };
        descend(&mut Walk { tree, row, sums: &mut effects.features, paths: &mut paths }, 0, 0, root);
        paths.clear();
    }
    effects
}

/// Returns a tree's mean over the rows it was grown from.
fn mean(tree: &Tree) -> f64 {
    let mut values = vec![0.0; tree.nodes.len()];
    // Children come after their parents.
    for (index, node) in tree.nodes.iter().enumerate().rev() {
        values[index] = match node {
            Node::Leaf { value, .. } => *value,
            Node::Split { left, right, .. } => {
                let (left, right) = (*left as usize, *right as usize);
                let share = share(tree, left, right);
                values[left] * share + values[right] * (1.0 - share)
            }
        };
    }
    values.first().copied().unwrap_or(0.0)
}

/// Returns the share of a split's rows that went to its child `child` rather than to `other`.
fn share(tree: &Tree, child: usize, other: usize) -> f64 {
    let (child, other) = (tree.nodes[child].cover(), tree.nodes[other].cover());
    if child + other > 0.0 { child / (child + other) } else { 0.5 }
}

/// A feature on the path from the root: the share of rows that pass when it is unknown (`zero`), and whether this row passes
/// (`one`).
#[derive(Clone, Copy)]
struct Step {
    feature: Option<u32>,
    zero: f64,
    one: f64,
    /// Proportion of subsets of this size.
    weight: f64,
}

struct Walk<'a> {
    tree: &'a Tree,
    row: &'a [f64],
    sums: &'a mut [f64],
    /// The paths to the node where the walk is and to its ancestors, one after the other.
    paths: &'a mut Vec<Step>,
}

/// Goes on to node `at` by a step that extends the path, which starts at `start` and is the last of all paths.
fn descend(walk: &mut Walk<'_>, at: usize, start: usize, step: Step) {
    extend(walk.paths, start, step);
    match &walk.tree.nodes[at] {
        Node::Leaf { value, .. } => {
            let path = &walk.paths[start..];
            for (index, step) in path.iter().enumerate().skip(1) {
                let Some(feature) = step.feature else { continue };
                walk.sums[feature as usize] += unwound_sum(path, index) * (step.one - step.zero) * value;
            }
        }
        node @ Node::Split { feature, left, right, .. } => {
            let (left, right) = (*left as usize, *right as usize);
            let (hot, cold) = if goes_left(node, walk.row) { (left, right) } else { (right, left) };
            let (mut zero, mut one) = (1.0, 1.0);
            if let Some(index) = walk.paths[start..].iter().position(|step| step.feature == Some(*feature)) {
                (zero, one) = (walk.paths[start + index].zero, walk.paths[start + index].one);
                unwind(walk.paths, start, index);
            }
            let passing = share(walk.tree, hot, cold);
            let end = walk.paths.len();
            for (child, zero, one) in [(hot, passing * zero, one), (cold, (1.0 - passing) * zero, 0.0)] {
                // A node that no row reaches adds nothing.
                if zero > 0.0 || one > 0.0 {
                    walk.paths.extend_from_within(start..end);
                    descend(walk, child, end, Step { feature: Some(*feature), zero, one, weight: 0.0 });
                    walk.paths.truncate(end);
                }
            }
        }
    }
}

/// Makes the path one step longer, for subsets without and with the new feature.
fn extend(paths: &mut Vec<Step>, start: usize, step: Step) {
    let last = paths.len() - start;
    let length = last as f64;
    paths.push(Step { weight: if last == 0 { 1.0 } else { 0.0 }, ..step });
    let path = &mut paths[start..];
    for index in (0..last).rev() {
        let place = index as f64;
        path[index + 1].weight += step.one * path[index].weight * (place + 1.0) / (length + 1.0);
        path[index].weight *= step.zero * (length - place) / (length + 1.0);
    }
}

/// Takes a step out of the path again.
fn unwind(paths: &mut Vec<Step>, start: usize, at: usize) {
    let path = &mut paths[start..];
    let last = path.len() - 1;
    let length = last as f64;
    let Step { zero, one, .. } = path[at];
    let mut next = path[last].weight;
    for index in (0..last).rev() {
        let place = index as f64;
        if one != 0.0 {
            let weight = path[index].weight;
            path[index].weight = next * (length + 1.0) / ((place + 1.0) * one);
            next = weight - path[index].weight * zero * (length - place) / (length + 1.0);
        } else {
            path[index].weight *= (length + 1.0) / (zero * (length - place));
        }
    }
    for index in at..last {
        let Step { feature, zero, one, .. } = path[index + 1];
        path[index] = Step { feature, zero, one, weight: path[index].weight };
    }
    paths.pop();
}

/// 1 / n for every length of a path, because divisions would otherwise be most of the work.
const INVERSE: [f64; 258] = {
    let mut inverses = [0.0; 258];
    let mut n = 1;
    while n < inverses.len() {
        inverses[n] = 1.0 / n as f64;
        n += 1;
    }
    inverses
};

/// Returns the sum of the weights that the path would have without the step. A path is at most 256 steps long.
fn unwound_sum(path: &[Step], at: usize) -> f64 {
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[at];
    let mut total = 0.0;
    if one == 0.0 {
        for (index, step) in path[..last].iter().enumerate() {
            total += step.weight * INVERSE[last - index];
        }
        return total * (last + 1) as f64 / zero;
    }
    // A step that the row passes has 1 here.
    let mut next = path[last].weight;
    for index in (0..last).rev() {
        let weight = next * INVERSE[index + 1];
        total += weight;
        next = path[index].weight - weight * zero * (last - index) as f64;
    }
    total * (last + 1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::boost::{Loss, Matrix, Sample, Settings, train};

    /// Returns the mean of a tree over its training rows, with only the features of the set known.
    fn expected(tree: &Tree, row: &[f64], known: u32, at: usize) -> f64 {
        match &tree.nodes[at] {
            Node::Leaf { value, .. } => *value,
            node @ Node::Split { feature, left, right, .. } => {
                let (left, right) = (*left as usize, *right as usize);
                if known >> feature & 1 == 1 {
                    return expected(tree, row, known, if goes_left(node, row) { left } else { right });
                }
                let share = share(tree, left, right);
                share * expected(tree, row, known, left) + (1.0 - share) * expected(tree, row, known, right)
            }
        }
    }

    /// Computes Shapley values by their definition, over all subsets of features.
    fn by_definition(model: &Model, row: &[f64]) -> Vec<f64> {
        let count = model.features as u32;
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        let value = |known| model.trees.iter().map(|tree| expected(tree, row, known, 0)).sum::<f64>();
        (0..count)
            .map(|feature| {
                (0..1u32 << count)
                    .filter(|known| known >> feature & 1 == 0)
                    .map(|known| {
                        let size = known.count_ones();
                        let weight = factorial(size) * factorial(count - size - 1) / factorial(count);
                        weight * (value(known | 1 << feature) - value(known))
                    })
                    .sum()
            })
            .collect()
    }

    fn cell() -> impl Strategy<Value = f64> {
        prop_oneof![8 => (-4i8..4).prop_map(f64::from), 1 => Just(f64::NAN), 2 => -4.0..4.0]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn effects_are_shapley_values_and_add_up(
            rows in prop::collection::vec((prop::array::uniform5(cell()), -3.0..3.0f64), 30..120),
            loss in prop_oneof![Just(Loss::Squared), Just(Loss::Absolute), Just(Loss::Quantile(0.8))],
        ) {
            let mut table = Matrix::new(5);
            for (row, _) in &rows {
                table.push(row).unwrap();
            }
            let targets: Vec<f64> = rows.iter().map(|(row, noise)| row[0].max(-9.0) * row[1].max(-9.0) + noise).collect();
            let settings = Settings { loss, trees: 6, leaves: 12, rows_per_leaf: 2, learning_rate: 0.4, ..Settings::default() };
            let model = train(&settings, &Sample { table: &table, targets: &targets, weights: None }, None).unwrap();
            for (row, _) in rows.iter().take(8) {
                let effects = model.effects(row);
                for (effect, expected) in effects.features.iter().zip(by_definition(&model, row)) {
                    prop_assert!((effect - expected).abs() < 1e-9, "{effect} instead of {expected}");
                }
                let sum = effects.base + effects.features.iter().sum::<f64>();
                prop_assert!((sum - model.score(row)).abs() < 1e-9);
            }
        }
    }
}
