//! A trained model: trees, predictions, and the bytes that name it.

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{
    Loss,
    shap::{self, Effects},
};

/// The reasons why bytes are not a model.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    #[error("these bytes are no boosted model: they do not start with its mark")]
    Mark,
    #[error("the model's bytes end early, or go on after its end")]
    Length,
    #[error("the model's bytes name a {0} that cannot be")]
    Value(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Leaf {
        value: f64,
        /// The weight of the training rows that ended here.
        cover: f64,
    },
    /// A row goes left when its feature is at most the threshold, or missing where missing ones go left.
    Split { feature: u32, threshold: f64, missing_left: bool, left: u32, right: u32, gain: f64, cover: f64 },
}

impl Node {
    pub(super) fn cover(&self) -> f64 {
        match self {
            Self::Leaf { cover, .. } | Self::Split { cover, .. } => *cover,
        }
    }
}

/// The root is node 0; children come after their parents.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        let mut at = 0;
        // Children come after their parents, so this ends.
        while let Some(node) = self.nodes.get(at) {
            match node {
                Node::Leaf { value, .. } => return *value,
                Node::Split { left, right, .. } => {
                    at = if goes_left(node, row) { *left as usize } else { *right as usize }
                }
            }
        }
        0.0
    }
}

/// Returns whether a row goes left at a split. A value that the row lacks is missing.
pub(super) fn goes_left(node: &Node, row: &[f64]) -> bool {
    let Node::Split { feature, threshold, missing_left, .. } = node else { return false };
    match row.get(*feature as usize) {
        Some(value) if !value.is_nan() => value <= threshold,
        _ => *missing_left,
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(super) loss: Loss,
    pub(super) features: usize,
    pub(super) base: f64,
    pub(super) trees: Vec<Tree>,
}

const MARK: &[u8; 8] = b"boost\0\0\x01";
const MOST_NODES: usize = 1 << 16;
pub(super) const MOST_FEATURES: usize = 1 << 16;

impl Model {
    pub fn loss(&self) -> Loss {
        self.loss
    }

    pub fn features(&self) -> usize {
        self.features
    }

    pub fn trees(&self) -> usize {
        self.trees.len()
    }

    /// Returns the score of a row: the prediction, or log-odds for the logistic loss. Features beyond the row's end count as
    /// missing.
    pub fn score(&self, row: &[f64]) -> f64 {
        self.base + self.trees.iter().map(|tree| tree.predict(row)).sum::<f64>()
    }

    /// Returns the prediction in the target's terms: a probability for the logistic loss.
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.loss.response(self.score(row))
    }

    /// Returns what each feature added to the score of this row in comparison with the mean score (exact TreeSHAP).
    pub fn effects(&self, row: &[f64]) -> Effects {
        shap::effects(self, row)
    }

    /// Returns the loss that each feature's splits took away in training.
    pub fn gains(&self) -> Vec<f64> {
        let mut gains = vec![0.0; self.features];
        for node in self.trees.iter().flat_map(|tree| &tree.nodes) {
            if let Node::Split { feature, gain, .. } = node
                && let Some(sum) = gains.get_mut(*feature as usize)
            {
                *sum += gain;
            }
        }
        gains
    }

    /// Returns the model's only form in bytes: little-endian numbers, node after node.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        let (kind, level) = match self.loss {
            Loss::Squared => (0, 0.0),
            Loss::Absolute => (1, 0.5),
            Loss::Quantile(level) => (2, level),
            Loss::Logistic => (3, 0.0),
        };
        bytes.push(kind);
        for number in [level, self.base] {
            bytes.extend(number.to_le_bytes());
        }
        // Training allows neither more features nor more trees than a u32 can count.
        for count in [self.features, self.trees.len()] {
            bytes.extend((count as u32).to_le_bytes());
        }
        for tree in &self.trees {
            bytes.extend((tree.nodes.len() as u32).to_le_bytes());
            for node in &tree.nodes {
                match node {
                    Node::Leaf { value, cover } => {
                        bytes.push(0);
                        bytes.extend([value, cover].into_iter().flat_map(|number| number.to_le_bytes()));
                    }
                    Node::Split { feature, threshold, missing_left, left, right, gain, cover } => {
                        bytes.push(1 + u8::from(*missing_left));
                        bytes.extend([feature, left, right].into_iter().flat_map(|number| number.to_le_bytes()));
                        bytes.extend([threshold, gain, cover].into_iter().flat_map(|number| number.to_le_bytes()));
                    }
                }
            }
        }
        bytes
    }

    /// Reads a model from the bytes of `to_bytes`.
    ///
    /// # Errors
    /// When the bytes are not such as `to_bytes` gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut rest = Reader(bytes.strip_prefix(MARK).ok_or(FormatError::Mark)?);
        let kind = rest.byte()?;
        let level = rest.finite()?;
        // Losses without a level have only one form, too.
        let loss = match (kind, level.to_bits()) {
            (0, 0) => Loss::Squared,
            (1, bits) if bits == 0.5f64.to_bits() => Loss::Absolute,
            (2, _) if level > 0.0 && level < 1.0 => Loss::Quantile(level),
            (3, 0) => Loss::Logistic,
            _ => return Err(FormatError::Value("loss")),
        };
        let base = rest.finite()?;
        let features = rest.count()?;
        if features > MOST_FEATURES {
            return Err(FormatError::Value("number of features"));
        }
        let trees = (0..rest.count()?).map(|_| rest.tree(features)).collect::<Result<_, _>>()?;
        if rest.0.is_empty() { Ok(Self { loss, features, base, trees }) } else { Err(FormatError::Length) }
    }

    /// Returns the SHA-256 of the model's bytes in hex, which is its version.
    pub fn version(&self) -> String {
        hex::encode(Sha256::digest(self.to_bytes()))
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(FormatError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn integer(&mut self) -> Result<u32, FormatError> {
        self.take().map(u32::from_le_bytes)
    }

    fn count(&mut self) -> Result<usize, FormatError> {
        self.integer().map(|count| count as usize)
    }

    fn number(&mut self) -> Result<f64, FormatError> {
        self.take().map(f64::from_le_bytes)
    }

    fn finite(&mut self) -> Result<f64, FormatError> {
        self.number().and_then(|number| if number.is_finite() { Ok(number) } else { Err(FormatError::Value("number")) })
    }

    fn cover(&mut self) -> Result<f64, FormatError> {
        self.finite().and_then(|cover| if cover >= 0.0 { Ok(cover) } else { Err(FormatError::Value("cover")) })
    }

    fn tree(&mut self, features: usize) -> Result<Tree, FormatError> {
        let count = self.count()?;
        if count == 0 || count > MOST_NODES {
            return Err(FormatError::Value("number of nodes"));
        }
        // The depth of each node that has been named as a child; the root's is 1.
        let mut depths = vec![0u8; count];
        depths[0] = 1;
        let nodes = (0..count).map(|index| self.node(index, features, &mut depths)).collect::<Result<_, _>>()?;
        if depths.contains(&0) {
            return Err(FormatError::Value("node without a parent"));
        }
        Ok(Tree { nodes })
    }

    fn node(&mut self, index: usize, features: usize, depths: &mut [u8]) -> Result<Node, FormatError> {
        let kind = self.byte()?;
        if kind == 0 {
            return Ok(Node::Leaf { value: self.finite()?, cover: self.cover()? });
        }
        if kind > 2 {
            return Err(FormatError::Value("node"));
        }
        let (feature, left, right) = (self.integer()?, self.integer()?, self.integer()?);
        let (threshold, gain, cover) = (self.number()?, self.finite()?, self.cover()?);
        if feature as usize >= features || threshold.is_nan() {
            return Err(FormatError::Value("split"));
        }
        let below = depths[index].checked_add(1).ok_or(FormatError::Value("depth"))?;
        for child in [left as usize, right as usize] {
            match depths.get_mut(child) {
                Some(depth) if child > index && *depth == 0 => *depth = below,
                _ => return Err(FormatError::Value("child")),
            }
        }
        Ok(Node::Split { feature, threshold, missing_left: kind == 2, left, right, gain, cover })
    }
}
