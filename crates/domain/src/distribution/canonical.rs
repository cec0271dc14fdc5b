//! Inputs and results as canonical bytes: what is stored, hashed, and compared when a distribution is replayed.
//!
//! The form is canonical JSON (RFC 8785): no spaces, keys ascending, text in UTF-8. Amounts, weights and ids of contributions
//! are decimal strings, addresses are lower-case hex, works and beneficiaries are their text. Lists stand in the order that
//! decides ties: works by key, contributions by id, owners by address. So the bytes do not depend on the order in which
//! anything was given, and any language can read and hash them.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    engine::Options,
    flow::{Distribution, Flow, Rule, Target},
    graph::{Graph, NodeIndex, Work},
    input::Input,
    party::{Beneficiary, Contributor, Recipient, WorkKey},
};
use crate::{
    coherence::Weight,
    money::{Address, Amount, BasisPoints},
};

/// The version of the rules that divide here. It grows with every change to the rules that changes any result, and with every
/// change to the canonical form.
pub const RULES_VERSION: u32 = 1;

/// Returns the SHA-256 of canonical bytes, by which they are stored and anchored.
pub fn digest(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

// Fields are declared in the order of their names, which is the order of RFC 8785.

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputForm {
    pub(super) amount: Amount,
    pub(super) brought: Vec<(Address, Amount)>,
    pub(super) options: Options,
    pub(super) rules: u32,
    pub(super) start: WorkKey,
    pub(super) works: Vec<WorkForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkForm {
    pub(super) contributions: Vec<ContributionForm>,
    pub(super) cost_edges: Vec<(WorkKey, Weight)>,
    pub(super) key: WorkKey,
    pub(super) owners: Vec<(Address, BasisPoints)>,
    pub(super) shared: Vec<SharedForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContributionForm {
    pub(super) by: ContributorForm,
    pub(super) id: Amount,
    pub(super) weight: Weight,
}

/// The SYSTEMs that acted, each triggered by the next, and the human who triggered the last; or the human alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContributorForm {
    pub(super) human: Option<Recipient>,
    pub(super) systems: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedForm {
    pub(super) share: BasisPoints,
    pub(super) to: Vec<(WorkKey, Amount)>,
}

#[derive(Serialize)]
struct ResultForm<'a> {
    amount: Amount,
    brought: Vec<(Address, Amount)>,
    carried: Vec<(Address, Amount)>,
    fee: Amount,
    flows: Vec<FlowForm<'a>>,
    payouts: Vec<(Address, Amount)>,
    reserved: Vec<(&'a Beneficiary, Amount)>,
    rules: u32,
    start: &'a WorkKey,
}

#[derive(Serialize)]
struct FlowForm<'a> {
    amount: Amount,
    contribution: Option<Amount>,
    divided: Amount,
    from: &'a WorkKey,
    of: Amount,
    rule: Rule,
    to: TargetForm<'a>,
    weight: Amount,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum TargetForm<'a> {
    Work(&'a WorkKey),
    Account(Address),
    Reserved(&'a Beneficiary),
    Fee,
}

impl Input {
    /// Returns the canonical bytes: the same for the same works, start, amount, carried amounts and options, in whatever
    /// order they were given.
    ///
    /// # Panics
    /// When the start is not in the graph, which [`Input::distribute`] refuses.
    pub fn canonical(&self) -> Vec<u8> {
        let graph = &self.graph;
        let key = |node: NodeIndex| graph.work(node).key.clone();
        let brought = self.brought.iter().filter(|(_, amount)| !amount.is_zero());
        write(&InputForm {
            amount: self.amount,
            brought: brought.map(|(account, amount)| (*account, *amount)).collect(),
            options: self.options,
            rules: RULES_VERSION,
            start: key(self.start),
            works: graph.by_key().map(|work| WorkForm::new(work, &key)).collect(),
        })
    }
}

impl Distribution {
    /// Returns the canonical bytes of the result, every flow included, of a distribution over `graph`.
    ///
    /// # Panics
    /// When the distribution is over a larger graph.
    pub fn canonical(&self, graph: &Graph) -> Vec<u8> {
        let pairs =
            |amounts: &BTreeMap<Address, Amount>| amounts.iter().map(|(account, amount)| (*account, *amount)).collect();
        write(&ResultForm {
            amount: self.amount,
            brought: pairs(&self.brought),
            carried: pairs(&self.carried),
            fee: self.fee,
            flows: self.flows.iter().map(|flow| FlowForm::new(flow, graph)).collect(),
            payouts: pairs(&self.payouts),
            reserved: self.reserved.iter().map(|(beneficiary, amount)| (beneficiary, *amount)).collect(),
            rules: RULES_VERSION,
            start: &graph.work(self.start).key,
        })
    }
}

#[expect(clippy::expect_used, reason = "forms hold only what JSON can, and writing to memory does not fail")]
fn write(form: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(form)
        .expect("forms hold only text, whole numbers and lists, and writing to memory does not fail")
}

impl WorkForm {
    fn new(work: &Work, key: &impl Fn(NodeIndex) -> WorkKey) -> Self {
        let contributions = work.contributions.iter().map(|contribution| ContributionForm {
            by: ContributorForm::new(&contribution.contributor),
            id: Amount::from(contribution.id),
            weight: contribution.weight,
        });
        let shared = work.shared.iter().map(|group| SharedForm {
            share: group.share,
            to: group.to.iter().map(|(parent, used)| (key(*parent), Amount(*used))).collect(),
        });
        Self {
            contributions: contributions.collect(),
            cost_edges: work.cost_edges.iter().map(|(parent, weight)| (key(*parent), *weight)).collect(),
            key: work.key.clone(),
            owners: work.owners.clone(),
            shared: shared.collect(),
        }
    }
}

impl ContributorForm {
    fn new(contributor: &Contributor) -> Self {
        let mut form = Self { human: contributor.human().cloned(), systems: Vec::new() };
        let mut next = Some(contributor);
        while let Some(Contributor::System { id, triggered_by }) = next {
            form.systems.push(id.clone());
            next = triggered_by.as_deref();
        }
        form
    }
}

impl<'a> FlowForm<'a> {
    fn new(flow: &'a Flow, graph: &'a Graph) -> Self {
        Self {
            amount: flow.amount,
            contribution: flow.contribution.map(Amount::from),
            divided: flow.divided,
            from: &graph.work(flow.from).key,
            of: Amount(flow.of),
            rule: flow.rule,
            to: match &flow.to {
                Target::Work(node) => TargetForm::Work(&graph.work(*node).key),
                Target::Account(account) => TargetForm::Account(*account),
                Target::Reserved(beneficiary) => TargetForm::Reserved(beneficiary),
                Target::Fee => TargetForm::Fee,
            },
            weight: Amount(flow.weight),
        }
    }
}
