//! Everything that decides a distribution, and how to read it back from its canonical bytes.

use std::collections::BTreeMap;

use super::{
    canonical::{ContributorForm, InputForm, RULES_VERSION, WorkForm},
    engine::{DistributionError, Options, divide, settle},
    flow::Distribution,
    graph::{Contribution, Graph, GraphError, NodeIndex, SharedEdges, Work},
    party::{Contributor, WorkKey},
};
use crate::money::{Address, Amount};

/// Everything that decides a distribution. The same input always gives the same result.
#[derive(Debug, Clone)]
pub struct Input {
    /// The works that income can reach.
    pub graph: Graph,
    /// Where the income arrived.
    pub start: NodeIndex,
    /// How much, in base units of one currency.
    pub amount: Amount,
    /// What earlier distributions in this currency carried for each account. All of it appears in the result, as part of a
    /// payout or carried again.
    pub brought: BTreeMap<Address, Amount>,
    /// What was chosen.
    pub options: Options,
}

/// The reason why bytes are not an input that can be divided again.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The bytes are not JSON, or are another document.
    #[error("the bytes hold no input of a distribution")]
    Json(#[from] serde_json::Error),
    /// The input was made for rules that this program does not have.
    #[error("made by version {0} of the rules: this program has version {RULES_VERSION}")]
    Rules(u32),
    /// A named work is not in the list.
    #[error("{0} is named but does not stand among the works")]
    UnknownWork(WorkKey),
    /// A contribution has an id beyond 64 bits, or one was made neither by a human nor by a SYSTEM.
    #[error("a contribution to {0} is not valid")]
    Contribution(WorkKey),
    /// The works do not form a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The same input has different canonical bytes, because something is in another order, occurs twice, or is spelt
    /// differently.
    #[error("the bytes are not in canonical form")]
    NotCanonical,
}

impl Input {
    /// Divides the amount. See the [module](super) for the rules.
    ///
    /// # Errors
    /// Returns a [`DistributionError`] when the amount cannot be divided. Then nothing must be paid to anyone, and what was
    /// brought stays carried.
    pub fn distribute(&self) -> Result<Distribution, DistributionError> {
        settle(divide(&self.graph, self.start, self.amount, &self.options)?, &self.brought, self.options.min_payout)
    }

    /// Reads back what [`Input::canonical`] wrote.
    ///
    /// # Errors
    /// Returns an [`InputError`] when the bytes are not such an input, or when they are not exactly the bytes that the
    /// input in them would give.
    pub fn parse(bytes: &[u8]) -> Result<Self, InputError> {
        let form: InputForm = serde_json::from_slice(bytes)?;
        if form.rules != RULES_VERSION {
            return Err(InputError::Rules(form.rules));
        }
        let index: BTreeMap<&WorkKey, NodeIndex> =
            form.works.iter().zip(0..).map(|(work, node)| (&work.key, NodeIndex(node))).collect();
        let find = |key: &WorkKey| index.get(key).copied().ok_or_else(|| InputError::UnknownWork(key.clone()));
        let works = form.works.iter().map(|work| read_work(work, &find)).collect::<Result<Vec<Work>, InputError>>()?;
        let input = Self {
            graph: Graph::new(works)?,
            start: find(&form.start)?,
            amount: form.amount,
            brought: form.brought.iter().copied().collect(),
            options: form.options,
        };
        if input.canonical() == bytes { Ok(input) } else { Err(InputError::NotCanonical) }
    }
}

fn read_work(form: &WorkForm, find: &impl Fn(&WorkKey) -> Result<NodeIndex, InputError>) -> Result<Work, InputError> {
    let invalid = || InputError::Contribution(form.key.clone());
    let contributions = form.contributions.iter().map(|contribution| {
        let id = u64::try_from(contribution.id.0).map_err(|_| invalid())?;
        let contributor = read_contributor(&contribution.by).ok_or_else(invalid)?;
        Ok(Contribution { id, contributor, weight: contribution.weight })
    });
    let shared = form.shared.iter().map(|group| {
        let to = group.to.iter().map(|(parent, used)| Ok((find(parent)?, used.0)));
        Ok(SharedEdges { share: group.share, to: to.collect::<Result<_, InputError>>()? })
    });
    let cost_edges = form.cost_edges.iter().map(|(parent, weight)| Ok((find(parent)?, *weight)));
    Ok(Work {
        key: form.key.clone(),
        owners: form.owners.clone(),
        contributions: contributions.collect::<Result<_, InputError>>()?,
        shared: shared.collect::<Result<_, InputError>>()?,
        cost_edges: cost_edges.collect::<Result<_, InputError>>()?,
    })
}

fn read_contributor(form: &ContributorForm) -> Option<Contributor> {
    let mut contributor = form.human.clone().map(Contributor::Human);
    for id in form.systems.iter().rev() {
        contributor = Some(Contributor::System { id: id.clone(), triggered_by: contributor.map(Box::new) });
    }
    contributor
}
