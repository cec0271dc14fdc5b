//! The division itself.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use super::{
    flow::{Distribution, Flow, Rule, Target},
    graph::{Contribution, Graph, NodeIndex},
    order::topological,
    party::{Beneficiary, WorkKey},
};
use crate::{
    money::{Address, Amount, BasisPoints},
    split::{SplitError, largest_remainder},
};

/// The whole, in basis points.
const FULL: U256 = U256::from_limbs([10_000, 0, 0, 0]);

/// How the rest of a work's income, after fixed shares, reaches the works beneath it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Each cost edge takes part with the cost it carries. Its part is divided at the parent.
    #[default]
    PassDown,
    /// Flattened: the weights on cost edges are ignored, and the work shares one pool with every work it reaches over
    /// them, each once, by the contributions that each brings along. The part of a member of the pool pays the member's
    /// own fixed shares and contributions. A work without weighted contributions gets nothing from a pool.
    ///
    /// Every work that income reaches over a fixed share opens a pool of its own and walks it, so time grows with the
    /// number of such works times the size of their pools.
    Pooled,
}

impl Policy {
    /// Returns the name under which it is stored and chosen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PassDown => "pass_down",
            Self::Pooled => "pooled",
        }
    }
}

/// The options of one distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The protocol fee, taken once from the whole amount. 2 % by default.
    pub fee: BasisPoints,
    /// How many edges income may follow before it is paid to owners instead; `None` for no limit. A work's depth is the
    /// number of edges on the shortest way from the start. An edge out of a work at the limit still gets its part, but
    /// the parent pays that part to its owners by shares (or reserves it, without owners) instead of dividing it. A pool
    /// ends at the limit.
    pub max_depth: Option<u32>,
    /// The least that an account is paid, in base units, counting both what it earned and what was brought for it. If it
    /// is less, both are carried. Zero by default.
    pub min_payout: Amount,
    /// How income reaches the works beneath.
    pub policy: Policy,
}

impl Default for Options {
    fn default() -> Self {
        Self { fee: BasisPoints::new(200), max_depth: None, min_payout: Amount::ZERO, policy: Policy::default() }
    }
}

/// The reason why nothing is paid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// The start is not in the graph.
    #[error("work number {} is not in the graph", .0.0)]
    UnknownStart(NodeIndex),
    /// Some works are made from each other. The first work of the path is named again at its end.
    #[error("works are made from each other: {}", names(.0))]
    Cycle(Vec<WorkKey>),
    /// Income came to a registered work that has neither contributions nor owners.
    #[error("{work} has {amount} to pay and nobody to pay it to: it has no owner, and no contribution claims it")]
    NoOwner {
        /// The work.
        work: WorkKey,
        /// What could not be paid.
        amount: Amount,
    },
    /// A division failed, because the sum of a pool's weights does not fit in 256 bits. (The weights of single works
    /// were checked when the graph was made.)
    #[error("the income of {work} cannot be divided")]
    Division {
        /// The work.
        work: WorkKey,
        /// The reason.
        source: SplitError,
    },
    /// The sum of what was brought for an account and what it earned does not fit in 256 bits.
    #[error("what was brought for {0} and what it earned do not sum within 256 bits")]
    BroughtOverflow(Address),
}

fn names(path: &[WorkKey]) -> String {
    path.iter().map(WorkKey::to_string).collect::<Vec<_>>().join(" -> ")
}

/// Divides `amount`, which arrived at `start`, over everyone upstream, when nothing was carried before. See the
/// [module](super) for the rules, and [`Input`](super::Input) for what brings something along.
///
/// # Errors
/// Returns a [`DistributionError`] when the amount cannot be divided. Then nothing must be paid to anyone.
pub fn distribute(
    graph: &Graph,
    start: NodeIndex,
    amount: Amount,
    options: &Options,
) -> Result<Distribution, DistributionError> {
    settle(divide(graph, start, amount, options)?, &BTreeMap::new(), options.min_payout)
}

/// Adds what was brought for each account to what it earned, and carries sums below the least payout.
pub(super) fn settle(
    mut earned: Distribution,
    brought: &BTreeMap<Address, Amount>,
    min_payout: Amount,
) -> Result<Distribution, DistributionError> {
    for (account, amount) in brought.iter().filter(|(_, amount)| !amount.is_zero()) {
        let total = earned.payouts.entry(*account).or_default();
        *total = total.checked_add(*amount).ok_or(DistributionError::BroughtOverflow(*account))?;
        earned.brought.insert(*account, *amount);
    }
    earned.carried = earned.payouts.extract_if(.., |_, amount| *amount < min_payout).collect();
    Ok(earned)
}

/// Divides the amount. Nothing is brought or carried, and what is paid is what was earned.
pub(super) fn divide(
    graph: &Graph,
    start: NodeIndex,
    amount: Amount,
    options: &Options,
) -> Result<Distribution, DistributionError> {
    if graph.get(start).is_none() {
        return Err(DistributionError::UnknownStart(start));
    }
    let order = topological(graph, start).map_err(DistributionError::Cycle)?;
    let income = vec![Income::default(); graph.works().len()];
    let mut run = Run { graph, options, depth: order.depth, income, flows: Vec::new() };
    run.enter(start, amount.0)?;
    for node in order.nodes {
        run.process(node)?;
    }
    Ok(summarise(start, amount, run.flows))
}

/// What has arrived at a work so far, grouped by how it is divided.
#[derive(Debug, Clone, Copy, Default)]
struct Income {
    /// Divided by every rule.
    full: U256,
    /// Arrived as a member of a pool. It is divided by every rule, except that the pool was already divided further
    /// down.
    pooled: U256,
    /// Arrived over an edge beyond the depth limit. It is paid to the owners.
    limited: U256,
}

struct Run<'a> {
    graph: &'a Graph,
    options: &'a Options,
    depth: Vec<Option<u32>>,
    /// The income of each work.
    income: Vec<Income>,
    flows: Vec<Flow>,
}

/// One division at a work: what was divided, the sum of the weights, and the contribution.
#[derive(Clone, Copy)]
struct Division {
    from: NodeIndex,
    divided: U256,
    of: U256,
    contribution: Option<u64>,
}

impl Division {
    fn new(from: NodeIndex, divided: U256, of: U256) -> Self {
        Self { from, divided, of, contribution: None }
    }
}

/// What takes part in the rest of a work's income.
enum Claim<'a> {
    Contribution(&'a Contribution),
    CostEdge(NodeIndex),
    PoolMember(NodeIndex),
}

impl<'a> Run<'a> {
    /// Takes the fee. The rest becomes income of the start.
    fn enter(&mut self, start: NodeIndex, amount: U256) -> Result<(), DistributionError> {
        let fee = self.options.fee;
        let parts = self.split(start, amount, &[fee.weight(), fee.complement().weight()])?;
        self.pay(Division::new(start, amount, FULL), Target::Fee, Rule::Fee, fee.weight(), parts[0]);
        self.income[start.at()].full = parts[1];
        Ok(())
    }

    /// Divides everything that arrived at a work.
    fn process(&mut self, node: NodeIndex) -> Result<(), DistributionError> {
        let income = self.income[node.at()];
        let rest = self.take_fixed_shares(node, income.full)?;
        self.divide_rest(node, rest, self.options.policy)?;
        let rest = self.take_fixed_shares(node, income.pooled)?;
        self.divide_among(node, rest, self.contributions(node))?;
        self.pay_owners(node, income.limited, Rule::DepthLimit, None)
    }

    /// Gives the parents their fixed shares and returns the rest.
    fn take_fixed_shares(&mut self, node: NodeIndex, income: U256) -> Result<U256, DistributionError> {
        let work = self.graph.work(node);
        let shares = work.shared.iter().map(|group| group.share.weight());
        let weights: Vec<U256> = shares.chain([work.unshared()]).collect();
        let parts = self.split(node, income, &weights)?;
        for (group, part) in work.shared.iter().zip(&parts) {
            if let [(parent, _)] = group.to.as_slice() {
                let division = Division::new(node, income, FULL);
                self.pay_parent(division, *parent, Rule::FixedShare, group.share.weight(), *part);
                continue;
            }
            let uses: Vec<U256> = group.to.iter().map(|(_, used)| *used).collect();
            let division = Division::new(node, *part, uses.iter().sum());
            for ((parent, used), amount) in group.to.iter().zip(self.split(node, *part, &uses)?) {
                self.pay_parent(division, *parent, Rule::SharedByUse, *used, amount);
            }
        }
        Ok(parts[work.shared.len()])
    }

    /// Divides the rest over contributions, and over the cost edges as the policy says.
    fn divide_rest(&mut self, node: NodeIndex, rest: U256, policy: Policy) -> Result<(), DistributionError> {
        if rest.is_zero() {
            return Ok(());
        }
        let mut claims = self.contributions(node);
        match policy {
            Policy::PassDown => {
                let edges = self.graph.work(node).cost_edges.iter();
                claims.extend(edges.map(|(parent, weight)| (Claim::CostEdge(*parent), weight.0)));
            }
            Policy::Pooled => claims.extend(self.pool(node)?),
        }
        self.divide_among(node, rest, claims)
    }

    /// Divides the rest over claims by weight or, when none has any, over the owners.
    fn divide_among(
        &mut self,
        node: NodeIndex,
        rest: U256,
        claims: Vec<(Claim<'a>, U256)>,
    ) -> Result<(), DistributionError> {
        let weights: Vec<U256> = claims.iter().map(|(_, weight)| *weight).collect();
        if weights.iter().all(U256::is_zero) {
            return self.pay_owners(node, rest, Rule::OwnerShare, None);
        }
        let parts = self.split(node, rest, &weights)?;
        let division = Division::new(node, rest, weights.iter().sum());
        for ((claim, weight), amount) in claims.into_iter().zip(parts) {
            match claim {
                Claim::Contribution(contribution) => self.pay_contribution(division, contribution, amount)?,
                Claim::CostEdge(parent) => self.pay_parent(division, parent, Rule::CostEdge, weight, amount),
                Claim::PoolMember(parent) => self.pay_parent(division, parent, Rule::Pooled, weight, amount),
            }
        }
        Ok(())
    }

    fn contributions(&self, node: NodeIndex) -> Vec<(Claim<'a>, U256)> {
        let graph = self.graph;
        let contributions = graph.work(node).contributions.iter();
        contributions.map(|contribution| (Claim::Contribution(contribution), contribution.weight.0)).collect()
    }

    /// Returns the works that a work reaches over cost edges within the depth limit, by key. Each comes with the sum of
    /// the weights of its contributions.
    fn pool(&self, node: NodeIndex) -> Result<Vec<(Claim<'a>, U256)>, DistributionError> {
        let mut members = BTreeMap::new();
        let mut to_visit = vec![node];
        while let Some(child) = to_visit.pop() {
            if self.at_limit(child) {
                continue;
            }
            for &(parent, _) in &self.graph.work(child).cost_edges {
                if members.insert(self.graph.rank(parent), parent).is_none() {
                    to_visit.push(parent);
                }
            }
        }
        // The weights of one work were checked to sum; those of a pool are checked when it is divided.
        let weight = |member: &NodeIndex| self.graph.work(*member).contributions.iter().map(|c| c.weight.0).sum();
        Ok(members.into_values().map(|member| (Claim::PoolMember(member), weight(&member))).collect())
    }

    fn at_limit(&self, node: NodeIndex) -> bool {
        self.options.max_depth.is_some() && self.depth[node.at()] >= self.options.max_depth
    }

    fn pay_contribution(
        &mut self,
        division: Division,
        contribution: &Contribution,
        amount: U256,
    ) -> Result<(), DistributionError> {
        let Some(human) = contribution.contributor.human() else {
            return self.pay_owners(division.from, amount, Rule::SystemToOwners, Some(contribution.id));
        };
        let by_system = contribution.contributor.is_system();
        let rule = if by_system { Rule::SystemToHuman } else { Rule::Contribution };
        let division = Division { contribution: Some(contribution.id), ..division };
        self.pay(division, human.clone().into(), rule, contribution.weight.0, amount);
        Ok(())
    }

    /// Pays owners by shares. Without owners, it reserves the amount for an external work and fails for an asset.
    fn pay_owners(
        &mut self,
        node: NodeIndex,
        amount: U256,
        rule: Rule,
        contribution: Option<u64>,
    ) -> Result<(), DistributionError> {
        if amount.is_zero() {
            return Ok(());
        }
        let work = self.graph.work(node);
        let division = Division { contribution, ..Division::new(node, amount, FULL) };
        if work.owners.is_empty() {
            let WorkKey::External(url) = &work.key else {
                return Err(DistributionError::NoOwner { work: work.key.clone(), amount: Amount(amount) });
            };
            let rule = if rule == Rule::OwnerShare { Rule::ReservedExternal } else { rule };
            self.pay(division, Target::Reserved(Beneficiary::External(url.clone())), rule, FULL, amount);
            return Ok(());
        }
        let weights: Vec<U256> = work.owners.iter().map(|(_, share)| share.weight()).collect();
        for ((owner, share), part) in work.owners.iter().zip(self.split(node, amount, &weights)?) {
            self.pay(division, Target::Account(*owner), rule, share.weight(), part);
        }
        Ok(())
    }

    fn pay_parent(&mut self, division: Division, parent: NodeIndex, rule: Rule, weight: U256, amount: U256) {
        let beyond_limit = self.at_limit(division.from);
        let income = &mut self.income[parent.at()];
        let income = match rule {
            _ if beyond_limit => &mut income.limited,
            Rule::Pooled => &mut income.pooled,
            _ => &mut income.full,
        };
        // All income is part of the amount distributed, so sums of it fit.
        *income += amount;
        self.pay(division, Target::Work(parent), rule, weight, amount);
    }

    fn pay(&mut self, division: Division, to: Target, rule: Rule, weight: U256, amount: U256) {
        if !amount.is_zero() {
            let Division { from, divided, of, contribution } = division;
            let (divided, amount) = (Amount(divided), Amount(amount));
            self.flows.push(Flow { from, to, rule, contribution, weight, of, divided, amount });
        }
    }

    fn split(&self, node: NodeIndex, amount: U256, weights: &[U256]) -> Result<Vec<U256>, DistributionError> {
        let work = || self.graph.work(node).key.clone();
        largest_remainder(amount, weights).map_err(|source| DistributionError::Division { work: work(), source })
    }
}

fn summarise(start: NodeIndex, amount: Amount, flows: Vec<Flow>) -> Distribution {
    let mut distribution = Distribution { start, amount, ..Distribution::default() };
    // The accounts are sorted first, because building a map from many unsorted accounts would take most of the time of a
    // large distribution.
    let mut paid: Vec<(Address, U256)> = Vec::new();
    // Every sum is part of the amount distributed, so it fits.
    for flow in &flows {
        match &flow.to {
            Target::Work(_) => {}
            Target::Fee => distribution.fee.0 += flow.amount.0,
            Target::Account(address) => paid.push((*address, flow.amount.0)),
            Target::Reserved(beneficiary) => match distribution.reserved.get_mut(beneficiary) {
                Some(total) => total.0 += flow.amount.0,
                None => drop(distribution.reserved.insert(beneficiary.clone(), flow.amount)),
            },
        }
    }
    paid.sort_unstable_by_key(|(address, _)| *address);
    let payouts = paid.chunk_by(|a, b| a.0 == b.0);
    distribution.payouts = payouts.map(|of| (of[0].0, Amount(of.iter().map(|(_, amount)| *amount).sum()))).collect();
    distribution.flows = flows;
    distribution
}
