//! The rules of distribution once more, exact to the unit, written to be read and not to be fast: works by name in ordered
//! maps, children by recursion, every list sorted where it is used, every division by the book.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy_primitives::U512;
use domain::{
    Address, Amount, U256,
    distribution::{Beneficiary, NodeIndex, Options, Policy, Recipient, Work, WorkKey},
};

/// Who gets how much.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub fee: U256,
    pub payouts: BTreeMap<Address, U256>,
    pub reserved: BTreeMap<Beneficiary, U256>,
    pub carried: BTreeMap<Address, U256>,
}

/// The reason why nobody gets anything.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    Cycle,
    NoOwner,
}

/// Divides `amount`, which is income of the first work.
pub fn divide(
    works: &[Work],
    amount: U256,
    brought: &BTreeMap<Address, Amount>,
    options: &Options,
) -> Result<Answer, Failure> {
    let name = |node: &NodeIndex| works[node.0 as usize].key.clone();
    let start = name(&NodeIndex(0));
    let mut market = Market {
        works: works.iter().map(|work| (work.key.clone(), Named::new(work, &name))).collect(),
        depths: BTreeMap::new(),
        children: BTreeMap::new(),
        incomes: BTreeMap::new(),
        state: BTreeMap::new(),
        answer: Answer::default(),
        options: *options,
    };
    market.explore(&start);
    let fee = parts(amount, &[U256::from(options.fee.get()), U256::from(10_000 - options.fee.get())]);
    market.answer.fee = fee[0];
    market.incomes.insert(start, Income { full: fee[1], ..Income::default() });
    for work in market.depths.keys().cloned().collect::<Vec<_>>() {
        market.divide(&work)?;
    }
    let mut answer = market.answer;
    for (account, amount) in brought {
        *answer.payouts.entry(*account).or_default() += amount.0;
    }
    answer.payouts.retain(|_, amount| !amount.is_zero());
    for (account, amount) in answer.payouts.clone() {
        if amount < options.min_payout.0 {
            answer.payouts.remove(&account);
            answer.carried.insert(account, amount);
        }
    }
    Ok(answer)
}

/// Returns a division by largest remainder: everyone gets their proportion rounded down, and the units left over go one
/// each to those who lost most. Among equals, the first comes first.
pub fn parts(amount: U256, weights: &[U256]) -> Vec<U256> {
    let total: U512 = weights.iter().map(|weight| U512::from(*weight)).fold(U512::ZERO, |sum, weight| sum + weight);
    let exact: Vec<(U512, U512)> =
        weights.iter().map(|weight| (U512::from(amount) * U512::from(*weight)).div_rem(total)).collect();
    let mut parts: Vec<U256> = exact.iter().map(|(part, _)| part.to()).collect();
    let mut left = amount - parts.iter().sum::<U256>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(exact[*at].1), *at));
    for at in order {
        if !left.is_zero() {
            parts[at] += U256::ONE;
            left -= U256::ONE;
        }
    }
    parts
}

/// A work with its parents by name, all sorted.
struct Named<'a> {
    work: &'a Work,
    shared: Vec<(Vec<(WorkKey, U256)>, u16)>,
    cost_edges: Vec<(WorkKey, U256)>,
}

impl<'a> Named<'a> {
    fn new(work: &'a Work, name: &impl Fn(&NodeIndex) -> WorkKey) -> Self {
        let groups = work.shared.iter().map(|group| {
            let mut to: Vec<(WorkKey, U256)> = group.to.iter().map(|(parent, used)| (name(parent), *used)).collect();
            to.sort();
            (to, group.share.get())
        });
        let mut shared: Vec<_> = groups.collect();
        shared.sort();
        let mut cost_edges: Vec<_> = work.cost_edges.iter().map(|(parent, weight)| (name(parent), weight.0)).collect();
        cost_edges.sort();
        Self { work, shared, cost_edges }
    }

    fn parents(&self) -> BTreeSet<WorkKey> {
        let shared = self.shared.iter().flat_map(|(to, _)| to).map(|(parent, _)| parent.clone());
        shared.chain(self.cost_edges.iter().map(|(parent, _)| parent.clone())).collect()
    }

    /// Returns the contributions by id, each with its id, who is paid, and its weight.
    fn contributions(&self) -> Vec<(u64, Option<Recipient>, U256)> {
        let all = self.work.contributions.iter();
        let mut all: Vec<_> = all.map(|c| (c.id, c.contributor.human().cloned(), c.weight.0)).collect();
        all.sort();
        all
    }

    fn contributed(&self) -> U256 {
        self.work.contributions.iter().map(|contribution| contribution.weight.0).sum()
    }
}

#[derive(Clone, Copy, Default)]
struct Income {
    full: U256,
    pooled: U256,
    limited: U256,
}

struct Market<'a> {
    works: BTreeMap<WorkKey, Named<'a>>,
    /// The works that income can reach, with the number of edges on the shortest path.
    depths: BTreeMap<WorkKey, u32>,
    /// For each of those works, the works that pass income on to it.
    children: BTreeMap<WorkKey, BTreeSet<WorkKey>>,
    incomes: BTreeMap<WorkKey, Income>,
    /// Whether a work is divided, or only begun.
    state: BTreeMap<WorkKey, bool>,
    answer: Answer,
    options: Options,
}

impl Market<'_> {
    fn explore(&mut self, start: &WorkKey) {
        let mut queue = VecDeque::from([(start.clone(), 0)]);
        while let Some((work, depth)) = queue.pop_front() {
            if self.depths.contains_key(&work) {
                continue;
            }
            self.depths.insert(work.clone(), depth);
            for parent in self.works[&work].parents() {
                self.children.entry(parent.clone()).or_default().insert(work.clone());
                queue.push_back((parent, depth + 1));
            }
        }
    }

    fn at_limit(&self, work: &WorkKey) -> bool {
        self.options.max_depth.is_some_and(|limit| self.depths[work] >= limit)
    }

    /// Divides a work's income, after that of every work made from it.
    fn divide(&mut self, work: &WorkKey) -> Result<(), Failure> {
        match self.state.get(work) {
            Some(true) => return Ok(()),
            Some(false) => return Err(Failure::Cycle),
            None => self.state.insert(work.clone(), false),
        };
        for child in self.children.get(work).cloned().unwrap_or_default() {
            self.divide(&child)?;
        }
        let income = self.incomes.get(work).copied().unwrap_or_default();

        let rest = self.fixed_shares(work, income.full);
        let up = match self.options.policy {
            Policy::PassDown => self.works[work].cost_edges.clone(),
            Policy::Pooled => self.pool(work),
        };
        self.by_weight(work, rest, up)?;

        let rest = self.fixed_shares(work, income.pooled);
        self.by_weight(work, rest, Vec::new())?;

        self.owners(work, income.limited)?;
        self.state.insert(work.clone(), true);
        Ok(())
    }

    fn pass_on(&mut self, from: &WorkKey, to: &WorkKey, pooled: bool, amount: U256) {
        let limited = self.at_limit(from);
        let income = self.incomes.entry(to.clone()).or_default();
        match (limited, pooled) {
            (true, _) => income.limited += amount,
            (false, true) => income.pooled += amount,
            (false, false) => income.full += amount,
        }
    }

    fn fixed_shares(&mut self, work: &WorkKey, income: U256) -> U256 {
        let groups = self.works[work].shared.clone();
        let mut weights: Vec<U256> = groups.iter().map(|(_, share)| U256::from(*share)).collect();
        weights.push(U256::from(10_000) - weights.iter().sum::<U256>());
        let divided = parts(income, &weights);
        for ((to, _), part) in groups.iter().zip(&divided) {
            let uses: Vec<U256> = to.iter().map(|(_, used)| *used).collect();
            let each = if to.len() == 1 { vec![*part] } else { parts(*part, &uses) };
            for ((parent, _), amount) in to.iter().zip(each) {
                self.pass_on(work, parent, false, amount);
            }
        }
        divided[groups.len()]
    }

    fn by_weight(&mut self, work: &WorkKey, rest: U256, up: Vec<(WorkKey, U256)>) -> Result<(), Failure> {
        let contributions = self.works[work].contributions();
        let weights: Vec<U256> =
            contributions.iter().map(|(_, _, weight)| *weight).chain(up.iter().map(|(_, weight)| *weight)).collect();
        if rest.is_zero() || weights.iter().all(|weight| weight.is_zero()) {
            return self.owners(work, rest);
        }
        let divided = parts(rest, &weights);
        let pooled = self.options.policy == Policy::Pooled;
        for ((parent, _), amount) in up.iter().zip(&divided[contributions.len()..]) {
            self.pass_on(work, parent, pooled, *amount);
        }
        for ((_, human, _), amount) in contributions.into_iter().zip(divided) {
            match human {
                Some(human) => self.pay(human, amount),
                None => self.owners(work, amount)?,
            }
        }
        Ok(())
    }

    /// Returns all works above over cost edges, as far as the limit allows, with the sum of the contributions to each.
    fn pool(&self, work: &WorkKey) -> Vec<(WorkKey, U256)> {
        let mut members = BTreeSet::new();
        let mut to_visit = vec![work.clone()];
        while let Some(child) = to_visit.pop() {
            if !self.at_limit(&child) {
                let parents = self.works[&child].cost_edges.iter().map(|(parent, _)| parent);
                to_visit.extend(parents.filter(|parent| members.insert((*parent).clone())).cloned());
            }
        }
        members.into_iter().map(|member| (member.clone(), self.works[&member].contributed())).collect()
    }

    fn owners(&mut self, work: &WorkKey, amount: U256) -> Result<(), Failure> {
        if amount.is_zero() {
            return Ok(());
        }
        let mut owners = self.works[work].work.owners.clone();
        owners.sort();
        match work {
            _ if !owners.is_empty() => {
                let shares: Vec<U256> = owners.iter().map(|(_, share)| U256::from(share.get())).collect();
                for ((owner, _), part) in owners.iter().zip(parts(amount, &shares)) {
                    self.pay(Recipient::Account(*owner), part);
                }
            }
            WorkKey::External(url) => self.pay(Recipient::Reserved(Beneficiary::External(url.clone())), amount),
            WorkKey::Asset(_) => return Err(Failure::NoOwner),
        }
        Ok(())
    }

    fn pay(&mut self, to: Recipient, amount: U256) {
        if amount.is_zero() {
            return;
        }
        match to {
            Recipient::Account(account) => *self.answer.payouts.entry(account).or_default() += amount,
            Recipient::Reserved(beneficiary) => *self.answer.reserved.entry(beneficiary).or_default() += amount,
        }
    }
}
