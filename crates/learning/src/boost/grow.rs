//! One tree, which is grown leaf by leaf, always at the leaf whose best split gains most.

use std::ops::Range;

use super::{
    Settings,
    bins::{Bins, MISSING},
    model::{Node, Tree},
};

/// Sums over rows: first derivatives, second derivatives, and how many rows.
#[derive(Clone, Copy, Default)]
struct Sums {
    first: f64,
    second: f64,
    rows: f64,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self { first: self.first + other.first, second: self.second + other.second, rows: self.rows + other.rows }
    }

    fn minus(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second, rows: self.rows - other.rows }
    }

    /// Returns twice the loss that the best constant step takes away.
    fn gain(self, l2: f64) -> f64 {
        self.first * self.first / (self.second + l2).max(f64::MIN_POSITIVE)
    }
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    /// The last bin that goes left.
    bin: u8,
    missing_left: bool,
}

struct Leaf {
    node: usize,
    depth: usize,
    rows: Range<usize>,
    sums: Sums,
    histogram: Vec<Sums>,
    best: Option<Split>,
}

/// A grown tree, with the rows of each leaf: `rows[range]` for the leaf that is node `node`.
pub(super) struct Grown {
    pub(super) tree: Tree,
    pub(super) rows: Vec<u32>,
    pub(super) leaves: Vec<(usize, Range<usize>)>,
}

/// First and second derivatives of the loss by row.
pub(super) struct Derivatives<'a> {
    pub(super) first: &'a [f64],
    pub(super) second: &'a [f64],
}

/// Grows a tree over `rows` with splits on `features`. Leaf values are Newton steps that are not
/// shrunk yet.
pub(super) fn grow(
    bins: &Bins,
    settings: &Settings,
    of: &Derivatives<'_>,
    rows: Vec<u32>,
    features: &[usize],
) -> Grown {
    Grower::new(bins, settings, of, features).grow(rows)
}

struct Grower<'a> {
    bins: &'a Bins,
    settings: &'a Settings,
    of: &'a Derivatives<'a>,
    features: &'a [usize],
    /// Where each sampled feature's bins start in a histogram, and where the last ends.
    offsets: Vec<usize>,
    /// The derivatives of a leaf's rows, next to each other in memory.
    gathered: Vec<(f64, f64)>,
    nodes: Vec<Node>,
}

impl<'a> Grower<'a> {
    fn new(bins: &'a Bins, settings: &'a Settings, of: &'a Derivatives<'a>, features: &'a [usize]) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for feature in features {
            end += bins.count(*feature);
            offsets.push(end);
        }
        Self { bins, settings, of, features, offsets, gathered: Vec::new(), nodes: Vec::new() }
    }

    fn grow(mut self, mut rows: Vec<u32>) -> Grown {
        let histogram = self.histogram(&rows);
        let sums = rows.iter().fold(Sums::default(), |sums, row| sums.plus(self.sums(*row)));
        let all = 0..rows.len();
        let mut leaves = vec![self.leaf(0, all, sums, histogram)];
        let mut scratch = Vec::with_capacity(rows.len());
        while leaves.len() < self.settings.leaves {
            // The first of the best splits is taken, so that ties do not depend on anything else.
            let mut best: Option<(usize, Split)> = None;
            for (index, leaf) in leaves.iter().enumerate() {
                if let Some(split) = leaf.best
                    && best.is_none_or(|(_, other)| split.gain > other.gain)
                {
                    best = Some((index, split));
                }
            }
            let Some((index, split)) = best else { break };
            let leaf = leaves.swap_remove(index);
            let (left, right) = self.split(leaf, split, &mut rows, &mut scratch);
            leaves.extend([left, right]);
        }
        leaves.sort_unstable_by_key(|leaf| leaf.node);
        let leaves = leaves.into_iter().map(|leaf| (leaf.node, leaf.rows)).collect();
        Grown { tree: Tree { nodes: self.nodes }, rows, leaves }
    }

    fn sums(&self, row: u32) -> Sums {
        Sums { first: self.of.first[row as usize], second: self.of.second[row as usize], rows: 1.0 }
    }

    fn histogram(&mut self, rows: &[u32]) -> Vec<Sums> {
        self.gathered.clear();
        let of = self.of;
        self.gathered.extend(rows.iter().map(|row| (of.first[*row as usize], of.second[*row as usize])));
        let mut histogram = vec![Sums::default(); self.offsets.last().copied().unwrap_or(0)];
        for (place, feature) in self.features.iter().enumerate() {
            let column = self.bins.column(*feature);
            let part = &mut histogram[self.offsets[place]..self.offsets[place + 1]];
            for (row, (first, second)) in rows.iter().zip(&self.gathered) {
                let sums = &mut part[usize::from(column[*row as usize])];
                sums.first += first;
                sums.second += second;
                sums.rows += 1.0;
            }
        }
        histogram
    }

    /// Adds a new leaf as the last node, with its best split.
    fn leaf(&mut self, depth: usize, rows: Range<usize>, sums: Sums, histogram: Vec<Sums>) -> Leaf {
        let node = self.nodes.len();
        let value = -sums.first / (sums.second + self.settings.l2).max(f64::MIN_POSITIVE);
        self.nodes.push(Node::Leaf { value, cover: sums.second });
        let mut best = None;
        if depth < self.settings.depth && sums.rows >= 2.0 * self.settings.rows_per_leaf as f64 {
            for place in 0..self.features.len() {
                self.best_of_feature(place, sums, &histogram, &mut best);
            }
        }
        Leaf { node, depth, rows, sums, histogram, best }
    }

    fn best_of_feature(&self, place: usize, total: Sums, histogram: &[Sums], best: &mut Option<Split>) {
        let Settings { l2, rows_per_leaf, min_gain, .. } = *self.settings;
        let least = rows_per_leaf as f64;
        let part = &histogram[self.offsets[place]..self.offsets[place + 1]];
        let missing = part[usize::from(MISSING)];
        let nothing = total.gain(l2);
        let mut consider = |left: Sums, bin: usize, missing_left: bool| {
            let right = total.minus(left);
            if left.rows < least || right.rows < least || left.second <= 1e-9 || right.second <= 1e-9 {
                return;
            }
            let gain = (left.gain(l2) + right.gain(l2) - nothing) / 2.0;
            if gain > min_gain && best.is_none_or(|other| gain > other.gain) {
                // A feature has at most 255 bins.
                *best = Some(Split { gain, feature: self.features[place], bin: bin as u8, missing_left });
            }
        };
        let mut left = Sums::default();
        for (bin, sums) in part.iter().enumerate().skip(1) {
            left = left.plus(*sums);
            let last = bin + 1 == part.len();
            if missing.rows > 0.0 {
                consider(left, bin, false);
                if !last {
                    consider(left.plus(missing), bin, true);
                }
            } else if !last {
                // If the value was never missing, rows without it go where most rows went.
                consider(left, bin, 2.0 * left.rows >= total.rows);
            }
        }
    }

    fn split(&mut self, leaf: Leaf, split: Split, rows: &mut [u32], scratch: &mut Vec<u32>) -> (Leaf, Leaf) {
        let column = self.bins.column(split.feature);
        scratch.clear();
        let mut middle = leaf.rows.start;
        for at in leaf.rows.clone() {
            let row = rows[at];
            let bin = column[row as usize];
            if (bin == MISSING && split.missing_left) || (bin != MISSING && bin <= split.bin) {
                rows[middle] = row;
                middle += 1;
            } else {
                scratch.push(row);
            }
        }
        rows[middle..leaf.rows.end].copy_from_slice(scratch);
        let (left, right) = (leaf.rows.start..middle, middle..leaf.rows.end);
        // The smaller child is counted, and the larger one is what remains.
        let small = if left.len() <= right.len() { left.clone() } else { right.clone() };
        let small_sums = rows[small.clone()].iter().fold(Sums::default(), |sums, row| sums.plus(self.sums(*row)));
        let counted = self.histogram(&rows[small.clone()]);
        let mut rest = leaf.histogram;
        for (sums, other) in rest.iter_mut().zip(&counted) {
            *sums = sums.minus(*other);
        }
        let large_sums = leaf.sums.minus(small_sums);
        let ((left_sums, left_histogram), (right_sums, right_histogram)) = if small == left {
            ((small_sums, counted), (large_sums, rest))
        } else {
            ((large_sums, rest), (small_sums, counted))
        };
        let left = self.leaf(leaf.depth + 1, left, left_sums, left_histogram);
        let right = self.leaf(leaf.depth + 1, right, right_sums, right_histogram);
        self.nodes[leaf.node] = Node::Split {
            // Training does not allow more features, and a tree does not have more nodes, than a u32
            // can count.
            feature: split.feature as u32,
            threshold: self.bins.threshold(split.feature, split.bin),
            missing_left: split.missing_left,
            left: left.node as u32,
            right: right.node as u32,
            gain: split.gain,
            cover: leaf.sums.second,
        };
        (left, right)
    }
}
